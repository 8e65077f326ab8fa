// ATTENTION and ATTENTION_BACK: softmax(Q K^T scale + mask) V in tiles of some queries by some keys, so that the weights of
// all queries and keys are never held (Dao et al., "FlashAttention", 2022). A row's maximum and sum go along with its
// tiles; what was summed before is scaled down when the maximum grows. Of each row the largest score and the logarithm
// of the sum are kept, from which the gradient makes its weights again.
#include "attention.h"
#include "check.h"
#include "functions.h"
#include "gemm.h"
#include "random.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

constexpr int64_t KEYS = 128;  // of a tile; KEYS values of 64 numbers fill L1
// Queries of a tile: whole register tiles of the matrix product.
#if defined(__AVX512F__)
constexpr int64_t QUERIES = 56, STRIP = 14;
#elif defined(__AVX2__) || defined(__ARM_NEON)
constexpr int64_t QUERIES = 60, STRIP = 12;
#else
constexpr int64_t QUERIES = 64, STRIP = 16;
#endif
// Where some keys of a tile lie in the future of some queries, STRIP queries are computed at a time, by the keys that one of
// them sees; gradients of keys by KEY_STRIP keys at a time.
constexpr int64_t KEY_STRIP = 2 * STRIP;
constexpr int64_t ROWS = (QUERIES + VW - 1) / VW * VW;
constexpr int NO_MASK = -1;

// Numbers of (batch, head, row, column) by strides.
struct Operand {
  const real* p;
  int64_t s[4];
  const real* at(int64_t b, int64_t h, int64_t row) const { return p + b * s[0] + h * s[1] + row * s[2]; }
};

// The words that both instructions begin with; see program.h.
struct Form {
  int64_t B, H, G, L, S, E, D;
  bool causal;
  real scale;
  int mask_type;
  uint32_t threshold;  // a weight stays when the upper 24 of its random bits reach this; 0: all stay
  real kept;           // what those that stay are multiplied by
  Operand q, k, v, mask;
  const uint8_t* bools;
  const int32_t* state;
  const int32_t* rest;

  static real number(int32_t bits) {
    real x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
  }
  explicit Form(const Exec& e) {
    const int32_t* w = e.w + 3;
    B = w[0], H = w[1], G = w[2], L = w[3], S = w[4], E = w[5], D = w[6], causal = w[7], scale = number(w[8]), mask_type = w[9];
    threshold = (uint32_t)w[10], kept = number(w[11]);
    rest = w + 12;
    q = take(e), k = take(e), v = take(e), mask = take(e);
    bools = mask_type == BOOL ? (const uint8_t*)e.slots[rest[-6]] + rest[-5] : nullptr;
    state = operand<int32_t>(e, rest), rest += 2;
  }
  Operand take(const Exec& e) {
    Operand o = {operand<real>(e, rest), {rest[2], rest[3], rest[4], rest[5]}};
    rest += 6;
    return o;
  }
  int64_t group() const { return H / G; }
  int64_t query_blocks() const { return ceil_div(L, QUERIES); }
  int64_t key_blocks() const { return ceil_div(S, KEYS); }
};

// e^x for x <= 0 and a little above; 0 below -87, where the results would be denormal and slow.
NABLA_INLINE vf exp_flushed(vf x) {
  const vf t = fma(x, splat(LOG2E), splat(MAGIC)), n = t - MAGIC, r = minus_n_ln2(x, n);
  const vf p = fma(fma(exp_tail(r), r, splat(1.0f)), r, splat(1.0f));
  return select(x < -87.0f, splat(0.0f), p * pow2_of_magic(t));
}
NABLA_INLINE real hmax(vf x) {
  typedef float quarter __attribute__((vector_size(16)));
#if NABLA_VW == 16
  typedef float half __attribute__((vector_size(32)));
  const half a = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7), b = __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
  const half h = a > b ? a : b;
  const quarter p = __builtin_shufflevector(h, h, 0, 1, 2, 3), q = __builtin_shufflevector(h, h, 4, 5, 6, 7);
#elif NABLA_VW == 8
  const quarter p = __builtin_shufflevector(x, x, 0, 1, 2, 3), q = __builtin_shufflevector(x, x, 4, 5, 6, 7);
#else
  const quarter p = x, q = x;
#endif
  const quarter r = p > q ? p : q, t = __builtin_shufflevector(r, r, 2, 3, 0, 1), u = r > t ? r : t;
  return u[0] > u[1] ? u[0] : u[1];
}
// x, and `other` in the lanes from the n-th on.
NABLA_INLINE vf first_of(vf x, int64_t n, vf other) {
  if (n >= VW) return x;
  vi lane;
#pragma GCC unroll 16
  for (int i = 0; i < VW; i++) lane[i] = i;
  return select(lane < splat((word)n), x, other);
}

// What one thread works with.
struct Space {
  real *scores, *other, *sums, *top, *total, *added, *random;
  void* scratch;
};
constexpr int64_t TILE = QUERIES * KEYS;
int64_t space_reals(const int64_t D, bool back) {
  return (back ? 2 : 1) * TILE + (back ? 0 : whole_vectors(QUERIES * D) + 2 * ROWS) + KEYS + KEYS + 4 * VW;
}
Space space_of(char* at, int64_t D, bool back) {
  Space s = {};
  real* p = (real*)at;
  const auto take = [&](int64_t n) { return p += n, p - n; };
  s.scores = take(TILE);
  if (back) s.other = take(TILE);
  else s.sums = take(whole_vectors(QUERIES * D)), s.top = take(ROWS), s.total = take(ROWS);
  s.added = take(KEYS), s.random = take(KEYS + 4 * VW);
  s.scratch = (real*)at + ((space_reals(D, back) + 15) & ~(int64_t)15);
  return s;
}

NABLA_INLINE void product(const GemmArgs& g, void* scratch) {
  GemvArgs v;
  if (!g.laid && g.k > 0 && as_gemv(g, &v)) gemv(v, 0, v.n, scratch);
  else gemm(g, scratch);
}

// What the mask adds to the scores of a query and n keys from j0 on: -INF where a bool is false.
void mask_row(const Form& f, int64_t b, int64_t h, int64_t i, int64_t j0, int64_t n, real* to) {
  const int64_t at = b * f.mask.s[0] + h * f.mask.s[1] + i * f.mask.s[2] + j0 * f.mask.s[3], step = f.mask.s[3];
  if (f.bools)
    for (int64_t j = 0; j < n; j++) to[j] = f.bools[at + j * step] ? 0 : -INF;
  else if (step == 1)
    copy_run(f.mask.p + at, n, to);
  else
    for (int64_t j = 0; j < n; j++) to[j] = f.mask.p[at + j * step];
}

// Of n products of a query with keys makes scores: times the scale, plus what is added, -INF from `seen` on and up to a
// whole vector. Gives the largest of each lane.
NABLA_INLINE vf score_row(real* s, int64_t n, int64_t seen, real scale, const real* added) {
  const vf none = splat(-INF), factor = splat(scale);
  vf top = none;
  for (int64_t j = 0; j < n; j += VW) {
    const vf y = load(added + j);
    const vf x = first_of(select(y == none, none, fma(load(s + j), factor, y)), seen - j, none);
    store(s + j, x);
    top = max_hw(x, top);
  }
  return top;
}
// The largest of each lane of a row that nothing is added to, and -INF from `seen` on.
NABLA_INLINE vf top_of(real* s, int64_t n, int64_t seen) {
  const vf none = splat(-INF);
  vf top = none, other = none;
  int64_t j = 0;
  for (; j + 2 * VW <= seen; j += 2 * VW) top = max_hw(load(s + j), top), other = max_hw(load(s + j + VW), other);
  for (; j < n; j += VW) {
    const vf x = first_of(load(s + j), seen - j, none);
    store(s + j, x);
    top = max_hw(x, top);
  }
  return max_hw(top, other);
}

// The random bits of the weights of query i and n keys from j0 on, as the tensor (B, H, L, S) of them would have them.
NABLA_INLINE void random_row(const Form& f, int64_t b, int64_t h, int64_t i, int64_t j0, int64_t n, real* to) {
  philox_fill((uint32_t)f.state[0], (uint32_t)f.state[1], (uint32_t)f.state[2], ((b * f.H + h) * f.L + i) * f.S + j0, to, n);
}
// What a weight is multiplied by.
NABLA_INLINE vf dropped(const Form& f, const real* random) {
  const vi x = (vi)((vu)bits(load(random)) >> 8);
  return select(x >= splat((int32_t)f.threshold), splat(f.kept), splat(0.0f));
}
// The keys that query i sees of n from j0 on.
NABLA_INLINE int64_t seen_of(const Form& f, int64_t i, int64_t j0, int64_t n) {
  return f.causal ? most(0, least(n, i - j0 + 1)) : n;
}

// Calls run(row, rows, keys, whole) for the strips of a tile: `keys` are those that one of these rows sees, `whole` as many
// filled up to whole panels, for keys that are laid out in panels.
template <class F>
NABLA_INLINE void strips(const Form& f, int64_t i0, int64_t m, int64_t j0, int64_t n, const F& run) {
  if (!f.causal || j0 + n <= i0) return run(0, m, n, n);
  for (int64_t r = 0; r < m; r += STRIP) {
    const int64_t rows = least(STRIP, m - r), keys = least(n, i0 + r + rows - j0);
    const int64_t whole = f.E <= GEMM_KC && f.D <= GEMM_KC ? least(n, ceil_div(keys, GEMM_NR) * GEMM_NR) : n;
    if (keys > 0) run(r, rows, keys, whole);
  }
}

int tasks_of(const Exec& e, double work, int64_t units) {
  if (pool_threads(e.pool) == 1 || units < 2) return 1;
  const double n = work / (1 << 19);
  return n < 1 ? 1 : n < (double)units ? (int)n : (int)least(units, 1 << 20);
}

// ---- validation ----

struct Extents {
  int32_t B, H, G, L, S, E, D;
};

// Everything up to the outputs. ranges: what is read.
Extents read_form(Reader& r, Range* ranges, int* count) {
  r.real_dtype();
  Extents x;
  x.B = r.extent(), x.H = r.extent(), x.G = r.extent(), x.L = r.extent(), x.S = r.extent(), x.E = r.extent(), x.D = r.extent();
  r.between(0, 1, "causal is 0 or 1");
  r.word();
  const int32_t mask = r.word();
  if (mask != NO_MASK && mask != BOOL && mask != F32) r.fail("a mask has no such dtype");
  const int32_t threshold = r.between(0, 1 << 24, "the threshold is out of range");
  r.word();
  if (r.ok && x.H > 0 && (x.G < 1 || x.H % x.G != 0)) r.fail("the heads of keys do not divide those of queries");
  const auto take = [&](int width, bool there, int32_t a, int32_t b, int32_t c, int32_t d) {
    const Ref ref = r.ref(!there);
    int32_t stride[4];
    r.words(4, stride);
    if (r.ok && there != (ref.slot >= 0)) r.fail("an operand is there and should not be");
    const int32_t extent[4] = {a, b, c, d};
    ranges[(*count)++] = r.span(ref, width, 4, extent, stride);
  };
  take(sizeof(real), true, x.B, x.H, x.L, x.E);
  take(sizeof(real), true, x.B, x.G, x.S, x.E);
  take(sizeof(real), true, x.B, x.G, x.S, x.D);
  take(mask == BOOL ? 1 : (int)sizeof(real), mask != NO_MASK, x.B, x.H, x.L, x.S);
  ranges[(*count)++] = r.operand(4, 3, threshold == 0);
  return x;
}
Range written(Reader& r, int32_t a, int32_t b, int32_t c, int32_t d, bool optional = false) {
  const int32_t extent[4] = {a, b, c, d};
  return r.operand(sizeof(real), r.count(4, extent), optional);
}

}  // namespace

bool attention_validate(Check& c) {
  Reader r(c);
  Range in[5];
  int n = 0;
  const Extents x = read_form(r, in, &n);
  const Range out = written(r, x.B, x.L, x.H, x.D), lse = written(r, x.B, x.H, x.L, 2, true);
  for (int i = 0; i < n; i++) r.apart(out, in[i]), r.apart(lse, in[i]);
  r.apart(out, lse);
  if (!r.done()) return false;
  if (x.B && x.H && x.L) {
    const int64_t blocks = ceil_div((int64_t)x.S, KEYS);
    c.shared = (int64_t)sizeof(real) * x.B * x.G * blocks * gemm_laid_reals(KEYS, x.E);
    c.per_thread = (int64_t)sizeof(real) * (space_reals(x.D, false) + 16) +
                   most(gemm_scratch_bytes(QUERIES, KEYS, x.E), gemm_scratch_bytes(QUERIES, x.D, KEYS));
  }
  return true;
}

bool attention_back_validate(Check& c) {
  Reader r(c);
  Range in[8];
  int n = 0;
  const Extents x = read_form(r, in, &n);
  const auto rows = [&](int32_t columns) {
    const Ref ref = r.ref();
    int32_t stride[4];
    r.words(4, stride);
    const int32_t extent[4] = {x.B, x.H, x.L, columns};
    in[n++] = r.span(ref, sizeof(real), 4, extent, stride);
  };
  rows(x.D), rows(2), rows(1);
  const Range out[3] = {written(r, x.B, x.L, x.H, x.E), written(r, x.B, x.S, x.G, x.E), written(r, x.B, x.S, x.G, x.D)};
  for (int k = 0; k < 3; k++) {
    for (int i = 0; i < n; i++) r.apart(out[k], in[i]);
    for (int i = 0; i < k; i++) r.apart(out[k], out[i]);
  }
  if (!r.done()) return false;
  if (x.B && x.H) {
    const int64_t parts = most(1, least(c.threads, ceil_div((int64_t)x.S, KEYS)));
    // Parts are as many as make a task for each thread.
    if ((int64_t)x.B * x.G < c.threads) c.shared = (int64_t)sizeof(real) * parts * x.B * x.H * x.L * x.E;
    const int64_t widest = most(x.E, x.D);
    c.per_thread = (int64_t)sizeof(real) * (space_reals(x.D, true) + 16 + gemm_laid_reals(KEYS, x.E) + gemm_laid_reals(KEYS, x.D)) +
                   most(gemm_scratch_bytes(QUERIES, KEYS, widest),
                        most(gemm_scratch_bytes(KEYS, widest, QUERIES), gemm_scratch_bytes(QUERIES, widest, KEYS)));
  }
  return true;
}

// ---- running ----

void attention_run(const Exec& e) {
  const Form f(e);
  real* const out = operand<real>(e, f.rest);
  real* const lse = operand<real>(e, f.rest + 2);
  if (!f.B || !f.H || !f.L) return;
  const int64_t blocks = f.query_blocks(), key_blocks = f.key_blocks();
  // Keys that several tiles multiply are laid out once.
  const bool lay = blocks * f.group() > 1;
  const int64_t panel = gemm_laid_reals(KEYS, f.E);
  real* const laid = (real*)e.shared;
  if (lay)
    parallel_for(e, f.B * f.G * key_blocks, (1 << 15) / (KEYS * f.E + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; at++) {
        const int64_t j0 = at % key_blocks * KEYS, head = at / key_blocks;
        gemm_lay(f.k.at(head / f.G, head % f.G, j0), f.k.s[3], f.k.s[2], least(KEYS, f.S - j0), f.E, laid + at * panel);
      }
    });

  const auto one = [&](int64_t unit, const Space& s) {
    const int64_t i0 = unit % blocks * QUERIES, m = least(QUERIES, f.L - i0);
    const int64_t h = unit / blocks % f.H, b = unit / blocks / f.H, g = h / f.group();
    const int64_t last = f.causal ? ceil_div(least(f.S, i0 + m), KEYS) : key_blocks;
    for (int64_t i = 0; i < ROWS; i++) s.top[i] = -INF, s.total[i] = 0;
    // The largest product has the largest score, if no mask changes it.
    const bool masked = f.mask_type != NO_MASK, raw = !masked && f.scale > 0;
    if (!masked && !raw) __builtin_memset(s.added, 0, KEYS * sizeof(real));
    for (int64_t kb = 0; kb < last; kb++) {
      const int64_t j0 = kb * KEYS, n = least(KEYS, f.S - j0);
      const real* const keys = lay ? laid + ((b * f.G + g) * key_blocks + kb) * panel : f.k.at(b, g, j0);
      if (masked && f.mask.s[2] == 0) mask_row(f, b, h, 0, j0, n, s.added);
      strips(f, i0, m, j0, n, [&](int64_t row, int64_t rows, int64_t n, int64_t whole) {
        real* const scores = s.scores + row * KEYS;
        product({f.q.at(b, h, i0 + row), keys, scores, rows, lay ? whole : n, f.E, f.q.s[2], f.q.s[3], f.k.s[3], f.k.s[2], KEYS, false, nullptr, lay},
                s.scratch);
        for (int64_t i = row; i < row + rows; i++) {
          real* const x = s.scores + i * KEYS;
          const int64_t seen = seen_of(f, i0 + i, j0, n);
          if (masked && f.mask.s[2] != 0) mask_row(f, b, h, i0 + i, j0, n, s.added);
          const real before = s.top[i];
          const real here = raw ? hmax(top_of(x, n, seen)) * f.scale : hmax(score_row(x, n, seen, f.scale, s.added));
          const real top = here > before ? here : before;
          const vf shift = splat(top == -INF ? 0 : top), factor = splat(raw ? f.scale : 1);
          if (f.threshold) random_row(f, b, h, i0 + i, j0, seen, s.random);
          vf total = {};
          for (int64_t j = 0; j < n; j += VW) {
            const vf p = exp_flushed(fma(load(x + j), factor, -shift));
            total += p;
            store(x + j, f.threshold ? p * dropped(f, s.random + j) : p);
          }
          real sum = hsum(total);
          if (here > before && kb > 0) {
            const vf alpha = exp_flushed(splat(before) - shift);
            sum += s.total[i] * alpha[0];
            real* const y = s.sums + i * f.D;
            int64_t d = 0;
            for (; d + VW <= f.D; d += VW) store(y + d, load(y + d) * alpha);
            for (; d < f.D; d++) y[d] *= alpha[0];
          } else {
            sum += s.total[i];
          }
          s.top[i] = top, s.total[i] = sum;
        }
        product({scores, f.v.at(b, g, j0), s.sums + row * f.D, rows, f.D, n, KEYS, 1, f.v.s[2], f.v.s[3], f.D, kb > 0, nullptr}, s.scratch);
      });
    }
    for (int64_t i = 0; i < m; i++) {
      real* const to = out + ((b * f.L + i0 + i) * f.H + h) * f.D;
      const real* const y = s.sums + i * f.D;
      if (last == 0 || s.total[i] == 0) {
        for (int64_t d = 0; d < f.D; d++) to[d] = 0;
        continue;
      }
      const real share = 1 / s.total[i];
      for (int64_t d = 0; d < f.D; d++) to[d] = y[d] * share;
    }
    if (lse) {
      for (int64_t i = 0; i < ROWS; i += VW) store(s.total + i, v_log(load(s.total + i)));
      real* const to = lse + 2 * ((b * f.H + h) * f.L + i0);
      for (int64_t i = 0; i < m; i++) to[2 * i] = s.top[i], to[2 * i + 1] = s.total[i];
    }
  };

  const int64_t units = f.B * f.H * blocks;
  const double work = (double)f.B * (double)f.H * (double)f.L * (double)f.S * (double)(f.E + f.D + 32) / (f.causal ? 2 : 1);
  const int tasks = tasks_of(e, work, units);
  parallel(e, tasks, [&](int task, int thread) {
    const Space s = space_of(e.scratch + thread * e.per_thread, f.D, false);
    for (int64_t unit = units * task / tasks; unit < units * (task + 1) / tasks; unit++) one(unit, s);
  });
}

void attention_back_run(const Exec& e) {
  Form f(e);
  const Operand ct = f.take(e), lse = f.take(e), delta = f.take(e);
  real* const dq = operand<real>(e, f.rest);
  real* const dk = operand<real>(e, f.rest + 2);
  real* const dv = operand<real>(e, f.rest + 4);
  if (!f.B || !f.H) return;
  const int64_t blocks = f.query_blocks(), key_blocks = f.key_blocks(), heads = f.B * f.G;
  const int64_t threads = pool_threads(e.pool), all = f.B * f.L * f.H * f.E;
  // Heads are divided among the threads; when there are too few of them, their keys are, each part with a sum of its own
  // for the queries.
  const int64_t parts = heads >= threads ? 1 : least(ceil_div(threads, heads), most(1, key_blocks));
  real* const sums = parts > 1 ? (real*)e.shared : dq;

  const auto block = [&](int64_t b, int64_t g, int64_t kb, real* dq_of, const Space& s, real* keys, real* values) {
    const int64_t j0 = kb * KEYS, n = least(KEYS, f.S - j0);
    const real *const k = f.k.at(b, g, j0), *const v = f.v.at(b, g, j0);
    real *const to_k = dk + ((b * f.S + j0) * f.G + g) * f.E, *const to_v = dv + ((b * f.S + j0) * f.G + g) * f.D;
    gemm_lay(k, f.k.s[3], f.k.s[2], n, f.E, keys);
    gemm_lay(v, f.v.s[3], f.v.s[2], n, f.D, values);
    const bool masked = f.mask_type != NO_MASK;
    for (int64_t h = g * f.group(); h < (g + 1) * f.group(); h++)
      for (int64_t qb = f.causal ? j0 / QUERIES : 0; qb < blocks; qb++) {
        const int64_t i0 = qb * QUERIES, m = least(QUERIES, f.L - i0);
        const real *const q = f.q.at(b, h, i0), *const c = ct.at(b, h, i0);
        if (masked && f.mask.s[2] == 0) mask_row(f, b, h, 0, j0, n, s.added);
        strips(f, i0, m, j0, n, [&](int64_t row, int64_t rows, int64_t seen_most, int64_t whole) {
          real *const scores = s.scores + row * KEYS, *const other = s.other + row * KEYS;
          gemm({q + row * f.q.s[2], keys, scores, rows, whole, f.E, f.q.s[2], f.q.s[3], 0, 0, KEYS, false, nullptr, true}, s.scratch);
          gemm({c + row * ct.s[2], values, other, rows, whole, f.D, ct.s[2], ct.s[3], 0, 0, KEYS, false, nullptr, true}, s.scratch);
          for (int64_t i = row; i < row + rows; i++) {
            real *const x = s.scores + i * KEYS, *const y = s.other + i * KEYS;
            const int64_t seen = seen_of(f, i0 + i, j0, n);
            if (masked) {
              if (f.mask.s[2] != 0) mask_row(f, b, h, i0 + i, j0, n, s.added);
              score_row(x, seen_most, seen, f.scale, s.added);
            }
            const real* const l = lse.at(b, h, i0 + i);
            // A row that sees nothing has weights of 0. The largest score is taken away first: beside it, when it is large, the
            // logarithm of the sum would be lost.
            const bool nothing = l[lse.s[3]] == -INF;
            const vf shift = splat(nothing ? INF : l[0]), rest = splat(nothing ? 0 : l[lse.s[3]]), mean = splat(*delta.at(b, h, i0 + i));
            const vf factor = splat(f.scale), own = splat(masked ? 1 : f.scale);
            if (f.threshold) random_row(f, b, h, i0 + i, j0, seen, s.random);
            int64_t j = 0;
            for (; j < seen; j += VW) {
              const vf p = first_of(exp_flushed(fma(load(x + j), own, -shift) - rest), seen - j, (vf){});
              vf w = p, d = load(y + j);
              if (f.threshold) {
                const vf stays = dropped(f, s.random + j);
                w = p * stays, d = d * stays;
              }
              store(x + j, w);
              store(y + j, first_of(p * (d - mean) * factor, seen - j, (vf){}));
            }
            // What the products of the strips of keys read besides.
            for (const int64_t end = least(n, seen_most + KEY_STRIP); j < end; j += VW) store(x + j, (vf){}), store(y + j, (vf){});
          }
          gemm({other, k, dq_of + ((b * f.L + i0 + row) * f.H + h) * f.E, rows, f.E, seen_most, KEYS, 1, f.k.s[2], f.k.s[3], f.H * f.E, true, nullptr},
               s.scratch);
        });
        // Keys from `at` on: no query before their own sees them.
        const auto sums_of_keys = [&](int64_t at, int64_t columns, bool add) {
          const int64_t row = f.causal ? most(0, j0 + at - i0) : 0;
          if (row >= m) return;
          gemm({s.scores + row * KEYS + at, c + row * ct.s[2], to_v + at * f.G * f.D, columns, f.D, m - row, 1, KEYS, ct.s[2], ct.s[3], f.G * f.D, add, nullptr},
               s.scratch);
          gemm({s.other + row * KEYS + at, q + row * f.q.s[2], to_k + at * f.G * f.E, columns, f.E, m - row, 1, KEYS, f.q.s[2], f.q.s[3], f.G * f.E, add, nullptr},
               s.scratch);
        };
        const bool first = h == g * f.group();
        if (!f.causal) sums_of_keys(0, n, !first || qb > 0);
        else if (j0 + n <= i0) sums_of_keys(0, n, true);
        else
          for (int64_t at = 0; at < n; at += KEY_STRIP) sums_of_keys(at, least(KEY_STRIP, n - at), !first || qb > (j0 + at) / QUERIES);
      }
    // Keys that no query sees.
    const int64_t seen = f.causal ? most(0, least(n, ceil_div(f.L - j0, KEY_STRIP) * KEY_STRIP)) : f.L > 0 ? n : 0;
    for (int64_t j = seen; j < n; j++) {
      for (int64_t d = 0; d < f.E; d++) to_k[j * f.G * f.E + d] = 0;
      for (int64_t d = 0; d < f.D; d++) to_v[j * f.G * f.D + d] = 0;
    }
  };

  const double work = 2.5 * (double)f.B * (double)f.H * (double)f.L * (double)f.S * (double)(f.E + f.D + 32);
  const int tasks = work < (1 << 20) ? 1 : (int)(heads * parts);
  const int64_t units = heads * parts;
  parallel(e, tasks, [&](int task, int thread) {
    const Space s = space_of(e.scratch + thread * e.per_thread, f.D, true);
    real* const keys = (real*)s.scratch;
    real* const values = keys + gemm_laid_reals(KEYS, f.E);
    Space own = s;
    own.scratch = values + gemm_laid_reals(KEYS, f.D);
    for (int64_t unit = units * task / tasks; unit < units * (task + 1) / tasks; unit++) {
      const int64_t part = unit % parts, b = unit / parts / f.G, g = unit / parts % f.G;
      real* const to = sums + part * all;
      for (int64_t i = 0; i < f.L; i++)
        __builtin_memset(to + ((b * f.L + i) * f.H + g * f.group()) * f.E, 0, (size_t)(f.group() * f.E) * sizeof(real));
      for (int64_t kb = part; kb < key_blocks; kb += parts) block(b, g, kb, to, own, keys, values);
    }
  });
  if (parts > 1)
    parallel_for(e, all, 1 << 14, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        real x = sums[i];
        for (int64_t p = 1; p < parts; p++) x += sums[p * all + i];
        dq[i] = x;
      }
    });
}

}  // namespace NABLA_ISA
}  // namespace nabla
