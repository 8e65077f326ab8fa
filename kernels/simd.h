// One vector type for every target, made from GCC/Clang vector extensions.
// The including translation unit is compiled once per instruction set with NABLA_ISA naming its
// namespace (avx512, avx2, base, neon, wasm, wasm_relaxed), and those of `wide` in scripts/targets.mjs a second time with
// NABLA_LANES=64, where lanes are doubles and int64 (simd64.h) instead of floats and int32; nothing here touches libc.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifndef NABLA_ISA
#define NABLA_ISA base
#endif
#ifndef NABLA_LANES
#define NABLA_LANES 32
#endif

#if defined(__AVX512F__)
#include <immintrin.h>
#define NABLA_BYTES 64
#elif defined(__AVX2__)
#include <immintrin.h>
#define NABLA_BYTES 32
#else
#define NABLA_BYTES 16
#endif
// Lanes of a vector.
#if NABLA_LANES == 32
#define NABLA_VW (NABLA_BYTES / 4)
#else
#define NABLA_VW (NABLA_BYTES / 8)
#endif
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define NABLA_INLINE static inline __attribute__((always_inline))

namespace nabla {
namespace NABLA_ISA {

constexpr int VW = NABLA_VW;
#if NABLA_LANES == 32
typedef float real;
typedef int32_t word;
typedef uint32_t uword;
#else
typedef double real;
typedef int64_t word;
typedef uint64_t uword;
#endif
constexpr real INF = __builtin_inf();

// Sizes.
NABLA_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
NABLA_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
NABLA_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
NABLA_INLINE int64_t whole_vectors(int64_t n) { return ceil_div(n, VW) * VW; }

typedef real vf __attribute__((vector_size(NABLA_BYTES)));
typedef word vi __attribute__((vector_size(NABLA_BYTES)));
typedef uword vu __attribute__((vector_size(NABLA_BYTES)));
// The same vectors at any address, and allowed to alias every type.
typedef real vf_u __attribute__((vector_size(NABLA_BYTES), aligned(4), may_alias));
typedef word vi_u __attribute__((vector_size(NABLA_BYTES), aligned(4), may_alias));

NABLA_INLINE vf load(const real* p) { return *(const vf_u*)p; }
NABLA_INLINE vi load(const word* p) { return *(const vi_u*)p; }
NABLA_INLINE void store(real* p, vf v) { *(vf_u*)p = v; }
NABLA_INLINE void store(word* p, vi v) { *(vi_u*)p = v; }
// Copies past the caches. Other threads see it: the locked operations that end a task wait for such stores.
template <class T>
NABLA_INLINE void stream(T* to, const T* from, int64_t n) {
  int64_t i = 0;
#if defined(__AVX2__)
  if (sizeof(T) == sizeof(real)) {
    for (; i < n && (uintptr_t)(to + i) % sizeof(vi); i++) to[i] = from[i];
    for (; i + VW <= n; i += VW) {
      const vi x = *(const vi_u*)(from + i);
#if defined(__AVX512F__)
      _mm512_stream_si512((__m512i*)(to + i), (__m512i)x);
#else
      _mm256_stream_si256((__m256i*)(to + i), (__m256i)x);
#endif
    }
  }
#endif
  for (; i < n; i++) to[i] = from[i];
}
// x in a register: what is used a few times GCC would rather load that often, and loads that cross cache lines are slow.
NABLA_INLINE vf held(vf x) {
#if defined(__AVX512F__)
  asm("" : "+v"(x));
#elif defined(__SSE2__)
  asm("" : "+x"(x));
#elif defined(__ARM_NEON)
  asm("" : "+w"(x));
#endif
  return x;
}
// In WebAssembly a number in all lanes is a constant of the code, which V8 makes anew, by three instructions, wherever it is
// used, in loops too. What it does not know to be one stays in a register, or one load away.
template <class T>
NABLA_INLINE T unknown(T x) {
#if defined(__wasm__)
  if (__builtin_constant_p(x) && x != 0) asm("" : "+r"(x));
#endif
  return x;
}
NABLA_INLINE vf splat(real x) { return unknown(x) - (vf){}; }
NABLA_INLINE vi splat(word x) { return unknown(x) - (vi){}; }

// mask lanes are 0 or -1, as vector comparisons give them.
NABLA_INLINE vf select(vi mask, vf a, vf b) { return mask ? a : b; }
NABLA_INLINE vi select(vi mask, vi a, vi b) { return mask ? a : b; }
NABLA_INLINE vf to_float(vi x) { return __builtin_convertvector(x, vf); }
NABLA_INLINE vi bits(vf x) { return (vi)x; }
NABLA_INLINE vf from_bits(vi x) { return (vf)x; }
NABLA_INLINE vi wrapping_add(vi a, vi b) { return (vi)((vu)a + (vu)b); }
NABLA_INLINE vi wrapping_sub(vi a, vi b) { return (vi)((vu)a - (vu)b); }
constexpr word SIGN = (word)((uword)1 << (8 * sizeof(word) - 1));  // the sign of a float, and the least integer
NABLA_INLINE vf abs_bits(vf x) { return from_bits(bits(x) & ~splat(SIGN)); }
// The magnitude of a with the sign of b.
NABLA_INLINE vf copysign_bits(vf a, vf b) {
  const vi sign = splat(SIGN);
  return from_bits((bits(a) & ~sign) | (bits(b) & sign));
}

// True where the instruction set has a fused multiply-add that always rounds once (relaxed SIMD
// may or may not fuse, so code that needs the single rounding must not count on it).
#if defined(__FMA__) || defined(__AVX512F__) || defined(__ARM_NEON)
constexpr bool HAS_FMA = true;
#else
constexpr bool HAS_FMA = false;
#endif

#if NABLA_LANES == 64
}  // namespace NABLA_ISA
}  // namespace nabla
#include "simd64.h"
namespace nabla {
namespace NABLA_ISA {
#else
#if defined(__AVX512F__)
// The zeroing forms with every lane on are the plain instructions; the plain intrinsics make
// GCC 12 warn of an uninitialised operand.
constexpr __mmask16 ALL_LANES = 0xffff;
#endif

// a * b + c, fused where the target has it.
NABLA_INLINE vf fma(vf a, vf b, vf c) {
#if defined(__AVX512F__)
  return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__) && NABLA_VW == 8
  return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__wasm_relaxed_simd__)
  return (vf)wasm_f32x4_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c);
#elif defined(__ARM_NEON)
  return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

#if defined(__AVX512F__)
// x * 2^n, n integral.
#define NABLA_HAS_SCALEF 1
NABLA_INLINE vf scalef_hw(vf x, vf n) { return (vf)_mm512_maskz_scalef_ps(ALL_LANES, (__m512)x, (__m512)n); }
#endif

// Truncation toward zero. Out-of-range lanes give INT32_MIN on x86 and saturate elsewhere.
NABLA_INLINE vi to_int(vf x) {
#if defined(__AVX512F__)
  return (vi)_mm512_maskz_cvttps_epi32(ALL_LANES, (__m512)x);
#elif defined(__AVX2__)
  return (vi)_mm256_cvttps_epi32((__m256)x);
#elif defined(__SSE2__)
  return (vi)__builtin_ia32_cvttps2dq(x);
#elif defined(__wasm_simd128__)
  return (vi)__builtin_wasm_trunc_saturate_s_i32x4_f32x4(x);
#else
  return __builtin_convertvector(x, vi);
#endif
}

// Is any lane of the mask set?
NABLA_INLINE bool any(vi mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps((__m256)mask) != 0;
#elif defined(__SSE2__)
  return __builtin_ia32_movmskps((vf)mask) != 0;
#elif defined(__wasm_simd128__)
  return wasm_v128_any_true((v128_t)mask);
#elif defined(__ARM_NEON)
  return vmaxvq_u32((uint32x4_t)mask) != 0;
#else
  int32_t all = 0;
  for (int i = 0; i < VW; i++) all |= mask[i];
  return all != 0;
#endif
}

// Bit i tells that lane i is not zero; a NaN is not.
NABLA_INLINE uint32_t nonzeros(vf x) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)x, (__m512)(vf){}, _CMP_NEQ_UQ);
#elif defined(__AVX2__)
  return (uint32_t)_mm256_movemask_ps((__m256)(x != 0));
#elif defined(__SSE2__)
  return (uint32_t)__builtin_ia32_movmskps((vf)(x != 0));
#elif defined(__wasm_simd128__)
  return wasm_i32x4_bitmask((v128_t)(x != 0));
#elif defined(__ARM_NEON)
  return vaddvq_u32((uint32x4_t)((x != 0) & (vi){1, 2, 4, 8}));
#else
  uint32_t all = 0;
  for (int i = 0; i < VW; i++) all |= (uint32_t)(x[i] != 0) << i;
  return all;
#endif
}

NABLA_INLINE vf sqrt_hw(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_sqrt_ps(ALL_LANES, (__m512)x);
#elif defined(__AVX2__)
  return (vf)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
  return (vf)__builtin_ia32_sqrtps(x);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f32x4_sqrt((v128_t)x);
#elif defined(__ARM_NEON)
  return (vf)vsqrtq_f32((float32x4_t)x);
#else
  vf r;
  for (int i = 0; i < VW; i++) r[i] = __builtin_sqrtf(x[i]);
  return r;
#endif
}

// Rounding to integral values. Without an instruction: below 2^23 adding and taking away 2^23
// leaves the nearest integer (ties to even), above it every float is an integer already.
NABLA_INLINE vf round_even(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_roundscale_ps(ALL_LANES, (__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (vf)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f32x4_nearest((v128_t)x);
#elif defined(__ARM_NEON)
  return (vf)vrndnq_f32((float32x4_t)x);
#else
  vf a = abs_bits(x), big = splat(8388608.0f);
  return copysign_bits(select(a < big, (a + big) - big, x), x);
#endif
}
NABLA_INLINE vf floor_hw(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_roundscale_ps(ALL_LANES, (__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (vf)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f32x4_floor((v128_t)x);
#elif defined(__ARM_NEON)
  return (vf)vrndmq_f32((float32x4_t)x);
#else
  vf r = round_even(x);
  return copysign_bits(select(r > x, r - 1.0f, r), x);
#endif
}
NABLA_INLINE vf ceil_hw(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_roundscale_ps(ALL_LANES, (__m512)x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (vf)_mm256_round_ps((__m256)x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f32x4_ceil((v128_t)x);
#elif defined(__ARM_NEON)
  return (vf)vrndpq_f32((float32x4_t)x);
#else
  vf r = round_even(x);
  return copysign_bits(select(r < x, r + 1.0f, r), x);
#endif
}
NABLA_INLINE vf trunc_hw(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_roundscale_ps(ALL_LANES, (__m512)x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (vf)_mm256_round_ps((__m256)x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f32x4_trunc((v128_t)x);
#elif defined(__ARM_NEON)
  return (vf)vrndq_f32((float32x4_t)x);
#else
  vf a = abs_bits(x), r = round_even(a);
  return copysign_bits(select(r > a, r - 1.0f, r), x);
#endif
}

// The smaller and the larger; b where either is NaN is only promised on x86 and in WebAssembly, so for NaN use
// v_min and v_max of math.h.
NABLA_INLINE vf min_hw(vf a, vf b) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_min_ps(ALL_LANES, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
  return (vf)__builtin_ia32_minps(a, b);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f32x4_pmin((v128_t)b, (v128_t)a);  // min of a NaN is another thing, and takes V8 seven instructions
#elif defined(__ARM_NEON)
  return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b);
#else
  return select(a < b, a, b);
#endif
}
NABLA_INLINE vf max_hw(vf a, vf b) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_max_ps(ALL_LANES, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
  return (vf)__builtin_ia32_maxps(a, b);
#elif defined(__wasm_simd128__)
  return (vf)wasm_f32x4_pmax((v128_t)b, (v128_t)a);
#elif defined(__ARM_NEON)
  return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
#else
  return select(a > b, a, b);
#endif
}

// Half a vector's lanes in double, for the few places where float is not enough.
typedef double vd __attribute__((vector_size(NABLA_VW * 4)));
typedef int64_t vl __attribute__((vector_size(NABLA_VW * 4)));
typedef uint64_t vul __attribute__((vector_size(NABLA_VW * 4)));
typedef float vf_half __attribute__((vector_size(NABLA_VW * 2)));
NABLA_INLINE vd splatd(double x) { return x - (vd){}; }
NABLA_INLINE vd selectd(vl mask, vd a, vd b) { return mask ? a : b; }
NABLA_INLINE vd fma(vd a, vd b, vd c) {
#if defined(__AVX512F__)
  return (vd)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__) && NABLA_VW == 8
  return (vd)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__ARM_NEON)
  return (vd)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
  return a * b + c;
#endif
}
// Lanes 0.. of x, and the lanes after them, as doubles; narrow(lo, hi) is the way back.
NABLA_INLINE vd widen_lo(vf x) {
  vf_half h;
  __builtin_memcpy(&h, &x, sizeof h);
  return __builtin_convertvector(h, vd);
}
NABLA_INLINE vd widen_hi(vf x) {
  vf_half h;
  __builtin_memcpy(&h, (const char*)&x + sizeof h, sizeof h);
  return __builtin_convertvector(h, vd);
}
NABLA_INLINE vf narrow(vd lo, vd hi) {
  vf_half h[2] = {__builtin_convertvector(lo, vf_half), __builtin_convertvector(hi, vf_half)};
  vf x;
  __builtin_memcpy(&x, h, sizeof x);
  return x;
}

// The first n lanes (n < VW), the others zero; and the write of them.
#if defined(__AVX512F__)
NABLA_INLINE vf load_n(const float* p, int n) { return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
NABLA_INLINE void store_n(float* p, vf v, int n) {
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
}
#elif defined(__AVX2__)
NABLA_INLINE vi first_lanes(int n) { return (vi){0, 1, 2, 3, 4, 5, 6, 7} < splat((int32_t)n); }
NABLA_INLINE vf load_n(const float* p, int n) { return (vf)_mm256_maskload_ps(p, (__m256i)first_lanes(n)); }
NABLA_INLINE void store_n(float* p, vf v, int n) { _mm256_maskstore_ps(p, (__m256i)first_lanes(n), (__m256)v); }
#else
// Not as loops: of each Clang makes vectors once more, in every tile, and a call is too slow for small products.
NABLA_INLINE vf load_n(const float* p, int n) {
  vf v = {};
  if (n > 0) v[0] = p[0];
  if (n > 1) v[1] = p[1];
  if (n > 2) v[2] = p[2];
  if (n > 3) v[3] = p[3];
  return v;
}
NABLA_INLINE void store_n(float* p, vf v, int n) {
  if (n > 0) p[0] = v[0];
  if (n > 1) p[1] = v[1];
  if (n > 2) p[2] = v[2];
  if (n > 3) p[3] = v[3];
}
#endif

// Of two vectors side by side the elements 0, 2, 4... and 1, 3, 5...; and the way back.
#if NABLA_VW == 16
NABLA_INLINE vf evens(vf a, vf b) {
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
NABLA_INLINE vf odds(vf a, vf b) {
  return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
NABLA_INLINE vf zip_low(vf a, vf b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
NABLA_INLINE vf zip_high(vf a, vf b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
#elif NABLA_VW == 8
NABLA_INLINE vf evens(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14); }
NABLA_INLINE vf odds(vf a, vf b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15); }
NABLA_INLINE vf zip_low(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
NABLA_INLINE vf zip_high(vf a, vf b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#else
NABLA_INLINE vf evens(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6); }
NABLA_INLINE vf odds(vf a, vf b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7); }
NABLA_INLINE vf zip_low(vf a, vf b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
NABLA_INLINE vf zip_high(vf a, vf b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
#endif

#endif  // lanes of 32 bits

// c - a * b
NABLA_INLINE vf fnma(vf a, vf b, vf c) {
#if defined(__wasm_relaxed_simd__) && NABLA_LANES == 32
  return (vf)wasm_f32x4_relaxed_nmadd((v128_t)a, (v128_t)b, (v128_t)c);
#else
  return fma(-a, b, c);
#endif
}

// Bools are bytes 0 and 1 in memory and masks 0 and -1 in lanes.
typedef int8_t vb __attribute__((vector_size(NABLA_VW)));
typedef int8_t vb_u __attribute__((vector_size(NABLA_VW), aligned(1), may_alias));
NABLA_INLINE vi load_mask(const uint8_t* p) { return __builtin_convertvector((vb)(*(const vb_u*)p != 0), vi); }
NABLA_INLINE void store_mask(uint8_t* p, vi mask) { *(vb_u*)p = __builtin_convertvector(mask & 1, vb); }

// Short runs, for which a call of memcpy is too slow.
NABLA_INLINE void copy_run(const real* from, int64_t n, real* to) {
  int64_t i = 0;
  for (; i + VW <= n; i += VW) store(to + i, load(from + i));
#if defined(__AVX512F__)
  if (i < n) store_n(to + i, load_n(from + i, (int)(n - i)), (int)(n - i));
#else
  if (i < n && i) return store(to + n - VW, load(from + n - VW));
  for (; i < n; i++) to[i] = from[i];
#endif
}

// The same for n <= VW.
NABLA_INLINE vf load_some(const real* p, int n) {
#if defined(__AVX512F__)
  return load_n(p, n);
#else
  return n == VW ? load(p) : load_n(p, n);
#endif
}
NABLA_INLINE void store_some(real* p, vf v, int n) {
#if defined(__AVX512F__)
  store_n(p, v, n);
#else
  if (n == VW)
    store(p, v);
  else
    store_n(p, v, n);
#endif
}

// The sum of the lanes, by halves.
NABLA_INLINE real hsum(vf x) {
#if NABLA_LANES == 64
#if NABLA_BYTES == 64
  typedef double half __attribute__((vector_size(32)));
  const half y = __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7);
#else
  const vf y = x;
#endif
#if NABLA_BYTES >= 32
  return (y[0] + y[2]) + (y[1] + y[3]);
#else
  return y[0] + y[1];
#endif
#else
  typedef float quarter __attribute__((vector_size(16)));
#if NABLA_VW == 16
  typedef float half __attribute__((vector_size(32)));
  const half h = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
                 __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
  const quarter q = __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
#elif NABLA_VW == 8
  const quarter q = __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7);
#else
  const quarter q = x;
#endif
  const quarter s = q + __builtin_shufflevector(q, q, 2, 3, 0, 1);
  return s[0] + s[1];
#endif
}

}  // namespace NABLA_ISA
}  // namespace nabla
