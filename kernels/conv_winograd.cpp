// Convolutions of 3x3 taps by Winograd's F(2x2, 3x3), see Lavin & Gray 2015, arXiv:1509.09308.
//
// Outputs in tiles of 2x2: a tile is At [(G w Gt) * (Bt x B)] A, with 16 products a channel instead of 36. Summed over
// the channels these are 16 matrix products, one for each place of the 4x4 squares, of weights by tiles. Tiles are
// taken a block at a time, which stays near: lines of tiles side by side, lanes being the tiles of a line.
// The gradient by the input is the same with the taps turned round. The gradient by the weight is the adjoint: Gt S G,
// S the sum over tiles of (A y At) * (Bt x B).
#include "conv_tile.h"
#include "ending.h"
#include "gemm.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// Room for n elements in an odd number of cache lines: what lies so far apart does not share the sets of a cache.
int64_t odd_lines(int64_t n) { return (ceil_div(n, 16) | 1) * 16; }

// Places of a transformed tile.
constexpr int64_t PLACES = 16;
// Elements of a transformed block of x that stay near; tiles of it below which the weights are read too often.
constexpr int64_t NEAR = 112 * 1024, LEAST_TILES = 64, MOST_TILES = 256;
// Of the gradient by the weight: channels of x that meet the gradient of y at a time; parts that are summed apart, the
// blocks that are worth one, and elements of all of them.
constexpr int64_t BESIDE = 32, MOST_PARTS = 8, PART = 4, MOST_SUMS = 1 << 23;
// What the transform of a vector of tiles costs, in multiply-adds of one.
constexpr double TRANSFORM = 80;
// A task should outlast by far the handing out of it.
constexpr int64_t LEAST_WORK = 1 << 18;

// Planes of rows and columns, where tile (0, 0) begins in them, and the elements from an image to the next.
struct Planes {
  int64_t rows, columns, row0, column0, image;
};

// How the tiles of all images are divided into blocks: lines of tiles, all images one after the other, by columns.
struct Blocks {
  int64_t down, across;  // tiles of an image
  int64_t all;           // lines of all images
  int64_t lines, columns;  // of a block
  int64_t pitch;           // tiles of a row of a transformed block, those between the last and the next row included
  int64_t wide;            // elements of a copied row

  int64_t by_column() const { return ceil_div(across, columns); }
  int64_t count() const { return ceil_div(all, lines) * by_column(); }
  int64_t copied() const { return (2 * lines + 2) * wide + VW; }
};
struct Block {
  int64_t line, lines, column, columns;
  int64_t tiles() const { return lines * columns; }
};
Block block_of(const Blocks& b, int64_t i) {
  Block k;
  k.line = i / b.by_column() * b.lines, k.column = i % b.by_column() * b.columns;
  k.lines = least(b.lines, b.all - k.line), k.columns = least(b.columns, b.across - k.column);
  return k;
}
// `channels` are transformed at a time; there are to be `parts` blocks or more, if they can be had.
Blocks blocks_of(int64_t n, int64_t rows, int64_t columns, int64_t channels, int parts) {
  Blocks b;
  b.down = ceil_div(rows, 2), b.across = ceil_div(columns, 2), b.all = n * b.down;
  const int64_t tiles = least(MOST_TILES, most(LEAST_TILES, NEAR / (PLACES * channels)));
  b.columns = ceil_div(b.across, ceil_div(b.across, tiles));
  // The number of lines that leaves the fewest lanes of the register tiles unused.
  const int64_t limit = least(most(1, tiles / b.columns), ceil_div(b.all, parts));
  double best = 1e9;
  for (int64_t l = limit; l >= 1 && 2 * l >= limit; l--) {
    const int64_t t = l * b.columns;
    const double loss = (double)whole_vectors(t) / (double)t;
    if (loss < best - 0.02) best = loss, b.lines = l;
  }
  // The last line of a row is stored in whole vectors.
  b.pitch = odd_lines(b.lines * b.columns + VW - 1);
  b.wide = 2 * whole_vectors(b.columns) + VW;
  return b;
}

// Calls f(image, line of the image, lines, tile of the block) for the parts of a block that lie in one image.
template <class F>
NABLA_INLINE void each_image(const Blocks& s, const Block& b, const F& f) {
  for (int64_t line = b.line, end = b.line + b.lines, n; line < end; line += n) {
    n = least(s.down - line % s.down, end - line);
    f(line / s.down, line % s.down, n, (line - b.line) * b.columns);
  }
}

// Zeros, some more of them than asked for.
NABLA_INLINE void put_zeros(float* to, int64_t n) {
  if (n > 0) store(to, (vf){});  // mostly enough, for which a call of memset is too slow
  for (int64_t i = VW; i < n; i += VW) store(to + i, (vf){});
}
// Copies rows [first, first + n) of a plane, from column `column` on `columns` of them, what lies outside being 0.
// Writes up to VW elements too many.
void copy_rows(const float* from, const Planes& p, int64_t first, int64_t n, int64_t column, int64_t columns,
               float* to, int64_t wide) {
  const int64_t left = least(columns, most(0, -column)), right = most(left, least(columns, p.columns - column));
  from += column + left;
  for (int64_t i = first; i < first + n; i++, to += wide) {
    if (i < 0 || i >= p.rows) {
      put_zeros(to, columns);
      continue;
    }
    const float* const row = from + i * p.columns;
    // The next channel, which is asked for next: no prefetching of the processor leads there.
    for (int64_t j = 0; j < right - left; j += 16) __builtin_prefetch(row + p.rows * p.columns + j);
    put_zeros(to, left);
    copy_run(row, right - left, to + left);
    put_zeros(to + right, columns - right);
  }
}

// h = Bt d along a row, of which 2 VW + 2 columns are read.
NABLA_INLINE void transform_row(const float* p, vf* h) {
  const vf a = load(p), b = load(p + VW), c = load(p + 2), d = load(p + 2 + VW);
  const vf d0 = evens(a, b), d1 = odds(a, b), d2 = evens(c, d), d3 = odds(c, d);
  h[0] = d0 - d2, h[1] = d1 + d2, h[2] = d2 - d1, h[3] = d1 - d3;
}

// v[place * step + tile] = Bt x B of the channel at `plane`. `rows` is room for a copy.
void transform_x(const Blocks& s, const Block& b, const Planes& x, const float* plane, float* rows, float* v,
                 int64_t step) {
  each_image(s, b, [&](int64_t image, int64_t i, int64_t n, int64_t tile) {
    copy_rows(plane + image * x.image, x, 2 * i + x.row0, 2 * n + 2, 2 * b.column + x.column0, 2 * b.columns + 2, rows,
              s.wide);
    // What a last vector writes past its line is mended by the first one of the next line, which comes after it.
    for (int64_t k = whole_vectors(b.columns) - VW; k >= 0; k -= VW) {
      const float* p = rows + 2 * k;
      vf h[4][4];
      transform_row(p, h[0]), transform_row(p + s.wide, h[1]);
      float* to = v + tile + k;
      for (int64_t j = 0; j < n; j++, to += b.columns) {
        p += 2 * s.wide;
        transform_row(p, h[2]), transform_row(p + s.wide, h[3]);
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++) {
          store(to + c * step, h[0][c] - h[2][c]);
          store(to + (4 + c) * step, h[1][c] + h[2][c]);
          store(to + (8 + c) * step, h[2][c] - h[1][c]);
          store(to + (12 + c) * step, h[1][c] - h[3][c]);
          h[0][c] = h[2][c], h[1][c] = h[3][c];
        }
      }
    }
  });
}

// v[place * step + tile] = A y At of the channel at `plane`.
void transform_gradient(const Blocks& s, const Block& b, const Planes& y, const float* plane, float* rows, float* v,
                        int64_t step) {
  each_image(s, b, [&](int64_t image, int64_t i, int64_t n, int64_t tile) {
    copy_rows(plane + image * y.image, y, 2 * i, 2 * n, 2 * b.column, 2 * b.columns, rows, s.wide);
    for (int64_t k = whole_vectors(b.columns) - VW; k >= 0; k -= VW) {
      const float* p = rows + 2 * k;
      float* to = v + tile + k;
      for (int64_t j = 0; j < n; j++, to += b.columns, p += 2 * s.wide) {
        vf h[2][4];
#pragma GCC unroll 2
        for (int r = 0; r < 2; r++) {
          const vf u = load(p + r * s.wide), w = load(p + r * s.wide + VW), d0 = evens(u, w), d1 = odds(u, w);
          h[r][0] = d0, h[r][1] = d0 + d1, h[r][2] = d0 - d1, h[r][3] = -d1;
        }
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++) {
          store(to + c * step, h[0][c]);
          store(to + (4 + c) * step, h[0][c] + h[1][c]);
          store(to + (8 + c) * step, h[0][c] - h[1][c]);
          store(to + (12 + c) * step, -h[1][c]);
        }
      }
    }
  });
}

// The channel at `plane` = At m A + bias, m[place * step + tile].
void transform_back(const Blocks& s, const Block& b, const Planes& y, const float* m, int64_t step, float bias,
                    float* plane) {
  const int64_t end = least(y.columns, 2 * (b.column + b.columns));
  each_image(s, b, [&](int64_t image, int64_t i, int64_t n, int64_t tile) {
    for (int64_t j = 0; j < n; j++)
      for (int64_t k = 0; k < b.columns; k += VW) {
        const float* from = m + tile + j * b.columns + k;
        vf h[2][4];
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++) {
          const vf m0 = load(from + c * step), m1 = load(from + (4 + c) * step);
          const vf m2 = load(from + (8 + c) * step), m3 = load(from + (12 + c) * step);
          h[0][c] = m0 + m1 + m2, h[1][c] = m1 - m2 - m3;
        }
        const int64_t row = 2 * (i + j), column = 2 * (b.column + k);
        const int64_t low = least(VW, end - column), high = least(VW, end - column - VW);
        float* to = plane + image * y.image + row * y.columns + column;
#pragma GCC unroll 2
        for (int r = 0; r < 2; r++, to += y.columns) {
          if (row + r == y.rows) break;
          const vf y0 = h[r][0] + h[r][1] + h[r][2] + splat(bias), y1 = h[r][1] - h[r][2] - h[r][3] + splat(bias);
          store_some(to, zip_low(y0, y1), (int)low);
          if (high > 0) store_some(to + VW, zip_high(y0, y1), (int)high);
        }
      }
  });
}

// ---- forward, and by the input

// A sum over channels: the weights' strides by the channel made and the channel summed over.
struct Sum {
  Planes x, y;
  Blocks s;
  int64_t channels, rows;  // summed over, and made
  int64_t high;            // rows of a panel
  int64_t w_row, w_channel;
  bool turned;  // the taps from the last to the first

  int64_t table() const { return ceil_div(channels, 16) * 16; }
  int64_t weights() const { return PLACES * rows * channels; }
  int64_t shared() const { return 4 * (table() + weights()); }
  int64_t x_step() const { return odd_lines(channels * s.pitch); }
  int64_t y_step() const { return odd_lines(high * s.pitch); }
  int64_t x_block() const { return PLACES * x_step(); }
  int64_t y_block() const { return PLACES * y_step(); }
  int64_t per_thread() const { return 4 * (x_block() + y_block() + s.copied()); }
};
Sum sum_of(bool forward, const Geometry& g, int threads) {
  Sum s;
  const int32_t *in = forward ? g.in : g.out, *out = forward ? g.out : g.in;
  s.channels = forward ? g.c : g.o, s.rows = forward ? g.o : g.c;
  s.x = {in[1], in[2], 0, 0, s.channels * in[1] * in[2]};
  s.x.row0 = forward ? -(int64_t)g.pad[1] : (int64_t)g.pad[1] - 2;
  s.x.column0 = forward ? -(int64_t)g.pad[2] : (int64_t)g.pad[2] - 2;
  s.y = {out[1], out[2], 0, 0, s.rows * out[1] * out[2]};
  s.w_row = forward ? 9 * s.channels : 9, s.w_channel = forward ? 9 : 9 * s.rows;
  s.turned = !forward;
  s.high = conv_panel(s.rows);
  s.s = blocks_of(g.n, s.y.rows, s.y.columns, s.channels, threads);
  return s;
}

// to = G w Gt of r <= VW rows, row `i` of place p at to[p * step + i].
void transform_weights(const Sum& s, const float* w, int64_t r, float* to, int64_t step) {
  float taps[9][VW] __attribute__((aligned(64))) = {};
  for (int64_t i = 0; i < r; i++)
    for (int t = 0; t < 9; t++) taps[t][i] = w[i * s.w_row + (s.turned ? 8 - t : t)];
  vf h[4][3];
#pragma GCC unroll 3
  for (int c = 0; c < 3; c++) {
    const vf a = load(taps[c]), b = load(taps[3 + c]), d = load(taps[6 + c]), sum = (a + d) * 0.5f, half = b * 0.5f;
    h[0][c] = a, h[1][c] = sum + half, h[2][c] = sum - half, h[3][c] = d;
  }
#pragma GCC unroll 4
  for (int p = 0; p < 4; p++) {
    const vf sum = (h[p][0] + h[p][2]) * 0.5f, half = h[p][1] * 0.5f;
    const vf u[4] = {h[p][0], sum + half, sum - half, h[p][2]};
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) store_some(to + (4 * p + c) * step, u[c], (int)r);
  }
}
// Panels of `high` rows: at[place][panel][channel][row].
void lay_weights(const Exec& e, const Sum& s, const float* w, float* at) {
  const int64_t panels = ceil_div(s.rows, s.high), step = s.rows * s.channels;
  parallel_for(e, panels * s.channels, ceil_div(LEAST_WORK, 256 * s.high), [&](int64_t begin, int64_t end) {
    for (int64_t q = begin; q < end; q++) {
      const int64_t i0 = q / s.channels * s.high, c = q % s.channels, r = least(s.high, s.rows - i0);
      for (int64_t i = 0; i < r; i += VW)
        transform_weights(s, w + (i0 + i) * s.w_row + c * s.w_channel, least(VW, r - i), at + i0 * s.channels + c * r + i,
                          step);
    }
  });
}

// Channels [o, o + r) of a block are there.
void tell(const Sum& s, const Block& b, int64_t o, int64_t r, Told& job) {
  const int64_t wide = s.y.columns, first = 2 * b.column, columns = least(wide - first, 2 * b.columns);
  each_image(s.s, b, [&](int64_t image, int64_t i, int64_t n, int64_t) {
    const int64_t from = 2 * i, until = least(s.y.rows, 2 * (i + n)), row = image * s.rows + o;
    if (columns == wide) job.block(row, from * wide, r, (until - from) * wide);
    else
      for (int64_t y = from; y < until; y++) job.block(row, y * wide + first, r, columns);
  });
}

void sum_run(const Exec& e, const Ending& end, const Sum& s, const float* x, const float* w, float* y, const float* bias) {
  int32_t* const offset = (int32_t*)e.shared;
  float* const weights = (float*)e.shared + s.table();
  for (int64_t c = 0; c < s.channels; c++) offset[c] = (int32_t)(c * s.s.pitch);
  lay_weights(e, s, w, weights);
  Cells cells[CONV_VECTORS];
  for (int v = 0; v < CONV_VECTORS; v++) cells[v] = {v * VW, v * VW, VW};
  const int64_t blocks = s.s.count(), x_plane = s.x.rows * s.x.columns, y_plane = s.y.rows * s.y.columns;
  const int64_t x_step = s.x_step(), y_step = s.y_step();
  const int64_t work = PLACES * s.s.lines * s.s.columns * s.rows * s.channels;
  const int tasks = end.at_most(cut(e, blocks, ceil_div(LEAST_WORK, work)));
  with_ending(end, tasks, [&](int task, int thread, Told* job) {
    float* const v = (float*)(e.scratch + thread * e.per_thread);
    float* const m = v + s.x_block();
    float* const rows = m + s.y_block();
    // Lanes past the tiles are computed and thrown away: no denormal numbers there, which would be slow.
    __builtin_memset(rows, 0, (size_t)s.s.copied() * 4);
    for (int64_t p = 0; p < PLACES; p++)
      for (int64_t c = 0; c < s.channels; c++)
        store(v + p * x_step + c * s.s.pitch + whole_vectors(s.s.lines * s.s.columns) - VW, (vf){});
    for (int64_t i = blocks * task / tasks; i < blocks * (task + 1) / tasks; i++) {
      const Block b = block_of(s.s, i);
      for (int64_t c = 0; c < s.channels; c++)
        transform_x(s.s, b, s.x, x + c * x_plane, rows, v + c * s.s.pitch, x_step);
      const int64_t vectors = ceil_div(b.tiles(), VW);
      for (int64_t o = 0; o < s.rows; o += s.high) {
        const int64_t r = least(s.high, s.rows - o);
        for (int64_t p = 0; p < PLACES; p++) {
          const float* const a = weights + (p * s.rows + o) * s.channels;
          for (int64_t k = 0; k < vectors;) {
            int width;
            const Tile t = conv_tile(r, vectors - k, &width);
            t(s.channels, a, v + p * x_step + k * VW, offset, cells, m + p * y_step + k * VW, s.s.pitch, nullptr,
              false);
            k += width;
          }
        }
        for (int64_t q = 0; q < r; q++)
          transform_back(s.s, b, s.y, m + q * s.s.pitch, y_step, bias ? bias[o + q] : 0, y + (o + q) * y_plane);
        if (job) tell(s, b, o, r, *job);
      }
    }
  });
}

// ---- by the weight

struct WeightSum {
  Planes x, y;
  Blocks s;
  int64_t channels, rows;
  int64_t beside;  // channels of x at a time
  // Ranges that tasks divide the blocks and the rows into. Only the first ones are summed apart, and they do not
  // depend on the number of threads, so that neither do the sums.
  int64_t by_image, by_row;

  int64_t sums() const { return PLACES * rows * channels; }
  int64_t shared() const { return 4 * by_image * sums(); }
  int64_t x_step() const { return odd_lines(beside * s.pitch); }
  int64_t y_step() const { return odd_lines(ceil_div(rows, by_row) * s.pitch); }
  int64_t x_block() const { return PLACES * x_step(); }
  int64_t y_block() const { return PLACES * y_step(); }
  int64_t gemm() const { return gemm_scratch_bytes(rows, beside, s.lines * s.columns); }
  int64_t per_thread() const { return gemm() + 4 * (x_block() + y_block() + s.copied()); }
};
WeightSum weight_sum_of(const Geometry& g, int threads) {
  WeightSum s;
  s.channels = g.c, s.rows = g.o;
  s.x = {g.in[1], g.in[2], -(int64_t)g.pad[1], -(int64_t)g.pad[2], (int64_t)g.c * g.in[1] * g.in[2]};
  s.y = {g.out[1], g.out[2], 0, 0, (int64_t)g.o * g.out[1] * g.out[2]};
  s.beside = least(s.channels, BESIDE);
  s.s = blocks_of(g.n, s.y.rows, s.y.columns, s.rows, 1);
  s.by_image = most(1, least(least(MOST_PARTS, s.s.count() / PART), MOST_SUMS / s.sums()));
  const double work = (double)s.s.all * (double)s.s.across * (double)s.sums() / LEAST_WORK;
  s.by_row = least(s.rows, most(1, (int64_t)(work < threads ? work : threads) / s.by_image));
  return s;
}

void weight_run(const Exec& e, const WeightSum& s, const float* y, const float* x, float* w) {
  float* const sums = (float*)e.shared;
  const int64_t blocks = s.s.count(), x_plane = s.x.rows * s.x.columns, y_plane = s.y.rows * s.y.columns;
  const int64_t x_step = s.x_step(), y_step = s.y_step();
  parallel(e, (int)(s.by_image * s.by_row), [&](int task, int thread) {
    const int64_t part = task / s.by_row, row_part = task % s.by_row;
    const int64_t o0 = s.rows * row_part / s.by_row, r = s.rows * (row_part + 1) / s.by_row - o0;
    char* const scratch = e.scratch + thread * e.per_thread;
    float* const vx = (float*)(scratch + s.gemm());
    float* const vy = vx + s.x_block();
    float* const rows = vy + s.y_block();
    const int64_t first = blocks * part / s.by_image;
    for (int64_t i = first; i < blocks * (part + 1) / s.by_image; i++) {
      const Block b = block_of(s.s, i);
      for (int64_t o = 0; o < r; o++)
        transform_gradient(s.s, b, s.y, y + (o0 + o) * y_plane, rows, vy + o * s.s.pitch, y_step);
      for (int64_t c0 = 0; c0 < s.channels; c0 += s.beside) {
        const int64_t some = least(s.beside, s.channels - c0);
        for (int64_t c = 0; c < some; c++)
          transform_x(s.s, b, s.x, x + (c0 + c) * x_plane, rows, vx + c * s.s.pitch, x_step);
        for (int64_t p = 0; p < PLACES; p++)
          gemm({vy + p * y_step, vx + p * x_step,
                sums + ((part * PLACES + p) * s.rows + o0) * s.channels + c0, r, some, b.tiles(), s.s.pitch, 1, 1,
                s.s.pitch, s.channels, i > first, nullptr},
               scratch);
      }
    }
  });
  // Gt S G, lanes being neighbouring channels.
  const int64_t all = s.rows * s.channels;
  parallel_for(e, ceil_div(all, VW), ceil_div(LEAST_WORK, 256 * VW), [&](int64_t begin, int64_t end) {
    for (int64_t q = begin * VW; q < least(all, end * VW); q += VW) {
      const int n = (int)least(VW, all - q);
      vf h[3][4];
#pragma GCC unroll 4
      for (int c = 0; c < 4; c++) {
        vf m[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
          m[i] = load_some(sums + (4 * i + c) * all + q, n);
          for (int64_t part = 1; part < s.by_image; part++)
            m[i] += load_some(sums + (part * PLACES + 4 * i + c) * all + q, n);
        }
        h[0][c] = m[0] + 0.5f * (m[1] + m[2]), h[1][c] = 0.5f * (m[1] - m[2]), h[2][c] = 0.5f * (m[1] + m[2]) + m[3];
      }
      float taps[9][VW] __attribute__((aligned(64)));
#pragma GCC unroll 3
      for (int r = 0; r < 3; r++) {
        store(taps[3 * r], h[r][0] + 0.5f * (h[r][1] + h[r][2]));
        store(taps[3 * r + 1], 0.5f * (h[r][1] - h[r][2]));
        store(taps[3 * r + 2], 0.5f * (h[r][1] + h[r][2]) + h[r][3]);
      }
      for (int i = 0; i < n; i++)
        for (int t = 0; t < 9; t++) w[(q + i) * 9 + t] = taps[t][i];
    }
  });
}

// ---- the instructions

double work(int32_t op, const Geometry& g) {
  bool serves = g.groups == 1 && g.in[0] == 1 && g.out[0] == 1 && g.kernel[0] == 1 && g.pad[0] == 0;
  for (int a = 1; a < 3; a++) serves = serves && g.kernel[a] == 3 && g.stride[a] == 1 && g.dilation[a] == 1;
  // With fewer channels the transforms are most of the work.
  if (!serves || g.c < 8 || g.o < 8) return NO_WAY;
  const int32_t* const made = op == OP_CONV_INPUT ? g.in : g.out;
  const double down = (double)ceil_div(made[1], 2), across = (double)ceil_div(made[2], 2);
  const double weights = (double)g.o * (op == OP_CONV_WEIGHT ? (double)whole_vectors(g.c) : g.c);
  // By measurement: the products, which more tiles than cells of odd planes take; the transforms, by vectors of a line
  // of tiles; those of the weights.
  const double image = 1.05 * PLACES / VW * down * across * weights +
                       TRANSFORM * down * (double)ceil_div((int64_t)across, VW) * ((double)g.c + g.o);
  return (op == OP_CONV_WEIGHT ? 1.15 : 1) * g.n * image + 20 * weights;
}
void needs(int32_t op, const Geometry& g, int threads, int64_t* per_thread, int64_t* shared) {
  if (op == OP_CONV_WEIGHT) {
    const WeightSum s = weight_sum_of(g, threads);
    *per_thread = s.per_thread(), *shared = s.shared();
  } else {
    const Sum s = sum_of(op == OP_CONV, g, threads);
    *per_thread = s.per_thread(), *shared = s.shared();
  }
}
void forward(const Exec& e, const Ending& end, const Geometry& g, const float* x, const float* w, float* y, const float* bias) {
  sum_run(e, end, sum_of(true, g, pool_threads(e.pool)), x, w, y, bias);
}
void input(const Exec& e, const Geometry& g, const float* y, const float* w, float* x) {
  sum_run(e, {e}, sum_of(false, g, pool_threads(e.pool)), y, w, x, nullptr);
}
void weight(const Exec& e, const Geometry& g, const float* y, const float* x, float* w) {
  weight_run(e, weight_sum_of(g, pool_threads(e.pool)), y, x, w);
}

}  // namespace

extern const Way WINOGRAD = {"winograd", work, needs, forward, input, weight};

}  // namespace NABLA_ISA
}  // namespace nabla
