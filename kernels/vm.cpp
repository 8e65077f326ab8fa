// validate and run of program.h, and MATMUL.
#include "check.h"
#include "conv.h"
#include "gemm.h"
#include "index.h"
#include "parts.h"
#include "recurrent.h"

// A file with one part only exports how it validates and runs an instruction; the core imports that, and the host loads
// the part's file when it is called for.
#ifdef NABLA_PART
#if NABLA_PART == 0
#define NABLA_PARTS_ELSEWHERE
#define NABLA_IMPORT(name) extern "C" __attribute__((import_module("parts"), import_name(#name)))
NABLA_IMPORT(validate) int nabla_part_validate(int part, void* check);
NABLA_IMPORT(run) void nabla_part_run(int part, const void* exec);
#endif
#endif

namespace nabla {
namespace NABLA_ISA {

namespace {

#if NABLA_HAS(0)

bool matmul_validate(Check& c) {
  Reader r(c);
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
  const Range bias = r.operand(4, extent[1], true);
  const Range as = r.span(ra, 4, 3 + rank, extent, a), bs = r.span(rb, 4, 3 + rank, extent, b);
  const int32_t k = extent[2];
  extent[2] = 1;  // C has no such axis
  const Range cs = r.span(rc, 4, 3 + rank, extent, out);
  r.apart(cs, as);
  r.apart(cs, bs);
  r.apart(cs, bias);
  if (!r.done()) return false;
  if (cs.lo < cs.hi) c.per_thread = gemm_scratch_bytes(extent[0], extent[1], k);
  return true;
}

// Elements of the matrix that make a task worth handing over.
constexpr int64_t GEMV_GRAIN = 128 * 1024;

void matmul_run(const Exec& e) {
  const int32_t* p = e.w + 2;
  const int rank = *p++;
  const int32_t* extent = p;
  p += rank;
  const int64_t m = p[0], n = p[1], k = p[2];
  const bool accumulate = p[3];
  const int32_t *a = p + 4, *b = a + 4 + rank, *c = b + 4 + rank, *bias = c + 3 + rank;
  int64_t batch = 1;
  for (int i = 0; i < rank; i++) batch *= extent[i];
  if (!batch || !m || !n) return;
  const float* bias_at = operand<float>(e, bias);
  float* c_at = operand<float>(e, c);
  const float *a_at = k ? operand<float>(e, a) : nullptr, *b_at = k ? operand<float>(e, b) : nullptr;
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

#endif

bool validate_instruction(Check& c) {
#if NABLA_HAS(0)
  switch (c.w[0]) {
    case OP_FUSED: return fused_validate(c);
    case OP_MATMUL: return matmul_validate(c);
    case OP_FILL: return fill_validate(c);
    case OP_COPY: return copy_validate(c);
    case OP_TAKE: return take_validate(c);
    case OP_PUT: return put_validate(c);
    case OP_GATHER: return gather_validate(c);
    case OP_SCATTER: return scatter_validate(c);
    case OP_ARGREDUCE: return argreduce_validate(c);
    case OP_CONV:
    case OP_CONV_INPUT:
    case OP_CONV_WEIGHT: return conv_validate(c);
    case OP_MAX_POOL:
    case OP_MAX_POOL_INPUT:
    case OP_SUM_POOL:
    case OP_SUM_POOL_INPUT: return pool_validate(c);
  }
#endif
#if NABLA_HAS(1)
  switch (c.w[0]) {
    case OP_SCAN: return scan_validate(c);
    case OP_ARGSORT: return argsort_validate(c);
    case OP_SEARCHSORTED: return searchsorted_validate(c);
  }
#endif
#if NABLA_HAS(2)
  switch (c.w[0]) {
    case OP_RECURRENT: return recurrent_validate(c);
    case OP_RECURRENT_BACK: return recurrent_back_validate(c);
  }
#endif
#ifdef NABLA_PARTS_ELSEWHERE
  if (const int part = part_of(c.w)) return nabla_part_validate(part, &c);
#endif
  c.error = "unknown opcode";
  return false;
}

void run_instruction(const Exec& e) {
#if NABLA_HAS(0)
  switch (e.w[0]) {
    case OP_FUSED: return fused_run(e);
    case OP_MATMUL: return matmul_run(e);
    case OP_FILL: return fill_run(e);
    case OP_COPY: return copy_run(e);
    case OP_TAKE: return take_run(e);
    case OP_PUT: return put_run(e);
    case OP_GATHER: return gather_run(e);
    case OP_SCATTER: return scatter_run(e);
    case OP_ARGREDUCE: return argreduce_run(e);
    case OP_CONV:
    case OP_CONV_INPUT:
    case OP_CONV_WEIGHT: return conv_run(e);
    case OP_MAX_POOL:
    case OP_MAX_POOL_INPUT:
    case OP_SUM_POOL:
    case OP_SUM_POOL_INPUT: return pool_run_instruction(e);
  }
#endif
#if NABLA_HAS(1)
  switch (e.w[0]) {
    case OP_SCAN: return scan_run(e);
    case OP_ARGSORT: return argsort_run(e);
    case OP_SEARCHSORTED: return searchsorted_run(e);
  }
#endif
#if NABLA_HAS(2)
  switch (e.w[0]) {
    case OP_RECURRENT: return recurrent_run(e);
    case OP_RECURRENT_BACK: return recurrent_back_run(e);
  }
#endif
#ifdef NABLA_PARTS_ELSEWHERE
  nabla_part_run(part_of(e.w), &e);
#endif
}

bool fail(ProgramInfo* info, const char* error, int64_t at) {
  info->error = error, info->at = at;
  return false;
}
int64_t line_up(int64_t bytes) { return (bytes + 63) & ~(int64_t)63; }

}  // namespace

bool validate(const int32_t* words, int64_t count, int threads, ProgramInfo* info) {
  *info = {nullptr, 0, 0, 0, 0, 0, nullptr};
  if (count < HEADER_WORDS) return fail(info, "the program is shorter than its header", 0);
  if (words[0] != MAGIC) return fail(info, "this is no program", 0);
  if (words[1] != VERSION) return fail(info, "the program is of another version", 1);
  if (words[2] != count) return fail(info, "the program is not as long as it says", 2);
  const int32_t slots = words[3], instructions = words[4];
  if (slots < 0 || slots > MAX_SLOTS || HEADER_WORDS + 2 * (int64_t)slots > count)
    return fail(info, "the number of slots is out of range", 3);
  if (instructions < 0) return fail(info, "the number of instructions is negative", 4);
  if (threads < 1 || threads > MAX_THREADS) return fail(info, "the number of threads is out of range", 0);
  const int32_t* slot_words = words + HEADER_WORDS;
  for (int32_t i = 0; i < slots; i++)
    if (slot_bytes(slot_words, i) < 0) return fail(info, "a slot has no such size", HEADER_WORDS + 2 * i);
  int64_t at = HEADER_WORDS + 2 * (int64_t)slots;
  for (int32_t i = 0; i < instructions; i++) {
    if (count - at < 2) return fail(info, "the program ends before its last instruction", at);
    const int32_t n = words[at + 1];
    if (n < 2 || n > count - at) return fail(info, "an instruction has no such length", at + 1);
    Check c = {words + at, n, slot_words, slots, threads, 0, 0, nullptr, 0};
    if (!validate_instruction(c)) return fail(info, c.error ? c.error : "the instruction is not valid", at + c.at);
    const int64_t per_thread = line_up(c.per_thread), shared = line_up(c.shared);
    if (per_thread > info->scratch_per_thread) info->scratch_per_thread = per_thread;
    if (shared > info->scratch_shared) info->scratch_shared = shared;
    at += n;
  }
  if (at != count) return fail(info, "there are words after the last instruction", at);
  info->slots = slots, info->instructions = instructions;
  return true;
}

Status run(const int32_t* words, void* const* slots, void* scratch, const ProgramInfo* info, Pool* pool) {
  Status status = {OK, 0, 0, 0, 0};
  Exec e = {words + HEADER_WORDS + 2 * info->slots, slots,   (char*)scratch, (char*)scratch + info->scratch_shared,
            info->scratch_per_thread,               pool, &status};
  for (int64_t i = 0; i < info->instructions && status.fault == OK; i++) {
    e.code = info->code ? info->code[i] : nullptr;
    run_instruction(e);
    e.w += e.w[1];
  }
  return status;
}

#if defined(NABLA_PART) && !defined(NABLA_PARTS_ELSEWHERE)
extern "C" __attribute__((export_name("validate"))) int nabla_validate_here(Check* c) { return validate_instruction(*c); }
extern "C" __attribute__((export_name("run"))) void nabla_run_here(const Exec* e) { run_instruction(*e); }
#endif

}  // namespace NABLA_ISA
}  // namespace nabla
