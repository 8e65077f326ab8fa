// The instructions that move, pick and order elements: for each its validation and its run.
#pragma once
#include "program.h"

namespace nabla {
namespace NABLA_ISA {

#define NABLA_INDEX_INSTRUCTION(name) \
  bool name##_validate(Check&);       \
  void name##_run(const Exec&);
// copy.cpp
NABLA_INDEX_INSTRUCTION(fill)
NABLA_INDEX_INSTRUCTION(copy)
// index.cpp
NABLA_INDEX_INSTRUCTION(take)
NABLA_INDEX_INSTRUCTION(put)
NABLA_INDEX_INSTRUCTION(gather)
NABLA_INDEX_INSTRUCTION(scatter)
// order.cpp
NABLA_INDEX_INSTRUCTION(argreduce)
NABLA_INDEX_INSTRUCTION(scan)
NABLA_INDEX_INSTRUCTION(argsort)
NABLA_INDEX_INSTRUCTION(searchsorted)
#undef NABLA_INDEX_INSTRUCTION

// index.cpp: the first index outside [0, extent) becomes the fault.
bool check_indices(const Exec& e, const int32_t* index, int64_t count, int32_t extent, int32_t check);

}  // namespace NABLA_ISA
}  // namespace nabla
