// The WebAssembly core of one thread comes as several files, so that a page loads what it uses. Each instruction belongs
// to a part: part 0 is the core, which validates and runs programs; another part has the instructions that few programs
// need, works in the same memory, and is loaded when the first program comes that needs it. Native code and the files
// with threads hold everything (their workers could not load a part later).
//
// Which part an instruction belongs to is a column of NABLA_OPCODES; a new part stands in the enum below and in the lists
// `wasmParts` of scripts/targets.mjs and src/backends/cpu/variant.ts. Every
// address of a part (its data and its stack) lies in the PART_BYTES after PARTS_BEGIN + (part - 1) * PART_BYTES.
#pragma once
#include "program.h"

namespace nabla {

enum Part : int32_t { CORE = 0, ORDER = 1, RECURRENT_LAYERS = 2, WIDE = 3, LINEAR_ALGEBRA = 4, ATTENTIONS = 5, QUANTIZED_WEIGHTS = 6, SPARSE = 7 };
constexpr int PARTS = 8;
constexpr int64_t PARTS_BEGIN = 1 << 20, PART_BYTES = 1 << 19;

constexpr Part part_of(const int32_t* w) {
  if (!is_core(w[2])) return WIDE;  // other dtypes than float32, int32 and bool
  switch (w[0]) {
#define NABLA_PART_OF(name, value, part, function) \
  case OP_##name: return part;
    NABLA_OPCODES(NABLA_PART_OF)
#undef NABLA_PART_OF
  }
  return CORE;
}

}  // namespace nabla

// Which instructions this file is compiled with: those of NABLA_PART, or all.
#ifdef NABLA_PART
#define NABLA_HAS(part) (NABLA_PART == (part))
#else
#define NABLA_HAS(part) 1
#endif
