// TAKE, PUT, GATHER and SCATTER. Every index is checked before the first element is written. Where several
// elements meet in one place they are combined in the order of the index, whatever the number of threads.
#include "index.h"
#include "check.h"

namespace nabla {
namespace NABLA_ISA {

constexpr int64_t GRAIN = 16 * 1024;  // elements that make a task worth handing over
constexpr int64_t AHEAD = 6;          // rows asked for before they are needed

namespace {

// Asks for the start of a row of n elements; the processor goes on by itself.
template <class T>
NABLA_INLINE void ask(const T* row, int64_t n) {
  for (int64_t i = 0; i < n && i < 256 / (int64_t)sizeof(T); i += 64 / (int64_t)sizeof(T)) __builtin_prefetch(row + i);
}

// The first index outside [0, extent) becomes the fault.
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
  if (mode == SET) f.template operator()<SET>();
  else if (mode == ADD) f.template operator()<ADD>();
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
    parallel_for(e, outer * count, GRAIN / inner, [&](int64_t begin, int64_t end) {
      int64_t o = begin / count, j = begin % count;
      for (int64_t row = begin; row < end; row++) {
        const T* x = src + (o * extent + index[j]) * inner;
        T* y = out + row * inner;
        if (j + AHEAD < count) ask(src + (o * extent + index[j + AHEAD]) * inner, inner);
        if (inner > 16) __builtin_memcpy(y, x, (size_t)inner * sizeof(T));
        else
          for (int64_t i = 0; i < inner; i++) y[i] = x[i];
        if (++j == count) j = 0, o++;
      }
    });
  };
  if (w[2] == BOOL) rows.operator()<uint8_t>();
  else rows.operator()<int32_t>();
}

bool put_validate(Check& c) {
  Reader r(c);
  const int32_t dtype = r.dtype();
  r.mode(dtype);
  const int width = width_of(dtype);
  const int32_t outer = r.extent(), extent = r.extent(), inner = r.extent(), count = r.extent();
  const Range index = r.operand(4, count);
  const Range src = r.operand(width, r.count(outer, count, inner));
  const Range out = r.operand(width, r.count(outer, extent, inner));
  r.apart(out, src);
  r.apart(out, index);
  r.word();
  return r.done();
}

void put_run(const Exec& e) {
  const int32_t* w = e.w;
  const int64_t outer = w[4], extent = w[5], inner = w[6], count = w[7];
  if (!outer || !inner || !count) return;
  const int32_t* index = operand<int32_t>(e, w + 8);
  if (!check_indices(e, index, count, (int32_t)extent, w[14])) return;
  // Tasks own columns, so that each place is combined by one thread in the order of the index.
  const int64_t piece = inner >= 128 ? 64 : inner, pieces = (inner + piece - 1) / piece;
  with_type(w[2], [&]<class T>() {
    with_mode(w[3], [&]<int MODE>() {
      const T* src = operand<T>(e, w + 10);
      T* out = operand<T>(e, w + 12);
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
    });
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
  if (w[2] == BOOL) pieces.operator()<uint8_t>();
  else pieces.operator()<int32_t>();
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
  with_type(w[2], [&]<class T>() {
    with_mode(w[3], [&]<int MODE>() {
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
    });
  });
}

}  // namespace NABLA_ISA
}  // namespace nabla
