// Householder reflections and their products, for QR, tridiagonal and bidiagonal forms.
#pragma once
#include "linalg.h"

namespace nabla {
namespace NABLA_ISA {

constexpr int64_t REFLECTIONS = 32;  // that are applied together

struct Reflections {
  real* v;        // (rows, REFLECTIONS): the reflections at hand
  real* t;        // (REFLECTIONS, REFLECTIONS)
  real *w, *w2;   // (REFLECTIONS, columns)
  real* row;
  void* scratch;
};

NABLA_INLINE Reflections take_reflections(Pool64& pool, int64_t rows, int64_t columns) {
  Reflections r;
  r.v = pool.take<real>(rows * REFLECTIONS);
  r.t = pool.take<real>(REFLECTIONS * REFLECTIONS);
  r.w = pool.take<real>(REFLECTIONS * columns);
  r.w2 = pool.take<real>(REFLECTIONS * columns);
  r.row = pool.take<real>(most(rows, columns));
  int64_t bytes = gemm_scratch_bytes(REFLECTIONS, columns, rows);
  bytes = most(bytes, gemm_scratch_bytes(rows, columns, REFLECTIONS));
  bytes = most(bytes, gemm_scratch_bytes(REFLECTIONS, REFLECTIONS, rows));
  bytes = most(bytes, gemm_scratch_bytes(columns, REFLECTIONS, columns));
  bytes = most(bytes, gemm_scratch_bytes(REFLECTIONS, columns, REFLECTIONS));
  r.scratch = pool.take<char>(bytes);
  return r;
}

// x (n elements, one every `step`) becomes beta e1 by I - tau v v^T; x's rest becomes that of v (v[0] is 1).
NABLA_INLINE real reflect(real* x, int64_t step, int64_t n, real* beta) {
  const real alpha = x[0];
  real top = 0;
  for (int64_t i = 1; i < n; i++) {
    const real s = size_of(x[i * step]);
    if (s > top || s != s) top = s;
  }
  *beta = alpha;
  if (top == 0) return 0;
  // Scaled, so that no square overflows or is lost.
  const real unit = size_of(alpha) > top ? size_of(alpha) : top;
  double sum = 0;
  for (int64_t i = 1; i < n; i++) {
    const double s = (double)(x[i * step] / unit);
    sum += s * s;
  }
  const double first = (double)(alpha / unit), norm = __builtin_sqrt(first * first + sum);
  const real b = (real)(first > 0 ? -norm : norm) * unit;
  *beta = b;
  const real tau = (b - alpha) / b, divisor = alpha - b;
  for (int64_t i = 1; i < n; i++) x[i * step] /= divisor;
  return tau;
}

// What stands on and above the diagonal of stored reflections is not theirs: 1 and 0.
NABLA_INLINE void lower_trapezoid(real* v, int64_t ld, int64_t rows, int64_t nb) {
  for (int64_t i = 0; i < least(rows, nb); i++)
    for (int64_t j = i; j < nb; j++) v[i * ld + j] = i == j;
}

// T of H1 H2 ... = I - V T V^T, upper triangular. Rows of V lie `rs` apart, its columns `cs`.
NABLA_INLINE void gather(Reflections& r, const real* v, int64_t rs, int64_t cs, int64_t rows, int64_t nb, const real* tau) {
  real* const vv = r.w;
  add_product(nb, nb, rows, v, cs, rs, v, rs, cs, vv, nb, r.scratch, false);
  for (int64_t j = 0; j < nb; j++) {
    for (int64_t i = 0; i < nb; i++) r.t[i * nb + j] = 0;
    for (int64_t i = 0; i < j; i++) {
      real s = 0;
      for (int64_t k = i; k < j; k++) s += r.t[i * nb + k] * vv[k * nb + j];
      r.t[i * nb + j] = -tau[j] * s;
    }
    r.t[j * nb + j] = tau[j];
  }
}

// C (rows x columns) becomes H C, or H^T C.
NABLA_INLINE void apply(Reflections& r, const real* v, int64_t rs, int64_t cs, int64_t rows, int64_t nb, bool transposed, real* c,
                        int64_t ldc, int64_t columns) {
  if (columns <= 0) return;
  add_product(nb, columns, rows, v, cs, rs, c, ldc, 1, r.w, columns, r.scratch, false);
  add_product(nb, columns, nb, r.t, transposed ? 1 : nb, transposed ? nb : 1, r.w, columns, 1, r.w2, columns, r.scratch,
              false);
  for (int64_t i = 0; i < nb * columns; i++) r.w2[i] = -r.w2[i];
  add_product(rows, columns, nb, v, rs, cs, r.w2, columns, 1, c, ldc, r.scratch);
}

// C (rows x columns) becomes C H^T.
NABLA_INLINE void apply_right(Reflections& r, const real* v, int64_t rs, int64_t cs, int64_t columns, int64_t nb, real* c,
                              int64_t ldc, int64_t rows) {
  add_product(rows, nb, columns, c, ldc, 1, v, rs, cs, r.w, nb, r.scratch, false);
  add_product(rows, nb, nb, r.w, nb, 1, r.t, 1, nb, r.w2, nb, r.scratch, false);
  for (int64_t i = 0; i < nb * rows; i++) r.w2[i] = -r.w2[i];
  add_product(rows, columns, nb, r.w2, nb, 1, v, cs, rs, c, ldc, r.scratch);
}

}  // namespace NABLA_ISA
}  // namespace nabla
