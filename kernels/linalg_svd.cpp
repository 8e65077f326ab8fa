// Singular values and vectors: bidiagonal form by blocked reflections (Dongarra, Hammarling and Sorensen, 1989), then the
// eigenvectors of the symmetric tridiagonal matrix that holds the bidiagonal one twice (Golub and Kahan, 1965), whose halves
// are the singular vectors. Halves of small values mix with those of the opposite sign; what is lost is mended by Newton's
// iteration for orthogonal matrices and, where values are next to nothing, by rotations (Jacobi). Computed in float64.
#include "linalg.h"
#include "linalg_reflect.h"
#include "linalg_tridiagonal.h"

#if NABLA_LANES == 64
namespace nabla {
namespace NABLA_ISA {

namespace {

constexpr int64_t NB = REFLECTIONS;

struct Bidiagonal {
  double *d, *e, *tauq, *taup, *v, *y, *x, *u, *line, *work, *left, *right;
  Reflections r;
  void* scratch;
};
Bidiagonal take_bidiagonal(Pool64& pool, int64_t m, int64_t n) {
  Bidiagonal b;
  double** const lists[] = {&b.d, &b.e, &b.tauq, &b.taup};
  for (double** p : lists) *p = pool.take<double>(n + VW);
  b.line = pool.take<double>(m + VW);
  b.work = pool.take<double>(m + VW);
  b.v = pool.take<double>(m * NB);
  b.x = pool.take<double>(m * NB);
  b.y = pool.take<double>(n * NB);
  b.u = pool.take<double>(n * NB);
  b.left = pool.take<double>(m * 2 * NB);
  b.right = pool.take<double>(n * 2 * NB);
  b.scratch = pool.take<char>(gemm_scratch_bytes(m, n, 2 * NB));
  b.r = take_reflections(pool, m, n);
  return b;
}

// w (count) = the sums over rows of a block (rows x count, stride NB) times x.
NABLA_INLINE void turned(const double* block, int64_t rows, int64_t count, const double* x, double* w) {
  for (int64_t s = 0; s < count; s++) w[s] = 0;
  for (int64_t i = 0; i < rows; i++) axpy(x[i], block + i * NB, w, count);
}

// A (m x n, m >= n) to upper bidiagonal form. Left reflections are kept below the diagonal of their columns, right ones in
// their rows from the second element above the diagonal on, as v[0] = 1 and the rest.
void bidiagonalize(double* a, int64_t ld, int64_t m, int64_t n, Bidiagonal& b) {
  double s1[NB], s2[NB];
  for (int64_t j0 = 0; j0 < n; j0 += NB) {
    const int64_t nb = least(NB, n - j0);
    for (int64_t c = 0; c < nb; c++) {
      const int64_t j = j0 + c, rows = m - j, right = n - j - 1;
      double* const v = b.line;
      for (int64_t i = 0; i < rows; i++)
        v[i] = a[(j + i) * ld + j] - dot(b.v + (j + i) * NB, b.y + j * NB, c) - dot(b.x + (j + i) * NB, b.u + j * NB, c);
      b.tauq[j] = reflect(v, 1, rows, &b.d[j]);
      v[0] = 1;
      for (int64_t i = 0; i < rows; i++) {
        a[(j + i) * ld + j] = v[i];
        b.v[(j + i) * NB + c] = v[i];
      }
      for (int64_t i = j0; i < j; i++) b.v[i * NB + c] = 0;
      if (right == 0) {
        b.taup[j] = 0;
        continue;
      }
      // What the reflection does to the columns on the right.
      double* const y = b.work;
      for (int64_t i = 0; i < right; i++) y[i] = 0;
      for (int64_t i = 0; i < rows; i++) axpy(v[i], a + (j + i) * ld + j + 1, y, right);
      turned(b.v + j * NB, rows, c, v, s1);
      turned(b.x + j * NB, rows, c, v, s2);
      for (int64_t i = 0; i < right; i++) {
        const int64_t k = j + 1 + i;
        b.y[k * NB + c] = b.tauq[j] * (y[i] - dot(b.y + k * NB, s1, c) - dot(b.u + k * NB, s2, c));
      }
      // Row j, then its own reflection.
      double* const u = a + j * ld + j + 1;
      for (int64_t i = 0; i < right; i++) {
        const int64_t k = j + 1 + i;
        u[i] -= dot(b.v + j * NB, b.y + k * NB, c + 1) + dot(b.x + j * NB, b.u + k * NB, c);
      }
      b.taup[j] = reflect(u, 1, right, &b.e[j]);
      u[0] = 1;
      for (int64_t i = 0; i < right; i++) b.u[(j + 1 + i) * NB + c] = u[i];
      for (int64_t i = j0; i <= j; i++) b.u[i * NB + c] = 0;
      turned(b.y + (j + 1) * NB, right, c + 1, u, s1);
      turned(b.u + (j + 1) * NB, right, c, u, s2);
      for (int64_t i = 1; i < rows; i++) {
        const int64_t k = j + i;
        b.x[k * NB + c] =
            b.taup[j] * (dot(a + k * ld + j + 1, u, right) - dot(b.v + k * NB, s1, c + 1) - dot(b.x + k * NB, s2, c));
      }
      for (int64_t i = j0; i <= j; i++) b.x[i * NB + c] = 0;
    }
    const int64_t r = j0 + nb;
    if (r >= n) break;
    for (int64_t i = r; i < m; i++)
      for (int64_t c = 0; c < nb; c++) {
        b.left[(i - r) * 2 * NB + c] = -b.v[i * NB + c];
        b.left[(i - r) * 2 * NB + NB + c] = -b.x[i * NB + c];
      }
    for (int64_t i = r; i < n; i++)
      for (int64_t c = 0; c < nb; c++) {
        b.right[(i - r) * 2 * NB + c] = b.y[i * NB + c];
        b.right[(i - r) * 2 * NB + NB + c] = b.u[i * NB + c];
      }
    add_product(m - r, n - r, 2 * NB, b.left, 2 * NB, 1, b.right, 1, 2 * NB, a + r * ld + r, ld, b.scratch);
  }
}

// Rows of q (k x n) that are nearly orthonormal made so: q = (3 - q q^T) q / 2, until nothing is left to mend. Each round
// squares what is off.
void straighten(double* q, int64_t k, int64_t n, double* gram, double* made, void* scratch) {
  for (int round = 0; round < 6; round++) {
    // The lower triangle in strips of columns; the rest is its mirror.
    for (int64_t c = 0; c < k; c += 128)
      add_product(k - c, least(128, k - c), n, q + c * n, n, 1, q + c * n, 1, n, gram + c * k + c, k, scratch, false);
    double off = 0;
    for (int64_t i = 0; i < k; i++)
      for (int64_t j = 0; j <= i; j++) {
        const double g = gram[i * k + j], w = size_of(g - (i == j));
        if (w > off) off = w;
        gram[j * k + i] = gram[i * k + j] = (i == j ? 1.5 : 0) - g / 2;
      }
    if (off <= 32 * EPS) return;
    add_product(k, n, k, gram, k, 1, q, n, 1, made, n, scratch, false);
    for (int64_t i = 0; i < k * n; i++) q[i] = made[i];
    if (off * off * (double)k <= EPS) return;
  }
}

// The rows [from, n) of q (n x n), of which those before are orthonormal, completed to an orthonormal basis.
void complete(double* q, int64_t from, int64_t n, double* turned, double* tau, double* whole, Pool64 pool) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < from; j++) turned[i * from + j] = q[j * n + i];
  qr(turned, from, n, from, tau, pool);
  householder_product(turned, from, n, from, tau, whole, n, n, pool);
  for (int64_t j = from; j < n; j++)
    for (int64_t i = 0; i < n; i++) q[j * n + i] = whole[i * n + j];
}

// One-sided Jacobi: rotates the rows of p (k x n) until they are orthogonal, and those of v (k x w) along.
void jacobi(double* p, int64_t k, int64_t n, double* v, int64_t w) {
  for (int sweep = 0; sweep < 40; sweep++) {
    bool still = true;
    for (int64_t i = 0; i + 1 < k; i++)
      for (int64_t j = i + 1; j < k; j++) {
        double *x = p + i * n, *y = p + j * n;
        const double g = dot(x, y, n);
        if (g == 0) continue;
        const double a = dot(x, x, n), b = dot(y, y, n);
        if (size_of(g) <= 4 * EPS * root(a) * root(b)) continue;
        still = false;
        const double zeta = (b - a) / (2 * g), t = (zeta < 0 ? -1 : 1) / (size_of(zeta) + root(1 + zeta * zeta));
        const double c = 1 / root(1 + t * t), s = c * t;
        const auto turn = [&](double* x, double* y, int64_t n) {
          for (int64_t q = 0; q < n; q++) {
            const double h = x[q];
            x[q] = c * h - s * y[q];
            y[q] = s * h + c * y[q];
          }
        };
        turn(x, y, n);
        turn(v + i * w, v + j * w, w);
      }
    if (still) return;
  }
}

struct Halves {
  double *diag, *off, *zt, *u, *gram, *made, *values;
  int64_t* order;
  void* scratch;
};
Halves take_halves(Pool64& pool, int64_t n) {
  Halves h;
  h.diag = pool.take<double>(2 * n + VW);
  h.off = pool.take<double>(2 * n + VW);
  h.values = pool.take<double>(n + VW);
  h.zt = pool.take<double>(4 * n * n);
  h.u = pool.take<double>(n * n);
  h.gram = pool.take<double>(n * n);
  h.made = pool.take<double>(n * n);
  h.order = pool.take<int64_t>(n);
  h.scratch = pool.take<char>(gemm_scratch_bytes(n, n, n));
  return h;
}

// The bidiagonal matrix (d, e): values descending, rows of u and v the vectors.
bool bidiagonal_svd(const double* d, const double* e, int64_t n, double* s, double* v, Halves& h, Pool64 pool) {
  for (int64_t i = 0; i < n; i++) {
    h.diag[2 * i] = h.diag[2 * i + 1] = 0;
    h.off[2 * i] = d[i];
    h.off[2 * i + 1] = i + 1 < n ? e[i] : 0;
  }
  if (!tridiagonal_eigen(h.diag, h.off, 2 * n, h.zt, 2 * n, n, pool)) return false;
  double* const u = h.u;
  const double top = size_of(h.diag[2 * n - 1]);
  int64_t large = 0;
  for (int64_t k = 0; k < n; k++) {
    const double* const q = h.zt + (2 * n - 1 - k) * 2 * n;
    s[k] = h.diag[2 * n - 1 - k];
    double *vk = v + k * n, *uk = u + k * n, a = 0, b = 0;
    for (int64_t i = 0; i < n; i++) {
      vk[i] = q[2 * i], uk[i] = q[2 * i + 1];
      a += vk[i] * vk[i], b += uk[i] * uk[i];
    }
    if (s[k] > 4096 * EPS * top && a > 0.25 && b > 0.25) {
      scale(1 / root(a), vk, n);
      scale(1 / root(b), uk, n);
      if (large == k) large++;
    }
  }
  straighten(v, large, n, h.gram, h.made, h.scratch);
  straighten(u, large, n, h.gram, h.made, h.scratch);
  const int64_t k = n - large;
  if (k == 0) return true;
  // What is left is next to nothing: any basis of both complements, and the small matrix between them by rotations.
  complete(v, large, n, h.zt, h.diag, h.zt + n * n, pool);
  complete(u, large, n, h.zt, h.diag, h.zt + n * n, pool);
  double* const p = h.zt;  // (k, n): row i is B v_i
  for (int64_t i = 0; i < k; i++) {
    const double* const vi = v + (large + i) * n;
    for (int64_t j = 0; j < n; j++) p[i * n + j] = d[j] * vi[j] + (j + 1 < n ? e[j] * vi[j + 1] : 0);
  }
  double* const between = h.made;  // (k, k): in the basis of u
  add_product(k, k, n, p, n, 1, u + large * n, 1, n, between, k, h.scratch, false);
  for (int64_t i = 0; i < k * k; i++)
    if (size_of(between[i]) <= 2 * EPS * top) between[i] = 0;
  jacobi(between, k, k, v + large * n, n);
  // Lengths of its rows are the values, their directions tell how u turns; rows of length 0 take what is left.
  for (int64_t i = 0; i < k; i++) {
    h.values[i] = root(dot(between + i * k, between + i * k, k));
    h.order[i] = i;
  }
  for (int64_t i = 1; i < k; i++)
    for (int64_t j = i; j > 0 && h.values[h.order[j]] > h.values[h.order[j - 1]]; j--) {
      const int64_t t = h.order[j];
      h.order[j] = h.order[j - 1], h.order[j - 1] = t;
    }
  int64_t rank = 0;
  double* const turn = h.gram;  // (k, k)
  for (int64_t i = 0; i < k; i++) {
    const double value = h.values[h.order[i]];
    s[large + i] = value;
    copy_run(v + (large + h.order[i]) * n, n, h.zt + n * n + i * n);
    if (value > 0) {
      copy_run(between + h.order[i] * k, k, turn + i * k);
      scale(1 / value, turn + i * k, k);
      rank++;
    }
  }
  for (int64_t i = 0; i < k; i++) copy_run(h.zt + n * n + i * n, n, v + (large + i) * n);
  complete(turn, rank, k, h.zt, h.diag, h.zt + n * n, pool);
  add_product(k, n, k, turn, k, 1, u + large * n, n, 1, h.zt, n, h.scratch, false);
  for (int64_t i = 0; i < k; i++) copy_run(h.zt + i * n, n, u + (large + i) * n);
  return true;
}

}  // namespace

int64_t svd_bytes(int64_t m, int64_t n, bool vectors) {
  Pool64 pool{nullptr};
  pool.take<double>(n * n);
  pool.take<double>(n);
  pool.take<double>(m * n);
  take_bidiagonal(pool, m, n);
  int64_t deeper = most(qr_bytes(m, n), qr_bytes(m, m == n ? n : n));
  if (vectors) {
    take_halves(pool, n);
    deeper = most(deeper, most(tridiagonal_bytes(2 * n), qr_bytes(n, n)));
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
  double unit = 1;
  if (top > 0 && (top > 0x1p400 || top < 0x1p-400)) {
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
  if (!vectors) {
    // Squares would lose half of the digits: the tridiagonal matrix of twice the size, values alone.
    Pool64 deeper = pool;
    double* const diag = deeper.take<double>(2 * n + VW);
    double* const off = deeper.take<double>(2 * n + VW);
    for (int64_t i = 0; i < n; i++) {
      diag[2 * i] = diag[2 * i + 1] = 0;
      off[2 * i] = b.d[i];
      off[2 * i + 1] = i + 1 < n ? b.e[i] : 0;
    }
    if (!tridiagonal_eigen(diag, off, 2 * n, nullptr, 0, 0, deeper)) return false;
    for (int64_t k = 0; k < n; k++) s[k] = (diag[2 * n - 1 - k] > 0 ? diag[2 * n - 1 - k] : 0) / unit;
    return true;
  }
  Halves h = take_halves(pool, n);
  double* const v = vt;
  if (!bidiagonal_svd(b.d, b.e, n, s, v, h, pool)) return false;
  for (int64_t i = 0; i < n; i++) s[i] /= unit;
  // Right vectors: H1 H2 ... from the right, which act on columns 1 to n - 1; v's rows are transposed for it.
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) h.zt[i * n + j] = v[j * n + i];
  for (int64_t j = n > 1 ? (n - 2) / NB * NB : -1; j >= 0; j -= NB) {
    const int64_t nb = least(NB, n - 1 - j), count = n - j - 1;
    for (int64_t c = 0; c < nb; c++)
      for (int64_t i = 0; i < count; i++) b.r.v[i * nb + c] = i < c ? 0 : work[(j + c) * n + j + 1 + i];
    gather(b.r, b.r.v, nb, count, nb, b.taup + j);
    apply(b.r, b.r.v, nb, count, nb, false, h.zt + (j + 1) * n, n, n);
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) v[i * n + j] = h.zt[j * n + i];
  // Left vectors, in the columns of a.
  const auto lay = [&](int64_t count) {
    for (int64_t i = 0; i < count; i++)
      for (int64_t j = 0; j < n; j++) a[i * ld + j] = i < n ? h.u[j * n + i] : 0;
  };
  const auto reflect_back = [&](const double* from, int64_t count, const double* taus) {
    for (int64_t j = (n - 1) / NB * NB; j >= 0; j -= NB) {
      const int64_t nb = least(NB, n - j), rest = count - j;
      for (int64_t i = 0; i < rest; i++) copy_run(from + (j + i) * n + j, nb, b.r.v + i * nb);
      lower_trapezoid(b.r.v, nb, rest, nb);
      gather(b.r, b.r.v, nb, rest, nb, taus + j);
      apply(b.r, b.r.v, nb, rest, nb, false, a + j * ld, ld, n);
    }
  };
  lay(rows);
  reflect_back(work, rows, b.tauq);
  if (tall) {
    for (int64_t i = n; i < m; i++)
      for (int64_t j = 0; j < n; j++) a[i * ld + j] = 0;
    reflect_back(kept, m, tau);
  }
  return true;
}

}  // namespace NABLA_ISA
}  // namespace nabla
#endif
