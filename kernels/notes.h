// What a small kernel does, written down when a loop begins and done in each iteration (notes.cpp): pointers instead of slots,
// and nothing left to find out.
#pragma once
#include "gemm.h"
#include "program.h"
#include "simd.h"

namespace nabla {
namespace NABLA_ISA {

// A lane operand: a pointer and how far it moves from vector to vector, 0 for one that is the same everywhere.
struct Lanes {
  const real* p;
  int step;
};

// Beside elementwise instructions (over n lanes, a multiple of VW), which have the numbers of program.h.
enum NoteKind : int32_t {
  LOAD = F_FLOATF + 1,  // rows of n lanes from memory of a dtype at a, whose elements are a.step and rows b.step apart
  STORE,        // likewise to memory at d, c.step and b.step
  SPREAD,       // the element at a to one vector
  EXPAND,       // a lane of a for each row
  REDUCE,       // rows of n by the reduction `dtype`
  SUM,          // of all n lanes, of the columns, of each row
  SUM_COLUMNS,
  SUM_ROWS,
  PRODUCT,      // GemmArgs at a, with scratch at d
  VECTOR,       // GemvArgs
  CHOICE,       // without the n notes that follow unless the mask at a is set
  INSTRUCTION,  // words at a, its code at b, that of its body at c
};
struct Note {
  int64_t n;
  int32_t kind, dtype, rows;
  real* d;
  Lanes a, b, c;
  int32_t elements = 0;  // bits that say which of a, b and c are one element, not a vector of it
};
// As many as there are before an INSTRUCTION; gives it, or the end.
const Note* perform(const Note* x, const Note* end);

// Notes from the beginning of some memory, and what they refer to from its end.
struct Notes {
  Note* next;
  char* limit;
  bool fits;
  Note* choice = nullptr;  // the last one of an instruction

  void add(const Note& x) {
    if ((char*)(next + 1) > limit) fits = false;
    else *next++ = x;
  }
  // Room for something that is at most 64 bytes aligned; null where there is none.
  void* room(int64_t bytes) {
    char* const at = (char*)((uintptr_t)(limit - bytes) & ~(uintptr_t)63);
    if (at < (char*)next) {
      fits = false;
      return nullptr;
    }
    return limit = at;
  }
};

// Writes down what an instruction does, if it is one for which that pays; else false.
bool note_instruction(const Exec& e, Notes& notes);
bool fused_note(const Exec& e, Notes& notes);
bool list_note(const Exec& e, Notes& notes);
bool matmul_note(const Exec& e, Notes& notes);

// Bytes for the notes of a body; 0 where there would be too many.
int64_t notes_bytes(const int32_t* body);

}  // namespace NABLA_ISA
}  // namespace nabla
