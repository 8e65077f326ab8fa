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

// By instructions of the processor for pairs of bfloat16, if it has them (bf16.cpp): the panels of B, and the sums from
// them. Both memories are aligned to 64 bytes and have room for panels, rows and columns rounded up to 16 and 32, depth to 2.
bool bf16_here();
int64_t bf16_panel_bytes(int64_t cols, int64_t depth);
void bf16_pack(const HalfBlock&, void* panels);
void bf16_sums(const HalfBlock&, const void* panels, void* scratch);

}  // namespace NABLA_ISA
}  // namespace nabla
