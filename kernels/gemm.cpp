// Blocks of B (KC x NC) and of A (MC x KC) are packed into panels that the register tile walks with
// unit stride. An operand that is small, or used by few tiles, is read where it lies.
#include "gemm.h"

#include "ending.h"
#include "pack.h"

namespace nabla {
namespace NABLA_ISA {

// The register tile: MR rows by NV vectors, or MR1 rows where one vector holds all the columns.
#if defined(__AVX512F__)
constexpr int MR = 14, NV = 2, MR1 = 14;
#elif defined(__AVX2__)
constexpr int MR = 6, NV = 2, MR1 = 12;
#elif defined(__ARM_NEON)
constexpr int MR = 12, NV = 2, MR1 = 16;
#elif defined(__wasm_relaxed_simd__) && NABLA_LANES == 32
constexpr int MR = 6, NV = 2, MR1 = 8;  // with the operands, the 15 registers of V8
#else
constexpr int MR = 4, NV = 2, MR1 = 8;
#endif
constexpr int NR = NV * VW;
static_assert(NR == GEMM_NR);
// An MC x KC block of A stays in L2, a KC x NC block of B in L3. With 16 lanes the sums are loaded and
// stored less often with a long KC, which is worth more than a panel of B that fits L1.
constexpr int64_t KC = GEMM_KC, MC = MR * ((NABLA_BYTES == 64 ? 112 : 192) / MR), NC = 1024;

// What a sum that is turned costs, and a product of idle lanes, when a number that is laid costs 1; what comes from memory costs more to lay.
constexpr int64_t EXCHANGE_COST = 2, IDLE_COST = 4, FAR_IDLE_COST = 1;

// Numbers of a cache line; pages do without asking for them.
constexpr int64_t LINE = 64 / (int64_t)sizeof(real);
#if defined(__wasm__)
constexpr bool CAN_ASK = false;
#else
constexpr bool CAN_ASK = true;
#endif
// A tile asks for its part of C so many steps before it stores it, a row with each step: all at once would hold up the operands,
// and what is asked for earlier has left L1 by then.
constexpr int64_t LATE = 40;

// What a tile asks of memory meanwhile, a line with each step: `rows` times `run` lines `step` numbers apart.
struct Lines {
  const real* at;
  int64_t step, run, row, rows;
};
// Does a tile ask but once whether its sums are whole vectors that only are stored? Elsewhere a store has a mask.
constexpr bool WHOLE = NABLA_BYTES == 16;

// What a tile adds to its sums, and how wide its last vector is.
struct Finish {
  bool add;
  const real* bias;
  int last;
  Lines ask = {};
};

typedef void (*Tile)(int64_t k, const real* a, int64_t as, const real* b, int64_t bs, real* c, int64_t cs,
                     const Finish& f);

// R x (V*VW) of C. A_ROWS: a[i*as + p], else a[p*as + i]; b[p*bs + j].
template <int R, int V, bool A_ROWS>
static void tile(int64_t k, const real* a, int64_t as, const real* b, int64_t bs, real* c, int64_t cs,
                 const Finish& f) {
  vf s[R][V];
#pragma GCC unroll 16
  for (int i = 0; i < R; i++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      s[i][v] = (vf){};
      // Nothing in WebAssembly, but without it the compiler takes the first step out of the loop: a sixth more code.
      if (!CAN_ASK) __builtin_prefetch(c + i * cs + v * VW, 1);
    }
  }
  const auto step = [&]() __attribute__((always_inline)) {
    vf x[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) x[v] = load(b + v * VW);
#pragma GCC unroll 16
    for (int i = 0; i < R; i++) {
      const vf y = splat(A_ROWS ? a[i * as] : a[i]);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) s[i][v] = fma(y, x[v], s[i][v]);
    }
    a += A_ROWS ? 1 : as;
    b += bs;
  };
  if constexpr (CAN_ASK) {
    const auto ask_for = [](const real* row) __attribute__((always_inline)) {
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) __builtin_prefetch(row + v * VW, 1);
    };
    int64_t first = k >= 2 * LATE ? k - LATE : 0;
    k -= first;
    // The last row goes on: each loop more is as many instructions more in every tile.
    const Lines& ask = f.ask;
    for (int64_t row = 0; first > 0; row++) {
      const bool asks = row < ask.rows;
      const real* next = asks ? ask.at + row * ask.row : c;
      const int64_t by = asks ? ask.step : 0;
      int64_t p = asks ? least(ask.run, first) : first;
      first -= p;
      for (; p > 0; p--) step(), __builtin_prefetch(next, 0, 2), next += by;
    }
    const real* row = c;
    if (k <= R) {
#pragma GCC unroll 16
      for (int i = 0; i < R; i++) ask_for(c + i * cs);
    }
    const real* const end = c + (R - 1) * cs;
    for (; k > 0; k--) ask_for(row), row = row == end ? row : row + cs, step();
  } else {
    for (int64_t p = 0; p < k; p++) step();
  }
  if (f.bias) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      const vf x = load_some(f.bias + v * VW, v == V - 1 ? f.last : VW);
#pragma GCC unroll 16
      for (int i = 0; i < R; i++) s[i][v] += x;
    }
  }
  if (WHOLE && !f.add && f.last == VW) {
#pragma GCC unroll 16
    for (int i = 0; i < R; i++) {
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) store(c + i * cs + v * VW, s[i][v]);
    }
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; i++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      real* to = c + i * cs + v * VW;
      const int n = v == V - 1 ? f.last : VW;
      store_some(to, f.add ? s[i][v] + load_some(to, n) : s[i][v], n);
    }
  }
}

template <int R, int V, bool A_ROWS>
static Tile find_tile(int64_t rows) {
  if constexpr (R > 1)
    if (rows < R) return find_tile<R - 1, V, A_ROWS>(rows);
  return tile<R, V, A_ROWS>;
}
// Rows of C in tiles one below the other.
template <int R, int V, bool A_ROWS>
static void all_rows(int64_t rows, int64_t k, const real* a, int64_t as, const real* b, int64_t bs, real* c, int64_t cs, const Finish& f) {
  for (; rows >= R; rows -= R, a += A_ROWS ? R * as : R, c += R * cs) tile<R, V, A_ROWS>(k, a, as, b, bs, c, cs, f);
  if (rows) find_tile<R - 1, V, A_ROWS>(rows)(k, a, as, b, bs, c, cs, f);
}
static Tile find_tile(int64_t rows, bool wide, bool a_rows) {
  if (wide) return a_rows ? find_tile<MR, NV, true>(rows) : find_tile<MR, NV, false>(rows);
  return a_rows ? find_tile<MR1, 1, true>(rows) : find_tile<MR1, 1, false>(rows);
}

static int64_t packed_a(int64_t m, int64_t k) {
  return (least(m, MC) * least(k, KC) + 4 + 15) & ~(int64_t)15;
}
static int64_t operand_reals(int64_t m, int64_t n, int64_t k) {
  return packed_a(m, k) + ((whole_vectors(least(n, NC)) * least(k, KC) + 4 + 15) & ~(int64_t)15);
}
// The sums of exchanged sides: see `exchange`, which has no more of them.
static int64_t exchange_reals(int64_t m, int64_t n) { return whole_vectors(m) * whole_vectors(n); }
int64_t gemm_scratch_bytes(int64_t m, int64_t n, int64_t k) {
  if (m <= 0 || n <= 0 || k <= 0) return 0;
  const int64_t reals = operand_reals(m, n, k);
  if (m == 1 || n == 1) return (int64_t)sizeof(real) * most(reals, k);
  const int64_t exchanged =
      operand_reals(n, m, k) + least(exchange_reals(m, n), (m + n) * least(k, KC) / EXCHANGE_COST);
  return most((int64_t)sizeof(real) * most(reals, exchanged), gemm_zeros_scratch_bytes(m, n, k));
}

// How much of K to lay at a time, in all panels: where a row of the matrix runs through the panels, a few rows,
// since panels share its cache lines and pages.
static int64_t stretch_of(int64_t stride, int64_t kc) { return stride == 1 ? 8 : kc; }

// Blocks of columns one after the other, in each the blocks of K, in each the panels.
int64_t gemm_laid_reals(int64_t n, int64_t k) { return (whole_vectors(n) * k + 4 + 15) & ~(int64_t)15; }
void gemm_lay(const real* b, int64_t b_rs, int64_t b_cs, int64_t n, int64_t k, real* to) {
  for (int64_t jc = 0; jc < n; jc += NC) {
    const int64_t nc = least(NC, n - jc);
    for (int64_t pc = 0; pc < k; pc += KC) {
      const int64_t kc = least(KC, k - pc);
      for (int64_t j = 0; j < nc; j += NR) {
        const int64_t cols = least(NR, nc - j);
        pack(b + pc * b_rs + (jc + j) * b_cs, b_cs, b_rs, cols, whole_vectors(cols), kc, to);
        to += whole_vectors(cols) * kc;
      }
    }
  }
}

static void no_products(const GemmArgs& g) {
  for (int64_t i = 0; i < g.m; i++) {
    real* c = g.c + i * g.c_rs;
    for (int64_t j = 0; j < g.n; j++) {
      const real x = g.bias ? g.bias[j] : 0;
      c[j] = g.accumulate ? c[j] + x : x;
    }
  }
}

// How the tile reads its operands.
struct Plan {
  int rows;
  bool lay_a, a_rows, lay_b;
  int64_t laid;      // numbers that are laid
  bool far = false;  // rows of A come from memory
};
static Plan find_plan(const GemmArgs& g) {
  Plan p;
  p.rows = g.n <= VW ? MR1 : MR;
  // Rows of A whose distance is a multiple of the page would share one set of L1.
  const bool reuse_a = g.n > 4 * NR || (g.n > NR && g.a_cs == 1 && g.a_rs * (int64_t)sizeof(real) % 4096 == 0);
  p.lay_a = reuse_a || (g.a_cs != 1 && g.a_rs != 1);
  p.a_rows = !p.lay_a && g.a_rs != 1;
  // A few rows of B that do not fall into few sets of L1 are walked where they lie: to pack them costs more.
  const bool few_b = g.k * g.n * (int64_t)sizeof(real) <= 32768 || (g.k <= 128 && g.b_rs * (int64_t)sizeof(real) % 256 != 0);
  // A single panel of whole vectors lies as it would be packed.
  const bool panel = g.n <= NR && g.n % VW == 0 && g.b_rs == g.n;
  p.lay_b = g.laid || g.b_cs != 1 || (g.m > 2 * p.rows && !few_b && !panel);
  p.laid = (p.lay_a ? g.m * g.k : 0) + (p.lay_b ? g.n * g.k : 0);
  return p;
}

// The lines of a part of a matrix that are still to be asked for.
struct Stream {
  Lines lines = {};
  int64_t k = 0;

  Stream() {}
  // n numbers beside each other in each of some rows.
  Stream(const real* at, int64_t rs, int64_t rows, int64_t n, int64_t steps) : k(steps) {
    const int64_t off = (int64_t)((uintptr_t)at / sizeof(real)) % LINE;
    if (rows <= k) lines = {at - off, rs, rows, LINE, ceil_div(n + off, LINE)};
  }
  int64_t tiles() const { return lines.rows ? ceil_div(lines.rows, k / lines.run) : 0; }
  // What one tile asks for.
  Lines take() {
    Lines l = lines;
    if (!l.rows) return l;
    l.rows = least(l.rows, k / l.run);
    lines.at += l.rows * l.row, lines.rows -= l.rows;
    return l;
  }
};
// m x k numbers that are packed next.
static Stream stream_of(const real* at, int64_t rs, int64_t cs, int64_t m, int64_t k, int64_t steps) {
  return rs == 1 ? Stream(at, cs, k, m, steps) : cs == 1 ? Stream(at, rs, m, k, steps) : Stream();
}

static void multiply(const GemmArgs& g, const Plan& plan, void* scratch, Told* end = nullptr) {
  real* const at = (real*)scratch;
  real* const packed = at + packed_a(g.m, g.k);
  // What fits the caches (2 MB) is there already: to ask for it takes a tenth of the time of products of 64x784x256.
  const bool far = CAN_ASK && (double)g.m * g.k + (double)g.n * g.k + (double)g.m * g.n > 1 << 19;

  for (int64_t jc = 0; jc < g.n; jc += NC) {
    const int64_t nc = least(NC, g.n - jc);
    for (int64_t pc = 0; pc < g.k; pc += KC) {
      const int64_t kc = least(KC, g.k - pc);
      const real* const b0 = g.laid ? nullptr : g.b + pc * g.b_rs + jc * g.b_cs;
      const real* const bt = g.laid ? g.b + jc * g.k + pc * whole_vectors(nc) : packed;
      // Panels [from, to) of B; a partial last vector is always packed, so that it can be loaded whole.
      const auto lay_b = [&](int64_t from, int64_t to) {
        const int64_t stretch = to - from > NR ? stretch_of(g.b_cs, kc) : kc;
        for (int64_t p = 0; p < kc; p += stretch)
          for (int64_t j = from; j < to; j += NR) {
            const int64_t n = least(NR, nc - j), w = whole_vectors(n);
            if (plan.lay_b || w != n)
              pack(b0 + j * g.b_cs + p * g.b_rs, g.b_cs, g.b_rs, n, w, least(stretch, kc - p), packed + j * kc + p * w);
          }
      };
      // Where lines can be asked for each panel is packed when it is first used, and tiles ask for the next one.
      const bool each = far && !g.laid && g.m > 3 * plan.rows;
      if (!g.laid && !each) lay_b(0, nc);
      for (int64_t ic = 0; ic < g.m; ic += MC) {
        const int64_t mc = least(MC, g.m - ic);
        // Tiles of equal height rather than full ones and a remainder.
        const int64_t high = ceil_div(mc, ceil_div(mc, plan.rows));
        const real* const a0 = g.a + ic * g.a_rs + pc * g.a_cs;
        const int64_t step = stretch_of(g.a_rs, kc);
        for (int64_t p = 0; plan.lay_a && p < kc; p += step)
          for (int64_t i = 0; i < mc; i += high) {
            const int64_t r = least(high, mc - i);
            pack(a0 + i * g.a_rs + p * g.a_cs, g.a_rs, g.a_cs, r, r, least(step, kc - p), at + i * kc + p * r);
          }
        Stream next_a, next_b;
        int64_t tiles = ceil_div(nc, NR) * ceil_div(mc, high);
        if (far && plan.lay_a && ic + MC < g.m)
          next_a = stream_of(a0 + MC * g.a_rs, g.a_rs, g.a_cs, least(MC, g.m - ic - MC), kc, kc);
        for (int64_t j = 0; j < nc; j += NR) {
          const int64_t n = least(NR, nc - j), w = whole_vectors(n);
          const bool laid = plan.lay_b || w != n;
          if (each && !ic) {
            lay_b(j, j + NR);
            if (plan.lay_b && j + NR < nc) next_b = stream_of(b0 + (j + NR) * g.b_cs, g.b_cs, g.b_rs, least(NR, nc - j - NR), kc, kc);
          }
          const Finish f = {g.accumulate || pc > 0, g.bias && !pc ? g.bias + jc + j : nullptr,
                            (int)(n - (w - VW))};
          const Tile whole = find_tile(high, w == NR, plan.a_rows);
          for (int64_t i = 0; i < mc; i += high, tiles--) {
            const int64_t r = least(high, mc - i);
            const Tile t = r == high ? whole : find_tile(r, w == NR, plan.a_rows);
            Finish own = f;
            if constexpr (CAN_ASK) {
              if (plan.far) {
                const int64_t run = ceil_div(kc, LINE);
                own.ask = {a0 + (i + r) * g.a_rs, LINE, run, g.a_rs, kc / run};
              } else if (next_b.lines.rows) {
                own.ask = next_b.take();
              } else if (next_a.lines.rows && tiles <= 2 * next_a.tiles()) {
                own.ask = next_a.take();
              }
            }
            t(kc, plan.lay_a ? at + i * kc : a0 + i * g.a_rs, plan.lay_a ? r : plan.a_rows ? g.a_rs : g.a_cs,
              laid ? bt + j * kc : b0 + j, laid ? w : g.b_rs, g.c + (ic + i) * g.c_rs + jc + j, g.c_rs, own);
          }
        }
        if (end && pc + kc == g.k) end->block(ic, jc, mc, nc);
      }
    }
  }
}

// The rows of a few examples times those of many weights, as a layer does forward: with the sides exchanged the weights
// are read where they lie, and the sums are turned. The bits are the same, for so are the blocks of K.
static bool exchange(const GemmArgs& g, const Plan& plan, void* scratch) {
  if (g.laid || g.n < VW) return false;
  const bool far = g.n * g.k * (int64_t)sizeof(real) >= 256 * 1024;
  const int64_t w = whole_vectors(g.m), idle = most(0, (w * g.n - whole_vectors(g.n) * g.m) / VW * g.k);
  real* const sums = (real*)scratch + operand_reals(g.n, g.m, g.k);
  GemmArgs t = exchanged(g);
  t.c = sums, t.c_rs = w, t.accumulate = false, t.bias = nullptr, t.k = least(g.k, KC);
  Plan other = find_plan(t);
  const int64_t blocks = ceil_div(g.k, KC);
  if (blocks * (other.laid + EXCHANGE_COST * exchange_reals(g.m, g.n)) + (far ? FAR_IDLE_COST : IDLE_COST) * idle >= plan.laid) return false;
  other.far = far && other.a_rows;
  // Rows that share one set of L1: as many as it holds.
  if (other.far && t.a_rs * (int64_t)sizeof(real) % 4096 == 0) other.rows = least(other.rows, 7);
  for (int64_t pc = 0; pc < g.k; pc += KC) {
    t.k = least(KC, g.k - pc);
    multiply(t, other, scratch);
    turn(sums, g.n, g.m, w, g.c, g.c_rs, g.accumulate || pc, pc ? nullptr : g.bias);
    t.a += KC * t.a_cs, t.b += KC * t.b_rs;
  }
  return true;
}

// A small product whose columns fill one tile: nothing is planned. A side that lies in neither order is left to `multiply`.
static bool is_small(const GemmArgs& g) {
  return g.n <= NR && g.m <= MC && g.k <= KC && g.m * g.n * g.k <= 8192 && !g.laid && (g.a_rs == 1 || g.a_cs == 1);
}
static void small(const GemmArgs& g, real* scratch) {
  const int64_t w = whole_vectors(g.n);
  const bool there = g.b_cs == 1 && w == g.n, a_rows = g.a_rs != 1;
  if (!there) pack(g.b, g.b_cs, g.b_rs, g.n, w, g.k, scratch);
  const Finish f = {g.accumulate, g.bias, (int)(g.n - (w - VW))};
  const real* const b = there ? g.b : scratch;
  const int64_t as = a_rows ? g.a_rs : g.a_cs, bs = there ? g.b_rs : w;
  if (w == NR) (a_rows ? all_rows<MR, NV, true> : all_rows<MR, NV, false>)(g.m, g.k, g.a, as, b, bs, g.c, g.c_rs, f);
  else (a_rows ? all_rows<MR1, 1, true> : all_rows<MR1, 1, false>)(g.m, g.k, g.a, as, b, bs, g.c, g.c_rs, f);
}

// All at once, or false.
static bool whole(const GemmArgs& g, void* scratch) {
  if (g.k <= 0) return no_products(g), true;
  if (is_small(g)) return small(g, (real*)scratch), true;
  return gemm_of_zeros(g, scratch);
}
void gemm(const GemmArgs& g, void* scratch, Told* end) {
  if (g.m <= 0 || g.n <= 0) return;
  if (!whole(g, scratch)) {
    const Plan plan = find_plan(g);
    if (!exchange(g, plan, scratch)) return multiply(g, plan, scratch, end);
  }
  if (end) end->block(0, 0, g.m, g.n);
}

// How the tasks divide the batch, the rows and the columns.
struct Grid {
  int64_t b, m, n;
};
static int64_t share(int64_t extent, int64_t unit, int64_t parts) {
  return least(extent, ceil_div(ceil_div(extent, unit), parts) * unit);
}
// The grid whose largest task is the smallest, then the one that packs least.
static Grid find_grid(int64_t batch, int64_t m, int64_t n, int tasks, int64_t* cost) {
  Grid best = {1, 1, 1};
  *cost = INT64_MAX;
  int64_t best_edge = INT64_MAX;
  for (int64_t b = 1; b <= tasks; b++) {
    if (tasks % b || (b > 1 && b > batch)) continue;
    for (int64_t r = 1; r <= tasks / b; r++) {
      if (tasks / b % r) continue;
      const int64_t c = tasks / b / r;
      const int64_t bs = share(batch, 1, b), ms = share(m, MR, r), ns = share(n, NR, c);
      const int64_t work = bs * ms * ns, edge = bs * (ms + ns);
      if (work > *cost || (work == *cost && edge >= best_edge)) continue;
      best = {b, r, c}, *cost = work, best_edge = edge;
    }
  }
  return best;
}

int gemm_tasks(int64_t batch, int64_t m, int64_t n, int64_t k, int nthreads) {
  // A task should outlast by far the handing out of it.
  constexpr int64_t LEAST_WORK = 1 << 19;
  const double work = (double)batch * (double)m * (double)n * (double)k / LEAST_WORK;
  const int most = work < nthreads ? (int)work : nthreads;
  int best = 1;
  int64_t best_cost = INT64_MAX;
  // A number with few divisors may divide the product worse than a smaller one.
  for (int t = most; t >= 1 && t > most / 2; t--) {
    int64_t cost;
    find_grid(batch, m, n, t, &cost);
    if (cost <= best_cost) best = t, best_cost = cost;
  }
  return best;
}

void gemm_task_range(int64_t batch, int64_t m, int64_t n, int64_t, int tasks, int task, int64_t* b0,
                     int64_t* b1, int64_t* m0, int64_t* m1, int64_t* n0, int64_t* n1) {
  int64_t cost;
  const Grid g = find_grid(batch, m, n, tasks, &cost);
  const auto part = [](int64_t extent, int64_t unit, int64_t parts, int64_t at, int64_t* lo, int64_t* hi) {
    // Whole units, spread as evenly as they go.
    const int64_t units = ceil_div(extent, unit);
    *lo = least(extent, units * at / parts * unit);
    *hi = least(extent, units * (at + 1) / parts * unit);
  };
  part(batch, 1, g.b, task / (g.m * g.n), b0, b1);
  part(m, MR, g.m, task / g.n % g.m, m0, m1);
  part(n, NR, g.n, task % g.n, n0, n1);
}

}  // namespace NABLA_ISA
}  // namespace nabla
