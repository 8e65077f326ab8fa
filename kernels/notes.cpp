// The body of a loop in the form in which it runs again and again. To find out from its words what a small kernel does takes
// longer than to do it; so where a loop begins, its kernels write down what they do, each step with pointers.
#include "notes.h"

#include "fused_task.h"
#include "matmul.h"

namespace nabla {
namespace NABLA_ISA {

#if NABLA_LANES == 32
namespace {

// Notes of a kernel that is not worth more than one task, and not too large for them; of all of a body.
constexpr int64_t MOST_LANES = 2048, MOST_BYTES = 1 << 20;

int64_t notes_of_kernel(const int32_t* w) {
  const int32_t* p = w + 4 + w[3];
  // An instruction may have operands of rows to be expanded, or be a number that has room of its own.
  return w[3] == 0 && p[0] * (int64_t)p[1] <= MOST_LANES ? p[2] + 4 * (int64_t)p[3] + p[5] : 0;
}
// The notes that an instruction may take at most, if it takes any.
int64_t notes_of(const int32_t* w) {
  if (w[2] != F32) return 0;
  if (w[0] == OP_FUSED) return notes_of_kernel(w);
  if (w[0] == OP_LIST) return List(w).elements() <= MOST_LANES ? w[3] * notes_of_kernel(List(w).kernel) : 0;
  if (w[0] != OP_MATMUL) return 0;
  const int32_t* const end = epilogue_of(w);
  const int64_t more = end ? notes_of_kernel(end) : 0;
  return end && !more ? 0 : 6 + more;
}

}  // namespace

int64_t notes_bytes(const int32_t* body) {
  const int32_t* w = body + HEADER_WORDS + 2 * body[3];
  int64_t n = 1;
  for (int32_t i = 0; i < body[4]; i++, w += w[1]) n += 1 + notes_of(w);
  return n * (int64_t)sizeof(Note) <= MOST_BYTES ? n * (int64_t)sizeof(Note) : 0;
}

bool note_instruction(const Exec& e, Notes& notes) {
  if (!notes_of(e.w)) return false;
  notes.choice = nullptr;
  const Notes before = notes;
  const bool noted = e.w[0] == OP_FUSED ? fused_note(e, notes) : e.w[0] == OP_LIST ? list_note(e, notes) : matmul_note(e, notes);
  if (!noted) notes = before;
  return noted;
}
#endif

}  // namespace NABLA_ISA
}  // namespace nabla
