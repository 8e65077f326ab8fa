#ifndef __wasm__
#include "epilogue.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

int64_t line(int64_t bytes) { return (bytes + 63) & ~(int64_t)63; }
// Whether there will be machine code is not known to the validator.
int64_t scratch_of(const Kernel& k) {
  int64_t bytes = register_bytes(k, false);
#if defined(__AVX2__)
  bytes = most(bytes, register_bytes(k, true));
#endif
  return line(bytes);
}
}  // namespace

bool epilogue_validate(Reader& r, int64_t rows, int64_t cols, const Range& c, int width, const Range* in, int ins) {
  if (!r.ok || r.at == r.c.words) return r.done();
  Check inner = r.c;
  inner.w += r.at, inner.words -= r.at;
  inner.per_thread = inner.shared = inner.at = 0;
  const bool fits = inner.words > 3 && inner.w[0] == OP_FUSED && inner.w[1] == inner.words;
  if (!fits || !fused_validate(inner)) {
    r.c.error = inner.error ? inner.error : "the epilogue is no fused kernel", r.c.at = r.at + inner.at;
    return r.ok = false;
  }
  Kernel k;
  decode(inner.w, k);
  if (k.cols != cols || k.outer_count * k.rows != rows) return r.fail("the epilogue has other rows or columns");
  for (int i = 0; i < k.n_ins; i++)
    if (k.ins[6 * i] == F_CHECK || is_reduction(k.ins[6 * i])) return r.fail("an epilogue goes by blocks");
  int32_t extent[MAX_OUTER + 2], own[MAX_OUTER + 2];
  for (int a = 0; a < k.n_outer; a++) extent[a] = k.extent[a];
  extent[k.n_outer] = k.rows, extent[k.n_outer + 1] = k.cols;
  own[k.n_outer + 1] = 1;
  for (int a = k.n_outer; a >= 0; a--) own[a] = own[a + 1] * extent[a + 1];
  for (int i = 0; i < k.n_in + k.n_out; i++) {
    const bool out = i >= k.n_in;
    const Port& p = out ? k.out[i - k.n_in] : k.in[i];
    if (p.slot < 0) continue;
    int32_t stride[MAX_OUTER + 2];
    for (int a = 0; a < k.n_outer; a++) stride[a] = p.outer[a];
    stride[k.n_outer] = p.row, stride[k.n_outer + 1] = p.col;
    const Range s = r.span({p.slot, p.offset}, width_of(p.dtype), k.n_outer + 2, extent, stride);
    if (!r.ok) return false;
    for (int j = 0; out && j < ins; j++) r.apart(s, in[j]);
    if (s.slot != c.slot || s.hi <= c.lo || c.hi <= s.lo) continue;
    bool same = s.lo == c.lo && width_of(p.dtype) == width && p.mode == SET;
    for (int a = 0; a < k.n_outer + 2; a++) same &= extent[a] <= 1 || stride[a] == own[a];
    if (!same) return r.fail("the epilogue meets the result at other places");
  }
  r.c.per_thread = line(r.c.per_thread) + scratch_of(k);
  r.c.shared = line(r.c.shared) + line(inner.shared);
  r.at = r.c.words;
  return r.done();
}

Epilogue::Epilogue(const Exec& product) : Ending{product}, own(product) {
  own.w = epilogue_of(product.w);
  if (!own.w) return;
  decode(own.w, k);
  tl = tiling(k, own.code);
  plan_outputs(k, own.code);
  bytes = scratch_of(k);
  const int64_t lanes = Sums(own, k).lanes;
  const int threads = pool_threads(own.pool);
  shared = line((int64_t)sizeof(real) * lanes * threads + 64);
  if (lanes) limit = threads;  // so many tasks have accumulators
  run = [](const Ending& end, int tasks, ToldTask f, const void* of) {
    const Epilogue& self = (const Epilogue&)end;
    const bool alone = self.alone(tasks);
    parallel(self.own, tasks, [&](int task, int thread) {
      if (alone) return f(of, task, thread, nullptr);
      EpilogueTask job(self, task, thread);
      f(of, task, thread, &job);
      job.job.flush();
    });
    if (alone) fused_run(self.own);
    else Sums(self.own, self.k).close(self.own, tasks);
  };
}
Exec Epilogue::rest(Exec product) const {
  product.scratch += bytes, product.shared += shared;
  if (own.w) product.code = nullptr;
  return product;
}
bool Epilogue::alone(int tasks) const {
  const int threads = pool_threads(e.pool);
  return tasks < threads && task_count(k, k.outer_count * k.rows * (int64_t)k.cols, tl.tiles, threads) > tasks;
}

EpilogueTask::EpilogueTask(const Epilogue& epilogue, int task, int thread)
    : job(epilogue.own, epilogue.k, epilogue.tl, (real*)(epilogue.own.scratch + thread * epilogue.own.per_thread)), of(epilogue) {
  tell = [](Told& self, int64_t i, int64_t j, int64_t rows, int64_t cols) { ((EpilogueTask&)self).run(i, j, rows, cols); };
  Sums(of.own, of.k).open(job, task);
}

void EpilogueTask::run(int64_t at, int64_t col, int64_t rows, int64_t cols) {
  const Kernel& k = of.k;
  const Tiling& tl = of.tl;
  // Several rows at a time where they lie in one piece, or where the code takes them one by one.
  const bool many = cols == k.cols || (of.own.code && of.own.code->by_row);
  for (const int64_t end = at + rows; at < end;) {
    Tile t;
    t.r0 = (int32_t)(at % k.rows);
    int64_t outer = at / k.rows;
    for (int a = k.n_outer - 1; a >= 0; a--) t.at[a] = outer % k.extent[a], outer /= k.extent[a];
    t.rows = many ? (int32_t)least(least(end - at, k.rows - t.r0), tl.tile_rows) : 1;
    for (int64_t c = 0; c < cols; c += tl.tile_cols) {
      t.c0 = (int32_t)(col + c);
      t.set_cols(least(tl.tile_cols, cols - c));
      job.run_tile(t);
    }
    at += t.rows;
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
#endif
