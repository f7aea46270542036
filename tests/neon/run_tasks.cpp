// Reads tasks from standard input, has the kernel do them, and writes what came of them to standard output: how
// tests/test_neon.py asks a kernel that was built for another processor and runs in its emulator. The structs are the
// header's; only their pointers are set here.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../csrc/timeglass.h"

namespace {

enum Call { kTrain, kGradients, kJacobian, kPredict };

// What tests/test_neon.py calls HEADER.
struct Header {
  int64_t call, carry, layers, time_steps, features;
  int64_t networks, weights, outputs;                                      // L, P, K
  int64_t windows, targets, own_x, own_y, weighs, own_weight, has_counts;  // N
  int64_t slots, has_l2, has_dropout, factors, levels;
};

template <class T>
T *read(int64_t count) {
  T *values = static_cast<T *>(calloc(count > 0 ? count : 1, sizeof(T)));
  if (!values || fread(values, sizeof(T), count, stdin) != static_cast<size_t>(count)) exit(1);
  return values;
}

template <class T>
T *read_if(bool given, int64_t count) {
  return given ? read<T>(count) : nullptr;
}

template <class T>
void write(const T *values, int64_t count) {
  if (fwrite(values, sizeof(T), count, stdout) != static_cast<size_t>(count)) exit(2);
}

int instruction_set() {
  int set = 0;
  while (!(tg_instruction_sets() >> set & 1)) ++set;
  return set;
}

tg_windows read_windows(const Header &h) {
  tg_windows w = {};
  const int64_t size_x = h.windows * h.time_steps * h.features, size_y = h.windows * h.targets;
  w.count = h.windows;
  w.x = read<float>((h.own_x ? h.networks : 1) * size_x);
  w.y = read<float>((h.own_y ? h.networks : 1) * size_y);
  w.weight = read_if<float>(h.weighs, (h.own_weight ? h.networks : 1) * h.windows);
  w.counts = read_if<int64_t>(h.has_counts, h.networks);
  w.own_x = static_cast<int32_t>(h.own_x);
  w.own_y = static_cast<int32_t>(h.own_y);
  w.own_weight = static_cast<int32_t>(h.own_weight);
  return w;
}

void train(const Header &h, const tg_network &network, const tg_windows &windows, tg_fit *fit, float *weights) {
  tg_progress *p = read<tg_progress>(1);
  const int64_t all = h.networks * h.weights;
  fit->rates = read<double>(h.networks);
  fit->l2 = read_if<double>(h.has_l2, h.networks);
  fit->dropout = read_if<double>(h.has_dropout, h.networks * h.layers * 2);
  fit->factors = read_if<double>(h.factors > 0, h.factors);
  p->weights = weights;
  p->best_weights = read<float>(all);
  for (int64_t s = 0; s < h.slots; ++s) p->slots[s] = read<float>(all);
  p->losses = static_cast<double *>(calloc(h.networks * fit->epochs, sizeof(double)));
  p->order = static_cast<int32_t *>(calloc(h.networks * h.windows, sizeof(int32_t)));
  int32_t result = TG_MORE;
  while (result == TG_MORE) result = tg_train(instruction_set(), &network, &windows, fit, p, nullptr);
  if (result != TG_OK) exit(3);
  write(p->weights, all);
  write(p->best_weights, all);
  for (int64_t s = 0; s < h.slots; ++s) write(p->slots[s], all);
  write(p->losses, h.networks * fit->epochs);
  write(p->best_loss, h.networks);
}

void answer(const Header &h, const tg_network &network, const tg_windows &windows, const tg_fit &fit,
            const float *weights) {
  const int set = instruction_set();
  const int64_t forecasts = h.networks * h.windows * h.outputs;
  float *out = static_cast<float *>(calloc(forecasts, sizeof(float)));
  float *rows = static_cast<float *>(calloc(forecasts * h.weights, sizeof(float)));
  double *losses = static_cast<double *>(calloc(h.networks, sizeof(double)));
  double *gradients = static_cast<double *>(calloc(h.networks * h.weights, sizeof(double)));
  const int32_t carry = static_cast<int32_t>(h.carry);
  if (h.call == kGradients) {
    if (tg_gradients(set, &network, &fit.loss, carry, h.networks, weights, &windows, losses, gradients)) exit(4);
    write(losses, h.networks);
    write(gradients, h.networks * h.weights);
  } else if (h.call == kJacobian) {
    if (tg_jacobian(set, &network, h.networks, weights, &windows, out, rows)) exit(5);
    write(out, forecasts);
    write(rows, forecasts * h.weights);
  } else {
    if (tg_predict(set, &network, carry, h.networks, weights, &windows, out)) exit(6);
    write(out, forecasts);
  }
}

}  // namespace

int main() {
  Header h;
  while (fread(&h, sizeof h, 1, stdin) == 1) {
    const tg_layer *layers = read<tg_layer>(h.layers);
    const tg_network network = {static_cast<int32_t>(h.time_steps), static_cast<int32_t>(h.features),
                                static_cast<int32_t>(h.layers), layers};
    const tg_windows windows = read_windows(h);
    tg_fit *fit = read<tg_fit>(1);
    fit->loss.levels = read<float>(h.levels);
    float *weights = read<float>(h.networks * h.weights);
    if (h.call == kTrain) {
      train(h, network, windows, fit, weights);
    } else {
      answer(h, network, windows, *fit, weights);
    }
  }
  return 0;
}
