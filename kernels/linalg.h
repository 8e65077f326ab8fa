// Dense factorizations of row-major matrices, on one thread, by blocks: nearly all work is in products (gemm.h).
// Sources: Golub and Van Loan, Matrix Computations, 4th ed.; LAPACK Users' Guide for what is stored where.
#pragma once
#include "gemm.h"

namespace nabla {
namespace NABLA_ISA {

// Memory handed out piece by piece, each aligned to 64 bytes. Counted first with no memory behind it, then taken.
struct Pool64 {
  char* at;
  int64_t used = 0;
  template <class T>
  T* take(int64_t n) {
    T* p = (T*)(at + used);
    used += (n * (int64_t)sizeof(T) + 63) / 64 * 64;
    return p;
  }
};

NABLA_INLINE real root(real x) { return sizeof(real) == 4 ? (real)__builtin_sqrtf((float)x) : (real)__builtin_sqrt((double)x); }
NABLA_INLINE real size_of(real x) { return x < 0 ? -x : x; }
constexpr real EPS = sizeof(real) == 4 ? (real)0x1p-24 : (real)0x1p-53;  // half a unit in the last place of 1
constexpr real TINY = sizeof(real) == 4 ? (real)0x1p-126 : (real)0x1p-1022;

NABLA_INLINE real dot(const real* x, const real* y, int64_t n) {
  vf a = {}, b = {};
  int64_t i = 0;
  for (; i + 2 * VW <= n; i += 2 * VW) {
    a = fma(load(x + i), load(y + i), a);
    b = fma(load(x + i + VW), load(y + i + VW), b);
  }
  if (i + VW <= n) a = fma(load(x + i), load(y + i), a), i += VW;
  real s = hsum(a + b);
  for (; i < n; i++) s += x[i] * y[i];
  return s;
}
// y += a x
NABLA_INLINE void axpy(real a, const real* x, real* y, int64_t n) {
  const vf s = splat(a);
  int64_t i = 0;
  for (; i + VW <= n; i += VW) store(y + i, fma(s, load(x + i), load(y + i)));
  for (; i < n; i++) y[i] += a * x[i];
}
NABLA_INLINE void scale(real a, real* x, int64_t n) {
  const vf s = splat(a);
  int64_t i = 0;
  for (; i + VW <= n; i += VW) store(x + i, s * load(x + i));
  for (; i < n; i++) x[i] *= a;
}
NABLA_INLINE void swap_rows(real* x, real* y, int64_t n) {
  int64_t i = 0;
  for (; i + VW <= n; i += VW) {
    const vf a = load(x + i), b = load(y + i);
    store(x + i, b);
    store(y + i, a);
  }
  for (; i < n; i++) {
    const real a = x[i];
    x[i] = y[i];
    y[i] = a;
  }
}
// C (m x n) += A (m x k) B (k x n), rows of C side by side.
NABLA_INLINE void add_product(int64_t m, int64_t n, int64_t k, const real* a, int64_t a_rs, int64_t a_cs, const real* b,
                              int64_t b_rs, int64_t b_cs, real* c, int64_t c_rs, void* scratch, bool accumulate = true) {
  if (m > 0 && n > 0) gemm({a, b, c, m, n, k, a_rs, a_cs, b_rs, b_cs, c_rs, accumulate, nullptr}, scratch);
}

// Everything below works on a (rows x cols, row stride ld) in place where nothing else is said, with a pool that its
// `_bytes` counts for the largest extent of all matrices.

// P A = L U with partial pivoting: L below the diagonal (1 on it), U on and above it; row i was exchanged with row
// pivot[i]. Gives the number of the first column whose pivot is 0, counted from 1, or 0.
int32_t lu(real* a, int64_t ld, int64_t m, int64_t n, int32_t* pivot, Pool64 pool);
// A = L L^T of a symmetric positive definite matrix of which the lower triangle is read; above the diagonal 0 is
// written. Gives the order of the first leading minor that is not positive, or 0.
int32_t cholesky(real* a, int64_t ld, int64_t n, Pool64 pool);
// Solves T X = B for X, over B (n x columns): T is the triangle of a matrix with any strides.
void solve_triangular(const real* t, int64_t rs, int64_t cs, int64_t n, bool upper, bool unit, real* b, int64_t ldb,
                      int64_t columns, Pool64 pool);
// A = Q R by Householder reflections H = I - tau v v^T: R on and above the diagonal, v below it (v's first element is 1
// and not stored), tau (least(m, n)).
void qr(real* a, int64_t ld, int64_t m, int64_t n, real* tau, Pool64 pool);
// Q's first `columns` columns into q (m x columns), from `k` reflections stored as qr stores them.
void householder_product(const real* a, int64_t ld, int64_t m, int64_t k, const real* tau, real* q, int64_t ldq,
                         int64_t columns, Pool64 pool);
// A = V diag(w) V^T of a symmetric matrix, of which the lower triangle is read: values ascending, vectors in the columns
// of a (which may be left out: then a is lost). False when the iteration does not end (A holds what is not finite).
bool eigh(real* a, int64_t ld, int64_t n, real* w, bool vectors, Pool64 pool);
// A (m x n, m >= n) = U diag(s) V^T, s descending; a becomes U (m x n), vt (n x n) is V^T. Without vectors a is lost.
bool svd(real* a, int64_t ld, int64_t m, int64_t n, real* s, real* vt, bool vectors, Pool64 pool);

// Bytes that the pool must hold for any of these on an m x n matrix with as many right-hand sides.
int64_t lu_bytes(int64_t m, int64_t n);
int64_t cholesky_bytes(int64_t n);
int64_t triangular_bytes(int64_t n, int64_t columns);
int64_t qr_bytes(int64_t m, int64_t n);
int64_t eigh_bytes(int64_t n, bool vectors);
int64_t svd_bytes(int64_t m, int64_t n, bool vectors);

}  // namespace NABLA_ISA
}  // namespace nabla
