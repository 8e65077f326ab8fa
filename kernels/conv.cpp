// CONV, CONV_INPUT and CONV_WEIGHT.
#include "conv.h"

#include "epilogue.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

int64_t cells(const int32_t* e) { return (int64_t)e[0] * e[1] * e[2]; }

// Calls f(x element, w element, y element) for each product of a convolution.
template <class F>
NABLA_INLINE void each_product(const Geometry& g, const F& f) {
  const int64_t in = cells(g.in), out = cells(g.out), taps = cells(g.kernel);
  const int64_t cg = g.c / g.groups, og = g.o / g.groups;
  for (int64_t n = 0; n < g.n; n++)
    for (int64_t o = 0; o < g.o; o++)
      for (int64_t c = 0; c < cg; c++)
        for (int64_t cell = 0; cell < out; cell++)
          for (int64_t tap = 0; tap < taps; tap++) {
            int64_t q = cell, t = tap, at = 0, step = 1;
            bool inside = true;
            for (int i = 2; i >= 0; i--) {
              const int64_t p = q % g.out[i] * g.stride[i] + t % g.kernel[i] * g.dilation[i] - g.pad[i];
              inside = inside && p >= 0 && p < g.in[i];
              at += p * step, step *= g.in[i];
              q /= g.out[i], t /= g.kernel[i];
              if (!inside) break;
            }
            if (inside)
              f((n * g.c + o / og * cg + c) * in + at, (o * cg + c) * taps + tap, (n * g.o + o) * out + cell);
          }
}

}  // namespace

void conv_naive(const Geometry& g, const real* x, const real* w, real* y, const real* bias) {
  const int64_t out = cells(g.out);
  for (int64_t i = 0; i < g.n * g.o; i++)
    for (int64_t j = 0; j < out; j++) y[i * out + j] = bias ? bias[i % g.o] : 0;
  each_product(g, [&](int64_t i, int64_t j, int64_t k) { y[k] += x[i] * w[j]; });
}
void conv_input_naive(const Geometry& g, const real* y, const real* w, real* x) {
  for (int64_t i = 0; i < g.n * g.c * cells(g.in); i++) x[i] = 0;
  each_product(g, [&](int64_t i, int64_t j, int64_t k) { x[i] += y[k] * w[j]; });
}
void conv_weight_naive(const Geometry& g, const real* y, const real* x, real* w) {
  for (int64_t i = 0; i < g.o * (g.c / g.groups) * cells(g.kernel); i++) w[i] = 0;
  each_product(g, [&](int64_t i, int64_t j, int64_t k) { w[j] += y[k] * x[i]; });
}

#if NABLA_LANES == 32
extern const Way* const WAYS[WAY_COUNT] = {&FLAT, &WINOGRAD, &IMAGES,
#ifndef __wasm__
                                           &PRODUCTS,
#endif
};

namespace {

// The way that takes the least, or null for plain loops.
const Way* find_way(int32_t op, const Geometry& g) {
  if (!g.n || !g.c || !g.o || !cells(g.in) || !cells(g.out)) return nullptr;
  const Way* best = nullptr;
  double least = NO_WAY;
  for (const Way* way : WAYS) {
    const double work = way->work(op, g);
    if (work < least) least = work, best = way;
  }
  return best;
}

}  // namespace
#endif

bool conv_validate(Check& c) {
  Reader r(c);
  r.real_dtype();
  Geometry g;
  g.n = r.extent(), g.c = r.extent(), g.o = r.extent();
  g.groups = r.between(1, INT32_MAX, "there is at least one group");
  if (g.c % g.groups || g.o % g.groups) r.fail("the groups do not divide the channels");
  r.extents(3, g.in);
  r.extents(3, g.out);
  const auto three = [&](int32_t* to, int32_t least, const char* error) {
    for (int i = 0; i < 3; i++) to[i] = r.between(least, INT32_MAX, error);
  };
  three(g.kernel, 1, "a kernel is at least 1");
  three(g.stride, 1, "a stride is at least 1");
  three(g.dilation, 1, "a dilation is at least 1");
  three(g.pad, 0, "padding is negative");
  const int32_t xe[5] = {g.n, g.c, g.in[0], g.in[1], g.in[2]};
  const int32_t we[5] = {g.o, g.c / g.groups, g.kernel[0], g.kernel[1], g.kernel[2]};
  const int32_t ye[5] = {g.n, g.o, g.out[0], g.out[1], g.out[2]};
  const int64_t xs = r.count(5, xe), ws = r.count(5, we), ys = r.count(5, ye);
  constexpr int W = sizeof(real);
  const bool forward = c.w[0] == OP_CONV, input = c.w[0] == OP_CONV_INPUT;
  const Range a = r.operand(W, forward ? xs : ys), b = r.operand(W, forward || input ? ws : xs);
  const Range out = r.operand(W, forward ? ys : input ? xs : ws);
  r.apart(out, a);
  r.apart(out, b);
  if (forward) {
    const Range bias = r.operand(W, g.o, true);
    r.apart(out, bias);
    const Range in[3] = {a, b, bias};
    if (!epilogue_validate(r, (int64_t)g.n * g.o, cells(g.out), out, W, in, 3)) return false;
  } else if (!r.done()) return false;
#if NABLA_LANES == 32
  if (const Way* way = find_way(c.w[0], g)) {
    int64_t per_thread = 0, shared = 0;
    way->needs(c.w[0], g, c.threads, &per_thread, &shared);
    c.per_thread += per_thread, c.shared += shared;
  }
#endif
  return true;
}

void conv_run(const Exec& whole) {
  const Epilogue end(whole);
  const Exec e = end.rest(whole);
  Geometry g;
  __builtin_memcpy(&g, e.w + 3, sizeof g);
  const int32_t* ref = e.w + 3 + sizeof g / 4;
  const int64_t xs = (int64_t)g.n * g.c * cells(g.in), ys = (int64_t)g.n * g.o * cells(g.out);
  const int64_t ws = (int64_t)g.o * (g.c / g.groups) * cells(g.kernel);
  auto at = [&](int i, int64_t size) { return size ? operand<real>(e, ref + 2 * i) : nullptr; };
  const real *a = at(0, e.w[0] == OP_CONV ? xs : ys), *b = at(1, e.w[0] == OP_CONV_WEIGHT ? xs : ws);
  const int64_t size = e.w[0] == OP_CONV ? ys : e.w[0] == OP_CONV_INPUT ? xs : ws;
  if (!size) return;
  real* const out = at(2, size);
  const real* const bias = e.w[0] == OP_CONV ? at(3, 1) : nullptr;
#if NABLA_LANES == 32
  if (const Way* const way = find_way(e.w[0], g)) {
    if (e.w[0] == OP_CONV) way->forward(e, end, g, a, b, out, bias);
    else if (e.w[0] == OP_CONV_INPUT) way->input(e, g, a, b, out);
    else way->weight(e, g, a, b, out);
    return;
  }
#endif
  if (e.w[0] == OP_CONV)
    with_ending(end, 1, [&](int, int, Told* job) {
      conv_naive(g, a, b, out, bias);
      if (job) job->block(0, 0, (int64_t)g.n * g.o, cells(g.out));
    });
  else if (e.w[0] == OP_CONV_INPUT) conv_input_naive(g, a, b, out);
  else conv_weight_naive(g, a, b, out);
}

}  // namespace NABLA_ISA
}  // namespace nabla
