// test: core args=150 args-slow=70 threads
// Factorizations, triangular systems and Fourier transforms of every instruction set: put together again they give
// what was factored, they agree with plain loops in double, a batch has the bits of its matrices one by one (also on
// several threads), and what is documented as not read is NaN. The argument is the largest extent.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core.h"

using namespace nabla;

static int failures = 0;
static int64_t checks = 0;
static std::string label;
static const double NONE = __builtin_nan("");

static bool expect(bool ok, const char* what) {
  checks++;
  if (!ok && failures++ < 30) printf("FAIL %s: %s\n", label.c_str(), what);
  return ok;
}
static void within(double error, double limit, const char* what) {
  checks++;
  if (!(error <= limit) && failures++ < 30) printf("FAIL %s: %s is off by %g, limit %g\n", label.c_str(), what, error, limit);
}

// A batch of matrices in double, whatever the instruction computes in.
struct Mat {
  int64_t m = 0, n = 0;
  std::vector<double> v;
  Mat() {}
  Mat(int64_t rows, int64_t cols) : m(rows), n(cols), v((size_t)(rows * cols)) {}
  double& operator()(int64_t i, int64_t j) { return v[(size_t)(i * n + j)]; }
  double operator()(int64_t i, int64_t j) const { return v[(size_t)(i * n + j)]; }
};
static Mat product(const Mat& a, const Mat& b) {
  Mat c(a.m, b.n);
  for (int64_t i = 0; i < a.m; i++)
    for (int64_t k = 0; k < a.n; k++)
      for (int64_t j = 0; j < b.n; j++) c(i, j) += a(i, k) * b(k, j);
  return c;
}
static Mat transposed(const Mat& a) {
  Mat t(a.n, a.m);
  for (int64_t i = 0; i < a.m; i++)
    for (int64_t j = 0; j < a.n; j++) t(j, i) = a(i, j);
  return t;
}
static double greatest(const Mat& a) {
  double g = 0;
  for (double x : a.v)
    if (std::fabs(x) > g || x != x) g = std::fabs(x);
  return g;
}
static double distance(const Mat& a, const Mat& b) {
  double g = 0;
  for (size_t i = 0; i < a.v.size(); i++)
    if (const double d = std::fabs(a.v[i] - b.v[i]); d > g || d != d) g = d;
  return g;
}
static Mat identity(int64_t n) {
  Mat i(n, n);
  for (int64_t k = 0; k < n; k++) i(k, k) = 1;
  return i;
}
static double from_orthogonal(const Mat& q) { return distance(product(transposed(q), q), identity(q.n)); }
static bool all_nan(const Mat& a) {
  return std::all_of(a.v.begin(), a.v.end(), [](double x) { return x != x; });
}
static bool any_nan(const Mat& a) {
  return std::any_of(a.v.begin(), a.v.end(), [](double x) { return x != x; });
}

static Random rng(7);
static Mat random(int64_t m, int64_t n, double scale = 1) {
  Mat a(m, n);
  for (double& x : a.v) x = (double)rng.number() * scale;
  return a;
}
static Mat symmetric(int64_t n) {
  Mat a = random(n, n);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < i; j++) a(j, i) = a(i, j);
  return a;
}
static Mat positive(int64_t n) {
  const Mat b = random(n, n);
  Mat a = product(b, transposed(b));
  for (int64_t i = 0; i < n; i++) a(i, i) += 1;
  return a;
}

static const Core* core;
static Pool* pool;
static int32_t dtype;
static double eps() { return dtype == F32 ? 0x1p-23 : 0x1p-52; }
// As it is once it has been stored.
static Mat rounded(Mat a) {
  if (dtype == F32)
    for (double& x : a.v) x = (double)(float)x;
  return a;
}

// An instruction at work: inputs are written behind one element of their slot, outputs read from there.
struct Run {
  Program p;
  Words operands;
  struct Out {
    int32_t slot;
    bool whole;  // int32
    int64_t m, n;
  };
  std::vector<Out> outs;

  void in(const std::vector<Mat>& batch) {
    size_t count = 1;
    for (const Mat& a : batch) count += a.v.size();
    const int32_t s = p.slot(count * (dtype == F32 ? 4 : 8));
    size_t at = 1;
    for (const Mat& a : batch)
      for (double x : a.v) {
        if (dtype == F32) p.slots[(size_t)s].f()[at++] = (float)x;
        else ((double*)p.slots[(size_t)s].p)[at++] = x;
      }
    operands = operands + Words{s, 1};
  }
  void out(int64_t batch, int64_t m, int64_t n, bool wanted = true, bool whole = false) {
    if (!wanted) {
      operands = operands + Words{-1, 0};
      outs.push_back({-1, whole, m, n});
      return;
    }
    const int32_t s = p.slot((size_t)(batch * m * n + 1) * (whole || dtype == F32 ? 4 : 8));
    memset(p.slots[(size_t)s].p, 0xff, p.slots[(size_t)s].bytes);  // NaN where nothing is written
    operands = operands + Words{s, 1};
    outs.push_back({s, whole, m, n});
  }
  std::vector<Memory> go(int32_t opcode, const Words& head) {
    p.add(opcode, Words{dtype} + head + operands);
    std::vector<Memory> slots = p.slots;
    const Outcome o = execute(*core, p.words(), slots, pool);
    if (o.info.error && failures++ < 30) printf("FAIL %s: rejected: %s\n", label.c_str(), o.info.error);
    result = slots;
    return slots;
  }
  std::vector<Memory> result;
  Mat get(size_t which, int64_t b = 0) const {
    const Out& o = outs[which];
    Mat a(o.m, o.n);
    for (size_t i = 0; i < a.v.size(); i++) {
      const size_t at = 1 + (size_t)(b * o.m * o.n) + i;
      const Memory& m = result[(size_t)o.slot];
      a.v[i] = o.whole ? (double)m.i()[at] : dtype == F32 ? (double)m.f()[at] : ((double*)m.p)[at];
    }
    return a;
  }
  int whole(size_t which, int64_t b = 0, int64_t i = 0) const { return (int)get(which, b).v[(size_t)i]; }
};

template <class... T>
static void name(const char* format, T... values) {
  char text[160];
  snprintf(text, sizeof text, format, values...);
  label = std::string(core->name) + (dtype == F32 ? " float32 " : " float64 ") + text;
}
// The outputs of a batch of two have the bits of each matrix by itself.
static void same_bits(const Run& both, const Run& first, const Run& second) {
  for (size_t o = 0; o < both.outs.size(); o++) {
    if (both.outs[o].slot < 0) continue;
    const size_t width = both.outs[o].whole || dtype == F32 ? 4 : 8, bytes = (size_t)(both.outs[o].m * both.outs[o].n) * width;
    const char* const p = both.result[(size_t)both.outs[o].slot].p + width;
    expect(!memcmp(p, first.result[(size_t)first.outs[o].slot].p + width, bytes) &&
               !memcmp(p + bytes, second.result[(size_t)second.outs[o].slot].p + width, bytes),
           "a batch differs from its matrices");
  }
}

// ---- LU ----

static Run run_lu(const std::vector<Mat>& a, bool all = true) {
  const int64_t b = (int64_t)a.size(), m = a[0].m, n = a[0].n;
  Run r;
  r.in(a);
  r.out(b, m, n, all), r.out(b, std::min(m, n), 1, true, true), r.out(b, 1, 1, all, true);
  r.go(OP_LU, {(int32_t)b, (int32_t)m, (int32_t)n});
  return r;
}
static void check_lu(const Run& r, int64_t b, const Mat& a) {
  const int64_t m = a.m, n = a.n, k = std::min(m, n);
  const Mat f = r.get(0, b);
  Mat l(m, k), u(k, n), p = a;
  bool small = true, fine = true;
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      if (j < i && j < k) l(i, j) = f(i, j), small &= std::fabs(f(i, j)) <= 1;
      else if (i < k) u(i, j) = f(i, j);
    }
  for (int64_t i = 0; i < k; i++) {
    l(i, i) = 1;
    const int other = r.whole(1, b, i);
    fine &= other >= i && other < m;
    if (!fine) break;
    for (int64_t j = 0; j < n; j++) std::swap(p(i, j), p(other, j));
  }
  expect(fine, "a pivot outside the rows below");
  if (!fine) return;
  expect(small, "an element of L above 1");
  within(distance(product(l, u), p), 4 * eps() * (double)(k + 1) * (greatest(a) + greatest(u)), "P A - L U");
}
static void lu(int64_t m, int64_t n) {
  name("lu %dx%d", (int)m, (int)n);
  const Mat a = rounded(random(m, n)), c = rounded(random(m, n));
  const Run both = run_lu({a, c});
  check_lu(both, 0, a), check_lu(both, 1, c);
  if (std::min(m, n) > 0) expect(both.whole(2, 0) == 0, "a regular matrix counts as singular");
  same_bits(both, run_lu({a}), run_lu({c}));
  const Run pivots = run_lu({a}, false);  // only what is asked for
  if (std::min(m, n) > 0) expect(pivots.get(1).v == both.get(1, 0).v, "pivots alone differ");
}
static void odd_lu(int64_t n) {
  name("lu of singular matrices %d", (int)n);
  // Small integers whose elimination is exact: A = L U with unit L, and U's diagonal 0 at one place.
  const int64_t at = n / 2;
  Mat l = identity(n), u = identity(n);
  for (int64_t i = 1; i < n; i++) l(i, i - 1) = 0.5, u(i - 1, i) = 2;
  u(at, at) = 0;
  if (at + 1 < n) u(at, at + 1) = 0;
  Mat a = product(l, u);
  // The row below the zero has nothing left either.
  for (int64_t i = at + 1; i < n; i++) a(i, at) = 0;
  const Run r = run_lu({a});
  check_lu(r, 0, a);
  expect(r.whole(2) == at + 1, "the first pivot that is 0");
  const Mat zero(n, n);
  const Run z = run_lu({zero});
  expect(z.whole(2) == 1 && greatest(z.get(0)) == 0, "the zero matrix");
  for (double bad : {NONE, (double)INFINITY}) {
    Mat x = random(n, n);
    x(n / 2, n / 3) = bad;
    const Run nan = run_lu({x});
    bool fine = true;
    for (int64_t i = 0; i < n; i++) fine &= nan.whole(1, 0, i) >= i && nan.whole(1, 0, i) < n;
    expect(fine, "a pivot of a matrix with NaN");
    expect(bad == bad || any_nan(nan.get(0)), "NaN is lost");
  }
}

// ---- Cholesky ----

static Run run_cholesky(const std::vector<Mat>& a) {
  const int64_t b = (int64_t)a.size(), n = a[0].n;
  Run r;
  r.in(a);
  r.out(b, n, n), r.out(b, 1, 1, true, true);
  r.go(OP_CHOLESKY, {(int32_t)b, (int32_t)n});
  return r;
}
static Mat lower_only(Mat a) {
  for (int64_t i = 0; i < a.m; i++)
    for (int64_t j = i + 1; j < a.n; j++) a(i, j) = NONE;
  return a;
}
static void cholesky(int64_t n) {
  name("cholesky %d", (int)n);
  const Mat a = rounded(positive(n)), c = rounded(positive(n));
  const Run both = run_cholesky({lower_only(a), lower_only(c)});
  for (int b = 0; b < 2; b++) {
    const Mat l = both.get(0, b), &x = b ? c : a;
    bool fine = true;
    for (int64_t i = 0; i < n; i++) {
      fine &= l(i, i) > 0;
      for (int64_t j = i + 1; j < n; j++) fine &= l(i, j) == 0;
    }
    expect(fine, "not a lower triangle with a positive diagonal");
    within(distance(product(l, transposed(l)), x), 2 * eps() * (double)(n + 1) * greatest(x), "A - L L^T");
    if (n) expect(both.whole(1, b) == 0, "a positive matrix counts as not positive");
  }
  same_bits(both, run_cholesky({lower_only(a)}), run_cholesky({lower_only(c)}));
  if (n == 0) return;
  for (int64_t at : {(int64_t)0, n / 2, n - 1})
    for (double bad : {-1.0, 0.0, NONE}) {
      Mat x = identity(n);
      x(at, at) = bad;
      const Run r = run_cholesky({x, identity(n)});
      expect(r.whole(1, 0) == at + 1, "the minor that is not positive");
      expect(all_nan(r.get(0, 0)), "the factor of what is not positive is NaN");
      expect(r.get(0, 1).v == identity(n).v && r.whole(1, 1) == 0, "its neighbour in the batch");
    }
}

// ---- triangular systems ----

static Run run_triangular(const std::vector<Mat>& t, const std::vector<Mat>& b, bool upper, bool turned, bool unit) {
  Run r;
  r.in(t), r.in(b);
  r.out((int64_t)t.size(), b[0].m, b[0].n);
  r.go(OP_SOLVE_TRIANGULAR, {(int32_t)t.size(), (int32_t)b[0].m, (int32_t)b[0].n, upper, turned, unit});
  return r;
}
static void triangular(int64_t n, int64_t columns) {
  for (int flags = 0; flags < 8; flags++) {
    const bool upper = flags & 1, turned = flags & 2, unit = flags & 4;
    name("triangular %d columns %d upper %d transposed %d unit %d", (int)n, (int)columns, upper, turned, unit);
    std::vector<Mat> given, used, b;
    for (int i = 0; i < 2; i++) {
      Mat t = random(n, n, 2.0 / (double)(n + 1)), g(n, n), u(n, n);
      for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < n; c++) {
          const bool mine = upper ? c > r : c < r;
          if (c == r) t(r, c) += t(r, c) < 0 ? -1 : 1;
          g(r, c) = mine || (c == r && !unit) ? t(r, c) : NONE;
          u(r, c) = mine || (c == r && !unit) ? t(r, c) : c == r;
        }
      given.push_back(rounded(g)), used.push_back(rounded(u)), b.push_back(rounded(random(n, columns)));
    }
    const Run r = run_triangular(given, b, upper, turned, unit);
    for (int i = 0; i < 2; i++) {
      const Mat x = r.get(0, i), back = product(turned ? transposed(used[(size_t)i]) : used[(size_t)i], x);
      within(distance(back, b[(size_t)i]), 2 * eps() * (double)(n + 1) * (greatest(x) + 1), "T X - B");
    }
    same_bits(r, run_triangular({given[0]}, {b[0]}, upper, turned, unit), run_triangular({given[1]}, {b[1]}, upper, turned, unit));
  }
}
static void odd_triangular() {
  name("triangular systems of zeros and NaN");
  Mat t = identity(3), b(3, 2);
  t(1, 1) = 0;
  for (double& x : b.v) x = 1;
  const Mat x = run_triangular({t}, {b}, false, false, false).get(0);
  expect(x(0, 0) == 1 && std::isinf(x(1, 0)) && x(0, 1) == 1, "a zero on the diagonal gives an infinity there");
  b(0, 1) = NONE;
  const Mat y = run_triangular({identity(3)}, {b}, false, false, false).get(0);
  expect(y(0, 0) == 1 && y(1, 0) == 1 && y(2, 0) == 1 && y(0, 1) != y(0, 1), "NaN stays in its column");
}

// ---- QR ----

static Run run_qr(const std::vector<Mat>& a) {
  const int64_t b = (int64_t)a.size(), m = a[0].m, n = a[0].n;
  Run r;
  r.in(a);
  r.out(b, m, n), r.out(b, std::min(m, n), 1);
  r.go(OP_QR, {(int32_t)b, (int32_t)m, (int32_t)n});
  return r;
}
static Run run_householder(const std::vector<Mat>& a, const std::vector<Mat>& tau, int64_t k, int64_t columns) {
  const int64_t b = (int64_t)a.size(), m = a[0].m, n = a[0].n;
  Run r;
  r.in(a), r.in(tau);
  r.out(b, m, columns);
  r.go(OP_HOUSEHOLDER, {(int32_t)b, (int32_t)m, (int32_t)n, (int32_t)k, (int32_t)columns});
  return r;
}
static void qr_of(const std::vector<Mat>& a) {
  const int64_t m = a[0].m, n = a[0].n, k = std::min(m, n);
  const Run f = run_qr(a);
  std::vector<Mat> stored, tau;
  for (size_t i = 0; i < a.size(); i++) stored.push_back(f.get(0, (int64_t)i)), tau.push_back(f.get(1, (int64_t)i));
  for (int64_t columns : {k, m}) {
    const Run q = run_householder(stored, tau, k, columns);
    for (size_t i = 0; i < a.size(); i++) {
      Mat r(columns, n);
      for (int64_t x = 0; x < k; x++)
        for (int64_t y = x; y < n; y++) r(x, y) = stored[i](x, y);
      const Mat got = q.get(0, (int64_t)i);
      within(from_orthogonal(got), 4 * eps() * std::sqrt((double)(m + 1)), "Q^T Q - 1");
      within(distance(product(got, r), a[i]), 4 * eps() * std::sqrt((double)(m + n)) * std::sqrt((double)(n + 1)) * greatest(a[i]), "A - Q R");
    }
    if (a.size() == 2)
      same_bits(q, run_householder({stored[0]}, {tau[0]}, k, columns), run_householder({stored[1]}, {tau[1]}, k, columns));
  }
  // Fewer columns than reflections, or none.
  for (int64_t columns : {(int64_t)0, k / 2}) {
    const Mat some = run_householder(stored, tau, k, columns).get(0), all = run_householder(stored, tau, k, k).get(0);
    Mat first(m, columns);
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < columns; j++) first(i, j) = all(i, j);
    within(distance(some, first), 4 * eps(), "the first columns of Q");
  }
  if (a.size() == 2) same_bits(f, run_qr({a[0]}), run_qr({a[1]}));
}
static void qr(int64_t m, int64_t n) {
  name("qr %dx%d", (int)m, (int)n);
  qr_of({rounded(random(m, n)), rounded(random(m, n))});
}
static void odd_qr() {
  for (double scale : {1e30, 1e-30, 0.0}) {
    name("qr of elements near %g", scale);
    qr_of({rounded(random(40, 35, scale))});
  }
  name("qr of rank 2");
  qr_of({rounded(product(random(37, 2), random(2, 35)))});
  name("qr with NaN");
  Mat a = random(34, 34);
  a(20, 10) = NONE;
  const Mat r = run_qr({a}).get(0);
  expect(!any_nan(Mat(r)) == false && r(0, 0) == r(0, 0), "NaN reaches what depends on it, and the columns before do not");
}

// ---- eigenvalues ----

static Run run_eigh(const std::vector<Mat>& a, bool vectors = true) {
  const int64_t b = (int64_t)a.size(), n = a[0].n;
  Run r;
  r.in(a);
  r.out(b, n, 1), r.out(b, n, n, vectors);
  r.go(OP_EIGH, {(int32_t)b, (int32_t)n});
  return r;
}
static void eigh_of(const std::vector<Mat>& a) {
  std::vector<Mat> lower;
  for (const Mat& x : a) lower.push_back(lower_only(x));
  const Run r = run_eigh(lower), only = run_eigh(lower, false);
  const int64_t n = a[0].n;
  for (size_t i = 0; i < a.size(); i++) {
    const Mat w = r.get(0, (int64_t)i), v = r.get(1, (int64_t)i);
    Mat scaled = v;
    for (int64_t x = 0; x < n; x++)
      for (int64_t y = 0; y < n; y++) scaled(x, y) *= w(y, 0);
    const double g = greatest(a[i]) * std::sqrt((double)(n + 1));
    expect(std::is_sorted(w.v.begin(), w.v.end()), "values do not ascend");
    within(from_orthogonal(v), 8 * eps() * std::sqrt((double)(n + 1)), "V^T V - 1");
    within(distance(product(a[i], v), scaled), 8 * eps() * (g + greatest(w)), "A V - V W");
    within(distance(only.get(0, (int64_t)i), w), 16 * eps() * (g + greatest(w)), "values alone");
  }
  if (a.size() == 2) same_bits(r, run_eigh({lower[0]}), run_eigh({lower[1]}));
}
static void eigh(int64_t n) {
  name("eigh %d", (int)n);
  eigh_of({symmetric(n), symmetric(n)});
  if (n == 0) return;
  // 2 on the diagonal, -1 beside it: 2 - 2 cos(pi k / (n + 1)).
  name("eigh of second differences %d", (int)n);
  Mat a(n, n), w(n, 1);
  for (int64_t i = 0; i < n; i++) {
    a(i, i) = 2, w(i, 0) = 2 - 2 * std::cos(M_PI * (double)(i + 1) / (double)(n + 1));
    if (i) a(i, i - 1) = a(i - 1, i) = -1;
  }
  eigh_of({a});
  within(distance(run_eigh({a}).get(0), w), 16 * eps() * std::sqrt((double)n), "known values");
}
static void odd_eigh(int64_t n) {
  name("eigh of equal values %d", (int)n);
  eigh_of({identity(n), Mat(n, n)});
  name("eigh of rank 1 %d", (int)n);
  const Mat x = random(n, 1);
  eigh_of({product(x, transposed(x))});
  name("eigh of clusters %d", (int)n);
  Mat c = identity(n);
  for (int64_t i = 0; i < n; i++) c(i, i) = (double)(i % 3) + 1e-14 * (double)i;
  if (n > 1) c(1, 0) = c(0, 1) = 1e-13;
  eigh_of({c});
  for (double scale : {1e200, 1e-200}) {
    name("eigh of elements near %g, %d", scale, (int)n);
    Mat s = symmetric(n);
    for (double& v : s.v) v *= scale;
    eigh_of({s});
  }
  for (double bad : {NONE, (double)INFINITY}) {
    name("eigh with %g, %d", bad, (int)n);
    Mat s = symmetric(n), good = symmetric(n);
    s(n - 1, n / 2) = bad;
    const Run r = run_eigh({s, good});
    expect(all_nan(r.get(0, 0)) && all_nan(r.get(1, 0)), "what is not finite has NaN for results");
    expect(!any_nan(r.get(0, 1)) && !any_nan(r.get(1, 1)), "its neighbour in the batch");
  }
}

// ---- singular values ----

static Run run_svd(const std::vector<Mat>& a, bool u = true, bool vt = true) {
  const int64_t b = (int64_t)a.size(), m = a[0].m, n = a[0].n;
  Run r;
  r.in(a);
  r.out(b, n, 1), r.out(b, m, n, u), r.out(b, n, n, vt);
  r.go(OP_SVD, {(int32_t)b, (int32_t)m, (int32_t)n});
  return r;
}
static void svd_of(const std::vector<Mat>& a) {
  const Run r = run_svd(a), only = run_svd(a, false, false), left = run_svd(a, true, false);
  const int64_t m = a[0].m, n = a[0].n;
  for (size_t i = 0; i < a.size(); i++) {
    const Mat s = r.get(0, (int64_t)i), u = r.get(1, (int64_t)i), vt = r.get(2, (int64_t)i);
    Mat us = u;
    for (int64_t x = 0; x < m; x++)
      for (int64_t y = 0; y < n; y++) us(x, y) *= s(y, 0);
    const double limit = 16 * eps() * (std::sqrt((double)(m + n)) * greatest(a[i]) + greatest(s));
    expect(std::is_sorted(s.v.rbegin(), s.v.rend()) && (n == 0 || s(n - 1, 0) >= 0), "values do not descend to 0");
    within(from_orthogonal(u), 16 * eps() * std::sqrt((double)(m + 1)), "U^T U - 1");
    within(from_orthogonal(transposed(vt)), 16 * eps() * std::sqrt((double)(n + 1)), "V^T V - 1");
    within(distance(product(us, vt), a[i]), limit, "A - U S V^T");
    within(distance(only.get(0, (int64_t)i), s), limit, "values alone");
    expect(left.get(1, (int64_t)i).v == u.v, "U alone");
  }
  if (a.size() == 2) same_bits(r, run_svd({a[0]}), run_svd({a[1]}));
}
static void svd(int64_t m, int64_t n) {
  name("svd %dx%d", (int)m, (int)n);
  svd_of({random(m, n), random(m, n)});
}
static void odd_svd(int64_t m, int64_t n) {
  name("svd of rank 2 and 0, %dx%d", (int)m, (int)n);
  svd_of({product(random(m, 2), random(2, n)), Mat(m, n)});
  name("svd of equal values, %dx%d", (int)m, (int)n);
  Mat e(m, n), h(m, n);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) e(i, j) = i == n - 1 - j ? -3 : 0, h(i, j) = 1 / (double)(i + j + 1);
  svd_of({e});
  name("svd of Hilbert's matrix, %dx%d", (int)m, (int)n);
  svd_of({h});
  // Rows and columns from 1 down to nothing, and the other way round; already bidiagonal, with zeros in places.
  for (double base : {1e-1, 1e-12, 1e12}) {
    name("svd of a graded matrix %g, %dx%d", base, (int)m, (int)n);
    Mat g = random(m, n);
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++) g(i, j) *= std::pow(base, (double)((i + j) % 40) - (base > 1 ? 39 : 0));
    svd_of({g});
  }
  for (int way = 0; way < 4; way++) {
    name("svd of a bidiagonal matrix %d, %dx%d", way, (int)m, (int)n);
    Mat b(m, n);
    for (int64_t i = 0; i < n; i++) {
      b(i, i) = way == 0 ? 1 : way == 1 ? (double)(i % 5) : way == 2 ? std::pow(0.25, (double)i) : i % 2 ? 1e-250 : 1;
      if (i + 1 < n) b(i, i + 1) = way == 0 ? 1 : way == 1 ? (double)(i % 3) - 1 : way == 2 ? 1e-17 : 1e-170;
    }
    svd_of({b});
  }
  for (double scale : {1e200, 1e-200}) {
    name("svd of elements near %g, %dx%d", scale, (int)m, (int)n);
    svd_of({random(m, n, scale)});
  }
  for (double bad : {NONE, (double)INFINITY}) {
    name("svd with %g, %dx%d", bad, (int)m, (int)n);
    Mat s = random(m, n);
    s(m - 1, n / 2) = bad;
    const Run r = run_svd({s, random(m, n)});
    expect(all_nan(r.get(0, 0)) && all_nan(r.get(1, 0)) && all_nan(r.get(2, 0)), "what is not finite has NaN for results");
    expect(!any_nan(r.get(0, 1)) && !any_nan(r.get(1, 1)) && !any_nan(r.get(2, 1)), "its neighbour in the batch");
  }
}

// ---- Fourier ----

static Run run_fft(const std::vector<Mat>& x, int sign) {
  Run r;
  r.in(x);
  r.out((int64_t)x.size(), x[0].m, 2);
  r.go(OP_FFT, {(int32_t)x.size(), (int32_t)x[0].m, sign});
  return r;
}
static double norm(const Mat& a) {
  double s = 0;
  for (double x : a.v) s += x * x;
  return std::sqrt(s);
}
static double error_of(const Mat& a, const Mat& b) {
  Mat d = a;
  for (size_t i = 0; i < d.v.size(); i++) d.v[i] -= b.v[i];
  return norm(d) / (norm(b) + 1e-300);
}
static void fft_limit(const Mat& got, const Mat& want, const char* what) {
  within(error_of(got, want), eps() * (2 + std::log2((double)got.m + 1)), what);
}
static void fft(int64_t n, int rows, bool naive) {
  for (int sign : {-1, 1}) {
    name("fft %d of %d rows, sign %d", (int)n, rows, sign);
    std::vector<Mat> x;
    for (int i = 0; i < rows; i++) x.push_back(rounded(random(n, 2)));
    const Run r = run_fft(x, sign);
    std::vector<double> c((size_t)n), s((size_t)n);
    for (int64_t k = 0; k < n; k++) {
      const long double angle = 2 * 3.14159265358979323846264338L * (long double)k / (long double)n;
      c[(size_t)k] = (double)cosl(angle), s[(size_t)k] = sign * (double)sinl(angle);
    }
    for (int i : {0, rows - 1}) {
      const Mat& a = x[(size_t)i];
      Mat y(n, 2);
      for (int64_t k = 0; naive && k < n; k++)
        for (int64_t j = 0, e = 0; j < n; j++, e = (e + k) % n) {
          y(k, 0) += a(j, 0) * c[(size_t)e] - a(j, 1) * s[(size_t)e];
          y(k, 1) += a(j, 0) * s[(size_t)e] + a(j, 1) * c[(size_t)e];
        }
      if (naive) fft_limit(r.get(0, i), y, "against sums");
      if (n == 0) break;
    }
    if (n == 0) continue;
    // There and back.
    std::vector<Mat> y;
    for (int i = 0; i < rows; i++) y.push_back(r.get(0, i));
    const Run back = run_fft(y, -sign);
    for (int i : {0, rows - 1}) {
      Mat z = back.get(0, i);
      for (double& v : z.v) v /= (double)n;
      within(error_of(z, x[(size_t)i]), 2 * eps() * (2 + std::log2((double)n + 1)), "there and back");
    }
    // One 1 gives the roots of unity.
    const int64_t at = n > 1 ? 1 + (int64_t)rng.below((int32_t)n - 1) : 0;
    Mat one(n, 2), roots(n, 2);
    one(at, 0) = 1;
    for (int64_t k = 0, e = 0; k < n; k++, e = (e + at) % n) roots(k, 0) = c[(size_t)e], roots(k, 1) = s[(size_t)e];
    fft_limit(run_fft({one}, sign).get(0), roots, "of one 1");
    // A row of NaN leaves the others alone.
    if (rows > 1) {
      x[0](n / 2, 1) = NONE;
      const Run nan = run_fft(x, sign);
      expect(any_nan(nan.get(0, 0)), "NaN is lost");
      expect(nan.get(0, rows - 1).v == r.get(0, rows - 1).v, "NaN of one row reaches another");
    }
  }
}

// ---- what validation refuses ----

static void refused() {
  name("refusals");
  const auto error = [](int32_t opcode, const Words& operands) {
    Program p;
    for (int i = 0; i < 4; i++) p.slot(9 * 8);
    p.add(opcode, operands);
    std::vector<Memory> slots = p.slots;
    return execute(*core, p.words(), slots, nullptr, true).info.error != nullptr;
  };
  expect(!error(OP_SVD, {F64, 1, 3, 3, 0, 0, 1, 0, 2, 0, 3, 0}), "a valid SVD is refused");
  expect(error(OP_SVD, {F32, 1, 2, 2, 0, 0, 1, 0, 2, 0, 3, 0}), "an SVD of float32");
  expect(error(OP_EIGH, {F32, 1, 2, 0, 0, 1, 0, 2, 0}), "an EIGH of float32");
  expect(error(OP_SVD, {F64, 1, 2, 3, 0, 0, 1, 0, 2, 0, 3, 0}), "an SVD with more columns than rows");
  expect(error(OP_SVD, {F64, 1, 3, 3, 0, 0, 0, 0, 2, 0, 3, 0}), "an SVD over its input");
  expect(error(OP_LU, {F64, 1, 3, 4, 0, 0, 1, 0, 2, 0, 3, 0}), "an LU larger than its slot");
  expect(error(OP_LU, {F16, 1, 2, 2, 0, 0, 1, 0, 2, 0, 3, 0}), "an LU of float16");
  expect(error(OP_LU, {F64, 1, 3, 3, 0, 0, 1, 0, 1, 0, 3, 0}), "two outputs in one place");
  expect(error(OP_CHOLESKY, {F64, -1, 2, 0, 0, 1, 0, 2, 0}), "a negative batch");
  expect(error(OP_SOLVE_TRIANGULAR, {F64, 1, 3, 3, 2, 0, 0, 0, 0, 1, 0, 2, 0}), "a flag of 2");
  expect(error(OP_HOUSEHOLDER, {F64, 1, 3, 3, 4, 3, 0, 0, 1, 0, 2, 0}), "more reflections than columns");
  expect(error(OP_HOUSEHOLDER, {F64, 1, 3, 2, 2, 4, 0, 0, 1, 0, 2, 0}), "more columns than rows");
  expect(error(OP_FFT, {F64, 1, 3, 0, 0, 0, 1, 0}), "a sign of 0");
  expect(error(OP_FFT, {F64, 1, 4, 1, 0, 0, 0, 0}), "a transform over its input");
  expect(error(OP_FFT, {F64, 65536, 65536, 1, 0, 0, 1, 0}), "more elements than 2^31");
}

int main(int argc, char** argv) {
  const int64_t largest = argc > 1 ? atoi(argv[1]) : 150;
  Pool* const two = pool_create(2);
  // Beside the sizes of panels and blocks (24, 32, 48, 64, 96), up to the largest.
  std::vector<int64_t> sizes;
  for (int64_t n : {0, 1, 2, 3, 7, 16, 24, 25, 31, 33, 47, 48, 49, 64, 65, 97, 131, 150})
    if (n <= largest) sizes.push_back(n);
  std::vector<const char*> seen;
  const std::vector<Core> list = cores();
  for (const Core& c : list) {
    if (c.codegen) continue;  // these instructions have no machine code of their own
    core = &c;
    for (int32_t d : {F32, F64}) {
      dtype = d, pool = two;
      rng = Random(7);
      for (int64_t n : sizes) {
        cholesky(n);
        lu(n, n), qr(n, n);
        for (int64_t columns : {0, 1, 2, 19, 70}) {
          if ((n + columns) % 2 == 0 || n < 4) triangular(n, columns);
        }
        if (n) odd_lu(n);
        if (d == F64) eigh(n), svd(n, n);
        pool = pool ? nullptr : two;
      }
      pool = two;
      for (int64_t m : {0, 1, 5, 33, 49, 110})
        for (int64_t n : {1, 4, 35, 52, 101}) {
          if (m > largest || n > largest) continue;
          lu(m, n), qr(m, n);
          if (d == F64 && m >= n) svd(m, n);
        }
      odd_triangular(), odd_qr();
      if (d == F64) {
        svd(5, 0), svd(70, 3);
        for (int64_t n : {1, 2, 5, 23, 26, 66, 121})
          if (n <= largest) odd_eigh(n), odd_svd(n, n), odd_svd(n + 9, n);
      }
      // Every short length, beside powers of two, primes, and the product of two large ones.
      for (int64_t n = 0; n <= largest; n++) fft(n, n % 3 ? 1 : 2 + (int)n % 37, true);
      for (int64_t n : {251, 256, 510, 511, 512, 513, 529, 961, 1009, 1024})
        fft(n, n == 512 ? 37 : 2, largest > 100 || n < 300);
      for (int64_t n : {2048, 3600, 4096, 5041, 10007, 16384, 30030, 65536, 65537})
        if (largest > 100 || n < 6000) fft(n, 1, false);
    }
    refused();
  }
  printf("%lld checks, %d failures\n", (long long)checks, failures);
  pool_destroy(two);
  return failures != 0;
}
