// The body of a loop in the form in which it runs again and again. To find out from its words what a small kernel does takes
// longer than to do it; so where a loop begins, its kernels write down what they do, each step with pointers.
#include "notes.h"

#include "fused_task.h"
#include "matmul.h"

namespace nabla {
namespace NABLA_ISA {

void perform(const Note& x) {
  switch (x.kind) {
    case LOAD:
      for (int64_t r = 0; r < x.rows; r++) load_values(x.dtype, x.a.p, r * x.b.step, x.a.step, x.d + r * x.n, x.n);
      break;
    case STORE:
      for (int64_t r = 0; r < x.rows; r++) store_values(x.dtype, x.d, r * x.b.step, x.c.step, x.a.p + r * x.n, x.n);
      break;
    case SPREAD: store(x.d, splat(*x.a.p)); break;
    case EXPAND: expand_rows(x.d, x.a.p, x.rows, x.n); break;
    case REDUCE:
      reduce_rows(x.dtype, x.d, x.a.p, x.b.p, (int)x.rows, (int)x.n);
      if (x.rows == 1) store(x.d, splat(x.d[0]));
      break;
    default: execute(x); break;
#if NABLA_LANES == 32
    case SUM: *x.d = 0 + fold_sum(x.a.p, x.n); break;
    case SUM_COLUMNS: add_columns(x.d, x.a.p, x.rows, x.n, true); break;
    case SUM_ROWS:
      for (int64_t r = 0; r < x.rows; r++) x.d[r] = 0 + fold_sum(x.a.p + r * x.n, x.n);
      break;
    case PRODUCT: gemm(*(const GemmArgs*)x.a.p, x.d); break;
    case VECTOR: gemv(*(const GemvArgs*)x.a.p, 0, x.n, x.d); break;
#endif
  }
}

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
  const Notes before = notes;
  const bool noted = e.w[0] == OP_FUSED ? fused_note(e, notes) : e.w[0] == OP_LIST ? list_note(e, notes) : matmul_note(e, notes);
  if (!noted) notes = before;
  return noted;
}
#endif

}  // namespace NABLA_ISA
}  // namespace nabla
