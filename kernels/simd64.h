// The part of simd.h that depends on the instruction set, for lanes of 64 bits: doubles, int64, and masks 0 or -1.
#pragma once

namespace nabla {
namespace NABLA_ISA {

#if defined(__AVX512F__)
constexpr __mmask8 ALL_LANES = 0xff;
#endif

NABLA_INLINE vf fma(vf a, vf b, vf c) {
#if defined(__AVX512F__)
  return (vf)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__) && NABLA_BYTES == 32
  return (vf)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__ARM_NEON)
  return (vf)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
  // Relaxed SIMD has such an instruction too, which may or may not round once; functions here count on one or the other.
  return a * b + c;
#endif
}

#if defined(__AVX512F__)
// x * 2^n, n integral.
#define NABLA_HAS_SCALEF 1
NABLA_INLINE vf scalef_hw(vf x, vf n) { return (vf)_mm512_maskz_scalef_pd(ALL_LANES, (__m512d)x, (__m512d)n); }
#endif
// Rounded to float32.
NABLA_INLINE vf shorten(vf x) {
  typedef float short_vf __attribute__((vector_size(NABLA_BYTES / 2)));
  return __builtin_convertvector(__builtin_convertvector(x, short_vf), vf);
}

// Truncation toward zero, for lanes that fit.
NABLA_INLINE vi to_int(vf x) {
#if defined(__AVX512DQ__)
  return (vi)_mm512_maskz_cvttpd_epi64(ALL_LANES, (__m512d)x);
#elif defined(__ARM_NEON)
  return __builtin_convertvector(x, vi);
#else
  vi r;
  for (int i = 0; i < VW; i++) r[i] = x[i] >= -0x1p63 && x[i] < 0x1p63 ? (int64_t)x[i] : INT64_MIN;
  return r;
#endif
}

NABLA_INLINE bool any(vi mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi64_mask((__m512i)mask, (__m512i)mask) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_pd((__m256d)mask) != 0;
#else
  return (mask[0] | mask[1]) != 0;
#endif
}

// Bit i tells that lane i is not zero; a NaN is not.
NABLA_INLINE uint32_t nonzeros(vf x) {
#if defined(__AVX512F__)
  return _mm512_cmp_pd_mask((__m512d)x, (__m512d)(vf){}, _CMP_NEQ_UQ);
#elif defined(__AVX2__)
  return (uint32_t)_mm256_movemask_pd((__m256d)(x != 0));
#else
  return (uint32_t)(x[0] != 0) | (uint32_t)(x[1] != 0) << 1;
#endif
}

NABLA_INLINE vf sqrt_hw(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_sqrt_pd(ALL_LANES, (__m512d)x);
#elif defined(__AVX2__)
  return (vf)_mm256_sqrt_pd((__m256d)x);
#elif defined(__SSE2__)
  return (vf)__builtin_ia32_sqrtpd(x);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f64x2_sqrt((v128_t)x);
#elif defined(__ARM_NEON)
  return (vf)vsqrtq_f64((float64x2_t)x);
#else
  for (int i = 0; i < VW; i++) x[i] = __builtin_sqrt(x[i]);
  return x;
#endif
}

// Rounding to integral values. Without an instruction: below 2^52 adding and taking away 2^52 leaves the nearest integer
// (ties to even), above it every double is an integer already.
NABLA_INLINE vf round_even(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_roundscale_pd(ALL_LANES, (__m512d)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (vf)_mm256_round_pd((__m256d)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f64x2_nearest((v128_t)x);
#elif defined(__ARM_NEON)
  return (vf)vrndnq_f64((float64x2_t)x);
#else
  vf a = abs_bits(x), big = splat(0x1p52);
  return copysign_bits(select(a < big, (a + big) - big, x), x);
#endif
}
NABLA_INLINE vf floor_hw(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_roundscale_pd(ALL_LANES, (__m512d)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (vf)_mm256_round_pd((__m256d)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f64x2_floor((v128_t)x);
#elif defined(__ARM_NEON)
  return (vf)vrndmq_f64((float64x2_t)x);
#else
  vf r = round_even(x);
  return copysign_bits(select(r > x, r - 1.0, r), x);
#endif
}
NABLA_INLINE vf ceil_hw(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_roundscale_pd(ALL_LANES, (__m512d)x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (vf)_mm256_round_pd((__m256d)x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f64x2_ceil((v128_t)x);
#elif defined(__ARM_NEON)
  return (vf)vrndpq_f64((float64x2_t)x);
#else
  vf r = round_even(x);
  return copysign_bits(select(r < x, r + 1.0, r), x);
#endif
}
NABLA_INLINE vf trunc_hw(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_roundscale_pd(ALL_LANES, (__m512d)x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (vf)_mm256_round_pd((__m256d)x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f64x2_trunc((v128_t)x);
#elif defined(__ARM_NEON)
  return (vf)vrndq_f64((float64x2_t)x);
#else
  vf a = abs_bits(x), r = round_even(a);
  return copysign_bits(select(r > a, r - 1.0, r), x);
#endif
}

NABLA_INLINE vf min_hw(vf a, vf b) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_min_pd(ALL_LANES, (__m512d)a, (__m512d)b);
#elif defined(__AVX2__)
  return (vf)_mm256_min_pd((__m256d)a, (__m256d)b);
#else
  return select(a < b, a, b);
#endif
}
NABLA_INLINE vf max_hw(vf a, vf b) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_max_pd(ALL_LANES, (__m512d)a, (__m512d)b);
#elif defined(__AVX2__)
  return (vf)_mm256_max_pd((__m256d)a, (__m256d)b);
#else
  return select(a > b, a, b);
#endif
}

// The first n lanes (n < VW), the others zero; and the write of them.
#if defined(__AVX512F__)
NABLA_INLINE vf load_n(const double* p, int n) { return (vf)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p); }
NABLA_INLINE void store_n(double* p, vf v, int n) { _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v); }
#elif defined(__AVX2__)
NABLA_INLINE vi first_lanes(int n) { return (vi){0, 1, 2, 3} < splat((int64_t)n); }
NABLA_INLINE vf load_n(const double* p, int n) { return (vf)_mm256_maskload_pd(p, (__m256i)first_lanes(n)); }
NABLA_INLINE void store_n(double* p, vf v, int n) { _mm256_maskstore_pd(p, (__m256i)first_lanes(n), (__m256d)v); }
#else
NABLA_INLINE vf load_n(const double* p, int n) { return (vf){n > 0 ? p[0] : 0.0, 0.0}; }
NABLA_INLINE void store_n(double* p, vf v, int n) {
  if (n > 0) p[0] = v[0];
}
#endif

// Of two vectors side by side the elements 0, 2, 4... and 1, 3, 5...; and the way back.
#if NABLA_VW == 8
NABLA_INLINE vf evens(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14); }
NABLA_INLINE vf odds(vf a, vf b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15); }
NABLA_INLINE vf zip_low(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
NABLA_INLINE vf zip_high(vf a, vf b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#elif NABLA_VW == 4
NABLA_INLINE vf evens(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6); }
NABLA_INLINE vf odds(vf a, vf b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7); }
NABLA_INLINE vf zip_low(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
NABLA_INLINE vf zip_high(vf a, vf b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
#else
NABLA_INLINE vf evens(vf a, vf b) { return (vf){a[0], b[0]}; }
NABLA_INLINE vf odds(vf a, vf b) { return (vf){a[1], b[1]}; }
NABLA_INLINE vf zip_low(vf a, vf b) { return (vf){a[0], b[0]}; }
NABLA_INLINE vf zip_high(vf a, vf b) { return (vf){a[1], b[1]}; }
#endif

}  // namespace NABLA_ISA
}  // namespace nabla
