// Half types: between their 16 bits in memory and the floats and doubles that are computed with. All round to nearest
// even, and once; NaN stays NaN. The loops over them are vectorized by the compiler.
#pragma once
#include "simd.h"

namespace nabla {
namespace NABLA_ISA {

// Storage types; plain integers would be taken for numbers.
struct Half {
  uint16_t bits;
};
struct BHalf {
  uint16_t bits;
};

NABLA_INLINE float widen(BHalf h) { return __builtin_bit_cast(float, (uint32_t)h.bits << 16); }
NABLA_INLINE float widen(Half h) {
  // The exponent moved by 112; what is infinite or NaN needs as much again. A denormal is a number of steps of 2^-24.
  const uint32_t m = h.bits & 0x7fffu, sign = (uint32_t)(h.bits & 0x8000u) << 16;
  const uint32_t normal = (m << 13) + (m >= 0x7c00u ? 224u << 23 : 112u << 23);
  const uint32_t tiny = __builtin_bit_cast(uint32_t, (float)(int32_t)m * 0x1p-24f);
  return __builtin_bit_cast(float, (m < 0x400u ? tiny : normal) | sign);
}

NABLA_INLINE BHalf narrow(float x, BHalf) {
  const uint32_t b = __builtin_bit_cast(uint32_t, x);
  const uint32_t r = (b + 0x7fffu + (b >> 16 & 1u)) >> 16;
  return {(uint16_t)((b & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : r)};
}
NABLA_INLINE Half narrow(float x, Half) {
  const uint32_t b = __builtin_bit_cast(uint32_t, x), a = b & 0x7fffffffu, sign = b >> 16 & 0x8000u;
  const uint32_t round = (a + 0xfffu + (a >> 13 & 1u)) >> 13;  // with the exponent of a float
  // Below 2^-14 steps of 2^-24, as the last places of 0.5 are.
  const uint32_t tiny = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, a) + 0.5f) - 0x3f000000u;
  const uint32_t m = a < 0x38800000u ? tiny : round >= 0x23c00u ? 0x7c00u : round - (112u << 10);
  return {(uint16_t)(sign | (a > 0x7f800000u ? 0x7e00u : m))};
}
// A double first becomes a float that tells on which side of it the double was: the odd one of its neighbours.
NABLA_INLINE float to_odd(double x) {
  const float f = (float)x;
  const double back = f;
  uint32_t b = __builtin_bit_cast(uint32_t, f);
  if (back == x || x != x) return f;
  if (__builtin_fabs(back) > __builtin_fabs(x)) b--;
  return __builtin_bit_cast(float, b | 1u);
}
template <class H>
NABLA_INLINE H narrow(double x, H h) {
  return narrow(to_odd(x), h);
}

}  // namespace NABLA_ISA
}  // namespace nabla
