// What joins two solved halves, for eigenvalues of tridiagonal and singular values of bidiagonal matrices: divide and conquer
// (Cuppen, 1981) with the vectors of Gu and Eisenstat (1994, 1995), which are orthogonal to the last bits however close the
// values lie. Vectors are rows.
#pragma once
#include "linalg.h"

namespace nabla {
namespace NABLA_ISA {

constexpr int64_t SMALL = 24;  // parts that an iteration serves

NABLA_INLINE double hypotenuse(double a, double b) {
  a = size_of(a), b = size_of(b);
  const double top = a > b ? a : b;
  if (top == 0) return 0;
  a /= top, b /= top;
  return top * root(a * a + b * b);
}
// (x, y) becomes (c x + s y, c y - s x).
NABLA_INLINE void turn_rows(double* x, double* y, int64_t n, double c, double s) {
  for (int64_t i = 0; i < n; i++) {
    const double t = c * x[i] + s * y[i];
    y[i] = c * y[i] - s * x[i];
    x[i] = t;
  }
}

// How far two poles are apart: those of eigenvalues, and those of squares of singular values, to all digits.
struct Plain {
  template <class T>
  T operator()(T a, T b) const {
    return a - b;
  }
};
struct Squares {
  template <class T>
  T operator()(T a, T b) const {
    return (a - b) * (a + b);
  }
};

// The root of 1 + rho sum z_j^2 / (d_j - x) between d_i and d_{i+1} (above d_{k-1} for the last), as the pole that it is
// nearest to and the distance from it. `z2` holds squares; `row` becomes what lies between the root and each pole. Two poles
// and a constant that fit value and slopes on both sides (Li, 1993), inside a bracket that only shrinks.
template <class Apart>
void secular(int64_t k, int64_t i, const double* d, const double* z2, double rho, double sum2, double* row, int64_t* pole,
             double* mu) {
  const Apart apart;
  const auto seen_from = [&](int64_t o) {
    const vf from = splat(d[o]);
    int64_t j = 0;
    for (; j + VW <= k; j += VW) store(row + j, apart(load(d + j), from));
    for (; j < k; j++) row[j] = apart(d[j], d[o]);
  };
  seen_from(i);
  const bool last = i == k - 1;
  const double gap = last ? rho * sum2 : row[i + 1];
  double lo = 0, hi = gap;
  int64_t at = i;
  if (!last) {
    const double half = gap / 2;
    vf left = {}, right = {};
    double f = 0;
    int64_t j = 0;
    for (; j + VW <= k; j += VW) left += load(z2 + j) / (load(row + j) - splat(half));
    for (; j < k; j++) f += z2[j] / (row[j] - half);
    f = 1 + rho * (f + hsum(left + right));
    if (f < 0)
      at = i + 1, lo = -half, hi = 0, seen_from(at);
    else
      hi = half;
  }
  // The poles next to the root, seen from the origin.
  const double p1 = row[i], p2 = last ? 0 : row[i + 1];
  double x = (lo + hi) / 2;
  for (int round = 0; round < 80; round++) {
    // Sums over the poles up to i and beyond it, and their slopes.
    double psi = 0, dpsi = 0, phi = 0, dphi = 0;
    vf a = {}, b = {}, s = {}, t = {};
    int64_t j = 0;
    const vf xx = splat(x);
    for (; j + VW <= i + 1; j += VW) {
      const vf r = 1.0 / (load(row + j) - xx), q = load(z2 + j) * r;
      a += q;
      s = fma(q, r, s);
    }
    for (; j <= i; j++) {
      const double r = 1 / (row[j] - x), q = z2[j] * r;
      psi += q, dpsi += q * r;
    }
    for (; j + VW <= k; j += VW) {
      const vf r = 1.0 / (load(row + j) - xx), q = load(z2 + j) * r;
      b += q;
      t = fma(q, r, t);
    }
    for (; j < k; j++) {
      const double r = 1 / (row[j] - x), q = z2[j] * r;
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
  for (int64_t j = 0; j < k; j++) row[j] -= x;
  *pole = at;
  *mu = x;
}

struct Join {
  double *z, *z2, *poles, *mu, *zhat, *s, *rows, *made, *kept, *values;
  int64_t *order, *type, *live, *dead, *pole, *place;
  int64_t alive, gone, counts[3];  // how many vectors take part, and how many of them lie in the left half, both, the right half
  void* scratch;
};

NABLA_INLINE Join take_join(Pool64& pool, int64_t n) {
  Join w;
  double** const lists[] = {&w.z, &w.z2, &w.poles, &w.mu, &w.zhat, &w.kept, &w.values};
  for (double** p : lists) *p = pool.take<double>(n + VW);
  w.s = pool.take<double>(n * n);
  w.rows = pool.take<double>(n * n);
  w.made = pool.take<double>(n * n);
  int64_t** const indices[] = {&w.order, &w.type, &w.live, &w.dead, &w.pole, &w.place};
  for (int64_t** p : indices) *p = pool.take<int64_t>(n + 1);
  w.alive = w.gone = 0;
  w.scratch = pool.take<char>(gemm_scratch_bytes(n, n, n));
  return w;
}

// Which of the values d, visited in the order [0, count) of w.order, the coupling z leaves alone; the others join w.live.
// turn(i, j, c, s) turns vectors i and j so that they have one value to all digits.
template <class Turn>
void deflate(Join& w, double* d, int64_t count, double rho, double tolerance, const Turn& turn) {
  int64_t before = -1;
  w.gone = 0;
  for (int64_t o = 0; o < count; o++) {
    const int64_t j = w.order[o];
    if (rho * size_of(w.z[j]) <= tolerance) {
      w.dead[w.gone++] = j;
      continue;
    }
    if (before >= 0) {
      const double r = hypotenuse(w.z[before], w.z[j]), c = w.z[j] / r, s = -w.z[before] / r, gap = d[j] - d[before];
      if (size_of(gap * c * s) <= tolerance) {
        // Turned so that the coupling leaves one of them alone.
        w.z[j] = r;
        turn(before, j, c, s);
        const double db = d[before], dj = d[j];
        d[before] = db * c * c + dj * s * s;
        d[j] = db * s * s + dj * c * c;
        if (w.type[before] != w.type[j]) w.type[before] = w.type[j] = 1;
        w.dead[w.gone++] = before;
        before = j;
        continue;
      }
      w.live[w.alive++] = before;
    }
    before = j;
  }
  if (before >= 0) w.live[w.alive++] = before;
}

// All roots, for the poles and couplings that are set: row i of w.s is what lies between root i and each pole. The coupling is
// then made anew, as that for which these roots are exact.
template <class Apart>
void find_roots(Join& w, double rho) {
  const Apart apart;
  const int64_t k = w.alive;
  double sum2 = 0;
  for (int64_t i = 0; i < k; i++) {
    w.z2[i] = w.kept[i] * w.kept[i];
    sum2 += w.z2[i];
  }
  for (int64_t i = 0; i < k; i++) secular<Apart>(k, i, w.poles, w.z2, rho, sum2, w.s + i * k, &w.pole[i], &w.mu[i]);
  for (int64_t j = 0; j < k; j++) w.zhat[j] = -w.s[j * k + j];
  for (int64_t i = 0; i < k; i++) {
    const double *row = w.s + i * k, p = w.poles[i];
    for (int64_t j = 0; j < i; j++) w.zhat[j] *= row[j] / apart(w.poles[j], p);
    for (int64_t j = i + 1; j < k; j++) w.zhat[j] *= row[j] / apart(w.poles[j], p);
  }
  for (int64_t j = 0; j < k; j++) {
    const double r = root(size_of(w.zhat[j]));
    w.zhat[j] = w.kept[j] < 0 ? -r : r;
  }
}

// The order of the new values (w.values, ascending) and of those left alone, nearly so; d becomes all of them.
NABLA_INLINE void order_values(Join& w, double* d, int64_t n) {
  const int64_t k = w.alive, dead = w.gone;
  for (int64_t i = 1; i < dead; i++)
    for (int64_t j = i; j > 0 && d[w.dead[j]] < d[w.dead[j - 1]]; j--) {
      const int64_t t = w.dead[j];
      w.dead[j] = w.dead[j - 1], w.dead[j - 1] = t;
    }
  for (int64_t i = 0, a = 0, b = 0; i < n; i++)
    w.order[i] = b == dead || (a < k && w.values[a] <= d[w.dead[b]]) ? a++ : k + b++;
  for (int64_t b = 0; b < dead; b++) w.z[b] = d[w.dead[b]];
  for (int64_t i = 0; i < n; i++) d[i] = w.order[i] < k ? w.values[w.order[i]] : w.z[w.order[i] - k];
  // Vectors by the half in which they lie, so that products leave out the zeros.
  int64_t at[3];
  w.counts[0] = w.counts[1] = w.counts[2] = 0;
  for (int64_t j = 0; j < k; j++) w.counts[w.type[w.live[j]]]++;
  at[0] = 0, at[1] = w.counts[0], at[2] = w.counts[0] + w.counts[1];
  for (int64_t j = 0; j < k; j++) w.place[j] = at[w.type[w.live[j]]]++;
}

// The new vectors in their order. Column place[j] of s belongs to vector live[j], row i to root i; halves are the columns
// [0, m) and [m, width).
NABLA_INLINE void rebuild(Join& w, const double* s, double* zt, int64_t ldz, int64_t m, int64_t width, int64_t n) {
  const int64_t k = w.alive, left = w.counts[0] + w.counts[1], right = w.counts[1] + w.counts[2];
  for (int64_t j = 0; j < k; j++) copy_run(zt + w.live[j] * ldz, width, w.rows + w.place[j] * width);
  add_product(k, m, left, s, k, 1, w.rows, width, 1, w.made, width, w.scratch, false);
  add_product(k, width - m, right, s + w.counts[0], k, 1, w.rows + w.counts[0] * width + m, width, 1, w.made + m, width,
              w.scratch, false);
  // Those left alone, before they are overwritten.
  for (int64_t b = 0; b < w.gone; b++) copy_run(zt + w.dead[b] * ldz, width, w.rows + b * width);
  for (int64_t i = 0; i < n; i++) {
    const int64_t o = w.order[i];
    copy_run(o < k ? w.made + o * width : w.rows + (o - k) * width, width, zt + i * ldz);
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
