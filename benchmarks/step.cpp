// One time step of one recurrent layer, as real-time programs ask for it: sample after sample.
//
//     step LAYER UNITS FEATURES INSTRUCTION_SET SECONDS
//
// prints the nanoseconds of a step, and the largest difference between steps one at a time and tg_predict's forecast
// of the same window. LAYER and INSTRUCTION_SET are numbers of the header's enums.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "timeglass.h"

namespace {

constexpr int kSteps = 4096;  // of a run, and of the window

double seconds_now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

std::vector<float> random_floats(int64_t count, float most) {
  static std::mt19937 generator(0);
  std::uniform_real_distribution<float> distribution(-most, most);
  std::vector<float> values(count);
  for (float &value : values) value = distribution(generator);
  return values;
}

[[noreturn]] void fail(const char *what, int64_t code) {
  std::fprintf(stderr, "%s: error %lld\n", what, static_cast<long long>(code));
  std::exit(1);
}

int64_t checked(const char *what, int64_t result) {
  if (result < 0) fail(what, result);
  return result;
}

}  // namespace

int main(int count, char **arguments) {
  if (count != 6) return 1;
  const int kind = std::atoi(arguments[1]), units = std::atoi(arguments[2]), features = std::atoi(arguments[3]);
  const int set = std::atoi(arguments[4]);
  const double seconds = std::atof(arguments[5]);

  tg_layer layer{};
  layer.kind = kind;
  layer.input = layer.other = layer.mask = -1;
  layer.units = units;
  layer.activation = TG_TANH;
  layer.recurrent_activation = TG_SIGMOID;
  layer.use_bias = layer.return_sequences = layer.reset_after = 1;
  const tg_network network{kSteps, features, 1, &layer};

  const auto weights = random_floats(checked("tg_count_weights", tg_count_weights(&network)), 0.3f);
  const auto x = random_floats(int64_t{kSteps} * features, 1.0f);
  const int64_t bytes = checked("tg_stepper_bytes", tg_stepper_bytes(set, &network));
  std::vector<unsigned char> room(bytes + 64);
  void *stepper = room.data() + (64 - reinterpret_cast<uintptr_t>(room.data()) % 64) % 64;
  std::vector<float> out(units), expected(int64_t{kSteps} * units);
  checked("tg_stepper_make", tg_stepper_make(set, &network, weights.data(), stepper));

  tg_windows windows{};
  windows.count = 1;
  windows.x = x.data();
  checked("tg_predict", tg_predict(set, &network, TG_NETWORKS, 1, weights.data(), &windows, expected.data()));
  float difference = 0.0f;
  for (int t = 0; t < kSteps; ++t) {
    tg_step(stepper, x.data() + t * features, out.data());
    for (int j = 0; j < units; ++j) difference = std::fmax(difference, std::fabs(out[j] - expected[t * units + j]));
  }

  std::vector<double> times;
  for (const double end = seconds_now() + seconds; seconds_now() < end;) {
    const double began = seconds_now();
    for (int t = 0; t < kSteps; ++t) tg_step(stepper, x.data() + t * features, out.data());
    times.push_back((seconds_now() - began) / kSteps);
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  std::printf("%.6g %.6g\n", times[times.size() / 2] * 1e9, static_cast<double>(difference));
}
