// Rows of length n1 n2 are matrices: transforms of their columns, a factor for each element, transforms of their rows (Bailey,
// 1990). Both walk over lanes side by side by Stockham's form, which needs no permutation (Cochran and others, 1967). Lengths
// with a large prime factor are convolutions of a power of two (Bluestein, 1970).
#include "fft.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

constexpr int64_t LANES = 4 * VW;   // columns that are transformed together
constexpr int64_t LARGEST = 31;     // prime factors that are summed as they stand

struct Root {
  double c, s;
};
// exp(2 pi i k / n) to the last bits: the angle is reduced to an eighth of a turn in integers.
Root unit_root(int64_t k, int64_t n) {
  k %= n;
  if (k < 0) k += n;
  const int64_t eighth = 8 * k / n, rest = 8 * k - eighth * n;
  const double x = 0.785398163397448309616 * (double)(eighth & 1 ? n - rest : rest) / (double)n, y = x * x;
  double s = 0, c = 0;
  // Taylor's series to x^17 and x^16.
  constexpr double S[] = {1.0 / 355687428096000, -1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880,
                          -1.0 / 5040,           1.0 / 120,            -1.0 / 6,         1};
  constexpr double C[] = {1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320,
                          -1.0 / 720,           1.0 / 24,           -1.0 / 2,        1};
  for (double t : S) s = s * y + t;
  for (double t : C) c = c * y + t;
  s *= x;
  const bool turned = eighth == 1 || eighth == 2 || eighth == 5 || eighth == 6;
  const double a = turned ? s : c, b = turned ? c : s;
  return {eighth >= 2 && eighth < 6 ? -a : a, eighth >= 4 ? -b : b};
}

// A length as its factors, 4 first; false when one is larger than LARGEST.
struct Factors {
  int32_t r[40];
  int count = 0;
};
bool factor(int64_t n, Factors* f) {
  f->count = 0;
  for (; n % 4 == 0; n /= 4) f->r[f->count++] = 4;
  for (int64_t p = 2; p <= LARGEST && n > 1; p++)
    for (; n % p == 0; n /= p) f->r[f->count++] = (int32_t)p;
  return n == 1;
}

struct Plan {
  int64_t n, n1, n2;
  Factors f1, f2;
};
// n1 n2 with n1 as near to the root of n as the factors allow.
bool divide_length(int64_t n, Plan* p) {
  Factors all;
  if (!factor(n, &all)) return false;
  p->n = n;
  int64_t best = 1;
  for (int64_t d = 1; d * d <= n; d++)
    if (n % d == 0) best = d;
  p->n1 = best, p->n2 = n / best;
  return factor(p->n1, &p->f1) && factor(p->n2, &p->f2);
}

struct Table {
  real *c, *s;
};

// One pass over `run` elements side by side: y[k run'] for k < r from x[j], with the twiddle of (p, k).
template <int R>
NABLA_INLINE void butterfly(const vf* re, const vf* im, real sign, vf* a, vf* b) {
  if constexpr (R == 2) {
    a[0] = re[0] + re[1], b[0] = im[0] + im[1];
    a[1] = re[0] - re[1], b[1] = im[0] - im[1];
  } else if constexpr (R == 3) {
    constexpr real H = (real)0.86602540378443864676;
    const vf tr = re[1] + re[2], ti = im[1] + im[2], mr = re[0] - (real)0.5 * tr, mi = im[0] - (real)0.5 * ti;
    const vf dr = sign * H * (re[1] - re[2]), di = sign * H * (im[1] - im[2]);
    a[0] = re[0] + tr, b[0] = im[0] + ti;
    a[1] = mr - di, b[1] = mi + dr;
    a[2] = mr + di, b[2] = mi - dr;
  } else if constexpr (R == 4) {
    const vf r0 = re[0] + re[2], i0 = im[0] + im[2], r1 = re[0] - re[2], i1 = im[0] - im[2];
    const vf r2 = re[1] + re[3], i2 = im[1] + im[3], r3 = sign * (re[1] - re[3]), i3 = sign * (im[1] - im[3]);
    a[0] = r0 + r2, b[0] = i0 + i2;
    a[2] = r0 - r2, b[2] = i0 - i2;
    a[1] = r1 - i3, b[1] = i1 + r3;
    a[3] = r1 + i3, b[3] = i1 - r3;
  }
}

template <int R>
void pass(int64_t m, int64_t run, const real* xr, const real* xi, real* yr, real* yi, const Root* w, int64_t step,
          real sign) {
  for (int64_t p = 0; p < m; p++) {
    real c[R], s[R];
    for (int k = 0; k < R; k++) c[k] = (real)w[step * p * k].c, s[k] = sign * (real)w[step * p * k].s;
    for (int64_t q = 0; q < run; q += VW) {
      vf re[R], im[R], a[R], b[R];
      for (int j = 0; j < R; j++) {
        re[j] = load(xr + (p + m * j) * run + q);
        im[j] = load(xi + (p + m * j) * run + q);
      }
      butterfly<R>(re, im, sign, a, b);
      store(yr + R * p * run + q, a[0]);
      store(yi + R * p * run + q, b[0]);
      for (int k = 1; k < R; k++) {
        store(yr + (R * p + k) * run + q, a[k] * c[k] - b[k] * s[k]);
        store(yi + (R * p + k) * run + q, a[k] * s[k] + b[k] * c[k]);
      }
    }
  }
}

void pass_of(int r, int64_t m, int64_t run, const real* xr, const real* xi, real* yr, real* yi, const Root* w,
             int64_t step, int64_t n, real sign) {
  for (int64_t p = 0; p < m; p++)
    for (int k = 0; k < r; k++)
      for (int64_t q = 0; q < run; q += VW) {
        vf a = {}, b = {};
        for (int j = 0; j < r; j++) {
          // The factor of the sum and the twiddle of its result in one.
          const Root f = w[(n / r * ((int64_t)j * k % r) + step * p * k) % n];
          const real c = (real)f.c, s = sign * (real)f.s;
          const vf x = load(xr + (p + m * j) * run + q), y = load(xi + (p + m * j) * run + q);
          a += x * c - y * s;
          b += x * s + y * c;
        }
        store(yr + ((int64_t)r * p + k) * run + q, a);
        store(yi + ((int64_t)r * p + k) * run + q, b);
      }
}

// Transforms of length n of `lanes` sequences side by side; the result is where *xr and *xi point afterwards.
void columns(int64_t n, const Factors& f, int64_t lanes, real** xr, real** xi, real** yr, real** yi, const Root* w,
             real sign) {
  int64_t left = n, run = lanes, step = 1;
  for (int i = 0; i < f.count; i++) {
    const int r = f.r[i];
    const int64_t m = left / r;
    if (r == 4)
      pass<4>(m, run, *xr, *xi, *yr, *yi, w, step, sign);
    else if (r == 2)
      pass<2>(m, run, *xr, *xi, *yr, *yi, w, step, sign);
    else if (r == 3)
      pass<3>(m, run, *xr, *xi, *yr, *yi, w, step, sign);
    else
      pass_of(r, m, run, *xr, *xi, *yr, *yi, w, step, n, sign);
    real* t = *xr;
    *xr = *yr, *yr = t;
    t = *xi;
    *xi = *yi, *yi = t;
    left = m, run *= r, step *= r;
  }
}

NABLA_INLINE Root times(Root a, Root b) { return {a.c * b.c - a.s * b.s, a.c * b.s + a.s * b.c}; }

struct Scratch {
  Root *w1, *w2, *coarse, *fine;
  real *re, *im, *ar, *ai, *br, *bi;
  int64_t block;
};
Scratch take_scratch(Pool64& pool, const Plan& p) {
  Scratch s;
  s.w1 = pool.take<Root>(p.n1);
  s.w2 = pool.take<Root>(p.n2);
  s.block = 1;
  while (s.block * s.block < p.n) s.block *= 2;
  s.coarse = pool.take<Root>(p.n / s.block + 1);
  s.fine = pool.take<Root>(s.block);
  s.re = pool.take<real>(p.n + LANES);
  s.im = pool.take<real>(p.n + LANES);
  const int64_t most_lanes = most(p.n1, p.n2) * LANES;
  real** const lists[] = {&s.ar, &s.ai, &s.br, &s.bi};
  for (real** l : lists) *l = pool.take<real>(most_lanes);
  return s;
}
void fill(const Plan& p, Scratch& s) {
  for (int64_t k = 0; k < p.n1; k++) s.w1[k] = unit_root(k, p.n1);
  for (int64_t k = 0; k < p.n2; k++) s.w2[k] = unit_root(k, p.n2);
  for (int64_t k = 0; k * s.block < p.n; k++) s.coarse[k] = unit_root(k * s.block, p.n);
  for (int64_t k = 0; k < s.block; k++) s.fine[k] = unit_root(k, p.n);
}

void row(const Plan& p, const real* x, real* y, real sign, Scratch& s) {
  // Columns of the n1 x n2 matrix.
  for (int64_t c = 0; c < p.n2; c += LANES) {
    const int64_t width = least(LANES, p.n2 - c), lanes = whole_vectors(width);
    real *xr = s.ar, *xi = s.ai, *yr = s.br, *yi = s.bi;
    for (int64_t i = 0; i < p.n1; i++) {
      const real* const from = x + 2 * (i * p.n2 + c);
      for (int64_t q = 0; q < width; q++) xr[i * lanes + q] = from[2 * q], xi[i * lanes + q] = from[2 * q + 1];
      for (int64_t q = width; q < lanes; q++) xr[i * lanes + q] = xi[i * lanes + q] = 0;
    }
    columns(p.n1, p.f1, lanes, &xr, &xi, &yr, &yi, s.w1, sign);
    for (int64_t k = 0; k < p.n1; k++) {
      // exp(2 pi i k j / n) for the columns j at hand, one after the other from a start that is exact.
      real *re = s.re + k * p.n2 + c, *im = s.im + k * p.n2 + c;
      for (int64_t q = 0; q < width; q++) {
        const int64_t e = k * (c + q);
        const Root f = times(s.coarse[e / s.block], s.fine[e % s.block]);
        const real fc = (real)f.c, fs = sign * (real)f.s, a = xr[k * lanes + q], b = xi[k * lanes + q];
        re[q] = a * fc - b * fs;
        im[q] = a * fs + b * fc;
      }
    }
  }
  // Its rows, several as lanes.
  for (int64_t k = 0; k < p.n1; k += LANES) {
    const int64_t width = least(LANES, p.n1 - k), lanes = whole_vectors(width);
    real *xr = s.ar, *xi = s.ai, *yr = s.br, *yi = s.bi;
    for (int64_t q = 0; q < lanes; q++)
      for (int64_t j = 0; j < p.n2; j++) {
        xr[j * lanes + q] = q < width ? s.re[(k + q) * p.n2 + j] : 0;
        xi[j * lanes + q] = q < width ? s.im[(k + q) * p.n2 + j] : 0;
      }
    columns(p.n2, p.f2, lanes, &xr, &xi, &yr, &yi, s.w2, sign);
    for (int64_t j = 0; j < p.n2; j++) {
      real* const to = y + 2 * (j * p.n1 + k);
      for (int64_t q = 0; q < width; q++) to[2 * q] = xr[j * lanes + q], to[2 * q + 1] = xi[j * lanes + q];
    }
  }
}

// Many short rows: each is a lane.
void together(const Plan& p, const Factors& f, const real* x, real* y, int64_t rows, real sign, const Root* w, Scratch& s) {
  for (int64_t k = 0; k < rows; k += LANES) {
    const int64_t width = least(LANES, rows - k), lanes = whole_vectors(width);
    real *xr = s.ar, *xi = s.ai, *yr = s.br, *yi = s.bi;
    for (int64_t q = 0; q < lanes; q++)
      for (int64_t j = 0; j < p.n; j++) {
        xr[j * lanes + q] = q < width ? x[2 * ((k + q) * p.n + j)] : 0;
        xi[j * lanes + q] = q < width ? x[2 * ((k + q) * p.n + j) + 1] : 0;
      }
    columns(p.n, f, lanes, &xr, &xi, &yr, &yi, w, sign);
    for (int64_t q = 0; q < width; q++)
      for (int64_t j = 0; j < p.n; j++) {
        y[2 * ((k + q) * p.n + j)] = xr[j * lanes + q];
        y[2 * ((k + q) * p.n + j) + 1] = xi[j * lanes + q];
      }
  }
}

constexpr int64_t SHORT = 512;  // rows that lie in the cache LANES at a time

int64_t convolution_length(int64_t n) {
  int64_t m = 1;
  while (m < 2 * n - 1) m *= 2;
  return m;
}

}  // namespace

int64_t fft_bytes(int64_t n) {
  if (n <= 1) return 0;
  Pool64 pool{nullptr};
  Plan p;
  if (divide_length(n, &p)) {
    take_scratch(pool, p);
    if (n <= SHORT) {
      pool.take<Root>(n);
      for (int i = 0; i < 4; i++) pool.take<real>(n * LANES);
    }
    return pool.used;
  }
  const int64_t m = convolution_length(n);
  divide_length(m, &p);
  take_scratch(pool, p);
  for (int i = 0; i < 3; i++) pool.take<real>(2 * m);
  pool.take<real>(2 * n);
  return pool.used;
}

void fft(const real* x, real* y, int64_t rows, int64_t n, int sign, Pool64 pool) {
  if (n <= 1) {
    for (int64_t i = 0; i < 2 * rows * n; i++) y[i] = x[i];
    return;
  }
  Plan p;
  if (divide_length(n, &p)) {
    Scratch s = take_scratch(pool, p);
    Factors f;
    if (n <= SHORT && rows >= VW && factor(n, &f)) {
      Root* const w = pool.take<Root>(n);
      for (int64_t k = 0; k < n; k++) w[k] = unit_root(k, n);
      real** const lists[] = {&s.ar, &s.ai, &s.br, &s.bi};
      for (real** l : lists) *l = pool.take<real>(n * LANES);
      together(p, f, x, y, rows, (real)sign, w, s);
      return;
    }
    fill(p, s);
    for (int64_t i = 0; i < rows; i++) row(p, x + 2 * i * n, y + 2 * i * n, (real)sign, s);
    return;
  }
  const int64_t m = convolution_length(n);
  divide_length(m, &p);
  Scratch s = take_scratch(pool, p);
  fill(p, s);
  real* const a = pool.take<real>(2 * m);
  real* const b = pool.take<real>(2 * m);
  real* const kernel = pool.take<real>(2 * m);
  real* const chirp = pool.take<real>(2 * n);
  for (int64_t i = 0; i < 2 * m; i++) b[i] = 0;
  for (int64_t k = 0, e = 0; k < n; k++) {
    // exp(sign pi i k^2 / n): e is k^2 modulo 2n.
    if (k) e = (e + 2 * k - 1) % (2 * n);
    const Root f = unit_root(e, 2 * n);
    chirp[2 * k] = (real)f.c, chirp[2 * k + 1] = (real)(sign * f.s);
    const real c = chirp[2 * k], t = -chirp[2 * k + 1];
    b[2 * k] = c, b[2 * k + 1] = t;
    if (k) b[2 * (m - k)] = c, b[2 * (m - k) + 1] = t;
  }
  row(p, b, kernel, -1, s);
  const real inverse = (real)1 / (real)m;
  for (int64_t r = 0; r < rows; r++) {
    const real* const from = x + 2 * r * n;
    real* const to = y + 2 * r * n;
    const auto multiply = [](real* o, const real* u, const real* v) {
      const real re = u[0] * v[0] - u[1] * v[1], im = u[0] * v[1] + u[1] * v[0];
      o[0] = re, o[1] = im;
    };
    for (int64_t k = 0; k < n; k++) multiply(a + 2 * k, from + 2 * k, chirp + 2 * k);
    for (int64_t k = 2 * n; k < 2 * m; k++) a[k] = 0;
    row(p, a, b, -1, s);
    for (int64_t k = 0; k < m; k++) multiply(b + 2 * k, b + 2 * k, kernel + 2 * k);
    row(p, b, a, 1, s);
    for (int64_t k = 0; k < n; k++) {
      multiply(to + 2 * k, a + 2 * k, chirp + 2 * k);
      to[2 * k] *= inverse, to[2 * k + 1] *= inverse;
    }
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
