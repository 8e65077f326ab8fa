// Convolutions whose lanes are images: no place of a row is wasted however short it is, and a tap that reads the
// padding is left out instead of multiplied. Channels are turned so that the same place of some images is one run,
// and the results are turned back.
#include "conv_tile.h"
#include "ending.h"
#include "pack.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

constexpr int64_t TAPS = 64;
// What the turning of a vector costs, in multiply-adds of one: between channels and by itself.
constexpr double TURN = 10, TURN_PLAIN = 7;
// Bytes that tiles by the weight read, which stay near.
constexpr int64_t NEAR = 48 << 10;
// Floats of a thread's turned images, and of the sums by the weight, at most. Images are summed in at most so many parts,
// whatever the number of threads, and in fewer where the sums are more than so many floats.
constexpr int64_t MOST = 1 << 22, PARTS = 8, MOST_SUMS = 1 << 20;
// Floats of sums that stay in the cache; in WebAssembly there is no better way for more.
#ifdef __wasm__
constexpr int64_t NEAR_SUMS = INT64_MAX;
#else
constexpr int64_t NEAR_SUMS = 1 << 20;
#endif
// A task should outlast by far the handing out of it.
constexpr int64_t LEAST_WORK = 1 << 18;

int64_t volume(const int32_t* e) { return (int64_t)e[0] * e[1] * e[2]; }

// Turns VW rows of VW floats: the ones at from(i) go to those at to(j), element [i][j] to [j][i].
template <class F, class T>
NABLA_INLINE void turn(const F& from, const T& to) {
  vf a[VW];
#pragma GCC unroll 16
  for (int i = 0; i < VW; i++) a[i] = load(from(i));
  transpose_lanes(a);
#pragma GCC unroll 16
  for (int i = 0; i < VW; i++) store(to(i), a[i]);
}

// Calls f(places) for the vectors of `n` places, at least VW, the last of which may overlap the one before it.
template <class F>
NABLA_INLINE void each_vector(int64_t n, const F& f) {
  for (int64_t p = 0; p < n; p += VW) f(least(p, n - VW));
}

// One channel of the images that there are, of `wide`; the others are zero. Place p of image i, from[i * image + p],
// goes to at(p)[i].
template <class F>
NABLA_INLINE void turn_in(const float* from, int64_t image, int64_t images, int64_t wide, int64_t places, const F& at) {
  const float none[VW] = {};
  for (int64_t i = 0; i < wide; i += VW, from += VW * image, images -= VW)
    each_vector(places, [&](int64_t p) {
      const auto to = [&](int64_t j) { return at(p + j) + i; };
      if (images >= VW) turn([&](int64_t j) { return from + j * image + p; }, to);
      else turn([&](int64_t j) { return j < images ? from + j * image + p : none; }, to);
    });
}
// The way back: place p lies at from + p * pitch.
NABLA_INLINE void turn_out(const float* from, int64_t pitch, int64_t wide, int64_t places, float* to, int64_t image,
                           int64_t images) {
  float none[VW];
  for (int64_t i = 0; i < wide; i += VW, from += VW, to += VW * image, images -= VW)
    each_vector(places, [&](int64_t p) {
      const auto at = [&](int64_t j) { return from + (p + j) * pitch; };
      if (images >= VW) turn(at, [&](int64_t j) { return to + j * image + p; });
      else turn(at, [&](int64_t j) { return j < images ? to + j * image + p : none; });
    });
}

// ---- forward, and by the input

// Products that lie in a row on both sides: of weights, and of floats of the source.
struct Run {
  int64_t weight, from, n;
};
// y[channel][image] = bias[channel] + the sum of the runs, for R channels and V vectors of images.
template <int R, int V>
void sum_runs(const Run* run, int64_t runs, const float* weights, const float* from, const float* bias, float* y) {
  vf s[R][V];
#pragma GCC unroll 16
  for (int i = 0; i < R; i++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) s[i][v] = bias ? splat(bias[i]) : (vf){};
  for (; runs > 0; runs--, run++) {
    const float *a = weights + run->weight * R, *b = from + run->from;
    for (int64_t k = run->n; k > 0; k--, a += R, b += V * VW) {
      vf x[V];
#pragma GCC unroll 2
      for (int v = 0; v < V; v++) x[v] = held(load(b + v * VW));
#pragma GCC unroll 16
      for (int i = 0; i < R; i++) {
        const vf w = splat(a[i]);
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) s[i][v] = fma(w, x[v], s[i][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; i++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) store(y + (i * V + v) * VW, s[i][v]);
}
typedef void (*SumRuns)(const Run*, int64_t, const float*, const float*, const float*, float*);
template <int V, int R = TILE_ROWS>
SumRuns find_sum(int64_t rows) {
  if constexpr (R > 1)
    if (rows < R) return find_sum<V, R - 1>(rows);
  return sum_runs<R, V>;
}

struct Pass {
  const Geometry& g;
  bool back;                 // by the input
  const int32_t *from, *to;  // extents of a channel
  int64_t f, t;              // channels of a group, on either side
  int64_t high;              // channels of a panel
  int64_t taps;
  int64_t wide, chunks;  // images of a chunk
  int64_t parts;         // of a chunk's lines, when there are few chunks

  Pass(const Geometry& geometry, bool input, int threads)
      : g(geometry), back(input), from(input ? g.out : g.in), to(input ? g.in : g.out),
        f((input ? g.o : g.c) / g.groups), t((input ? g.c : g.o) / g.groups), high(conv_panel(t)),
        taps(volume(g.kernel)) {
    // Two vectors a chunk, where that leaves no lanes and no thread idle.
    const int64_t vectors = ceil_div(g.n, VW);
    wide = (vectors % 2 == 0 || vectors > 6) && vectors / 2 * g.groups >= threads ? 2 * VW : VW;
    chunks = ceil_div(g.n, wide);
    parts = most(1, least(ceil_div(threads, chunks * g.groups), lines() / ceil_div(VW, to[2])));
  }
  int64_t lines() const { return (int64_t)to[0] * to[1]; }
  // Floats of the turned channels of a group, and of the weights.
  int64_t source() const { return f * volume(from) * wide; }
  int64_t result() const { return t * ceil_div(lines(), parts) * to[2] * wide; }
  int64_t weights() const { return whole_vectors(g.groups * f * t * taps); }

  // Whether place i of an axis reads tap t, and where. By the input the taps are turned round, so that both ways
  // read places in their order.
  bool reads(int a, int64_t i, int64_t t, int64_t* at) const {
    if (!back) {
      *at = i * g.stride[a] + t * g.dilation[a] - g.pad[a];
    } else {
      *at = i + g.pad[a] - (g.kernel[a] - 1 - t) * g.dilation[a];
      if (g.stride[a] > 1) {
        if (*at < 0 || *at % g.stride[a]) return false;
        *at /= g.stride[a];
      }
    }
    return *at >= 0 && *at < from[a];
  }
  // What place i of an axis reads, neighbours joined: `n` taps from `tap` on at places from `at` on.
  struct Reads {
    int64_t tap, at, n;
  };
  int64_t list_reads(int a, int64_t i, bool join, Reads* to) const {
    int64_t n = 0, at;
    for (int64_t t = 0; t < g.kernel[a]; t++) {
      if (!reads(a, i, t, &at)) continue;
      if (join && n && to[n - 1].tap + to[n - 1].n == t && to[n - 1].at + to[n - 1].n == at) to[n - 1].n++;
      else to[n++] = {t, at, 1};
    }
    return n;
  }
};

// The lists of reads of a place along its axes, and its runs.
struct Place {
  Pass::Reads reads[3][TAPS];
  int64_t n[3];
  Run run[TAPS];

  int64_t list_runs(const Pass& s) {
    int64_t runs = 0;
    for (int64_t i = 0; i < n[0]; i++)
      for (int64_t j = 0; j < n[1]; j++) {
        const Pass::Reads &a = reads[0][i], &b = reads[1][j];
        const int64_t tap = (a.tap * s.g.kernel[1] + b.tap) * s.g.kernel[2], at = (a.at * s.from[1] + b.at) * s.from[2];
        for (int64_t k = 0; k < n[2]; k++) {
          const Pass::Reads& c = reads[2][k];
          run[runs++] = {(tap + c.tap) * s.f, (at + c.at) * s.f * s.wide, c.n * s.f};
        }
      }
    return runs;
  }
};

// to[group][panel][tap][channel summed over][channel of the panel]
void lay_weights(const Pass& s, const float* w, float* to) {
  const int64_t taps = s.taps, row = s.g.c / s.g.groups * taps, channels = s.f;
  const int64_t by_f = s.back ? row : taps, by_t = s.back ? taps : row;
  for (int64_t group = 0; group < s.g.groups; group++, w += s.f * s.t * taps)
    for (int64_t t = 0; t < s.t; t += s.high) {
      const int64_t rows = least(s.high, s.t - t);
      for (int64_t tap = 0; tap < taps; tap++) {
        const float* from = w + t * by_t + (s.back ? taps - 1 - tap : tap);
        for (int64_t f = 0; f < channels; f++, from += by_f)
          for (int64_t r = 0; r < rows; r++) *to++ = from[r * by_t];
      }
    }
}

void run(const Exec& e, const Ending& end, const Pass& s, const float* x, const float* w, float* y, const float* bias) {
  const Geometry& g = s.g;
  const int64_t from = volume(s.from), to = volume(s.to), lines = s.lines(), wide = s.wide;
  float* const weights = (float*)e.shared;
  lay_weights(s, w, weights);
  const int64_t items = s.chunks * g.groups * s.parts, work = most(1, s.t * s.f * s.taps * to / s.parts * wide);
  const int tasks = end.at_most(cut(e, items, most(1, LEAST_WORK / work)));
  with_ending(end, tasks, [&](int task, int thread, Told* job) {
    float* const source = (float*)(e.scratch + thread * e.per_thread);  // [place][channel][image]
    float* const result = source + s.source();
    Place place;
    for (int64_t item = items * task / tasks; item < items * (task + 1) / tasks; item++) {
      const int64_t part = item % s.parts, group = item / s.parts % g.groups, image = item / s.parts / g.groups * wide;
      const float* const x0 = x + (image * g.groups + group) * s.f * from;
      for (int64_t c = 0; c < s.f; c++)
        turn_in(x0 + c * from, g.groups * s.f * from, g.n - image, wide, from,
                [&](int64_t p) { return source + (p * s.f + c) * wide; });
      const int64_t begin = lines * part / s.parts, end = lines * (part + 1) / s.parts;
      float* at = result;
      for (int64_t line = begin; line < end; line++) {
        place.n[0] = s.list_reads(0, line / s.to[1], false, place.reads[0]);
        place.n[1] = s.list_reads(1, line % s.to[1], false, place.reads[1]);
        for (int64_t p = 0; p < s.to[2]; p++) {
          place.n[2] = s.list_reads(2, p, true, place.reads[2]);
          const int64_t n = place.list_runs(s);
          for (int64_t t = 0; t < s.t; t += s.high) {
            const int64_t rows = least(s.high, s.t - t);
            const SumRuns sum = wide > VW ? find_sum<2>(rows) : find_sum<1>(rows);
            sum(place.run, n, weights + (group * s.t + t) * s.f * s.taps, source, bias ? bias + group * s.t + t : nullptr, at);
            at += rows * wide;
          }
        }
      }
      const int64_t places = (end - begin) * s.to[2], next = g.groups * s.t * to;
      float* const y0 = y + (image * g.groups + group) * s.t * to + begin * s.to[2];
      for (int64_t c = 0; c < s.t; c++)
        turn_out(result + c * wide, s.t * wide, wide, places, y0 + c * to, next, g.n - image);
      for (int64_t i = image; job && i < least(g.n, image + wide); i++)
        job->block((i * g.groups + group) * s.t, begin * s.to[2], s.t, places);
    }
  });
}

// ---- by the weight

// A tile of weights: its first channel of y, its group and its first column, a pair of channel of x and tap.
struct Item {
  int64_t o, group, column, rows, columns;
};
struct ByWeight {
  const Geometry& g;
  int64_t og, cg, out, taps, columns;
  // A channel of x with its padding, as far as it is read; and a place for what is not read.
  int64_t extent[3], padded, plane;
  int64_t high, wide;     // of a tile
  int64_t panels, tiles;  // of a group's channels of y and columns
  int64_t lines;          // of y at a time
  int64_t chunks, parts;  // of the images
  int64_t slices;         // of the tiles, when there are few parts

  ByWeight(const Geometry& geometry, int threads) : g(geometry) {
    og = g.o / g.groups, cg = g.c / g.groups, out = volume(g.out), taps = volume(g.kernel), columns = cg * taps;
    for (int a = 0; a < 3; a++)
      extent[a] = (g.out[a] - 1) * (int64_t)g.stride[a] + (g.kernel[a] - 1) * (int64_t)g.dilation[a] + 1;
    padded = extent[0] * extent[1] * extent[2], plane = padded + 1;
    panels = ceil_div(og, DOT_ROWS), high = ceil_div(og, panels), panels = ceil_div(og, high);
    tiles = ceil_div(columns, DOT_COLUMNS), wide = ceil_div(columns, tiles), tiles = ceil_div(columns, wide);
    const int64_t line = 4 * VW * (high * g.out[2] + g.stride[1] * extent[2]);
    lines = most(1, NEAR / line - (g.kernel[1] - 1) * (int64_t)g.dilation[1] / g.stride[1]);
    chunks = ceil_div(g.n, VW), parts = most(1, least(chunks, least(PARTS, MOST_SUMS / sums())));
    slices = least(ceil_div(threads, parts), items());
  }
  int64_t x_chunk() const { return g.c * plane * VW; }
  int64_t y_chunk() const { return g.o * out * VW; }
  int64_t items() const { return g.groups * panels * tiles; }
  int64_t item() const { return high * wide * VW; }
  Item item_of(int64_t at) const {
    const int64_t column = at % tiles * wide, o = at / tiles % panels * high, group = at / tiles / panels;
    return {group * og + o, group, column, least(high, og - o), least(wide, columns - column)};
  }
  int64_t sums() const { return items() * item(); }
  int64_t shared() const { return 4 * (parts * sums() + whole_vectors(columns) + whole_vectors(volume(g.in))); }
  bool holes() const {
    bool some = false;
    for (int a = 0; a < 3; a++) some = some || g.pad[a] > 0 || extent[a] > g.in[a];
    return some;
  }
  // The first place that a column reads, in a group's channels; and where the places of x lie in a padded channel.
  int64_t place(int64_t i, int64_t j, int64_t k) const { return (i * extent[1] + j) * extent[2] + k; }
  void list_columns(int32_t* to) const {
    for (int64_t c = 0; c < cg; c++)
      for (int64_t i = 0; i < g.kernel[0]; i++)
        for (int64_t j = 0; j < g.kernel[1]; j++)
          for (int64_t k = 0; k < g.kernel[2]; k++)
            *to++ = (int32_t)((c * plane + place(i * g.dilation[0], j * g.dilation[1], k * g.dilation[2])) * VW);
  }
  void list_places(int32_t* to) const {
    for (int64_t i = 0; i < g.in[0]; i++)
      for (int64_t j = 0; j < g.in[1]; j++)
        for (int64_t k = 0; k < g.in[2]; k++) {
          const int64_t at[3] = {i + g.pad[0], j + g.pad[1], k + g.pad[2]};
          const bool read = at[0] < extent[0] && at[1] < extent[1] && at[2] < extent[2];
          *to++ = (int32_t)(read ? place(at[0], at[1], at[2]) : padded);
        }
  }
};

// The pairs of places of an axis of y and taps that read a place of x.
double count_reads(const Geometry& g, int a) {
  double n = 0;
  for (int64_t t = 0; t < g.kernel[a]; t++) {
    const int64_t at = t * g.dilation[a] - g.pad[a];
    const int64_t first = at < 0 ? ceil_div(-at, g.stride[a]) : 0;
    const int64_t last = at < g.in[a] ? least(g.out[a] - 1, (g.in[a] - 1 - at) / g.stride[a]) : -1;
    n += (double)most(0, last - first + 1);
  }
  return n;
}

double work(int32_t op, const Geometry& g) {
  if (volume(g.kernel) > TAPS || volume(g.in) < VW || volume(g.out) < VW) return NO_WAY;
  const double weights = (double)g.o * (double)(g.c / g.groups);
  const double turned = (double)g.c * (double)volume(g.in) + (double)g.o * (double)volume(g.out);
  if (op == OP_CONV_WEIGHT) {
    // Steps may be so long that integers would overflow.
    double plane = 1;
    for (int a = 0; a < 3; a++)
      plane *= (g.out[a] - 1.0) * g.stride[a] + (g.kernel[a] - 1.0) * g.dilation[a] + 1;
    if (g.c * plane * VW > MOST) return NO_WAY;
    const double taps = (double)volume(g.kernel);
    const ByWeight s(g, 1);
    if (s.x_chunk() + s.y_chunk() > MOST || s.sums() > MOST) return NO_WAY;
    // Sums that do not stay in the cache are read and written again for each vector of images.
    const double sum = s.sums() > NEAR_SUMS ? 24 : 12;
    return (double)ceil_div(g.n, VW) * (weights * taps * (1.1 * (double)volume(g.out) + sum) + TURN_PLAIN * turned);
  }
  const Pass s(g, op == OP_CONV_INPUT, 1);
  if (s.source() + s.result() > MOST) return NO_WAY;
  double products = 1;
  for (int a = 0; a < 3; a++) products *= count_reads(g, a);
  return (double)(s.chunks * s.wide / VW) *
         (weights * products * (s.wide > VW ? 1 : 1.1) + TURN * turned + 40 * (double)volume(s.to));
}
void needs(int32_t op, const Geometry& g, int threads, int64_t* per_thread, int64_t* shared) {
  if (op == OP_CONV_WEIGHT) {
    const ByWeight s(g, threads);
    *per_thread = 4 * (s.x_chunk() + s.y_chunk()), *shared = s.shared();
  } else {
    const Pass s(g, op == OP_CONV_INPUT, threads);
    *per_thread = 4 * (s.source() + s.result()), *shared = 4 * s.weights();
  }
}

void forward(const Exec& e, const Ending& end, const Geometry& g, const float* x, const float* w, float* y, const float* bias) {
  run(e, end, Pass(g, false, pool_threads(e.pool)), x, w, y, bias);
}
void input(const Exec& e, const Geometry& g, const float* y, const float* w, float* x) {
  run(e, {e}, Pass(g, true, pool_threads(e.pool)), y, w, x, nullptr);
}
void weight(const Exec& e, const Geometry& g, const float* y, const float* x, float* w) {
  const ByWeight s(g, pool_threads(e.pool));
  const int64_t in = volume(g.in), all = s.items();
  // sums[part][tile][channel of y][column][VW]
  float* const sums = (float*)e.shared;
  int32_t* const column = (int32_t*)(sums + s.parts * s.sums());
  int32_t* const places = column + whole_vectors(s.columns);
  s.list_columns(column), s.list_places(places);
  const int64_t shares = s.parts * s.slices, work = most(1, s.og * s.columns * s.out * g.n / shares);
  const int tasks = cut(e, shares, most(1, LEAST_WORK / work));
  const auto run = [&](int64_t share, int thread) {
    float* const xs = (float*)(e.scratch + thread * e.per_thread);  // [channel][place][VW]
    float* const ys = xs + s.x_chunk();
    const int64_t part = share / s.slices, slice = share % s.slices;
    const int64_t begin = all * slice / s.slices, end = all * (slice + 1) / s.slices;
    float* const own = sums + part * s.sums();
    __builtin_memset(own + begin * s.item(), 0, (size_t)((end - begin) * s.item()) * 4);
    if (s.holes()) __builtin_memset(xs, 0, (size_t)s.x_chunk() * 4);
    for (int64_t chunk = s.chunks * part / s.parts; chunk < s.chunks * (part + 1) / s.parts; chunk++) {
      const int64_t image = chunk * VW;
      for (int64_t c = 0; c < g.c; c++) {
        float* const to = xs + c * s.plane * VW;
        turn_in(x + (image * g.c + c) * in, g.c * in, g.n - image, VW, in,
                [&](int64_t p) { return to + (int64_t)places[p] * VW; });
      }
      for (int64_t o = 0; o < g.o; o++) {
        float* const to = ys + o * s.out * VW;
        turn_in(y + (image * g.o + o) * s.out, g.o * s.out, g.n - image, VW, s.out, [&](int64_t p) { return to + p * VW; });
      }
      for (int64_t i = 0; i < g.out[0]; i++)
        for (int64_t j = 0; j < g.out[1]; j += s.lines)
          for (int64_t at = begin; at < end; at++) {
            const Item item = s.item_of(at);
            const int64_t y_at = item.o * s.out + (i * g.out[1] + j) * g.out[2];
            const int64_t x_at = item.group * s.cg * s.plane + s.place(i * g.stride[0], j * g.stride[1], 0);
            dot_tile(item.rows, item.columns)({ys + y_at * VW, xs + x_at * VW, column + item.column, s.out * VW,
                                               least(s.lines, g.out[1] - j), g.out[2], (int64_t)g.out[2] * VW,
                                               g.stride[1] * s.extent[2] * VW, (int64_t)g.stride[2] * VW,
                                               own + at * s.item()});
          }
    }
  };
  parallel(e, tasks, [&](int task, int thread) {
    for (int64_t share = shares * task / tasks; share < shares * (task + 1) / tasks; share++) run(share, thread);
  });
  parallel_for(e, all, LEAST_WORK / most(1, 16 * s.parts * s.item()), [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at++) {
      const Item item = s.item_of(at);
      const float* from = sums + at * s.item();
      for (int64_t r = 0; r < item.rows; r++)
        for (int64_t k = 0; k < item.columns; k++, from += VW) {
          vf sum = load(from);
          for (int64_t part = 1; part < s.parts; part++) sum += load(from + part * s.sums());
          w[(item.o + r) * s.columns + item.column + k] = hsum(sum);
        }
    }
  });
}

}  // namespace

extern const Way IMAGES = {"images", work, needs, forward, input, weight};

}  // namespace NABLA_ISA
}  // namespace nabla
