#include "plan.hpp"

namespace timeglass {

namespace {

bool is_recurrent(int kind) { return kind == TG_SIMPLE_RNN || kind == TG_GRU || kind == TG_LSTM; }

bool keeps_its_units(int kind) { return kind == TG_DROPOUT || kind == TG_MASKING || kind == TG_MERGE; }

// What a node reads: its steps, features and whether they are a sequence.
struct Given {
  int steps, features;
  bool sequence;
};

Given given_by(const Plan &plan, int node) {
  if (node == kWindow) return {plan.time_steps, plan.features, true};
  const Layer &layer = plan.layers[node];
  return {layer.sequence ? plan.time_steps : 1, layer.units, layer.sequence};
}

bool is_sound(const tg_layer &asked, int index) {
  const auto is_node = [&](int node) { return node >= kWindow && node < index; };
  if (asked.kind < 0 || asked.kind >= TG_LAYER_KINDS || !is_node(asked.input)) return false;
  if (asked.kind == TG_MERGE && (!is_node(asked.other) || asked.other == kWindow || asked.input == kWindow))
    return false;
  if (asked.merge < TG_CONCAT || asked.merge > TG_AVE || !is_node(asked.mask)) return false;
  if (asked.activation < 0 || asked.activation >= TG_ACTIVATIONS || asked.recurrent_activation < 0 ||
      asked.recurrent_activation >= TG_ACTIVATIONS)
    return false;
  return keeps_its_units(asked.kind) || (asked.units >= 1 && asked.units < kMostSize);
}

void copy_options(const tg_layer &asked, Layer *layer) {
  layer->kind = asked.kind;
  layer->input = asked.input;
  layer->other = asked.kind == TG_MERGE ? asked.other : kWindow;
  layer->units = asked.units;
  layer->activation = asked.activation;
  layer->recurrent_activation = asked.recurrent_activation;
  layer->recurrent = is_recurrent(asked.kind);
  layer->gates = asked.kind == TG_LSTM ? 4 : asked.kind == TG_GRU ? 3 : 1;
  layer->use_bias = asked.use_bias != 0;
  layer->return_sequences = layer->recurrent && asked.return_sequences != 0;
  layer->go_backwards = (layer->recurrent || asked.kind == TG_MERGE) && asked.go_backwards != 0;
  layer->reset_after = asked.kind == TG_GRU && asked.reset_after != 0;
  layer->mask = layer->recurrent || asked.kind == TG_MERGE ? asked.mask : kWindow;
  layer->merge = asked.merge;
  layer->mask_value = asked.mask_value;
  layer->drops_inputs = (layer->recurrent || asked.kind == TG_DROPOUT) && asked.dropout != 0;
  layer->drops_states = layer->recurrent && asked.recurrent_dropout != 0;
}

// What it gets and gives; false where the nodes that it reads do not suit it.
bool take_shapes(const Plan &plan, const tg_layer &asked, Layer *layer) {
  const Given given = given_by(plan, asked.input);
  layer->steps = given.steps;
  layer->features = given.features;
  layer->sequence = given.sequence && (!layer->recurrent || layer->return_sequences);
  if ((layer->recurrent || asked.kind == TG_MASKING) && !given.sequence) return false;
  if (layer->mask != kWindow && plan.layers[layer->mask].kind != TG_MASKING) return false;
  if (asked.kind == TG_MERGE && layer->mask != kWindow && !given.sequence) return false;
  if (asked.kind == TG_DROPOUT || asked.kind == TG_MASKING) layer->units = given.features;
  if (asked.kind == TG_MERGE) {
    const Given other = given_by(plan, asked.other);
    if (other.sequence != given.sequence) return false;
    if (asked.merge != TG_CONCAT && other.features != given.features) return false;
    layer->units = given.features + (asked.merge == TG_CONCAT ? other.features : 0);
  }
  if (asked.kind == TG_LINEAR_SKIP) {
    if (given.sequence || asked.units != given.features) return false;
    if (asked.skip_steps < 1 || asked.skip_steps > plan.time_steps) return false;
    layer->skip_steps = asked.skip_steps;
    layer->features = asked.skip_steps * plan.features;
  }
  return int64_t{layer->steps} * layer->features < kMostSize / 16;
}

void add_array(Plan *plan, int64_t count, bool regularized) {
  plan->arrays[plan->array_count++] = {plan->weights, count, regularized};
  plan->weights += count;
}

bool place_weights(Plan *plan, Layer *layer) {
  layer->weights = plan->weights;
  if (keeps_its_units(layer->kind)) return true;
  const int64_t columns = int64_t{layer->gates} * layer->units;
  if (columns >= kMostSize || columns * layer->features >= kMostSize) return false;
  if (layer->recurrent && columns * layer->units >= kMostSize) return false;
  add_array(plan, layer->features * columns, true);
  layer->wh = plan->weights - layer->weights;
  if (layer->recurrent) add_array(plan, layer->units * columns, true);
  layer->bias = plan->weights - layer->weights;
  if (layer->use_bias) add_array(plan, (layer->reset_after ? 2 : 1) * columns, false);
  layer->weight_count = plan->weights - layer->weights;
  return plan->weights < kMostSize;
}

// What a trace keeps of a node's way back. A merge writes into its two layers' gradients, of which it is the one
// reader.
void place_records(Plan *plan, Layer *layer) {
  layer->dh = layer->dc = layer->dz = layer->dx = -1;
  if (!plan->traced) return;
  const auto cut = [&](int64_t count) {
    const int64_t from = plan->gradients;
    plan->gradients += count;
    return from;
  };
  const int64_t steps = layer->steps, units = layer->units;
  if (layer->recurrent) layer->dh = cut(steps * units);
  if (layer->kind == TG_LSTM) layer->dc = cut(steps * units);
  if (layer->recurrent || layer->kind == TG_DENSE) layer->dz = cut(steps * units * layer->gates);
  if (layer->kind == TG_LINEAR_SKIP)
    layer->dx = cut(units);
  else if (layer->kind != TG_MERGE)
    layer->dx = cut(steps * layer->features);
}

constexpr int kNeedsBefore = TG_SWISH;  // its derivative cannot be had from its output

bool place_values(Plan *plan, Layer *layer) {
  const int64_t steps = layer->steps, units = layer->units, all = steps * units * layer->gates;
  layer->state = plan->state;
  int64_t size = 0;
  const auto cut = [&](int64_t count) {
    const int64_t from = size;
    size += count;
    return from;
  };
  if (layer->recurrent) {
    const int64_t h = cut((steps + 1) * units);
    layer->output = h + (layer->return_sequences ? units : steps * units);
    if (layer->kind == TG_LSTM) layer->cells = cut((steps + 1) * units);
    if (layer->gates > 1) layer->gate_values = cut(all), layer->extra = cut(steps * units);
  } else {
    layer->output = cut(steps * units);
  }
  layer->output_count = (layer->sequence ? steps : 1) * units;
  const bool gates_need = layer->gates > 1 && layer->recurrent_activation == kNeedsBefore;
  const bool recorded = plan->traced && !keeps_its_units(layer->kind);
  if (layer->activation == kNeedsBefore || gates_need || recorded) layer->before = cut(all);
  if (layer->drops_inputs) {
    const int64_t factors = layer->recurrent ? layer->features : steps * layer->features;
    layer->dropped_inputs = cut(factors + (layer->recurrent ? steps * layer->features : 0));
  }
  if (layer->drops_states) layer->dropped_states = cut(units + steps * units);
  if (layer->kind == TG_MASKING) layer->mask_values = cut(steps);
  layer->state_size = size;
  plan->state += size;
  layer->gradient = plan->gradients;
  plan->gradients += layer->output_count;
  place_records(plan, layer);
  // Gradients before the activations, of a state, a cell and an input on their way back in time.
  const int64_t spare = (layer->gates > 1 ? 0 : all) + 8 * units + steps * (layer->features + kPanel);
  plan->spare = spare > plan->spare ? spare : plan->spare;
  plan->drops = plan->drops || layer->drops_inputs || layer->drops_states;
  return plan->state < kMostSize;
}

// A node's gradient is written by the first node above that reads it, and added to by the others.
void order_gradients(Plan *plan) {
  bool begun[kMostLayers] = {};
  for (int i = plan->count - 1; i >= 0; --i) {
    Layer &layer = plan->layers[i];
    if (plan->traced && layer.kind != TG_MERGE) continue;  // each writes into its own room
    if (layer.input != kWindow) layer.adds_input = begun[layer.input], begun[layer.input] = true;
    if (layer.other != kWindow) layer.adds_other = begun[layer.other], begun[layer.other] = true;
  }
}

}  // namespace

bool make_plan(const tg_network *network, Plan *plan, bool traced) {
  *plan = Plan{};
  plan->traced = traced;
  if (!network || !network->layers || network->time_steps < 1 || network->features < 1) return false;
  if (network->layer_count < 1 || network->layer_count > kMostLayers) return false;
  if (int64_t{network->time_steps} * network->features >= kMostSize / 16) return false;
  plan->time_steps = network->time_steps;
  plan->features = network->features;
  for (; plan->count < network->layer_count; ++plan->count) {
    const tg_layer &asked = network->layers[plan->count];
    Layer &layer = plan->layers[plan->count];
    if (!is_sound(asked, plan->count)) return false;
    copy_options(asked, &layer);
    if (!take_shapes(*plan, asked, &layer) || !place_weights(plan, &layer) || !place_values(plan, &layer)) return false;
    plan->work += layer.weight_count * layer.steps;
    plan->outputs = layer.output_count;
  }
  order_gradients(plan);
  plan->window_gradient = plan->gradients;
  if (traced) plan->gradients += int64_t{plan->time_steps} * plan->features;
  // Every node but the last has to be read by another, or its gradient would never be written.
  bool read[kMostLayers] = {};
  for (int i = 0; i < plan->count; ++i) {
    if (plan->layers[i].input != kWindow) read[plan->layers[i].input] = true;
    if (plan->layers[i].other != kWindow) read[plan->layers[i].other] = true;
  }
  for (int i = 0; i + 1 < plan->count; ++i)
    if (!read[i]) return false;
  return true;
}

bool goes_by_steps(const Plan &plan) {
  for (int i = 0; i < plan.count; ++i) {
    const Layer &layer = plan.layers[i];
    if (layer.kind == TG_MERGE || layer.kind == TG_MASKING || layer.kind == TG_LINEAR_SKIP) return false;
    if (layer.go_backwards || layer.mask != kWindow || layer.input != i - 1) return false;
  }
  return plan.layers[0].kind != TG_DROPOUT || plan.count > 1;
}

}  // namespace timeglass
