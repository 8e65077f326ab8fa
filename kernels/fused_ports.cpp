// Between memory and the registers of fused programs: the storage types are known here, and nowhere else in the
// interpreter.
#include "fused_task.h"

namespace nabla {
namespace NABLA_ISA {

// Lane j of the value at a port: memory, or the address itself.
float Task::element(const Port& p, int64_t a) const {
  if (p.slot < 0) return as_float((int32_t)a);
  if (p.dtype == BOOL) return as_float(((const uint8_t*)e.slots[p.slot])[a] ? -1 : 0);
  return ((const float*)e.slots[p.slot])[a];
}

void Task::load_row(const Port& p, int64_t a, int64_t step, float* d, int64_t n) const {
  if (step == 0) {
    const float x = element(p, a);
    for (int64_t i = 0; i < n; i++) d[i] = x;
  } else if (p.slot < 0) {
    int32_t* o = (int32_t*)d;
    for (int64_t i = 0; i < n; i++) o[i] = (int32_t)(a + i * step);
  } else if (p.dtype == BOOL) {
    const uint8_t* s = (const uint8_t*)e.slots[p.slot] + a;
    int32_t* o = (int32_t*)d;
    int64_t i = 0;
    if (step == 1)
      for (; i + VW <= n; i += VW) store(o + i, load_mask(s + i));
    for (; i < n; i++) o[i] = s[i * step] ? -1 : 0;
  } else {
    const float* s = (const float*)e.slots[p.slot] + a;
    if (step == 1)
      __builtin_memcpy(d, s, n * 4);
    else
      for (int64_t i = 0; i < n; i++) d[i] = s[i * step];
  }
}

// Is the input itself an output, and another one in its memory?
bool Task::given_back(int i) const {
  bool given = false, written = false;
  for (int o = 0; o < k.n_out; o++) given |= k.out[o].reg == i, written |= k.out[o].slot == k.in[i].slot;
  return given && written;
}
void Task::load_input(int i, const Tile& t) {
  const Port& p = k.in[i];
  float* d = tile(i);
  const int64_t a = address(k, p, t);
  reg_at[i] = d;
  if (k.cls[i] == SCALAR || (k.cls[i] == ROW && t.rows == 1)) {
    if (kept[i]) return;
    store(d, splat(element(p, a)));
    kept[i] = k.cls[i] == SCALAR;
    return;
  }
  if (k.cls[i] == ROW) {
    load_row(p, a, p.row, d, t.rows);
    return;
  }
  const bool memory = p.slot >= 0 && p.dtype != BOOL && p.col == 1;
  if (memory && !given_back(i) && (t.rows == 1 || p.row == t.cols) && t.lanes == t.padded) {
    reg_at[i] = (float*)e.slots[p.slot] + a;
    return;
  }
  if (memory && p.row == 0 && t.rows > 1 && k.n_outer == 0 && t.cols == k.cols) {
    // The same row in every tile.
    if (!kept[i]) {
      for (int r = 0; r < tl.tile_rows; r++) load_row(p, a, 1, d + (int64_t)r * t.cols, t.cols);
      kept[i] = true;
    }
    return;
  }
  if (p.row == (int64_t)t.cols * p.col && t.rows > 1) {
    load_row(p, a, p.col, d, t.lanes);
    return;
  }
  if (t.cols < 8 && p.col != 1 && t.rows > t.cols) {
    // Tall and narrow: gathered column by column.
    for (int c = 0; c < t.cols; c++)
      for (int r = 0; r < t.rows; r++) d[(int64_t)r * t.cols + c] = element(p, a + (int64_t)r * p.row + (int64_t)c * p.col);
    return;
  }
  for (int r = 0; r < t.rows; r++) load_row(p, a + (int64_t)r * p.row, p.col, d + (int64_t)r * t.cols, t.cols);
}

void Task::store_output(const Port& p, const Tile& t) {
  const float* v = reg_at[p.reg];
  const int64_t a = address(k, p, t);
  const int cls = k.cls[p.reg];
  if (cls == FULL) {
    const bool run = t.rows == 1 || (p.col == 1 && p.row == t.cols);
    const int rows = run ? 1 : t.rows;
    const int64_t n = run ? t.lanes : t.cols;
    for (int r = 0; r < rows; r++) {
      const int64_t at = a + (int64_t)r * p.row;
      if (k.streams[&p - k.out])
        stream((float*)e.slots[p.slot] + at, v + (int64_t)r * t.cols, n);
      else
        store_row(p, at, p.col, v + (int64_t)r * t.cols, n);
    }
  } else if (cls == ROW) {
    if (t.c0 == 0) store_row(p, a, p.row, v, t.rows);
  } else {
    // One value for all: every place of the tile holds it.
    if (p.col == 0 && p.row == 0) {
      store_row(p, a, 1, v, 1);
      return;
    }
    const int64_t cols = p.col == 0 ? 1 : t.cols, rows = p.row == 0 ? 1 : t.rows;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = 0; c < cols; c++) store_row(p, a + r * p.row + c * p.col, 1, v, 1);
  }
}
void Task::store_row(const Port& p, int64_t a, int64_t step, const float* v, int64_t n) {
  if (p.dtype == BOOL) {
    uint8_t* o = (uint8_t*)e.slots[p.slot] + a;
    const int32_t* m = (const int32_t*)v;
    int64_t i = 0;
    if (step == 1)
      for (; i + VW <= n; i += VW) store_mask(o + i, load(m + i));
    for (; i < n; i++) o[i * step] = m[i] ? 1 : 0;
    return;
  }
  float* o = (float*)e.slots[p.slot] + a;
  if (step == 1)
    __builtin_memcpy(o, v, n * 4);
  else
    for (int64_t i = 0; i < n; i++) o[i * step] = v[i];
}

}  // namespace NABLA_ISA
}  // namespace nabla
