// Singular values and vectors: bidiagonal form by blocked reflections (Dongarra, Hammarling and Sorensen, 1989), its singular
// vectors (linalg_bidiagonal.h), and the reflections upon them. Computed in float64.
#include "linalg.h"
#include "linalg_bidiagonal.h"
#include "linalg_reflect.h"

#if NABLA_LANES == 64
namespace nabla {
namespace NABLA_ISA {

namespace {

constexpr int64_t NB = REFLECTIONS;

// Columns of a panel lie one after the other: left reflections and what they do to rows (vx), what they do to columns and
// right reflections (yu).
struct Bidiagonal {
  double *d, *e, *tauq, *taup, *vx, *yu, *line, *work;
  Reflections r;
  void* scratch;
};
Bidiagonal take_bidiagonal(Pool64& pool, int64_t m, int64_t n) {
  Bidiagonal b;
  double** const lists[] = {&b.d, &b.e, &b.tauq, &b.taup};
  for (double** p : lists) *p = pool.take<double>(n + VW);
  b.line = pool.take<double>(m + VW);
  b.work = pool.take<double>(n + VW);
  b.vx = pool.take<double>(m * 2 * NB);
  b.yu = pool.take<double>(n * 2 * NB);
  b.scratch = pool.take<char>(gemm_scratch_bytes(m, n, 2 * NB));
  b.r = take_reflections(pool, m, n);
  return b;
}

// y (n) = sum of x_i times row i of `count` rows, added to what is there if it is to be.
NABLA_INLINE void mix(const double* rows, int64_t ld, int64_t count, const double* x, double* y, int64_t n, bool accumulate) {
  if (n > 0) gemv({x, rows, y, n, count, 1, ld, 1, 1, accumulate, nullptr, 0, false}, 0, n, nullptr);
}
// y (count) = products of `count` rows with x (n).
NABLA_INLINE void dots(const double* rows, int64_t ld, int64_t count, const double* x, double* y, int64_t n) {
  if (count > 0) gemv({x, rows, y, count, n, 1, 1, ld, 1, false, nullptr, 0, true}, 0, count, nullptr);
}

// A (m x n, m >= n) to upper bidiagonal form. Left reflections are kept below the diagonal of their columns, right ones in
// their rows from the second element above the diagonal on, as v[0] = 1 and the rest.
void bidiagonalize(double* a, int64_t ld, int64_t m, int64_t n, Bidiagonal& b) {
  double s[2 * NB];
  for (int64_t j0 = 0; j0 < n; j0 += NB) {
    const int64_t nb = least(NB, n - j0);
    double *const vs = b.vx, *const xs = b.vx + NB * m, *const ys = b.yu, *const us = b.yu + NB * n;
    for (int64_t c = 0; c < nb; c++) {
      const int64_t j = j0 + c, rows = m - j, right = n - j - 1;
      double* const v = vs + c * m + j;
      for (int64_t i = 0; i < rows; i++) v[i] = a[(j + i) * ld + j];
      for (int64_t q = 0; q < c; q++) s[q] = -ys[q * n + j], s[NB + q] = -us[q * n + j];
      mix(vs + j, m, c, s, v, rows, true);
      mix(xs + j, m, c, s + NB, v, rows, true);
      b.tauq[j] = reflect(v, 1, rows, &b.d[j]);
      v[0] = 1;
      for (int64_t i = 0; i < rows; i++) a[(j + i) * ld + j] = v[i];
      if (right == 0) {
        b.taup[j] = 0;
        continue;
      }
      // What the reflection does to the columns on the right.
      double* const y = ys + c * n + j + 1;
      mix(a + j * ld + j + 1, ld, rows, v, y, right, false);
      dots(vs + j, m, c, v, s, rows);
      dots(xs + j, m, c, v, s + NB, rows);
      for (int64_t q = 0; q < c; q++) s[q] = -s[q], s[NB + q] = -s[NB + q];
      mix(ys + j + 1, n, c, s, y, right, true);
      mix(us + j + 1, n, c, s + NB, y, right, true);
      scale(b.tauq[j], y, right);
      // Row j, then its own reflection.
      double* const u = us + c * n + j + 1;
      copy_run(a + j * ld + j + 1, right, u);
      for (int64_t q = 0; q <= c; q++) s[q] = -vs[q * m + j], s[NB + q] = -xs[q * m + j];
      mix(ys + j + 1, n, c + 1, s, u, right, true);
      mix(us + j + 1, n, c, s + NB, u, right, true);
      b.taup[j] = reflect(u, 1, right, &b.e[j]);
      u[0] = 1;
      copy_run(u, right, a + j * ld + j + 1);
      double* const x = xs + c * m + j + 1;
      dots(a + (j + 1) * ld + j + 1, ld, rows - 1, u, x, right);
      dots(ys + j + 1, n, c + 1, u, s, right);
      dots(us + j + 1, n, c, u, s + NB, right);
      for (int64_t q = 0; q <= c; q++) s[q] = -s[q], s[NB + q] = -s[NB + q];
      mix(vs + j + 1, m, c + 1, s, x, rows - 1, true);
      mix(xs + j + 1, m, c, s + NB, x, rows - 1, true);
      scale(b.taup[j], x, rows - 1);
    }
    const int64_t r = j0 + nb;
    if (r >= n) break;
    for (int64_t c = 0; c < 2 * NB; c++) scale(-1, b.vx + c * m + r, m - r);
    add_product(m - r, n - r, 2 * NB, b.vx + r, 1, m, b.yu + r, n, 1, a + r * ld + r, ld, b.scratch);
  }
}

// Columns of `to` (n x n) from the last row of `from` to the first, in tiles that caches hold.
void columns_of(const double* from, int64_t n, double* to, int64_t ld) {
  constexpr int64_t TILE = 16;
  for (int64_t i = 0; i < n; i += TILE)
    for (int64_t j = 0; j < n; j += TILE)
      for (int64_t x = i; x < least(n, i + TILE); x++)
        for (int64_t y = j; y < least(n, j + TILE); y++) to[x * ld + y] = from[(n - 1 - y) * n + x];
}

}  // namespace

int64_t svd_bytes(int64_t m, int64_t n, bool vectors) {
  Pool64 pool{nullptr};
  pool.take<double>(n * n);
  pool.take<double>(n);
  pool.take<double>(m * n);
  take_bidiagonal(pool, m, n);
  int64_t deeper = qr_bytes(m, n);
  if (vectors) {
    pool.take<double>(n * n);
    deeper = most(deeper, bidiagonal_bytes(n));
  }
  return pool.used + deeper;
}

bool svd(double* a, int64_t ld, int64_t m, int64_t n, double* s, double* vt, bool vectors, Pool64 pool) {
  double top = 0;
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      const double x = size_of(a[i * ld + j]);
      if (!(x < INF)) return false;
      if (x > top) top = x;
    }
  if (n == 0) return true;
  // By a power of two, so that squares stay within range.
  double unit = 1;
  if (top > 0 && (top > 0x1p100 || top < 0x1p-100)) {
    while (top * unit > 2) unit *= 0.5;
    while (top * unit < 1) unit *= 2;
  }
  double* const square = pool.take<double>(n * n);
  double* const tau = pool.take<double>(n);
  double* const kept = pool.take<double>(m * n);
  // A tall matrix is its R first.
  const bool tall = m > n + n / 4 && m > n;
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) kept[i * n + j] = a[i * ld + j] * unit;
  double* work = kept;
  int64_t rows = m;
  if (tall) {
    qr(kept, n, m, n, tau, pool);
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < n; j++) square[i * n + j] = i <= j ? kept[i * n + j] : 0;
    work = square, rows = n;
  }
  Bidiagonal b = take_bidiagonal(pool, m, n);
  bidiagonalize(work, n, rows, n, b);
  double* const u = vectors ? pool.take<double>(n * n) : nullptr;
  // Left and right vectors in rows; they descend, which those of the bidiagonal matrix do not.
  if (!bidiagonal_svd(b.d, b.e, n, u, vectors ? vt : nullptr, pool)) return false;
  for (int64_t i = 0; i < n; i++) s[i] = b.d[n - 1 - i] / unit;
  if (!vectors) return true;
  for (int64_t i = 0; i < n / 2; i++) swap_rows(vt + i * n, vt + (n - 1 - i) * n, n);
  // Right reflections act on columns 1 to n - 1.
  for (int64_t j = n > 1 ? (n - 2) / NB * NB : -1; j >= 0; j -= NB) {
    const int64_t nb = least(NB, n - 1 - j), count = n - j - 1;
    for (int64_t c = 0; c < nb; c++)
      for (int64_t i = 0; i < count; i++) b.r.v[c * count + i] = i < c ? 0 : work[(j + c) * n + j + 1 + i];
    gather(b.r, b.r.v, 1, count, count, nb, b.taup + j);
    apply_right(b.r, b.r.v, 1, count, count, nb, vt + j + 1, n, n);
  }
  // Left vectors, in the columns of a.
  const auto reflect_back = [&](const double* from, int64_t count, const double* taus) {
    for (int64_t i = n; i < count; i++)
      for (int64_t j = 0; j < n; j++) a[i * ld + j] = 0;
    for (int64_t j = (n - 1) / NB * NB; j >= 0; j -= NB) {
      const int64_t nb = least(NB, n - j), rest = count - j;
      for (int64_t i = 0; i < rest; i++) copy_run(from + (j + i) * n + j, nb, b.r.v + i * nb);
      lower_trapezoid(b.r.v, nb, rest, nb);
      gather(b.r, b.r.v, nb, 1, rest, nb, taus + j);
      apply(b.r, b.r.v, nb, 1, rest, nb, false, a + j * ld, ld, n);
    }
  };
  columns_of(u, n, a, ld);
  reflect_back(work, rows, b.tauq);
  if (tall) reflect_back(kept, m, tau);
  return true;
}

}  // namespace NABLA_ISA
}  // namespace nabla
#endif
