// TAKE, PUT, GATHER and SCATTER. Every index is checked before the first element is written. Where several
// elements meet in one place they are combined in the order of the index, whatever the number of threads.
#include "index.h"
#include "check.h"

namespace nabla {
namespace NABLA_ISA {

constexpr int64_t GRAIN = 16 * 1024;  // elements that make a task worth handing over
constexpr int64_t AHEAD = 12;         // rows asked for before they are needed
constexpr int64_t LONG_ROW = 16;      // elements

bool check_indices(const Exec& e, const int32_t* index, int64_t count, int32_t extent, int32_t check) {
  constexpr int64_t BLOCK = 1024;
  for (int64_t i = 0; i < count; i += BLOCK) {
    const int64_t end = count - i < BLOCK ? count : i + BLOCK;
    int32_t bad = 0;
    for (int64_t j = i; j < end; j++) bad |= (index[j] < 0) | (index[j] >= extent);
    if (!bad) continue;
    for (int64_t j = i; j < end; j++)
      if (index[j] < 0 || index[j] >= extent) {
        *e.status = {INDEX_FAULT, check, index[j], 0, extent};
        return false;
      }
  }
  return true;
}

namespace {

template <int MODE, class T>
NABLA_INLINE T combine(T old, T x) {
  if (MODE == ADD) return plus(old, x);
  if (MODE == MUL) return times(old, x);
  if (MODE == MAX) return beats<true>(x, old) ? x : old;
  if (MODE == MIN) return beats<false>(x, old) ? x : old;
  return x;
}
template <class F>
NABLA_INLINE void with_mode(int32_t mode, const F& f) {
  if (mode == ADD) f.template operator()<ADD>();
  else if (mode == MUL) f.template operator()<MUL>();
  else if (mode == MAX) f.template operator()<MAX>();
  else f.template operator()<MIN>();
}

}  // namespace

bool take_validate(Check& c) {
  Reader r(c);
  const int width = width_of(r.dtype());
  const int32_t outer = r.extent(), extent = r.extent(), inner = r.extent(), count = r.extent();
  const Range src = r.operand(width, r.count(outer, extent, inner));
  const Range index = r.operand(4, count);
  const Range out = r.operand(width, r.count(outer, count, inner));
  r.apart(out, src);
  r.apart(out, index);
  r.word();
  return r.done();
}

void take_run(const Exec& e) {
  const int32_t* w = e.w;
  const int64_t outer = w[3], extent = w[4], inner = w[5], count = w[6];
  if (!outer || !inner || !count) return;
  const int32_t* index = operand<int32_t>(e, w + 9);
  if (!check_indices(e, index, count, (int32_t)extent, w[13])) return;
  auto rows = [&]<class T>() {
    const T* src = operand<T>(e, w + 7);
    T* out = operand<T>(e, w + 11);
    // A few short rows, as a small training step takes them.
    if (outer == 1 && count * inner <= 256) {
      for (int64_t j = 0; j < count; j++, out += inner) {
        const T* x = src + index[j] * inner;
        int64_t i = 0;
        do out[i] = x[i];
        while (++i < inner);
      }
      return;
    }
    const bool past = sizeof(T) == sizeof(real) && inner >= LONG_ROW && goes_past_caches(outer * count * inner * (int64_t)sizeof(T));
    parallel_for(e, outer * count, GRAIN / inner, [&](int64_t begin, int64_t end) {
      int64_t o = begin / count, j = begin % count;
      for (int64_t row = begin; row < end; row++) {
        const T* x = src + (o * extent + index[j]) * inner;
        T* y = out + row * inner;
        if (j + AHEAD < count) ask(src + (o * extent + index[j + AHEAD]) * inner, inner);
        if (past) stream(y, x, inner);
        else if (inner > 16) __builtin_memcpy(y, x, (size_t)inner * sizeof(T));
        else
          for (int64_t i = 0; i < inner; i++) y[i] = x[i];
        if (++j == count) j = 0, o++;
      }
    });
  };
  with_width(w[2], rows);
}

// Does PUT go place by place? Only sums of floats, the gradients of rows that were picked, are worth the code.
bool by_place(int32_t dtype, int32_t mode, int64_t inner, int64_t extent, int64_t count, bool fresh) {
  return dtype == REAL && mode == ADD && inner >= LONG_ROW && (fresh || count >= extent / 4);
}

bool put_validate(Check& c) {
  Reader r(c);
  const int32_t dtype = r.dtype();
  const int32_t mode = r.mode(dtype);
  const int width = width_of(dtype);
  const bool fresh = r.between(0, 1, "fresh is 0 or 1");
  const int32_t outer = r.extent(), extent = r.extent(), inner = r.extent(), count = r.extent();
  const Range index = r.operand(4, count);
  const Range src = r.operand(width, r.count(outer, count, inner));
  const Range out = r.operand(width, r.count(outer, extent, inner));
  r.apart(out, src);
  r.apart(out, index);
  r.word();
  if (!r.done()) return false;
  if (by_place(dtype, mode, inner, extent, count, fresh)) c.shared = 4 * ((int64_t)extent + count);
  return true;
}

namespace {

struct PutArgs {
  int64_t outer, extent, inner, count;
  bool fresh;  // OUT counts as zeros
  const int32_t* index;
};

// Place by place: what meets in one place is combined in the cache, and written once. `end` and `order` are memory for
// an int32 of each place and of each index.
void put_by_place(const Exec& e, const PutArgs& a, const real* src, real* out, int32_t* end, int32_t* order) {
  const auto [outer, extent, inner, count, fresh, index] = a;
  // The index sorted by counting: those of place p are order[end[p - 1]] to order[end[p] - 1], in their order.
  for (int64_t p = 0; p < extent; p++) end[p] = 0;
  for (int64_t j = 0; j < count; j++) end[index[j]]++;
  int64_t before = 0, longest = 0;
  for (int64_t p = 0; p < extent; p++) {
    const int32_t n = end[p];
    end[p] = (int32_t)before, before += n, longest = most(longest, n);
  }
  for (int64_t j = 0; j < count; j++) order[end[index[j]]++] = (int32_t)j;

  const bool past = fresh && goes_past_caches(outer * extent * inner * (int64_t)sizeof(real));
  const auto places = [&](int64_t o, int64_t p0, int64_t p1, int64_t c0, int64_t c1) {
    constexpr int64_t PIECE = 1024;
    alignas(64) real sum[PIECE];
    for (int64_t p = p0; p < p1; p++) {
      const int32_t *first = order + (p ? end[p - 1] : 0), *last = order + end[p];
      if (!fresh && first == last) continue;
      for (int64_t c = c0; c < c1; c += PIECE) {
        const int64_t n = least(PIECE, c1 - c);
        const auto row = [&](const int32_t* j) { return src + (o * count + *j) * inner + c; };
        real* y = out + (o * extent + p) * inner + c;
        const int32_t* j = first;
        if (!fresh) __builtin_memcpy(sum, y, n * sizeof(real));
        else if (j == last) __builtin_memset(sum, 0, n * sizeof(real));
        for (; j < last; j++) {
          const real* x = row(j);
          if (j + AHEAD < order + count) ask(row(j + AHEAD), n);
          if (fresh && j == first)
            for (int64_t i = 0; i < n; i++) sum[i] = plus((real)0, x[i]);
          else
            for (int64_t i = 0; i < n; i++) sum[i] = plus(sum[i], x[i]);
        }
        if (past) stream(y, sum, n);
        else __builtin_memcpy(y, sum, n * sizeof(real));
      }
    }
  };
  const int64_t work = extent + count;  // rows to read or write
  if (longest > outer * work / 8) {
    // One place has much of it: tasks own columns.
    const int64_t columns = most(1, inner * (int64_t)sizeof(real) / 64);
    parallel_for(e, columns, GRAIN * columns / (outer * work * inner), [&](int64_t begin, int64_t end) {
      for (int64_t o = 0; o < outer; o++) places(o, 0, extent, inner * begin / columns, inner * end / columns);
    });
    return;
  }
  // The first place before which there is so much.
  const auto place_at = [&](int64_t done) {
    int64_t lo = 0, hi = extent;
    while (lo < hi) {
      const int64_t mid = (lo + hi) / 2;
      if (mid + (mid ? end[mid - 1] : 0) < done) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  };
  parallel_for(e, outer * work, GRAIN / inner, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t o = begin / work, stop = least(end, (o + 1) * work);
      places(o, place_at(begin - o * work), place_at(stop - o * work), 0, inner);
      begin = stop;
    }
  });
}

// In the order of the index. Tasks own columns, so that each place is combined by one thread.
template <int MODE, class T>
void put_in_order(const Exec& e, const PutArgs& a, const T* src, T* out) {
  const auto [outer, extent, inner, count, fresh, index] = a;
  if (fresh) __builtin_memset(out, 0, outer * extent * inner * sizeof(T));
  const int64_t piece = inner >= 128 ? 64 : inner, pieces = (inner + piece - 1) / piece;
  parallel_for(e, outer * pieces, GRAIN / (count * piece), [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end;) {
      // Neighbouring pieces of one row go together.
      const int64_t o = at / pieces, first = at % pieces;
      const int64_t n = end - at < pieces - first ? end - at : pieces - first;
      const int64_t c0 = first * piece, c1 = (first + n) * piece < inner ? (first + n) * piece : inner;
      for (int64_t j = 0; j < count; j++) {
        const T* x = src + (o * count + j) * inner;
        T* __restrict__ y = out + (o * extent + index[j]) * inner;
        if (j + AHEAD < count) ask(out + (o * extent + index[j + AHEAD]) * inner + c0, c1 - c0);
        for (int64_t i = c0; i < c1; i++) y[i] = combine<MODE>(y[i], x[i]);
      }
      at += n;
    }
  });
}

}  // namespace

void put_run(const Exec& e) {
  const int32_t* w = e.w;
  const PutArgs a = {w[5], w[6], w[7], w[8], (bool)w[4], operand<int32_t>(e, w + 9)};
  const int64_t size = a.outer * a.extent * a.inner;
  if (!size || (!a.count && !a.fresh)) return;
  if (!a.count)
    return with_width(w[2], [&]<class T>() { __builtin_memset(operand<T>(e, w + 13), 0, (size_t)size * sizeof(T)); });
  if (!check_indices(e, a.index, a.count, (int32_t)a.extent, w[15])) return;
  if (by_place(w[2], w[3], a.inner, a.extent, a.count, a.fresh)) {
    int32_t* const end = (int32_t*)e.shared;
    return put_by_place(e, a, operand<real>(e, w + 11), operand<real>(e, w + 13), end, end + a.extent);
  }
  if (w[3] == SET)
    return with_width(w[2], [&]<class T>() { put_in_order<SET>(e, a, operand<T>(e, w + 11), operand<T>(e, w + 13)); });
  with_type(w[2], [&]<class T>() {
    with_mode(w[3], [&]<int MODE>() { put_in_order<MODE>(e, a, operand<T>(e, w + 11), operand<T>(e, w + 13)); });
  });
}

namespace {

// Where an index array's elements lie in the indexed array: everything but the axis itself.
struct Lines {
  int rank, axis;
  const int32_t* extent;  // of the index
  int64_t stride[MAX_RANK];  // of the indexed array

  Lines(int rank, int axis, const int32_t* full, const int32_t* extent) : rank(rank), axis(axis), extent(extent) {
    int64_t s = 1;
    for (int i = rank - 1; i >= 0; i--) stride[i] = s, s *= full[i];
  }
  int64_t count() const {
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= extent[i];
    return n;
  }
  // Calls f(row of the index, base in the indexed array) for the rows of the last axis where `cut` is in [lo, hi).
  template <class F>
  void rows(int cut, int64_t lo, int64_t hi, const F& f) const {
    int64_t coord[MAX_RANK] = {};
    const int last = rank - 1;
    if (lo >= hi) return;
    if (cut < last) coord[cut] = lo;
    for (;;) {
      int64_t row = 0, base = 0;
      for (int i = 0; i < last; i++) {
        row = row * extent[i] + coord[i];
        if (i != axis) base += coord[i] * stride[i];
      }
      f(row, base);
      int i = last - 1;
      for (; i >= 0; i--) {
        if (++coord[i] < (i == cut ? hi : extent[i])) break;
        coord[i] = i == cut ? lo : 0;
      }
      if (i < 0) return;
    }
  }
};

bool line_validate(Check& c, bool scatter) {
  Reader r(c);
  int32_t full[MAX_RANK], extent[MAX_RANK];
  const int32_t dtype = r.dtype();
  if (scatter) r.mode(dtype);
  const int width = width_of(dtype);
  const int rank = r.between(1, MAX_RANK, "the rank is out of range");
  const int axis = r.between(0, rank - 1, "the axis is out of range");
  r.extents(rank, full);
  r.extents(rank, extent);
  for (int i = 0; i < rank; i++)
    if (i != axis && extent[i] > full[i]) r.fail("the index is larger than what it indexes");
  const int64_t picked = r.count(rank, extent), all = r.count(rank, full);
  if (scatter) {
    const Range index = r.operand(4, picked), src = r.operand(width, picked), out = r.operand(width, all);
    r.apart(out, src);
    r.apart(out, index);
  } else {
    const Range src = r.operand(width, all), index = r.operand(4, picked), out = r.operand(width, picked);
    r.apart(out, src);
    r.apart(out, index);
  }
  r.word();
  return r.done();
}

// The longest axis but `axis`: pieces of it never meet in a place. -1 when there is none.
int axis_to_cut(const Lines& lines) {
  int cut = -1;
  for (int i = 0; i < lines.rank; i++)
    if (i != lines.axis && (cut < 0 || lines.extent[i] > lines.extent[cut])) cut = i;
  return cut;
}

}  // namespace

bool gather_validate(Check& c) { return line_validate(c, false); }
bool scatter_validate(Check& c) { return line_validate(c, true); }

void gather_run(const Exec& e) {
  const int32_t* w = e.w;
  const int rank = w[3], axis = w[4], last = rank - 1;
  const int32_t *full = w + 5, *ref = full + 2 * rank;
  const Lines lines(rank, axis, full, full + rank);
  const int64_t count = lines.count();
  if (count == 0) return;
  const int32_t* index = operand<int32_t>(e, ref + 2);
  if (!check_indices(e, index, count, full[axis], ref[6])) return;
  const int64_t n = lines.extent[last], pick = lines.stride[axis], along = axis == last ? 0 : 1;
  auto pieces = [&]<class T>() {
    const T* src = operand<T>(e, ref);
    T* out = operand<T>(e, ref + 4);
    int cut = 0;  // any axis will do
    for (int i = 1; i < rank; i++)
      if (lines.extent[i] > lines.extent[cut]) cut = i;
    const int64_t whole = lines.extent[cut];
    parallel_for(e, whole, GRAIN * whole / count, [&](int64_t lo, int64_t hi) {
      const int64_t begin = cut == last ? lo : 0, end = cut == last ? hi : n;
      lines.rows(cut, lo, hi, [&](int64_t row, int64_t base) {
        const int32_t* at = index + row * n;
        T* y = out + row * n;
        for (int64_t i = begin; i < end; i++) y[i] = src[base + at[i] * pick + i * along];
      });
    });
  };
  with_width(w[2], pieces);
}

void scatter_run(const Exec& e) {
  const int32_t* w = e.w;
  const int rank = w[4], axis = w[5], last = rank - 1;
  const int32_t *full = w + 6, *ref = full + 2 * rank;
  const Lines lines(rank, axis, full, full + rank);
  const int64_t count = lines.count();
  if (count == 0) return;
  const int32_t* index = operand<int32_t>(e, ref);
  if (!check_indices(e, index, count, full[axis], ref[6])) return;
  const int64_t n = lines.extent[last], pick = lines.stride[axis], along = axis == last ? 0 : 1;
  const int cut = axis_to_cut(lines);
  auto pieces = [&]<int MODE, class T>() {
    const T* src = operand<T>(e, ref + 2);
    T* out = operand<T>(e, ref + 4);
    const int64_t whole = cut < 0 ? 1 : lines.extent[cut];
    parallel_for(e, whole, GRAIN * whole / count, [&](int64_t lo, int64_t hi) {
      const int64_t begin = cut == last ? lo : 0, end = cut == last ? hi : n;
      lines.rows(cut < 0 ? last : cut, lo, hi, [&](int64_t row, int64_t base) {
        const int32_t* at = index + row * n;
        const T* x = src + row * n;
        for (int64_t i = begin; i < end; i++) {
          T* y = out + base + at[i] * pick + i * along;
          *y = combine<MODE>(*y, x[i]);
        }
      });
    });
  };
  if (w[3] == SET) return with_width(w[2], [&]<class T>() { pieces.template operator()<SET, T>(); });
  with_type(w[2], [&]<class T>() {
    with_mode(w[3], [&]<int MODE>() { pieces.template operator()<MODE, T>(); });
  });
}

}  // namespace NABLA_ISA
}  // namespace nabla
