// Training one network with sixteen of a batch's windows in the lanes. A batch is cut into shares that depend on its
// size alone; each has a gradient of its own, and these are added up in their order. So any number of threads may work
// on them, come and go, and never change a bit.
#pragma once

#include "train_networks.hpp"

namespace {

constexpr int kSampleColumns = 2;

TG_INLINE int64_t columns_for(int64_t windows) { return (windows + kLanes - 1) / kLanes; }

inline int shares_of(int64_t windows) {
  const int64_t half = columns_for(windows) / 2;
  if (columns_for(windows) < 2) return 1;
  return static_cast<int>(half < 2 ? 2 : half < TG_SHARES ? half : TG_SHARES);
}

// What the threads at one network share. All zeros at the start.
struct CrewHead {
  alignas(64) uint64_t ticket;  // number of the batch, its shares, the next of them to be taken: 32, 16, 16 bits
  alignas(64) uint64_t done;    // shares of this batch
  alignas(64) int64_t first, last, epoch;  // the batch
  int32_t closed;
  alignas(64) double losses[TG_SHARES];
};

struct Crew {
  CrewHead *head;
  float *weights, *gradients;  // (P), (TG_SHARES, P), rows padded to whole Lanes
  int64_t row;

  Crew(const Plan &plan, Cutter &cutter) : row(columns_for(plan.weights) * kLanes) {
    head = cutter.cut<CrewHead>(1);
    weights = cutter.cut<float>(row);
    gradients = cutter.cut<float>(TG_SHARES * row);
  }
};

TG_INLINE void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

struct SamplesRoom {
  Lanes *x, *y, *gradient, *best, *slots[TG_SLOTS];
  TileRoom tile;

  SamplesRoom(const Plan &plan, Cutter &cutter) : tile(plan, kSampleColumns, cutter) {
    const int64_t row = columns_for(plan.weights);
    x = cutter.cut<Lanes>(int64_t{kSampleColumns} * plan.time_steps * plan.features);
    y = cutter.cut<Lanes>(kSampleColumns * plan.outputs);
    gradient = cutter.cut<Lanes>(row);
    best = cutter.cut<Lanes>(row);
    for (Lanes *&slot : slots) slot = cutter.cut<Lanes>(row);
  }
};

// (count) floats <-> Lanes, the last one filled up with zeros.
inline void to_row(const float *from, int64_t count, Lanes *to) {
  to[columns_for(count) - 1] = lanes(0.0f);
  memcpy(static_cast<void *>(to), from, count * sizeof(float));
}
inline void from_row(const Lanes *from, int64_t count, float *to) { memcpy(to, from, count * sizeof(float)); }

struct SamplesTraining {
  const Plan &plan;
  const tg_windows &windows;
  const tg_fit &fit;
  tg_progress *p;
  SamplesRoom room;
  Crew crew;
  const Sizes sizes;
  const int64_t count;

  SamplesTraining(const Plan &pl, const tg_windows &w, const tg_fit &f, Cutter own, Cutter shared,
                  tg_progress *progress)
      : plan(pl),
        windows(w),
        fit(f),
        p(progress),
        room(pl, own),
        crew(pl, shared),
        sizes(pl, &f.loss),
        count(count_of(w, 0)) {}

  Places places(int64_t n, int64_t last, int64_t epoch) const {
    Places at;
    at.seed = fit.seed;
    at.epoch = static_cast<uint32_t>(fit.first_epoch + epoch);
    for (int l = 0; l < kLanes; ++l) {
      at.network[l] = p->number[0];
      at.place[l] = static_cast<uint32_t>(n + l < last ? n + l : last - 1);
      at.rates[l] = fit.dropout;
    }
    return at;
  }

  void work_on(int share, int shares) {
    const CrewHead &batch = *crew.head;
    float *gradient = crew.gradients + share * crew.row;
    const Pass<float, float> pass(plan, crew.weights, gradient, room.tile);
    const SampleColumns samples(windows, sizes, 0, p->order);
    const bool dropping = plan.drops && fit.dropout;
    const int64_t all = columns_for(batch.last - batch.first), to = (share + 1) * all / shares;
    const float of = static_cast<float>(batch.last - batch.first);
    Lanes loss = lanes(0.0f);
    clear(gradient, crew.row);
    for (int64_t column = share * all / shares; column < to; column += room.tile.columns) {
      const int columns = static_cast<int>(to - column < room.tile.columns ? to - column : room.tile.columns);
      const int64_t n = batch.first + column * kLanes;
      for (int c = 0; c < columns; ++c) {
        samples.fetch(n + c * kLanes, batch.last, room.x + c * sizes.x, room.y + c * sizes.y);
        if (dropping) pass.drop(c, places(n + c * kLanes, batch.last, batch.epoch));
      }
      const Read x{room.x, sizes.x, plan.features};
      pass.forward(columns, x, dropping);
      for (int c = 0; c < columns; ++c) {
        const Lanes scale = samples.shares(n + c * kLanes, batch.last, of);
        loss = fma(scale, pass.loss(fit.loss, c, room.y + c * sizes.y, scale), loss);
      }
      pass.backward();
    }
    crew.head->losses[share] = sum_in_order(loss);
  }

  // Takes shares of the batch for as long as there are any; whether it took one.
  bool take_shares() {
    bool took = false;
    uint64_t ticket = __atomic_load_n(&crew.head->ticket, __ATOMIC_ACQUIRE);
    for (;;) {
      const int shares = static_cast<int>(ticket >> 16 & 0xffff), next = static_cast<int>(ticket & 0xffff);
      if (next >= shares) return took;
      if (!__atomic_compare_exchange_n(&crew.head->ticket, &ticket, ticket + 1, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE))
        continue;
      work_on(next, shares);
      __atomic_fetch_add(&crew.head->done, 1, __ATOMIC_RELEASE);
      took = true;
      ticket = __atomic_load_n(&crew.head->ticket, __ATOMIC_ACQUIRE);
    }
  }

  void order_windows() {
    if (fit.shuffle) {
      shuffled_order(p->order, count, fit.seed, p->number[0], static_cast<uint32_t>(fit.first_epoch + p->epoch));
    } else {
      for (int64_t i = 0; i < count; ++i) p->order[i] = static_cast<int32_t>(i);
    }
    p->order_epoch = p->epoch;
  }

  void batch_gradient(int64_t first, int64_t last, const timeglass::System &system) {
    const int shares = shares_of(last - first);
    crew.head->first = first;
    crew.head->last = last;
    crew.head->epoch = p->epoch;
    crew.head->done = 0;
    const uint64_t number = (crew.head->ticket >> 32) + 1;
    __atomic_store_n(&crew.head->ticket, number << 32 | static_cast<uint64_t>(shares) << 16, __ATOMIC_RELEASE);
    take_shares();
    for (int turn = 1; __atomic_load_n(&crew.head->done, __ATOMIC_ACQUIRE) < static_cast<uint64_t>(shares); ++turn) {
      pause();
      if (turn % 4096 == 0) system.yield();
    }
    double loss = 0.0;
    for (int s = 0; s < shares; ++s) loss += crew.head->losses[s];
    if (fit.l2) loss += static_cast<double>(static_cast<float>(fit.l2[0]) * sum_of_squares(plan, crew.weights));
    p->loss_sum[0] += loss * static_cast<double>(last - first);
    const int64_t row = columns_for(plan.weights);
    for (int64_t i = 0; i < row; ++i) {
      Lanes sum = load(crew.gradients + i * kLanes);
      for (int s = 1; s < shares; ++s) sum = sum + load(crew.gradients + s * crew.row + i * kLanes);
      room.gradient[i] = sum;
    }
  }

  void step() {
    float *gradient = reinterpret_cast<float *>(room.gradient);
    if (fit.l2) add_l2(plan, static_cast<float>(fit.l2[0]), crew.weights, gradient);
    if (fit.optimizer.clip) clip(plan, fit.optimizer.clip, static_cast<float>(fit.optimizer.clip_limit), gradient);
    float rate, decay;
    next_rates(fit, p, 0, &rate, &decay);
    optimizer_step<false>(fit.optimizer, {lanes(rate), lanes(decay)}, lanes(1.0f), room.gradient,
                          columns_for(plan.weights), reinterpret_cast<Lanes *>(crew.weights), room.slots);
  }

  void end_epoch() {
    const double loss = p->loss_sum[0] / static_cast<double>(count);
    p->losses[p->epoch] = loss;
    p->loss_sum[0] = 0.0;
    if (loss < p->best_loss[0]) {
      p->best_loss[0] = loss;
      memcpy(static_cast<void *>(room.best), crew.weights, plan.weights * sizeof(float));
    }
    p->batch = 0;
    p->epoch += 1;
  }

  void load_state() {
    if (plan.weights == 0) return;
    to_row(p->weights, plan.weights, reinterpret_cast<Lanes *>(crew.weights));
    to_row(p->best_weights, plan.weights, room.best);
    for (int s = 0; s < slots_of(fit.optimizer); ++s) to_row(p->slots[s], plan.weights, room.slots[s]);
  }
  void store_state() const {
    from_row(reinterpret_cast<const Lanes *>(crew.weights), plan.weights, p->weights);
    from_row(room.best, plan.weights, p->best_weights);
    for (int s = 0; s < slots_of(fit.optimizer); ++s) from_row(room.slots[s], plan.weights, p->slots[s]);
  }

  int32_t lead(const timeglass::System &system) {
    load_state();
    const int64_t batches = (count + fit.batch_size - 1) / fit.batch_size;
    const double stop = fit.slice_seconds > 0 ? system.now() + fit.slice_seconds : 0;
    int64_t done = 0;
    bool stopped = false;
    while (p->epoch < fit.epochs && !stopped) {
      if (p->order_epoch != p->epoch) order_windows();
      while (p->batch < batches && !stopped) {
        const int64_t first = p->batch * fit.batch_size;
        batch_gradient(first, first + fit.batch_size < count ? first + fit.batch_size : count, system);
        step();
        p->batch += 1;
        stopped = ++done == fit.slice_batches || (stop > 0 && system.now() >= stop);
      }
      if (p->batch == batches) end_epoch();
    }
    store_state();
    if (p->epoch < fit.epochs) return TG_MORE;
    __atomic_store_n(&crew.head->closed, 1, __ATOMIC_RELEASE);
    return TG_OK;
  }

  int32_t help(const timeglass::System &system) {
    const double stop = system.now() + fit.slice_seconds;
    for (int turn = 1;; ++turn) {
      if (__atomic_load_n(&crew.head->closed, __ATOMIC_ACQUIRE)) return TG_OK;
      const bool took = take_shares();
      if (took) turn = 0;
      pause();
      if (turn % 64 == 0 && system.now() >= stop) return TG_MORE;
      if (turn % 4096 == 4095) system.yield();
    }
  }
};

}  // namespace
