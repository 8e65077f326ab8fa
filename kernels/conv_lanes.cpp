// Convolutions without padding whose lanes are output channels: rows of y that are short, and no multiple of a vector,
// waste lanes of flat copies. A tile is places of y (forward) or taps (by the weight), x is read where it lies.
#include "check.h"
#include "conv.h"
#include "pack.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// Sums that fit the registers beside the operands, places of a tile's row, taps of one in a row.
#if defined(__AVX512F__)
constexpr int SUMS = 28;
#elif defined(__ARM_NEON)
constexpr int SUMS = 24;
#else
constexpr int SUMS = 12;
#endif
constexpr int PLACES = SUMS / 2, TAPS = 7;
// Images are summed in at most so many parts, whatever the number of threads.
constexpr int64_t PARTS = 16;
// What pack writes too much.
constexpr int64_t SLACK = 16;
// A task should outlast by far the handing out of it.
constexpr int64_t LEAST_WORK = 1 << 18;

struct Lanes {
  int64_t out, plane;  // places of y and of x, of a channel
  int64_t k;           // channels of a group times taps
  int64_t vectors;     // of output channels
  int64_t parts;       // of the images
};
Lanes lanes_of(const Geometry& g) {
  Lanes s;
  s.out = (int64_t)g.out[1] * g.out[2], s.plane = (int64_t)g.in[1] * g.in[2];
  s.k = (int64_t)(g.c / g.groups) * g.kernel[1] * g.kernel[2];
  s.vectors = g.o / VW;
  s.parts = least(g.n, PARTS);
  return s;
}

// P places of two rows of y, for a vector of channels; w[channel][tap][VW].
template <int P>
void places(const Geometry& g, const float* x0, const float* x1, const float* w, vf bias, float* y0, float* y1) {
  const int64_t plane = (int64_t)g.in[1] * g.in[2], width = g.in[2];
  vf a[P], b[P];
#pragma GCC unroll 16
  for (int q = 0; q < P; q++) a[q] = b[q] = bias;
  for (int64_t c = g.c / g.groups; c > 0; c--, x0 += plane, x1 += plane)
    for (int64_t i = 0; i < g.kernel[1]; i++)
      for (int64_t j = 0; j < g.kernel[2]; j++, w += VW) {
        const float *p = x0 + i * width + j, *q = x1 + i * width + j;
        const vf v = held(load(w));
#pragma GCC unroll 16
        for (int l = 0; l < P; l++) a[l] = fma(splat(p[l]), v, a[l]);
#pragma GCC unroll 16
        for (int l = 0; l < P; l++) b[l] = fma(splat(q[l]), v, b[l]);
      }
#pragma GCC unroll 16
  for (int q = 0; q < P; q++) store(y0 + q * VW, a[q]), store(y1 + q * VW, b[q]);
}
typedef void (*Places)(const Geometry&, const float*, const float*, const float*, vf, float*, float*);
template <int P = PLACES>
Places find_places(int64_t n) {
  if constexpr (P > 1)
    if (n < P) return find_places<P - 1>(n);
  return places<P>;
}

// R rows of K taps, over all places of an image: y[place][VW], sums[row][tap][VW] added to.
template <int R, int K>
void taps(const Geometry& g, const float* x, const float* y, float* sums) {
  vf s[R][K];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 8
    for (int t = 0; t < K; t++) s[r][t] = load(sums + (r * K + t) * VW);
  for (int64_t i = 0; i < g.out[1]; i++) {
    const float* p = x + i * g.in[2];
    for (int64_t j = 0; j < g.out[2]; j++, p++, y += VW) {
      const vf v = held(load(y));
#pragma GCC unroll 16
      for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int t = 0; t < K; t++) s[r][t] = fma(splat(p[r * (int64_t)g.in[2] + t]), v, s[r][t]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 8
    for (int t = 0; t < K; t++) store(sums + (r * K + t) * VW, s[r][t]);
}
typedef void (*Taps)(const Geometry&, const float*, const float*, float*);
template <int K, int R>
Taps find_rows(int64_t rows, int* height) {
  if constexpr (R > 1)
    if (rows < R) return find_rows<K, R - 1>(rows, height);
  *height = R;
  return taps<R, K>;
}
// For K taps in a row, and at most so many rows.
template <int K = TAPS>
Taps find_taps(int64_t k, int64_t rows, int* height) {
  if constexpr (K > 1)
    if (k < K) return find_taps<K - 1>(k, rows, height);
  return find_rows<K, (SUMS / K < TAPS ? SUMS / K : TAPS)>(rows, height);
}

}  // namespace

bool lanes_serve(const Geometry& g) {
  bool yes = g.in[0] == 1 && g.out[0] == 1 && g.kernel[0] == 1 && g.kernel[2] <= TAPS && g.o / g.groups % VW == 0;
  for (int a = 0; a < 3; a++)
    yes = yes && g.stride[a] == 1 && g.dilation[a] == 1 && g.pad[a] == 0 && g.out[a] + g.kernel[a] - 1 <= g.in[a];
  return yes;
}
bool lanes_pay(int32_t op, const Geometry& g) {
  // Rows as long as x's are what flat copies compute.
  return op != OP_CONV_INPUT && lanes_serve(g) && g.out[2] >= 4 && 5 * (int64_t)g.out[2] <= 4 * (int64_t)g.in[2] &&
         lanes_of(g).k >= 16 && lanes_of(g).k * g.o * most(1, lanes_of(g).parts) <= 1 << 22;
}
void lanes_needs(int32_t op, const Geometry& g, int64_t* per_thread, int64_t* shared) {
  const Lanes s = lanes_of(g);
  const int64_t image = s.out * VW + SLACK, weights = s.k * g.o;
  *per_thread = 4 * (op == OP_CONV ? 2 : 1) * image;
  *shared = 4 * ((op == OP_CONV ? 1 : s.parts) * weights + s.k * VW + 2 * SLACK);
}

void lanes(const Exec& e, const Geometry& g, const float* x, const float* w, float* y, const float* bias) {
  const Lanes s = lanes_of(g);
  const int64_t cg = g.c / g.groups, width = g.in[2];
  // weights[vector][channel and tap][VW]
  float* const weights = (float*)e.shared;
  for (int64_t v = 0; v < s.vectors; v++) pack(w + v * VW * s.k, s.k, 1, VW, VW, s.k, weights + v * s.k * VW);
  const int64_t wide = ceil_div(g.out[2], ceil_div(g.out[2], PLACES));
  const int64_t items = g.n * s.vectors;
  const int tasks = cut(e, items, most(1, LEAST_WORK / most(1, s.k * s.out * VW)));
  parallel(e, tasks, [&](int task, int thread) {
    float* const image = (float*)(e.scratch + thread * e.per_thread);  // [place][VW]
    float* const turned = image + s.out * VW + SLACK;                  // [VW][place]
    for (int64_t item = items * task / tasks; item < items * (task + 1) / tasks; item++) {
      const int64_t n = item / s.vectors, v = item % s.vectors, group = v * VW / (g.o / g.groups);
      const float* const from = x + (n * g.c + group * cg) * s.plane;
      const vf b = bias ? load(bias + v * VW) : (vf){};
      for (int64_t i = 0; i < g.out[1]; i += 2) {
        // An odd last row is computed twice.
        const int64_t next = least(i + 1, g.out[1] - 1);
        for (int64_t j = 0; j < g.out[2]; j += wide)
          find_places(least(wide, g.out[2] - j))(g, from + i * width + j, from + next * width + j, weights + v * s.k * VW, b,
                                                 image + (i * g.out[2] + j) * VW, image + (next * g.out[2] + j) * VW);
      }
      pack(image, VW, 1, s.out, s.out, VW, turned);
      __builtin_memcpy(y + (n * g.o + v * VW) * s.out, turned, (size_t)(VW * s.out) * 4);
    }
  });
}

void lanes_weight(const Exec& e, const Geometry& g, const float* y, const float* x, float* w) {
  const Lanes s = lanes_of(g);
  const int64_t cg = g.c / g.groups, per = s.k * VW;
  // sums[part][vector][channel and tap][VW]
  float* const sums = (float*)e.shared;
  float* const turned = sums + s.parts * s.vectors * per;
  const int64_t items = s.parts * s.vectors;
  const int tasks = cut(e, items, most(1, LEAST_WORK / most(1, s.k * s.out * VW * ceil_div(g.n, s.parts))));
  parallel(e, tasks, [&](int task, int thread) {
    float* const image = (float*)(e.scratch + thread * e.per_thread);  // [place][VW]
    for (int64_t item = items * task / tasks; item < items * (task + 1) / tasks; item++) {
      const int64_t part = item / s.vectors, v = item % s.vectors, group = v * VW / (g.o / g.groups);
      float* const own = sums + item * per;
      __builtin_memset(own, 0, (size_t)per * 4);
      for (int64_t n = g.n * part / s.parts; n < g.n * (part + 1) / s.parts; n++) {
        pack(y + (n * g.o + v * VW) * s.out, s.out, 1, VW, VW, s.out, image);
        const float* from = x + (n * g.c + group * cg) * s.plane;
        float* to = own;
        for (int64_t c = 0; c < cg; c++, from += s.plane)
          for (int64_t r = 0; r < g.kernel[1];) {
            int height;
            const Taps t = find_taps(g.kernel[2], g.kernel[1] - r, &height);
            t(g, from + r * g.in[2], image, to);
            to += height * g.kernel[2] * VW, r += height;
          }
      }
    }
  });
  for (int64_t v = 0; v < s.vectors; v++) {
    float* const first = sums + v * per;
    for (int64_t part = 1; part < s.parts; part++)
      for (int64_t i = 0; i < per; i += VW) store(first + i, load(first + i) + load(first + part * s.vectors * per + i));
    pack(first, VW, 1, s.k, s.k, VW, turned);
    __builtin_memcpy(w + v * VW * s.k, turned, (size_t)per * 4);
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
