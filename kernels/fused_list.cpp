// LIST: one fused kernel over many runs of memory. Its threads share the elements of them all.
#include "fused_task.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// Calls f(port) with each input and output of a kernel in turn.
template <class K, class F>
void each_port(K& k, const F& f) {
  for (int i = 0; i < k.n_in; i++) f(k.in[i]);
  for (int i = 0; i < k.n_out; i++) f(k.out[i]);
}
// The kernel's ports as `run` has them.
void place(Kernel& k, const int32_t* run) {
  k.cols = *run++;
  each_port(k, [&](Port& p) { p.slot = *run++, p.offset = *run++; });
}

// The bytes of a port.
Range range_of(const Port& p, int32_t cols) {
  if (cols == 0) return {p.slot, 0, 0};
  const int64_t reach = ((int64_t)cols - 1) * p.col, width = width_of(p.dtype);
  return {p.slot, (p.offset + (reach < 0 ? reach : 0)) * width, (p.offset + (reach > 0 ? reach : 0) + 1) * width};
}

// May each run go by itself?
bool fits(const Kernel& k) {
  if (k.n_outer || k.rows != 1) return false;
  for (int i = 0; i < k.n_ins; i++) {
    const int op = k.ins[6 * i];
    if (op == F_RAND || op == F_CHECK || is_reduction(op)) return false;
  }
  bool all = true;
  each_port(k, [&](const Port& p) { all &= p.slot >= 0 && p.mode == SET; });
  return all;
}

}  // namespace

bool list_validate(Check& c) {
  Reader r(c);
  r.real_dtype();
  const int32_t count = r.between(1, MAX_LIST, "no such number of runs"),
                ports = r.between(1, 2 * MAX_IO, "no such number of operands");
  const int32_t width = 1 + 2 * ports;
  const int64_t at = 5 + (int64_t)count * width;
  if (!r.ok || c.words < at + 3) return r.fail("the instruction is too short");
  const List list(c.w);
  const int64_t n = c.words - at;
  int32_t words[MAX_LIST_WORDS];
  if (n > MAX_LIST_WORDS || list.kernel[0] != OP_FUSED || list.kernel[1] != n || list.kernel[2] != c.w[2])
    return r.fail("a list has no such kernel");
  __builtin_memcpy(words, list.kernel, (size_t)n * sizeof(int32_t));
  const auto valid = [&](int64_t place) {
    Check own = c;
    own.w = words, own.words = (int32_t)n, own.error = nullptr, own.at = 0;
    const bool ok = fused_validate(own);
    c.error = own.error, c.at = (int32_t)(ok ? 0 : place);
    if (ok && place == at) c.per_thread = own.per_thread, c.shared = own.shared;
    return ok;
  };
  if (!valid(at)) return false;
  Kernel k;
  decode(list.kernel, k);
  if (k.n_in + k.n_out != ports || !fits(k)) return r.fail("a list has no such kernel");
  int32_t* const in = words + (k.cls + k.n_regs - list.kernel);
  int32_t* const out = words + (k.ins + 6 * k.n_ins - list.kernel);
  for (int32_t i = 0; i < count; i++) {
    const int32_t* run = list.run(i);
    const int64_t here = run - c.w;
    if (run[0] < 0 || run[0] > k.cols) {
      r.at = (int32_t)here + 1;
      return r.fail("a run has more columns than the kernel");
    }
    words[5] = *run++;
    for (int p = 0; p < ports; p++) {
      int32_t* const port = p < k.n_in ? in + 5 * p : out + 7 * (p - k.n_in);
      if (run[0] < 0) {
        r.at = (int32_t)(run - c.w) + 1;
        return r.fail("no such slot");
      }
      port[0] = *run++, port[2] = *run++;
    }
    if (!valid(here)) return false;
  }
  // Run by run, what is written against what the others touch.
  for (int32_t i = 0; i < count; i++) {
    place(k, list.run(i));
    for (int o = 0; o < k.n_out; o++) {
      const Range written = range_of(k.out[o], k.cols);
      const int32_t* run = list.runs;
      for (int32_t j = 0; j < count; j++, run += width) {
        if (j == i) continue;
        for (int p = 0; p < ports; p++) {
          if (run[1 + 2 * p] != written.slot) continue;
          Port port = p < k.n_in ? k.in[p] : k.out[p - k.n_in];
          port.slot = run[1 + 2 * p], port.offset = run[2 + 2 * p];
          r.at = (int32_t)(run - c.w) + 1;
          r.apart(written, range_of(port, run[0]));
          if (!r.ok) return false;
        }
      }
    }
  }
  return true;
}

namespace {

// Tasks begin at multiples of so many elements of a run.
constexpr int64_t PIECE = 64;

// Elements [from, to) of all runs.
void run_part(const Exec& e, const List& list, const Kernel& whole, const Tiling& tiles, int64_t from, int64_t to, char* scratch, Notes* notes) {
  Kernel k = whole;
  Tiling t = tiles;
  Task job(e, k, t, (real*)(((uintptr_t)scratch + 63) & ~(uintptr_t)63));
  job.notes = notes;
  int64_t start = 0;
  for (int32_t i = 0; i < list.count && start < to; i++) {
    const int32_t* const run = list.run(i);
    const int64_t n = run[0];
    const auto cut = [&](int64_t at) { return at <= start ? 0 : at - start >= n ? n : (at - start) / PIECE * PIECE; };
    const int64_t first = cut(from), last = cut(to);
    start += n;
    if (first >= last) continue;
    // What is one number for several runs is loaded once: no run writes what another reads.
    for (int p = 0; p < k.n_in; p++) job.kept[p] &= k.cls[p] == SCALAR && k.in[p].slot == run[1 + 2 * p] && k.in[p].offset == run[2 + 2 * p];
    place(k, run);
    plan_outputs(k, e.code);
    each_port(k, [&](Port& p) { p.offset += (int32_t)(first * p.col); });
    k.cols = (int32_t)(last - first);
    t.tile_cols = (int32_t)least(tiles.tile_cols, k.cols);
    t.tiles = t.col_tiles = (k.cols + t.tile_cols - 1) / t.tile_cols;
    job.run_tiles(0, t.tiles);
  }
}

}  // namespace

void list_run(const Exec& e) {
  const List list(e.w);
  Kernel whole;
  decode(list.kernel, whole);
  const Tiling tiles = tiling(whole, e.code);
  const int64_t total = list.elements();
  if (total == 0) return;
  const int tasks = task_count(whole, total, total / PIECE + 1, pool_threads(e.pool));
  parallel(e, tasks, [&](int task, int thread) {
    run_part(e, list, whole, tiles, total * task / tasks, total * (task + 1) / tasks, e.scratch + thread * e.per_thread, nullptr);
  });
}

#if NABLA_LANES == 32
bool list_note(const Exec& e, Notes& notes) {
  const List list(e.w);
  Kernel whole;
  decode(list.kernel, whole);
  const Tiling tiles = tiling(whole, false);
  const int64_t total = list.elements();
  const int threads = pool_threads(e.pool);
  if (e.code || tiles.tiles > 1 || task_count(whole, total, threads, threads) > 1) return false;
  run_part(e, list, whole, tiles, 0, total, e.scratch, &notes);
  return notes.fits;
}
#endif

}  // namespace NABLA_ISA
}  // namespace nabla
