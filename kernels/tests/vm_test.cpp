// test: core args=300 args-slow=60 threads
// The instructions against plain loops on random shapes, with one thread and several, which must agree to the
// bit; what validation rejects; and that an index out of range stops the run with nothing written.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "core.h"

using namespace nabla;

static int failures = 0;
static std::string where;
static void fail(const std::string& what) {
  if (failures++ < 20) printf("FAIL %s: %s\n", where.c_str(), what.c_str());
}

static std::vector<Core> all_cores;
static std::vector<Pool*> pools;  // of 1, 2 and 3 threads

// Runs one program on every instruction set and number of threads, and compares slot `out` with `want`.
template <class T>
static void compare(const Program& program, int32_t out, const std::vector<T>& want, double tolerance = 0) {
  for (const Core& core : all_cores) {
    std::vector<Memory> first;
    for (Pool* pool : pools) {
      std::vector<Memory> slots = program.slots;
      const Outcome o = execute(core, program.words(), slots, pool);
      const std::string name = std::string(core.name) + ", " + std::to_string(pool_threads(pool)) + " threads: ";
      if (o.info.error) return fail(name + o.info.error + " at word " + std::to_string(o.info.at));
      if (o.status.fault) return fail(name + "index fault");
      const T* got = (const T*)slots[out].p;
      for (size_t i = 0; i < want.size(); i++) {
        const double g = (double)got[i], w = (double)want[i];
        const bool same = g == w || (g != g && w != w) || std::fabs(g - w) <= tolerance;
        if (!same) return fail(name + "element " + std::to_string(i) + " is " + std::to_string(g) + ", not " + std::to_string(w));
      }
      if (first.empty()) first = slots;
      for (size_t s = 0; s < slots.size(); s++)
        if (memcmp(first[s].p, slots[s].p, slots[s].bytes)) return fail(name + "other bits than with one thread");
    }
  }
}

template <class T>
static std::vector<T> values(Random& r, int64_t n, bool special = true) {
  std::vector<T> v((size_t)n);
  for (T& x : v) {
    if constexpr (std::is_same_v<T, char>) x = (T)r.below(2);
    else if constexpr (std::is_floating_point_v<T>) x = special ? r.special() : r.number();
    else x = r.one_in(10) ? (T)r.engine() : (T)r.in(-4, 4);
  }
  return v;
}
static std::vector<int32_t> indices(Random& r, int64_t n, int32_t extent) {
  std::vector<int32_t> v((size_t)n);
  for (int32_t& x : v) x = r.below(extent);
  return v;
}
template <class T>
constexpr int32_t dtype_of = std::is_same_v<T, float> ? F32 : std::is_same_v<T, double> ? F64 : std::is_same_v<T, int32_t> ? I32
                            : std::is_same_v<T, int64_t> ? I64 : std::is_same_v<T, int8_t> ? I8 : std::is_same_v<T, uint8_t> ? U8
                            : std::is_same_v<T, uint16_t> ? F16 : BOOL;  // char

// Small extents, and now and then one that is worth several threads.
static int32_t extent(Random& r, bool big) { return big ? r.in(40, 300) : r.in(1, 7); }

template <class T>
static T combined(int mode, T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (mode == ADD) return (T)((uint64_t)a + (uint64_t)b);
    if (mode == MUL) return (T)((uint64_t)a * (uint64_t)b);
  }
  if (mode == ADD) return (T)(a + b);
  if (mode == MUL) return (T)(a * b);
  if (mode == SET) return b;
  if (a != a || b != b) return a != a ? a : b;
  return mode == MAX ? std::max(a, b) : std::min(a, b);
}
template <class T>
static int random_mode(Random& r) {
  if (std::is_same_v<T, uint16_t>) return SET;
  if (!std::is_same_v<T, char>) return r.below(5);
  const int modes[] = {SET, MAX, MIN};
  return modes[r.below(3)];
}

template <class T>
static void copy(Random& r, bool big) {
  const bool add = !std::is_same_v<T, char> && !std::is_same_v<T, uint16_t> && r.one_in(3);
  const int rank = big ? r.in(1, 3) : r.in(0, 5);
  std::vector<int32_t> e(rank), s(rank), o(rank), order(rank);
  int32_t out_offset = r.below(4), src_offset = r.below(4), out_n = 1, src_n = 1;
  for (int i = 0; i < rank; i++) e[i] = extent(r, big && i >= rank - 2), order[i] = i;
  // Each side is a permutation of the axes with gaps and reversals; SRC may also repeat, OUT with ADD overlap.
  std::shuffle(order.begin(), order.end(), r.engine);
  for (int i : order) {
    const bool flat = add && r.one_in(3), back = r.one_in(5);
    o[i] = flat ? r.below(2) : out_n + (r.one_in(3) ? r.below(3) : 0);
    if (!flat) out_n = o[i] * e[i];
    else out_n += o[i] * (e[i] - 1);
    if (back) out_offset += o[i] * (e[i] - 1), o[i] = -o[i];
  }
  std::shuffle(order.begin(), order.end(), r.engine);
  for (int i : order) {
    s[i] = r.one_in(6) ? 0 : src_n;
    if (s[i]) src_n *= e[i];
    if (s[i] && r.one_in(5)) src_offset += s[i] * (e[i] - 1), s[i] = -s[i];
  }
  const std::vector<T> src = values<T>(r, src_n + src_offset), out = values<T>(r, out_n + out_offset);
  std::vector<T> want = out;
  std::vector<int32_t> at(rank);
  for (;;) {
    int64_t x = src_offset, y = out_offset;
    for (int i = 0; i < rank; i++) x += at[i] * s[i], y += at[i] * o[i];
    want[y] = combined(add ? ADD : SET, want[y], src[x]);
    int i = rank - 1;
    while (i >= 0 && ++at[i] == e[i]) at[i--] = 0;
    if (i < 0) break;
  }
  Program p;
  const int32_t a = p.slot_of(src), b = p.slot_of(out);
  p.add(OP_COPY, Words{dtype_of<T>, add, rank} + e + Words{a, src_offset} + s + Words{b, out_offset} + o);
  compare(p, b, want);
}

template <class T>
static void fill(Random& r, bool big) {
  const int32_t n = big ? r.in(20000, 90000) : r.in(0, 70), offset = r.below(9);
  const std::vector<T> v = values<T>(r, 1);
  std::vector<T> want((size_t)(n + offset + 3));
  for (int i = 0; i < n; i++) want[offset + i] = v[0];
  int32_t bits[2] = {};
  memcpy(bits, v.data(), sizeof(T));
  Program p;
  const int32_t out = p.slot(want.size() * sizeof(T));
  p.add(OP_FILL, {dtype_of<T>, n, bits[0], bits[1], out, offset});
  compare(p, out, want);
}

template <class T>
static void take_and_put(Random& r, bool big) {
  const int32_t outer = r.in(1, 4), inner = r.one_in(2) ? 1 : extent(r, big), n = extent(r, big), count = r.one_in(20) ? 0 : extent(r, big);
  std::vector<int32_t> index = indices(r, count, n);
  if (count && r.one_in(3)) std::fill(index.begin() + count / 4, index.end(), r.below(n));  // one place has most
  const std::vector<T> x = values<T>(r, (int64_t)outer * n * inner), y = values<T>(r, (int64_t)outer * count * inner);
  const bool fresh = r.one_in(2);
  std::vector<T> taken(y.size()), put = fresh ? std::vector<T>(x.size()) : x;
  const int mode = random_mode<T>(r);
  for (int o = 0; o < outer; o++)
    for (int j = 0; j < count; j++)
      for (int i = 0; i < inner; i++) {
        const size_t full = ((size_t)o * n + index[j]) * inner + i, part = ((size_t)o * count + j) * inner + i;
        taken[part] = x[full];
        put[full] = combined(mode, put[full], y[part]);
      }
  Program p;
  const int32_t xs = p.slot_of(x), is = p.slot_of(index), ys = p.slot_of(y), out = p.slot(y.size() * sizeof(T));
  p.add(OP_TAKE, {dtype_of<T>, outer, n, inner, count, xs, 0, is, 0, out, 0, 7});
  compare(p, out, taken);
  p.add(OP_PUT, {dtype_of<T>, mode, fresh, outer, n, inner, count, is, 0, ys, 0, xs, 0, 7});
  compare(p, xs, put);
}

template <class T>
static void gather_and_scatter(Random& r, bool big) {
  const int rank = big ? r.in(1, 2) : r.in(1, 4), axis = r.below(rank);
  Words full(rank), part(rank);
  int64_t nf = 1, np = 1;
  for (int i = 0; i < rank; i++) {
    full[i] = extent(r, big);
    part[i] = i == axis ? extent(r, big) : full[i] - (r.one_in(3) && full[i] > 1);
    nf *= full[i], np *= part[i];
  }
  const std::vector<T> x = values<T>(r, nf), y = values<T>(r, np);
  const std::vector<int32_t> index = indices(r, np, full[axis]);
  std::vector<T> gathered((size_t)np), scattered = x;
  const int mode = random_mode<T>(r);
  for (int64_t j = 0; j < np; j++) {
    int64_t at = 0, left = j, step = 1;
    for (int i = rank - 1; i >= 0; i--) {
      at += (i == axis ? index[j] : left % part[i]) * step;
      left /= part[i], step *= full[i];
    }
    gathered[j] = x[at];
    scattered[at] = combined(mode, scattered[at], y[j]);
  }
  Program p;
  const int32_t xs = p.slot_of(x), is = p.slot_of(index), ys = p.slot_of(y), out = p.slot((size_t)np * sizeof(T));
  p.add(OP_GATHER, Words{dtype_of<T>, rank, axis} + full + part + Words{xs, 0, is, 0, out, 0, 1});
  compare(p, out, gathered);
  p.add(OP_SCATTER, Words{dtype_of<T>, mode, rank, axis} + full + part + Words{is, 0, ys, 0, xs, 0, 1});
  compare(p, xs, scattered);
}

template <class T>
static void ordering(Random& r, bool big) {
  const int32_t outer = r.in(1, 5), inner = r.one_in(2) ? 1 : r.in(1, 90), n = r.in(1, big ? 900 : 40);
  const std::vector<T> x = values<T>(r, (int64_t)outer * n * inner);
  const bool is_min = r.one_in(2), is_max_scan = r.one_in(2);
  auto better = [](bool max, T a, T b) { return (max ? a > b : a < b) || (a != a && b == b); };
  std::vector<int32_t> arg((size_t)outer * inner), run_arg(x.size());
  std::vector<T> run(x.size());
  for (int o = 0; o < outer; o++)
    for (int c = 0; c < inner; c++) {
      auto at = [&](int i) { return ((size_t)o * n + i) * inner + c; };
      int best = 0, latest = 0;
      for (int i = 0; i < n; i++) {
        if (better(!is_min, x[at(i)], x[at(best)])) best = i;
        if (!better(is_max_scan, x[at(latest)], x[at(i)])) latest = i;
        run[at(i)] = x[at(latest)], run_arg[at(i)] = latest;
      }
      arg[(size_t)o * inner + c] = best;
    }
  Program p;
  const int32_t in = p.slot_of(x), ints = p.slot(x.size() * 4), same = p.slot(x.size() * sizeof(T));
  p.add(OP_ARGREDUCE, {dtype_of<T>, is_min, outer, n, inner, in, 0, ints, 0});
  compare(p, ints, arg);
  p.add(OP_SCAN, {dtype_of<T>, is_max_scan ? 2 : 3, outer, n, inner, in, 0, same, 0});
  compare(p, same, run);
  p.add(OP_SCAN, {dtype_of<T>, is_max_scan ? 4 : 5, outer, n, inner, in, 0, ints, 0});
  compare(p, ints, run_arg);
  if (!std::is_same_v<T, char>) {
    const bool product = r.one_in(2);
    const std::vector<T> y = values<T>(r, (int64_t)outer * n * inner, false);
    std::vector<T> sums(y.size());
    double largest = 1;
    for (int o = 0; o < outer; o++)
      for (int c = 0; c < inner; c++) {
        typedef std::conditional_t<std::is_floating_point_v<T>, double, uint64_t> W;
        W acc = product ? 1 : 0;
        for (int i = 0; i < n; i++) {
          const size_t at = ((size_t)o * n + i) * inner + c;
          acc = product ? acc * (W)y[at] : acc + (W)y[at];
          sums[at] = (T)acc, largest = std::max(largest, std::fabs((double)sums[at]));
        }
      }
    const int32_t from = p.slot_of(y);
    p.add(OP_SCAN, {dtype_of<T>, product, outer, n, inner, from, 0, same, 0});
    compare(p, same, sums, std::is_floating_point_v<T> ? largest * (sizeof(T) == 4 ? 1e-6 : 1e-14) : 0);
  }

  // Rows are now (outer, n * inner).
  const int32_t cols = n * inner;
  const bool down = r.one_in(2);
  std::vector<int32_t> sorted(x.size());
  for (int o = 0; o < outer; o++) {
    const T* row = &x[(size_t)o * cols];
    int32_t* places = &sorted[(size_t)o * cols];
    for (int i = 0; i < cols; i++) places[i] = i;
    std::stable_sort(places, places + cols, [&](int a, int b) {
      return down ? better(true, row[a], row[b]) : better(true, row[b], row[a]);
    });
  }
  p.add(OP_ARGSORT, {dtype_of<T>, down, outer, cols, in, 0, ints, 0});
  compare(p, ints, sorted);

  const int32_t m = r.in(1, 60);
  const bool right = r.one_in(2);
  std::vector<T> table = x, asked = values<T>(r, (int64_t)outer * m);
  std::vector<int32_t> places((size_t)outer * m);
  for (int o = 0; o < outer; o++) {
    T* row = &table[(size_t)o * cols];
    for (int i = 0; i < cols; i++) row[i] = row[i] == row[i] ? row[i] : 0;
    std::sort(row, row + cols);
    for (int j = 0; j < m; j++) {
      const T v = asked[(size_t)o * m + j];
      int at = 0;
      while (at < cols && (v != v || row[at] < v || (right && row[at] == v))) at++;
      places[(size_t)o * m + j] = at;
    }
  }
  const int32_t ts = p.slot_of(table), as = p.slot_of(asked), ps = p.slot(places.size() * 4);
  p.add(OP_SEARCHSORTED, {dtype_of<T>, right, outer, cols, m, ts, 0, as, 0, ps, 0});
  compare(p, ps, places);
}

template <class T>
static void matmul(Random& r, bool big) {
  int32_t m = r.in(1, big ? 150 : 20), n = r.in(1, big ? 150 : 20);
  const int32_t k = r.in(0, big ? 150 : 20);
  if (r.one_in(4)) (r.one_in(2) ? m : n) = 1, (m == 1 ? n : m) *= big ? 20 : 1;  // a vector on one side
  const int32_t b0 = r.in(1, 3), b1 = big ? 1 : r.in(1, 3);
  const bool biased = r.one_in(2), ta = r.one_in(2), tb = r.one_in(2), shared_b = r.one_in(3);
  const int32_t pitch = n + r.below(3);
  const std::vector<T> a = values<T>(r, (int64_t)b0 * b1 * m * k, false);
  const std::vector<T> b = values<T>(r, (int64_t)(shared_b ? 1 : b0 * b1) * k * n, false);
  const std::vector<T> bias = values<T>(r, n, false), c = values<T>(r, (int64_t)b0 * b1 * m * pitch, false);
  std::vector<T> want = c;
  for (int t = 0; t < b0 * b1; t++)
    for (int i = 0; i < m; i++)
      for (int j = 0; j < n; j++) {
        T& out = want[((size_t)t * m + i) * pitch + j];
        double sum = (biased ? bias[j] : 0);
        for (int q = 0; q < k; q++)
          sum += (double)a[(size_t)t * m * k + (ta ? q * m + i : i * k + q)] *
                 b[(shared_b ? 0 : (size_t)t * k * n) + (tb ? j * k + q : q * n + j)];
        out = (T)sum;
      }
  Program p;
  const int32_t as = p.slot_of(a), bs = p.slot_of(b), cs = p.slot_of(c), biases = p.slot_of(bias);
  const int32_t mk = m * k, kn = shared_b ? 0 : k * n, mn = m * pitch;
  p.add(OP_MATMUL, {dtype_of<T>, dtype_of<T>, 2, b0, b1, m, n, k, as, 0, ta ? 1 : k, ta ? m : 1, b1 * mk, mk,
                    bs, 0, tb ? 1 : n, tb ? k : 1, b1 * kn, kn, cs, 0, pitch, b1 * mn, mn, biased ? biases : -1, 0});
  compare(p, cs, want, (sizeof(T) == 4 ? 1e-5 : 1e-14) * (k + 2));
}

// Convolution over two axes from its definition; the gradients from <conv(x, w), y> = <x, conv_input(w, y)> =
// <w, conv_weight(x, y)>, which holds for every x, w and y when it does for each unit vector.
template <class T>
static void convolution(Random& r, bool) {
  // Now and then many channels, with 3x3 taps side by side, which may go Winograd's way, or 5x5.
  const bool tiles = r.one_in(4);
  const int32_t side = r.one_in(3) ? 5 : 3;
  const int32_t groups = tiles ? 1 : r.in(1, 2), n = r.in(1, 3), most = !tiles ? 3 : side == 3 ? 20 : 9;
  const int32_t least = !tiles ? 1 : side == 3 ? 16 : 8;
  const int32_t c = tiles && side == 5 ? r.in(1, 3) : groups * r.in(least, most), o = groups * r.in(least, most);
  const int32_t h = tiles ? r.in(8, 13) : r.in(1, 8), w = tiles ? r.in(8, 13) : r.in(1, 8), kh = tiles ? side : r.in(1, 3);
  const int32_t kw = tiles ? side : r.in(1, 3), s = tiles ? 1 : r.in(1, 2), d = tiles ? 1 : r.in(1, 2);
  const int32_t pad = r.in(0, 2);
  const int32_t oh = (h + 2 * pad - d * (kh - 1) - 1) / s + 1, ow = (w + 2 * pad - d * (kw - 1) - 1) / s + 1;
  if (h + 2 * pad < d * (kh - 1) + 1 || w + 2 * pad < d * (kw - 1) + 1) return;
  const int32_t cg = c / groups, og = o / groups;
  const auto x = values<T>(r, (int64_t)n * c * h * w, false), wt = values<T>(r, (int64_t)o * cg * kh * kw, false);
  const auto bias = values<T>(r, o, false), ct = values<T>(r, (int64_t)n * o * oh * ow, false);
  std::vector<T> y(ct.size()), gx(x.size()), gw(wt.size());
  for (int b = 0; b < n; b++)
    for (int f = 0; f < o; f++)
      for (int i = 0; i < oh; i++)
        for (int j = 0; j < ow; j++) {
          const size_t at = (((size_t)b * o + f) * oh + i) * ow + j;
          y[at] = bias[f];
          for (int q = 0; q < cg; q++)
            for (int u = 0; u < kh; u++)
              for (int v = 0; v < kw; v++) {
                const int p0 = i * s + u * d - pad, p1 = j * s + v * d - pad;
                if (p0 < 0 || p0 >= h || p1 < 0 || p1 >= w) continue;
                const size_t xi = (((size_t)b * c + f / og * cg + q) * h + p0) * w + p1, wi = (((size_t)f * cg + q) * kh + u) * kw + v;
                y[at] += x[xi] * wt[wi], gx[xi] += ct[at] * wt[wi], gw[wi] += ct[at] * x[xi];
              }
        }
  const Words geometry = {dtype_of<T>, n, c, o, groups, 1, h, w, 1, oh, ow, 1, kh, kw, 1, s, s, 1, d, d, 0, pad, pad};
  constexpr double TOLERANCE = sizeof(T) == 4 ? 1e-4 : 1e-12;
  Program p;
  const int32_t xs = p.slot_of(x), ws = p.slot_of(wt), cts = p.slot_of(ct), bs = p.slot_of(bias);
  const int32_t ys = p.slot(y.size() * sizeof(T)), gxs = p.slot(gx.size() * sizeof(T)), gws = p.slot(gw.size() * sizeof(T));
  p.add(OP_CONV, geometry + Words{xs, 0, ws, 0, ys, 0, bs, 0});
  p.add(OP_CONV_INPUT, geometry + Words{cts, 0, ws, 0, gxs, 0});
  p.add(OP_CONV_WEIGHT, geometry + Words{cts, 0, xs, 0, gws, 0});
  compare(p, ys, y, TOLERANCE);
  compare(p, gxs, gx, TOLERANCE);
  compare(p, gws, gw, 10 * TOLERANCE);
}

template <class T>
static void pooling(Random& r, bool) {
  const int32_t planes = r.in(1, 20), h = r.in(1, 12), w = r.in(1, 12), kh = r.in(1, 3), kw = r.in(1, 3), s = r.in(1, 3);
  const int32_t d = r.in(1, 2), ph = r.in(0, kh / 2), pw = r.in(0, kw / 2);
  if (h + 2 * ph < d * (kh - 1) + 1 || w + 2 * pw < d * (kw - 1) + 1) return;
  const int32_t oh = (h + 2 * ph - d * (kh - 1) - 1) / s + 1, ow = (w + 2 * pw - d * (kw - 1) - 1) / s + 1;
  const auto x = values<T>(r, (int64_t)planes * h * w), ct = values<T>(r, (int64_t)planes * oh * ow, false);
  const auto smooth = values<T>(r, (int64_t)planes * h * w, false);
  std::vector<T> top(ct.size()), sum(ct.size()), gmax(x.size()), gsum(x.size());
  std::vector<int32_t> index(ct.size());
  for (int q = 0; q < planes; q++)
    for (int i = 0; i < oh; i++)
      for (int j = 0; j < ow; j++) {
        const size_t at = ((size_t)q * oh + i) * ow + j;
        int best = -1;
        for (int u = 0; u < kh; u++)
          for (int v = 0; v < kw; v++) {
            const int p0 = i * s + u * d - ph, p1 = j * s + v * d - pw;
            if (p0 < 0 || p0 >= h || p1 < 0 || p1 >= w) continue;
            const int cell = p0 * w + p1;
            const T* plane = &x[(size_t)q * h * w];
            if (best < 0 || plane[cell] > plane[best] || (plane[cell] != plane[cell] && plane[best] == plane[best])) best = cell;
            sum[at] += (T)0.5 * smooth[(size_t)q * h * w + cell], gsum[(size_t)q * h * w + cell] += (T)0.5 * ct[at];
          }
        top[at] = best < 0 ? -std::numeric_limits<T>::infinity() : x[(size_t)q * h * w + best];
        index[at] = std::max(best, 0);
        gmax[(size_t)q * h * w + index[at]] += ct[at];
      }
  const Words window = {dtype_of<T>, planes, 1, h, w, 1, oh, ow, 1, kh, kw, 1, s, s, 1, d, d, 0, ph, pw};
  constexpr double TOLERANCE = sizeof(T) == 4 ? 1e-4 : 1e-12;
  Program p;
  const int32_t xs = p.slot_of(x), ss = p.slot_of(smooth), cts = p.slot_of(ct), ys = p.slot(top.size() * sizeof(T)), is = p.slot(top.size() * 4);
  const int32_t alone = p.slot(top.size() * sizeof(T)), sums = p.slot(top.size() * sizeof(T)), g1 = p.slot(x.size() * sizeof(T)), g2 = p.slot(x.size() * sizeof(T));
  p.add(OP_MAX_POOL, window + Words{xs, 0, ys, 0, is, 0});
  p.add(OP_MAX_POOL, window + Words{xs, 0, alone, 0, -1, 0});
  const Words half = {0, 0x3fe00000};  // the bits of 0.5
  p.add(OP_SUM_POOL, window + half + Words{ss, 0, sums, 0});
  p.add(OP_MAX_POOL_INPUT, {dtype_of<T>, planes, oh * ow, h * w, cts, 0, is, 0, g1, 0, 3});
  p.add(OP_SUM_POOL_INPUT, window + half + Words{cts, 0, g2, 0});
  compare(p, ys, top);
  compare(p, is, index);
  compare(p, alone, top);
  compare(p, sums, sum, TOLERANCE / 10);
  compare(p, g1, gmax, TOLERANCE / 10);
  compare(p, g2, gsum, TOLERANCE / 10);
}

// An index out of range: the fault says which, nothing is written, and what follows does not run.
static void faults() {
  for (const Core& core : all_cores)
    for (int bad : {-1, 3, std::numeric_limits<int>::max(), std::numeric_limits<int>::min()})
      for (int op = 0; op < 5; op++) {
        where = "fault";
        Program p;
        const std::vector<int32_t> index = {0, 2, bad, 1};
        const int32_t x = p.slot_of(std::vector<float>{1, 2, 3}), y = p.slot_of(std::vector<float>{4, 5, 6, 7});
        const int32_t is = p.slot_of(index), mark = p.slot(4);
        if (op == 0) p.add(OP_TAKE, {F32, 1, 3, 1, 4, x, 0, is, 0, y, 0, 42});
        if (op == 1) p.add(OP_PUT, {F32, ADD, 0, 1, 3, 1, 4, is, 0, y, 0, x, 0, 42});
        if (op == 2) p.add(OP_GATHER, {F32, 1, 0, 3, 4, x, 0, is, 0, y, 0, 42});
        if (op == 3) p.add(OP_SCATTER, {F32, SET, 1, 0, 3, 4, is, 0, y, 0, x, 0, 42});
        if (op == 4) p.add(OP_MAX_POOL_INPUT, {F32, 1, 4, 3, y, 0, is, 0, x, 0, 42});
        p.add(OP_FILL, {I32, 1, 1, 0, mark, 0});
        std::vector<Memory> slots = p.slots;
        const Outcome o = execute(core, p.words(), slots, nullptr);
        const Status& s = o.status;
        if (o.info.error) fail(o.info.error);
        if (s.fault != INDEX_FAULT || s.check != 42 || s.value != bad || s.lo != 0 || s.hi != 3) fail("another status");
        for (size_t i = 0; i < slots.size(); i++)
          if (memcmp(slots[i].p, p.slots[i].p, slots[i].bytes)) fail("something was written");
      }
}

static void rejections() {
  Program p;
  const int32_t a = p.slot(400), b = p.slot(400);
  const Program empty = p;
  struct Row {
    const char* error;  // null: valid
    int32_t op;
    Words operands;
  };
  const int32_t top = std::numeric_limits<int32_t>::max();
  const Row rows[] = {
      {nullptr, OP_COPY, {F32, SET, 1, 100, a, 0, 1, b, 0, 1}},
      {nullptr, OP_COPY, {F32, SET, 2, top, 0, a, top, top, top, b, top, top, top}},  // nothing to do
      {nullptr, OP_COPY, {F32, SET, 1, 50, a, 0, 1, a, 50, 1}},
      {"the output overlaps an input", OP_COPY, {F32, SET, 1, 50, a, 0, 1, a, 49, 1}},
      {"an address lies outside its slot", OP_COPY, {F32, SET, 1, 100, a, 1, 1, b, 0, 1}},
      {"an address lies outside its slot", OP_COPY, {F32, SET, 1, 100, a, 0, 1, b, 0, -1}},
      {"an address lies outside its slot", OP_COPY, {F32, SET, 2, 50000, 40000, a, 0, top, top, b, 0, 1, 1}},
      {"an address lies outside its slot", OP_COPY, {F32, SET, 1, 2, a, 0, std::numeric_limits<int32_t>::min(), b, 0, 1}},
      {"an address lies outside its slot", OP_COPY, {F32, SET, 0, a, top, b, 0}},
      {"too many elements", OP_COPY, {F32, SET, 2, top, top, a, 0, 0, 0, b, 0, 0, 0}},
      {"an extent is negative", OP_COPY, {F32, SET, 1, -1, a, 0, 1, b, 0, 1}},
      {"an offset is negative", OP_COPY, {F32, SET, 1, 1, a, -1, 1, b, 0, 1}},
      {"no such slot", OP_COPY, {F32, SET, 1, 1, 2, 0, 1, b, 0, 1}},
      {"no such slot", OP_COPY, {F32, SET, 1, 1, -1, 0, 1, b, 0, 1}},
      {"the rank is out of range", OP_COPY, {F32, SET, 9, 1, a, 0, 1, b, 0, 1}},
      {"unknown dtype", OP_COPY, {DTYPES, SET, 1, 1, a, 0, 1, b, 0, 1}},
      {"the dtype has no such mode", OP_COPY, {BOOL, ADD, 1, 1, a, 0, 1, b, 0, 1}},
      {"the instruction is too short", OP_COPY, {F32, SET, 1, 1, a, 0, 1, b, 0}},
      {"the instruction has words left over", OP_COPY, {F32, SET, 1, 1, a, 0, 1, b, 0, 1, 0}},
      {"unknown opcode", 99, {F32}},
      {"unknown opcode", 0, {F32}},
      {nullptr, OP_TAKE, {F32, 1, 10, 10, 4, a, 0, b, 0, b, 60, 0}},
      {"the output overlaps an input", OP_TAKE, {F32, 1, 10, 10, 4, a, 0, b, 0, b, 3, 0}},
      {"unknown mode", OP_PUT, {F32, 5, 0, 1, 10, 1, 4, b, 0, b, 10, a, 0, 0}},
      {"the index is larger than what it indexes", OP_GATHER, {F32, 2, 0, 4, 4, 4, 5, a, 0, b, 0, b, 50, 0}},
      {"nothing to choose from", OP_ARGREDUCE, {F32, 0, 1, 0, 1, a, 0, b, 0}},
      {"bools have no such function", OP_SCAN, {BOOL, 0, 1, 4, 1, a, 0, b, 0}},
      {nullptr, OP_MATMUL, {F32, F32, 0, 5, 5, 5, a, 0, 5, 1, a, 25, 5, 1, b, 0, 5, -1, 0}},
      {"an address lies outside its slot", OP_MATMUL, {F32, F32, 0, 11, 10, 5, a, 0, 5, 1, a, 0, 10, 1, b, 0, 10, -1, 0}},
      {"the output overlaps an input", OP_MATMUL, {F32, F32, 0, 5, 5, 5, a, 0, 5, 1, b, 24, 5, 1, b, 0, 5, -1, 0}},
      {"the groups do not divide the channels", OP_CONV,
       {F32, 1, 3, 2, 2, 1, 1, 4, 1, 1, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, a, 0, a, 50, b, 0, -1, 0}},
      {"kernel, stride and dilation are at least 1", OP_SUM_POOL,
       {F32, 1, 1, 1, 4, 1, 1, 4, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, a, 0, b, 0}},
  };
  const Core core = all_cores[0];
  for (const Row& row : rows) {
    Program q = empty;
    q.add(row.op, row.operands);
    const Outcome o = execute(core, q.words(), q.slots, nullptr);
    where = "opcode " + std::to_string(row.op) + ", expecting " + (row.error ? row.error : "no error");
    if (!row.error != !o.info.error || (row.error && strcmp(row.error, o.info.error))) fail(o.info.error ? o.info.error : "accepted");
    if (row.error && (o.info.at < 9 || o.info.at > (int64_t)q.words().size())) fail("the error is at word " + std::to_string(o.info.at));
  }
  // The header.
  Program q = empty;
  q.add(OP_FILL, {F32, 1, 0, 0, a, 0});
  const Words good = q.words();
  where = "header";
  if (execute(core, good, q.slots, nullptr).info.error) fail("a good one");
  for (int i : {0, 1, 2, 3, 4, 10}) {  // 10: the length of the instruction
    for (int32_t v : {-1, 0, good[i] + 1, top}) {
      Words bad = good;
      if (i != 10 || v != -1) bad[i] = v;
      else bad[i] = 1;
      if (!execute(core, bad, q.slots, nullptr, true).info.error) fail("accepted word " + std::to_string(i) + " = " + std::to_string(v));
    }
  }
  for (size_t n = 0; n < good.size(); n++)
    if (!execute(core, Words(good.begin(), good.begin() + (long)n), q.slots, nullptr, true).info.error) fail("accepted a part");
  Words negative = good;
  negative[6] = -1;
  if (!execute(core, negative, q.slots, nullptr, true).info.error) fail("accepted a slot of 2^63 bytes");
}

// A large model with its optimizer has tens of thousands.
static void many_slots() {
  where = "many slots";
  Program p;
  for (int i = 0; i < 30000; i++) p.slot(4);
  const int32_t last = (int32_t)p.slots.size() - 1;
  p.add(OP_FILL, {F32, 1, bits_of(2.5f), 0, last, 0});
  compare(p, last, std::vector<float>{2.5f});
}

// An output of a fused kernel that combines: some axes reduced, the others in any order, with gaps whose
// contents stay, and turned round; a second input of the same slot lies beside it.
static void combining(Random& r, bool big) {
  const int outer = r.in(0, 3), axes = outer + 2;
  Words e(axes), s(axes), o(axes), order(axes);
  int32_t span = 1, offset = r.below(4), n = 1;
  for (int i = 0; i < axes; i++) e[i] = extent(r, big && i >= outer), order[i] = i;
  for (int i = axes - 1; i >= 0; i--) s[i] = n, n *= e[i];
  std::shuffle(order.begin(), order.end(), r.engine);
  const bool gaps = r.one_in(2);
  for (int i : order) {
    if (r.one_in(2)) continue;
    o[i] = span + (gaps ? r.below(3) : 0);
    span = o[i] * e[i];
    if (r.one_in(4)) offset += o[i] * (e[i] - 1), o[i] = -o[i];
  }
  const int mode = r.in(ADD, MIN);
  std::vector<float> x(n), out(offset + span);
  for (float& v : x) v = mode == MUL ? (r.one_in(50) ? 2.0f : 1.0f) : (float)r.in(-9, 9);
  for (float& v : out) v = r.number();
  std::vector<float> want = out;
  std::vector<bool> begun(want.size());
  for (int i = 0; i < n; i++) {
    int32_t to = offset;
    for (int a = 0; a < axes; a++) to += i / s[a] % e[a] * o[a];
    want[to] = begun[to] ? combined(mode, want[to], x[i]) : x[i];
    begun[to] = true;
  }
  Program p;
  std::vector<float> both = out;
  both.insert(both.end(), x.begin(), x.end());
  const int32_t at = p.slot_of(both);
  want.insert(want.end(), x.begin(), x.end());
  p.add(OP_FUSED, Words{F32, outer} + e + Words{1, 0, 1, 1, FULL} + Words{at, F32, (int32_t)out.size()} + s +
                      Words{at, F32, offset} + o + Words{mode, 0});
  compare(p, at, want);
}

// One kernel over many runs: m = m * 0.5 + g and p = p - m * rate, as kernels of their own would do it, and what is rejected.
template <class T>
static void lists(Random& r, bool big) {
  const int32_t d = dtype_of<T>, count = big ? 40 : r.in(1, 6), longest = big ? 5000 : 50;
  const auto kernel = [&](int32_t n, const Words& at) {
    return Words{d, 0, 1, n, 4, 3, 7, 2, FULL, FULL, FULL, SCALAR, SCALAR, FULL, FULL} +
           Words{at[0], d, at[1], 0, 1, at[2], d, at[3], 0, 1, at[4], d, at[5], 0, 1, at[6], d, at[7], 0, 0} +
           Words{F_CONST, 4, sizeof(T) == 4 ? 0 : 0x3fe00000, 0, 0, sizeof(T) == 4 ? 0x3f000000 : 0} +
           Words{F_FMAF, 5, 1, 4, 2, 0, F_FNMAF, 6, 5, 3, 0, 0} +
           Words{at[8], d, at[9], 0, 1, SET, 5, at[10], d, at[11], 0, 1, SET, 6};
  };
  Program one, many;
  const std::vector<T> rate = {(T)0.25};
  const int32_t rates = one.slot_of(rate);
  many.slot_of(rate);
  Words runs, largest;
  int32_t most = -1;
  std::vector<int32_t> written;
  for (int32_t i = 0; i < count; i++) {
    const int32_t n = r.below(longest + 1), from = r.below(3);
    const std::vector<T> p = values<T>(r, n + from, false), m = values<T>(r, n, false), g = values<T>(r, n, false);
    const int32_t ps = one.slot_of(p), ms = one.slot_of(m), gs = one.slot_of(g);
    many.slot_of(p), many.slot_of(m), many.slot_of(g);
    const Words at = {ps, from, ms, 0, gs, 0, rates, 0, ms, 0, ps, from};
    one.add(OP_FUSED, kernel(n, at));
    runs = runs + Words{n} + at;
    if (n > most) most = n, largest = kernel(n, at);
    written.push_back(ps), written.push_back(ms);
  }
  many.add(OP_LIST, Words{d, count, 6} + runs + Words{OP_FUSED, (int32_t)largest.size() + 2} + largest);
  for (const Core& core : all_cores)
    for (Pool* pool : pools) {
      std::vector<Memory> want = one.slots, got = many.slots;
      const Outcome a = execute(core, one.words(), want, pool), b = execute(core, many.words(), got, pool);
      if (a.info.error || b.info.error) return fail(b.info.error ? b.info.error : a.info.error);
      for (int32_t s : written)
        if (memcmp(want[(size_t)s].b(), got[(size_t)s].b(), one.slots[(size_t)s].bytes)) return fail("a list differs from its kernels");
    }
  const Words good = many.words();
  std::vector<Memory> slots = many.slots;
  const auto reject = [&](size_t at, int32_t value, const char* what) {
    Words bad = good;
    bad[at] = value;
    if (!execute(all_cores[0], bad, slots, nullptr, true).info.error) fail(std::string(what) + " is accepted");
  };
  const size_t at = 5 + 2 * many.slots.size() + 2, run = at + 3, body = run + (size_t)count * 13;
  reject(at, I32, "another dtype");
  reject(at + 1, count + 1, "one run too many");
  reject(at + 1, 0, "no run");
  reject(at + 1, MAX_LIST + 1, "too many runs");
  reject(at + 2, 5, "too few operands");
  reject(run, most + 1, "a run of more columns than the kernel");
  reject(run, -1, "a negative run");
  for (size_t p = 0; p < 6; p++) reject(run + 1 + 2 * p, -1, "an operand nowhere");
  reject(run + 2, -1, "an operand before its slot");
  if (good[run] > 0) reject(run + 2, longest + 9, "an operand behind its slot");
  reject(body, OP_COPY, "another kernel");
  reject(body + 4, 2, "two rows");
  reject(body + 2, d == F32 ? F64 : F32, "a kernel of another dtype");
  if (count > 1 && good[run] > 0 && good[run + 13] > 0) {
    reject(run + 9, good[run + 13 + 3], "a run that writes what another one writes");
    reject(run + 9, good[run + 13 + 5], "a run that writes what another one reads");
  }
}

// The running sums of four numbers, twice what they are on the way back, and a loop that doubles while a flag is set.
static void loops() {
  where = "loops";
  const auto body_of = [](Program& body, int32_t sum, int32_t x, int32_t y) {
    // sum += x; y = sum
    body.add(OP_COPY, {F32, ADD, 1, 1, x, 0, 1, sum, 0, 1});
    body.add(OP_COPY, {F32, SET, 1, 1, sum, 0, 1, y, 0, 1});
  };
  for (const int32_t reverse : {0, 1}) {
    Program body;
    const int32_t sum = body.slot(4), x = body.slot(4), y = body.slot(4);
    body_of(body, sum, x, y);
    Program p;
    const int32_t total = p.slot(4), xs = p.slot_of<float>({0, 1, 2, 3, 4}), ys = p.slot_of<float>({9, 9, 9, 9}), room = p.slot(16);
    p.add(OP_LOOP, Words{F32, 4, reverse, -1, 3, 1, 1} + Words{total, 0, room, 0, room, 1} + Words{x, xs, 4, 0, 4, 0} +
                       Words{y, ys, 0, 0, 4, 0} + body.words());
    compare<float>(p, ys, reverse ? std::vector<float>{10, 9, 7, 4} : std::vector<float>{1, 3, 6, 10});
    compare<float>(p, total, {10});
    // Twice, in a loop of its own: the sums go on.
    Program outer;
    const int32_t t2 = outer.slot(4), xs2 = outer.slot_of<float>({0, 1, 2, 3, 4}), ys2 = outer.slot(16), room2 = outer.slot(16);
    outer.add(OP_LOOP, Words{F32, 2, 0, -1, 4, 0, 0} + Words{t2, 0, xs2, 0, ys2, 0, room2, 0} + p.words());
    compare<float>(outer, t2, {20});
    // Every word: what leads outside is rejected.
    const Words good = p.words();
    std::vector<Memory> slots = p.slots;
    const auto reject = [&](size_t at, int32_t value, const char* what) {
      Words bad = good;
      bad[at] = value;
      if (!execute(all_cores[0], bad, slots, nullptr, true).info.error) fail(std::string(what) + " is accepted");
    };
    const size_t at = 5 + 2 * 4 + 2;
    reject(at, F64, "another dtype");
    reject(at + 1, 5, "one slice too many");
    reject(at + 1, -1, "no end");
    reject(at + 3, 3, "a flag that is no slot");
    reject(at + 4, 2, "too few slots");
    reject(at + 7, 7, "a slot that is none");
    reject(at + 8, 1, "a slot that lies behind the end");
    reject(at + 13, 3, "a slice of a slot that is none");
    reject(at + 15, 8, "slices that begin too late");
    reject(at + 15, -4, "slices that begin before the slot");
    reject(at + 16, 1, "slices far behind the end");
    reject(at + 17, 8, "slices larger than the slot of the body");
    reject(at + 18, -1, "slices of negative size");
    reject(at + 25, 0, "a body that is no program");
  }
  // x = x + x, while the flag, the next of which is taken from a list.
  Program body;
  const int32_t flag = body.slot(8), x = body.slot(8), n = body.slot(8), list = body.slot(8);
  body.add(OP_COPY, {F32, ADD, 1, 1, x, 0, 1, x, 1, 1});
  body.add(OP_COPY, {F32, SET, 1, 1, x, 1, 1, x, 0, 1});
  body.add(OP_TAKE, {BOOL, 1, 8, 1, 1, list, 0, n, 0, flag, 0, 7});
  body.add(OP_COPY, {I32, ADD, 1, 1, n, 1, 1, n, 0, 1});
  Program p;
  const int32_t f = p.slot_of<char>({1, 0, 0, 0, 0, 0, 0, 0}), v = p.slot_of<float>({3, 3}), i = p.slot_of<int32_t>({0, 1}),
                l = p.slot_of<char>({1, 1, 1, 0, 1, 1, 1, 1});
  p.add(OP_LOOP, Words{F32, -1, 0, flag, 4, 0, 0} + Words{f, 0, v, 0, i, 0, l, 0} + body.words());
  compare<float>(p, v, {48, 48});
  compare<int32_t>(p, i, {4, 1});
  // An index out of range stops it: the flags are all set.
  Program q = p;
  for (int k = 0; k < 8; k++) q.slots[(size_t)l].b()[k] = 1;
  for (const Core& core : all_cores) {
    std::vector<Memory> slots = q.slots;
    const Outcome o = execute(core, q.words(), slots, nullptr);
    if (o.status.fault != INDEX_FAULT || o.status.check != 7 || o.status.value != 8) fail("no fault in a loop");
  }
  // Loops deeper than allowed.
  Program deep;
  deep.slot(8);
  for (int k = 0; k <= MAX_LOOPS; k++) {
    Program around;
    around.slot(8);
    around.add(OP_LOOP, Words{F32, 1, 0, -1, 1, 0, 0} + Words{0, 0} + deep.words());
    deep = around;
  }
  std::vector<Memory> slots = deep.slots;
  if (!execute(all_cores[0], deep.words(), slots, nullptr, true).info.error) fail("loops too deep are accepted");
}

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 50;
  all_cores = cores();
  for (int n : {1, 2, 3}) pools.push_back(n == 1 ? nullptr : pool_create(n));
  const struct {
    const char* name;
    std::function<void(Random&, bool)> run;
  } tests[] = {
      {"copy f32", copy<float>}, {"fill f32", fill<float>},
      {"take, put f32", take_and_put<float>}, {"gather, scatter f32", gather_and_scatter<float>}, {"order f32", ordering<float>},
      {"copy i32", copy<int32_t>}, {"fill i32", fill<int32_t>},
      {"take, put i32", take_and_put<int32_t>}, {"gather, scatter i32", gather_and_scatter<int32_t>}, {"order i32", ordering<int32_t>},
      {"copy bool", copy<char>}, {"fill bool", fill<char>},
      {"take, put bool", take_and_put<char>}, {"gather, scatter bool", gather_and_scatter<char>}, {"order bool", ordering<char>},
      {"copy f64", copy<double>}, {"fill f64", fill<double>},
      {"take, put f64", take_and_put<double>}, {"gather, scatter f64", gather_and_scatter<double>}, {"order f64", ordering<double>},
      {"copy i64", copy<int64_t>}, {"fill i64", fill<int64_t>},
      {"take, put i64", take_and_put<int64_t>}, {"gather, scatter i64", gather_and_scatter<int64_t>}, {"order i64", ordering<int64_t>},
      {"copy i8", copy<int8_t>}, {"fill i8", fill<int8_t>},
      {"take, put i8", take_and_put<int8_t>}, {"gather, scatter i8", gather_and_scatter<int8_t>}, {"order i8", ordering<int8_t>},
      {"copy u8", copy<uint8_t>}, {"fill u8", fill<uint8_t>},
      {"take, put u8", take_and_put<uint8_t>}, {"gather, scatter u8", gather_and_scatter<uint8_t>}, {"order u8", ordering<uint8_t>},
      {"copy f16", copy<uint16_t>}, {"fill f16", fill<uint16_t>},
      {"take, put f16", take_and_put<uint16_t>}, {"gather, scatter f16", gather_and_scatter<uint16_t>},
      {"matmul f32", matmul<float>}, {"convolution f32", convolution<float>}, {"pooling f32", pooling<float>},
      {"matmul f64", matmul<double>}, {"convolution f64", convolution<double>}, {"pooling f64", pooling<double>},
      {"combining", combining}, {"lists f32", lists<float>}, {"lists f64", lists<double>},
  };
  for (const auto& test : tests)
    for (int i = 0; i < rounds; i++) {
      where = std::string(test.name) + " " + std::to_string(i);
      Random r((uint32_t)i);
      test.run(r, i % 10 == 9);
    }
  loops();
  faults();
  rejections();
  many_slots();
  for (Pool* pool : pools)
    if (pool) pool_destroy(pool);
  if (failures) printf("%d failures\n", failures);
  return failures != 0;
}
