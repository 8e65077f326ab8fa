// QUANTIZED: how its weights lie. A panel is 32 columns of the product, which are 32 rows of the weight (out, in) of an
// affine map. In it each word of 32 bits holds the codes of consecutive inputs of one column, from the low bits on: 2
// bfloat16, 4 of 8 bits or 8 of 4 bits; 32 columns beside each other, word after word. What is over holds any codes.
#pragma once
#include "program.h"

namespace nabla {

constexpr int QUANTIZED_COLUMNS = 32;
// Sums of a group must fit an int32: 256 codes of 8 bits times 16-bit numbers.
constexpr int32_t MAX_GROUP = 256;
// Words of a column.
constexpr int64_t quantized_words(int64_t k, int32_t bits) { return (k * bits + 31) / 32; }

namespace NABLA_ISA {

bool quantized_validate(Check&);
void quantized_run(const Exec&);

}  // namespace NABLA_ISA
}  // namespace nabla
