// Singular values of bidiagonal matrices: divide and conquer (Gu and Eisenstat, 1995), whose parts have one column more than
// rows but for the last; small parts, and values alone, by the implicit QR iteration (Golub and Reinsch, 1970).
#include "linalg_bidiagonal.h"

#if NABLA_LANES == 64
#include "linalg_divide.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// Vectors in rows, or none.
struct Rows {
  double* at;
  int64_t ld, width;
  void turn(int64_t i, int64_t j, double c, double s) const {
    if (at) turn_rows(at + i * ld, at + j * ld, width, c, s);
  }
};

struct Turn {
  double c, s, r;
};
// That which makes (r, 0) of (f, g). The matrix is near 1, so that what is lost here is nothing beside it.
NABLA_INLINE Turn turn_of(double f, double g) {
  const double square = f * f + g * g;
  if (!(square > 0x1p-900)) return {1, 0, f};
  const double r = root(square);
  return {f / r, g / r, r};
}

// The smaller singular value of [f g; 0 h].
NABLA_INLINE double smaller(double f, double g, double h) {
  f = size_of(f), h = size_of(h);
  const double sum = f + h, difference = f - h, greater = (root(sum * sum + g * g) + root(difference * difference + g * g)) / 2;
  return greater > 0 ? f * (h / greater) : 0;
}

// With `wide`, e has one element more, which a last column holds; v has one row more, the vector that the matrix makes 0.
// What is at most `floor` is nothing beside the whole matrix.
bool iterate(double* d, double* e, int64_t n, bool wide, const Rows& u, const Rows& v, double floor) {
  if (wide) {
    // The last column is turned into those before it, from the bottom up.
    double f = e[n - 1];
    for (int64_t i = n - 1; i >= 0; i--) {
      const Turn t = turn_of(d[i], f);
      d[i] = t.r;
      v.turn(i, n, t.c, t.s);
      if (i > 0) f = -t.s * e[i - 1], e[i - 1] *= t.c;
    }
  }
  int64_t hi = n - 1;
  for (int rounds = 0; hi > 0; rounds++) {
    if (rounds == 100) return false;
    int64_t lo = hi;
    for (; lo > 0; lo--) {
      const double x = size_of(e[lo - 1]);
      if (x <= floor || x <= EPS * (size_of(d[lo - 1]) + size_of(d[lo]))) {
        e[lo - 1] = 0;
        break;
      }
    }
    if (lo == hi) {
      hi--, rounds = -1;
      continue;
    }
    int64_t zero = hi;
    while (zero >= lo && size_of(d[zero]) > floor) zero--;
    if (zero == hi) {
      // The column of a 0 at the end is turned away as above.
      double f = e[hi - 1];
      d[hi] = e[hi - 1] = 0;
      for (int64_t i = hi - 1; i >= lo; i--) {
        const Turn t = turn_of(d[i], f);
        d[i] = t.r;
        v.turn(i, hi, t.c, t.s);
        if (i > lo) f = -t.s * e[i - 1], e[i - 1] *= t.c;
      }
      continue;
    }
    if (zero >= lo) {
      // The row of a 0 is turned into those below it.
      double f = e[zero];
      d[zero] = e[zero] = 0;
      for (int64_t i = zero + 1; i <= hi; i++) {
        const Turn t = turn_of(d[i], f);
        d[i] = t.r;
        u.turn(i, zero, t.c, t.s);
        if (i < hi) f = -t.s * e[i], e[i] *= t.c;
      }
      continue;
    }
    const double first = d[lo], shift = smaller(d[hi - 1], e[hi - 1], d[hi]);
    double f = (size_of(first) - shift) * ((first < 0 ? -1 : 1) + shift / first), g = e[lo];
    for (int64_t i = lo; i < hi; i++) {
      const Turn right = turn_of(f, g);
      if (i > lo) e[i - 1] = right.r;
      f = right.c * d[i] + right.s * e[i];
      e[i] = right.c * e[i] - right.s * d[i];
      g = right.s * d[i + 1];
      d[i + 1] *= right.c;
      v.turn(i, i + 1, right.c, right.s);
      const Turn left = turn_of(f, g);
      d[i] = left.r;
      f = left.c * e[i] + left.s * d[i + 1];
      d[i + 1] = left.c * d[i + 1] - left.s * e[i];
      if (i + 1 < hi) {
        g = left.s * e[i + 1];
        e[i + 1] *= left.c;
      }
      u.turn(i, i + 1, left.c, left.s);
    }
    e[hi - 1] = f;
  }
  for (int64_t i = 0; i < n; i++)
    if (d[i] < 0) {
      d[i] = -d[i];
      if (v.at) scale(-1, v.at + i * v.ld, v.width);
    }
  // Ascending.
  for (int64_t i = 1; i < n; i++) {
    const double x = d[i];
    int64_t j = i;
    for (; j > 0 && d[j - 1] > x; j--) {
      d[j] = d[j - 1];
      if (!u.at) continue;
      swap_rows(u.at + j * u.ld, u.at + (j - 1) * u.ld, u.width);
      swap_rows(v.at + j * v.ld, v.at + (j - 1) * v.ld, v.width);
    }
    d[j] = x;
  }
  return true;
}

// Joins the solved rows [0, m - 1) and [m, n) by row m - 1, which holds alpha in column m - 1 and beta in column m. The left
// part has the columns [0, m), so that v's row m - 1 is the vector that it makes 0; with `wide` the right part has one, too.
void merge(double* d, double alpha, double beta, int64_t m, int64_t n, bool wide, double* u, double* v, int64_t ld,
           double* right, double floor, Join& w) {
  const int64_t mid = m - 1, width = n + wide;
  double top = size_of(alpha) > size_of(beta) ? size_of(alpha) : size_of(beta);
  d[mid] = 0;
  for (int64_t i = 0; i < n; i++) {
    w.z[i] = i < m ? alpha * v[i * ld + mid] : beta * v[i * ld + m];
    w.type[i] = i < m ? 0 : 2;
    if (d[i] > top) top = d[i];
  }
  if (wide) {
    // Of both vectors that are made 0 one is left.
    const double f = w.z[mid], g = beta * v[n * ld + m], r = hypotenuse(f, g);
    if (r > floor) turn_rows(v + mid * ld, v + n * ld, width, f / r, g / r);
    w.z[mid] = r;
    w.type[mid] = 1;
  }
  const double tolerance = 8 * 2 * EPS * top > floor ? 8 * 2 * EPS * top : floor;
  if (size_of(w.z[mid]) <= tolerance) w.z[mid] = w.z[mid] < 0 ? -tolerance : tolerance;
  // The pole at 0 always takes part.
  w.live[0] = mid;
  w.alive = 1;
  for (int64_t i = 0, a = 0, b = m; i < n - 1; i++) w.order[i] = b == n || (a < mid && d[a] <= d[b]) ? a++ : b++;
  deflate(w, d, n - 1, 1, tolerance, [&](int64_t i, int64_t j, double c, double s) {
    turn_rows(u + i * ld, u + j * ld, n, c, s);
    turn_rows(v + i * ld, v + j * ld, width, c, s);
  });
  const int64_t k = w.alive;
  for (int64_t i = 0; i < k; i++) w.poles[i] = d[w.live[i]], w.kept[i] = w.z[w.live[i]];
  if (k > 1 && w.poles[1] < tolerance / 2) w.poles[1] = tolerance / 2;
  if (w.kept[0] == 0) {
    // A matrix of zeros.
    w.zhat[0] = w.s[0] = 1;
    w.values[0] = 0;
  } else {
    find_roots<Squares>(w, 1);
    for (int64_t i = 0; i < k; i++) w.values[i] = root(w.poles[w.pole[i]] * w.poles[w.pole[i]] + w.mu[i]);
  }
  order_values(w, d, n);
  // Right vectors z / (d^2 - x), left ones d z / (d^2 - x), -1 for the pole at 0.
  for (int64_t i = 0; i < k; i++) {
    double *const row = w.s + i * k, *const other = right + i * k;
    double length = 0, length2 = 1;
    for (int64_t j = 0; j < k; j++) {
      const double q = w.zhat[j] / row[j], p = q * w.poles[j];
      w.mu[j] = q;
      length += q * q;
      length2 += p * p;
    }
    length = 1 / root(length), length2 = 1 / root(length2);
    row[w.place[0]] = -length2;
    other[w.place[0]] = w.mu[0] * length;
    for (int64_t j = 1; j < k; j++) {
      row[w.place[j]] = w.poles[j] * w.mu[j] * length2;
      other[w.place[j]] = w.mu[j] * length;
    }
  }
  rebuild(w, w.s, u, ld, m, n, n);
  rebuild(w, right, v, ld, m, width, n);
}

bool divide(double* d, double* e, int64_t n, bool wide, double* u, double* v, int64_t ld, double* right, double floor, Join& w) {
  if (n <= SMALL) {
    for (int64_t i = 0; i < n; i++) u[i * ld + i] = v[i * ld + i] = 1;
    if (wide) v[n * ld + n] = 1;
    return iterate(d, e, n, wide, {u, ld, n}, {v, ld, n + wide}, floor);
  }
  const int64_t m = n / 2 + 1;
  const double alpha = d[m - 1], beta = e[m - 1];
  u[(m - 1) * ld + m - 1] = 1;
  if (!divide(d, e, m - 1, true, u, v, ld, right, floor, w)) return false;
  if (!divide(d + m, e + m, n - m, wide, u + m * ld + m, v + m * ld + m, ld, right, floor, w)) return false;
  merge(d, alpha, beta, m, n, wide, u, v, ld, right, floor, w);
  return true;
}

}  // namespace

int64_t bidiagonal_bytes(int64_t n) {
  Pool64 pool{nullptr};
  take_join(pool, n);
  pool.take<double>(n * n);
  return pool.used;
}

bool bidiagonal_svd(double* d, double* e, int64_t n, double* u, double* v, Pool64 pool) {
  double floor = 0;
  for (int64_t i = 0; i < n; i++) {
    if (size_of(d[i]) > floor) floor = size_of(d[i]);
    if (i + 1 < n && size_of(e[i]) > floor) floor = size_of(e[i]);
  }
  floor *= EPS / 2;
  if (!u) return iterate(d, e, n, false, {}, {}, floor);
  for (int64_t i = 0; i < n * n; i++) u[i] = v[i] = 0;
  Join w = take_join(pool, n);
  double* const right = pool.take<double>(n * n);
  return divide(d, e, n, false, u, v, n, right, floor, w);
}

}  // namespace NABLA_ISA
}  // namespace nabla
#endif
