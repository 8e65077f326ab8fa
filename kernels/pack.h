// Panels of a matrix laid out so that a register tile walks them with unit stride.
#pragma once
#include "simd.h"

namespace nabla {
namespace NABLA_ISA {

typedef real v4 __attribute__((vector_size(4 * sizeof(real))));
typedef real v4_u __attribute__((vector_size(4 * sizeof(real)), aligned(4), may_alias));

// Four rows by four columns: to[p*w + i] = from[i]'s element p.
NABLA_INLINE void transpose4(const real* const* from, real* to, int64_t w) {
  const v4 a = *(const v4_u*)from[0], b = *(const v4_u*)from[1];
  const v4 c = *(const v4_u*)from[2], d = *(const v4_u*)from[3];
  const v4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const v4 cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  *(v4_u*)to = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
  *(v4_u*)(to + w) = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
  *(v4_u*)(to + 2 * w) = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
  *(v4_u*)(to + 3 * w) = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
}

// VW rows of VW lanes become columns: in each round row i is interleaved with the one half of them further on.
NABLA_INLINE void transpose_lanes(vf* a) {
#pragma GCC unroll 4
  for (int n = VW; n > 1; n /= 2) {
    vf b[VW];
#pragma GCC unroll 8
    for (int i = 0; i < VW / 2; i++) b[2 * i] = zip_low(a[i], a[i + VW / 2]), b[2 * i + 1] = zip_high(a[i], a[i + VW / 2]);
#pragma GCC unroll 16
    for (int i = 0; i < VW; i++) a[i] = b[i];
  }
}

#if defined(__AVX512F__)
// VW rows by VW columns, of which the first n are stored.
NABLA_INLINE void transpose_square(const real* const* from, real* to, int64_t w, int n) {
  vf a[VW];
#pragma GCC unroll 16
  for (int i = 0; i < VW; i++) a[i] = load(from[i]);
  transpose_lanes(a);
#pragma GCC unroll 16
  for (int p = 0; p < VW; p++) store_some(to + p * w, a[p], n);
}
#endif

// to[p*w + i] = from[i*rs + p*cs] for p < k, i < n, and what is past n and below w is zero or finite
// rubbish of the matrix, which lands in columns that nobody stores. May write 3 floats too many.
inline void pack(const real* from, int64_t rs, int64_t cs, int64_t n, int64_t w, int64_t k, real* to) {
  if (rs == 1 || cs != 1 || n < 3) {
    for (int64_t p = 0; p < k; p++) {
      const real* x = from + p * cs;
      real* y = to + p * w;
      int64_t i = 0;
      if (rs == 1) {
        // The rows of a large matrix lie on pages of their own, where no prefetching of the processor leads.
        for (int64_t q = 0; q < n; q += VW) __builtin_prefetch(x + 16 * cs + q);
        for (; i + VW <= n; i += VW) store(y + i, load(x + i));
#if defined(__AVX512F__)
        if (i < n) store_some(y + i, load_some(x + i, (int)(n - i)), (int)(n - i)), i = n;
#else
        for (; i + 4 <= n; i += 4) *(v4_u*)(y + i) = *(const v4_u*)(x + i);
        // A part of a vector with what lies behind it in the matrix.
        if (i < n && w - i == VW && p * cs + i + VW <= (k - 1) * cs + n) store(y + i, load(x + i)), i = w;
        for (; i < n; i++) y[i] = x[i];
#endif
      } else {
        for (; i < n; i++) y[i] = x[i * rs];
      }
      for (; i < w; i++) y[i] = 0;
    }
    return;
  }
  int64_t done = 0;
#if defined(__AVX512F__)
  done = k & ~(int64_t)(VW - 1);
  for (int64_t i = 0; i < w; i += VW) {
    const real* row[VW];
    for (int r = 0; r < VW; r++) row[r] = from + (i + r < n ? i + r : n - 1) * rs;
    for (int64_t p = 0; p < done; p += VW) {
      transpose_square(row, to + p * w + i, w, (int)least(w - i, VW));
      for (int r = 0; r < VW; r++) row[r] += VW, __builtin_prefetch(row[r] + 3 * VW);  // more rows than the processor follows
    }
  }
#endif
  const int64_t k4 = k & ~(int64_t)3;
  // From the last group to the first: the columns that a partial group writes too many are the next
  // row's first ones, which come after it.
  for (int64_t i = (w - 1) & ~(int64_t)3; i >= 0; i -= 4) {
    const real* row[4];
    for (int r = 0; r < 4; r++) row[r] = from + (i + r < n ? i + r : n - 1) * rs + done;
    for (int64_t p = done; p < k4; p += 4) {
      transpose4(row, to + p * w + i, w);
      for (int r = 0; r < 4; r++) row[r] += 4;
    }
  }
  for (int64_t p = k4; p < k; p++)
    for (int64_t i = 0; i < w; i++) to[p * w + i] = from[(i < n ? i : n - 1) * rs + p];
}

// Sums of m rows of n columns, w floats apart, become the columns of c. Reads whole vectors of rows and columns.
inline void turn(const real* from, int64_t m, int64_t n, int64_t w, real* c, int64_t c_rs, bool add, const real* bias) {
  for (int64_t i = 0; i < m; i += VW) {
    const int rows = (int)least(VW, m - i);
    for (int64_t j = 0; j < n; j += VW) {
      vf x[VW];
#pragma GCC unroll 16
      for (int r = 0; r < VW; r++) x[r] = load(from + (i + r) * w + j);
      transpose_lanes(x);
      for (int q = 0; q < VW && j + q < n; q++) {
        real* const to = c + (j + q) * c_rs + i;
        vf sum = x[q];
        if (bias) sum += load_some(bias + i, rows);
        store_some(to, add ? sum + load_some(to, rows) : sum, rows);
      }
    }
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
