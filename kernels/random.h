// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
#pragma once
#include "simd.h"

namespace nabla {
namespace NABLA_ISA {

constexpr uint32_t PHILOX_M0 = 0xd2511f53, PHILOX_M1 = 0xcd9e8d57;
constexpr uint32_t PHILOX_W0 = 0x9e3779b9, PHILOX_W1 = 0xbb67ae85;

#if defined(__AVX2__) || defined(__AVX512F__)

// Each word lies in the lower half of a lane of 64 bits, where its product has room; what is in the upper half does not
// matter. Some groups of blocks side by side, as each waits for its own products.
constexpr int PHILOX_GROUPS = 4;
constexpr int64_t PHILOX_WORDS = 2 * VW;  // of a group
#if NABLA_VW == 16
NABLA_INLINE vul product(vul x, uint32_t m) { return (vul)_mm512_maskz_mul_epu32(0xff, (__m512i)x, _mm512_set1_epi64(m)); }
#else
NABLA_INLINE vul product(vul x, uint32_t m) { return (vul)_mm256_mul_epu32((__m256i)x, _mm256_set1_epi64x(m)); }
#endif
// The words of the blocks from `block` on, one block after the other.
template <int G>
NABLA_INLINE void philox_blocks(const uint32_t* keys, uint32_t counter_block, int64_t block, float* out) {
#if NABLA_VW == 16
  const vul order = {0, 4, 1, 5, 2, 6, 3, 7};  // as the last step interleaves them
#else
  const vul order = {0, 2, 1, 3};
#endif
  vul x0[G], x1[G], x2[G], x3[G];
#pragma GCC unroll 4
  for (int g = 0; g < G; g++) x0[g] = order + (uint64_t)(block + g * (PHILOX_WORDS / 4)), x1[g] = x0[g] >> 32, x2[g] = (vul){} + counter_block, x3[g] = (vul){};
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++) {
    const vul k0 = (vul)((vu){} + keys[2 * round]), k1 = (vul)((vu){} + keys[2 * round + 1]);
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) {
      const vul p = product(x0[g], PHILOX_M0), q = product(x2[g], PHILOX_M1);
      x0[g] = q >> 32 ^ x1[g] ^ k0, x1[g] = q;
      x2[g] = p >> 32 ^ x3[g] ^ k1, x3[g] = p;
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < G; g++) {
    const vul low = (vul){} + 0xffffffff, a = (x0[g] & low) | x1[g] << 32, b = (x2[g] & low) | x3[g] << 32;
    float* const to = out + g * PHILOX_WORDS;
#if NABLA_VW == 16
    store(to, (vf)__builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14));
    store(to + VW, (vf)__builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15));
#else
    store(to, (vf)__builtin_shufflevector(a, b, 0, 4, 2, 6));
    store(to + VW, (vf)__builtin_shufflevector(a, b, 1, 5, 3, 7));
#endif
  }
}

#else

// The low and high words of x times m.
NABLA_INLINE void multiply_wide(vu x, uint32_t m, vu* low, vu* high) {
#if defined(__SSE2__)
  // The products of even and of odd lanes.
  const vi n = splat((int32_t)m);
  const vu odd = (vu)((vul)x >> 32);
  const vu p = (vu)__builtin_ia32_pmuludq128((vi)x, n), q = (vu)__builtin_ia32_pmuludq128((vi)odd, n);
  *low = __builtin_shufflevector(p, q, 0, 4, 2, 6);
  *high = __builtin_shufflevector(p, q, 1, 5, 3, 7);
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
constexpr int PHILOX_GROUPS = 1;
constexpr int64_t PHILOX_WORDS = 4 * VW;
template <int G>
NABLA_INLINE void philox_blocks(const uint32_t* keys, uint32_t counter_block, int64_t block, float* out) {
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
    x0 = high1 ^ x1 ^ keys[2 * round], x1 = low1;
    x2 = high0 ^ x3 ^ keys[2 * round + 1], x3 = low0;
  }
  const vf even0 = zip_low((vf)x0, (vf)x2), even1 = zip_high((vf)x0, (vf)x2);
  const vf odd0 = zip_low((vf)x1, (vf)x3), odd1 = zip_high((vf)x1, (vf)x3);
  store(out, zip_low(even0, odd0)), store(out + VW, zip_high(even0, odd0));
  store(out + 2 * VW, zip_low(even1, odd1)), store(out + 3 * VW, zip_high(even1, odd1));
}

#endif

// out[j] is word (i & 3), i = index0 + j, of the block with counter (i >> 2 low, i >> 2 high, counter_block, 0).
inline void philox_fill(uint32_t key_lo, uint32_t key_hi, uint32_t counter_block, int64_t index0, float* out, int64_t n) {
  uint32_t keys[20];
  for (uint32_t r = 0; r < 10; r++) keys[2 * r] = key_lo + r * PHILOX_W0, keys[2 * r + 1] = key_hi + r * PHILOX_W1;
  for (int64_t j = 0; j < n;) {
    const int64_t skip = (index0 + j) & 3, block = (index0 + j) >> 2, left = n - j;
    if (PHILOX_GROUPS > 1 && skip == 0 && left >= PHILOX_GROUPS * PHILOX_WORDS) {
      philox_blocks<PHILOX_GROUPS>(keys, counter_block, block, out + j);
      j += PHILOX_GROUPS * PHILOX_WORDS;
      continue;
    }
    const int64_t take = least(PHILOX_WORDS - skip, left);
    float words[PHILOX_WORDS + VW];  // read by whole vectors
    philox_blocks<1>(keys, counter_block, block, take == PHILOX_WORDS ? out + j : words);
    for (int64_t i = 0; take < PHILOX_WORDS && i < take; i += VW) store_some(out + j + i, load(words + skip + i), (int)least(VW, take - i));
    j += take;
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
