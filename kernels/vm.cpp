// validate and run of program.h. The second copy of this file, with lanes of 64 bits (simd.h), has the instructions of other
// dtypes than float32, int32 and bool.
#include "check.h"
#include "conv.h"
#include "gemm.h"
#include "index.h"
#include "linalg_run.h"
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

// Products of half types are float32's, in the copy with lanes of 32 bits.
#if NABLA_LANES == 64
namespace nabla {
namespace NABLA_CORE {
bool half_matmul_validate(Check&);
void half_matmul_run(const Exec&);
}  // namespace NABLA_CORE
}  // namespace nabla
#endif

// The copy with lanes of 64 bits.
#if NABLA_LANES == 32 && NABLA_HAS(3)
namespace nabla {
namespace NABLA_WIDE {
bool validate_instruction(Check& c);
void run_instruction(const Exec& e);
}  // namespace NABLA_WIDE
}  // namespace nabla
#endif

namespace nabla {
namespace NABLA_ISA {

#if NABLA_LANES == 32
namespace {
#endif

bool validate_instruction(Check& c) {
  if (c.words < 3) {
    c.error = "the instruction is too short";
    return false;
  }
#if NABLA_LANES == 32
  if (!is_core(c.w[2])) {
#if NABLA_HAS(3)
    return NABLA_WIDE::validate_instruction(c);
#elif defined(NABLA_PARTS_ELSEWHERE)
    return nabla_part_validate(part_of(c.w), &c);
#endif
  }
#endif
#if NABLA_LANES == 64 || NABLA_HAS(0)
  switch (c.w[0]) {
    case OP_FUSED: return fused_validate(c);
#if NABLA_LANES == 64
    case OP_MATMUL: return c.w[2] == F64 ? matmul_validate(c) : NABLA_CORE::half_matmul_validate(c);
#else
    case OP_MATMUL: return matmul_validate(c);
#endif
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
#if NABLA_LANES == 64 || NABLA_HAS(1)
  switch (c.w[0]) {
    case OP_SCAN: return scan_validate(c);
    case OP_ARGSORT: return argsort_validate(c);
    case OP_SEARCHSORTED: return searchsorted_validate(c);
  }
#endif
#if NABLA_LANES == 64 || NABLA_HAS(2)
  switch (c.w[0]) {
    case OP_RECURRENT: return recurrent_validate(c);
    case OP_RECURRENT_BACK: return recurrent_back_validate(c);
  }
#endif
#if NABLA_LANES == 64 || NABLA_HAS(4)
  if (c.w[0] >= OP_LU && c.w[0] <= OP_FFT) return linalg_validate(c);
#endif
#if NABLA_LANES == 32 && defined(NABLA_PARTS_ELSEWHERE)
  if (const int part = part_of(c.w)) return nabla_part_validate(part, &c);
#endif
  c.error = "unknown opcode";
  return false;
}

void run_instruction(const Exec& e) {
#if NABLA_LANES == 32
  if (!is_core(e.w[2])) {
#if NABLA_HAS(3)
    return NABLA_WIDE::run_instruction(e);
#elif defined(NABLA_PARTS_ELSEWHERE)
    return nabla_part_run(part_of(e.w), &e);
#endif
  }
#endif
#if NABLA_LANES == 64 || NABLA_HAS(0)
  switch (e.w[0]) {
    case OP_FUSED: return fused_run(e);
#if NABLA_LANES == 64
    case OP_MATMUL: return e.w[2] == F64 ? matmul_run(e) : NABLA_CORE::half_matmul_run(e);
#else
    case OP_MATMUL: return matmul_run(e);
#endif
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
#if NABLA_LANES == 64 || NABLA_HAS(1)
  switch (e.w[0]) {
    case OP_SCAN: return scan_run(e);
    case OP_ARGSORT: return argsort_run(e);
    case OP_SEARCHSORTED: return searchsorted_run(e);
  }
#endif
#if NABLA_LANES == 64 || NABLA_HAS(2)
  switch (e.w[0]) {
    case OP_RECURRENT: return recurrent_run(e);
    case OP_RECURRENT_BACK: return recurrent_back_run(e);
  }
#endif
#if NABLA_LANES == 64 || NABLA_HAS(4)
  if (e.w[0] >= OP_LU && e.w[0] <= OP_FFT) return linalg_run(e);
#endif
#if NABLA_LANES == 32 && defined(NABLA_PARTS_ELSEWHERE)
  nabla_part_run(part_of(e.w), &e);
#endif
}

#if NABLA_LANES == 32

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

#endif  // lanes of 32 bits

}  // namespace NABLA_ISA
}  // namespace nabla
