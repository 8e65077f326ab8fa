// Products of which one side is for the most part zeros, as what follows a ReLU is, and the pixels of a digit: each
// of its rows walks its numbers that are not zero, and a panel of the other side lies in L1.
#include "gemm.h"
#include "pack.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// The vectors of a panel: enough sums at a time to hide the latency of an addition, and DEEP rows of them fit L1.
#if defined(__AVX512F__)
constexpr int WIDE = 8;
#elif defined(__AVX2__)
constexpr int WIDE = 12;
#elif defined(__ARM_NEON)
constexpr int WIDE = 16;
#else
constexpr int WIDE = 8;
#endif
constexpr int DEEP = 64;  // one word marks which numbers of a row are not zero
constexpr int64_t MC = 128, NC = 1024, KC = GEMM_KC;
// Below this the look at the operands is felt.
constexpr int64_t LEAST_WORK = 1 << 20;
// A row needs some sums at a time, and a panel some rows for which it is packed.
constexpr int64_t LEAST_COLUMNS = 64, LEAST_ROWS = 32;
// A number that is not zero takes 1.3 to 1.5 times as long here as in the tile that multiplies all.
constexpr int LOOKS = 256, MOST = LOOKS * 13 / 20;
// So large, a matrix that lies the other way round is read where it lies by `exchange` in gemm.cpp; to pack it here takes as
// long as 28 rows in the tile.
constexpr int64_t FAR_BYTES = 256 * 1024, PACKS_ROWS = 28;

bool may_serve(int64_t m, int64_t n, int64_t k) {
  return m >= LEAST_ROWS && n >= LEAST_COLUMNS && (double)m * (double)n * (double)k >= LEAST_WORK;
}

// How many of LOOKS numbers spread over a matrix are not zero; all of them, if the first ones say that most are.
int count_nonzeros(const real* x, int64_t rows, int64_t rs, int64_t cols, int64_t cs) {
  int found = 0;
  // Multiples of an odd number, taken modulo 2^32, spread evenly; of two numbers they do so in both axes.
  for (int i = 0; i < LOOKS; i++) {
    if (i == LOOKS / 8 && found > i * 13 / 16) return LOOKS;
    const int64_t r = (uint32_t)(i * 0x85ebca6bu) * (uint64_t)rows >> 32;
    const int64_t c = (uint32_t)(i * 0x9e3779b1u) * (uint64_t)cols >> 32;
    found += x[r * rs + c * cs] != 0;
  }
  return found;
}

// The same of A; all of them as well where to leave the zeros out gains nothing.
int nonzeros_of(const GemmArgs& g) {
  if (!may_serve(g.m, g.n, g.k)) return LOOKS;
  const bool far = g.b_cs != 1 && g.n * g.k * (int64_t)sizeof(real) >= FAR_BYTES;
  const int found = count_nonzeros(g.a, g.m, g.a_rs, g.k, g.a_cs);
  return found <= (far ? least(MOST, LOOKS * (g.m - PACKS_ROWS) * 5 / (7 * g.m)) : MOST) ? found : LOOKS;
}

// Bit p tells that a[p] is not zero.
NABLA_INLINE uint64_t marks_of(const real* a, int n) {
  uint64_t marks = 0;
  for (int p = 0; p < n; p += VW) marks |= (uint64_t)nonzeros(load_some(a + p, n - p < VW ? n - p : VW)) << p;
  return marks;
}

bool finite(const real* x, int64_t n) {
  vf sum = {};
  for (int64_t i = 0; i < n; i += VW) sum = fma(load(x + i), (vf){}, sum);
  return !any(sum != sum);
}

// *p in all lanes. On AVX-512 by an integer register: the unit that loads vectors is as busy as the one that multiplies.
NABLA_INLINE vf spread(const real* p) {
#if defined(__AVX512F__)
  word x;
  __builtin_memcpy(&x, p, sizeof x);
  asm("" : "+r"(x));
  return (vf)splat(x);
#else
  return splat(*p);
#endif
}

// m rows of sums, V vectors each, the last of which has `last` columns where they are finished.
struct Rows {
  int64_t m;
  const real* a;
  int64_t as;
  const uint64_t* marks;
  uint64_t always;  // marked in every row
  const real* panel;
  const real* from;  // sums so far, dense; none yet if null
  real* to;
  int64_t ts;
  bool add;
  const real* bias;
  int last;
};
typedef void (*Walk)(const Rows&);

template <int V>
void walk(const Rows& r) {
  const real *a = r.a, *from = r.from;
  real* to = r.to;
  for (int64_t i = 0; i < r.m; i++, a += r.as, to += r.ts) {
    vf s[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; v++) s[v] = from ? load(from + v * VW) : (vf){};
    if (from) from += V * VW;
    for (uint64_t marks = r.marks[i] | r.always; marks; marks &= marks - 1) {
      const int p = __builtin_ctzll(marks);
      const vf x = spread(a + p);
      const real* const b = r.panel + p * (V * VW);
#pragma GCC unroll 16
      for (int v = 0; v < V; v++) s[v] = fma(x, load(b + v * VW), s[v]);
    }
#pragma GCC unroll 16
    for (int v = 0; v < V; v++) {
      const int n = v == V - 1 ? r.last : VW;
      if (r.bias) s[v] += load_some(r.bias + v * VW, n);
      store_some(to + v * VW, r.add ? s[v] + load_some(to + v * VW, n) : s[v], n);
    }
  }
}
template <int V = WIDE>
Walk find_walk(int64_t vectors) {
  if constexpr (V > 1)
    if (vectors < V) return find_walk<V - 1>(vectors);
  return walk<V>;
}

int64_t row_reals(int64_t m, int64_t k) { return (least(m, MC) * least(k, KC) + 4 + 15) & ~(int64_t)15; }
int64_t panel_reals(int64_t n, int64_t k) { return (whole_vectors(least(n, NC)) * least(k, KC) + 4 + 15) & ~(int64_t)15; }
int64_t mark_reals(int64_t m, int64_t k) { return 8 / (int64_t)sizeof(real) * ((least(m, MC) * ceil_div(least(k, KC), DEEP) + 7) & ~(int64_t)7); }
constexpr int64_t SUM_REALS = (MC + VW) * WIDE * VW;

// The zeros are those of A. If the sides are exchanged, the sums are turned into C.
void multiply(const GemmArgs& g, bool turned, real* scratch) {
  real* const rows = scratch;
  real* const panels = rows + row_reals(g.m, g.k);
  real* const sums = panels + panel_reals(g.n, g.k);
  uint64_t* const marks = (uint64_t*)(sums + SUM_REALS);
  for (int64_t jc = 0; jc < g.n; jc += NC) {
    const int64_t nc = least(NC, g.n - jc), padded = whole_vectors(nc);
    const int64_t wide = ceil_div(padded / VW, ceil_div(padded / VW, WIDE)) * VW;  // panels of equal width
    for (int64_t pc = 0; pc < g.k; pc += KC) {
      const int64_t kc = least(KC, g.k - pc);
      uint64_t infinite = 0;  // which panels hold what times zero is not zero
      for (int64_t j = 0; j < nc; j += wide) {
        const int64_t w = least(wide, padded - j);
        pack(g.b + pc * g.b_rs + (jc + j) * g.b_cs, g.b_cs, g.b_rs, least(w, nc - j), w, kc, panels + j * kc);
        if (!finite(panels + j * kc, w * kc)) infinite |= (uint64_t)1 << (j / wide);
      }
      for (int64_t ic = 0; ic < g.m; ic += MC) {
        const int64_t mc = least(MC, g.m - ic);
        const real* a = g.a + ic * g.a_rs + pc * g.a_cs;
        int64_t as = g.a_rs;
        if (g.a_cs != 1) {
          pack(a, g.a_cs, g.a_rs, kc, kc, mc, rows);
          a = rows, as = kc;
        }
        for (int64_t p = 0; p < kc; p += DEEP)
          for (int64_t i = 0; i < mc; i++)
            marks[p / DEEP * mc + i] = marks_of(a + i * as + p, (int)least(DEEP, kc - p));
        for (int64_t j = 0; j < nc; j += wide) {
          const int64_t w = least(wide, padded - j), n = least(w, nc - j);
          const bool add = g.accumulate || pc > 0;
          const real* const bias = pc ? nullptr : g.bias;
          const bool dense = infinite >> (j / wide) & 1;
          for (int64_t p = 0; p < kc; p += DEEP) {
            const int deep = (int)least(DEEP, kc - p);
            Rows r = {mc, a + p, as, marks + p / DEEP * mc, dense ? ~(uint64_t)0 >> (DEEP - deep) : 0,
                      panels + j * kc + p * w, p ? sums : nullptr, sums, w, false, nullptr, VW};
            if (p + DEEP >= kc && !turned) {
              r.to = g.c + ic * g.c_rs + jc + j, r.ts = g.c_rs;
              r.add = add, r.bias = bias ? bias + jc + j : nullptr, r.last = (int)(n - (w - VW));
            }
            find_walk(w / VW)(r);
          }
          if (turned) turn(sums, mc, n, w, g.c + (jc + j) * g.c_rs + ic, g.c_rs, add, bias ? bias + ic : nullptr);
        }
      }
    }
  }
}

}  // namespace

int64_t gemm_zeros_scratch_bytes(int64_t m, int64_t n, int64_t k) {
  const auto reals = [&](int64_t rows, int64_t columns) {
    return may_serve(rows, columns, k)
               ? row_reals(rows, k) + panel_reals(columns, k) + SUM_REALS + mark_reals(rows, k)
               : 0;
  };
  return (int64_t)sizeof(real) * most(reals(m, n), reals(n, m));
}

bool gemm_of_zeros(const GemmArgs& g, void* scratch) {
  if (g.laid) return false;
  const GemmArgs t = exchanged(g);
  const int in_a = nonzeros_of(g), in_b = nonzeros_of(t);
  if (least(in_a, in_b) == LOOKS) return false;
  multiply(in_a <= in_b ? g : t, in_a > in_b, (real*)scratch);
  return true;
}

}  // namespace NABLA_ISA
}  // namespace nabla
