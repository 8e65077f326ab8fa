// How values of several ranks become one, element by element: for MPI's operations of our own, and for sums in shared memory.
#pragma once
#include <stdint.h>

#include "mpi.h"

namespace nabla::mpi {

// As kernels/convert.h, which belongs to an instruction set.
inline float from_bf16(uint16_t h) { return __builtin_bit_cast(float, (uint32_t)h << 16); }
inline uint16_t to_bf16(float x) {
  const uint32_t b = __builtin_bit_cast(uint32_t, x);
  return (b & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : (uint16_t)((b + 0x7fffu + (b >> 16 & 1u)) >> 16);
}
inline float from_f16(uint16_t h) {
  const uint32_t m = h & 0x7fffu, sign = (uint32_t)(h & 0x8000u) << 16;
  const uint32_t normal = (m << 13) + (m >= 0x7c00u ? 224u << 23 : 112u << 23);
  const uint32_t tiny = __builtin_bit_cast(uint32_t, (float)(int32_t)m * 0x1p-24f);
  return __builtin_bit_cast(float, (m < 0x400u ? tiny : normal) | sign);
}
inline uint16_t to_f16(float x) {
  const uint32_t b = __builtin_bit_cast(uint32_t, x), a = b & 0x7fffffffu, sign = b >> 16 & 0x8000u;
  const uint32_t round = (a + 0xfffu + (a >> 13 & 1u)) >> 13;
  const uint32_t tiny = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, a) + 0.5f) - 0x3f000000u;
  const uint32_t m = a < 0x38800000u ? tiny : round >= 0x23c00u ? 0x7c00u : round - (112u << 10);
  return (uint16_t)(sign | (a > 0x7f800000u ? 0x7e00u : m));
}

// The larger or smaller one, and NaN where there is one, as maxima in tensors are.
template <Op op, class T>
inline T combine(T a, T b) {
  constexpr bool whole = (T)0.5 == 0;
  if constexpr (whole && (op == SUM || op == PRODUCT)) {
    T c;  // as two's complement has it
    if constexpr (op == SUM) __builtin_add_overflow(a, b, &c);
    else __builtin_mul_overflow(a, b, &c);
    return c;
  }
  if constexpr (op == SUM) return a + b;
  if constexpr (op == PRODUCT) return a * b;
  if constexpr (!whole) {
    if (a != a || b != b) return a + b;
  }
  return op == MAX ? (a > b ? a : b) : (a < b ? a : b);
}

constexpr int BYTES[TYPES] = {4, 8, 2, 2, 1, 1, 4, 8, 1};

}  // namespace nabla::mpi
