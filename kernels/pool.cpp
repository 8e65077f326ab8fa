// MAX_POOL, MAX_POOL_INPUT, SUM_POOL and SUM_POOL_INPUT.
#include "check.h"
#include "conv.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// The cells of x under the window of output cell (a, b, c): calls f(flat cell) in row-major order.
template <class F>
NABLA_INLINE void each_cell(const WindowWords& w, const int32_t* at, const F& f) {
  int64_t p[3];
  for (int64_t i = 0; i < w.kernel[0]; i++) {
    p[0] = (int64_t)at[0] * w.stride[0] + i * w.dilation[0] - w.pad[0];
    if (p[0] < 0) continue;
    if (p[0] >= w.in[0]) break;
    for (int64_t j = 0; j < w.kernel[1]; j++) {
      p[1] = (int64_t)at[1] * w.stride[1] + j * w.dilation[1] - w.pad[1];
      if (p[1] < 0) continue;
      if (p[1] >= w.in[1]) break;
      for (int64_t k = 0; k < w.kernel[2]; k++) {
        p[2] = (int64_t)at[2] * w.stride[2] + k * w.dilation[2] - w.pad[2];
        if (p[2] < 0) continue;
        if (p[2] >= w.in[2]) break;
        f((p[0] * w.in[1] + p[1]) * w.in[2] + p[2]);
      }
    }
  }
}
int64_t cells(const int32_t* e) { return (int64_t)e[0] * e[1] * e[2]; }
// Calls f(plane, flat output cell, its coordinates).
template <class F>
NABLA_INLINE void each_window(const WindowWords& w, const F& f) {
  const int64_t n = cells(w.out);
  for (int64_t p = 0; p < w.planes; p++)
    for (int64_t cell = 0; cell < n; cell++) {  // one loop for three: clang 19 dies of a deeper nest
      const int64_t row = cell / w.out[2];
      const int32_t at[3] = {(int32_t)(row / w.out[1]), (int32_t)(row % w.out[1]), (int32_t)(cell % w.out[2])};
      f(p, cell, at);
    }
}

}  // namespace

// A window that lies in the padding alone has the maximum -inf at cell 0.
void max_pool_naive(const WindowWords& w, const real* x, real* y, int32_t* index) {
  const int64_t in = cells(w.in), out = cells(w.out);
  each_window(w, [&](int64_t p, int64_t cell, const int32_t* at) {
    real best = -INF;
    int64_t where = -1;
    each_cell(w, at, [&](int64_t i) {
      const real v = x[p * in + i];
      if (where < 0 || beats<true>(v, best)) best = v, where = i;
    });
    if (y) y[p * out + cell] = best;
    if (index) index[p * out + cell] = where < 0 ? 0 : (int32_t)where;
  });
}

void sum_pool_naive(const WindowWords& w, real factor, const real* x, real* y) {
  const int64_t in = cells(w.in), out = cells(w.out);
  each_window(w, [&](int64_t p, int64_t cell, const int32_t* at) {
    real sum = 0;
    each_cell(w, at, [&](int64_t i) { sum += x[p * in + i]; });
    y[p * out + cell] = sum * factor;
  });
}

void sum_pool_input_naive(const WindowWords& w, real factor, const real* y, real* x) {
  const int64_t in = cells(w.in), out = cells(w.out);
  for (int64_t i = 0; i < w.planes * in; i++) x[i] = 0;
  each_window(w, [&](int64_t p, int64_t cell, const int32_t* at) {
    each_cell(w, at, [&](int64_t i) { x[p * in + i] += y[p * out + cell] * factor; });
  });
}

#if NABLA_LANES == 64
namespace {

// What pool_fast.cpp has for floats.
void max_pool_fast(const Exec&, const WindowWords& w, const real* x, real* y, int32_t* index) { max_pool_naive(w, x, y, index); }
void sum_pool_fast(const Exec&, const WindowWords& w, real factor, const real* x, real* y) { sum_pool_naive(w, factor, x, y); }
void sum_pool_input_fast(const Exec&, const WindowWords& w, real factor, const real* y, real* x) {
  sum_pool_input_naive(w, factor, y, x);
}
int64_t max_pool_input_fast(const Exec&, int64_t planes, int64_t out, int64_t in, const real* y, const int32_t* index, real* x) {
  for (int64_t i = 0; i < planes * out; i++)
    if (index[i] < 0 || index[i] >= in) return i;
  for (int64_t i = 0; i < planes * in; i++) x[i] = 0;
  for (int64_t i = 0; i < planes * out; i++) x[i / out * in + index[i]] += y[i];
  return -1;
}

}  // namespace
#endif

bool pooling_validate(Check& c) {
  Reader r(c);
  r.real_dtype();
  constexpr int W = sizeof(real);
  if (c.w[0] == OP_MAX_POOL_INPUT) {
    const int32_t planes = r.extent(), out = r.extent(), in = r.extent();
    const int64_t n = r.count(planes, out);
    const Range y = r.operand(W, n), index = r.operand(4, n), x = r.operand(W, r.count(planes, in));
    r.apart(x, y);
    r.apart(x, index);
    r.word();
    return r.done();
  }
  int32_t size[7];  // planes, in, out
  r.extents(7, size);
  for (int i = 0; i < 9; i++) r.between(1, INT32_MAX, "kernel, stride and dilation are at least 1");
  for (int i = 0; i < 3; i++) r.between(0, INT32_MAX, "padding is negative");
  const int32_t in[4] = {size[0], size[1], size[2], size[3]}, out[4] = {size[0], size[4], size[5], size[6]};
  const int64_t n = r.count(4, in), m = r.count(4, out);
  const bool max = c.w[0] == OP_MAX_POOL, input = c.w[0] == OP_SUM_POOL_INPUT;
  if (!max) r.word(), r.word();
  const Range a = r.operand(W, input ? m : n), b = r.operand(W, input ? n : m, max);
  r.apart(b, a);
  if (max) {
    const Range index = r.operand(4, m, true);
    r.apart(index, a);
    r.apart(index, b);
  }
  return r.done();
}

void pooling_run(const Exec& e) {
  const int32_t* w = e.w;
  if (w[0] == OP_MAX_POOL_INPUT) {
    const int64_t planes = w[3], out = w[4], in = w[5];
    if (!planes) return;
    real* const x = in ? operand<real>(e, w + 10) : nullptr;
    if (!out) {
      if (in) __builtin_memset(x, 0, (size_t)(planes * in) * sizeof(real));
      return;
    }
    const int32_t* const index = operand<int32_t>(e, w + 8);
    const int64_t bad = max_pool_input_fast(e, planes, out, in, operand<real>(e, w + 6), index, x);
    if (bad >= 0) *e.status = {INDEX_FAULT, w[12], index[bad], 0, (int32_t)in};
    return;
  }
  WindowWords g;
  __builtin_memcpy(&g, w + 3, sizeof g);
  const int32_t* ref = w + 3 + sizeof g / 4;
  double scale = 1;
  if (w[0] != OP_MAX_POOL) __builtin_memcpy(&scale, ref, sizeof scale), ref += 2;
  const real factor = (real)scale;
  const int64_t n = g.planes * cells(g.in), m = g.planes * cells(g.out);
  if (w[0] == OP_SUM_POOL_INPUT) {
    if (n) sum_pool_input_fast(e, g, factor, m ? operand<real>(e, ref) : nullptr, operand<real>(e, ref + 2));
    return;
  }
  if (!m) return;
  const real* x = n ? operand<real>(e, ref) : nullptr;
  if (w[0] == OP_SUM_POOL) sum_pool_fast(e, g, factor, x, operand<real>(e, ref + 2));
  else max_pool_fast(e, g, x, operand<real>(e, ref + 2), operand<int32_t>(e, ref + 4));
}

}  // namespace NABLA_ISA
}  // namespace nabla
