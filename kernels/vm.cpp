// validate and run of program.h. The second copy of this file, with lanes of 64 bits (simd.h), has the instructions of other
// dtypes than float32, int32 and bool.
#include "check.h"
#include "notes.h"
#include "parts.h"

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

#define NABLA_DECLARE(name, value, part, function) \
  bool function##_validate(Check&); \
  void function##_run(const Exec&);
NABLA_OPCODES(NABLA_DECLARE)
#undef NABLA_DECLARE

#if NABLA_LANES == 64
// What there is for float32 only; of a loop that is the dtype whatever its instructions compute with.
#define NABLA_CORE_ONLY(function)                                                                   \
  bool function##_validate(Check& c) { return Reader(c).fail("the instruction has no such dtype"); } \
  void function##_run(const Exec&) {}
NABLA_CORE_ONLY(loop)
NABLA_CORE_ONLY(attention)
NABLA_CORE_ONLY(attention_back)
NABLA_CORE_ONLY(quantized)
#undef NABLA_CORE_ONLY
#endif

#if NABLA_LANES == 32
namespace {
#endif

// Does this file hold the instructions of a part? The copy with lanes of 64 bits has those of all.
template <Part part>
constexpr bool HERE = NABLA_LANES == 64 || NABLA_HAS(part);

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
#if NABLA_LANES == 64
  if (c.w[0] == OP_MATMUL && c.w[2] != F64) return NABLA_CORE::half_matmul_validate(c);
#endif
  switch (c.w[0]) {
#define NABLA_CASE(name, value, part, function) \
  case OP_##name: \
    if constexpr (HERE<part>) return function##_validate(c); \
    break;
    NABLA_OPCODES(NABLA_CASE)
#undef NABLA_CASE
  }
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
#if NABLA_LANES == 64
  if (e.w[0] == OP_MATMUL && e.w[2] != F64) return NABLA_CORE::half_matmul_run(e);
#endif
  switch (e.w[0]) {
#define NABLA_CASE(name, value, part, function) \
  case OP_##name: \
    if constexpr (HERE<part>) return function##_run(e); \
    break;
    NABLA_OPCODES(NABLA_CASE)
#undef NABLA_CASE
  }
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
#if NABLA_HAS(0)
// All instructions of a valid program, those in loops included.
int64_t instructions_in(const int32_t* program) {
  const int32_t* w = program + HEADER_WORDS + 2 * program[3];
  int64_t n = 0;
  for (int32_t i = 0; i < program[4]; i++, w += w[1]) n += 1 + (w[0] == OP_LOOP ? instructions_in(loop_body(w)) : 0);
  return n;
}
#endif

// Once in the file of a page, and not also inside of those who call it: likewise run_all.
__attribute__((noinline)) bool validate_program(const int32_t* words, int64_t count, int threads, int loops, ProgramInfo* info) {
  *info = {nullptr, 0, 0, 0, 0, 0, 0, nullptr};
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
    Check c = {words + at, n, slot_words, slots, threads, 0, 0, nullptr, 0, loops, 0};
    if (!validate_instruction(c)) return fail(info, c.error ? c.error : "the instruction is not valid", at + c.at);
    const int64_t per_thread = line_up(c.per_thread), shared = line_up(c.shared);
    if (per_thread > info->scratch_per_thread) info->scratch_per_thread = per_thread;
    if (shared > info->scratch_shared) info->scratch_shared = shared;
    info->all += 1 + c.inside;
    at += n;
  }
  if (at != count) return fail(info, "there are words after the last instruction", at);
  info->slots = slots, info->instructions = instructions;
  return true;
}

#if NABLA_HAS(0)
int64_t long_of(const int32_t* w) { return (int64_t)((uint64_t)(uint32_t)w[1] << 32 | (uint32_t)w[0]); }

}  // namespace

bool loop_validate(Check& c) {
  Reader r(c);
  if (r.dtype() != F32) return r.fail("a loop has no such dtype");
  const int32_t count = r.between(-1, INT32_MAX, "a loop has no such count");
  r.between(0, 1, "reverse is 0 or 1");
  const int32_t go = r.between(-1, MAX_SLOTS - 1, "no such slot");
  const int32_t slots = r.between(0, MAX_SLOTS, "too many slots"), ins = r.between(0, MAX_SLOTS, "too many slices"),
                outs = r.between(0, MAX_SLOTS, "too many slices");
  if (count < 0 && (go < 0 || ins + outs > 0)) return r.fail("a loop without end must be able to stop, and has no slices");
  if (c.loops >= MAX_LOOPS) return r.fail("too many loops inside of each other");
  const int64_t header = 9 + 2 * (int64_t)slots + 6 * ((int64_t)ins + outs);
  if (!r.ok || c.words < header + HEADER_WORDS) return r.fail("the instruction is too short");
  const int32_t* const body = loop_body(c.w);
  ProgramInfo info;
  if (!validate_program(body, c.words - header, c.threads, c.loops + 1, &info)) {
    c.error = info.error, c.at = (int32_t)(header + info.at);
    return false;
  }
  if (info.slots != slots || go >= slots) return r.fail("the body has another number of slots");
  const int32_t* const sizes = body + HEADER_WORDS;
  if (go >= 0 && slot_bytes(sizes, go) < 1) return r.fail("the slot of go is empty");
  for (int32_t i = 0; i < slots; i++) {
    const Ref at = r.ref();
    if (r.ok && 8 * (int64_t)at.offset + slot_bytes(sizes, i) > slot_bytes(c.slot_words, at.slot))
      return r.fail("a slot of the body lies outside its slot");
  }
  for (int32_t i = 0; i < ins + outs; i++) {
    const int32_t inner = r.between(0, slots - 1, "no such slot"), outer = r.between(0, c.slots - 1, "no such slot");
    const int64_t offset = long_of(c.w + r.at), bytes = long_of(c.w + r.at + 2);
    r.at += 4;
    if (!r.ok) return false;
    const int64_t limit = slot_bytes(c.slot_words, outer);
    if (offset < 0 || bytes < 0 || bytes > slot_bytes(sizes, inner)) return r.fail("a slice has no such size");
    if (offset > limit || (bytes > 0 && count > (limit - offset) / bytes)) return r.fail("a slice lies outside its slot");
  }
  c.per_thread = info.scratch_per_thread;
  c.shared = line_up((int64_t)sizeof(void*) * slots) + line_up(notes_bytes(body)) + info.scratch_shared;
  c.inside = info.all;
  return r.ok;
}

namespace {

// A slice of a loop. A program may lay a part over the slot that it goes to. Few words are copied sooner than V8 calls what
// does it.
void move_slice(char* to, const char* from, int64_t bytes) {
  if (bytes > 256 || bytes % 4 || (to > from && to < from + bytes)) {
    __builtin_memmove(to, from, (size_t)bytes);
    return;
  }
  int64_t i = 0;
  for (; i + (int64_t)sizeof(vi) <= bytes; i += sizeof(vi)) __builtin_memcpy(to + i, from + i, sizeof(vi));
  for (; i < bytes; i += 4) __builtin_memcpy(to + i, from + i, 4);
}
#endif

// Instructions one after the other, until one finds a fault. `code` is that of the first, or null.
__attribute__((noinline)) void run_all(Exec& e, int64_t instructions, FusedCode* const* code) {
  for (int64_t i = 0; i < instructions && e.status->fault == OK; i++) {
    if (code) {
      e.code = *code++;
      e.body = code;
    }
    run_instruction(e);
#if NABLA_HAS(0)
    if (code && e.w[0] == OP_LOOP) code += instructions_in(loop_body(e.w));
#endif
    e.w += e.w[1];
  }
}

#if NABLA_HAS(0)
// Writes down what the instructions of a body do; false where there is no room for that.
bool note_all(Exec e, int64_t instructions, FusedCode* const* code, Notes& notes) {
  for (int64_t i = 0; i < instructions && notes.fits; i++) {
    if (code) {
      e.code = *code++;
      e.body = code;
    }
    if (!note_instruction(e, notes)) notes.add({0, INSTRUCTION, 0, 0, nullptr, {(const real*)e.w, 0}, {(const real*)e.code, 0}, {(const real*)e.body, 0}});
    if (code && e.w[0] == OP_LOOP) code += instructions_in(loop_body(e.w));
    e.w += e.w[1];
  }
  return notes.fits;
}
void run_notes(Exec& e, const Note* x, const Note* end) {
  for (; (x = perform(x, end)) < end; x++) {
    e.w = (const int32_t*)x->a.p, e.code = (const FusedCode*)x->b.p, e.body = (FusedCode* const*)x->c.p;
    run_instruction(e);
    if (e.status->fault != OK) return;
  }
}

}  // namespace

void loop_run(const Exec& e) {
  const int32_t* const w = e.w;
  const int32_t count = w[3], go = w[5], n = w[6], ins = w[7];
  const int32_t *const in = w + 9 + 2 * n, *const out = in + 6 * ins, *const body = loop_body(w);
  void** const slots = (void**)e.shared;
  for (int32_t i = 0; i < n; i++) slots[i] = (char*)e.slots[w[9 + 2 * i]] + 8 * (int64_t)w[10 + 2 * i];
  Exec inner = e;
  inner.slots = slots;
  inner.shared = e.shared + line_up((int64_t)sizeof(void*) * n);
  Note* const first = (Note*)inner.shared;
  const int64_t bytes_of_notes = notes_bytes(body);
  inner.shared += line_up(bytes_of_notes);
  inner.w = body + HEADER_WORDS + 2 * n;
  inner.code = nullptr;
  Notes notes = {first, (char*)first + bytes_of_notes, true};
  // Writing them down takes as long as some iterations.
  const bool noted = bytes_of_notes && (count < 0 || count > 3) && note_all(inner, body[4], e.body, notes);
  for (int64_t step = 0; count < 0 || step < count; step++) {
    if (go >= 0 && !*(const uint8_t*)slots[go]) return;
    const int64_t i = w[4] ? count - 1 - step : step;
    // A program may lay a part over the slot that it goes to.
    for (const int32_t* m = in; m < out; m += 6) {
      const int64_t bytes = long_of(m + 4);
      move_slice((char*)slots[m[0]], (const char*)e.slots[m[1]] + long_of(m + 2) + i * bytes, bytes);
    }
    if (noted) run_notes(inner, first, notes.next);
    else {
      inner.w = body + HEADER_WORDS + 2 * n;
      inner.code = nullptr;
      run_all(inner, body[4], e.body);
    }
    if (e.status->fault != OK) return;
    for (const int32_t* m = out; m < body; m += 6) {
      const int64_t bytes = long_of(m + 4);
      move_slice((char*)e.slots[m[1]] + long_of(m + 2) + i * bytes, (const char*)slots[m[0]], bytes);
    }
  }
}
#else
}  // namespace
#endif

bool validate(const int32_t* words, int64_t count, int threads, ProgramInfo* info) {
  return validate_program(words, count, threads, 0, info);
}

Status run(const int32_t* words, void* const* slots, void* scratch, const ProgramInfo* info, Pool* pool) {
  Status status = {OK, 0, 0, 0, 0};
  Exec e = {words + HEADER_WORDS + 2 * info->slots, slots,   (char*)scratch, (char*)scratch + info->scratch_shared,
            info->scratch_per_thread,               pool, &status};
  run_all(e, info->instructions, info->code);
  return status;
}

#if defined(NABLA_PART) && !defined(NABLA_PARTS_ELSEWHERE)
extern "C" __attribute__((export_name("validate"))) int nabla_validate_here(Check* c) { return validate_instruction(*c); }
extern "C" __attribute__((export_name("run"))) void nabla_run_here(const Exec* e) { run_instruction(*e); }
#endif

#endif  // lanes of 32 bits

}  // namespace NABLA_ISA
}  // namespace nabla
