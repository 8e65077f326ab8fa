// test: isa sources=conv.cpp,flat_copy.cpp,conv_flat.cpp,conv_tile.cpp,conv_winograd.cpp,conv_images.cpp,conv_product.cpp,gemm.cpp,gemm_zeros.cpp,epilogue.cpp,notes.cpp,matmul.cpp,gemv.cpp,fused_list.cpp,fused.cpp,fused_lanes.cpp,fused_ports.cpp,fused_reduce.cpp,fused_validate.cpp,pool.cpp,pool_fast.cpp,threads.cpp args=800 args-slow=150 threads
// Convolution, pooling and their gradients against the plain loops: random geometries of one to three axes, one to
// three threads, which give the same bits.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <initializer_list>

#include "../conv.h"
#include "../ending.h"
#include "../simd.h"

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

// Runs the instruction twice on each number of threads and compares with `want`: the same bits every time.
template <class F>
static void check(const Way& way, int32_t op, const Geometry& g, const Buffer& want, double products, const F& run) {
  if (way.work(op, g) == NO_WAY) return;
  Buffer got(want.n), again(want.n), first(want.n);
  for (int t = 1; t <= 3; t++) {
    int64_t per_thread, shared;
    way.needs(op, g, t, &per_thread, &shared);
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
    if (t == 1) memcpy(first.p, got.p, (size_t)got.n * 4);
    const bool same = !memcmp(got.p, again.p, (size_t)got.n * 4) &&
                      !memcmp(got.p, first.p, (size_t)got.n * 4);
    if (!(worst <= 1e-6 * (8 + products)) || !same) {
      failures++;
      printf("%s, instruction %d, %d threads: element %lld is %g instead of %g%s: n %d c %d o %d groups %d", way.name, op, t,
             (long long)at, got.p[at], want.p[at], same ? "" : ", and not always the same", g.n, g.c, g.o, g.groups);
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

// All three instructions, by every way that serves.
static void convolve(const Geometry& g) {
  const int64_t xs = g.n * g.c * cells(g.in), ys = g.n * g.o * cells(g.out), ws = (int64_t)g.o * (g.c / g.groups) * cells(g.kernel);
  const Buffer x(xs), w(ws), ct(ys), bias(g.o);
  Buffer y(ys), gx(xs), gw(ws);
  const float* const b = one_in(2) ? bias.p : nullptr;
  const double taps = (double)cells(g.kernel), by_weight = (double)g.n * (double)cells(g.out);
  conv_naive(g, x.p, w.p, y.p, b);
  conv_input_naive(g, ct.p, w.p, gx.p);
  conv_weight_naive(g, ct.p, x.p, gw.p);
  for (const Way* way : WAYS) {
    check(*way, OP_CONV, g, y, taps * g.c / g.groups, [&](const Exec& e, float* out) { way->forward(e, {e}, g, x.p, w.p, out, b); });
    check(*way, OP_CONV_INPUT, g, gx, taps * g.o / g.groups, [&](const Exec& e, float* out) { way->input(e, g, ct.p, w.p, out); });
    check(*way, OP_CONV_WEIGHT, g, gw, by_weight, [&](const Exec& e, float* out) { way->weight(e, g, ct.p, x.p, out); });
  }
}

// As many images as some vectors have lanes.
static void many_images(bool big) {
  Geometry g;
  do {
    while (!draw(&g, big)) {
    }
    g.n = in(1, one_in(3) ? 5 * VW : 2 * VW);
  } while (cells(g.in) < VW || cells(g.out) < VW ||
           (double)g.n * g.o * g.c / g.groups * (double)cells(g.out) * (double)cells(g.kernel) > (big ? 3e7 : 1e6));
  convolve(g);
}

// Steps as long as a program may have them: their products overflow 64 bits.
static void long_steps() {
  Geometry g;
  g.n = in(1, 3), g.groups = 1, g.c = in(1, 3), g.o = in(1, 3);
  for (int a = 0; a < 3; a++) {
    const auto step = [] { return one_in(2) ? in(1, 3) : INT32_MAX - in(0, 3); };
    g.in[a] = in(1, 5), g.out[a] = in(1, 5), g.kernel[a] = in(1, 3);
    g.stride[a] = step(), g.dilation[a] = step(), g.pad[a] = one_in(2) ? in(0, 3) : INT32_MAX - in(0, 3);
  }
  convolve(g);
}

static void convolution(bool big) {
  Geometry g;
  while (!draw(&g, big)) {
  }
  convolve(g);
}

// 3x3 taps side by side: odd and even sizes, with padding of either side, some far wider than a block of tiles.
static void small_taps(bool big) {
  Geometry g;
  do {
    g = {in(1, 5), in(1, one_in(3) ? 70 : 20), in(1, one_in(3) ? 70 : 20), 1, {1, 1, 1}, {1, 1, 1}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}};
    for (int a = 1; a < 3; a++) {
      g.in[a] = in(1, one_in(4) ? 40 : 15), g.pad[a] = in(0, one_in(8) ? 5 : 2);
      if (a == 2 && one_in(20)) g.in[a] = in(500, 700);
      g.out[a] = g.in[a] + 2 * g.pad[a] - 2;
      if (one_in(8)) g.out[a] += in(-2, 2);
    }
  } while (g.out[1] < 1 || g.out[2] < 1 ||
           (double)g.n * g.o * g.c * (double)cells(g.out) > (big ? 3e6 : 1e5));
  convolve(g);
}

// Equal bits, NaN included: the order of sums is that of the plain loops.
static void equal(const char* what, const WindowWords& w, int t, const void* got, const void* want, int64_t n) {
  if (!memcmp(got, want, (size_t)n * 4)) return;
  failures++;
  int64_t at = 0;
  while (((const int32_t*)got)[at] == ((const int32_t*)want)[at]) at++;
  printf("%s, %d threads: element %lld is %g (%d) instead of %g (%d): planes %d", what, t, (long long)at,
         ((const float*)got)[at], ((const int32_t*)got)[at], ((const float*)want)[at], ((const int32_t*)want)[at],
         w.planes);
  for (int a = 0; a < 3; a++)
    printf(", in %d out %d kernel %d stride %d dilation %d pad %d", w.in[a], w.out[a], w.kernel[a], w.stride[a],
           w.dilation[a], w.pad[a]);
  puts("");
}

static void pooling(bool big) {
  Geometry g;
  while (!draw(&g, big)) {
  }
  WindowWords w;
  w.planes = g.n * g.c;
  // Windows of two by two next to each other, as most are, and often without a rest.
  const bool plain = one_in(3), even = !one_in(3);
  for (int a = 0; a < 3; a++) {
    w.in[a] = g.in[a], w.out[a] = g.out[a], w.kernel[a] = g.kernel[a];
    w.stride[a] = g.stride[a], w.dilation[a] = g.dilation[a], w.pad[a] = g.pad[a];
    if (!plain) continue;
    if (a == 2 && one_in(3)) w.in[a] = in(1, 40);
    if (even && w.in[a] > 1) w.in[a] -= w.in[a] % 2;
    const int size = w.in[a] > 1 ? 2 : 1;
    w.kernel[a] = w.stride[a] = size, w.dilation[a] = 1, w.pad[a] = 0, w.out[a] = w.in[a] / size;
  }
  const int64_t in_cells = cells(w.in), out_cells = cells(w.out), n = w.planes * in_cells, m = w.planes * out_cells;
  const Buffer x(n), ct(m);
  if (one_in(3))
    for (int64_t i = 0; i < n; i++)
      if (one_in(4)) x.p[i] = one_in(3) ? __builtin_nanf("") : one_in(2) ? -__builtin_inff() : 0.5f;
  Buffer y(m), index(m), sum(m), gx(n), gs(n), got(m), where(m), back(n);
  max_pool_naive(w, x.p, y.p, (int32_t*)index.p);
  const Buffer smooth(n);
  const float factor = one_in(2) ? 1.0f : 0.3f;
  sum_pool_naive(w, factor, smooth.p, sum.p);
  memset(gx.p, 0, (size_t)n * 4);
  for (int64_t p = 0; p < w.planes; p++)
    for (int64_t i = 0; i < out_cells; i++) gx.p[p * in_cells + ((int32_t*)index.p)[p * out_cells + i]] += ct.p[p * out_cells + i];
  sum_pool_input_naive(w, factor, ct.p, gs.p);
  for (int t = 1; t <= 3; t++) {
    Status status = {};
    const Exec e = {nullptr, nullptr, nullptr, nullptr, 0, pools[t - 1], &status};
    max_pool_fast(e, w, x.p, got.p, (int32_t*)where.p);
    equal("max_pool", w, t, got.p, y.p, m), equal("max_pool index", w, t, where.p, index.p, m);
    memset(got.p, 0xff, (size_t)m * 4), memset(where.p, 0xff, (size_t)m * 4);
    max_pool_fast(e, w, x.p, got.p, nullptr), max_pool_fast(e, w, x.p, nullptr, (int32_t*)where.p);
    equal("max_pool alone", w, t, got.p, y.p, m), equal("max_pool index alone", w, t, where.p, index.p, m);
    sum_pool_fast(e, w, factor, smooth.p, got.p);
    equal("sum_pool", w, t, got.p, sum.p, m);
    max_pool_input_fast(e, w.planes, out_cells, in_cells, ct.p, (int32_t*)index.p, back.p);
    equal("max_pool_input", w, t, back.p, gx.p, n);
    sum_pool_input_fast(e, w, factor, ct.p, back.p);
    // Added up in another order.
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
      const double d = __builtin_fabs((double)back.p[i] - gs.p[i]);
      if (!(d <= worst)) worst = d;
    }
    if (!(worst < 1e-6 * (double)cells(w.kernel))) equal("sum_pool_input", w, t, back.p, gs.p, n);
  }
}

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 200;
  for (int i = 0; i < 3; i++) pools[i] = i ? pool_create(i + 1) : nullptr;
  for (int i = 0; i < rounds; i++) convolution(i % 50 == 49), small_taps(i % 50 == 49), many_images(i % 50 == 49), long_steps(), pooling(i % 50 == 49);
  for (Pool* p : pools)
    if (p) pool_destroy(p);
  if (failures) printf("%d failures\n", failures);
  return failures ? 1 : 0;
}
