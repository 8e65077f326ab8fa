// Validation of fused programs.
#include "fused_task.h"

namespace nabla {
namespace NABLA_ISA {

bool fused_validate(Check& c) {
  Reader r(c);
  r.real_dtype();
  int32_t extent[MAX_OUTER + 2];
  const int n_outer = r.between(0, MAX_OUTER, "too many outer axes");
  r.extents(n_outer + 2, extent);
  r.count(n_outer + 2, extent);
  const int n_in = r.between(0, MAX_IO, "too many inputs"), n_ins = r.between(0, 4096, "too many instructions"),
            n_regs = r.between(n_in, MAX_REGS, "too many registers"), n_out = r.between(0, MAX_IO, "too many outputs");
  int32_t cls[MAX_REGS];
  for (int i = 0; i < n_regs; i++) cls[i] = r.between(FULL, SCALAR, "unknown class");
  if (!r.ok) return false;
  bool empty = false;
  for (int a = 0; a < n_outer + 2; a++) empty |= extent[a] == 0;
  bool written[MAX_REGS] = {}, is_virtual[MAX_REGS] = {};
  struct Input {
    Range span;
    int width;
    int32_t stride[MAX_OUTER + 2];
  } ins[MAX_IO];
  for (int i = 0; i < n_in; i++) {
    int32_t stride[MAX_OUTER + 2];
    Ref ref;
    ref.slot = r.between(-1, c.slots - 1, "no such slot");
    const int32_t dtype = r.any_dtype();
    ref.offset = r.word();
    r.words(n_outer + 2, stride);
    if (ref.slot >= 0 && ref.offset < 0) return r.fail("an offset is negative");
    ins[i].span = r.span(ref, width_of(dtype), n_outer + 2, extent, stride);
    ins[i].width = width_of(dtype);
    if (ref.slot < 0) {
      // The element offset must fit an int32.
      if (dtype != I32) return r.fail("an index is int32");
      int64_t lo = ref.offset, hi = ref.offset;
      for (int a = 0; a < n_outer + 2 && !empty; a++) {
        const int64_t d = ((int64_t)extent[a] - 1) * stride[a];
        (d < 0 ? lo : hi) += d;
        if (lo < INT32_MIN || hi > INT32_MAX) return r.fail("an index does not fit");
      }
    }
    for (int a = 0; a < n_outer + 2; a++) {
      const bool outer_or_row = a <= n_outer;
      if (extent[a] > 1 && stride[a] != 0 && (cls[i] == SCALAR || (cls[i] == ROW && !outer_or_row)))
        return r.fail("an operand of this class has no such stride");
    }
    written[i] = true;
    is_virtual[i] = ref.slot < 0;
    for (int a = 0; a < n_outer + 2; a++) ins[i].stride[a] = stride[a];
    if (!r.ok) return false;
  }
  for (int i = 0; i < n_ins; i++) {
    const int32_t op = r.between(F_CONST, F_FLOATF, "unknown instruction");
    const int32_t dst = r.between(0, n_regs - 1, "no such register");
    int32_t arg[3];
    for (int a = 0; a < 3; a++) arg[a] = r.word();
    const int32_t imm = r.word();
    if (!r.ok) return false;
    const auto usable = [&](int32_t reg) { return reg >= 0 && reg < n_regs && written[reg]; };
    const auto scalar = [&](int32_t reg) { return usable(reg) && cls[reg] == SCALAR; };
    if (op == F_CHECK) {
      if (!usable(arg[0]) || !scalar(arg[1]) || !scalar(arg[2]) || !scalar(dst)) return r.fail("a check reads unfit registers");
      continue;
    }
    if (dst < n_in) return r.fail("an input is written");
    if (op == F_CONST) {
      if (cls[dst] != SCALAR) return r.fail("a constant is a scalar");
    } else if (op == F_RAND) {
      if (NABLA_LANES != 32) return r.fail("random bits are 32");
      if (arg[0] < 0 || arg[0] >= n_in || !is_virtual[arg[0]] || cls[dst] != FULL) return r.fail("random bits need an index");
      if (!scalar(arg[1]) || !scalar(arg[2]) || !scalar(imm)) return r.fail("a key is scalar");
    } else if (is_reduction(op)) {
      for (int a = 0; a < arity(op); a++)
        if (!usable(arg[a]) || cls[arg[a]] != FULL || cls[dst] != ROW) return r.fail("a reduction takes full to row");
    } else {
      const int n = arity(op);
      for (int a = 0; a < n; a++)
        if (!usable(arg[a]) || cls[arg[a]] < cls[dst]) return r.fail("an operand is unfit");
    }
    written[dst] = true;
  }
  int64_t partials = 0;
  for (int i = 0; i < n_out; i++) {
    int32_t stride[MAX_OUTER + 2];
    Ref ref;
    ref.slot = r.between(0, c.slots - 1, "no such slot");
    const int32_t dtype = r.any_dtype();
    ref.offset = r.between(0, INT32_MAX, "an offset is negative");
    r.words(n_outer + 2, stride);
    const int32_t mode = r.between(SET, MIN, "unknown mode");
    const int32_t reg = r.between(0, n_regs - 1, "no such register");
    if (!r.ok) return false;
    if (!written[reg]) return r.fail("an output is never computed");
    const Range span = r.span(ref, width_of(dtype), n_outer + 2, extent, stride);
    if (!r.ok) return false;
    if (cls[reg] == ROW && extent[n_outer + 1] > 1 && stride[n_outer + 1] != 0) return r.fail("a row value has no columns");
    if (mode != SET) {
      if (dtype == BOOL || cls[reg] == SCALAR) return r.fail("this cannot be combined");
      partials += 2 * (((span.hi - span.lo) / width_of(dtype) + VW) / VW * VW);
    }
    // In the memory of an input only at the very same places.
    for (int j = 0; j < n_in && !empty; j++) {
      const Input& in = ins[j];
      if (in.span.slot != span.slot || in.span.hi <= span.lo || span.hi <= in.span.lo) continue;
      bool same = mode == SET && in.width == width_of(dtype) && in.span.lo == span.lo;
      for (int a = 0; a < n_outer + 2; a++) same &= extent[a] <= 1 || in.stride[a] == stride[a];
      if (!same) return r.fail("an output overlaps an input");
    }
  }
  if (!r.done()) return false;
  if (empty) return true;
  Kernel k;
  decode(c.w, k);
  c.per_thread = register_bytes(k, false);
#if defined(__AVX2__)
  if (const int64_t bytes = register_bytes(k, true); bytes > c.per_thread) c.per_thread = bytes;
#endif
  c.shared = partials * LANE * c.threads + 64;
  return true;
}

}  // namespace NABLA_ISA
}  // namespace nabla
