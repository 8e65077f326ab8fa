// Convolutions as matrix products: what the outputs of some images read is copied side by side, a row for each output, and
// multiplied with the weights (im2col). The copy costs as much as a few channels, so that this pays where the weights are many and
// the places few: no lane is wasted, and nothing but the product is added up.
#ifndef __wasm__
#include "conv.h"
#include "ending.h"
#include "gemm.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// Rows of a block, near the terms that gemm sums in one go; and its columns.
constexpr int64_t ROWS = 384, COLUMNS = 256;
// Floats of a thread's copies and of the turned gradient at most.
constexpr int64_t MOST = 1 << 22;
// What a number of a block costs, in multiply-adds of a vector, by measurement: copied and laid out by gemm, or added back.
constexpr double COPY = 2, ADD = 3;
constexpr int64_t LEAST_WORK = 1 << 18;

// Calls f(begin, end, thread) for parts of 0..n.
template <class F>
NABLA_INLINE void each_part(const Exec& e, int64_t n, int64_t grain, const F& f) {
  const int tasks = cut(e, n, most(1, grain));
  parallel(e, tasks, [&](int task, int thread) { f(n * task / tasks, n * (task + 1) / tasks, thread); });
}

int64_t volume(const int32_t* e) { return (int64_t)e[0] * e[1] * e[2]; }
double read_by(const Geometry& g, int a) { return (g.out[a] - 1.0) * g.stride[a] + (g.kernel[a] - 1.0) * g.dilation[a] + 1; }

struct Product {
  const Geometry& g;
  int64_t og, cg, out, taps, columns;  // columns: pairs of channel and tap
  int64_t extent[3], plane;            // a channel with its padding, as far as it is read
  int64_t images, chunks;              // of a block
  int64_t wide, slices;                // columns of a block, of whole channels

  Product(const Geometry& geometry, int64_t shares) : g(geometry) {
    og = g.o / g.groups, cg = g.c / g.groups, out = volume(g.out), taps = volume(g.kernel), columns = cg * taps;
    for (int a = 0; a < 3; a++)
      extent[a] = (g.out[a] - 1) * (int64_t)g.stride[a] + (g.kernel[a] - 1) * (int64_t)g.dilation[a] + 1;
    plane = extent[0] * extent[1] * extent[2];
    images = least(g.n, most(1, ROWS / out)), chunks = ceil_div(g.n, images);
    // Channels of a block; fewer where threads would be idle. Sums do not depend on it.
    const int64_t some = most(1, least(COLUMNS / taps, cg / most(1, shares / g.groups)));
    slices = ceil_div(cg, some), wide = ceil_div(cg, slices) * taps, slices = ceil_div(columns, wide);
  }
  int64_t rows() const { return images * out; }
  int64_t all() const { return g.n * out; }
  int64_t block() const { return whole_vectors(rows() * wide); }
  int64_t padded() const { return whole_vectors(wide / taps * plane); }
  int64_t result() const { return whole_vectors(rows() * og); }
  // Floats: the block, its channels with their padding, the places of its columns, the results of the forward pass.
  int64_t floats(bool forward) const { return block() + padded() + whole_vectors(wide) + (forward ? result() : 0); }

  // Where the columns [k, k + n) lie in the padded channels of the block.
  void list_columns(int64_t n, int32_t* to) const {
    for (int64_t j = 0; j < n; j++) {
      const int64_t c = j / taps, t = j % taps, t2 = t % g.kernel[2], t1 = t / g.kernel[2] % g.kernel[1],
                    t0 = t / g.kernel[2] / g.kernel[1];
      to[j] = (int32_t)(c * plane + (t0 * g.dilation[0] * extent[1] + t1 * g.dilation[1]) * extent[2] + t2 * g.dilation[2]);
    }
  }
  // Calls f(run of x, run of a padded channel, length) for the places of a channel that are read.
  template <class F>
  void each_run(const F& f) const {
    const int64_t first = g.pad[2], n = least(g.in[2], extent[2] - first);
    if (n <= 0) return;
    for (int64_t i = 0; i < g.in[0] && i + g.pad[0] < extent[0]; i++)
      for (int64_t j = 0; j < g.in[1] && j + g.pad[1] < extent[1]; j++)
        f((i * g.in[1] + j) * g.in[2], ((i + g.pad[0]) * extent[1] + j + g.pad[1]) * extent[2] + first, n);
  }
  // Calls f(place in a padded channel) for the outputs of an image, in their order.
  template <class F>
  void each_output(const F& f) const {
    for (int64_t i = 0; i < g.out[0]; i++)
      for (int64_t j = 0; j < g.out[1]; j++)
        for (int64_t k = 0; k < g.out[2]; k++)
          f(((i * g.stride[0]) * extent[1] + j * g.stride[1]) * extent[2] + k * g.stride[2]);
  }
};

// The blocks of a thread.
struct Scratch {
  float *block, *padded, *result;
  int32_t* places;
  void* gemm;
  Scratch(const Exec& e, int thread, const Product& s, bool forward) {
    block = (float*)(e.scratch + thread * e.per_thread);
    padded = block + s.block();
    places = (int32_t*)(padded + s.padded());
    result = (float*)places + whole_vectors(s.wide);
    gemm = result + (forward ? s.result() : 0);
  }
};

// A row of the block, taps that lie side by side (N of them) at once.
template <int N>
NABLA_INLINE void copy_row(const float* from, const int32_t* places, int64_t n, float* to) {
  for (int64_t j = 0; j < n; j += N) __builtin_memcpy(to + j, from + places[j], 4 * N);
}

// Rows of the block: what the outputs of images [n0, n1) read of the columns [k, k + n).
void copy_block(const Product& s, const Scratch& to, const float* x, int64_t group, int64_t n0, int64_t n1, int64_t k, int64_t n) {
  const Geometry& g = s.g;
  const int64_t in = volume(g.in), channels = n / s.taps, c0 = group * s.cg + k / s.taps;
  float* row = to.block;
  for (int64_t m = n0; m < n1; m++) {
    for (int64_t c = 0; c < channels; c++) {
      const float* const from = x + (m * g.c + c0 + c) * in;
      float* const at = to.padded + c * s.plane;
      s.each_run([&](int64_t a, int64_t b, int64_t length) {
        for (int64_t i = 0; i < length; i++) at[b + i] = from[a + i];
      });
    }
    const int side = g.dilation[2] == 1 ? g.kernel[2] : 1;
    s.each_output([&](int64_t place) {
      const auto copy = side == 3 ? copy_row<3> : side == 4 ? copy_row<4> : side == 5 ? copy_row<5> : copy_row<1>;
      copy(to.padded + place, to.places, n, row);
      row += n;
    });
  }
}
// The way back: adds up what the rows hold for each place of x.
void add_block(const Product& s, const Scratch& from, float* x, int64_t group, int64_t n0, int64_t n1, int64_t k, int64_t n) {
  const Geometry& g = s.g;
  const int64_t in = volume(g.in), channels = n / s.taps, c0 = group * s.cg + k / s.taps;
  const float* row = from.block;
  for (int64_t m = n0; m < n1; m++) {
    __builtin_memset(from.padded, 0, (size_t)(channels * s.plane) * 4);
    s.each_output([&](int64_t place) {
      float* const to = from.padded + place;
      for (int64_t j = 0; j < n; j++) to[from.places[j]] += row[j];
      row += n;
    });
    for (int64_t c = 0; c < channels; c++) {
      float* const to = x + (m * g.c + c0 + c) * in;
      const float* const at = from.padded + c * s.plane;
      __builtin_memset(to, 0, (size_t)in * 4);
      s.each_run([&](int64_t a, int64_t b, int64_t length) {
        for (int64_t i = 0; i < length; i++) to[a + i] = at[b + i];
      });
    }
  }
}

// The gradient of y, channel by channel: [channel][image][place].
void turn_gradient(const Exec& e, const Product& s, const float* y, float* to) {
  const Geometry& g = s.g;
  parallel_for(e, g.o, ceil_div(LEAST_WORK, 8 * most(1, s.all())), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; o++)
      for (int64_t m = 0; m < g.n; m++)
        __builtin_memcpy(to + o * s.all() + m * s.out, y + (m * g.o + o) * s.out, (size_t)s.out * 4);
  });
}

double work(int32_t op, const Geometry& g) {
  double plane = 1;
  for (int a = 0; a < 3; a++) plane *= read_by(g, a);
  const double taps = (double)volume(g.kernel), out = (double)volume(g.out), all = g.n * out;
  if (plane * most(1, COLUMNS) > MOST || taps > COLUMNS || out > 4 * ROWS || all * g.o > MOST) return NO_WAY;
  const Product s(g, 1);
  if (s.floats(true) > MOST) return NO_WAY;
  const double block = all * (double)s.columns * g.groups;
  // Products of few rows or columns leave registers unused.
  const double high = (double)whole_vectors(s.og);
  return block / VW * (op == OP_CONV_INPUT ? (double)s.og + 4 : high) * 1.15 + block * (op == OP_CONV_INPUT ? ADD : COPY) +
         all * g.o * 0.5 + g.n * (double)g.c * plane * 0.3;
}
void needs(int32_t op, const Geometry& g, int threads, int64_t* per_thread, int64_t* shared) {
  const Product s(g, op == OP_CONV ? 1 : threads);
  const bool forward = op == OP_CONV;
  const int64_t product = forward                ? gemm_scratch_bytes(s.rows(), s.og, s.wide)
                          : op == OP_CONV_INPUT ? gemm_scratch_bytes(s.rows(), s.wide, s.og)
                                                 : gemm_scratch_bytes(s.og, s.wide, s.rows());
  *per_thread = 4 * s.floats(forward) + product, *shared = forward ? 0 : 4 * whole_vectors(s.all() * g.o);
}

void forward(const Exec& e, const Ending& end, const Geometry& g, const float* x, const float* w, float* y, const float* bias) {
  const Product s(g, 1);
  const int64_t items = s.chunks * g.groups, work = most(1, s.rows() * s.columns * s.og / VW);
  const int tasks = end.at_most(cut(e, items, most(1, ceil_div(LEAST_WORK, work))));
  with_ending(end, tasks, [&](int task, int thread, Told* job) {
    const Scratch at(e, thread, s, true);
    __builtin_memset(at.padded, 0, (size_t)s.padded() * 4);
    s.list_columns(s.wide, at.places);
    for (int64_t item = items * task / tasks; item < items * (task + 1) / tasks; item++) {
      const int64_t group = item % g.groups, n0 = item / g.groups * s.images, n1 = least(g.n, n0 + s.images);
      for (int64_t k = 0; k < s.columns; k += s.wide) {
        const int64_t n = least(s.wide, s.columns - k);
        copy_block(s, at, x, group, n0, n1, k, n);
        gemm({at.block, w + group * s.og * s.columns + k, at.result, (n1 - n0) * s.out, s.og, n, n, 1, 1, s.columns, s.og, k > 0, nullptr},
             at.gemm);
      }
      for (int64_t m = n0; m < n1; m++) {
        for (int64_t o = 0; o < s.og; o++) {
          const float first = bias ? bias[group * s.og + o] : 0;
          const float* from = at.result + (m - n0) * s.out * s.og + o;
          float* const to = y + (m * g.o + group * s.og + o) * s.out;
          for (int64_t p = 0; p < s.out; p++, from += s.og) to[p] = *from + first;
        }
        if (job) job->block(m * g.o + group * s.og, 0, s.og, s.out);
      }
    }
  });
}
void input(const Exec& e, const Geometry& g, const float* y, const float* w, float* x) {
  const Product s(g, pool_threads(e.pool));
  float* const turned = (float*)e.shared;
  turn_gradient(e, s, y, turned);
  const int64_t items = s.chunks * g.groups * s.slices, work = most(1, s.rows() * s.wide * s.og / VW);
  each_part(e, items, ceil_div(LEAST_WORK, work), [&](int64_t begin, int64_t end, int thread) {
    const Scratch at(e, thread, s, false);
    s.list_columns(s.wide, at.places);
    for (int64_t item = begin; item < end; item++) {
      const int64_t k = item % s.slices * s.wide, group = item / s.slices % g.groups;
      const int64_t n0 = item / s.slices / g.groups * s.images, n1 = least(g.n, n0 + s.images), n = least(s.wide, s.columns - k);
      gemm({turned + group * s.og * s.all() + n0 * s.out, w + group * s.og * s.columns + k, at.block, (n1 - n0) * s.out, n, s.og, 1,
            s.all(), s.columns, 1, n, false, nullptr},
           at.gemm);
      add_block(s, at, x, group, n0, n1, k, n);
    }
  });
}
void weight(const Exec& e, const Geometry& g, const float* y, const float* x, float* w) {
  const Product s(g, pool_threads(e.pool));
  float* const turned = (float*)e.shared;
  turn_gradient(e, s, y, turned);
  const int64_t items = g.groups * s.slices, work = most(1, s.all() * s.wide * s.og / VW);
  each_part(e, items, ceil_div(LEAST_WORK, work), [&](int64_t begin, int64_t end, int thread) {
    const Scratch at(e, thread, s, false);
    __builtin_memset(at.padded, 0, (size_t)s.padded() * 4);
    s.list_columns(s.wide, at.places);
    for (int64_t item = begin; item < end; item++) {
      const int64_t k = item % s.slices * s.wide, group = item / s.slices, n = least(s.wide, s.columns - k);
      for (int64_t n0 = 0; n0 < g.n; n0 += s.images) {
        const int64_t n1 = least(g.n, n0 + s.images);
        copy_block(s, at, x, group, n0, n1, k, n);
        gemm({turned + group * s.og * s.all() + n0 * s.out, at.block, w + group * s.og * s.columns + k, s.og, n, (n1 - n0) * s.out,
              s.all(), 1, n, 1, s.columns, n0 > 0, nullptr},
             at.gemm);
      }
    }
  });
}

}  // namespace

extern const Way PRODUCTS = {"product", work, needs, forward, input, weight};

}  // namespace NABLA_ISA
}  // namespace nabla
#endif
