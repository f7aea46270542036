// Training with a network in each lane: each meets its own windows in its own order.
#pragma once

#include "kernel.hpp"
#include "optimizers.hpp"
#include "tiles.hpp"

namespace {

// Windows that are fetched ahead, in training order, before the arithmetic reads them: a store is read back before it
// has left the core only at a price.
constexpr int kFetched = 8;

struct NetworksRoom {
  Lanes *weights, *gradients, *best, *slots[TG_SLOTS];  // (P)
  Lanes *x, *y;                                         // (kFetched, T, F), (kFetched, targets)
  TileRoom tile;

  NetworksRoom(const Plan &plan, Cutter &cutter) : tile(plan, kColumns, cutter) {
    weights = cutter.cut<Lanes>(plan.weights);
    gradients = cutter.cut<Lanes>(plan.weights);
    best = cutter.cut<Lanes>(plan.weights);
    for (Lanes *&slot : slots) slot = cutter.cut<Lanes>(plan.weights);
    x = cutter.cut<Lanes>(int64_t{kFetched} * plan.time_steps * plan.features);
    y = cutter.cut<Lanes>(kFetched * plan.outputs);
  }
};

// How much work goes by between two looks at the clock: some ten microseconds.
constexpr int64_t kWorkBetweenLooks = 20000;

struct NetworksTraining {
  const Plan &plan;
  const tg_windows &windows;
  const tg_fit &fit;
  tg_progress *p;
  NetworksRoom room;
  const Pass<Lanes, Lanes> pass;
  const Sizes sizes;
  int64_t counts[kLanes], most = 0;
  bool alike = true;           // all networks have as many windows, the same rates and have taken as many steps
  int64_t begin = 0, end = 0;  // the windows that are fetched

  static Cutter cutter(void *memory) { return {static_cast<char *>(memory)}; }

  NetworksTraining(const Plan &pl, const tg_windows &w, const tg_fit &f, Cutter c, tg_progress *progress)
      : plan(pl),
        windows(w),
        fit(f),
        p(progress),
        room(pl, c),
        pass(pl, room.weights, room.gradients, room.tile),
        sizes(pl, &f.loss) {
    for (int l = 0; l < kLanes; ++l) {
      counts[l] = l < p->networks ? count_of(windows, l) : 0;
      most = counts[l] > most ? counts[l] : most;
      if (l < p->networks)
        alike = alike && counts[l] == counts[0] && fit.rates[l] == fit.rates[0] && p->steps[l] == p->steps[0] &&
                p->beta_1_power[l] == p->beta_1_power[0] && p->beta_2_power[l] == p->beta_2_power[0];
    }
  }

  void load_state() {
    to_lanes(p->weights, p->networks, plan.weights, room.weights);
    to_lanes(p->best_weights, p->networks, plan.weights, room.best);
    for (int s = 0; s < slots_of(fit.optimizer); ++s) to_lanes(p->slots[s], p->networks, plan.weights, room.slots[s]);
  }
  void store_state() const {
    for (int l = 1; alike && l < p->networks; ++l) {
      p->steps[l] = p->steps[0];
      p->beta_1_power[l] = p->beta_1_power[0];
      p->beta_2_power[l] = p->beta_2_power[0];
    }
    from_lanes(room.weights, p->networks, plan.weights, p->weights);
    from_lanes(room.best, p->networks, plan.weights, p->best_weights);
    for (int s = 0; s < slots_of(fit.optimizer); ++s) from_lanes(room.slots[s], p->networks, plan.weights, p->slots[s]);
  }

  void order_windows() {
    for (int l = 0; l < p->networks; ++l) {
      int32_t *order = p->order + l * windows.count;
      if (fit.shuffle) {
        shuffled_order(order, counts[l], fit.seed, p->number[l], static_cast<uint32_t>(fit.first_epoch + p->epoch));
      } else {
        for (int64_t i = 0; i < counts[l]; ++i) order[i] = static_cast<int32_t>(i);
      }
      for (int64_t i = counts[l]; i < windows.count; ++i) order[i] = order[0];
    }
    p->order_epoch = p->epoch;
  }

  void fetch(int64_t first, int columns) {
    if (first >= begin && first + columns <= end) return;
    begin = first;
    end = first + kFetched < most ? first + kFetched : most;
    Lanes *x = room.x, *y = room.y;
    for (int64_t n = begin; n < end; ++n, x += sizes.x, y += sizes.y) {
      const float *row_x[kLanes], *row_y[kLanes];
      for (int l = 0; l < kLanes; ++l) {
        const int network = l < p->networks ? l : 0;
        const int64_t window = p->order[network * windows.count + n];
        row_x[l] = x_of(windows, sizes, network) + window * sizes.x;
        row_y[l] = y_of(windows, sizes, network) + window * sizes.y;
      }
      gather_rows(row_x, sizes.x, x);
      gather_rows(row_y, sizes.y, y);
    }
  }

  // Each lane's weight of window n in the mean over its batch, which begins at `first`.
  Lanes shares(int64_t n, int64_t first) const {
    alignas(64) float row[kLanes];
    for (int l = 0; l < kLanes; ++l) {
      const int64_t left = counts[l] - first, batch = left < fit.batch_size ? left : fit.batch_size;
      row[l] =
          n < counts[l] ? weight_of(windows, l, p->order[l * windows.count + n]) / static_cast<float>(batch) : 0.0f;
    }
    return load(row);
  }

  Places places(int64_t n) const {
    Places at;
    at.seed = fit.seed;
    at.epoch = static_cast<uint32_t>(fit.first_epoch + p->epoch);
    for (int l = 0; l < kLanes; ++l) {
      const int network = l < p->networks ? l : 0;
      at.network[l] = p->number[network];
      at.place[l] = static_cast<uint32_t>(n);
      at.rates[l] = fit.dropout + network * 2 * plan.count;
    }
    return at;
  }

  // Adds to loss_sum the sum of the losses of the batch's windows.
  void batch_gradient(int64_t first, int64_t last) {
    const bool plain = alike && !windows.weight, dropping = plan.drops && fit.dropout;
    const Lanes even = lanes(1.0f / static_cast<float>(last - first));
    Lanes loss = lanes(0.0f);
    clear(room.gradients, plan.weights);
    for (int64_t n = first; n < last; n += room.tile.columns) {
      const int columns = static_cast<int>(last - n < room.tile.columns ? last - n : room.tile.columns);
      fetch(n, columns);
      const Read x{room.x + (n - begin) * sizes.x, sizes.x, plan.features};
      if (dropping)
        for (int c = 0; c < columns; ++c) pass.drop(c, places(n + c));
      pass.forward(columns, x, dropping);
      for (int c = 0; c < columns; ++c) {
        const Lanes share = plain ? even : shares(n + c, first);
        loss = fma(share, pass.loss(fit.loss, c, room.y + (n + c - begin) * sizes.y, share), loss);
      }
      pass.backward();
    }
    add_losses(loss, first, last);
  }

  void add_losses(Lanes loss, int64_t first, int64_t last) {
    alignas(64) float row[kLanes], penalty[kLanes] = {};
    if (fit.l2) store(l2() * sum_of_squares(plan, room.weights), penalty);
    store(loss, row);
    for (int l = 0; l < kLanes; ++l) {
      const int64_t end_of = alike || counts[l] > last ? last : counts[l];
      const double of = end_of > first ? static_cast<double>(end_of - first) : 0.0;
      p->loss_sum[l] += (static_cast<double>(row[l]) + static_cast<double>(penalty[l])) * of;
    }
  }

  Lanes l2() const {
    alignas(64) float row[kLanes] = {};
    for (int l = 0; l < p->networks; ++l) row[l] = static_cast<float>(fit.l2[l]);
    return load(row);
  }

  // The rates of the batch's step: made before its gradient, which hides how long a root takes.
  struct Rates {
    alignas(64) float rate[kLanes], decay[kLanes], active[kLanes];
  };

  Rates next_step(int64_t first) {
    Rates r = {};
    if (alike) {
      next_rates(fit, p, 0, &r.rate[0], &r.decay[0]);
      return r;
    }
    for (int l = 0; l < p->networks; ++l)
      if (first < counts[l]) {
        next_rates(fit, p, l, &r.rate[l], &r.decay[l]);
        r.active[l] = 1.0f;
      }
    return r;
  }

  void step(const Rates &r) {
    if (fit.l2) add_l2(plan, l2(), room.weights, room.gradients);
    if (fit.optimizer.clip)
      clip(plan, fit.optimizer.clip, lanes(static_cast<float>(fit.optimizer.clip_limit)), room.gradients);
    if (alike) {
      optimizer_step<false>(fit.optimizer, {lanes(r.rate[0]), lanes(r.decay[0])}, lanes(1.0f), room.gradients,
                            plan.weights, room.weights, room.slots);
    } else {
      optimizer_step<true>(fit.optimizer, {load(r.rate), load(r.decay)}, load(r.active), room.gradients, plan.weights,
                           room.weights, room.slots);
    }
  }

  void end_epoch() {
    alignas(64) float better[kLanes] = {};
    for (int l = 0; l < p->networks; ++l) {
      const double loss = p->loss_sum[l] / static_cast<double>(counts[l]);
      p->losses[l * fit.epochs + p->epoch] = loss;
      p->loss_sum[l] = 0.0;
      if (loss < p->best_loss[l]) {
        p->best_loss[l] = loss;
        better[l] = 1.0f;
      }
    }
    const Lanes chosen = load(better);
    for (int64_t i = 0; i < plan.weights; ++i) room.best[i] = choose(chosen, room.weights[i], room.best[i]);
    p->batch = 0;
    p->epoch += 1;
  }

  int32_t run(const timeglass::System &system) {
    load_state();
    const int64_t batches = (most + fit.batch_size - 1) / fit.batch_size;
    const double stop = fit.slice_seconds > 0 ? system.now() + fit.slice_seconds : 0;
    int64_t done = 0, work = 0;
    bool stopped = false;
    while (p->epoch < fit.epochs && !stopped) {
      if (p->order_epoch != p->epoch) order_windows();
      begin = end = 0;
      while (p->batch < batches && !stopped) {
        const int64_t first = p->batch * fit.batch_size;
        const int64_t last = first + fit.batch_size < most ? first + fit.batch_size : most;
        const Rates rates = next_step(first);
        batch_gradient(first, last);
        step(rates);
        p->batch += 1;
        stopped = ++done == fit.slice_batches;
        work += (last - first) * plan.work;
        if (stop > 0 && work > kWorkBetweenLooks) {
          stopped = stopped || system.now() >= stop;
          work = 0;
        }
      }
      if (p->batch == batches) end_epoch();
    }
    store_state();
    return p->epoch < fit.epochs ? TG_MORE : TG_OK;
  }
};

}  // namespace
