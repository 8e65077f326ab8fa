// Eigenvalues and vectors of symmetric matrices: tridiagonal form by blocked reflections (Dongarra, Hammarling and
// Sorensen, 1989), then divide and conquer (Cuppen, 1981) with the vectors of Gu and Eisenstat (1995), which are orthogonal
// to the last bits however close the values lie. Computed in float64.
#include "linalg.h"
#include "linalg_reflect.h"

#if NABLA_LANES == 64
#include "linalg_divide.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// Implicit QL (EISPACK's tql2). Vectors are the rows of z (n x n, stride ldz) or absent.
bool ql(double* d, double* e, int64_t n, double* z, int64_t ldz) {
  // What is nothing beside the whole matrix may go: parts of graded matrices would never end otherwise.
  double floor = 0;
  for (int64_t i = 0; i < n; i++) {
    if (size_of(d[i]) > floor) floor = size_of(d[i]);
    if (i + 1 < n && size_of(e[i]) > floor) floor = size_of(e[i]);
  }
  floor *= EPS / 2;
  for (int64_t l = 0; l < n; l++) {
    for (int rounds = 0;; rounds++) {
      int64_t m = l;
      for (; m < n - 1; m++) {
        const double near = size_of(d[m]) + size_of(d[m + 1]);
        if (size_of(e[m]) <= EPS * near || size_of(e[m]) <= floor) break;
      }
      if (m == l) break;
      if (rounds == 60) return false;
      double g = (d[l + 1] - d[l]) / (2 * e[l]), r = hypotenuse(g, 1);
      g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r));
      double s = 1, c = 1, p = 0;
      int64_t i = m - 1;
      for (; i >= l; i--) {
        const double f = s * e[i], b = c * e[i];
        r = hypotenuse(f, g);
        e[i + 1] = r;
        if (r == 0) {
          d[i + 1] -= p;
          e[m] = 0;
          break;
        }
        s = f / r, c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        if (z) {
          double *x = z + i * ldz, *y = z + (i + 1) * ldz;
          for (int64_t k = 0; k < n; k++) {
            const double h = y[k];
            y[k] = s * x[k] + c * h;
            x[k] = c * x[k] - s * h;
          }
        }
      }
      if (i >= l) continue;
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
  return true;
}

// Ascending, the rows of z along.
void sort_small(double* d, int64_t n, double* z, int64_t ldz, int64_t width) {
  for (int64_t i = 0; i + 1 < n; i++) {
    int64_t best = i;
    for (int64_t j = i + 1; j < n; j++)
      if (d[j] < d[best]) best = j;
    if (best == i) continue;
    const double t = d[i];
    d[i] = d[best], d[best] = t;
    if (z) swap_rows(z + i * ldz, z + best * ldz, width);
  }
}

// Joins the solved halves [0, m) and [m, n) under the coupling e.
void merge(double* d, double e, int64_t m, int64_t n, double* zt, int64_t ldz, Join& w) {
  const double rho = 2 * size_of(e), sign = e < 0 ? -1 : 1, norm = 0.70710678118654752440;
  double top = 0, topz = 0;
  for (int64_t i = 0; i < n; i++) {
    w.z[i] = (i < m ? zt[i * ldz + m - 1] : sign * zt[i * ldz + m]) * norm;
    top = size_of(d[i]) > top ? size_of(d[i]) : top;
    topz = size_of(w.z[i]) > topz ? size_of(w.z[i]) : topz;
    w.type[i] = i < m ? 0 : 2;
  }
  // Both halves are ascending: their merged order.
  for (int64_t i = 0, a = 0, b = m; i < n; i++) w.order[i] = b == n || (a < m && d[a] <= d[b]) ? a++ : b++;
  w.alive = 0;
  deflate(w, d, n, rho, 8 * 2 * EPS * (top > topz ? top : topz), [&](int64_t i, int64_t j, double c, double s) {
    turn_rows(zt + i * ldz, zt + j * ldz, n, c, s);
  });
  const int64_t k = w.alive;
  for (int64_t i = 0; i < k; i++) w.poles[i] = d[w.live[i]], w.kept[i] = w.z[w.live[i]];
  find_roots<Plain>(w, rho);
  for (int64_t i = 0; i < k; i++) w.values[i] = w.poles[w.pole[i]] + w.mu[i];
  order_values(w, d, n);
  for (int64_t i = 0; i < k; i++) {
    double* const row = w.s + i * k;
    double length = 0;
    for (int64_t j = 0; j < k; j++) {
      const double q = w.zhat[j] / row[j];
      w.mu[j] = q;
      length += q * q;
    }
    length = root(length);
    for (int64_t j = 0; j < k; j++) row[w.place[j]] = w.mu[j] / length;
  }
  rebuild(w, w.s, zt, ldz, m, n, n);
}

bool divide(double* d, double* e, int64_t n, double* zt, int64_t ldz, Join& w) {
  if (n <= SMALL) {
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < n; j++) zt[i * ldz + j] = i == j;
    if (!ql(d, e, n, zt, ldz)) return false;
    sort_small(d, n, zt, ldz, n);
    return true;
  }
  const int64_t m = n / 2;
  const double coupling = e[m - 1];
  d[m - 1] -= size_of(coupling);
  d[m] -= size_of(coupling);
  // What lies off the two blocks is 0.
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = m; j < n; j++) zt[i * ldz + j] = zt[(n - 1 - i) * ldz + (n - 1 - j)] = 0;
  for (int64_t i = m; i < n; i++)
    for (int64_t j = 0; j < m; j++) zt[i * ldz + j] = 0;
  if (!divide(d, e, m, zt, ldz, w) || !divide(d + m, e + m, n - m, zt + m * ldz + m, ldz, w)) return false;
  merge(d, coupling, m, n, zt, ldz, w);
  return true;
}

// Diagonal d (n), beside it e (n - 1; lost). d becomes the values, ascending, the rows of zt (n x n, or null) the vectors.
// False when the iteration does not end.
bool tridiagonal_eigen(double* d, double* e, int64_t n, double* zt, int64_t ldz, Pool64 pool) {
  if (!zt) {
    if (!ql(d, e, n, nullptr, 0)) return false;
    // The values alone: a heap is not worth it, the iteration leaves them nearly ordered.
    for (int64_t i = 1; i < n; i++) {
      const double x = d[i];
      int64_t j = i;
      for (; j > 0 && d[j - 1] > x; j--) d[j] = d[j - 1];
      d[j] = x;
    }
    return true;
  }
  Join w = take_join(pool, n);
  return divide(d, e, n, zt, ldz, w);
}

struct Tridiagonal {
  double *d, *e, *tau, *v, *w, *vw, *wv, *x, *p;
  Reflections r;
  void* scratch;
};
Tridiagonal take_tridiagonal(Pool64& pool, int64_t n) {
  Tridiagonal t;
  double** const lists[] = {&t.d, &t.e, &t.tau, &t.x, &t.p};
  for (double** p : lists) *p = pool.take<double>(n + VW);
  t.v = pool.take<double>(n * REFLECTIONS);
  t.w = pool.take<double>(n * REFLECTIONS);
  t.vw = pool.take<double>(n * 2 * REFLECTIONS);
  t.wv = pool.take<double>(n * 2 * REFLECTIONS);
  t.scratch = pool.take<char>(gemm_scratch_bytes(n, n, 2 * REFLECTIONS));
  t.r = take_reflections(pool, n, n);
  return t;
}

// A full symmetric matrix to tridiagonal form; the reflection of column j is kept in row j, from its column j + 1 on.
void tridiagonalize(double* a, int64_t ld, int64_t n, Tridiagonal& t) {
  constexpr int64_t NB = REFLECTIONS;
  for (int64_t j0 = 0; j0 < n; j0 += NB) {
    const int64_t nb = least(NB, n - j0);
    for (int64_t c = 0; c < nb; c++) {
      const int64_t j = j0 + c, rest = n - j - 1;
      // Column j as it is after the reflections of this panel; row i of v and w belongs to row i of the matrix.
      copy_run(a + j * ld + j, rest + 1, t.x);
      for (int64_t i = 0; i <= rest; i++)
        t.x[i] -= dot(t.v + (j + i) * NB, t.w + j * NB, c) + dot(t.w + (j + i) * NB, t.v + j * NB, c);
      t.d[j] = t.x[0];
      if (rest == 0) {
        t.tau[j] = 0;
        break;
      }
      double* const v = t.x + 1;
      t.tau[j] = reflect(v, 1, rest, &t.e[j]);
      v[0] = 1;
      double* const p = t.p;
      for (int64_t i = 0; i < rest; i++) p[i] = dot(a + (j + 1 + i) * ld + j + 1, v, rest);
      double pv[NB] = {}, pw[NB] = {};
      for (int64_t i = 0; i < rest; i++) {
        axpy(v[i], t.v + (j + 1 + i) * NB, pv, c);
        axpy(v[i], t.w + (j + 1 + i) * NB, pw, c);
      }
      for (int64_t i = 0; i < rest; i++) p[i] -= dot(t.v + (j + 1 + i) * NB, pw, c) + dot(t.w + (j + 1 + i) * NB, pv, c);
      scale(t.tau[j], p, rest);
      axpy(-t.tau[j] / 2 * dot(p, v, rest), v, p, rest);
      for (int64_t i = 0; i < rest; i++) {
        t.v[(j + 1 + i) * NB + c] = v[i];
        t.w[(j + 1 + i) * NB + c] = p[i];
      }
      t.v[j * NB + c] = t.w[j * NB + c] = 0;
      for (int64_t i = j0; i < j; i++) t.v[i * NB + c] = t.w[i * NB + c] = 0;
      copy_run(v, rest, a + j * ld + j + 1);
    }
    const int64_t r = j0 + nb, rest = n - r;
    if (rest <= 0) break;
    for (int64_t i = 0; i < rest; i++)
      for (int64_t c = 0; c < nb; c++) {
        const double v = t.v[(r + i) * NB + c], w = t.w[(r + i) * NB + c];
        t.vw[i * 2 * NB + c] = -v, t.vw[i * 2 * NB + NB + c] = -w;
        t.wv[i * 2 * NB + c] = w, t.wv[i * 2 * NB + NB + c] = v;
      }
    add_product(rest, rest, 2 * NB, t.vw, 2 * NB, 1, t.wv, 1, 2 * NB, a + r * ld + r, ld, t.scratch);
  }
}

}  // namespace

int64_t eigh_bytes(int64_t n, bool vectors) {
  Pool64 pool{nullptr};
  take_tridiagonal(pool, n);
  if (vectors) {
    pool.take<double>(n * n);
    pool.take<double>(n * n);
    take_join(pool, n);
  }
  return pool.used;
}

bool eigh(double* a, int64_t ld, int64_t n, double* w, bool vectors, Pool64 pool) {
  double top = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++) {
      const double x = size_of(a[i * ld + j]);
      if (!(x < INF)) return false;
      if (x > top) top = x;
    }
  // By a power of two, so that squares stay within range.
  double unit = 1;
  if (top > 0 && (top > 0x1p400 || top < 0x1p-400)) {
    while (top * unit > 2) unit *= 0.5;
    while (top * unit < 1) unit *= 2;
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++) a[j * ld + i] = a[i * ld + j] *= unit;
  Tridiagonal t = take_tridiagonal(pool, n);
  tridiagonalize(a, ld, n, t);
  if (!vectors) {
    if (!tridiagonal_eigen(t.d, t.e, n, nullptr, 0, pool)) return false;
    for (int64_t i = 0; i < n; i++) w[i] = t.d[i] / unit;
    return true;
  }
  double* const zt = pool.take<double>(n * n);
  double* const z = pool.take<double>(n * n);
  if (!tridiagonal_eigen(t.d, t.e, n, zt, n, pool)) return false;
  for (int64_t i = 0; i < n; i++) {
    w[i] = t.d[i] / unit;
    for (int64_t j = 0; j < n; j++) z[i * n + j] = zt[j * n + i];
  }
  constexpr int64_t NB = REFLECTIONS;
  for (int64_t j = n > 1 ? (n - 2) / NB * NB : -1; j >= 0; j -= NB) {
    const int64_t nb = least(NB, n - 1 - j), rows = n - j - 1;
    for (int64_t c = 0; c < nb; c++)
      for (int64_t i = 0; i < rows; i++) t.r.v[i * nb + c] = i < c ? 0 : a[(j + c) * ld + j + 1 + i];
    gather(t.r, t.r.v, nb, 1, rows, nb, t.tau + j);
    apply(t.r, t.r.v, nb, 1, rows, nb, false, z + (j + 1) * n, n, n);
  }
  for (int64_t i = 0; i < n; i++) copy_run(z + i * n, n, a + i * ld);
  return true;
}

}  // namespace NABLA_ISA
}  // namespace nabla
#endif
