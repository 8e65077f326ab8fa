// What may follow the operands of MATMUL and CONV (program.h); not in WebAssembly.
//
// EPILOGUE: nothing, or behind the operands of the instruction a whole FUSED instruction that is run after the rest, on each
// block of the result C as soon as it is there. Its columns are those of C, its outer axes and rows together the batch and the
// rows of C in row-major order; of CONV columns are the places of a channel, rows the channels of all images. C is contiguous. What of it reads C, or writes over it, does so at the same places; what
// it writes overlaps nothing else that the instruction reads; it has no reductions over rows and no CHECKs.
#pragma once
#include "program.h"

namespace nabla {

// The words of an EPILOGUE, or null.
inline const int32_t* epilogue_of([[maybe_unused]] const int32_t* w) {
#ifdef __wasm__
  return nullptr;
#else
  const int32_t own = w[0] == OP_MATMUL ? 21 + 4 * w[4] : w[0] == OP_CONV ? 33 : w[1];
  return w[1] > own ? w + own : nullptr;
#endif
}

}  // namespace nabla
