// FILL and COPY.
#include "check.h"
#include "index.h"

namespace nabla {
namespace NABLA_ISA {

// Bytes that make a task worth handing to another thread.
constexpr int64_t GRAIN = 64 * 1024;

bool fill_validate(Check& c) {
  Reader r(c);
  const int width = width_of(r.dtype());
  const int32_t count = r.extent();
  r.word(), r.word();
  r.operand(width, count);
  return r.done();
}

void fill_run(const Exec& e) {
  const int32_t dtype = e.w[2], count = e.w[3];
  if (count == 0) return;
  const int64_t value = (int64_t)((uint64_t)(uint32_t)e.w[5] << 32 | (uint32_t)e.w[4]);
  with_width(dtype, [&]<class T>() {
    T* const out = operand<T>(e, e.w + 6);
    const T x = (T)value;
    parallel_for(e, count, GRAIN / (int64_t)sizeof(T), [&](int64_t begin, int64_t end) {
      if (x == 0 || sizeof(T) == 1) {
        __builtin_memset(out + begin, (uint8_t)x, (size_t)(end - begin) * sizeof(T));
        return;
      }
      for (int64_t i = begin; i < end; i++) out[i] = x;
    });
  });
}

bool copy_validate(Check& c) {
  Reader r(c);
  int32_t extent[MAX_RANK], src[MAX_RANK], out[MAX_RANK];
  const int32_t dtype = r.dtype();
  const int width = width_of(dtype);
  const int32_t mode = r.between(SET, ADD, "COPY has the modes SET and ADD");
  if (mode == ADD && (dtype == BOOL || dtype == F16 || dtype == BF16)) r.fail("the dtype has no such mode");
  const int rank = r.between(0, MAX_RANK, "the rank is out of range");
  r.extents(rank, extent);
  r.count(rank, extent);
  const Ref from = r.ref();
  r.words(rank, src);
  const Ref to = r.ref();
  r.words(rank, out);
  r.apart(r.span(to, width, rank, extent, out), r.span(from, width, rank, extent, src));
  return r.done();
}

namespace {

typedef uint32_t u32 __attribute__((may_alias));
typedef uint32_t v4 __attribute__((vector_size(16)));
typedef uint32_t v4_u __attribute__((vector_size(16), aligned(4), may_alias));

struct Box {
  int rank;
  int64_t extent[MAX_RANK], src[MAX_RANK], out[MAX_RANK];
};

int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

// Drops axes of extent 1 and joins neighbours that are one run in both operands. When the order of writing
// does not matter, the axes are put in the order of OUT's strides first, all made positive.
// Gives false when there is nothing to copy; moves the offsets of axes that were turned round.
bool simplify(Box& b, bool reorder, int64_t* src_offset, int64_t* out_offset) {
  int rank = 0;
  for (int i = 0; i < b.rank; i++) {
    int64_t extent = b.extent[i], src = b.src[i], out = b.out[i];
    if (extent == 0) return false;
    if (extent == 1) continue;
    if (reorder && out < 0) {
      *src_offset += (extent - 1) * src, *out_offset += (extent - 1) * out;
      src = -src, out = -out;
    }
    int at = rank++;
    for (; reorder && at > 0 && b.out[at - 1] < out; at--)
      b.extent[at] = b.extent[at - 1], b.src[at] = b.src[at - 1], b.out[at] = b.out[at - 1];
    b.extent[at] = extent, b.src[at] = src, b.out[at] = out;
  }
  int last = 0;
  for (int i = 1; i < rank; i++) {
    if (b.src[last] == b.src[i] * b.extent[i] && b.out[last] == b.out[i] * b.extent[i]) {
      b.extent[last] *= b.extent[i];
    } else {
      last++;
      b.extent[last] = b.extent[i];
    }
    b.src[last] = b.src[i], b.out[last] = b.out[i];
  }
  if (rank == 0) b.extent[0] = 1, b.src[0] = b.out[0] = 1;
  b.rank = last + 1;
  return true;
}

// Calls f(src, out) for each place of the axes that `skip` does not name.
template <class T, class F>
NABLA_INLINE void each_place(const Box& b, unsigned skip, const T* src, T* out, const F& f) {
  int axis[MAX_RANK], rank = 0;
  int64_t index[MAX_RANK] = {};
  for (int i = 0; i < b.rank; i++)
    if (!(skip >> i & 1)) axis[rank++] = i;
  for (;;) {
    f(src, out);
    int i = rank - 1;
    for (; i >= 0; i--) {
      const int a = axis[i];
      src += b.src[a], out += b.out[a];
      if (++index[i] < b.extent[a]) break;
      src -= b.src[a] * b.extent[a], out -= b.out[a] * b.extent[a];
      index[i] = 0;
    }
    if (i < 0) return;
  }
}

void transpose4(const u32* src, int64_t pitch, u32* out, int64_t out_pitch) {
  const v4 a = *(const v4_u*)src, b = *(const v4_u*)(src + pitch);
  const v4 c = *(const v4_u*)(src + 2 * pitch), d = *(const v4_u*)(src + 3 * pitch);
  const v4 ac = __builtin_shufflevector(a, c, 0, 4, 1, 5), AC = __builtin_shufflevector(a, c, 2, 6, 3, 7);
  const v4 bd = __builtin_shufflevector(b, d, 0, 4, 1, 5), BD = __builtin_shufflevector(b, d, 2, 6, 3, 7);
  *(v4_u*)out = __builtin_shufflevector(ac, bd, 0, 4, 1, 5);
  *(v4_u*)(out + out_pitch) = __builtin_shufflevector(ac, bd, 2, 6, 3, 7);
  *(v4_u*)(out + 2 * out_pitch) = __builtin_shufflevector(AC, BD, 0, 4, 1, 5);
  *(v4_u*)(out + 3 * out_pitch) = __builtin_shufflevector(AC, BD, 2, 6, 3, 7);
}

// out[i * out_pitch + j] = src[j * src_pitch + i]. Tiles of a cache line each way go through a small
// buffer, so that every line of both sides is touched once however unlucky the pitches are.
template <class T>
void transpose(const T* src, int64_t src_pitch, T* out, int64_t out_pitch, int64_t rows, int64_t cols) {
  constexpr int64_t TILE = 16;
  for (int64_t i = 0; i < rows; i += TILE)
    for (int64_t j = 0; j < cols; j += TILE) {
      const int64_t h = rows - i < TILE ? rows - i : TILE, w = cols - j < TILE ? cols - j : TILE;
      T tile[TILE * TILE];
      if (sizeof(T) == 4 && h == TILE && w == TILE) {
        for (int64_t q = 0; q < TILE; q += 4)
          for (int64_t p = 0; p < TILE; p += 4)
            transpose4((const u32*)src + (j + q) * src_pitch + i + p, src_pitch, (u32*)tile + p * TILE + q, TILE);
        for (int64_t p = 0; p < TILE; p++)
          __builtin_memcpy(out + (i + p) * out_pitch + j, tile + p * TILE, TILE * sizeof(T));
      } else {
        for (int64_t q = 0; q < w; q++)
          for (int64_t p = 0; p < h; p++) out[(i + p) * out_pitch + j + q] = src[(j + q) * src_pitch + i + p];
      }
    }
}

template <class T>
void set_box(const Box& b, const T* src, T* out) {
  const int last = b.rank - 1;
  const int64_t n = b.extent[last], s = b.src[last], o = b.out[last];
  if (o == 1 && s == 1) {
    each_place(b, 1u << last, src, out, [&](const T* x, T* y) {
      if (n * (int64_t)sizeof(T) > 64) __builtin_memcpy(y, x, (size_t)n * sizeof(T));
      else
        for (int64_t i = 0; i < n; i++) y[i] = x[i];
    });
    return;
  }
  if (o == 1 && s == 0) {
    each_place(b, 1u << last, src, out, [&](const T* x, T* y) {
      const T v = *x;
      for (int64_t i = 0; i < n; i++) y[i] = v;
    });
    return;
  }
  if (o == 1)
    for (int a = 0; a < last; a++)
      if (b.src[a] == 1 && b.extent[a] >= 4 && n >= 4) {
        each_place(b, 1u << last | 1u << a, src, out,
                   [&](const T* x, T* y) { transpose(x, s, y, b.out[a], b.extent[a], n); });
        return;
      }
  each_place(b, 1u << last, src, out, [&](const T* x, T* y) {
    for (int64_t i = 0; i < n; i++) y[i * o] = x[i * s];
  });
}

template <class T>
void add_box(const Box& b, const T* src, T* out) {
  const int last = b.rank - 1;
  const int64_t n = b.extent[last], s = b.src[last], o = b.out[last];
  each_place(b, 1u << last, src, out, [&](const T* x, T* __restrict__ y) {
    if (o == 1 && s == 1) {
      for (int64_t i = 0; i < n; i++) y[i] = plus(y[i], x[i]);
    } else if (o == 0) {
      T sum = *y;
      for (int64_t i = 0; i < n; i++) sum = plus(sum, x[i * s]);
      *y = sum;
    } else {
      for (int64_t i = 0; i < n; i++) y[i * o] = plus(y[i * o], x[i * s]);
    }
  });
}

// The axis to share out among threads: a long one; with ADD only one along which OUT's places are apart.
int split_axis(const Box& b, bool apart) {
  int best = -1;
  int64_t reach = 0;
  for (int i = 0; i < b.rank; i++) reach += (b.extent[i] - 1) * magnitude(b.out[i]);
  for (int i = 0; i < b.rank; i++) {
    const int64_t step = magnitude(b.out[i]);
    if (apart && step <= reach - (b.extent[i] - 1) * step) continue;
    if (best < 0 || b.extent[i] > 4 * b.extent[best]) best = i;  // an outer one when it is long enough
  }
  return best;
}

template <class T, class F>
void shared_out(const Exec& e, const Box& b, const T* src, T* out, bool apart, const F& f) {
  int64_t bytes = sizeof(T);
  for (int i = 0; i < b.rank; i++) bytes *= b.extent[i];
  const int axis = bytes < 2 * GRAIN || pool_threads(e.pool) == 1 ? -1 : split_axis(b, apart);
  if (axis < 0) {
    f(b, src, out);
    return;
  }
  // Whole cache lines, where the axis is the contiguous one.
  const int64_t unit = b.extent[axis] >= 256 ? 16 : 1, units = (b.extent[axis] + unit - 1) / unit;
  parallel_for(e, units, GRAIN * units / bytes, [&](int64_t begin, int64_t end) {
    Box part = b;
    const int64_t from = begin * unit, to = end * unit < b.extent[axis] ? end * unit : b.extent[axis];
    part.extent[axis] = to - from;
    f(part, src + from * b.src[axis], out + from * b.out[axis]);
  });
}

template <class T>
void copy_typed(const Exec& e, Box b, const int32_t* from, const int32_t* to, bool add) {
  int64_t src = 0, out = 0;
  if (!simplify(b, !add, &src, &out)) return;
  const T* x = operand<T>(e, from) + src;
  T* y = operand<T>(e, to) + out;
  if (add) shared_out(e, b, x, y, true, [](const Box& p, const T* s, T* o) { add_box(p, s, o); });
  else shared_out(e, b, x, y, false, [](const Box& p, const T* s, T* o) { set_box(p, s, o); });
}

}  // namespace

void copy_run(const Exec& e) {
  const int32_t dtype = e.w[2];
  const bool add = e.w[3] == ADD;
  Box b;
  b.rank = e.w[4];
  const int32_t *extent = e.w + 5, *from = extent + b.rank, *to = from + 2 + b.rank;
  for (int i = 0; i < b.rank; i++) b.extent[i] = extent[i], b.src[i] = from[2 + i], b.out[i] = to[2 + i];
  if (add) with_type(dtype, [&]<class T>() { copy_typed<T>(e, b, from, to, true); });
  else with_width(dtype, [&]<class T>() { copy_typed<T>(e, b, from, to, false); });
}

}  // namespace NABLA_ISA
}  // namespace nabla
