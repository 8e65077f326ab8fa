// MATMUL of float16 and bfloat16: sums are float32 and rounded once. Blocks of both sides become float32 panels, or, where
// the processor multiplies pairs of bfloat16 (AVX-512 BF16, AMX), panels of pairs.
#include "convert.h"
#include "gemm.h"
#include "matmul.h"
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
  Told* end;
  int64_t m, n, k, a_rs, a_cs, b_rs, b_cs, c_rs;
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
        to[j] = x;
      } else {
        if (bias) x += widen(bias[j]);
        to[j] = narrow(x, C{});
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
      if (p.end) p.end->block(i, j, rows, cols);
    }
  }
}

}  // namespace

bool half_matmul_validate(Check& c) {
  Reader r(c);
  const int32_t dtype = r.any_dtype(), to = r.any_dtype();
  if ((dtype != F16 && dtype != BF16) || (to != dtype && to != F32)) return r.fail("the product has no such dtype");
  Extents e;
  if (!product_validate(r, 2, width_of(to), &e)) return false;
  if (e.any)
    c.per_thread += sums_bytes(e.m, e.n) + b_bytes(e.n, e.k) + a_bytes(e.m, e.k) +
                   line(gemm_scratch_bytes(least(e.m, MB), least(e.n, NB), least(e.k, KB)));
  return true;
}

void half_matmul_run(const Exec& whole) {
  const bool bf16 = whole.w[2] == BF16, to_float = whole.w[3] == F32;
  const ProductWords p(whole.w);
  const int64_t batch = p.batch, m = p.m, n = p.n, k = p.k;
  if (!batch || !m || !n) return;
  const Epilogue end(whole);
  const Exec e = end.rest(whole);
  const int64_t width = to_float ? 4 : 2;
  const auto bytes = [&](const int32_t* at, int64_t w) { return at[0] < 0 ? nullptr : (char*)e.slots[at[0]] + at[1] * w; };
  char* const c_at = bytes(p.c, width);
  const char *a_at = k ? bytes(p.a, 2) : nullptr, *b_at = k ? bytes(p.b, 2) : nullptr, *bias_at = bytes(p.bias, width);
  const int tasks = gemm_tasks(batch, m, n, k, pool_threads(e.pool));
  with_ending(end, tasks, [&](int task, int thread, Told* job) {
    int64_t b0, b1, m0, m1, n0, n1;
    gemm_task_range(batch, m, n, k, tasks, task, &b0, &b1, &m0, &m1, &n0, &n1);
    for (int64_t at = b0; at < b1; at++) {
      int64_t ao = m0 * p.a_rs(), bo = n0 * p.b_cs(), co = m0 * p.c_rs() + n0;
      p.find(at, &ao, &bo, &co);
      if (job) job->row = at * m + m0, job->col = n0;
      const Product g = {k ? a_at + 2 * ao : nullptr, k ? b_at + 2 * bo : nullptr, c_at + width * co,
                         bias_at ? bias_at + width * n0 : nullptr, job, m1 - m0, n1 - n0, k, p.a_rs(), p.a_cs(), p.b_rs(), p.b_cs(), p.c_rs()};
      char* const scratch = e.scratch + thread * e.per_thread;
      if (bf16) to_float ? multiply<BHalf, float>(g, scratch) : multiply<BHalf, BHalf>(g, scratch);
      else to_float ? multiply<Half, float>(g, scratch) : multiply<Half, Half>(g, scratch);
    }
  });
}

}  // namespace NABLA_ISA
}  // namespace nabla
