// MATMUL: its products and how threads share them.
#include "gemm.h"
#include "matmul.h"
#include "notes.h"

namespace nabla {
namespace NABLA_ISA {

bool matmul_validate(Check& c) {
  Reader r(c);
  r.real_dtype(), r.real_dtype();
  Extents e;
  if (!product_validate(r, sizeof(real), sizeof(real), &e)) return false;
  if (e.any) c.per_thread += gemm_scratch_bytes(e.m, e.n, e.k);
  return true;
}

namespace {

// Elements of the matrix that make a task worth handing over, and of a product that does not.
constexpr int64_t GEMV_GRAIN = 64 * 1024;
#if NABLA_LANES == 32
constexpr int64_t SMALL = 128 * 1024;
#endif

}  // namespace

void matmul_run(const Exec& whole) {
  const ProductWords p(whole.w);
  const int64_t batch = p.batch, m = p.m, n = p.n, k = p.k;
  if (!batch || !m || !n) return;
  const Epilogue end(whole);
  const Exec e = end.rest(whole);
  const real* bias_at = operand<real>(e, p.bias);
  real* c_at = operand<real>(e, p.c);
  const real *a_at = k ? operand<real>(e, p.a) : nullptr, *b_at = k ? operand<real>(e, p.b) : nullptr;
  const int64_t a_rs = p.a_rs(), a_cs = p.a_cs(), b_rs = p.b_rs(), b_cs = p.b_cs(), c_rs = p.c_rs();
  // The product `at` of the batch, whole.
  const auto product = [&](int64_t at) {
    int64_t ao = 0, bo = 0, co = 0;
    p.find(at, &ao, &bo, &co);
    if (!k) ao = bo = 0;  // of no elements: the pointers are null
    return GemmArgs{a_at + ao, b_at + bo, c_at + co, m, n, k, a_rs, a_cs, b_rs, b_cs, c_rs, false, bias_at};
  };
  GemvArgs vector;
  if (k && as_gemv(product(0), &vector)) {
    const int64_t units = (vector.n + GEMV_UNIT - 1) / GEMV_UNIT;
    const int tasks = end.at_most(cut(e, batch * units, most(1, GEMV_GRAIN / (GEMV_UNIT * k))));
    with_ending(end, tasks, [&](int task, int thread, Told* job) {
      const int64_t until = batch * units * (task + 1) / tasks;
      for (int64_t at = batch * units * task / tasks; at < until;) {
        const int64_t first = at % units, last = first + until - at < units ? first + until - at : units;
        GemvArgs part;
        as_gemv(product(at / units), &part);
        const int64_t j0 = first * GEMV_UNIT, j1 = last == units ? part.n : last * GEMV_UNIT;
        gemv(part, j0, j1, e.scratch + thread * e.per_thread);
        if (job) {
          // Of a result that is a column its rows, else columns of all of its rows.
          job->row = at / units * m;
          if (n == 1 && m > 1) job->block(j0, 0, j1 - j0, 1);
          else job->block(0, j0, m, j1 - j0);
        }
        at += last - first;
      }
    });
    return;
  }
  const int tasks = k ? gemm_tasks(batch, m, n, k, pool_threads(e.pool)) : 1;
  with_ending(end, tasks, [&](int task, int thread, Told* job) {
    int64_t b0, b1, m0, m1, n0, n1;
    gemm_task_range(batch, m, n, k, tasks, task, &b0, &b1, &m0, &m1, &n0, &n1);
    for (int64_t at = b0; at < b1; at++) {
      GemmArgs g = product(at);
      if (k) g.a += m0 * a_rs, g.b += n0 * b_cs;
      g.c += m0 * c_rs + n0, g.m = m1 - m0, g.n = n1 - n0;
      if (g.bias) g.bias += n0;
      if (job) job->row = at * m + m0, job->col = n0;
      gemm(g, e.scratch + thread * e.per_thread, job);
    }
  });
}

#if NABLA_LANES == 32
bool matmul_note(const Exec& e, Notes& notes) {
  const ProductWords p(e.w);
  if (e.w[3] != F32 || p.batch != 1 || p.m * p.n * p.k > SMALL || !(p.m && p.n && p.k)) return false;
  const GemmArgs g = {operand<real>(e, p.a), operand<real>(e, p.b), operand<real>(e, p.c), p.m, p.n, p.k, p.a_rs(), p.a_cs(),
                      p.b_rs(), p.b_cs(), p.c_rs(), false, operand<real>(e, p.bias)};
  GemvArgs vector;
  const bool is_vector = as_gemv(g, &vector);
  void* const at = notes.room(is_vector ? sizeof vector : sizeof g);
  if (!at) return false;
  if (is_vector) *(GemvArgs*)at = vector;
  else *(GemmArgs*)at = g;
  notes.add({is_vector ? vector.n : 0, is_vector ? VECTOR : PRODUCT, 0, 0, (real*)e.scratch, {(const real*)at, 0}, {}, {}});
  Exec end = e;
  end.w = epilogue_of(e.w);
  return notes.fits && (!end.w || fused_note(end, notes));
}
#endif

}  // namespace NABLA_ISA
}  // namespace nabla
