// Eigenvalues and vectors of symmetric matrices: tridiagonal form by blocked reflections (Dongarra, Hammarling and
// Sorensen, 1989), then divide and conquer (Cuppen, 1981) with the vectors of Gu and Eisenstat (1995), which are orthogonal
// to the last bits however close the values lie. Computed in float64.
#include "linalg.h"
#include "linalg_reflect.h"
#include "linalg_tridiagonal.h"

#if NABLA_LANES == 64
namespace nabla {
namespace NABLA_ISA {

namespace {

constexpr int64_t SMALL = 24;  // parts that the QL iteration serves

double hypotenuse(double a, double b) {
  a = size_of(a), b = size_of(b);
  const double top = a > b ? a : b;
  if (top == 0) return 0;
  a /= top, b /= top;
  return top * root(a * a + b * b);
}

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

// The root of 1 + rho sum z_j^2 / (d_j - x) between d_i and d_{i+1} (above d_{k-1} for the last), as the pole that it is
// nearest to and the distance from it. `z2` holds squares. Two poles and a constant that fit value and slopes on both sides
// (Li, 1993), inside a bracket that only shrinks.
void secular(int64_t k, int64_t i, const double* d, const double* z2, double rho, double sum2, int64_t* pole, double* mu) {
  const bool last = i == k - 1;
  const double gap = last ? rho * sum2 : d[i + 1] - d[i];
  double lo = 0, hi = gap;
  int64_t at = i;
  if (!last) {
    const double half = gap / 2;
    vf left = {}, right = {};
    double f = 0;
    int64_t j = 0;
    for (; j + VW <= k; j += VW) left += load(z2 + j) / ((load(d + j) - splat(d[i])) - splat(half));
    for (; j < k; j++) f += z2[j] / ((d[j] - d[i]) - half);
    f = 1 + rho * (f + hsum(left + right));
    if (f < 0)
      at = i + 1, lo = -half, hi = 0;
    else
      hi = half;
  }
  const double origin = d[at];
  // The poles next to the root, seen from the origin.
  const double p1 = d[i] - origin, p2 = last ? 0 : d[i + 1] - origin;
  double x = (lo + hi) / 2;
  for (int round = 0; round < 80; round++) {
    // Sums over the poles up to i and beyond it, and their slopes.
    double psi = 0, dpsi = 0, phi = 0, dphi = 0;
    vf a = {}, b = {}, s = {}, t = {};
    int64_t j = 0;
    const vf o = splat(origin), xx = splat(x);
    for (; j + VW <= i + 1; j += VW) {
      const vf r = 1.0 / ((load(d + j) - o) - xx), q = load(z2 + j) * r;
      a += q;
      s = fma(q, r, s);
    }
    for (; j <= i; j++) {
      const double r = 1 / ((d[j] - origin) - x), q = z2[j] * r;
      psi += q, dpsi += q * r;
    }
    for (; j + VW <= k; j += VW) {
      const vf r = 1.0 / ((load(d + j) - o) - xx), q = load(z2 + j) * r;
      b += q;
      t = fma(q, r, t);
    }
    for (; j < k; j++) {
      const double r = 1 / ((d[j] - origin) - x), q = z2[j] * r;
      phi += q, dphi += q * r;
    }
    psi = rho * (psi + hsum(a)), dpsi = rho * (dpsi + hsum(s));
    phi = rho * (phi + hsum(b)), dphi = rho * (dphi + hsum(t));
    const double f = 1 + psi + phi;
    if (f < 0)
      lo = x > lo ? x : lo;
    else
      hi = x < hi ? x : hi;
    if (size_of(f) <= 4 * EPS * (1 + size_of(psi) + size_of(phi))) break;
    double step;
    const double d1 = p1 - x, d2 = p2 - x;
    if (last) {
      const double c = f - dpsi * d1;
      step = c != 0 ? d1 + dpsi * d1 * d1 / c : 0;
    } else {
      const double df = dpsi + dphi, c = f - d1 * dpsi - d2 * dphi, aa = (d1 + d2) * f - d1 * d2 * df, bb = d1 * d2 * f;
      const double disc = aa * aa - 4 * bb * c, sq = disc > 0 ? root(disc) : 0;
      step = aa <= 0 ? (c != 0 ? (aa - sq) / (2 * c) : bb / aa) : 2 * bb / (aa + sq);
    }
    double next = x + step;
    if (!(next > lo && next < hi)) next = lo + (hi - lo) / 2;
    if (next == x || next == lo || next == hi) {
      x = next == lo || next == hi ? x : next;
      break;
    }
    x = next;
  }
  *pole = at;
  *mu = x;
}

struct Work {
  double *z, *z2, *poles, *mu, *zhat, *s, *rows, *made, *kept;
  int64_t *order, *type, *live, *dead, *pole, *place;
  void* scratch;
};

Work take_work(Pool64& pool, int64_t n) {
  Work w;
  double** const lists[] = {&w.z, &w.z2, &w.poles, &w.mu, &w.zhat, &w.kept};
  for (double** p : lists) *p = pool.take<double>(n + VW);
  w.s = pool.take<double>(n * n);
  w.rows = pool.take<double>(n * n);
  w.made = pool.take<double>(n * n);
  int64_t** const indices[] = {&w.order, &w.type, &w.live, &w.dead, &w.pole, &w.place};
  for (int64_t** p : indices) *p = pool.take<int64_t>(n + 1);
  w.scratch = pool.take<char>(gemm_scratch_bytes(n, n, n));
  return w;
}

// Joins the solved halves [0, m) and [m, n) under the coupling e. Vectors are the rows of z; those below `first` in the
// final order are not wanted.
void merge(double* d, double e, int64_t m, int64_t n, double* zt, int64_t ldz, int64_t first, Work& w) {
  double rho = size_of(e);
  const double sign = e < 0 ? -1 : 1, norm = 0.70710678118654752440;
  double top = 0, topz = 0;
  for (int64_t i = 0; i < n; i++) {
    w.z[i] = (i < m ? zt[i * ldz + m - 1] : sign * zt[i * ldz + m]) * norm;
    top = size_of(d[i]) > top ? size_of(d[i]) : top;
    topz = size_of(w.z[i]) > topz ? size_of(w.z[i]) : topz;
    w.type[i] = i < m ? 0 : 2;
  }
  rho *= 2;
  // Both halves are ascending: their merged order.
  for (int64_t i = 0, a = 0, b = m; i < n; i++) w.order[i] = b == n || (a < m && d[a] <= d[b]) ? a++ : b++;
  const double tolerance = 8 * 2 * EPS * (top > topz ? top : topz);
  int64_t live = 0, dead = 0, before = -1;
  for (int64_t o = 0; o < n; o++) {
    const int64_t j = w.order[o];
    if (rho * size_of(w.z[j]) <= tolerance) {
      w.dead[dead++] = j;
      continue;
    }
    if (before >= 0) {
      const double r = hypotenuse(w.z[before], w.z[j]), c = w.z[j] / r, s = -w.z[before] / r, gap = d[j] - d[before];
      if (size_of(gap * c * s) <= tolerance) {
        // Two values that are one to all digits: turned so that the coupling leaves one of them alone.
        w.z[j] = r;
        double *x = zt + before * ldz, *y = zt + j * ldz;
        for (int64_t i = 0; i < n; i++) {
          const double t = c * x[i] + s * y[i];
          y[i] = c * y[i] - s * x[i];
          x[i] = t;
        }
        const double db = d[before], dj = d[j];
        d[before] = db * c * c + dj * s * s;
        d[j] = db * s * s + dj * c * c;
        if (w.type[before] != w.type[j]) w.type[before] = w.type[j] = 1;
        w.dead[dead++] = before;
        before = j;
        continue;
      }
      w.live[live++] = before;
    }
    before = j;
  }
  if (before >= 0) w.live[live++] = before;

  const int64_t k = live;
  double sum2 = 0;
  for (int64_t i = 0; i < k; i++) {
    w.poles[i] = d[w.live[i]];
    w.kept[i] = w.z[w.live[i]];
    w.z2[i] = w.kept[i] * w.kept[i];
    sum2 += w.z2[i];
  }
  // Row i of s: the poles seen from root i. z is then made anew, as that for which these roots are exact.
  for (int64_t i = 0; i < k; i++) {
    secular(k, i, w.poles, w.z2, rho, sum2, &w.pole[i], &w.mu[i]);
    double* const row = w.s + i * k;
    const double origin = w.poles[w.pole[i]];
    for (int64_t j = 0; j < k; j++) row[j] = (w.poles[j] - origin) - w.mu[i];
  }
  for (int64_t j = 0; j < k; j++) w.zhat[j] = k > 0 ? -w.s[j * k + j] : 0;
  for (int64_t i = 0; i < k; i++) {
    const double *row = w.s + i * k, p = w.poles[i];
    for (int64_t j = 0; j < k; j++)
      if (j != i) w.zhat[j] *= row[j] / (w.poles[j] - p);
  }
  for (int64_t j = 0; j < k; j++) {
    const double r = root(size_of(w.zhat[j]));
    w.zhat[j] = w.kept[j] < 0 ? -r : r;
  }
  // Values in their final order: the new ones are ascending, those left alone nearly so.
  for (int64_t i = 0; i < k; i++) w.z[i] = w.poles[w.pole[i]] + w.mu[i];
  for (int64_t i = 1; i < dead; i++)
    for (int64_t j = i; j > 0 && d[w.dead[j]] < d[w.dead[j - 1]]; j--) {
      const int64_t t = w.dead[j];
      w.dead[j] = w.dead[j - 1], w.dead[j - 1] = t;
    }
  for (int64_t i = 0, a = 0, b = 0; i < n; i++)
    w.order[i] = b == dead || (a < k && w.z[a] <= d[w.dead[b]]) ? a++ : k + b++;
  // The new vectors that are wanted: a run of rows of s.
  int64_t from = k;
  for (int64_t i = first; i < n; i++)
    if (w.order[i] < k && w.order[i] < from) from = w.order[i];
  const int64_t wanted = k - from;
  // Poles by the half in which their vectors lie, so that both products leave out the zeros.
  int64_t counts[3] = {0, 0, 0}, at[3];
  for (int64_t j = 0; j < k; j++) counts[w.type[w.live[j]]]++;
  at[0] = 0, at[1] = counts[0], at[2] = counts[0] + counts[1];
  for (int64_t j = 0; j < k; j++) {
    w.place[j] = at[w.type[w.live[j]]]++;
    copy_run(zt + w.live[j] * ldz, n, w.rows + w.place[j] * n);
  }
  for (int64_t i = from; i < k; i++) {
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
  const int64_t left = counts[0] + counts[1], right = counts[1] + counts[2];
  add_product(wanted, m, left, w.s + from * k, k, 1, w.rows, n, 1, w.made, n, w.scratch, false);
  add_product(wanted, n - m, right, w.s + from * k + counts[0], k, 1, w.rows + counts[0] * n + m, n, 1, w.made + m, n,
              w.scratch, false);
  // Those left alone, before they are overwritten.
  for (int64_t b = 0; b < dead; b++) {
    copy_run(zt + w.dead[b] * ldz, n, w.rows + b * n);
    w.poles[b] = d[w.dead[b]];
  }
  for (int64_t i = 0; i < n; i++) {
    const int64_t o = w.order[i];
    d[i] = o < k ? w.z[o] : w.poles[o - k];
    if (i < first) continue;
    copy_run(o < k ? w.made + (o - from) * n : w.rows + (o - k) * n, n, zt + i * ldz);
  }
}

bool divide(double* d, double* e, int64_t n, double* zt, int64_t ldz, int64_t first, Work& w) {
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
  if (!divide(d, e, m, zt, ldz, 0, w) || !divide(d + m, e + m, n - m, zt + m * ldz + m, ldz, 0, w)) return false;
  merge(d, coupling, m, n, zt, ldz, first, w);
  return true;
}

}  // namespace

int64_t tridiagonal_bytes(int64_t n) {
  Pool64 pool{nullptr};
  take_work(pool, n);
  return pool.used;
}

bool tridiagonal_eigen(double* d, double* e, int64_t n, double* zt, int64_t ldz, int64_t first, Pool64 pool) {
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
  Work w = take_work(pool, n);
  return divide(d, e, n, zt, ldz, first, w);
}

namespace {

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
    pool.used += tridiagonal_bytes(n);
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
    if (!tridiagonal_eigen(t.d, t.e, n, nullptr, 0, 0, pool)) return false;
    for (int64_t i = 0; i < n; i++) w[i] = t.d[i] / unit;
    return true;
  }
  double* const zt = pool.take<double>(n * n);
  double* const z = pool.take<double>(n * n);
  if (!tridiagonal_eigen(t.d, t.e, n, zt, n, 0, pool)) return false;
  for (int64_t i = 0; i < n; i++) {
    w[i] = t.d[i] / unit;
    for (int64_t j = 0; j < n; j++) z[i * n + j] = zt[j * n + i];
  }
  constexpr int64_t NB = REFLECTIONS;
  for (int64_t j = n > 1 ? (n - 2) / NB * NB : -1; j >= 0; j -= NB) {
    const int64_t nb = least(NB, n - 1 - j), rows = n - j - 1;
    for (int64_t c = 0; c < nb; c++)
      for (int64_t i = 0; i < rows; i++) t.r.v[i * nb + c] = i < c ? 0 : a[(j + c) * ld + j + 1 + i];
    gather(t.r, t.r.v, nb, rows, nb, t.tau + j);
    apply(t.r, t.r.v, nb, rows, nb, false, z + (j + 1) * n, n, n);
  }
  for (int64_t i = 0; i < n; i++) copy_run(z + i * n, n, a + i * ld);
  return true;
}

}  // namespace NABLA_ISA
}  // namespace nabla
#endif
