// The most fused multiply-adds that so many threads do in a second: `peak THREADS SECONDS` prints GFLOP/s.
//
// Each thread keeps as many sums as the pipelines need, in the widest registers that the compiler was told of. The
// median of short runs counts, so that neither a pause nor a lucky moment does.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int kFloats = 16, kSums = 24;
#elif defined(__AVX2__) && defined(__FMA__)
constexpr int kFloats = 8, kSums = 12;
#else
constexpr int kFloats = 4, kSums = 12;
#endif

typedef float Register __attribute__((vector_size(kFloats * sizeof(float))));

// Multiply-adds of one run, and the time of some hundred microseconds that it takes.
constexpr int kRepeats = 20000;
constexpr double kFlops = 2.0 * kFloats * kSums * kRepeats;

double seconds_now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// Gives a value that depends on every sum, so that none can be left out.
__attribute__((noinline)) float run(float factor, float term) {
  const Register a = Register{} + factor, b = Register{} + term;
  Register sum[kSums];
  for (int i = 0; i < kSums; ++i) sum[i] = Register{} + static_cast<float>(i);
  for (int n = 0; n < kRepeats; ++n)
#pragma GCC unroll 24
    for (int i = 0; i < kSums; ++i) sum[i] = sum[i] * a + b;
  Register all = sum[0];
  for (int i = 1; i < kSums; ++i) all += sum[i];
  return all[0];
}

// Runs for so long; the median of each run's GFLOP/s.
double median_rate(double seconds, std::atomic<int> &waiting) {
  volatile float factor = 0.999f, term = 1e-3f, kept = run(factor, term);
  --waiting;
  while (waiting > 0) {
  }
  std::vector<double> rates;
  const double end = seconds_now() + seconds;
  for (double begin = seconds_now(); begin < end;) {
    kept = run(factor, term);
    const double now = seconds_now();
    rates.push_back(kFlops / (now - begin) * 1e-9);
    begin = now;
  }
  (void)kept;
  std::nth_element(rates.begin(), rates.begin() + rates.size() / 2, rates.end());
  return rates[rates.size() / 2];
}

}  // namespace

int main(int count, char **arguments) {
  if (count != 3) return 1;
  const int threads = std::atoi(arguments[1]);
  const double seconds = std::atof(arguments[2]);
  std::atomic<int> waiting{threads};
  std::vector<double> rates(threads);
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back([&, i] { rates[i] = median_rate(seconds, waiting); });
  rates[0] = median_rate(seconds, waiting);
  for (auto &other : others) other.join();
  double all = 0.0;
  for (double rate : rates) all += rate;
  std::printf("%.6g %d\n", all, kFloats);
}
