// LU, Cholesky and triangular systems.
#include "linalg.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

constexpr int64_t NB = 48;  // columns of a panel

// The negative of a block, side by side: products can only be added.
NABLA_INLINE void negative(const real* a, int64_t rs, int64_t cs, int64_t m, int64_t n, real* out) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) out[i * n + j] = -a[i * rs + j * cs];
}

// A panel (rows x nb, side by side): pivots are places in the panel; its own rows are exchanged.
int32_t lu_panel(real* p, int64_t rows, int64_t nb, int32_t* pivot) {
  int32_t zero = 0;
  for (int64_t j = 0; j < nb && j < rows; j++) {
    int64_t best = j;
    real top = size_of(p[j * nb + j]);
    for (int64_t i = j + 1; i < rows; i++) {
      const real x = size_of(p[i * nb + j]);
      if (x > top || (x != x && top == top)) top = x, best = i;
    }
    pivot[j] = (int32_t)best;
    if (best != j) swap_rows(p + j * nb, p + best * nb, nb);
    const real d = p[j * nb + j];
    if (d == 0) {
      if (!zero) zero = (int32_t)j + 1;
      continue;
    }
    for (int64_t i = j + 1; i < rows; i++) {
      real* const row = p + i * nb;
      const real l = row[j] /= d;
      if (l != 0) axpy(-l, p + j * nb + j + 1, row + j + 1, nb - j - 1);
    }
  }
  return zero;
}

}  // namespace

int64_t lu_bytes(int64_t m, int64_t n) {
  Pool64 pool{nullptr};
  pool.take<real>(2 * m * NB);
  pool.take<char>(gemm_scratch_bytes(m, n, NB));
  return pool.used;
}

int32_t lu(real* a, int64_t ld, int64_t m, int64_t n, int32_t* pivot, Pool64 pool) {
  real* const panel = pool.take<real>(m * NB);
  real* const minus = pool.take<real>(m * NB);
  void* const scratch = pool.take<char>(0);
  const int64_t k = least(m, n);
  int32_t zero = 0;
  for (int64_t j = 0; j < k; j += NB) {
    const int64_t nb = least(NB, k - j), rows = m - j, right = n - j - nb;
    for (int64_t i = 0; i < rows; i++) copy_run(a + (j + i) * ld + j, nb, panel + i * nb);
    const int32_t z = lu_panel(panel, rows, nb, pivot + j);
    if (z && !zero) zero = (int32_t)j + z;
    for (int64_t i = 0; i < nb; i++) {
      pivot[j + i] += (int32_t)j;
      if (pivot[j + i] != j + i) swap_rows(a + (j + i) * ld, a + pivot[j + i] * ld, n);
    }
    for (int64_t i = 0; i < rows; i++) copy_run(panel + i * nb, nb, a + (j + i) * ld + j);
    if (right <= 0) continue;
    for (int64_t i = 1; i < nb; i++)
      for (int64_t s = 0; s < i; s++)
        axpy(-panel[i * nb + s], a + (j + s) * ld + j + nb, a + (j + i) * ld + j + nb, right);
    negative(panel + nb * nb, nb, 1, rows - nb, nb, minus);
    add_product(rows - nb, right, nb, minus, nb, 1, a + j * ld + j + nb, ld, 1, a + (j + nb) * ld + j + nb, ld, scratch);
  }
  return zero;
}

int64_t triangular_bytes(int64_t n, int64_t columns) {
  Pool64 pool{nullptr};
  pool.take<real>(n * NB);
  pool.take<char>(gemm_scratch_bytes(n, columns, NB));
  return pool.used;
}

void solve_triangular(const real* t, int64_t rs, int64_t cs, int64_t n, bool upper, bool unit, real* b, int64_t ldb,
                      int64_t columns, Pool64 pool) {
  real* const minus = pool.take<real>(n * NB);
  void* const scratch = pool.take<char>(0);
  const int64_t blocks = ceil_div(n, NB);
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t j = (upper ? blocks - 1 - block : block) * NB, nb = least(NB, n - j);
    for (int64_t step = 0; step < nb; step++) {
      const int64_t i = upper ? nb - 1 - step : step;
      real* const row = b + (j + i) * ldb;
      for (int64_t s = upper ? i + 1 : 0; s < (upper ? nb : i); s++)
        axpy(-t[(j + i) * rs + (j + s) * cs], b + (j + s) * ldb, row, columns);
      // Divided, not multiplied by the reciprocal: 1/t may overflow where the quotient does not.
      if (!unit) {
        const vf d = splat(t[(j + i) * (rs + cs)]);
        int64_t c = 0;
        for (; c + VW <= columns; c += VW) store(row + c, load(row + c) / d);
        for (; c < columns; c++) row[c] /= d[0];
      }
    }
    const int64_t first = upper ? 0 : j + nb, rest = upper ? j : n - first;
    negative(t + first * rs + j * cs, rs, cs, rest, nb, minus);
    add_product(rest, columns, nb, minus, nb, 1, b + j * ldb, ldb, 1, b + first * ldb, ldb, scratch);
  }
}

int64_t cholesky_bytes(int64_t n) { return lu_bytes(n, n); }

int32_t cholesky(real* a, int64_t ld, int64_t n, Pool64 pool) {
  real* const minus = pool.take<real>(2 * n * NB);
  void* const scratch = pool.take<char>(0);
  for (int64_t j = 0; j < n; j += NB) {
    const int64_t nb = least(NB, n - j), below = n - j - nb;
    real* const d = a + j * ld + j;
    for (int64_t i = 0; i < nb; i++) {
      for (int64_t c = 0; c < i; c++) d[i * ld + c] = (d[i * ld + c] - dot(d + i * ld, d + c * ld, c)) / d[c * ld + c];
      const real x = d[i * ld + i] - dot(d + i * ld, d + i * ld, i);
      if (!(x > 0)) return (int32_t)(j + i) + 1;
      d[i * ld + i] = root(x);
    }
    for (int64_t i = 0; i < below; i++) {
      real* const row = a + (j + nb + i) * ld + j;
      for (int64_t c = 0; c < nb; c++) row[c] = (row[c] - dot(row, d + c * ld, c)) / d[c * ld + c];
    }
    negative(a + (j + nb) * ld + j, ld, 1, below, nb, minus);
    // The triangle that is left, in strips of columns.
    for (int64_t c = 0; c < below; c += 128) {
      const int64_t w = least(128, below - c);
      real* const strip = a + (j + nb + c) * ld + j;
      add_product(below - c, w, nb, minus + c * nb, nb, 1, strip, 1, ld, strip + nb + c, ld, scratch);
    }
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t c = i + 1; c < n; c++) a[i * ld + c] = 0;
  return 0;
}

}  // namespace NABLA_ISA
}  // namespace nabla
