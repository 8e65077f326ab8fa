// The register tile of convolutions: a few channels by vectors of cells, summed over products that lie anywhere.
#pragma once
#include "conv.h"
#include "simd.h"

namespace nabla {
namespace NABLA_ISA {

constexpr int CONV_VECTORS = 8;  // of a tile at most

// Up to VW cells side by side: where they are read from, where they go, and how many there are.
struct Cells {
  int32_t from, to, n;
};

// y[i * y_row + cells[v].to...] = bias[i] + sum over p < k of a[p * R + i] * b[cells[v].from + offset[p]...];
// or added to what y holds.
typedef void (*Tile)(int64_t k, const float* a, const float* b, const int32_t* offset, const Cells* cells, float* y,
                     int64_t y_row, const float* bias, bool add);

// The tile of R = `rows` channels, at most those of a panel, that is the widest for so many vectors.
Tile conv_tile(int64_t rows, int64_t vectors, int* width);
// Channels of a panel, so that panels are of equal height but for the last one.
int64_t conv_panel(int64_t channels);

}  // namespace NABLA_ISA
}  // namespace nabla
