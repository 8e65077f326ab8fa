// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
#pragma once
#include "simd.h"

namespace nabla {
namespace NABLA_ISA {

constexpr uint32_t PHILOX_M0 = 0xd2511f53, PHILOX_M1 = 0xcd9e8d57;
constexpr uint32_t PHILOX_W0 = 0x9e3779b9, PHILOX_W1 = 0xbb67ae85;

// The low and high words of x times m.
NABLA_INLINE void multiply_wide(vu x, uint32_t m, vu* low, vu* high) {
#if defined(__SSE2__) || defined(__AVX2__) || defined(__AVX512F__)
  // The products of even and of odd lanes.
  const vu odd = (vu)((vul)x >> 32);
#if NABLA_VW == 16
  const vu p = (vu)_mm512_maskz_mul_epu32(0xff, (__m512i)x, _mm512_set1_epi32((int)m));
  const vu q = (vu)_mm512_maskz_mul_epu32(0xff, (__m512i)odd, _mm512_set1_epi32((int)m));
  *low = __builtin_shufflevector(p, q, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
  *high = __builtin_shufflevector(p, q, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
#elif NABLA_VW == 8
  const vu p = (vu)_mm256_mul_epu32((__m256i)x, _mm256_set1_epi32((int)m));
  const vu q = (vu)_mm256_mul_epu32((__m256i)odd, _mm256_set1_epi32((int)m));
  *low = __builtin_shufflevector(p, q, 0, 8, 2, 10, 4, 12, 6, 14);
  *high = __builtin_shufflevector(p, q, 1, 9, 3, 11, 5, 13, 7, 15);
#else
  const vi n = splat((int32_t)m);
  const vu p = (vu)__builtin_ia32_pmuludq128((vi)x, n), q = (vu)__builtin_ia32_pmuludq128((vi)odd, n);
  *low = __builtin_shufflevector(p, q, 0, 4, 2, 6);
  *high = __builtin_shufflevector(p, q, 1, 5, 3, 7);
#endif
#elif defined(__wasm_simd128__) || defined(__ARM_NEON)
  // The products of the first and of the last lanes.
#if defined(__ARM_NEON)
  const uint32x4_t n = vdupq_n_u32(m);
  const vu p = (vu)vmull_u32(vget_low_u32((uint32x4_t)x), vget_low_u32(n)), q = (vu)vmull_high_u32((uint32x4_t)x, n);
#else
  const v128_t n = wasm_u32x4_splat(m);
  const vu p = (vu)wasm_u64x2_extmul_low_u32x4((v128_t)x, n), q = (vu)wasm_u64x2_extmul_high_u32x4((v128_t)x, n);
#endif
  *low = __builtin_shufflevector(p, q, 0, 2, 4, 6);
  *high = __builtin_shufflevector(p, q, 1, 3, 5, 7);
#else
  for (int i = 0; i < VW; i++) {
    const uint64_t p = (uint64_t)x[i] * m;
    (*low)[i] = (uint32_t)p, (*high)[i] = (uint32_t)(p >> 32);
  }
#endif
}

// The words of the VW blocks from `block` on, one block after the other.
NABLA_INLINE void philox_blocks(uint32_t k0, uint32_t k1, uint32_t counter_block, int64_t block, float* out) {
  const vu first = (vu){} + (uint32_t)block;
  vu lane = {};
#pragma GCC unroll 16
  for (int i = 0; i < VW; i++) lane[i] = (uint32_t)i;
  vu x0 = first + lane, x2 = (vu){} + counter_block, x3 = {};
  vu x1 = (vu){} + (uint32_t)((uint64_t)block >> 32) - (vu)(x0 < first);
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++) {
    vu low0, high0, low1, high1;
    multiply_wide(x0, PHILOX_M0, &low0, &high0);
    multiply_wide(x2, PHILOX_M1, &low1, &high1);
    x0 = high1 ^ x1 ^ k0, x1 = low1;
    x2 = high0 ^ x3 ^ k1, x3 = low0;
    k0 += PHILOX_W0, k1 += PHILOX_W1;
  }
  const vf even0 = zip_low((vf)x0, (vf)x2), even1 = zip_high((vf)x0, (vf)x2);
  const vf odd0 = zip_low((vf)x1, (vf)x3), odd1 = zip_high((vf)x1, (vf)x3);
  store(out, zip_low(even0, odd0)), store(out + VW, zip_high(even0, odd0));
  store(out + 2 * VW, zip_low(even1, odd1)), store(out + 3 * VW, zip_high(even1, odd1));
}

// out[j] is word (i & 3), i = index0 + j, of the block with counter (i >> 2 low, i >> 2 high, counter_block, 0).
inline void philox_fill(uint32_t key_lo, uint32_t key_hi, uint32_t counter_block, int64_t index0, float* out, int64_t n) {
  for (int64_t j = 0; j < n;) {
    const int64_t skip = (index0 + j) & 3, take = least(4 * VW - skip, n - j);
    float words[4 * VW];
    philox_blocks(key_lo, key_hi, counter_block, (index0 + j) >> 2, take == 4 * VW ? out + j : words);
    if (take < 4 * VW) __builtin_memcpy(out + j, words + skip, (size_t)take * 4);
    j += take;
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
