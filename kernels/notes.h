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

// Beside elementwise instructions (over n lanes), which have the numbers of program.h.
enum NoteKind : int32_t {
  LOAD = 1000,  // rows of n lanes from memory of a dtype at a, whose elements are a.step and rows b.step apart
  STORE,        // likewise to memory at d, c.step and b.step
  SPREAD,       // the element at a to one vector
  EXPAND,       // a lane of a for each row
  REDUCE,       // rows of n by the reduction `dtype`
  SUM,          // of all n lanes, of the columns, of each row
  SUM_COLUMNS,
  SUM_ROWS,
  PRODUCT,      // GemmArgs at a, with scratch at d
  VECTOR,       // GemvArgs
  INSTRUCTION,  // words at a, its code at b, that of its body at c
};
struct Note {
  int64_t n;
  int32_t kind, dtype, rows;
  real* d;
  Lanes a, b, c;
};
void perform(const Note& x);
// An elementwise one over x.n lanes, a multiple of VW.
void execute(const Note& x);

// Notes from the beginning of some memory, and what they refer to from its end.
struct Notes {
  Note* next;
  char* limit;
  bool fits;

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
