// What notes do: the elementwise instructions of fused programs, each a loop over lanes, and the rest.
#include "fused_task.h"
#include "functions.h"
#include "gemm.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// step(i) for each vector; light ones four at a time, so that the end of the loop is not what takes the time.
template <bool LIGHT, class S>
NABLA_INLINE void vectors(int64_t n, S step) {
  int64_t i = 0;
  if constexpr (LIGHT)
    for (; i + 4 * VW <= n; i += 4 * VW) step(i), step(i + VW), step(i + 2 * VW), step(i + 3 * VW);
  for (; i < n; i += VW) step(i);
}
template <class F>
NABLA_INLINE void loop1(real* d, int64_t n, Lanes a, F f) {
  for (int64_t i = 0; i < n; i += VW) store(d + i, f(load(a.p + i * a.step)));
}
template <bool LIGHT = false, class F>
NABLA_INLINE void loop2(real* d, int64_t n, Lanes a, Lanes b, F f) {
  if (a.step && b.step)
    vectors<LIGHT>(n, [&](int64_t i) { store(d + i, f(load(a.p + i), load(b.p + i))); });
  else if (a.step) {
    const vf y = load(b.p);
    vectors<LIGHT>(n, [&](int64_t i) { store(d + i, f(load(a.p + i), y)); });
  } else {
    const vf x = load(a.p);
    vectors<LIGHT>(n, [&](int64_t i) { store(d + i, f(x, load(b.p + i * b.step))); });
  }
}
template <class F>
NABLA_INLINE void loop3(real* d, int64_t n, Lanes a, Lanes b, Lanes c, F f) {
  const real *x = a.p, *y = b.p, *z = c.p;
  for (int64_t i = 0; i < n; i += VW, x += VW * a.step, y += VW * b.step, z += VW * c.step)
    store(d + i, f(load(x), load(y), load(z)));
}
// f(x, y, z) with x and y in either order, one of them often a number.
template <class F>
NABLA_INLINE void loop_fma(real* d, int64_t n, Lanes a, Lanes b, Lanes c, F f) {
  const Lanes x = a.step ? a : b, y = a.step ? b : a;
  if (!x.step || !c.step) return loop3(d, n, x, y, c, f);
  if (y.step)
    vectors<true>(n, [&](int64_t i) { store(d + i, f(load(x.p + i), load(y.p + i), load(c.p + i))); });
  else {
    const vf s = load(y.p);
    vectors<true>(n, [&](int64_t i) { store(d + i, f(load(x.p + i), s, load(c.p + i))); });
  }
}

}  // namespace

const Note* perform(const Note* at, const Note* end) {
  for (; at < end; at++) {
    const Note& x = *at;
    const int64_t n = x.n;
    real* const d = x.d;
    Lanes a = x.a, b = x.b, c = x.c;
    alignas(64) real own[3][VW];
    if (x.elements) {
      if (x.elements & 1) store(own[0], splat(*a.p)), a.p = own[0];
      if (x.elements & 2) store(own[1], splat(*b.p)), b.p = own[1];
      if (x.elements & 4) store(own[2], splat(*c.p)), c.p = own[2];
    }
    switch (x.kind) {
#define F1(name, expr) \
  case F_##name: loop1(d, n, a, [](vf x) { return expr; }); break;
#define L2(name, expr) \
  case F_##name: loop2<true>(d, n, a, b, [](vf x, vf y) { return expr; }); break;
#define F2(name, expr) \
  case F_##name: loop2(d, n, a, b, [](vf x, vf y) { return expr; }); break;
#define I1(name, expr) \
  case F_##name: loop1(d, n, a, [](vf fx) { const vi x = bits(fx); return from_bits(expr); }); break;
#define I2(name, expr) \
  case F_##name: loop2(d, n, a, b, [](vf fx, vf fy) { const vi x = bits(fx), y = bits(fy); return from_bits(expr); }); break;
      NABLA_LANE_OPS(F1, L2, F2, I1, I2)
      NABLA_WIDE_OPS(F1, F2, I2)
      case F_FMAF: loop_fma(d, n, a, b, c, [](vf x, vf y, vf z) { return fma(x, y, z); }); break;
      case F_FMSF: loop_fma(d, n, a, b, c, [](vf x, vf y, vf z) { return fma(x, y, -z); }); break;
      case F_FNMAF: loop_fma(d, n, a, b, c, [](vf x, vf y, vf z) { return fnma(x, y, z); }); break;
      case F_WHERE: loop3(d, n, a, b, c, [](vf m, vf x, vf y) { return select(bits(m), x, y); }); break;
#undef F1
#undef F2
#undef L2
#undef I1
#undef I2
      case LOAD:
        for (int64_t r = 0; r < x.rows; r++) load_values(x.dtype, a.p, r * b.step, a.step, d + r * n, n);
        break;
      case STORE:
        for (int64_t r = 0; r < x.rows; r++) store_values(x.dtype, d, r * b.step, c.step, a.p + r * n, n);
        break;
      case SPREAD: store(d, splat(*a.p)); break;
      case EXPAND: expand_rows(d, a.p, x.rows, n); break;
      case REDUCE:
        reduce_rows(x.dtype, d, a.p, b.p, (int)x.rows, (int)n);
        if (x.rows == 1) store(d, splat(d[0]));
        break;
#if NABLA_LANES == 32
      case SUM: *d = 0 + fold_sum(a.p, n); break;
      case SUM_COLUMNS: add_columns(d, a.p, x.rows, n, true); break;
      case SUM_ROWS:
        for (int64_t r = 0; r < x.rows; r++) d[r] = 0 + fold_sum(a.p + r * n, n);
        break;
      case PRODUCT: gemm(*(const GemmArgs*)a.p, d); break;
      case VECTOR: gemv(*(const GemvArgs*)a.p, 0, n, d); break;
      case CHOICE:
        if (!*(const word*)a.p) at += n;
        break;
#endif
      default: return at;
    }
  }
  return at;
}

}  // namespace NABLA_ISA
}  // namespace nabla
