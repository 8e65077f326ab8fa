// The register tiles of convolutions: a few channels by vectors of cells, summed over products that lie anywhere; and
// a few rows by columns of weights, summed over cells.
#pragma once
#include "conv.h"
#include "simd.h"

namespace nabla {
namespace NABLA_ISA {

// Channels of a tile and the sums that fit the registers beside the operands; rows and columns of the other tile.
#if defined(__AVX512F__)
constexpr int TILE_ROWS = 14, TILE_SUMS = 28, DOT_ROWS = 4, DOT_COLUMNS = 6;
#elif defined(__AVX2__)
constexpr int TILE_ROWS = 6, TILE_SUMS = 12, DOT_ROWS = 3, DOT_COLUMNS = 3;
#elif defined(__ARM_NEON)
constexpr int TILE_ROWS = 12, TILE_SUMS = 24, DOT_ROWS = 4, DOT_COLUMNS = 6;
#else
constexpr int TILE_ROWS = 4, TILE_SUMS = 8, DOT_ROWS = 2, DOT_COLUMNS = 4;
#endif
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

// sums[i][j][VW] += over `lines` of n vectors each: those of y + i * y_row, one behind the other, times those of
// x + offset[j], x_step apart.
struct Dot {
  const float *y, *x;
  const int32_t* offset;
  int64_t y_row, lines, n, y_line, x_line, x_step;
  float* sums;
};
typedef void (*DotTile)(const Dot&);
DotTile dot_tile(int64_t rows, int64_t columns);

}  // namespace NABLA_ISA
}  // namespace nabla
