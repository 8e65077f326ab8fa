// Blocks of bfloat16 products by AVX-512 BF16: one instruction multiplies the 16 pairs of a vector by a pair and adds both
// products to 16 sums.
#include "matmul_half.h"

#include "simd.h"

#if defined(__AVX512F__) && defined(__x86_64__) && (__GNUC__ >= 10 || defined(__clang__))
#include <immintrin.h>

namespace nabla {
namespace NABLA_ISA {
namespace {

#define NABLA_BF16 __attribute__((target("avx512bf16")))

constexpr int MR = 14, NV = 2, NR = 16 * NV;

uint32_t pair(const uint16_t* p, int64_t step, bool second) { return p[0] | (second ? (uint32_t)p[step] << 16 : 0); }

// to[q * w + i]: elements 2q and 2q + 1 of row i < n, zeros for the rows up to w.
void pack_pairs(const uint16_t* from, int64_t rs, int64_t cs, int64_t n, int64_t w, int64_t depth, uint32_t* to) {
  const int64_t pairs = (depth + 1) / 2, whole = depth / 2;
  if (rs == 1) {
    // Rows beside each other: two of the depth interleaved.
    for (int64_t q = 0; q < pairs; q++) {
      const uint16_t *x = from + 2 * q * cs, *y = x + cs;
      uint32_t* t = to + q * w;
      const bool both = q < whole;
      for (int64_t i = 0; i < n; i++) t[i] = x[i] | (both ? (uint32_t)y[i] << 16 : 0);
      for (int64_t i = n; i < w; i++) t[i] = 0;
    }
    return;
  }
  if (cs == 1 && w == 16) {
    // Pairs lie as they are: sixteen rows of sixteen pairs turned.
    int64_t q = 0;
    for (; q + 16 <= whole; q += 16) {
      vf row[16];
      for (int i = 0; i < 16; i++) row[i] = i < n ? load((const float*)(from + i * rs + 2 * q)) : (vf){};
#pragma GCC unroll 4
      for (int h = 16; h > 1; h /= 2) {
        vf b[16];
        for (int i = 0; i < 8; i++) b[2 * i] = zip_low(row[i], row[i + 8]), b[2 * i + 1] = zip_high(row[i], row[i + 8]);
        for (int i = 0; i < 16; i++) row[i] = b[i];
      }
      for (int i = 0; i < 16; i++) store((float*)(to + (q + i) * w), row[i]);
    }
    for (; q < pairs; q++)
      for (int64_t i = 0; i < w; i++) to[q * w + i] = i < n ? pair(from + i * rs + 2 * q, 1, q < whole) : 0;
    return;
  }
  for (int64_t i = 0; i < w; i++)
    for (int64_t q = 0; q < pairs; q++) to[q * w + i] = i < n ? pair(from + i * rs + 2 * q * cs, cs, q < whole) : 0;
}

// R rows by NV vectors; b[q * NR], a[q * as].
template <int R>
NABLA_BF16 void tile(int64_t pairs, const uint32_t* a, const uint32_t* b, float* c, int64_t cs, int cols, bool add) {
  __m512 s[R][NV];
#pragma GCC unroll 16
  for (int i = 0; i < R; i++)
#pragma GCC unroll 2
    for (int v = 0; v < NV; v++) s[i][v] = _mm512_setzero_ps();
  for (int64_t q = 0; q < pairs; q++, a += 16, b += NR) {
    __m512bh x[NV];
#pragma GCC unroll 2
    for (int v = 0; v < NV; v++) x[v] = (__m512bh)_mm512_loadu_si512(b + 16 * v);
#pragma GCC unroll 16
    for (int i = 0; i < R; i++) {
      const __m512bh y = (__m512bh)_mm512_set1_epi32((int)a[i]);
#pragma GCC unroll 2
      for (int v = 0; v < NV; v++) s[i][v] = _mm512_dpbf16_ps(s[i][v], y, x[v]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; i++)
#pragma GCC unroll 2
    for (int v = 0; v < NV; v++) {
      const int n = cols - 16 * v;
      if (n <= 0) continue;
      const __mmask16 k = n >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << n) - 1);
      float* to = c + i * cs + 16 * v;
      if (add) s[i][v] = _mm512_add_ps(s[i][v], _mm512_maskz_loadu_ps(k, to));
      _mm512_mask_storeu_ps(to, k, s[i][v]);
    }
}
typedef void (*Tile)(int64_t, const uint32_t*, const uint32_t*, float*, int64_t, int, bool);
template <int R = MR>
Tile find_tile(int64_t rows) {
  if constexpr (R > 1)
    if (rows < R) return find_tile<R - 1>(rows);
  return tile<R>;
}

}  // namespace

bool bf16_here() {
  static const bool has = __builtin_cpu_supports("avx512bf16");
  return has;
}
int64_t bf16_panel_bytes(int64_t cols, int64_t depth) { return 4 * (ceil_div(cols, NR) * NR + 16) * ((depth + 1) / 2); }

void bf16_pack(const HalfBlock& g, void* panels) {
  const int64_t pairs = (g.depth + 1) / 2;
  uint32_t* const b = (uint32_t*)panels;
  uint32_t* const t = b + ceil_div(g.cols, NR) * NR * pairs;  // sixteen columns, then to their places
  for (int64_t j = 0; j < g.cols; j += NR)
    for (int64_t h = 0; h < NV; h++) {
      // Each vector of a panel by itself, NR apart.
      const int64_t n = g.cols - j - 16 * h;
      if (n > 0) pack_pairs(g.b + (j + 16 * h) * g.b_cs, g.b_cs, g.b_rs, n < 16 ? n : 16, 16, g.depth, t);
      for (int64_t q = 0; q < pairs; q++)
        store((float*)(b + j * pairs + q * NR + 16 * h), n > 0 ? load((const float*)(t + 16 * q)) : (vf){});
    }
}

void bf16_sums(const HalfBlock& g, const void* panels, void* scratch) {
  const int64_t pairs = (g.depth + 1) / 2;
  const int64_t high = ceil_div(g.rows, ceil_div(g.rows, MR));
  const uint32_t* const b = (const uint32_t*)panels;
  uint32_t* const a = (uint32_t*)scratch;
  for (int64_t i = 0; i < g.rows; i += high) {
    const int64_t rows = least(high, g.rows - i);
    pack_pairs(g.a + i * g.a_rs, g.a_rs, g.a_cs, rows, 16, g.depth, a);
    const Tile t = find_tile(rows);
    for (int64_t j = 0; j < g.cols; j += NR)
      t(pairs, a, b + j * pairs, g.c + i * g.cols + j, g.cols, (int)least(NR, g.cols - j), g.add);
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla

#else

namespace nabla {
namespace NABLA_ISA {
bool bf16_here() { return false; }
int64_t bf16_panel_bytes(int64_t, int64_t) { return 0; }
void bf16_pack(const HalfBlock&, void*) {}
void bf16_sums(const HalfBlock&, const void*, void*) {}
}  // namespace NABLA_ISA
}  // namespace nabla

#endif
