// The kernel of one instruction set: this file is built once for each and for each number of lanes, with TG_KERNEL
// naming the table that it makes and TG_KERNEL_LANES the lanes.
#include "kernel.hpp"

#include "step.hpp"
#include "train_networks.hpp"
#include "train_samples.hpp"

namespace {

// Only sixteen lanes carry samples.
constexpr bool kCarriesSamples = kLanes == 16;

// Room for predictions, gradients and Jacobians over all windows in turn.
struct WindowsRoom {
  Lanes *weights, *gradients, *x, *y;
  float *row;
  double *totals;  // (P) of a network, or (P, lanes)
  TileRoom tile;

  WindowsRoom(const Plan &plan, Cutter &cutter) : tile(plan, kColumns, cutter) {
    weights = cutter.cut<Lanes>(plan.weights);
    gradients = cutter.cut<Lanes>(plan.weights);
    x = cutter.cut<Lanes>(int64_t{kColumns} * plan.time_steps * plan.features);
    y = cutter.cut<Lanes>(kColumns * plan.outputs);
    row = cutter.cut<float>(plan.weights);
    totals = cutter.cut<double>(plan.weights * kLanes);
  }
};

Cutter cutter(void *memory) { return {static_cast<char *>(memory)}; }

int64_t larger_of(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t room_bytes(const Plan &plan) {
  Cutter training = cutter(nullptr), samples = cutter(nullptr), windows = cutter(nullptr);
  NetworksRoom networks_room(plan, training);
  SamplesRoom samples_room(plan, samples);
  WindowsRoom windows_room(plan, windows);
  return larger_of(training.size, larger_of(samples.size, windows.size));
}

int64_t crew_bytes(const Plan &plan) {
  Cutter shared = cutter(nullptr);
  Crew crew(plan, shared);
  return shared.size;
}

int rows_of_networks(int64_t networks, int64_t first) {
  return static_cast<int>(networks - first < kLanes ? networks - first : kLanes);
}

// The windows from n on, a tile at most, in every lane alike or, where networks differ in theirs, in its own lane. A
// network that has no more of them repeats its last: what stands past its count is never read.
int fetch_tile(const tg_windows &windows, const Sizes &sizes, int64_t first, int networks, int64_t n, bool targets,
               const WindowsRoom &room) {
  const int columns = static_cast<int>(windows.count - n < room.tile.columns ? windows.count - n : room.tile.columns);
  for (int c = 0; c < columns; ++c) {
    const float *row_x[kLanes], *row_y[kLanes];
    for (int l = 0; l < kLanes; ++l) {
      const int64_t network = first + (l < networks ? l : 0), last = count_of(windows, network) - 1;
      const int64_t window = n + c < last ? n + c : last;
      row_x[l] = x_of(windows, sizes, network) + window * sizes.x;
      row_y[l] = targets ? y_of(windows, sizes, network) + window * sizes.y : nullptr;
    }
    if (windows.own_x || windows.counts) {
      gather_rows(row_x, sizes.x, room.x + c * sizes.x);
    } else {
      spread_row(row_x[0], sizes.x, room.x + c * sizes.x);
    }
    if (targets && (windows.own_y || windows.counts)) gather_rows(row_y, sizes.y, room.y + c * sizes.y);
    if (targets && !windows.own_y && !windows.counts) spread_row(row_y[0], sizes.y, room.y + c * sizes.y);
  }
  return columns;
}

void predict_networks(const Plan &plan, int64_t networks, const float *weights, const tg_windows &windows,
                      const WindowsRoom &room, float *out) {
  const Pass<Lanes, Lanes> pass(plan, room.weights, nullptr, room.tile);
  const Sizes sizes(plan, nullptr);
  for (int64_t first = 0; first < networks; first += kLanes) {
    const int group = rows_of_networks(networks, first);
    to_lanes(weights + first * plan.weights, group, plan.weights, room.weights);
    for (int64_t n = 0; n < windows.count; n += room.tile.columns) {
      const int columns = fetch_tile(windows, sizes, first, group, n, false, room);
      pass.forward(columns, {room.x, sizes.x, plan.features});
      for (int c = 0; c < columns; ++c)
        for (int64_t k = 0; k < plan.outputs; ++k) {
          alignas(64) float row[kLanes];
          store(pass.output(c)[k], row);
          for (int l = 0; l < group; ++l) out[((first + l) * windows.count + n + c) * plan.outputs + k] = row[l];
        }
    }
  }
}

// out (windows, …, width) of the windows from n on, from the Lanes of a column.
void scatter(const Lanes *from, int64_t width, int64_t n, int64_t count, int64_t stride, float *out) {
  for (int64_t k = 0; k < width; ++k) {
    alignas(64) float row[kLanes];
    store(from[k], row);
    for (int l = 0; l < kLanes && n + l < count; ++l) out[(n + l) * stride + k] = row[l];
  }
}

void predict_samples(const Plan &plan, int64_t networks, const float *weights, const tg_windows &windows,
                     const WindowsRoom &room, float *out) {
  const Sizes sizes(plan, nullptr);
  for (int64_t network = 0; network < networks; ++network) {
    const Pass<float, float> pass(plan, weights + network * plan.weights, nullptr, room.tile);
    const SampleColumns samples(windows, sizes, network, nullptr);
    const int64_t all = columns_for(windows.count);
    for (int64_t column = 0; column < all; column += room.tile.columns) {
      const int columns = static_cast<int>(all - column < room.tile.columns ? all - column : room.tile.columns);
      for (int c = 0; c < columns; ++c)
        samples.fetch((column + c) * kLanes, windows.count, room.x + c * sizes.x, nullptr);
      pass.forward(columns, {room.x, sizes.x, plan.features});
      for (int c = 0; c < columns; ++c)
        scatter(pass.output(c), plan.outputs, (column + c) * kLanes, windows.count, plan.outputs,
                out + network * windows.count * plan.outputs);
    }
  }
}

void predict(const Plan &plan, int carry, int64_t networks, const float *weights, const tg_windows &windows,
             void *memory, float *out) {
  Cutter room_cutter = cutter(memory);
  const WindowsRoom room(plan, room_cutter);
  if (kCarriesSamples && carry == TG_SAMPLES) {
    predict_samples(plan, networks, weights, windows, room, out);
  } else {
    predict_networks(plan, networks, weights, windows, room, out);
  }
}

void gradients_networks(const Plan &plan, const tg_loss &loss, int64_t networks, const float *weights,
                        const tg_windows &windows, const WindowsRoom &room, double *losses, double *gradients) {
  const Pass<Lanes, Lanes> pass(plan, room.weights, room.gradients, room.tile);
  const Sizes sizes(plan, &loss);
  for (int64_t first = 0; first < networks; first += kLanes) {
    const int group = rows_of_networks(networks, first);
    double sums[kLanes] = {};
    to_lanes(weights + first * plan.weights, group, plan.weights, room.weights);
    clear(room.totals, plan.weights * kLanes);
    for (int64_t n = 0; n < windows.count; n += room.tile.columns) {
      const int columns = fetch_tile(windows, sizes, first, group, n, true, room);
      const Read x{room.x, sizes.x, plan.features};
      clear(room.gradients, plan.weights);
      pass.forward(columns, x);
      for (int c = 0; c < columns; ++c) {
        alignas(64) float share[kLanes] = {}, row[kLanes];
        for (int l = 0; l < group; ++l)
          if (n + c < count_of(windows, first + l))
            share[l] = weight_of(windows, first + l, n + c) / static_cast<float>(count_of(windows, first + l));
        store(pass.loss(loss, c, room.y + c * sizes.y, load(share)), row);
        for (int l = 0; l < group; ++l)
          if (share[l] != 0.0f) sums[l] += static_cast<double>(share[l]) * static_cast<double>(row[l]);
      }
      pass.backward();
      for (int64_t i = 0; i < plan.weights; ++i) {
        alignas(64) float row[kLanes];
        store(room.gradients[i], row);
        for (int l = 0; l < kLanes; ++l) room.totals[i * kLanes + l] += static_cast<double>(row[l]);
      }
    }
    for (int l = 0; l < group; ++l) {
      losses[first + l] = sums[l];
      for (int64_t i = 0; i < plan.weights; ++i)
        gradients[(first + l) * plan.weights + i] = room.totals[i * kLanes + l];
    }
  }
}

void gradients_samples(const Plan &plan, const tg_loss &loss, int64_t networks, const float *weights,
                       const tg_windows &windows, const WindowsRoom &room, double *losses, double *gradients) {
  const Sizes sizes(plan, &loss);
  for (int64_t network = 0; network < networks; ++network) {
    const Pass<float, float> pass(plan, weights + network * plan.weights, room.row, room.tile);
    const SampleColumns samples(windows, sizes, network, nullptr);
    const int64_t count = count_of(windows, network), all = columns_for(count);
    double *total = gradients + network * plan.weights;
    clear(total, plan.weights);
    losses[network] = 0.0;
    for (int64_t column = 0; column < all; column += room.tile.columns) {
      const int columns = static_cast<int>(all - column < room.tile.columns ? all - column : room.tile.columns);
      const Read x{room.x, sizes.x, plan.features};
      clear(room.row, plan.weights);
      for (int c = 0; c < columns; ++c)
        samples.fetch((column + c) * kLanes, count, room.x + c * sizes.x, room.y + c * sizes.y);
      pass.forward(columns, x);
      for (int c = 0; c < columns; ++c) {
        const Lanes share = samples.shares((column + c) * kLanes, count, static_cast<float>(count));
        losses[network] += sum_in_order(share * pass.loss(loss, c, room.y + c * sizes.y, share));
      }
      pass.backward();
      for (int64_t i = 0; i < plan.weights; ++i) total[i] += static_cast<double>(room.row[i]);
    }
  }
}

void gradients(const Plan &plan, const tg_loss &loss, int carry, int64_t networks, const float *weights,
               const tg_windows &windows, void *memory, double *losses, double *out) {
  Cutter room_cutter = cutter(memory);
  const WindowsRoom room(plan, room_cutter);
  if (kCarriesSamples && carry == TG_SAMPLES) {
    gradients_samples(plan, loss, networks, weights, windows, room, losses, out);
  } else {
    gradients_networks(plan, loss, networks, weights, windows, room, losses, out);
  }
}

// One output at a time: its gradient is a one, and each lane's weight gradients are its window's row. The forward pass
// is made anew for each, since the way back overwrites it.
void jacobian(const Plan &plan, int64_t networks, const float *weights, const tg_windows &windows, void *memory,
              float *out, float *rows) {
  Cutter room_cutter = cutter(memory);
  const WindowsRoom room(plan, room_cutter);
  const Sizes sizes(plan, nullptr);
  const int64_t outputs = plan.outputs, all = columns_for(windows.count);
  for (int64_t network = 0; network < networks; ++network) {
    const Pass<float, Lanes> pass(plan, weights + network * plan.weights, room.gradients, room.tile);
    const SampleColumns samples(windows, sizes, network, nullptr);
    float *to = out + network * windows.count * outputs;
    for (int64_t column = 0; column < all; ++column) {
      const Read x{room.x, sizes.x, plan.features};
      samples.fetch(column * kLanes, windows.count, room.x, nullptr);
      for (int64_t k = 0; k < outputs; ++k) {
        pass.forward(1, x);
        if (k == 0) scatter(pass.output(0), outputs, column * kLanes, windows.count, outputs, to);
        clear(room.gradients, plan.weights);
        for (int64_t i = 0; i < outputs; ++i) pass.doutput(0)[i] = lanes(i == k ? 1.0f : 0.0f);
        pass.backward();
        scatter(room.gradients, plan.weights, column * kLanes, windows.count, outputs * plan.weights,
                rows + (network * windows.count * outputs + k) * plan.weights);
      }
    }
  }
}

struct TraceRoom {
  Lanes *gradients, *x, *y;
  TileRoom tile;

  TraceRoom(const Plan &plan, Cutter &cutter) : tile(plan, 1, cutter) {
    gradients = cutter.cut<Lanes>(plan.weights);
    x = cutter.cut<Lanes>(int64_t{plan.time_steps} * plan.features);
    y = cutter.cut<Lanes>(plan.outputs);
  }
};

// Whole buffers, one column at a time: what lies where in them, the plan says.
void trace(const Plan &plan, const tg_loss *loss, const float *weights, const tg_windows &windows, void *memory,
           const timeglass::Traced &to) {
  Cutter room_cutter = cutter(memory);
  const TraceRoom room(plan, room_cutter);
  const Sizes sizes(plan, loss);
  const Pass<float, Lanes> pass(plan, weights, room.gradients, room.tile);
  const SampleColumns samples(windows, sizes, 0, nullptr);
  const int64_t count = windows.count;
  for (int64_t n = 0; n < count; n += kLanes) {
    samples.fetch(n, count, room.x, loss ? room.y : nullptr);
    pass.forward(1, {room.x, sizes.x, plan.features});
    scatter(room.tile.state, plan.state, n, count, plan.state, to.values);
    if (!loss) continue;
    clear(room.tile.gradients, plan.gradients);
    clear(room.gradients, plan.weights);
    const Lanes of_window = pass.loss(*loss, 0, room.y, samples.shares(n, count, static_cast<float>(count)));
    pass.backward();
    scatter(&of_window, 1, n, count, 1, to.losses);
    scatter(room.tile.gradients, plan.gradients, n, count, plan.gradients, to.gradients);
    scatter(room.gradients, plan.weights, n, count, plan.weights, to.weight_gradients);
  }
}

int32_t train(const Plan &plan, const tg_windows &windows, const tg_fit &fit, void *memory,
              const timeglass::System &system, tg_progress *progress, void *crew) {
  if constexpr (kCarriesSamples)
    if (fit.carry == TG_SAMPLES)
      return SamplesTraining(plan, windows, fit, cutter(memory), cutter(crew), progress).lead(system);
  return NetworksTraining(plan, windows, fit, cutter(memory), progress).run(system);
}

int32_t help(const Plan &plan, const tg_windows &windows, const tg_fit &fit, void *memory,
             const timeglass::System &system, tg_progress *progress, void *crew) {
  if constexpr (kCarriesSamples)
    return SamplesTraining(plan, windows, fit, cutter(memory), cutter(crew), progress).help(system);
  return TG_OK;
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
const Kernel TG_KERNEL = {room_bytes, crew_bytes, predict,       gradients,    jacobian,    trace,
                          train,      help,       stepper_bytes, make_stepper, activate_all};

}  // namespace timeglass
