// MATMUL: its operands' places, its products and how threads share them.
#include "check.h"
#include "gemm.h"

namespace nabla {
namespace NABLA_ISA {

bool matmul_validate(Check& c) {
  Reader r(c);
  r.real_dtype(), r.real_dtype();
  constexpr int W = sizeof(real);
  // Axes: m, n, k, then the batch.
  int32_t extent[3 + MAX_RANK], a[3 + MAX_RANK] = {}, b[3 + MAX_RANK] = {}, out[3 + MAX_RANK] = {};
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
  const Range bias = r.operand(W, extent[1], true);
  const Range as = r.span(ra, W, 3 + rank, extent, a), bs = r.span(rb, W, 3 + rank, extent, b);
  const int32_t k = extent[2];
  extent[2] = 1;  // C has no such axis
  const Range cs = r.span(rc, W, 3 + rank, extent, out);
  r.apart(cs, as);
  r.apart(cs, bs);
  r.apart(cs, bias);
  if (!r.done()) return false;
  if (cs.lo < cs.hi) c.per_thread = gemm_scratch_bytes(extent[0], extent[1], k);
  return true;
}

namespace {

// Elements of the matrix that make a task worth handing over.
constexpr int64_t GEMV_GRAIN = 128 * 1024;

}  // namespace

void matmul_run(const Exec& e) {
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
  const real* bias_at = operand<real>(e, bias);
  real* c_at = operand<real>(e, c);
  const real *a_at = k ? operand<real>(e, a) : nullptr, *b_at = k ? operand<real>(e, b) : nullptr;
  const int64_t a_rs = a[2], a_cs = a[3], b_rs = b[2], b_cs = b[3], c_rs = c[2];
  // The product `at` of the batch, whole.
  const auto product = [&](int64_t at) {
    int64_t ao = 0, bo = 0, co = 0;
    for (int i = rank - 1; i >= 0; i--) {
      const int64_t x = at % extent[i];
      at /= extent[i];
      ao += x * a[4 + i], bo += x * b[4 + i], co += x * c[3 + i];
    }
    if (!k) ao = bo = 0;  // of no elements: the pointers are null
    return GemmArgs{a_at + ao, b_at + bo, c_at + co, m, n, k, a_rs, a_cs, b_rs, b_cs, c_rs, accumulate, bias_at};
  };
  if (!k) {
    for (int64_t at = 0; at < batch; at++) gemm(product(at), nullptr);
    return;
  }
  GemvArgs vector;
  if (as_gemv(product(0), &vector)) {
    const int64_t units = (vector.n + GEMV_UNIT - 1) / GEMV_UNIT;
    const int tasks = cut(e, batch * units, GEMV_GRAIN / (GEMV_UNIT * k) + 1);
    parallel(e, tasks, [&](int task, int thread) {
      const int64_t end = batch * units * (task + 1) / tasks;
      for (int64_t at = batch * units * task / tasks; at < end;) {
        const int64_t first = at % units, last = first + end - at < units ? first + end - at : units;
        GemvArgs part;
        as_gemv(product(at / units), &part);
        gemv(part, first * GEMV_UNIT, last == units ? part.n : last * GEMV_UNIT, e.scratch + thread * e.per_thread);
        at += last - first;
      }
    });
    return;
  }
  const int tasks = gemm_tasks(batch, m, n, k, pool_threads(e.pool));
  parallel(e, tasks, [&](int task, int thread) {
    int64_t b0, b1, m0, m1, n0, n1;
    gemm_task_range(batch, m, n, k, tasks, task, &b0, &b1, &m0, &m1, &n0, &n1);
    for (int64_t at = b0; at < b1; at++) {
      GemmArgs g = product(at);
      g.a += m0 * a_rs, g.b += n0 * b_cs, g.c += m0 * c_rs + n0, g.m = m1 - m0, g.n = n1 - n0;
      if (g.bias) g.bias += n0;
      gemm(g, e.scratch + thread * e.per_thread);
    }
  });
}

}  // namespace NABLA_ISA
}  // namespace nabla
