// Lanes: sixteen floats, one for each of sixteen networks, in as many native vector registers as that takes; or eight,
// where no more than eight networks ride; or thirty-two in two of AVX-512's. Reads like a float; every instruction
// serves all.
//
// Built once for each instruction set. Only four operations need the processor's own words (fma, sqrt, min, max);
// all others are the compiler's vector arithmetic. Multiply-adds are written out as fma() and the compiler may not
// make its own, so that every instruction set with fma gives the same bits.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) || defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define TG_INLINE inline __attribute__((always_inline))

namespace {

#if !defined(TG_KERNEL_LANES)
#define TG_KERNEL_LANES 16
#endif
constexpr int kLanes = TG_KERNEL_LANES;

#if defined(__AVX512F__) && TG_KERNEL_LANES >= 16
#define TG_WIDE_REGISTERS
constexpr int kRegisterBytes = 64;
#elif defined(__AVX2__)
constexpr int kRegisterBytes = 32;
#else
constexpr int kRegisterBytes = 16;
#endif

typedef float Register __attribute__((vector_size(kRegisterBytes)));
typedef int32_t IntRegister __attribute__((vector_size(kRegisterBytes)));

constexpr int kRegisterLanes = kRegisterBytes / 4;
constexpr int kRegisters = kLanes / kRegisterLanes;

// Less nothing, not plus nothing: that would make -0 a 0, so the compiler would have to do it.
TG_INLINE Register spread(float a) { return a - Register{}; }

#if defined(TG_WIDE_REGISTERS)
TG_INLINE Register fma(Register a, Register b, Register c) { return _mm512_fmadd_ps(a, b, c); }
TG_INLINE Register sqrt(Register a) { return _mm512_sqrt_ps(a); }
TG_INLINE Register at_most(Register a, Register limit) { return _mm512_min_ps(limit, a); }
TG_INLINE Register at_least(Register a, Register limit) { return _mm512_max_ps(limit, a); }
#elif defined(__AVX2__)
TG_INLINE Register fma(Register a, Register b, Register c) { return _mm256_fmadd_ps(a, b, c); }
TG_INLINE Register sqrt(Register a) { return _mm256_sqrt_ps(a); }
TG_INLINE Register at_most(Register a, Register limit) { return _mm256_min_ps(limit, a); }
TG_INLINE Register at_least(Register a, Register limit) { return _mm256_max_ps(limit, a); }
#elif defined(__SSE2__)
// No fma here: the product is rounded, so the last bits differ from those of the other instruction sets.
TG_INLINE Register fma(Register a, Register b, Register c) { return a * b + c; }
TG_INLINE Register sqrt(Register a) { return _mm_sqrt_ps(a); }
TG_INLINE Register at_most(Register a, Register limit) { return _mm_min_ps(limit, a); }
TG_INLINE Register at_least(Register a, Register limit) { return _mm_max_ps(limit, a); }
#elif defined(__ARM_NEON)
TG_INLINE Register fma(Register a, Register b, Register c) { return vfmaq_f32(c, a, b); }
TG_INLINE Register sqrt(Register a) { return vsqrtq_f32(a); }
TG_INLINE Register at_most(Register a, Register limit) { return vminq_f32(limit, a); }
TG_INLINE Register at_least(Register a, Register limit) { return vmaxq_f32(limit, a); }
#else
TG_INLINE Register fma(Register a, Register b, Register c) { return a * b + c; }
TG_INLINE Register sqrt(Register a) {
  for (int i = 0; i < kRegisterLanes; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
}
TG_INLINE Register at_most(Register a, Register limit) { return a > limit ? limit : a; }
TG_INLINE Register at_least(Register a, Register limit) { return a < limit ? limit : a; }
#endif

struct Lanes {
  Register part[kRegisters];

  Lanes() = default;
  // Register by register: GCC would copy an array of registers by 16 bytes at a time, and stall when it reads it back.
  TG_INLINE Lanes(const Lanes &other) {
    for (int k = 0; k < kRegisters; ++k) part[k] = other.part[k];
  }
  TG_INLINE Lanes &operator=(const Lanes &other) {
    for (int k = 0; k < kRegisters; ++k) part[k] = other.part[k];
    return *this;
  }
};

// Applies an expression in `k`, the number of the register, to all registers of a Lanes.
#define TG_EACH_REGISTER(expression)                                  \
  Lanes result;                                                       \
  for (int k = 0; k < kRegisters; ++k) result.part[k] = (expression); \
  return result

TG_INLINE Lanes lanes(float a) { TG_EACH_REGISTER(spread(a)); }
TG_INLINE Lanes operator+(Lanes a, Lanes b) { TG_EACH_REGISTER(a.part[k] + b.part[k]); }
TG_INLINE Lanes operator-(Lanes a, Lanes b) { TG_EACH_REGISTER(a.part[k] - b.part[k]); }
TG_INLINE Lanes operator*(Lanes a, Lanes b) { TG_EACH_REGISTER(a.part[k] * b.part[k]); }
TG_INLINE Lanes operator/(Lanes a, Lanes b) { TG_EACH_REGISTER(a.part[k] / b.part[k]); }
TG_INLINE Lanes fma(Lanes a, Lanes b, Lanes c) { TG_EACH_REGISTER(fma(a.part[k], b.part[k], c.part[k])); }
TG_INLINE Lanes sqrt(Lanes a) { TG_EACH_REGISTER(sqrt(a.part[k])); }
TG_INLINE Lanes at_most(Lanes a, Lanes limit) { TG_EACH_REGISTER(at_most(a.part[k], limit.part[k])); }
TG_INLINE Lanes at_least(Lanes a, Lanes limit) { TG_EACH_REGISTER(at_least(a.part[k], limit.part[k])); }
TG_INLINE Lanes negative(Lanes a) { TG_EACH_REGISTER(-a.part[k]); }
TG_INLINE Lanes absolute(Lanes a) { return at_least(a, negative(a)); }
// yes where chosen > 0, else no.
TG_INLINE Lanes choose(Lanes chosen, Lanes yes, Lanes no) {
  TG_EACH_REGISTER(chosen.part[k] > 0.0f ? yes.part[k] : no.part[k]);
}
TG_INLINE Lanes where_equal(Lanes a, Lanes b, Lanes yes, Lanes no) {
  TG_EACH_REGISTER(a.part[k] == b.part[k] ? yes.part[k] : no.part[k]);
}

// A weight is a `Lanes` where the lanes carry networks, and one float for all of them where they carry samples.
TG_INLINE Lanes spread_weight(Lanes a) { return a; }
TG_INLINE Lanes spread_weight(float a) { return lanes(a); }

TG_INLINE Lanes load(const float *from) {
  Lanes result;
  for (int k = 0; k < kRegisters; ++k) memcpy(&result.part[k], from + k * kRegisterLanes, sizeof(Register));
  return result;
}
TG_INLINE void store(Lanes a, float *to) {
  for (int k = 0; k < kRegisters; ++k) memcpy(to + k * kRegisterLanes, &a.part[k], sizeof(Register));
}

// Four floats of one lane, whatever the native width: what a transposition is made of.
typedef float Quad __attribute__((vector_size(16)));

#if defined(__clang__)
TG_INLINE Quad interleave_low(Quad a, Quad b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
TG_INLINE Quad interleave_high(Quad a, Quad b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
#else
typedef int32_t QuadIndex __attribute__((vector_size(16)));
TG_INLINE Quad interleave_low(Quad a, Quad b) { return __builtin_shuffle(a, b, QuadIndex{0, 4, 1, 5}); }
TG_INLINE Quad interleave_high(Quad a, Quad b) { return __builtin_shuffle(a, b, QuadIndex{2, 6, 3, 7}); }
#endif

// to (count) = the rows from[0] … from[kLanes - 1], each of `count` floats, one in each lane.
TG_INLINE void gather_rows(const float *const from[kLanes], int64_t count, Lanes *to) {
  float *out = reinterpret_cast<float *>(to);
  int64_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (int l = 0; l < kLanes; l += 4) {
      Quad row[4];
      for (int k = 0; k < 4; ++k) memcpy(&row[k], from[l + k] + i, sizeof(Quad));
      const Quad even_low = interleave_low(row[0], row[2]), even_high = interleave_high(row[0], row[2]);
      const Quad odd_low = interleave_low(row[1], row[3]), odd_high = interleave_high(row[1], row[3]);
      const Quad column[4] = {interleave_low(even_low, odd_low), interleave_high(even_low, odd_low),
                              interleave_low(even_high, odd_high), interleave_high(even_high, odd_high)};
      for (int k = 0; k < 4; ++k) memcpy(out + (i + k) * kLanes + l, &column[k], sizeof(Quad));
    }
  for (; i < count; ++i)
    for (int l = 0; l < kLanes; ++l) out[i * kLanes + l] = from[l][i];
}

// The sums of the lanes of four Lanes, always in the same order: (0+8)+(4+12), its four parts then (0+2)+(1+3).
TG_INLINE Quad quarter_sum(Lanes a) {
  alignas(64) float row[kLanes];
  store(a, row);
  Quad part[kLanes / 4];
  for (int q = 0; q < kLanes / 4; ++q) memcpy(&part[q], row + 4 * q, sizeof(Quad));
  if constexpr (kLanes == 16) return (part[0] + part[2]) + (part[1] + part[3]);
  return part[0] + part[1];  // of eight; thirty-two never carry samples
}
TG_INLINE Quad sum_of_lanes(Lanes a, Lanes b, Lanes c, Lanes d) {
  const Quad row[4] = {quarter_sum(a), quarter_sum(b), quarter_sum(c), quarter_sum(d)};
  const Quad even_low = interleave_low(row[0], row[2]), even_high = interleave_high(row[0], row[2]);
  const Quad odd_low = interleave_low(row[1], row[3]), odd_high = interleave_high(row[1], row[3]);
  return (interleave_low(even_low, odd_low) + interleave_low(even_high, odd_high)) +
         (interleave_high(even_low, odd_low) + interleave_high(even_high, odd_high));
}

// gradient[j] += sum[j], j < count. A gradient is a Lanes for a Lanes, or one float for the sum of the lanes.
template <int count>
TG_INLINE void add_sums(const Lanes *sum, Lanes *gradient) {
  for (int j = 0; j < count; ++j) gradient[j] = gradient[j] + sum[j];
}
template <int count>
TG_INLINE void add_sums(const Lanes *sum, float *gradient) {
  const Lanes zero = lanes(0.0f);
  for (int j = 0; j < count; j += 4) {
    const Quad total = sum_of_lanes(sum[j], j + 1 < count ? sum[j + 1] : zero, j + 2 < count ? sum[j + 2] : zero,
                                    j + 3 < count ? sum[j + 3] : zero);
    for (int k = 0; k < 4 && j + k < count; ++k) gradient[j + k] += total[k];
  }
}

}  // namespace
