// test: isa sources=conv.cpp,conv_flat.cpp,conv_fast.cpp,pool.cpp,threads.cpp args=1500 args-slow=200 threads
// Convolution, pooling and their gradients against the plain loops: random geometries of one to three axes, one to
// three threads; the same threads give the same bits.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <initializer_list>

#include "../conv.h"

using namespace nabla;
using namespace nabla::NABLA_ISA;

static uint32_t state = 12345;
static uint32_t next() {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}
static int32_t in(int32_t lo, int32_t hi) { return lo + (int32_t)(next() % (uint32_t)(hi - lo + 1)); }
static bool one_in(int n) { return in(1, n) == 1; }
static float value() { return (float)next() / (1 << 23) - 1.0f; }
static int failures = 0;

// Memory of exactly n elements, so that the address sanitizer sees an access past the last one.
struct Buffer {
  int64_t n;
  float* p;
  explicit Buffer(int64_t size) : n(size), p((float*)malloc((size_t)size * 4)) {
    for (int64_t i = 0; i < n; i++) p[i] = value();
  }
  Buffer(const Buffer&) = delete;
  ~Buffer() { free(p); }
};

static Pool* pools[3];
static int64_t cells(const int32_t* e) { return (int64_t)e[0] * e[1] * e[2]; }

// Runs the instruction twice on each number of threads and compares with `want`.
template <class F>
static void check(const char* what, const Geometry& g, int32_t op, const Buffer& want, double products, const F& run) {
  Buffer got(want.n), again(want.n);
  for (int t = 1; t <= 3; t++) {
    int64_t per_thread, shared;
    if (!conv_fast_needs(op, g, t, &per_thread, &shared)) return;
    per_thread = (per_thread + 63) & ~63ll, shared = (shared + 63) & ~63ll;
    char* const scratch = (char*)aligned_alloc(64, (size_t)(shared + t * per_thread + 64));
    memset(scratch, 0xff, (size_t)(shared + t * per_thread));  // not a number
    Status status = {};
    const Exec e = {nullptr, nullptr, scratch, scratch + shared, per_thread, pools[t - 1], &status};
    for (Buffer* out : {&got, &again}) {
      memset(out->p, 0xff, (size_t)out->n * 4);
      run(e, out->p);
    }
    double worst = 0;
    int64_t at = 0;
    for (int64_t i = 0; i < want.n; i++) {
      const double d = __builtin_fabs((double)got.p[i] - want.p[i]);
      if (!(d <= worst)) worst = d, at = i;
    }
    const bool same = !memcmp(got.p, again.p, (size_t)got.n * 4);
    if (!(worst <= 1e-6 * (8 + products)) || !same) {
      failures++;
      printf("%s, %d threads: element %lld is %g instead of %g%s: n %d c %d o %d groups %d", what, t, (long long)at,
             got.p[at], want.p[at], same ? "" : ", and not always the same", g.n, g.c, g.o, g.groups);
      for (int a = 0; a < 3; a++)
        printf(", in %d out %d kernel %d stride %d dilation %d pad %d", g.in[a], g.out[a], g.kernel[a], g.stride[a],
               g.dilation[a], g.pad[a]);
      puts("");
    }
    free(scratch);
  }
}

static bool draw(Geometry* g, bool big) {
  const int axes = in(1, 3);
  const int32_t most = big ? 40 : axes == 3 ? 7 : 12;
  for (int a = 0; a < 3; a++) {
    const bool plain = a < 3 - axes;
    g->in[a] = plain ? 1 : in(1, most);
    g->kernel[a] = plain ? 1 : in(1, 5);
    g->stride[a] = plain || one_in(2) ? 1 : in(1, 4);
    g->dilation[a] = plain || one_in(2) ? 1 : in(1, 3);
    g->pad[a] = plain || one_in(3) ? 0 : in(0, one_in(8) ? 7 : 3);
    const int32_t room = g->in[a] + 2 * g->pad[a] - g->dilation[a] * (g->kernel[a] - 1) - 1;
    if (room < 0) return false;
    g->out[a] = room / g->stride[a] + 1;
    // More padding behind than before, or less.
    if (one_in(8)) g->out[a] = in(1, g->out[a] + 2);
  }
  g->n = in(1, one_in(4) ? 9 : 3);
  g->groups = one_in(3) ? in(1, 5) : 1;
  g->c = g->groups * in(1, one_in(3) ? 20 : 4), g->o = g->groups * in(1, one_in(2) ? 33 : 7);
  const double work = (double)g->n * g->o * (g->c / g->groups) * (double)cells(g->out) * (double)cells(g->kernel);
  return work < (big ? 3e7 : 3e5);
}

static void convolution(bool big) {
  Geometry g;
  while (!draw(&g, big)) {
  }
  const int64_t xs = g.n * g.c * cells(g.in), ys = g.n * g.o * cells(g.out), ws = (int64_t)g.o * (g.c / g.groups) * cells(g.kernel);
  const Buffer x(xs), w(ws), ct(ys), bias(g.o);
  Buffer y(ys), gx(xs), gw(ws);
  const bool biased = one_in(2);
  const double taps = (double)cells(g.kernel);
  conv_naive(g, x.p, w.p, y.p, biased ? bias.p : nullptr);
  check("conv", g, OP_CONV, y, taps * g.c / g.groups, [&](const Exec& e, float* out) {
    conv_fast(e, g, x.p, w.p, out, biased ? bias.p : nullptr);
  });
  conv_input_naive(g, ct.p, w.p, gx.p);
  check("conv_input", g, OP_CONV_INPUT, gx, taps * g.o / g.groups,
        [&](const Exec& e, float* out) { conv_input_fast(e, g, ct.p, w.p, out); });
  conv_weight_naive(g, ct.p, x.p, gw.p);
  check("conv_weight", g, OP_CONV_WEIGHT, gw, (double)g.n * (double)cells(g.out),
        [&](const Exec& e, float* out) { conv_weight_fast(e, g, ct.p, x.p, out); });
}

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 200;
  for (int i = 0; i < 3; i++) pools[i] = i ? pool_create(i + 1) : nullptr;
  for (int i = 0; i < rounds; i++) convolution(i % 50 == 49);
  for (Pool* p : pools)
    if (p) pool_destroy(p);
  if (failures) printf("%d failures\n", failures);
  return failures ? 1 : 0;
}
