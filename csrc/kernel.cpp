// The kernel of one instruction set: this file is built once for each and for each number of lanes, with TG_KERNEL
// naming the table that it makes and TG_KERNEL_LANES the lanes. Networks of the same shape go side by side, one in each
// lane.
#include "kernel.hpp"

#include "adam.hpp"
#include "dense.hpp"
#include "philox.hpp"
#include "simple_rnn.hpp"

namespace {

using timeglass::Layer;
using timeglass::Plan;

// The largest layer whose size the compiler knows, so that its weights and sums live in registers.
// Calls f<units>(…), or f<0>(…) above it.
#define TG_BY_UNITS(f, units, ...)     \
  switch (units) {                     \
    case 1: f<1>(__VA_ARGS__); break;  \
    case 2: f<2>(__VA_ARGS__); break;  \
    case 3: f<3>(__VA_ARGS__); break;  \
    case 4: f<4>(__VA_ARGS__); break;  \
    case 5: f<5>(__VA_ARGS__); break;  \
    case 6: f<6>(__VA_ARGS__); break;  \
    case 7: f<7>(__VA_ARGS__); break;  \
    case 8: f<8>(__VA_ARGS__); break;  \
    default: f<0>(__VA_ARGS__); break; \
  }

// Windows that are fetched ahead, in training order, before the arithmetic reads them.
constexpr int kFetched = 8;

// Every buffer of a call, cut from one block of memory.
struct Room {
  Lanes *weights, *gradients, *m, *v;  // (P)
  Lanes *x, *y;                        // (kFetched, T, F), (kFetched, K)
  Lanes *state;                        // all layers' values
  Lanes *dout, *din;                   // the gradient of a layer's output and of its input
  Lanes *dz, *dh;                      // a layer's own
  int64_t size;                        // in Lanes

  Room(const Plan &plan, void *memory) : size(0) {
    Lanes *base = static_cast<Lanes *>(memory);
    const auto cut = [&](int64_t count) {
      Lanes *from = base ? base + size : nullptr;
      size += count;
      return from;
    };
    weights = cut(plan.weights);
    gradients = cut(plan.weights);
    m = cut(plan.weights);
    v = cut(plan.weights);
    x = cut(int64_t{kFetched} * plan.time_steps * plan.features);
    y = cut(kFetched * plan.outputs);
    state = cut(plan.state);
    dout = cut(plan.widest);
    din = cut(plan.widest);
    dz = cut(plan.widest);
    dh = cut(plan.widest);
  }
};

int64_t room_bytes(const Plan &plan) { return Room(plan, nullptr).size * static_cast<int64_t>(sizeof(Lanes)); }

// (networks, count) in memory <-> (count) Lanes. Lanes without a network hold zeros.
void to_lanes(const float *from, int networks, int64_t count, Lanes *to) {
  for (int64_t i = 0; i < count; ++i) {
    alignas(64) float row[kLanes] = {};
    for (int l = 0; l < networks; ++l) row[l] = from[l * count + i];
    to[i] = load(row);
  }
}

void from_lanes(const Lanes *from, int networks, int64_t count, float *to) {
  for (int64_t i = 0; i < count; ++i) {
    alignas(64) float row[kLanes];
    store(from[i], row);
    for (int l = 0; l < networks; ++l) to[l * count + i] = row[l];
  }
}

void forward(const Plan &plan, const Lanes *weights, const Lanes *x, Lanes *state) {
  for (int i = 0; i < plan.count; ++i) {
    const Layer &layer = plan.layers[i];
    const Lanes *w = weights + layer.weights;
    Lanes *values = state + layer.state;
    if (layer.kind == TG_SIMPLE_RNN) {
      TG_BY_UNITS(simple_rnn_forward, layer.units, layer, w, x, values)
    } else {
      TG_BY_UNITS(dense_forward, layer.units, layer, w, x, values)
    }
    x = values + layer.output;
  }
}

const Lanes *output_of(const Plan &plan, const Lanes *state) {
  const Layer &last = plan.layers[plan.count - 1];
  return state + last.state + last.output;
}

// Adds the gradients of all weights to room.gradients, given room.dout, the gradient of the network's output.
void backward(const Plan &plan, const Lanes *x, Room &room) {
  for (int i = plan.count - 1; i >= 0; --i) {
    const Layer &layer = plan.layers[i];
    const Layer *below = i > 0 ? &plan.layers[i - 1] : nullptr;
    const Lanes *w = room.weights + layer.weights, *values = room.state + layer.state;
    const Lanes *input = below ? room.state + below->state + below->output : x;
    Lanes *dw = room.gradients + layer.weights, *din = below ? room.din : nullptr;
    if (layer.kind == TG_SIMPLE_RNN) {
      TG_BY_UNITS(simple_rnn_backward, layer.units, layer, w, input, values, room.dout, room.dz, room.dh, dw, din)
    } else {
      TG_BY_UNITS(dense_backward, layer.units, layer, w, input, values, room.dout, room.dz, dw, din)
    }
    Lanes *held = room.dout;
    room.dout = room.din;
    room.din = held;
  }
}

// The squared error of one window, and room.dout = 2 (ŷ - y) / (K · batch).
Lanes squared_error(const Plan &plan, const Lanes *y, float batch, Room &room) {
  const Lanes *forecast = output_of(plan, room.state);
  const Lanes scale = lanes(2.0f / (static_cast<float>(plan.outputs) * batch));
  Lanes sum = lanes(0.0f);
  for (int64_t k = 0; k < plan.outputs; ++k) {
    const Lanes error = forecast[k] - y[k];
    sum = fma(error, error, sum);
    room.dout[k] = error * scale;
  }
  return plan.outputs == 1 ? sum : sum / lanes(static_cast<float>(plan.outputs));
}

void add_to_sums(Lanes a, double *sums) {
  alignas(64) float row[kLanes];
  store(a, row);
  for (int l = 0; l < kLanes; ++l) sums[l] += static_cast<double>(row[l]);
}

void clear(Lanes *a, int64_t count) {
  for (int64_t i = 0; i < count; ++i) a[i] = lanes(0.0f);
}

// The same windows for all lanes.
void fetch_one(const float *from, int64_t count, Lanes *to) {
  for (int64_t i = 0; i < count; ++i) to[i] = lanes(from[i]);
}

// Each lane's own windows, begin … end - 1 of its order.
void fetch(const float *from, int64_t count, const tg_progress &progress, int64_t windows, int64_t begin, int64_t end,
           Lanes *to) {
  for (int64_t n = begin; n < end; ++n, to += count) {
    const float *row[kLanes];
    for (int l = 0; l < kLanes; ++l) {
      const int network = l < progress.networks ? l : 0;
      row[l] = from + progress.order[network * windows + n] * count;
    }
    gather_rows(row, count, to);
  }
}

void predict(const Plan &plan, int networks, const float *weights, const tg_windows &windows, void *memory,
             float *out) {
  Room room(plan, memory);
  const int64_t inputs = int64_t{plan.time_steps} * plan.features;
  to_lanes(weights, networks, plan.weights, room.weights);
  for (int64_t n = 0; n < windows.count; ++n) {
    fetch_one(windows.x + n * inputs, inputs, room.x);
    forward(plan, room.weights, room.x, room.state);
    const Lanes *forecast = output_of(plan, room.state);
    for (int64_t k = 0; k < plan.outputs; ++k) {
      alignas(64) float row[kLanes];
      store(forecast[k], row);
      for (int l = 0; l < networks; ++l) out[(l * windows.count + n) * plan.outputs + k] = row[l];
    }
  }
}

void gradients(const Plan &plan, int networks, const float *weights, const tg_windows &windows, void *memory,
               float *losses, float *gradients) {
  Room room(plan, memory);
  const int64_t inputs = int64_t{plan.time_steps} * plan.features;
  double sums[kLanes] = {};
  to_lanes(weights, networks, plan.weights, room.weights);
  clear(room.gradients, plan.weights);
  for (int64_t n = 0; n < windows.count; ++n) {
    fetch_one(windows.x + n * inputs, inputs, room.x);
    fetch_one(windows.y + n * plan.outputs, plan.outputs, room.y);
    forward(plan, room.weights, room.x, room.state);
    add_to_sums(squared_error(plan, room.y, static_cast<float>(windows.count), room), sums);
    backward(plan, room.x, room);
  }
  from_lanes(room.gradients, networks, plan.weights, gradients);
  for (int l = 0; l < networks; ++l) losses[l] = static_cast<float>(sums[l] / static_cast<double>(windows.count));
}

void order_windows(const tg_fit &fit, int64_t windows, tg_progress *p) {
  for (int l = 0; l < p->networks; ++l) {
    int32_t *order = p->order + l * windows;
    if (fit.shuffle) {
      shuffled_order(order, windows, fit.seed, static_cast<uint32_t>(p->first_network + l),
                     static_cast<uint32_t>(fit.first_epoch + p->epoch));
    } else {
      for (int64_t i = 0; i < windows; ++i) order[i] = static_cast<int32_t>(i);
    }
  }
  p->order_epoch = p->epoch;
}

void end_epoch(int64_t windows, int64_t epochs, tg_progress *p) {
  for (int l = 0; l < kLanes; ++l) {
    if (l < p->networks) p->losses[l * epochs + p->epoch] = p->loss_sum[l] / static_cast<double>(windows);
    p->loss_sum[l] = 0.0;
  }
  p->batch = 0;
  p->epoch += 1;
}

// Windows in training order, fetched some ahead of their use: a store is read back before it has left the core only
// at a price.
struct Fetcher {
  const Plan &plan;
  const tg_windows &windows;
  const tg_progress &progress;
  Room &room;
  int64_t begin = 0, end = 0;

  void point_to(int64_t n, const Lanes **x, const Lanes **y) {
    const int64_t inputs = int64_t{plan.time_steps} * plan.features;
    if (n < begin || n >= end) {
      begin = n;
      end = n + kFetched < windows.count ? n + kFetched : windows.count;
      fetch(windows.x, inputs, progress, windows.count, begin, end, room.x);
      fetch(windows.y, plan.outputs, progress, windows.count, begin, end, room.y);
    }
    *x = room.x + (n - begin) * inputs;
    *y = room.y + (n - begin) * plan.outputs;
  }
};

// One batch: gradients of its mean loss, then a step of Adam.
void train_batch(const Plan &plan, const tg_fit &fit, int64_t begin, int64_t end, Fetcher &fetcher, Room &room,
                 tg_progress *p) {
  clear(room.gradients, plan.weights);
  Lanes loss = lanes(0.0f);
  for (int64_t n = begin; n < end; ++n) {
    const Lanes *x, *y;
    fetcher.point_to(n, &x, &y);
    forward(plan, room.weights, x, room.state);
    loss = loss + squared_error(plan, y, static_cast<float>(end - begin), room);
    backward(plan, x, room);
  }
  add_to_sums(loss, p->loss_sum);
  p->beta_1_power *= fit.adam.beta_1;
  p->beta_2_power *= fit.adam.beta_2;
  adam_step(adam_rates(fit.adam, p->beta_1_power, p->beta_2_power), room.gradients, plan.weights, room.weights, room.m,
            room.v);
}

// How much work goes by between two looks at the clock: some ten microseconds.
constexpr int64_t kWorkBetweenLooks = 20000;

int32_t train(const Plan &plan, const tg_windows &windows, const tg_fit &fit, void *memory, double (*now)(),
              tg_progress *p) {
  Room room(plan, memory);
  to_lanes(p->weights, p->networks, plan.weights, room.weights);
  to_lanes(p->m, p->networks, plan.weights, room.m);
  to_lanes(p->v, p->networks, plan.weights, room.v);
  const int64_t batches = (windows.count + fit.batch_size - 1) / fit.batch_size;
  const double stop = fit.slice_seconds > 0 ? now() + fit.slice_seconds : 0;
  int64_t done = 0, work = 0;
  bool stopped = false;
  while (p->epoch < fit.epochs && !stopped) {
    if (p->order_epoch != p->epoch) order_windows(fit, windows.count, p);
    Fetcher fetcher{plan, windows, *p, room};
    while (p->batch < batches && !stopped) {
      const int64_t begin = p->batch * fit.batch_size;
      const int64_t end = begin + fit.batch_size < windows.count ? begin + fit.batch_size : windows.count;
      train_batch(plan, fit, begin, end, fetcher, room, p);
      p->batch += 1;
      stopped = ++done == fit.slice_batches;
      work += (end - begin) * plan.work;
      if (stop > 0 && work > kWorkBetweenLooks) {
        stopped = stopped || now() >= stop;
        work = 0;
      }
    }
    if (p->batch == batches) end_epoch(windows.count, fit.epochs, p);
  }
  from_lanes(room.weights, p->networks, plan.weights, p->weights);
  from_lanes(room.m, p->networks, plan.weights, p->m);
  from_lanes(room.v, p->networks, plan.weights, p->v);
  return p->epoch < fit.epochs ? TG_MORE : TG_OK;
}

void activate_all(int activation, int64_t count, const float *x, float *out) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int n = static_cast<int>(count - i < kLanes ? count - i : kLanes);
    alignas(64) float row[kLanes] = {};
    memcpy(row, x + i, n * sizeof(float));
    const Lanes z = load(row);
    Lanes h;
    activate(activation, &z, 1, &h);
    store(h, row);
    memcpy(out + i, row, n * sizeof(float));
  }
}

}  // namespace

namespace timeglass {

extern const Kernel TG_KERNEL;
const Kernel TG_KERNEL = {room_bytes, predict, gradients, train, activate_all};

}  // namespace timeglass
