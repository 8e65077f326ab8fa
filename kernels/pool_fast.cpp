// Pooling a vector of output columns at a time, planes divided among threads.
#include "check.h"
#include "conv.h"

namespace nabla {
namespace NABLA_ISA {

static int64_t cells(const int32_t* e) { return (int64_t)e[0] * e[1] * e[2]; }

// Elements that are worth a task.
constexpr int64_t GRAIN = 1 << 14;

// Every second element from p on, n of them; reads nothing past the last one.
#if NABLA_VW == 16
#define NABLA_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31)
static constexpr vi EVEN_LANES = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30};
#elif NABLA_VW == 8
#define NABLA_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 9, 11, 13, 15)
static constexpr vi EVEN_LANES = {0, 2, 4, 6, 8, 10, 12, 14};
#else
#define NABLA_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 5, 7)
static constexpr vi EVEN_LANES = {0, 2, 4, 6};
#endif
template <int STRIDE>
NABLA_INLINE vf take(const float* p, int64_t n) {
  if (STRIDE == 1) return n == VW ? load(p) : load_n(p, (int)n);
  if (n == VW) return NABLA_EVEN(load(p), load(p + VW - 1));
  const int64_t low = least(VW, 2 * n - 1), high = most(0, 2 * n - VW);
  const vf a = low == VW ? load(p) : load_n(p, (int)low);
  return NABLA_EVEN(a, high ? load_n(p + VW - 1, (int)high) : (vf){});
}
NABLA_INLINE void give(float* p, vf x, int64_t n) { n == VW ? store(p, x) : store_n(p, x, (int)n); }

// The taps [lo, hi) of an axis that lie inside at output place i.
NABLA_INLINE void inside(const WindowWords& w, int a, int64_t i, int64_t* lo, int64_t* hi) {
  const int64_t d = w.dilation[a], first = i * w.stride[a] - w.pad[a];
  *lo = 0, *hi = w.kernel[a];
  if (first >= 0 && first + (*hi - 1) * d < w.in[a]) return;  // without a division
  if (first < 0) *lo = least(*hi, ceil_div(-first, d));
  *hi = first < w.in[a] ? least(*hi, ceil_div(w.in[a] - first, d)) : 0;
  if (*hi < *lo) *hi = *lo;
}

// What the walk over windows makes: the maximum and where it is, or the sum.
struct Maximum {
  static constexpr bool LOCATES = true;
};
struct Sum {
  static constexpr bool LOCATES = false;
};

// One window: rows of taps at x, `first` being the cell of tap 0 of the last axis.
template <class Kind>
static void window(const WindowWords& w, float factor, const float* x, const int64_t* lo, const int64_t* hi, int64_t i, int64_t j,
                   int64_t k, float* y, int32_t* index) {
  int64_t c0, c1, where = -1;
  inside(w, 2, k, &c0, &c1);
  float best = Kind::LOCATES ? -__builtin_inff() : 0;
  for (int64_t a = lo[0]; a < hi[0]; a++)
    for (int64_t b = lo[1]; b < hi[1]; b++) {
      const int64_t plane = i * w.stride[0] + a * w.dilation[0] - w.pad[0];
      const int64_t row = plane * w.in[1] + j * w.stride[1] + b * w.dilation[1] - w.pad[1];
      for (int64_t c = c0; c < c1; c++) {
        const int64_t at = row * w.in[2] + k * w.stride[2] + c * w.dilation[2] - w.pad[2];
        if (!Kind::LOCATES) best += x[at];
        else if (where < 0 || beats<true>(x[at], best)) best = x[at], where = at;
      }
    }
  if (y) *y = Kind::LOCATES ? best : best * factor;
  if (index) *index = where < 0 ? 0 : (int32_t)where;
}

// beats<true> by lanes: where v is not below the best so far, which is a number.
NABLA_INLINE vi winners(vf v, vf best) { return ~(vi)(v <= best) & (vi)(best == best); }

// n <= VW windows side by side, all taps of the last axis inside; `cell` is tap 0 of the first one.
template <class Kind, int STRIDE>
NABLA_INLINE void windows(const WindowWords& w, float factor, const float* x, const int64_t* lo, const int64_t* hi, int64_t cell,
                          int64_t n, float* y, int32_t* index) {
  vf best = Kind::LOCATES ? splat(-__builtin_inff()) : (vf){};
  vi where = {}, lane;
  for (int i = 0; i < VW; i++) lane[i] = STRIDE * i;
  bool first = true;
  for (int64_t a = lo[0]; a < hi[0]; a++)
    for (int64_t b = lo[1]; b < hi[1]; b++) {
      const int64_t row = cell + (a * w.dilation[0] * w.in[1] + b * w.dilation[1]) * w.in[2];
      for (int64_t c = 0; c < w.kernel[2]; c++) {
        const int64_t at = row + c * w.dilation[2];
        const vf v = take<STRIDE>(x + at, n);
        if (!Kind::LOCATES) {
          best += v;
          continue;
        }
        const vi here = lane + (int32_t)at;
        const vi wins = first ? splat(-1) : winners(v, best);
        best = select(wins, v, best), where = select(wins, here, where);
        first = false;
      }
    }
  if (y) give(y, Kind::LOCATES ? best : best * splat(factor), n);
  if (index) give((float*)index, from_bits(where), n);
}

template <class Kind, int STRIDE>
static void walk(const Exec& e, const WindowWords& w, float factor, const float* x, float* y, int32_t* index) {
  const int64_t in = cells(w.in), width = w.out[2];
  // Columns [left, right) have all their taps inside.
  const int64_t room = (int64_t)w.in[2] + w.pad[2] - (int64_t)w.dilation[2] * (w.kernel[2] - 1) - 1;
  const int64_t right = room < 0 || !STRIDE ? 0 : least(width, room / w.stride[2] + 1);
  const int64_t left = least(right, ceil_div(w.pad[2], w.stride[2]));
  const int64_t rows = (int64_t)w.out[0] * w.out[1];
  parallel_for(e, w.planes * rows, ceil_div(GRAIN, most(1, width * cells(w.kernel))), [&](int64_t begin, int64_t end) {
    int64_t plane = begin / rows, i = begin % rows / w.out[1], j = begin % w.out[1];
    const auto advance = [&] {
      if (++j < w.out[1]) return;
      j = 0;
      if (++i == w.out[0]) i = 0, plane++;
    };
    for (int64_t r = begin; r < end; r++, advance()) {
      int64_t lo[2], hi[2];
      inside(w, 0, i, lo, hi), inside(w, 1, j, lo + 1, hi + 1);
      const float* from = x + plane * in;
      const int64_t to = r * width;
      float* const yr = y ? y + to : nullptr;
      int32_t* const ir = index ? index + to : nullptr;
      const bool some = lo[0] < hi[0] && lo[1] < hi[1];
      const int64_t a = some ? left : 0, b = some ? right : 0;
      for (int64_t k = 0; k < width; k++) {
        if (k == a) k = most(a, b);
        if (k < width) window<Kind>(w, factor, from, lo, hi, i, j, k, yr ? yr + k : nullptr, ir ? ir + k : nullptr);
      }
      const int64_t row = (i * w.stride[0] - w.pad[0]) * w.in[1] + j * w.stride[1] - w.pad[1];
      for (int64_t k = a; k < b; k += VW) {
        // The last vector goes back over columns that are done, if there are any.
        const int64_t n = least(VW, b - a), at = least(k, b - n);
        if constexpr (STRIDE > 0)
          windows<Kind, STRIDE>(w, factor, from, lo, hi, row * w.in[2] + at * STRIDE - w.pad[2], n, yr ? yr + at : nullptr,
                                ir ? ir + at : nullptr);
      }
    }
  });
}
// Windows of two by two next to each other, which is what most are.
static bool is_quarter(const WindowWords& w) {
  bool yes = w.kernel[0] == 1 && w.stride[0] == 1 && !w.pad[0] && w.out[0] <= w.in[0];
  for (int a = 1; a < 3; a++)
    yes = yes && w.kernel[a] == 2 && w.stride[a] == 2 && w.dilation[a] == 1 && !w.pad[a] && w.out[a] <= w.in[a] / 2;
  return yes;
}
// The windows of one plane, or of one slice of a volume, which begins at cell `first`. FREE: vectors may be read past its
// end, and written past it where later windows are written over them. SMALL: a vector holds a row of x.
template <class Kind, bool FREE, bool SMALL>
NABLA_INLINE void quarter_slice(const WindowWords& w, float factor, const float* x, int64_t first, float* y, int32_t* index) {
  const int64_t width = w.out[2], row = w.in[2];
  for (int64_t j = 0, to = 0; j < w.out[1]; j++, to += width)
    for (int64_t k = 0; k < width; k += VW) {
      const int64_t n = least(VW, width), at = least(k, width - n), cell = 2 * j * row + 2 * at, m = FREE ? VW : n;
      vf v[4];
      for (int i = 0; i < 2; i++) {
        const float* const p = x + cell + i * row;
        if (FREE) {
          const vf a = held(load(p)), b = SMALL ? a : held(load(p + VW));
          v[2 * i] = evens(a, b), v[2 * i + 1] = odds(a, b);
        } else {
          v[2 * i] = take<2>(p, n), v[2 * i + 1] = take<2>(p + 1, n);
        }
      }
      if (!Kind::LOCATES) {
        give(y + to + at, (v[0] + v[1] + v[2] + v[3]) * splat(factor), m);
        continue;
      }
      const vi here = EVEN_LANES + (int32_t)(first + cell);
      vf best = v[0];
      vi where = here;
      for (int i = 1; i < 4; i++) {
        const vi wins = winners(v[i], best);
        best = select(wins, v[i], best), where = select(wins, here + (int32_t)(i / 2 * row + i % 2), where);
      }
      if (y) give(y + to + at, best, m);
      if (index) give((float*)index + to + at, from_bits(where), m);
    }
}
template <class Kind>
static void quarter(const Exec& e, const WindowWords& w, float factor, const float* x, float* y, int32_t* index) {
  const int64_t in = cells(w.in), out = (int64_t)w.out[1] * w.out[2], slice = (int64_t)w.in[1] * w.in[2];
  parallel_for(e, w.planes * w.out[0], ceil_div(GRAIN, in), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) {
      const int64_t plane = p / w.out[0], first = (p - plane * w.out[0]) * slice;
      const float* const xp = x + plane * in + first;
      float* const yp = y ? y + p * out : nullptr;
      int32_t* const ip = index ? index + p * out : nullptr;
      if ((end - p - 1) * out < VW) quarter_slice<Kind, false, false>(w, factor, xp, first, yp, ip);
      else if (2 * w.out[2] <= VW) quarter_slice<Kind, true, true>(w, factor, xp, first, yp, ip);
      else quarter_slice<Kind, true, false>(w, factor, xp, first, yp, ip);
    }
  });
}

template <class Kind>
static void pool(const Exec& e, const WindowWords& w, float factor, const float* x, float* y, int32_t* index) {
  if (is_quarter(w)) quarter<Kind>(e, w, factor, x, y, index);
  else if (w.stride[2] == 1) walk<Kind, 1>(e, w, factor, x, y, index);
  else if (w.stride[2] == 2) walk<Kind, 2>(e, w, factor, x, y, index);
  else walk<Kind, 0>(e, w, factor, x, y, index);
}
void max_pool_fast(const Exec& e, const WindowWords& w, const float* x, float* y, int32_t* index) {
  pool<Maximum>(e, w, 1, x, y, index);
}
void sum_pool_fast(const Exec& e, const WindowWords& w, float factor, const float* x, float* y) {
  pool<Sum>(e, w, factor, x, y, nullptr);
}

// x[i * step] += y[i] * factor
NABLA_INLINE void add_row(float* x, int64_t step, const float* y, float factor, int64_t n) {
  int64_t i = 0;
  if (step == 1)
    for (; i + VW <= n; i += VW) store(x + i, load(x + i) + load(y + i) * splat(factor));
  for (; i < n; i++) x[i * step] += y[i] * factor;
}
// The way back: windows that do not overlap are copied, not added up. FREE and SMALL as above.
template <bool FREE, bool SMALL>
NABLA_INLINE void quarter_plane(const WindowWords& w, float factor, const float* y, float* x) {
  const int64_t width = w.out[2], row = w.in[2];
  for (int64_t i = 0; i < w.out[0]; i++)
    for (int64_t j = 0; j < w.out[1]; j++, y += width) {
      float* const to = x + (i * w.in[1] + 2 * j) * row;
      for (int64_t k = 0; k < width; k += VW) {
        const int64_t n = least(VW, width), at = least(k, width - n);
        const int64_t low = FREE ? VW : least(2 * n, VW), high = FREE ? VW : 2 * n - low;
        const vf v = (FREE || n == VW ? load(y + at) : load_n(y + at, (int)n)) * splat(factor);
        const vf a = zip_low(v, v), b = zip_high(v, v);  // each element twice
        for (int r = 0; r < 2; r++) {
          float* const q = to + r * row + 2 * at;
          give(q, a, low);
          if (!SMALL && high) give(q + VW, b, high);
        }
      }
    }
}
static void quarter_input(const Exec& e, const WindowWords& w, float factor, const float* y, float* x) {
  const int64_t in = cells(w.in), out = cells(w.out);
  const bool whole = 4 * out == in;
  parallel_for(e, w.planes, ceil_div(GRAIN, in), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) {
      if (!whole) __builtin_memset(x + p * in, 0, (size_t)in * 4);
      if (!whole || (end - p - 1) * out < VW) quarter_plane<false, false>(w, factor, y + p * out, x + p * in);
      else if (2 * w.out[2] <= VW) quarter_plane<true, true>(w, factor, y + p * out, x + p * in);
      else quarter_plane<true, false>(w, factor, y + p * out, x + p * in);
    }
  });
}

void sum_pool_input_fast(const Exec& e, const WindowWords& w, float factor, const float* y, float* x) {
  if (is_quarter(w)) return quarter_input(e, w, factor, y, x);
  const int64_t in = cells(w.in), out = cells(w.out);
  parallel_for(e, w.planes, ceil_div(GRAIN, in + out), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) {
      float* const plane = x + p * in;
      __builtin_memset(plane, 0, (size_t)in * 4);
      const float* from = y + p * out;
      for (int64_t i = 0; i < w.out[0]; i++)
        for (int64_t j = 0; j < w.out[1]; j++, from += w.out[2]) {
          int64_t lo[2], hi[2];
          inside(w, 0, i, lo, hi), inside(w, 1, j, lo + 1, hi + 1);
          for (int64_t a = lo[0]; a < hi[0]; a++)
            for (int64_t b = lo[1]; b < hi[1]; b++) {
              const int64_t d = i * w.stride[0] + a * w.dilation[0] - w.pad[0];
              float* const row = plane + (d * w.in[1] + j * w.stride[1] + b * w.dilation[1] - w.pad[1]) * w.in[2];
              for (int64_t c = 0; c < w.kernel[2]; c++) {
                // Columns [k0, k1) have this tap inside.
                const int64_t off = c * w.dilation[2] - w.pad[2], s = w.stride[2];
                const int64_t k0 = off < 0 ? ceil_div(-off, s) : 0;
                const int64_t k1 = off < w.in[2] ? least(w.out[2], ceil_div(w.in[2] - off, s)) : 0;
                if (k0 < k1) add_row(row + k0 * s + off, s, from + k0, factor, k1 - k0);
              }
            }
        }
    }
  });
}

// The first index that is out of range, or n.
static int64_t first_outside(const int32_t* index, int64_t n, int64_t extent) {
  int64_t i = 0;
  const vu limit = (vu){} + (uint32_t)extent;
  for (; i + VW <= n; i += VW)
    if (any((vi)((vu)load(index + i) >= limit))) break;
  while (i < n && index[i] >= 0 && index[i] < extent) i++;
  return i;
}
int64_t max_pool_input_fast(const Exec& e, int64_t planes, int64_t out, int64_t in, const float* y,
                            const int32_t* index, float* x) {
  const int64_t n = planes * out, bad = first_outside(index, n, in);
  if (bad < n) return bad;
  parallel_for(e, planes, ceil_div(GRAIN, most(1, in + out)), [&](int64_t begin, int64_t end) {
    __builtin_memset(x + begin * in, 0, (size_t)((end - begin) * in) * 4);
    for (int64_t p = begin; p < end; p++)
      for (int64_t i = 0; i < out; i++) x[p * in + index[p * out + i]] += y[p * out + i];
  });
  return -1;
}

}  // namespace NABLA_ISA
}  // namespace nabla
