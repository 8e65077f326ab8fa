// Between memory and the registers of fused programs: the storage types are known here, and nowhere else in the
// interpreter.
#include "convert.h"
#include "fused_task.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// The C++ type of a dtype in memory, and what it is in a lane: f.operator()<T>().
struct Bool {
  uint8_t is;
};
template <class F>
NABLA_INLINE void with_stored(int32_t dtype, const F& f) {
  switch (dtype) {
    case F32: return f.template operator()<float>();
    case I32: return f.template operator()<int32_t>();
    case BOOL: return f.template operator()<Bool>();
    case F64: return f.template operator()<double>();
    case F16: return f.template operator()<Half>();
    case BF16: return f.template operator()<BHalf>();
    case I8: return f.template operator()<int8_t>();
    case U8: return f.template operator()<uint8_t>();
    default: return f.template operator()<int64_t>();
  }
}
// A lane of x, and back.
template <class T>
inline real lane_of(T x) {
  if constexpr ((T)0.5f == 0) return as_real((word)x);
  else return (real)x;
}
template <>
inline real lane_of(Bool x) {
  return as_real(x.is ? -1 : 0);
}
template <>
inline real lane_of(Half x) {
  return widen(x);
}
template <>
inline real lane_of(BHalf x) {
  return widen(x);
}
template <class T>
inline void put_lane(T& to, real v) {
  if constexpr ((T)0.5f == 0) to = (T)as_int(v);
  else to = (T)v;
}
template <>
inline void put_lane(Bool& to, real v) {
  to.is = as_int(v) ? 1 : 0;
}
template <>
inline void put_lane(Half& to, real v) {
  to = narrow(v, to);
}
template <>
inline void put_lane(BHalf& to, real v) {
  to = narrow(v, to);
}

// Lanes that lie side by side in memory, from s to d; as many as are done by vectors.
template <class T>
inline int64_t load_vectors(const T*, real*, int64_t) {
  return 0;
}
template <>
inline int64_t load_vectors(const Bool* s, real* d, int64_t n) {
  int64_t i = 0;
  for (; i + VW <= n; i += VW) store(d + i, from_bits(load_mask(&s[i].is)));
  return i;
}
template <class T>
inline int64_t store_vectors(T*, const real*, int64_t) {
  return 0;
}
template <>
inline int64_t store_vectors(Bool* o, const real* v, int64_t n) {
  int64_t i = 0;
  for (; i + VW <= n; i += VW) store_mask(&o[i].is, bits(load(v + i)));
  return i;
}
#if defined(__F16C__) && NABLA_LANES == 32
template <>
inline int64_t load_vectors(const Half* s, real* d, int64_t n) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + VW <= n; i += VW) store(d + i, (vf)_mm512_maskz_cvtph_ps(ALL_LANES, _mm256_loadu_si256((const __m256i*)(s + i))));
#else
  for (; i + VW <= n; i += VW) store(d + i, (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(s + i))));
#endif
  return i;
}
#endif

}  // namespace

// Lane j of the value at a port: memory, or the address itself.
real Task::element(const Port& p, int64_t a) const {
  if (p.slot < 0) return as_real((word)a);
  real x = 0;
  with_stored(p.dtype, [&]<class T>() { x = lane_of(((const T*)e.slots[p.slot])[a]); });
  return x;
}

// Few lanes are copied sooner than a function for that is called.
NABLA_INLINE void copy_lanes(real* d, const real* s, int64_t n) {
  if (n > 64) {
    __builtin_memcpy(d, s, n * sizeof(real));
    return;
  }
  int64_t i = 0;
  for (; i + VW <= n; i += VW) store(d + i, load(s + i));
  for (; i < n; i++) d[i] = s[i];
}
void load_values(int32_t dtype, const void* memory, int64_t a, int64_t step, real* d, int64_t n) {
  if (is_plain(dtype)) {
    const real* s = (const real*)memory + a;
    if (step == 1) copy_lanes(d, s, n);
    else
      for (int64_t i = 0; i < n; i++) d[i] = s[i * step];
    return;
  }
  with_stored(dtype, [&]<class T>() {
    const T* __restrict__ s = (const T*)memory + a;
    real* __restrict__ o = d;
    if (step == 1)
      for (int64_t i = load_vectors(s, o, n); i < n; i++) o[i] = lane_of(s[i]);
    else
      for (int64_t i = 0; i < n; i++) o[i] = lane_of(s[i * step]);
  });
}
void Task::load_rows(const Port& p, int64_t a, int64_t row, int64_t step, real* d, int64_t rows, int64_t n) {
  if (p.slot >= 0)
    return act({n, LOAD, p.dtype, (int32_t)rows, d, {(const real*)((const char*)e.slots[p.slot] + a * width_of(p.dtype)), (int)step}, {nullptr, (int)row}, {}});
  unfit();
  word* o = (word*)d;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < n; i++) *o++ = (word)(a + r * row + i * step);
}

// Is the input itself an output, and another one in its memory?
bool Task::given_back(int i) const {
  bool given = false, written = false;
  for (int o = 0; o < k.n_out; o++) given |= k.out[o].reg == i, written |= k.out[o].slot == k.in[i].slot;
  return given && written;
}
void Task::load_input(int i, const Tile& t) {
  const Port& p = k.in[i];
  if (kept[i] && k.cls[i] == SCALAR) return;
  real* d = tile(i);
  const int64_t a = address(k, p, t);
  reg_at[i] = d;
  if (k.cls[i] == SCALAR || (k.cls[i] == ROW && t.rows == 1)) {
    if (NABLA_LANES == 32 && notes && p.slot >= 0 && is_plain(p.dtype) && !given_back(i)) reg_at[i] = (real*)e.slots[p.slot] + a;
    else if (p.slot >= 0 && is_plain(p.dtype)) act({VW, SPREAD, 0, 1, d, {(const real*)e.slots[p.slot] + a, 0}, {}, {}});
    else load_rows(p, a, 0, 0, d, 1, VW);
    kept[i] = k.cls[i] == SCALAR;
    return;
  }
  if (k.cls[i] == ROW) return load_rows(p, a, 0, p.row, d, 1, t.rows);
  const bool memory = p.slot >= 0 && is_plain(p.dtype) && p.col == 1;
  if (memory && !given_back(i) && (t.rows == 1 || p.row == t.cols) && t.lanes == t.padded) {
    reg_at[i] = (real*)e.slots[p.slot] + a;
    return;
  }
  if (memory && p.row == 0 && t.rows > 1 && k.n_outer == 0 && t.cols == k.cols) {
    // The same row in every tile.
    if (!kept[i]) {
      load_rows(p, a, 0, 1, d, tl.tile_rows, t.cols);
      kept[i] = true;
    }
    return;
  }
  if (p.row == (int64_t)t.cols * p.col && t.rows > 1) return load_rows(p, a, 0, p.col, d, 1, t.lanes);
  if (t.cols < 8 && p.col != 1 && t.rows > t.cols && !notes) {
    // Tall and narrow: gathered column by column.
    for (int c = 0; c < t.cols; c++)
      for (int r = 0; r < t.rows; r++) d[(int64_t)r * t.cols + c] = element(p, a + (int64_t)r * p.row + (int64_t)c * p.col);
    return;
  }
  load_rows(p, a, p.row, p.col, d, t.rows, t.cols);
}

void Task::store_output(const Port& p, const Tile& t) {
  const real* v = reg_at[p.reg];
  const int64_t a = address(k, p, t);
  const int cls = k.cls[p.reg];
  if (cls == FULL) {
    const bool run = t.rows == 1 || (p.col == 1 && p.row == t.cols);
    const int rows = run ? 1 : t.rows;
    const int64_t n = run ? t.lanes : t.cols;
    if (!k.streams[&p - k.out]) return store_rows(p, a, p.row, p.col, v, rows, n);
    for (int r = 0; r < rows; r++) stream((real*)e.slots[p.slot] + a + (int64_t)r * p.row, v + (int64_t)r * t.cols, n);
  } else if (cls == ROW) {
    if (t.c0 == 0) store_rows(p, a, 0, p.row, v, 1, t.rows);
  } else {
    // One value for all: every place of the tile holds it.
    const int64_t cols = p.col == 0 ? 1 : t.cols, rows = p.row == 0 ? 1 : t.rows;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = 0; c < cols; c++) store_rows(p, a + r * p.row + c * p.col, 0, 1, v, 1, 1);
  }
}
void store_values(int32_t dtype, void* memory, int64_t a, int64_t step, const real* v, int64_t n) {
  if (is_plain(dtype)) {
    real* o = (real*)memory + a;
    if (step == 1) copy_lanes(o, v, n);
    else
      for (int64_t i = 0; i < n; i++) o[i * step] = v[i];
    return;
  }
  with_stored(dtype, [&]<class T>() {
    T* __restrict__ o = (T*)memory + a;
    const real* __restrict__ x = v;
    if (step == 1)
      for (int64_t i = store_vectors(o, x, n); i < n; i++) put_lane(o[i], x[i]);
    else
      for (int64_t i = 0; i < n; i++) put_lane(o[i * step], x[i]);
  });
}

}  // namespace NABLA_ISA
}  // namespace nabla
