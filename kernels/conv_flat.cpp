// Convolutions and their gradients on flat copies (flat_copy.h).
//
// Forward, and by the input: a tile of R output channels by V vectors of cells is kept in registers over all
// channels and taps; weights lie in panels of R, the source is read through a table of offsets.
// By the weight: a tile of weights is kept in registers, lanes being cells, over a few images.
#include "conv_tile.h"
#include "ending.h"
#include "flat_copy.h"

namespace nabla {
namespace NABLA_ISA {

// Elements of a copy that stay near, and products of channel and tap that are summed in one go.
constexpr int64_t NEAR = 96 * 1024, LONG = 640;
// By the weight images are summed in at most so many parts, and floats besides the first.
constexpr int64_t PARTS = 8, MOST_SUMS = 1 << 20;
// A task should outlast by far the handing out of it.
constexpr int64_t LEAST_WORK = 1 << 18;

static int64_t volume(const int32_t* e) { return (int64_t)e[0] * e[1] * e[2]; }

// ---- forward, and by the input

// One convolution by flat runs: rows are output channels of a group, channels are what is summed over.
struct Sum {
  Flat f;
  int64_t n, groups, rows, channels;
  int64_t high;   // rows of a panel
  int64_t block;  // channels of a copy
  // Element strides of the weights, by group, row, channel; and of the kernel's axes.
  int64_t w_group, w_row, w_channel, w_tap[3];
  // Places of the output: of a row, and of neighbouring cells; the first one.
  int64_t y_row, y_step[3], y_first;
  // Vectors of the run; or, in line, of its lines, which are stored without a detour and leave lanes unused.
  int64_t vectors;
  bool in_line;

  int64_t products() const { return channels * f.taps(); }
  int64_t table() const { return (block * f.taps() + 15) & ~(int64_t)15; }
  int64_t cells() const { return in_line ? 3 * vectors : 3 * CONV_VECTORS; }
  int64_t shared() const { return 4 * (table() + groups * rows * products() + cells()); }
  int64_t per_thread() const { return 4 * (block * f.channel_size + f.slack); }
};

static int64_t lines_of(const Flat& f) { return f.out[0] * f.out[1] * ceil_div(f.out[2], VW); }
// Writes the vectors of the lines: places in the copy and in an output whose cells are y_step apart.
static void list_lines(const Flat& f, const int64_t* y_step, Cells* to) {
  for (int64_t i = 0; i < f.out[0]; i++)
    for (int64_t j = 0; j < f.out[1]; j++)
      for (int64_t k = 0; k < f.out[2]; k += VW)
        *to++ = {(int32_t)(i * f.pitch[0] + j * f.pitch[1] + k), (int32_t)(i * y_step[0] + j * y_step[1] + k),
                 (int32_t)least(VW, f.out[2] - k)};
}

static void divide(Sum* s) {
  // Cycles of a vector and a row beside its products, by measurement: 5 on the detour, 1 in line, or 4 where the last
  // vector of a line is stored without a mask.
  const double products = (double)s->products() / 2, flat = (double)ceil_div(s->f.span, VW), lines = (double)lines_of(s->f);
  const bool tails = s->f.out[2] % VW && VW == 4;
  s->in_line = s->y_step[2] == 1 && lines * (products + (tails ? 4 : 1)) < flat * (products + 5);
  s->vectors = s->in_line ? lines_of(s->f) : ceil_div(s->f.span, VW);
  s->high = conv_panel(s->rows);
  const int64_t by_size = NEAR / most(s->f.channel_size, 1), by_length = LONG / most(s->f.taps(), 1);
  const int64_t block = least(s->channels, most(1, least(by_size, by_length)));
  s->block = ceil_div(s->channels, ceil_div(s->channels, block));
}
static Sum forward_sum(const Geometry& g) {
  Sum s;
  s.f = flat_forward(g);
  s.n = g.n, s.groups = g.groups, s.rows = g.o / g.groups, s.channels = g.c / g.groups;
  const int64_t taps = volume(g.kernel);
  s.w_channel = taps, s.w_row = s.channels * taps, s.w_group = s.rows * s.w_row;
  s.y_row = volume(g.out), s.y_first = 0;
  s.y_step[2] = 1, s.y_step[1] = g.out[2], s.y_step[0] = (int64_t)g.out[1] * g.out[2];
  s.w_tap[2] = 1, s.w_tap[1] = g.kernel[2], s.w_tap[0] = (int64_t)g.kernel[1] * g.kernel[2];
  divide(&s);
  return s;
}
static Sum input_sum(const Geometry& g, const int64_t* phase) {
  Sum s;
  s.f = flat_input(g, phase);
  s.n = g.n, s.groups = g.groups, s.rows = g.c / g.groups, s.channels = g.o / g.groups;
  const int64_t taps = volume(g.kernel);
  s.w_row = taps, s.w_channel = s.rows * taps, s.w_group = s.channels * s.w_channel;
  s.y_row = volume(g.in);
  const int64_t pitch[3] = {(int64_t)g.in[1] * g.in[2], g.in[2], 1};
  s.w_tap[2] = 1, s.w_tap[1] = g.kernel[2], s.w_tap[0] = (int64_t)g.kernel[1] * g.kernel[2];
  s.y_first = 0;
  for (int a = 0; a < 3; a++) s.y_first += phase[a] * pitch[a], s.y_step[a] = g.stride[a] * pitch[a];
  divide(&s);
  return s;
}

// Panels of `high` rows: at[panel][k][row].
static void pack_weights(const Exec& e, const Sum& s, const float* w, float* at) {
  const Flat& f = s.f;
  const int64_t panels = ceil_div(s.rows, s.high), k = s.products();
  parallel_for(e, s.groups * panels, ceil_div(LEAST_WORK / 8, most(1, s.high * k)), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) {
      const int64_t i0 = p % panels * s.high, r = least(s.high, s.rows - i0);
      float* to = at + (p / panels * s.rows + i0) * k;
      for (int64_t c = 0; c < s.channels; c++)
        for (int64_t j0 = 0; j0 < f.count[0]; j0++)
          for (int64_t j1 = 0; j1 < f.count[1]; j1++)
            for (int64_t j2 = 0; j2 < f.count[2]; j2++) {
              const float* from = w + p / panels * s.w_group + i0 * s.w_row + c * s.w_channel +
                                  (f.first[0] + j0 * f.step[0]) * s.w_tap[0] +
                                  (f.first[1] + j1 * f.step[1]) * s.w_tap[1] +
                                  (f.first[2] + j2 * f.step[2]) * s.w_tap[2];
              for (int64_t i = 0; i < r; i++) *to++ = from[i * s.w_row];
            }
    }
  });
}

// y[j * step] = from[j], or += from[j]
NABLA_INLINE void put(float* y, int64_t step, const float* from, int64_t n, bool add) {
  if (step == 1 && !add) return copy_run(from, n, y);
  int64_t j = 0;
  if (step == 1)
    for (; j + VW <= n; j += VW) store(y + j, load(from + j) + load(y + j));
  for (; j < n; j++) y[j * step] = from[j] + (add ? y[j * step] : 0);
}

// Cells [q, q + n) of the run, from rows of `ld` elements to r output channels.
static void put_tile(const Sum& s, int64_t q, int64_t n, const float* from, int64_t ld, int64_t r, float* y,
                     bool add) {
  const Flat& f = s.f;
  int64_t row = q / f.pitch[1], column = q % f.pitch[1];
  int64_t plane = row / f.extent[1];
  row %= f.extent[1];
  while (n > 0) {
    const int64_t width = least(n, f.pitch[1] - column), valid = least(width, f.out[2] - column);
    if (row < f.out[1] && valid > 0) {
      float* to = y + plane * s.y_step[0] + row * s.y_step[1] + column * s.y_step[2];
      for (int64_t i = 0; i < r; i++) put(to + i * s.y_row, s.y_step[2], from + i * ld, valid, add);
    }
    from += width, n -= width, column = 0;
    if (++row == f.extent[1]) row = 0, plane++;
  }
}

static void sum_run(const Exec& e, const Ending& end, const Sum& s, const float* x, const float* w, float* y, const float* bias) {
  const Flat& f = s.f;
  int32_t* const offset = (int32_t*)e.shared;
  Cells* const cells = (Cells*)(offset + s.table());
  float* const packed = (float*)offset + s.table() + s.cells();
  flat_offsets(f, s.block, offset);
  if (s.in_line) list_lines(f, s.y_step, cells);
  else
    for (int v = 0; v < CONV_VECTORS; v++) cells[v] = {v * VW, v * VW, VW};
  pack_weights(e, s, w, packed);
  const int64_t items = s.n * s.groups, panels = ceil_div(s.rows, s.high), vectors = s.vectors;
  const int64_t source = f.src[0] * f.src[1] * f.src[2];
  // When there are few images, the output channels are divided too.
  const int64_t work = f.span * most(1, s.products()) * s.rows;
  const int threads = pool_threads(e.pool);
  const int64_t parts = items >= 2 * threads ? 1 : least(panels, least(threads, most(1, work / LEAST_WORK)));
  const int tasks = end.at_most(cut(e, items * parts, most(1, LEAST_WORK / most(1, work / parts))));
  with_ending(end, tasks, [&](int task, int thread, Told* job) {
    float* const copy = (float*)(e.scratch + thread * e.per_thread);
    flat_clear(copy, s.per_thread() / 4);
    float sums[TILE_SUMS * VW] __attribute__((aligned(64)));
    for (int64_t item = items * parts * task / tasks; item < items * parts * (task + 1) / tasks; item++) {
      const int64_t part = item % parts, group = item / parts % s.groups, image = item / parts / s.groups;
      for (int64_t c = 0; c < most(1, s.channels); c += s.block) {
        const int64_t some = least(s.block, s.channels - c);
        flat_copy(f, x + ((image * s.groups + group) * s.channels + c) * source, some, copy);
        for (int64_t p = panels * part / parts; p < panels * (part + 1) / parts; p++) {
          const int64_t i0 = p * s.high, r = least(s.high, s.rows - i0), o = group * s.rows + i0;
          const float* a = packed + o * s.products() + c * f.taps() * r;
          float* to = y + (image * s.groups * s.rows + o) * s.y_row + s.y_first;
          for (int64_t v = 0; v < vectors;) {
            int width;
            const Tile t = conv_tile(r, vectors - v, &width);
            const float* const first = bias && c == 0 ? bias + o : nullptr;
            if (s.in_line) {
              t(some * f.taps(), a, copy, offset, cells + v, to, s.y_row, first, c > 0);
            } else {
              t(some * f.taps(), a, copy + v * VW, offset, cells, sums, width * VW, first, false);
              put_tile(s, v * VW, least(width * VW, f.span - v * VW), sums, width * VW, r, to, c > 0);
            }
            v += width;
          }
          if (job && c + s.block >= s.channels) job->block(image * s.groups * s.rows + o, 0, r, s.y_row);
        }
      }
    }
  });
}

// Calls f(phase) for the phases of x that a stride makes.
template <class F>
static void each_phase(const Geometry& g, const F& f) {
  int64_t phase[3];
  for (phase[0] = 0; phase[0] < least(g.stride[0], g.in[0]); phase[0]++)
    for (phase[1] = 0; phase[1] < least(g.stride[1], g.in[1]); phase[1]++)
      for (phase[2] = 0; phase[2] < least(g.stride[2], g.in[2]); phase[2]++) f(phase);
}

// ---- by the weight

struct WeightSum {
  Flat f;
  int64_t n, groups, rows, channels;
  int64_t high, wide;  // of a tile
  int64_t length;      // of a channel of y's copy
  int64_t block;       // channels of x's copy
  int64_t images;      // of both copies
  // Ranges that tasks divide the groups, the images and the rows into.
  int64_t by_group, by_image, by_row;

  int64_t taps() const { return channels * f.taps(); }
  int64_t x_image() const { return block * f.channel_size; }
  int64_t y_image() const { return rows * length; }
  int64_t table() const { return (block * f.taps() + 15) & ~(int64_t)15; }
  // y's copy begins with a cache line.
  int64_t y_first() const { return (images * x_image() + f.slack + 15) & ~(int64_t)15; }
  int64_t per_thread() const { return 4 * (y_first() + images * y_image()); }
  // Images are summed apart, the first part where the result goes.
  int64_t shared() const { return 4 * (table() + (by_image - 1) * groups * rows * taps()); }
};
static WeightSum weight_sum(const Geometry& g, int threads) {
  WeightSum s;
  s.f = flat_forward(g);
  s.n = g.n, s.groups = g.groups, s.rows = g.o / g.groups, s.channels = g.c / g.groups;
  s.high = ceil_div(s.rows, ceil_div(s.rows, DOT_ROWS));
  s.length = ceil_div(s.f.span, VW) * VW;
  s.block = least(s.channels, most(1, NEAR / most(1, s.f.channel_size)));
  s.block = ceil_div(s.channels, ceil_div(s.channels, s.block));
  s.wide = ceil_div(s.block * s.f.taps(), ceil_div(s.block * s.f.taps(), DOT_COLUMNS));
  // The rows of y that a tile reads stay in L1.
  const int64_t near = least(8192 / most(1, s.high * s.length), 2 * NEAR / most(1, s.x_image() + s.y_image()));
  s.images = most(1, least(near, s.n));
  // Sums depend on how the images are divided: not by the number of threads.
  const double work = (double)s.n * s.groups * s.rows * s.taps() * s.length / LEAST_WORK;
  const auto at_work = [&](int64_t n) { return work < (double)n ? most(1, (int64_t)work) : n; };
  const int64_t parts = least(PARTS, most(1, s.n / s.images));
  s.by_image = least(at_work(parts), 1 + MOST_SUMS / most(1, s.groups * s.rows * s.taps()));
  const int64_t more = ceil_div(at_work(threads), s.by_image);
  s.by_group = least(s.groups, more);
  s.by_row = least(s.rows, ceil_div(more, s.by_group));
  return s;
}

static void weight_run(const Exec& e, const WeightSum& s, const float* y, const float* x, float* w) {
  const Flat& f = s.f;
  int32_t* const offset = (int32_t*)e.shared;
  float* const parts = (float*)e.shared + s.table();
  flat_offsets(f, s.block, offset);
  const int64_t x_cells = f.src[0] * f.src[1] * f.src[2], y_cells = f.out[0] * f.out[1] * f.out[2];
  const int64_t taps = s.taps(), all = s.groups * s.rows * taps;
  parallel(e, (int)(s.by_group * s.by_image * s.by_row), [&](int task, int thread) {
    const int64_t row_part = task % s.by_row, image_part = task / s.by_row % s.by_image;
    const int64_t group_part = task / s.by_row / s.by_image;
    const int64_t o0 = s.rows * row_part / s.by_row, o1 = s.rows * (row_part + 1) / s.by_row;
    const int64_t n0 = s.n * image_part / s.by_image, n1 = s.n * (image_part + 1) / s.by_image;
    float* const xs = (float*)(e.scratch + thread * e.per_thread);
    float* const ys = xs + s.y_first();
    float* const out = image_part ? parts + (image_part - 1) * all : w;
    flat_clear(xs, s.per_thread() / 4);
    for (int64_t g = s.groups * group_part / s.by_group; g < s.groups * (group_part + 1) / s.by_group; g++)
      for (int64_t n = n0; n < n1; n += s.images) {
        const int64_t images = least(s.images, n1 - n);
        for (int64_t m = 0; m < images; m++)
          for (int64_t o = o0; o < o1; o++) {
            const float* from = y + (((n + m) * s.groups + g) * s.rows + o) * y_cells;
            float* to = ys + m * s.y_image() + o * s.length;
            for (int64_t i = 0; i < f.out[0]; i++)
              for (int64_t j = 0; j < f.out[1]; j++, from += f.out[2])
                copy_run(from, f.out[2], to + i * f.pitch[0] + j * f.pitch[1]);
          }
        for (int64_t c = 0; c < s.channels; c += s.block) {
          const int64_t some = least(s.block, s.channels - c), columns = some * f.taps();
          for (int64_t m = 0; m < images; m++)
            flat_copy(f, x + (((n + m) * s.groups + g) * s.channels + c) * x_cells, some, xs + m * s.x_image());
          for (int64_t o = o0; o < o1; o += s.high)
            for (int64_t k = 0; k < columns; k += s.wide) {
              const int64_t r = least(s.high, o1 - o), d = least(s.wide, columns - k);
              float sums[DOT_ROWS * DOT_COLUMNS * VW] __attribute__((aligned(64))) = {};
              dot_tile(r, d)({ys + o * s.length, xs, offset + k, s.length, images, s.length / VW, s.y_image(), s.x_image(), VW, sums});
              float* const to = out + (g * s.rows + o) * taps + c * f.taps() + k;
              for (int64_t i = 0; i < r; i++)
                for (int64_t j = 0; j < d; j++)
                  to[i * taps + j] = hsum(load(sums + (i * d + j) * VW)) + (n > n0 ? to[i * taps + j] : 0);
            }
        }
      }
  });
  if (s.by_image > 1)
    parallel_for(e, all, LEAST_WORK / 8, [&](int64_t begin, int64_t end) {
      for (int64_t p = 0; p < s.by_image - 1; p++)
        for (int64_t i = begin; i < end; i++) w[i] += parts[p * all + i];
    });
}

// ---- the instructions

// Phases of the input beyond which each has too little to do.
constexpr int64_t MAX_PHASES = 1024;

// What a copy of so many channels takes, by measurement; phases are gathered.
static double copy_work(const Flat& f, int64_t channels) {
  return (f.stride[2] > 1 ? 16 : 4) * (double)channels * (double)f.channel_size / VW;
}
// The same of the sum: of products, and of a vector that is stored in line, on the detour or with gaps.
static double work_of(const Sum& s) {
  const double vectors = (double)s.vectors * (double)s.rows;
  return (double)s.n * (double)s.groups *
         (vectors * (1.1 * (double)s.products() + (s.in_line ? 1 : s.y_step[2] == 1 ? 5 : 25)) + copy_work(s.f, s.channels));
}
static double work(int32_t op, const Geometry& g) {
  if (op == OP_CONV_INPUT) {
    double phases = 1, all = 0;
    for (int a = 0; a < 3; a++) phases *= (double)least(g.stride[a], g.in[a]);
    if (phases > MAX_PHASES) return NO_WAY;
    each_phase(g, [&](const int64_t* phase) {
      all += flat_input(g, phase).fair ? work_of(input_sum(g, phase)) : NO_WAY;
    });
    return all;
  }
  if (!flat_forward(g).fair) return NO_WAY;
  if (op == OP_CONV) return work_of(forward_sum(g));
  const WeightSum s = weight_sum(g, 1);
  return (double)s.n * (double)s.groups *
         ((double)s.rows * (double)s.length / VW * (1.2 * (double)s.taps() + 8) + copy_work(s.f, s.channels));
}
static void needs(int32_t op, const Geometry& g, int threads, int64_t* per_thread, int64_t* shared) {
  *per_thread = *shared = 0;
  if (op == OP_CONV_WEIGHT) {
    const WeightSum s = weight_sum(g, threads);
    *per_thread = s.per_thread(), *shared = s.shared();
  } else if (op == OP_CONV) {
    const Sum s = forward_sum(g);
    *per_thread = s.per_thread(), *shared = s.shared();
  } else {
    each_phase(g, [&](const int64_t* phase) {
      const Sum s = input_sum(g, phase);
      *per_thread = most(*per_thread, s.per_thread()), *shared = most(*shared, s.shared());
    });
  }
}
static void forward(const Exec& e, const Ending& end, const Geometry& g, const float* x, const float* w, float* y, const float* bias) {
  sum_run(e, end, forward_sum(g), x, w, y, bias);
}
static void input(const Exec& e, const Geometry& g, const float* y, const float* w, float* x) {
  each_phase(g, [&](const int64_t* phase) { sum_run(e, {e}, input_sum(g, phase), y, w, x, nullptr); });
}
static void weight(const Exec& e, const Geometry& g, const float* y, const float* x, float* w) {
  weight_run(e, weight_sum(g, pool_threads(e.pool)), y, x, w);
}

extern const Way FLAT = {"flat", work, needs, forward, input, weight};

}  // namespace NABLA_ISA
}  // namespace nabla
