// The gradient of a convolution by its input as a matrix product: what each tap gets from each place of y, added up
// where the taps read. Without the zeros around y, which a sum of shifted runs multiplies too.
#include "check.h"
#include "conv.h"
#include "gemm.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// A task should outlast by far the handing out of it.
constexpr int64_t LEAST_WORK = 1 << 18;
// Elements of an image's columns at most.
constexpr double MOST = 1 << 22;

struct Columns {
  int64_t taps, rows, out;  // of a channel; channels of a group times taps; places of y
  int64_t pitch;            // elements from a row to the next
  int64_t slack;            // elements before and after the rows that are read and masked out
  int64_t vectors;          // of a row of x

  int64_t masks(const Geometry& g) const { return vectors * g.kernel[2] * VW; }
  int64_t gemm(const Geometry& g) const { return gemm_scratch_bytes(rows, out, g.o / g.groups); }
  int64_t per_thread(const Geometry& g) const { return gemm(g) + 4 * (2 * slack + rows * pitch); }
};
Columns columns_of(const Geometry& g) {
  Columns s;
  s.taps = (int64_t)g.kernel[1] * g.kernel[2], s.rows = s.taps * (g.c / g.groups);
  s.out = (int64_t)g.out[1] * g.out[2], s.pitch = whole_vectors(s.out);
  s.vectors = whole_vectors(g.in[2]) / VW;
  // A vector begins at most this far before a row of y, or ends so far behind it.
  s.slack = whole_vectors(s.vectors * VW + g.pad[2] + (int64_t)(g.kernel[2] - 1) * g.dilation[2]);
  return s;
}

}  // namespace

bool columns_serve(const Geometry& g) {
  bool yes = g.in[0] == 1 && g.out[0] == 1 && g.kernel[0] == 1 && g.pad[0] == 0;
  for (int a = 0; a < 3; a++) yes = yes && g.stride[a] == 1;
  return yes;
}
bool columns_pay(const Geometry& g) {
  // Shifted runs are as long as x, columns as y; but they are written and read again, by measurement.
  const double x = (double)g.in[1] * g.in[2], y = (double)g.out[1] * g.out[2];
  return columns_serve(g) && g.o / g.groups >= 8 && x >= y * (VW == 16 ? 1.8 : 2.5) &&
         (double)columns_of(g).rows * y <= MOST;
}
void columns_needs(const Geometry& g, int64_t* per_thread, int64_t* shared) {
  const Columns s = columns_of(g);
  *per_thread = s.per_thread(g), *shared = 4 * s.masks(g);
}

void columns_input(const Exec& e, const Geometry& g, const float* y, const float* w, float* x) {
  const Columns s = columns_of(g);
  const int64_t og = g.o / g.groups, cg = g.c / g.groups, width = g.in[2];
  const int64_t x_plane = g.in[1] * width;
  // masks[vector][tap]: the lanes for which the tap reads a place of y's row.
  int32_t* const masks = (int32_t*)e.shared;
  for (int64_t v = 0; v < s.vectors; v++)
    for (int64_t t = 0; t < g.kernel[2]; t++)
      for (int64_t i = 0; i < VW; i++) {
        const int64_t at = v * VW + i + g.pad[2] - t * g.dilation[2];
        masks[(v * g.kernel[2] + t) * VW + i] = at >= 0 && at < g.out[2] ? -1 : 0;
      }
  const int64_t items = (int64_t)g.n * g.groups;
  const int tasks = cut(e, items, most(1, LEAST_WORK / most(1, s.rows * s.out * og)));
  parallel(e, tasks, [&](int task, int thread) {
    char* const scratch = e.scratch + thread * e.per_thread;
    float* const first = (float*)(scratch + s.gemm(g));
    float* const rows = first + s.slack;
    __builtin_memset(first, 0, (size_t)s.slack * 4), __builtin_memset(rows + s.rows * s.pitch, 0, (size_t)s.slack * 4);
    for (int64_t item = items * task / tasks; item < items * (task + 1) / tasks; item++) {
      const int64_t group = item % g.groups;
      gemm({w + group * og * s.rows, y + item * og * s.out, rows, s.rows, s.out, og, 1, s.rows, s.out, 1, s.pitch,
            false, nullptr},
           scratch);
      float* to = x + item * cg * x_plane;
      for (int64_t c = 0; c < cg; c++)
        for (int64_t r = 0; r < g.in[1]; r++, to += width)
          for (int64_t v = 0; v < s.vectors; v++) {
            vf sum = {};
            for (int64_t i = 0; i < g.kernel[1]; i++) {
              const int64_t from = r + g.pad[1] - i * g.dilation[1];
              if (from < 0 || from >= g.out[1]) continue;
              const float* p = rows + (c * s.taps + i * g.kernel[2]) * s.pitch + from * g.out[2] + v * VW + g.pad[2];
              const int32_t* mask = masks + v * g.kernel[2] * VW;
              for (int64_t t = 0; t < g.kernel[2]; t++, p += s.pitch - g.dilation[2], mask += VW)
                sum += from_bits(bits(load(p)) & load(mask));
            }
            store_some(to + v * VW, sum, (int)least(VW, width - v * VW));
          }
    }
  });
}

}  // namespace NABLA_ISA
}  // namespace nabla
