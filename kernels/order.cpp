// ARGREDUCE, SCAN, ARGSORT and SEARCHSORTED.
#include "check.h"
#include "index.h"

namespace nabla {
namespace NABLA_ISA {

constexpr int64_t GRAIN = 16 * 1024;  // elements that make a task worth handing over

bool argreduce_validate(Check& c) {
  Reader r(c);
  const int width = width_of(r.number_dtype());
  r.between(0, 1, "is_min is 0 or 1");
  const int32_t outer = r.extent(), extent = r.between(1, INT32_MAX, "nothing to choose from"), inner = r.extent();
  const Range src = r.operand(width, r.count(outer, extent, inner));
  r.apart(r.operand(4, r.count(outer, inner)), src);
  return r.done();
}

namespace {

NABLA_INLINE vf flip(vf x, vi mask) { return from_bits(bits(x) ^ mask); }
NABLA_INLINE vi flip(vi x, vi mask) { return x ^ mask; }
NABLA_INLINE vi replaces(vf x, vf best) { return ~(vi)(x <= best) & (vi)(best == best); }
NABLA_INLINE vi replaces(vi x, vi best) { return (vi)(x > best); }
// What turns the order round: the sign of a float, all bits of an integer.
template <class T>
constexpr word REVERSE = (T)0.5f == 0 ? -1 : SIGN;

template <bool MAXIMUM, class T>
int32_t arg_row_plain(const T* x, int64_t n, int64_t stride) {
  T best = x[0];
  int32_t at = 0;
  for (int64_t i = 1; i < n; i++)
    if (beats<MAXIMUM>(x[i * stride], best)) best = x[i * stride], at = (int32_t)i;
  return at;
}

// Each lane keeps the first extreme of its places; the lanes' own are compared at the end.
template <class T>
int32_t arg_row(const T* x, int64_t n, bool is_min) {
  if (n < 2 * VW) return is_min ? arg_row_plain<false>(x, n, 1) : arg_row_plain<true>(x, n, 1);
  const vi mask = splat(is_min ? REVERSE<T> : 0);
  word lane[VW];
  for (int i = 0; i < VW; i++) lane[i] = i;
  auto best = flip(load(x), mask);
  vi at = load(lane), here = at;
  int64_t i = VW;
  for (; i + VW <= n; i += VW) {
    here += VW;
    const auto v = flip(load(x + i), mask);
    const vi better = replaces(v, best);
    best = select(better, v, best);
    at = select(better, here, at);
  }
  T value[VW];
  store(value, flip(best, mask));
  store(lane, at);
  T top = value[0];
  word first = lane[0];
  auto beaten = [&](T a, T b) { return is_min ? beats<false>(a, b) : beats<true>(a, b); };
  for (int j = 1; j < VW; j++)
    if (beaten(value[j], top) || (!beaten(top, value[j]) && lane[j] < first)) top = value[j], first = lane[j];
  for (; i < n; i++)
    if (beaten(x[i], top)) top = x[i], first = i;
  return (int32_t)first;
}
template <class T>
int32_t arg_row_bytes(const T* x, int64_t n, bool is_min) {
  return is_min ? arg_row_plain<false>(x, n, 1) : arg_row_plain<true>(x, n, 1);
}

NABLA_INLINE void store_places(int32_t* out, vi at) {
#if NABLA_LANES == 32
  store(out, at);
#else
  for (int i = 0; i < VW; i++) out[i] = (int32_t)at[i];
#endif
}

// VW neighbouring columns at once.
template <class T>
NABLA_INLINE void arg_columns(const T* x, int64_t n, int64_t stride, bool is_min, int32_t* out) {
  const vi mask = splat(is_min ? REVERSE<T> : 0);
  auto best = flip(load(x), mask);
  vi at = {}, here = {};
  for (int64_t i = 1; i < n; i++) {
    here += 1;
    const auto v = flip(load(x + i * stride), mask);
    const vi better = replaces(v, best);
    best = select(better, v, best);
    at = select(better, here, at);
  }
  store_places(out, at);
}
template <class T>
void arg_columns_bytes(const T* x, int64_t n, int64_t stride, bool is_min, int32_t* out) {
  for (int j = 0; j < VW; j++)
    out[j] = is_min ? arg_row_plain<false>(x + j, n, stride) : arg_row_plain<true>(x + j, n, stride);
}

}  // namespace

void argreduce_run(const Exec& e) {
  const int32_t* w = e.w;
  const bool is_min = w[3];
  const int64_t outer = w[4], extent = w[5], inner = w[6];
  if (!outer || !inner) return;
  with_type(w[2], [&]<class T>() {
    const T* src = operand<T>(e, w + 7);
    int32_t* out = operand<int32_t>(e, w + 9);
    const int64_t blocks = (inner + VW - 1) / VW;
    parallel_for(e, outer * blocks, GRAIN / (extent * (inner < VW ? inner : VW)), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; t++) {
        const int64_t o = t / blocks, c = t % blocks * VW;
        const T* x = src + o * extent * inner + c;
        int32_t* y = out + o * inner + c;
        if (inner == 1) {
          if constexpr (sizeof(T) == 1) *y = arg_row_bytes(x, extent, is_min);
          else *y = arg_row(x, extent, is_min);
        } else if (inner - c >= VW) {
          if constexpr (sizeof(T) == 1) arg_columns_bytes(x, extent, inner, is_min, y);
          else arg_columns(x, extent, inner, is_min, y);
        }
        else
          for (int64_t j = 0; j < inner - c; j++)
            y[j] = is_min ? arg_row_plain<false>(x + j, extent, inner) : arg_row_plain<true>(x + j, extent, inner);
      }
    });
  });
}

bool scan_validate(Check& c) {
  Reader r(c);
  const int32_t dtype = r.number_dtype();
  const int32_t fn = r.between(0, 5, "unknown function");
  if (dtype == BOOL && fn < 2) r.fail("bools have no such function");
  const int32_t outer = r.extent(), extent = r.extent(), inner = r.extent();
  const int64_t n = r.count(outer, extent, inner);
  const Range src = r.operand(width_of(dtype), n);
  r.apart(r.operand(fn >= 4 ? 4 : width_of(dtype), n), src);
  return r.done();
}

namespace {

// Sums and products of floats run in double, as long sums need it.
template <class T>
struct Wide {
  typedef T type;
};
template <>
struct Wide<float> {
  typedef double type;
};

constexpr int COLUMNS = 64;

template <int FN, class T>
NABLA_INLINE void scan_columns(const T* x, void* result, int64_t extent, int64_t inner, int cols) {
  if constexpr (FN < 2) {
    typedef typename Wide<T>::type W;
    W run[COLUMNS];
    T* y = (T*)result;
    for (int j = 0; j < cols; j++) run[j] = FN == 0 ? 0 : 1;
    for (int64_t i = 0; i < extent; i++, x += inner, y += inner)
      for (int j = 0; j < cols; j++) {
        run[j] = FN == 0 ? plus(run[j], (W)x[j]) : times(run[j], (W)x[j]);
        y[j] = (T)run[j];
      }
  } else {
    // The last of equal ones and the last NaN, as torch.cummax has it.
    T best[COLUMNS];
    int32_t at[COLUMNS];
    for (int j = 0; j < cols; j++) best[j] = x[j], at[j] = 0;
    for (int64_t i = 0; i < extent; i++, x += inner)
      for (int j = 0; j < cols; j++) {
        const T v = x[j];
        const bool later = (FN == 2 || FN == 4 ? v >= best[j] : v <= best[j]) || v != v;
        best[j] = later ? v : best[j];
        at[j] = later ? (int32_t)i : at[j];
        if (FN >= 4) ((int32_t*)result)[i * inner + j] = at[j];
        else ((T*)result)[i * inner + j] = best[j];
      }
  }
}

template <int FN, class T>
void scan_all(const Exec& e) {
  const int64_t outer = e.w[4], extent = e.w[5], inner = e.w[6];
  constexpr int64_t WIDTH = FN >= 4 ? 4 : sizeof(T);
  const T* src = operand<T>(e, e.w + 7);
  char* out = (char*)e.slots[e.w[9]] + e.w[10] * WIDTH;
  const int64_t blocks = (inner + COLUMNS - 1) / COLUMNS;
  parallel_for(e, outer * blocks, GRAIN / (extent * (inner < COLUMNS ? inner : COLUMNS)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t t = begin; t < end; t++) {
                   const int64_t c = t % blocks * COLUMNS, at = t / blocks * extent * inner + c, left = inner - c;
                   if (left == 1) scan_columns<FN>(src + at, out + at * WIDTH, extent, inner, 1);
                   else if (left >= COLUMNS) scan_columns<FN>(src + at, out + at * WIDTH, extent, inner, COLUMNS);
                   else scan_columns<FN>(src + at, out + at * WIDTH, extent, inner, (int)left);
                 }
               });
}

}  // namespace

void scan_run(const Exec& e) {
  if (!e.w[4] || !e.w[5] || !e.w[6]) return;
  with_type(e.w[2], [&]<class T>() {
    switch (e.w[3]) {
      case 0: return scan_all<0, T>(e);
      case 1: return scan_all<1, T>(e);
      case 2: return scan_all<2, T>(e);
      case 3: return scan_all<3, T>(e);
      case 4: return scan_all<4, T>(e);
      default: return scan_all<5, T>(e);
    }
  });
}

namespace {

// What is sorted: a key whose unsigned order is the order wanted, and a place.
#if NABLA_LANES == 32
struct Pair {
  uint64_t both;
  Pair() = default;
  Pair(uint32_t key, int32_t place) : both((uint64_t)key << 32 | (uint32_t)place) {}
  uint32_t key() const { return (uint32_t)(both >> 32); }
  int32_t place() const { return (int32_t)both; }
  bool after(const Pair& p) const { return both > p.both; }
};
#else
struct Pair {
  uint64_t k;
  int64_t at;
  Pair() = default;
  Pair(uint64_t key, int32_t place) : k(key), at(place) {}
  uint64_t key() const { return k; }
  int32_t place() const { return (int32_t)at; }
  bool after(const Pair& p) const { return k > p.k || (k == p.k && at > p.at); }
};
#endif

}  // namespace

bool argsort_validate(Check& c) {
  Reader r(c);
  const int width = width_of(r.number_dtype());
  r.between(0, 1, "descending is 0 or 1");
  const int32_t rows = r.extent(), extent = r.extent();
  const int64_t n = r.count(rows, extent);
  const Range src = r.operand(width, n);
  r.apart(r.operand(4, n), src);
  c.per_thread = n ? 2 * (int64_t)sizeof(Pair) * extent : 0;
  return r.done();
}

namespace {

// -0 as 0, NaN above all.
NABLA_INLINE uword key_of(real x) {
  if (x != x) return ~(uword)0;
  const uword b = __builtin_bit_cast(uword, x + 0);
  return b & (uword)SIGN ? ~b : b | (uword)SIGN;
}
NABLA_INLINE uword key_of(word x) { return (uword)x ^ (uword)SIGN; }
NABLA_INLINE uword key_of(uint8_t x) { return x; }
[[maybe_unused]] NABLA_INLINE uword key_of(int8_t x) { return (uint8_t)x ^ 128u; }

// Sorts n pairs. They all differ, and a and b take turns.
void sort_pairs(Pair* a, Pair* b, int64_t n, Pair** sorted) {
  *sorted = a;
  if (n <= 32) {
    for (int64_t i = 1; i < n; i++) {
      const Pair v = a[i];
      int64_t j = i;
      for (; j > 0 && a[j - 1].after(v); j--) a[j] = a[j - 1];
      a[j] = v;
    }
    return;
  }
  constexpr int DIGITS = sizeof(uword);
  uint32_t count[DIGITS][256];
  __builtin_memset(count, 0, sizeof count);
  for (int64_t i = 0; i < n; i++)
    for (int d = 0; d < DIGITS; d++) count[d][a[i].key() >> 8 * d & 255]++;
  for (int d = 0; d < DIGITS; d++) {
    uint32_t* at = count[d];
    if (at[a[0].key() >> 8 * d & 255] == (uint32_t)n) continue;  // one digit for all
    uint32_t sum = 0;
    for (int i = 0; i < 256; i++) {
      const uint32_t c = at[i];
      at[i] = sum, sum += c;
    }
    for (int64_t i = 0; i < n; i++) b[at[a[i].key() >> 8 * d & 255]++] = a[i];
    Pair* t = a;
    a = b, b = t;
  }
  *sorted = a;
}

}  // namespace

void argsort_run(const Exec& e) {
  const int32_t* w = e.w;
  const int64_t rows = w[4], extent = w[5];
  if (!rows || !extent) return;
  const uword turn = w[3] ? ~(uword)0 : 0;
  with_type(w[2], [&]<class T>() {
    const T* src = operand<T>(e, w + 6);
    int32_t* out = operand<int32_t>(e, w + 8);
    const int tasks = cut(e, rows, GRAIN / 8 / extent + 1);
    parallel(e, tasks, [&](int task, int thread) {
      Pair *a = (Pair*)(e.scratch + thread * e.per_thread), *b = a + extent, *sorted;
      for (int64_t r = rows * task / tasks; r < rows * (task + 1) / tasks; r++) {
        const T* x = src + r * extent;
        for (int64_t i = 0; i < extent; i++) a[i] = Pair(key_of(x[i]) ^ turn, (int32_t)i);
        sort_pairs(a, b, extent, &sorted);
        for (int64_t i = 0; i < extent; i++) out[r * extent + i] = sorted[i].place();
      }
    });
  });
}

bool searchsorted_validate(Check& c) {
  Reader r(c);
  const int width = width_of(r.number_dtype());
  r.between(0, 1, "right is 0 or 1");
  const int32_t batch = r.extent(), n = r.extent(), m = r.extent();
  const Range sorted = r.operand(width, r.count(batch, n));
  const int64_t count = r.count(batch, m);
  const Range values = r.operand(width, count), out = r.operand(4, count);
  r.apart(out, sorted);
  r.apart(out, values);
  return r.done();
}

void searchsorted_run(const Exec& e) {
  const int32_t* w = e.w;
  const bool right = w[3];
  const int64_t batch = w[4], n = w[5], m = w[6];
  if (!batch || !m) return;
  with_type(w[2], [&]<class T>() {
    const T* values = operand<T>(e, w + 9);
    int32_t* out = operand<int32_t>(e, w + 11);
    const T* all = n ? operand<T>(e, w + 7) : nullptr;
    parallel_for(e, batch * m, GRAIN / 8, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const T v = values[i];
        const T* sorted = n ? all + i / m * n : nullptr;
        int64_t lo = 0, left = n;
        // Elements before the place are those that are not >= v (not > v); so NaN goes to the end.
        while (left > 0) {
          const int64_t half = left / 2;
          const bool before = right ? !(sorted[lo + half] > v) : !(sorted[lo + half] >= v);
          lo = before ? lo + half + 1 : lo;
          left = before ? left - half - 1 : half;
        }
        out[i] = (int32_t)lo;
      }
    });
  });
}

}  // namespace NABLA_ISA
}  // namespace nabla
