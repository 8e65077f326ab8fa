// The register tiles of conv_tile.h.
#include "conv_tile.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

template <int R, int V>
void tile(int64_t k, const float* a, const float* b, const int32_t* offset, const Cells* cells, float* y,
                 int64_t y_row, const float* bias, bool add) {
  vf s[R][V];
  const float* from[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) from[v] = b + cells[v].from;
#pragma GCC unroll 16
  for (int i = 0; i < R; i++)
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) s[i][v] = (vf){};
  for (int64_t p = 0; p < k; p++) {
    const int64_t at = offset[p];
    vf x[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) x[v] = R > 1 ? held(load(from[v] + at)) : load(from[v] + at);
#pragma GCC unroll 16
    for (int i = 0; i < R; i++) {
      const vf w = splat(a[i]);
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) s[i][v] = fma(w, x[v], s[i][v]);
    }
    a += R;
  }
  if (bias)
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) s[i][v] += splat(bias[i]);
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) {
    float* const to = y + cells[v].to;
    const int n = cells[v].n;
    if (n == VW)
#pragma GCC unroll 16
      for (int i = 0; i < R; i++) store(to + i * y_row, add ? s[i][v] + load(to + i * y_row) : s[i][v]);
    else
#pragma GCC unroll 16
      for (int i = 0; i < R; i++) store_n(to + i * y_row, add ? s[i][v] + load_n(to + i * y_row, n) : s[i][v], n);
  }
}

// The widest tile of R rows, and the tile for at most `vectors` of them.
template <int R>
constexpr int widest() {
  int v = CONV_VECTORS;
  while (v > 1 && v * R > TILE_SUMS) v /= 2;
  return v;
}
template <int R, int V>
Tile find_width(int64_t vectors, int* width) {
  if constexpr (V > 1)
    if (vectors < V) return find_width<R, V / 2>(vectors, width);
  *width = V;
  return tile<R, V>;
}
template <int R>
Tile find_tile(int64_t rows, int64_t vectors, int* width) {
  if constexpr (R > 1)
    if (rows < R) return find_tile<R - 1>(rows, vectors, width);
  return find_width<R, widest<R>()>(vectors, width);
}

template <int R, int C>
void dot(const Dot& d) {
  vf s[R][C];
#pragma GCC unroll 8
  for (int i = 0; i < R; i++)
#pragma GCC unroll 8
    for (int j = 0; j < C; j++) s[i][j] = load(d.sums + (i * C + j) * VW);
  for (int64_t line = 0; line < d.lines; line++) {
    const float *y = d.y + line * d.y_line, *x[C];
#pragma GCC unroll 8
    for (int j = 0; j < C; j++) x[j] = d.x + line * d.x_line + d.offset[j];
    int64_t at = 0;
    for (int64_t n = d.n; n > 0; n--, y += VW, at += d.x_step) {
      vf a[R];
#pragma GCC unroll 8
      for (int i = 0; i < R; i++) a[i] = load(y + i * d.y_row);
#pragma GCC unroll 8
      for (int j = 0; j < C; j++) {
        const vf b = held(load(x[j] + at));
#pragma GCC unroll 8
        for (int i = 0; i < R; i++) s[i][j] = fma(a[i], b, s[i][j]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; i++)
#pragma GCC unroll 8
    for (int j = 0; j < C; j++) store(d.sums + (i * C + j) * VW, s[i][j]);
}
template <int R = DOT_ROWS, int C = DOT_COLUMNS>
DotTile find_dot(int64_t rows, int64_t columns) {
  if constexpr (R > 1)
    if (rows < R) return find_dot<R - 1, C>(rows, columns);
  if constexpr (C > 1)
    if (columns < C) return find_dot<R, C - 1>(rows, columns);
  return dot<R, C>;
}

}  // namespace

Tile conv_tile(int64_t rows, int64_t vectors, int* width) { return find_tile<TILE_ROWS>(rows, vectors, width); }
int64_t conv_panel(int64_t channels) { return ceil_div(channels, ceil_div(channels, TILE_ROWS)); }
DotTile dot_tile(int64_t rows, int64_t columns) { return find_dot(rows, columns); }

}  // namespace NABLA_ISA
}  // namespace nabla
