// Products of half types.
#pragma once
#include "program.h"

namespace nabla {

// A block of sums, `cols` apart: c (+)= a b with strides.
struct HalfBlock {
  const uint16_t *a, *b;
  float* c;
  int64_t rows, cols, depth;
  int64_t a_rs, a_cs, b_rs, b_cs;
  bool add;
};

namespace NABLA_ISA {

bool half_matmul_validate(Check&);
void half_matmul_run(const Exec&);

// By instructions of the processor for pairs of bfloat16, if it has them; else false, and nothing is done. `scratch` is
// aligned to 64 bytes and has room for both sides' panels, rows and columns rounded up to 16 and 32, depth to 2 (bf16.cpp).
bool bf16_block(const HalfBlock&, void* scratch);

}  // namespace NABLA_ISA
}  // namespace nabla
