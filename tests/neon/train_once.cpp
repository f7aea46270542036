// Trains the first so many of sixteen small networks on a series made of whole numbers and prints every weight's bits:
// what tests/test_neon.py compares between processors. Built for another processor, run in its emulator.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../csrc/timeglass.h"

static const int kSteps = 6, kFeatures = 2, kWindows = 21, kNetworks = 16, kEpochs = 3;

int main(int, char **arguments) {
  const tg_layer layers[3] = {
      {TG_SIMPLE_RNN, 5, TG_TANH, 1, 1}, {TG_SIMPLE_RNN, 9, TG_SIGMOID, 1, 0}, {TG_DENSE, 2, TG_TANH, 1, 0}};
  const tg_network network = {kSteps, kFeatures, 3, layers};
  const int weights = (int)tg_count_weights(&network);
  static float w[kNetworks * 1000], m[kNetworks * 1000], v[kNetworks * 1000];
  static float x[kWindows * kSteps * kFeatures], y[kWindows * 2];
  static double losses[kNetworks * kEpochs];
  static int32_t order[kNetworks * kWindows];
  for (int i = 0; i < kNetworks * weights; ++i) w[i] = (float)(i * 37 % 101 - 50) / 64.0f;
  for (int i = 0; i < kWindows * kSteps * kFeatures; ++i) x[i] = (float)(i * i % 97 - 48) / 64.0f;
  for (int i = 0; i < kWindows * 2; ++i) y[i] = (float)(i * 11 % 23 - 11) / 16.0f;
  const tg_windows windows = {kWindows, x, y};
  const tg_fit fit = {{1e-2, 0.9, 0.999, 1e-7}, 7, 0, kEpochs, 4, 1, 0, 0};
  tg_progress p;
  memset(&p, 0, sizeof p);
  p.networks = atoi(arguments[1]);
  p.beta_1_power = p.beta_2_power = 1;
  p.order_epoch = -1;
  p.weights = w;
  p.m = m;
  p.v = v;
  p.losses = losses;
  p.order = order;
  int set = 0;
  while (!(tg_instruction_sets() >> set & 1)) ++set;
  const int result = tg_train(set, &network, &windows, &fit, &p);
  if (result != TG_OK) return 1;
  for (int i = 0; i < p.networks * weights; ++i) {
    uint32_t bits;
    memcpy(&bits, &w[i], sizeof bits);
    printf("%08x\n", bits);
  }
  return 0;
}
