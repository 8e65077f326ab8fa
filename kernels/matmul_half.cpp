// MATMUL of float16 and bfloat16: sums are float32 and rounded once. Blocks of both sides become float32 panels, or, where
// the processor multiplies pairs of bfloat16 (AVX-512 BF16, AMX), panels of pairs.
#include "check.h"
#include "convert.h"
#include "gemm.h"
#include "matmul_half.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// A block of C in float32, and the panels that make it.
constexpr int64_t MB = 112, NB = 256, KB = 2048;

// to[i * cols + j] = from[i * rs + j * cs].
template <class H>
void widen_block(const H* from, int64_t rs, int64_t cs, int64_t rows, int64_t cols, float* to) {
  if (cs == 1 || rs != 1) {
    for (int64_t i = 0; i < rows; i++, to += cols) {
      const H* x = from + i * rs;
      if (cs == 1)
        for (int64_t j = 0; j < cols; j++) to[j] = widen(x[j]);
      else
        for (int64_t j = 0; j < cols; j++) to[j] = widen(x[j * cs]);
    }
    return;
  }
  // Columns lie in one piece: by squares, which stay in the cache.
  constexpr int64_t S = 32;
  for (int64_t i = 0; i < rows; i += S)
    for (int64_t j = 0; j < cols; j += S)
      for (int64_t q = j; q < cols && q < j + S; q++)
        for (int64_t p = i; p < rows && p < i + S; p++) to[p * cols + q] = widen(from[p + q * cs]);
}

struct Product {
  const char *a, *b;  // of elements of two bytes
  char* c;
  const char* bias;
  int64_t m, n, k, a_rs, a_cs, b_rs, b_cs, c_rs;
  bool accumulate;
};

// Sums of a block to where they belong.
template <class C>
void put_block(const Product& p, int64_t i0, int64_t j0, int64_t rows, int64_t cols, const float* sums) {
  const C* bias = p.bias ? (const C*)p.bias + j0 : nullptr;
  for (int64_t i = 0; i < rows; i++, sums += cols) {
    C* to = (C*)p.c + (i0 + i) * p.c_rs + j0;
    for (int64_t j = 0; j < cols; j++) {
      float x = sums[j];
      if constexpr (sizeof(C) == 4) {
        if (bias) x += bias[j];
        to[j] = p.accumulate ? to[j] + x : x;
      } else {
        if (bias) x += widen(bias[j]);
        to[j] = narrow(p.accumulate ? widen(to[j]) + x : x, C{});
      }
    }
  }
}

// The parts of the scratch, in bytes: sums, the panel of B, that of A.
int64_t line(int64_t bytes) { return (bytes + 63) & ~(int64_t)63; }
int64_t sums_bytes(int64_t m, int64_t n) { return line(4 * least(m, MB) * least(n, NB)); }
int64_t b_bytes(int64_t n, int64_t k) {
  return line(most(4 * least(n, NB) * least(k, KB), bf16_panel_bytes(least(n, NB), least(k, KB))));
}
int64_t a_bytes(int64_t m, int64_t k) { return line(4 * (least(m, MB) + 16) * (least(k, KB) + 2)); }

template <class H, class C>
void multiply(const Product& p, char* scratch) {
  float* const sums = (float*)scratch;
  float* const b = (float*)(scratch + sums_bytes(p.m, p.n));
  float* const a = (float*)((char*)b + b_bytes(p.n, p.k));
  void* const rest = (char*)a + a_bytes(p.m, p.k);
  bool pairs = false;
  if constexpr (__is_same(H, BHalf)) pairs = bf16_here();
  for (int64_t j = 0; j < p.n; j += NB) {
    const int64_t cols = least(NB, p.n - j);
    for (int64_t i = 0; i < p.m; i += MB) {
      const int64_t rows = least(MB, p.m - i);
      if (!p.k) __builtin_memset(sums, 0, (size_t)(rows * cols) * 4);
      for (int64_t q = 0; q < p.k; q += KB) {
        const int64_t depth = least(KB, p.k - q);
        const H* pa = (const H*)p.a + i * p.a_rs + q * p.a_cs;
        const H* pb = (const H*)p.b + q * p.b_rs + j * p.b_cs;
        const HalfBlock g = {&pa->bits, &pb->bits, sums, rows, cols, depth, p.a_rs, p.a_cs, p.b_rs, p.b_cs, q > 0};
        // A depth of one block has one panel for all rows.
        const bool laid = i > 0 && p.k <= KB;
        if (pairs) {
          if (!laid) bf16_pack(g, b);
          bf16_sums(g, b, a);
          continue;
        }
        if (!laid) widen_block(pb, p.b_rs, p.b_cs, depth, cols, b);
        widen_block(pa, p.a_rs, p.a_cs, rows, depth, a);
        gemm({a, b, sums, rows, cols, depth, depth, 1, cols, 1, cols, q > 0, nullptr}, rest);
      }
      put_block<C>(p, i, j, rows, cols, sums);
    }
  }
}

}  // namespace

bool half_matmul_validate(Check& c) {
  Reader r(c);
  // Axes: m, n, k, then the batch.
  int32_t extent[3 + MAX_RANK], a[3 + MAX_RANK] = {}, b[3 + MAX_RANK] = {}, out[3 + MAX_RANK] = {};
  const int32_t dtype = r.any_dtype(), to = r.any_dtype();
  if ((dtype != F16 && dtype != BF16) || (to != dtype && to != F32)) return r.fail("the product has no such dtype");
  const int rank = r.between(0, MAX_RANK, "the rank is out of range");
  r.extents(rank, extent + 3);
  r.extents(3, extent);
  r.between(0, 1, "accumulate is 0 or 1");
  r.count(rank, extent + 3);
  r.count(extent[0], extent[1]), r.count(extent[0], extent[2]), r.count(extent[1], extent[2]);
  const Ref ra = r.ref();
  a[0] = r.word(), a[2] = r.word();
  r.words(rank, a + 3);
  const Ref rb = r.ref();
  b[2] = r.word(), b[1] = r.word();
  r.words(rank, b + 3);
  const Ref rc = r.ref();
  out[0] = r.word(), out[1] = 1;
  r.words(rank, out + 3);
  const int width = width_of(to);
  const Range bias = r.operand(width, extent[1], true);
  const Range as = r.span(ra, 2, 3 + rank, extent, a), bs = r.span(rb, 2, 3 + rank, extent, b);
  const int32_t k = extent[2];
  extent[2] = 1;  // C has no such axis
  const Range cs = r.span(rc, width, 3 + rank, extent, out);
  r.apart(cs, as);
  r.apart(cs, bs);
  r.apart(cs, bias);
  if (!r.done()) return false;
  if (cs.lo < cs.hi)
    c.per_thread = sums_bytes(extent[0], extent[1]) + b_bytes(extent[1], k) + a_bytes(extent[0], k) +
                   line(gemm_scratch_bytes(least(extent[0], MB), least(extent[1], NB), least(k, KB)));
  return true;
}

void half_matmul_run(const Exec& e) {
  const bool bf16 = e.w[2] == BF16, to_float = e.w[3] == F32;
  const int32_t* p = e.w + 4;
  const int rank = *p++;
  const int32_t* extent = p;
  p += rank;
  const int64_t m = p[0], n = p[1], k = p[2];
  const bool accumulate = p[3];
  const int32_t *a = p + 4, *b = a + 4 + rank, *c = b + 4 + rank, *bias = c + 3 + rank;
  int64_t batch = 1;
  for (int i = 0; i < rank; i++) batch *= extent[i];
  if (!batch || !m || !n) return;
  const int64_t width = to_float ? 4 : 2;
  const auto bytes = [&](const int32_t* at, int64_t w) { return at[0] < 0 ? nullptr : (char*)e.slots[at[0]] + at[1] * w; };
  char* const c_at = bytes(c, width);
  const char *a_at = k ? bytes(a, 2) : nullptr, *b_at = k ? bytes(b, 2) : nullptr, *bias_at = bytes(bias, width);
  const int tasks = gemm_tasks(batch, m, n, k, pool_threads(e.pool));
  parallel(e, tasks, [&](int task, int thread) {
    int64_t b0, b1, m0, m1, n0, n1;
    gemm_task_range(batch, m, n, k, tasks, task, &b0, &b1, &m0, &m1, &n0, &n1);
    for (int64_t at = b0; at < b1; at++) {
      int64_t ao = m0 * a[2], bo = n0 * b[3], co = m0 * c[2] + n0, left = at;
      for (int i = rank - 1; i >= 0; i--) {
        const int64_t x = left % extent[i];
        left /= extent[i];
        ao += x * a[4 + i], bo += x * b[4 + i], co += x * c[3 + i];
      }
      const Product g = {k ? a_at + 2 * ao : nullptr, k ? b_at + 2 * bo : nullptr, c_at + width * co,
                         bias_at ? bias_at + width * n0 : nullptr, m1 - m0, n1 - n0, k, a[2], a[3], b[2], b[3], c[2], accumulate};
      char* const scratch = e.scratch + thread * e.per_thread;
      if (bf16) to_float ? multiply<BHalf, float>(g, scratch) : multiply<BHalf, BHalf>(g, scratch);
      else to_float ? multiply<Half, float>(g, scratch) : multiply<Half, Half>(g, scratch);
    }
  });
}

}  // namespace NABLA_ISA
}  // namespace nabla
