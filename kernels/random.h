// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
#pragma once
#include "simd.h"

namespace nabla {
namespace NABLA_ISA {

constexpr uint32_t PHILOX_M0 = 0xd2511f53, PHILOX_M1 = 0xcd9e8d57;
constexpr uint32_t PHILOX_W0 = 0x9e3779b9, PHILOX_W1 = 0xbb67ae85;

// LANES blocks side by side; x[w][lane] is word w of the counter, replaced by the random word.
template <int LANES>
NABLA_INLINE void philox_blocks(uint32_t k0, uint32_t k1, uint32_t (&x)[4][LANES]) {
  for (int round = 0; round < 10; round++) {
    for (int l = 0; l < LANES; l++) {
      const uint64_t p0 = (uint64_t)PHILOX_M0 * x[0][l], p1 = (uint64_t)PHILOX_M1 * x[2][l];
      const uint32_t a = (uint32_t)(p1 >> 32) ^ x[1][l] ^ k0, b = (uint32_t)(p0 >> 32) ^ x[3][l] ^ k1;
      x[0][l] = a;
      x[1][l] = (uint32_t)p1;
      x[2][l] = b;
      x[3][l] = (uint32_t)p0;
    }
    k0 += PHILOX_W0;
    k1 += PHILOX_W1;
  }
}

// out[j] is word (i & 3), i = index0 + j, of the block with counter (i >> 2 low, i >> 2 high, counter_block, 0).
inline void philox_fill(uint32_t key_lo, uint32_t key_hi, uint32_t counter_block, int64_t index0, int32_t* out, int64_t n) {
  constexpr int LANES = VW;
  int64_t j = 0;
  while (j < n) {
    const int64_t i = index0 + j, block = i >> 2;
    uint32_t x[4][LANES];
    for (int l = 0; l < LANES; l++) {
      x[0][l] = (uint32_t)(block + l);
      x[1][l] = (uint32_t)((uint64_t)(block + l) >> 32);
      x[2][l] = counter_block;
      x[3][l] = 0;
    }
    philox_blocks<LANES>(key_lo, key_hi, x);
    const int skip = (int)(i & 3);
    const int64_t have = 4 * LANES - skip, take = have < n - j ? have : n - j;
    for (int64_t t = 0; t < take; t++) out[j + t] = (int32_t)x[(skip + t) & 3][(skip + t) >> 2];
    j += take;
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
