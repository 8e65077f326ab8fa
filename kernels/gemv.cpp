// A vector times a matrix, which is read once and where it lies: the time is that of reading it.
#include "gemm.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// What becomes of V sums beside each other: `cols` columns from j on.
template <int V>
NABLA_INLINE void finish(const GemvArgs& g, int64_t j, int cols, vf* s) {
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) {
    const int n = cols - v * VW < VW ? cols - v * VW : VW;
    real* const to = g.c + (j + v * VW) * g.c_s;
    if (g.c_s == 1 && (!g.bias || g.bias_s == 1)) {
      if (g.bias) s[v] += load_some(g.bias + j + v * VW, n);
      if (g.accumulate) s[v] += load_some(to, n);
      store_some(to, s[v], n);
      continue;
    }
    for (int i = 0; i < n; i++) {
      real x = s[v][i];
      if (g.bias) x += g.bias[(j + v * VW + i) * g.bias_s];
      to[i * g.c_s] = g.accumulate ? to[i * g.c_s] + x : x;
    }
  }
}

#if !defined(__wasm__)
// Whether the matrix is larger than what caches near a core keep, so that it comes from memory: then each line is asked for some
// rows before its turn. The processor reads ahead by itself within a page only, and anew for each row.
bool is_far(int64_t n, int64_t k) { return n * k * (int64_t)sizeof(real) >= 256 * 1024; }
bool is_far(const GemvArgs& g) { return is_far(g.n, g.k); }
// Rows that are multiplied by columns while these lie in L1, which takes no longer than reading them.
constexpr int64_t FEW_ROWS = 6;
#endif
template <bool FAR>
NABLA_INLINE void ask_for(const real* p) {
  if constexpr (FAR) __builtin_prefetch(p, 0, 2);  // to L2
}

// V vectors of columns, the last one perhaps partial: rows of B times one number each.
template <int V>
void columns(const GemvArgs& g, int64_t j, int cols) {
  vf s[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) s[v] = splat(0.0f);
  const real *a = g.a, *b = g.b + j;
  const int last = cols - (V - 1) * VW;
  for (int64_t p = 0; p < g.k; p++, a += g.a_s, b += g.b_rs) {
    const vf x = splat(*a);
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) s[v] = fma(x, v == V - 1 ? load_some(b + v * VW, last) : load(b + v * VW), s[v]);
  }
  finish<V>(g, j, cols, s);
}

template <int V>
void columns_of(const GemvArgs& g, int64_t j, int cols) {
  if constexpr (V > 1)
    if (cols <= (V - 1) * VW) return columns_of<V - 1>(g, j, cols);
  columns<V>(g, j, cols);
}

// All columns at once, by a few rows of B at a time, whose sums lie in c meanwhile. `columns` reads a little of each row, where
// nothing of the processor reads ahead: rows that are longer than that are read at half the memory's rate. The bits are the
// same. Pages do without: they load little.
#if !defined(__wasm__)
constexpr int BLOCK = 8;
template <int R, bool FAR>
NABLA_INLINE void row_block(const GemvArgs& g, int64_t p, int64_t j0, int64_t j1) {
  vf x[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) x[r] = splat(g.a[(p + r) * g.a_s]);
  const real* const b = g.b + p * g.b_rs;
  const bool first = p == 0, last = p + R == g.k && g.bias;
  int64_t j = j0;
  for (; j + VW <= j1; j += VW) {
    vf s = first ? splat(0.0f) : load(g.c + j);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      ask_for<FAR>(b + (r + R) * g.b_rs + j);
      s = fma(x[r], load(b + r * g.b_rs + j), s);
    }
    if (last) s += load(g.bias + j);
    store(g.c + j, s);
  }
  if (j == j1) return;
  const int n = (int)(j1 - j);
  vf s = first ? splat(0.0f) : load_some(g.c + j, n);
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) s = fma(x[r], load_some(b + r * g.b_rs + j, n), s);
  if (last) s += load_some(g.bias + j, n);
  store_some(g.c + j, s, n);
}
template <bool FAR>
void rows(const GemvArgs& g, int64_t j0, int64_t j1) {
  int64_t p = 0;
  for (; p + BLOCK <= g.k; p += BLOCK) row_block<BLOCK, FAR>(g, p, j0, j1);
  for (; p < g.k; p++) row_block<1, false>(g, p, j0, j1);
}
// How many sums stay in L1 beside what is read.
constexpr int64_t SPAN = 4096 / (int64_t)sizeof(real) * 4;
bool by_rows(const GemvArgs& g, int64_t cols) {
  return cols >= (is_far(g) ? 1 : 4) * GEMV_UNIT && g.k >= 2 * BLOCK && g.c_s == 1 && !g.accumulate && (!g.bias || g.bias_s == 1);
}
#endif

// R columns that each lie in one piece: products with the vector, two sums for each.
template <int R, bool FAR>
void dots(const GemvArgs& g, const real* a, int64_t j) {
  vf s[2][R];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) s[0][r] = s[1][r] = splat(0.0f);
  const real* b = g.b + j * g.b_cs;
  int64_t p = 0;
  for (; p + 2 * VW <= g.k; p += 2 * VW)
#pragma GCC unroll 2
    for (int u = 0; u < 2; u++) {
      const vf x = load(a + p + u * VW);
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) {
        ask_for<FAR>(b + (r + R) * g.b_cs + p + u * VW);
        s[u][r] = fma(x, load(b + r * g.b_cs + p + u * VW), s[u][r]);
      }
    }
  for (; p < g.k; p += VW) {
    const int n = (int)(g.k - p < VW ? g.k - p : VW);
    const vf x = load_some(a + p, n);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) s[0][r] = fma(x, load_some(b + r * g.b_cs + p, n), s[0][r]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    vf sum = splat(0.0f);
    sum[0] = hsum(s[0][r] + s[1][r]);
    finish<1>(g, j + r, 1, &sum);
  }
}

// R columns by all rows, of which the first asks for what follows.
template <int R, bool FAR>
NABLA_INLINE void rows_of_dots(GemvArgs g, const real* a, int64_t j) {
  dots<R, FAR>(g, a, j);
  for (int64_t i = 1; i < g.rows; i++) a += g.a_rs, g.c += g.c_rs, dots<R, false>(g, a, j);
}
template <bool FAR>
void all_dots(const GemvArgs& g, const real* a, int64_t j0, int64_t j1) {
  // As many columns as the registers hold: each is a stream that the processor reads ahead.
  constexpr int64_t WIDE = NABLA_BYTES == 64 ? 8 : 4;
  for (; j0 + WIDE <= j1; j0 += WIDE) rows_of_dots<WIDE, FAR>(g, a, j0);
  if (WIDE > 4 && j0 + 4 <= j1) rows_of_dots<4, FAR>(g, a, j0), j0 += 4;
  for (; j0 < j1; j0++) rows_of_dots<1, false>(g, a, j0);
}

}  // namespace

bool as_gemv(const GemmArgs& g, GemvArgs* v) {
  if (g.m == 1) *v = {g.a, g.b, g.c, g.n, g.k, g.a_cs, g.b_rs, g.b_cs, 1, g.accumulate, g.bias, 1, false};
  else if (g.n == 1) *v = {g.b, g.a, g.c, g.m, g.k, g.b_rs, g.a_cs, g.a_rs, g.c_rs, g.accumulate, g.bias, 0, false};
#if !defined(__wasm__)
  else if (g.m <= FEW_ROWS && g.a_cs == 1 && g.b_rs == 1 && g.b_cs != 1 && !g.laid && is_far(g.n, g.k))
    *v = {g.a, g.b, g.c, g.n, g.k, 1, 1, g.b_cs, 1, g.accumulate, g.bias, 1, true, g.m, g.a_rs, g.c_rs};
#endif
  else return false;
  v->dots = v->b_rs == 1 && (v->b_cs != 1 || v->n == 1);
  return v->dots || v->b_cs == 1;
}

void gemv(const GemvArgs& g, int64_t j0, int64_t j1, void* scratch) {
  if (!g.dots) {
#if !defined(__wasm__)
    if (by_rows(g, j1 - j0)) {
      const auto some = is_far(g) ? rows<true> : rows<false>;
      for (; j0 < j1; j0 += SPAN) some(g, j0, least(j1, j0 + SPAN));
      return;
    }
#endif
    for (; j0 < j1; j0 += GEMV_UNIT) columns_of<8>(g, j0, (int)(j1 - j0 < GEMV_UNIT ? j1 - j0 : GEMV_UNIT));
    return;
  }
  const real* a = g.a;
  if (g.a_s != 1) {
    real* const t = (real*)scratch;
    for (int64_t p = 0; p < g.k; p++) t[p] = a[p * g.a_s];
    a = t;
  }
#if !defined(__wasm__)
  if (is_far(g)) return all_dots<true>(g, a, j0, j1);
#endif
  all_dots<false>(g, a, j0, j1);
}

}  // namespace NABLA_ISA
}  // namespace nabla
