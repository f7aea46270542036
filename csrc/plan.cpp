#include "plan.hpp"

namespace timeglass {

static bool make_layer(const tg_layer &asked, int steps, int features, Layer *layer) {
  const bool recurrent = asked.kind == TG_SIMPLE_RNN;
  if (!recurrent && asked.kind != TG_DENSE) return false;
  if (asked.units < 1 || asked.activation < 0 || asked.activation >= TG_ACTIVATIONS) return false;
  layer->kind = asked.kind;
  layer->units = asked.units;
  layer->activation = asked.activation;
  layer->use_bias = asked.use_bias != 0;
  layer->return_sequences = recurrent && asked.return_sequences != 0;
  layer->features = features;
  layer->steps = steps;
  const int64_t units = asked.units, kept = recurrent ? units : 0;
  layer->weight_count = (features + kept + (layer->use_bias ? 1 : 0)) * units;
  layer->output = layer->return_sequences ? units : recurrent ? steps * units : 0;
  layer->output_count = (layer->return_sequences || !recurrent ? steps : 1) * units;
  return (layer->weight_count < kMostSize) && (layer->output + layer->output_count < kMostSize);
}

bool make_plan(const tg_network *network, Plan *plan) {
  *plan = Plan{};
  if (!network || !network->layers || network->time_steps < 1 || network->features < 1) return false;
  if (network->layer_count < 1 || network->layer_count > kMostLayers) return false;
  if (int64_t{network->time_steps} * network->features >= kMostSize / 16) return false;
  plan->time_steps = network->time_steps;
  plan->features = network->features;
  plan->count = network->layer_count;
  bool sequence = true;
  int steps = network->time_steps, features = network->features;
  for (int i = 0; i < plan->count; ++i) {
    Layer &layer = plan->layers[i];
    if (network->layers[i].kind == TG_SIMPLE_RNN && !sequence) return false;
    if (!make_layer(network->layers[i], steps, features, &layer)) return false;
    sequence = sequence && (layer.kind == TG_DENSE || layer.return_sequences);
    steps = sequence ? steps : 1;
    features = layer.units;
    layer.weights = plan->weights;
    layer.state = plan->state;
    const int64_t state = layer.output + layer.output_count;
    plan->weights += layer.weight_count;
    plan->state += state;
    plan->widest = state > plan->widest ? state : plan->widest;
    plan->work += layer.weight_count * layer.steps;
    plan->outputs = layer.output_count;
  }
  return plan->weights < kMostSize && plan->state < kMostSize;
}

}  // namespace timeglass
