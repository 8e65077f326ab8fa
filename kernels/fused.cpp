// Fused expression programs, tile by tile: every register holds rows x cols lanes of the tile, every instruction is
// one loop over them. Specified in program.h.
#include "check.h"
#include "math_double.h"
#include "codegen.h"
#include "fused.h"
#include "random.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// Work of lanes, in cycles of a vector or so, worth a task of its own: some 8 microseconds. A worker that does not sleep
// has it within one.
constexpr int64_t GRAIN = 32768 * VW;
int weight_of(int32_t op) {
  switch (op) {
    case F_DIVF: case F_SQRTF: case F_RSQRTF: case F_RECIPROCALF: case F_FLOORDIVF: case F_REMAINDERF: case F_FMODF:
    case F_DIVI: case F_FLOORDIVI: case F_REMAINDERI: case F_FMODI: return 6;
    case F_POWF: case F_ATAN2F: case F_HYPOTF: case F_RAND: case F_NDTRF: return 16;
    default: return (op >= F_EXPF && op <= F_LOG1PF) || (op >= F_SINF && op <= F_ERFINVF) ? 12 : 1;
  }
}

// The instruction whose result a plain output stores, and nothing else wants in the registers' memory.
int writer_of(const Kernel& k, int out) {
  const Port& p = k.out[out];
  if (p.mode != SET || p.dtype == BOOL || p.col != 1 || k.cls[p.reg] != FULL) return -1;
  for (int o = 0; o < k.n_out; o++)
    if (o != out && k.out[o].reg == p.reg) return -1;
  int writer = -1;
  for (int i = 0; i < k.n_ins; i++)
    if (k.ins[6 * i] != F_CHECK && k.ins[6 * i + 1] == p.reg) writer = i;
  if (writer < 0) return -1;
  // No later reader of an input in the same memory; reading its own place in this very instruction is fine.
  for (int r = 0; r < k.n_in; r++) {
    if (k.in[r].slot != p.slot) continue;
    for (int i = writer; i < k.n_ins; i++)
      for (int a = 2; a < 5; a++)
        if (k.ins[6 * i + a] == r && !(i == writer && k.in[r].col == 1 && k.cls[r] == FULL)) return -1;
  }
  return writer;
}
void plan_outputs(Kernel& k, bool code) {
  for (int o = 0; o < k.n_out; o++) {
    k.streams[o] = streams(k, k.out[o]);
    k.writer[o] = k.streams[o] || code ? -1 : writer_of(k, o);
  }
}

// ---- tiles ----

// Registers and three expansion tiles, or what machine code keeps.
int64_t register_bytes(const Kernel& k, bool code) {
  return ((int64_t)k.n_regs + (code ? CODE_TILES : 3)) * tiling(k, code).lanes * 4 + 64;
}

bool combines(const Port& o) { return o.mode != SET; }

// Axis a of the space, of which rows and columns are the last.
int64_t extent_of(const Kernel& k, int a) { return a < k.n_outer ? k.extent[a] : a == k.n_outer ? k.rows : k.cols; }
int64_t stride_of(const Kernel& k, const Port& p, int a) { return a < k.n_outer ? p.outer[a] : a == k.n_outer ? p.row : p.col; }

// A combining output is gathered over its whole span of addresses: how many there are, the lowest, and does each
// belong to it?
struct Span {
  int64_t places, lowest;
  bool dense;
};
Span span_of(const Kernel& k, const Port& o) {
  Span s = {1, o.offset, true};
  int64_t left = 1;
  for (int a = 0; a < k.n_outer + 2; a++) {
    const int64_t stride = stride_of(k, o, a), reach = (extent_of(k, a) - 1) * stride;
    if (reach < 0) s.lowest += reach;
    s.places += reach < 0 ? -reach : reach;
    if (reach) left *= extent_of(k, a);
  }
  // Axis by axis from the innermost: the stride of each is what those within it hold.
  for (int64_t held = 1; held < left;) {
    int64_t next = 0;
    for (int a = 0; a < k.n_outer + 2 && !next; a++) {
      const int64_t stride = stride_of(k, o, a);
      if (extent_of(k, a) > 1 && (stride == held || stride == -held)) next = held * extent_of(k, a);
    }
    if (!next) s.dense = false;
    held = next ? next : left;
  }
  return s;
}
// What was gathered to where it belongs.
void deliver(const Kernel& k, const Port& o, const Span& s, const float* total, float* out) {
  if (s.dense) {
    __builtin_memcpy(out + s.lowest, total, s.places * 4);
    return;
  }
  const int axes = k.n_outer + 2;
  int64_t at[MAX_OUTER + 2] = {}, to = o.offset;
  for (;;) {
    out[to] = total[to - s.lowest];
    int a = axes - 1;
    for (; a >= 0; a--) {
      const int64_t stride = stride_of(k, o, a), last = stride ? extent_of(k, a) - 1 : 0;
      if (at[a] < last) {
        at[a]++, to += stride;
        break;
      }
      to -= at[a] * stride, at[a] = 0;
    }
    if (a < 0) return;
  }
}

int task_count(const Kernel& k, const Tiling& t, int threads) {
  int64_t lane = 0;
  for (int i = 0; i < k.n_ins; i++)
    if (k.cls[k.ins[6 * i + 1]] == FULL || is_reduction(k.ins[6 * i])) lane += weight_of(k.ins[6 * i]);
  for (int i = 0; i < k.n_in; i++) lane += k.cls[i] == FULL ? 2 : 0;
  for (int i = 0; i < k.n_out; i++) lane += k.cls[k.out[i].reg] == FULL ? 3 : 0;
  const int64_t work = k.outer_count * k.rows * (int64_t)k.cols * (lane + 1);
  if (threads <= 1 || work < 2 * GRAIN) return 1;
  int64_t n = work / GRAIN;
  bool accumulates = false;
  for (int i = 0; i < k.n_out; i++) accumulates |= combines(k.out[i]);
  const int64_t most = accumulates ? threads : 4 * (int64_t)threads;
  if (n > most) n = most;
  return (int)(n < t.tiles ? n : t.tiles);
}

// ---- loops ----

// A lane operand: a pointer and how far it moves from vector to vector, 0 for one that is the same everywhere.
struct Lanes {
  const float* p;
  int step;
};

// step(i) for each vector; light ones four at a time, so that the end of the loop is not what takes the time.
template <bool LIGHT, class S>
NABLA_INLINE void vectors(int64_t n, S step) {
  int64_t i = 0;
  if constexpr (LIGHT)
    for (; i + 4 * VW <= n; i += 4 * VW) step(i), step(i + VW), step(i + 2 * VW), step(i + 3 * VW);
  for (; i < n; i += VW) step(i);
}
template <class F>
NABLA_INLINE void loop1(float* d, int64_t n, Lanes a, F f) {
  for (int64_t i = 0; i < n; i += VW) store(d + i, f(load(a.p + i * a.step)));
}
template <bool LIGHT = false, class F>
NABLA_INLINE void loop2(float* d, int64_t n, Lanes a, Lanes b, F f) {
  if (a.step && b.step)
    vectors<LIGHT>(n, [&](int64_t i) { store(d + i, f(load(a.p + i), load(b.p + i))); });
  else if (a.step) {
    const vf y = load(b.p);
    vectors<LIGHT>(n, [&](int64_t i) { store(d + i, f(load(a.p + i), y)); });
  } else {
    const vf x = load(a.p);
    vectors<LIGHT>(n, [&](int64_t i) { store(d + i, f(x, load(b.p + i * b.step))); });
  }
}
template <class F>
NABLA_INLINE void loop3(float* d, int64_t n, Lanes a, Lanes b, Lanes c, F f) {
  const float *x = a.p, *y = b.p, *z = c.p;
  for (int64_t i = 0; i < n; i += VW, x += VW * a.step, y += VW * b.step, z += VW * c.step)
    store(d + i, f(load(x), load(y), load(z)));
}
// f(x, y, z) with x and y in either order, one of them often a number.
template <class F>
NABLA_INLINE void loop_fma(float* d, int64_t n, Lanes a, Lanes b, Lanes c, F f) {
  const Lanes x = a.step ? a : b, y = a.step ? b : a;
  if (!x.step || !c.step) return loop3(d, n, x, y, c, f);
  if (y.step)
    vectors<true>(n, [&](int64_t i) { store(d + i, f(load(x.p + i), load(y.p + i), load(c.p + i))); });
  else {
    const vf s = load(y.p);
    vectors<true>(n, [&](int64_t i) { store(d + i, f(load(x.p + i), s, load(c.p + i))); });
  }
}
// One elementwise instruction over n lanes, n a multiple of VW.
void execute(int op, float* d, int64_t n, Lanes a, Lanes b, Lanes c) {
  switch (op) {
#define F1(name, expr) \
  case F_##name: loop1(d, n, a, [](vf x) { return expr; }); break;
#define L2(name, expr) \
  case F_##name: loop2<true>(d, n, a, b, [](vf x, vf y) { return expr; }); break;
#define F2(name, expr) \
  case F_##name: loop2(d, n, a, b, [](vf x, vf y) { return expr; }); break;
#define I1(name, expr) \
  case F_##name: loop1(d, n, a, [](vf fx) { const vi x = bits(fx); return from_bits(expr); }); break;
#define I2(name, expr) \
  case F_##name: loop2(d, n, a, b, [](vf fx, vf fy) { const vi x = bits(fx), y = bits(fy); return from_bits(expr); }); break;
    NABLA_LANE_OPS(F1, L2, F2, I1, I2)
    NABLA_WIDE_OPS(F1, F2, I2)
    case F_FMAF: loop_fma(d, n, a, b, c, [](vf x, vf y, vf z) { return fma(x, y, z); }); break;
    case F_FMSF: loop_fma(d, n, a, b, c, [](vf x, vf y, vf z) { return fma(x, y, -z); }); break;
    case F_FNMAF: loop_fma(d, n, a, b, c, [](vf x, vf y, vf z) { return fma(-x, y, z); }); break;
    case F_WHERE: loop3(d, n, a, b, c, [](vf m, vf x, vf y) { return select(bits(m), x, y); }); break;
#undef F1
#undef F2
#undef L2
#undef I1
#undef I2
  }
}

// Combines n lanes (any n) into one: f over vectors, then over their lanes; `start` is the neutral value.
template <class V, class F>
NABLA_INLINE float fold(const float* p, int64_t n, V start, F f) {
  V acc[4] = {start, start, start, start};
  int64_t i = 0;
  for (; i + 4 * VW <= n; i += 4 * VW)
    for (int u = 0; u < 4; u++) acc[u] = f(acc[u], (V)load(p + i + u * VW));
  for (; i + VW <= n; i += VW) acc[0] = f(acc[0], (V)load(p + i));
  if (i < n) {
    float t[VW];
    store(t, (vf)start);
    for (int64_t j = 0; i + j < n; j++) t[j] = p[i + j];
    acc[1] = f(acc[1], (V)load(t));
  }
  const V v = f(f(acc[0], acc[1]), f(acc[2], acc[3]));
  float t[VW];
  store(t, (vf)v);
  V x = v;
  for (int w = VW / 2; w; w /= 2) {
    float s[VW];
    for (int j = 0; j < VW; j++) s[j] = t[(j + w) & (VW - 1)];
    x = f((V)load(t), (V)load(s));
    store(t, (vf)x);
  }
  return t[0];
}
// Long sums in blocks, so that the error grows with the logarithm.
float fold_sum(const float* p, int64_t n) {
  if (n <= 2048) return fold(p, n, splat(0.0f), [](vf x, vf y) { return x + y; });
  const int64_t half = n / 2 / VW * VW;
  return fold_sum(p, half) + fold_sum(p + half, n - half);
}
// The sum of p[i] * q[i], as accurate.
float fold_dot(const float* p, const float* q, int64_t n) {
  if (n > 2048) {
    const int64_t half = n / 2 / VW * VW;
    return fold_dot(p, q, half) + fold_dot(p + half, q + half, n - half);
  }
  vf acc[4] = {};
  int64_t i = 0;
  for (; i + 4 * VW <= n; i += 4 * VW)
    for (int u = 0; u < 4; u++) acc[u] = fma(load(p + i + u * VW), load(q + i + u * VW), acc[u]);
  for (; i + VW <= n; i += VW) acc[0] = fma(load(p + i), load(q + i), acc[0]);
  if (i < n) acc[1] = fma(load_n(p + i, (int)(n - i)), load_n(q + i, (int)(n - i)), acc[1]);
  return hsum((acc[0] + acc[1]) + (acc[2] + acc[3]));
}
float as_float(int32_t x) {
  float f;
  __builtin_memcpy(&f, &x, 4);
  return f;
}
int32_t as_int(float x) {
  int32_t i;
  __builtin_memcpy(&i, &x, 4);
  return i;
}
// What a reduction is made of: g(its neutral value, its function).
template <class G>
NABLA_INLINE auto with_reduction(int op, G g) {
  switch (op) {
    case F_RSUMF: return g(splat(0.0f), [](vf x, vf y) { return x + y; });
    case F_RPRODF: return g(splat(1.0f), [](vf x, vf y) { return x * y; });
    case F_RMAXF: return g(splat(-INF), [](vf x, vf y) { return v_max(x, y); });
    case F_RMINF: return g(splat(INF), [](vf x, vf y) { return v_min(x, y); });
    case F_RSUMI: return g(splat(0), [](vi x, vi y) { return (vi)((vu)x + (vu)y); });
    case F_RPRODI: return g(splat(1), [](vi x, vi y) { return (vi)((vu)x * (vu)y); });
    case F_RMAXI: return g(splat(INT32_MIN), [](vi x, vi y) { return select(x > y, x, y); });
    case F_RMINI: return g(splat(INT32_MAX), [](vi x, vi y) { return select(x < y, x, y); });
    case F_RANY: return g(splat(0), [](vi x, vi y) { return x | y; });
    default: return g(splat(-1), [](vi x, vi y) { return x & y; });
  }
}
float reduce(int op, const float* p, int64_t n) {
  if (op == F_RSUMF) return fold_sum(p, n);
  return with_reduction(op, [&](auto start, auto f) { return fold(p, n, start, f); });
}

// Column j of the rows from r on, a vector of them; the last one again where there are no more.
NABLA_INLINE vf column(const float* p, int r, int rows, int n, int j) {
  float x[VW];
  for (int l = 0; l < VW; l++) x[l] = p[(int64_t)(r + l < rows ? r + l : rows - 1) * n + j];
  return load(x);
}
// Reductions over rows of n, of p * q for RDOTF. d has room for whole vectors. Short rows go side by side.
void reduce_rows(int op, float* d, const float* p, const float* q, int rows, int n) {
  constexpr int SHORT = 24;
  if (rows == 1 || n > SHORT) {
    for (int r = 0; r < rows; r++, p += n, q += n) d[r] = op == F_RDOTF ? fold_dot(p, q, n) : reduce(op, p, n);
    return;
  }
  for (int r = 0; r < rows; r += VW)
    if (op == F_RDOTF) {
      vf acc = {};
      for (int j = 0; j < n; j++) acc = fma(column(p, r, rows, n, j), column(q, r, rows, n, j), acc);
      store(d + r, acc);
    } else
      with_reduction(op, [&](auto acc, auto f) {
        for (int j = 0; j < n; j++) acc = f(acc, (decltype(acc))column(p, r, rows, n, j));
        store(d + r, (vf)acc);
      });
}

// The instruction that combines two values in a mode, and the value to start from.
int mode_op(int mode, bool is_int) {
  switch (mode) {
    case ADD: return is_int ? F_ADDI : F_ADDF;
    case MUL: return is_int ? F_MULI : F_MULF;
    case MAX: return is_int ? F_MAXI : F_MAXF;
    default: return is_int ? F_MINI : F_MINF;
  }
}
int mode_reduction(int mode, bool is_int) { return (is_int ? F_RSUMI : F_RSUMF) + (mode - ADD); }
float mode_start(int mode, bool is_int) {
  switch (mode) {
    case ADD: return 0.0f;
    case MUL: return is_int ? as_float(1) : 1.0f;
    case MAX: return is_int ? as_float(INT32_MIN) : -INF;
    default: return is_int ? as_float(INT32_MAX) : INF;
  }
}
float combine1(int mode, bool is_int, float a, float b) {
  if (is_int) {
    const int32_t x = as_int(a), y = as_int(b);
    switch (mode) {
      case ADD: return as_float((int32_t)((uint32_t)x + (uint32_t)y));
      case MUL: return as_float((int32_t)((uint32_t)x * (uint32_t)y));
      case MAX: return as_float(x > y ? x : y);
      default: return as_float(x < y ? x : y);
    }
  }
  switch (mode) {
    case ADD: return a + b;
    case MUL: return a * b;
    case MAX: return a != a ? a : b != b ? b : a > b ? a : b;
    default: return a != a ? a : b != b ? b : a < b ? a : b;
  }
}
// into[i] = into[i] (+) from[i] for any n.
void combine(int mode, bool is_int, float* into, const float* from, int64_t n) {
  const int64_t whole = n / VW * VW;
  execute(mode_op(mode, is_int), into, whole, {into, 1}, {from, 1}, {});
  for (int64_t i = whole; i < n; i++) into[i] = combine1(mode, is_int, into[i], from[i]);
}

// ---- one task: a run of tiles ----

struct Tile {
  int64_t at[MAX_OUTER];
  int32_t r0, c0, rows, cols;
  int64_t lanes;   // rows * cols
  int64_t padded;  // up to a whole vector

  void set_cols(int64_t n) { cols = (int32_t)n, lanes = rows * n, padded = whole_vectors(lanes); }
};

int64_t address(const Kernel& k, const Port& p, const Tile& t) {
  int64_t a = p.offset + (int64_t)t.r0 * p.row + (int64_t)t.c0 * p.col;
  for (int i = 0; i < k.n_outer; i++) a += t.at[i] * p.outer[i];
  return a;
}

struct Task {
  const Exec& e;
  const Kernel& k;
  const Tiling& tl;
  float* registers;  // n_regs + 3 tiles
  float* partial[MAX_IO];  // accumulators of combining outputs: two levels
  int64_t count[MAX_IO], lowest[MAX_IO];
  Status fault;
  float* reg_at[MAX_REGS];
  bool kept[MAX_REGS];  // an input that is the same in every tile, loaded already
  int stored_since;

  float* tile(int r) const { return registers + (int64_t)r * tl.lanes; }

  // Lane j of the value at a port: memory, or the address itself.
  inline float element(const Port& p, int64_t a) const {
    if (p.slot < 0) return as_float((int32_t)a);
    if (p.dtype == BOOL) return as_float(((const uint8_t*)e.slots[p.slot])[a] ? -1 : 0);
    return ((const float*)e.slots[p.slot])[a];
  }

  void load_row(const Port& p, int64_t a, int64_t step, float* d, int64_t n) const {
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
  bool given_back(int i) const {
    bool given = false, written = false;
    for (int o = 0; o < k.n_out; o++) given |= k.out[o].reg == i, written |= k.out[o].slot == k.in[i].slot;
    return given && written;
  }
  void load_input(int i, const Tile& t) {
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

  // An operand of an instruction whose result is FULL.
  Lanes full_operand(int r, const Tile& t, int spare) {
    if (k.cls[r] == FULL) return {reg_at[r], 1};
    if (k.cls[r] == SCALAR || t.rows == 1) return {reg_at[r], 0};
    float* d = tile(k.n_regs + spare);
    const float* s = reg_at[r];
    for (int i = 0; i < t.rows; i++) {
      const vf x = splat(s[i]);
      float* o = d + (int64_t)i * t.cols;
      int64_t j = 0;
      for (; j + VW <= t.cols; j += VW) store(o + j, x);
      for (; j < t.cols; j++) o[j] = s[i];
    }
    return {d, 1};
  }
  Lanes row_operand(int r, const Tile& t) const { return {reg_at[r], k.cls[r] == SCALAR || t.rows == 1 ? 0 : 1}; }

  bool check(const int32_t* w, const Tile& t) {
    const int32_t lo = as_int(reg_at[w[3]][0]), hi = as_int(reg_at[w[4]][0]), except = as_int(reg_at[w[1]][0]);
    const int64_t n = k.cls[w[2]] == FULL ? t.lanes : k.cls[w[2]] == ROW ? t.rows : 1;
    const int32_t* v = (const int32_t*)reg_at[w[2]];
    for (int64_t i = 0; i < n; i++)
      if ((v[i] < lo || v[i] >= hi) && v[i] != except) {
        fault = {INDEX_FAULT, w[5], v[i], lo, hi};
        return false;
      }
    return true;
  }

  void random(const int32_t* w, const Tile& t, float* d) {
    const Port& p = k.in[w[2]];
    const uint32_t lo = (uint32_t)as_int(reg_at[w[3]][0]), hi = (uint32_t)as_int(reg_at[w[4]][0]),
                   block = (uint32_t)as_int(reg_at[w[5]][0]);
    const int64_t a = address(k, p, t);
    for (int r = 0; r < t.rows; r++) {
      float* o = d + (int64_t)r * t.cols;
      const int64_t first = a + (int64_t)r * p.row;
      if (p.col == 1)
        philox_fill(lo, hi, block, first, o, t.cols);
      else
        for (int c = 0; c < t.cols; c++) philox_fill(lo, hi, block, first + (int64_t)c * p.col, o + c, 1);
    }
  }

  // Where an instruction puts its result: straight into memory when it may.
  float* target(int i, const Tile& t, int* direct) {
    const int dst = k.ins[6 * i + 1];
    *direct = -1;
    if (t.lanes == t.padded)
      for (int o = 0; o < k.n_out; o++) {
        const Port& p = k.out[o];
        if (k.writer[o] != i || !(t.rows == 1 || p.row == t.cols)) continue;
        *direct = o;
        return (float*)e.slots[p.slot] + address(k, p, t);
      }
    return tile(dst);
  }

  void store_output(const Port& p, const Tile& t) {
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
  void store_row(const Port& p, int64_t a, int64_t step, const float* v, int64_t n) {
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

  // Adds a tile to the first-level accumulators of an output.
  void accumulate(int i, const Tile& t) {
    const Port& p = k.out[i];
    const bool is_int = p.dtype != F32;
    float* acc = partial[i] + (address(k, p, t) - lowest[i]);
    const float* v = reg_at[p.reg];
    const int op = mode_reduction(p.mode, is_int);
    if (k.cls[p.reg] == ROW) {
      if (t.c0 != 0) return;
      if (p.row == 0)
        acc[0] = combine1(p.mode, is_int, acc[0], t.rows == 1 ? v[0] : reduce(op, v, t.rows));
      else if (p.row == 1 && t.rows > 1)
        combine(p.mode, is_int, acc, v, t.rows);
      else
        for (int r = 0; r < t.rows; r++) acc[(int64_t)r * p.row] = combine1(p.mode, is_int, acc[(int64_t)r * p.row], v[r]);
      return;
    }
    if (p.col == 0 && p.row == 0) {
      acc[0] = combine1(p.mode, is_int, acc[0], reduce(op, v, t.lanes));
      return;
    }
    for (int r = 0; r < t.rows; r++) {
      float* to = acc + (int64_t)r * p.row;
      const float* from = v + (int64_t)r * t.cols;
      if (p.col == 0)
        to[0] = combine1(p.mode, is_int, to[0], reduce(op, from, t.cols));
      else if (p.col == 1)
        combine(p.mode, is_int, to, from, t.cols);
      else
        for (int c = 0; c < t.cols; c++) to[(int64_t)c * p.col] = combine1(p.mode, is_int, to[(int64_t)c * p.col], from[c]);
    }
  }
  // The first level into the second, which keeps the error of long sums small.
  void flush() {
    for (int i = 0; i < k.n_out; i++) {
      if (!combines(k.out[i])) continue;
      const bool is_int = k.out[i].dtype != F32;
      combine(k.out[i].mode, is_int, partial[i] + count[i], partial[i], count[i]);
      const float s = mode_start(k.out[i].mode, is_int);
      for (int64_t j = 0; j < count[i]; j++) partial[i][j] = s;
    }
    stored_since = 0;
  }

  // Instruction i; false when an index is out of range.
  bool step(int i, const Tile& t, bool* done) {
    const int32_t* w = k.ins + 6 * i;
    const int op = w[0], dst = w[1];
    if (op == F_CHECK) return check(w, t);
    if (op == F_CONST) {
      reg_at[dst] = tile(dst);
      store(tile(dst), splat(as_float(w[5])));
    } else if (is_reduction(op)) {
      float* d = tile(dst);
      const float* v = reg_at[w[2]];
      reduce_rows(op, d, v, op == F_RDOTF ? reg_at[w[3]] : v, t.rows, t.cols);
      if (t.rows == 1) store(d, splat(d[0]));
      reg_at[dst] = d;
    } else if (k.cls[dst] == FULL) {
      int direct;
      float* d = target(i, t, &direct);
      if (op == F_RAND)
        random(w, t, d);
      else
        execute(op, d, t.padded, full_operand(w[2], t, 0), arity(op) > 1 ? full_operand(w[3], t, 1) : Lanes{},
                arity(op) > 2 ? full_operand(w[4], t, 2) : Lanes{});
      reg_at[dst] = d;
      if (direct >= 0) done[direct] = true;
    } else {
      float* d = tile(dst);
      const int64_t n = k.cls[dst] == ROW && t.rows > 1 ? (t.rows + VW - 1) / VW * VW : VW;
      execute(op, d, n, row_operand(w[2], t), arity(op) > 1 ? row_operand(w[3], t) : Lanes{},
              arity(op) > 2 ? row_operand(w[4], t) : Lanes{});
      reg_at[dst] = d;
    }
    return true;
  }

  bool run_tile(const Tile& t) {
    bool done[MAX_IO] = {};
    if (e.code) {
      run_code(*e.code, t, done);
    } else {
      for (int i = 0; i < k.n_in; i++) load_input(i, t);
      for (int i = 0; i < k.n_ins; i++)
        if (!step(i, t, done)) return false;
    }
    bool accumulated = false;
    for (int i = 0; i < k.n_out; i++) {
      accumulated |= combines(k.out[i]);
      if (done[i]) continue;
      if (combines(k.out[i])) accumulate(i, t);
      else store_output(k.out[i], t);
    }
    if (accumulated) {
      stored_since += e.code && e.code->by_row ? t.rows : 1;
      if (stored_since >= 64) flush();
    }
    return true;
  }

  // Is input i in memory as the code reads it?
  bool in_place(const FusedCode& code, int i, const Tile& t) const {
    const Port& p = k.in[i];
    return k.cls[i] == FULL && p.slot >= 0 && p.dtype != BOOL && p.col == 1 && (code.by_row || t.rows == 1 || p.row == t.cols);
  }
  // Does the machine code go from memory to memory, so that a tile may be of any length?
  bool keeps_nothing() const {
    if (!e.code || e.code->by_row) return false;
    const FusedCode& code = *e.code;
    for (int i = 0; i < code.firsts; i++)
      if (k.cls[k.ins[6 * code.first[i] + 1]] == FULL) return false;
    bool written[MAX_IO] = {};
    for (int s = 0; s < code.streams; s++) {
      if (code.stream[s].kind != FusedCode::INPUT && code.stream[s].kind != FusedCode::OUTPUT) return false;
      if (code.stream[s].kind == FusedCode::OUTPUT) written[code.stream[s].port] = true;
    }
    for (int o = 0; o < k.n_out; o++)
      if (!written[o]) return false;
    for (int i = 0; i < k.n_in; i++)
      if (k.cls[i] == FULL && (k.in[i].slot < 0 || k.in[i].dtype == BOOL || k.in[i].col != 1)) return false;
    return true;
  }
  // The tile by machine code; what it writes itself is `done`.
  void run_code(const FusedCode& code, const Tile& t, bool* done) {
    for (int i = 0; i < k.n_in; i++)
      if (!in_place(code, i, t)) load_input(i, t);
    for (int i = 0; i < code.firsts; i++) step(code.first[i], t, done);
    CodeArgs a;
    a.tiles = a.rows = a.scalars = registers;
    a.constants = code.constants;
    const int64_t n = code.by_row ? t.cols : t.lanes;
    a.blocks = n / (4 * VW) * (4 * VW) * 4, a.vectors = n / VW * VW * 4, a.tail = (1 << n % VW) - 1;
    for (int i = 0; i < 8; i++) a.lanes[i] = i < n % VW ? -1 : 0;
    int64_t step_of[CodeArgs::STREAMS];
    uintptr_t low = 0;
    for (int s = 0; s < code.streams; s++) {
      const int port = code.stream[s].port;
      int64_t step = t.cols;
      float* at;
      if (code.stream[s].kind == FusedCode::TILE) at = tile(port);
      else if (code.stream[s].kind == FusedCode::INPUT) {
        const bool there = in_place(code, port, t);
        at = there ? (float*)e.slots[k.in[port].slot] + address(k, k.in[port], t) : reg_at[port];
        if (there) step = k.in[port].row;
      } else {
        const Port& p = k.out[port];
        step = p.row;
        if (code.stream[s].kind == FusedCode::SUM) at = partial[port] + (address(k, p, t) - lowest[port]);
        else {
          at = (float*)e.slots[p.slot] + address(k, p, t);
          if (k.streams[port]) low |= (uintptr_t)at | (code.by_row && t.rows > 1 ? (uintptr_t)(step * 4) : 0);
        }
        done[port] = true;
      }
      a.stream[s] = (char*)at, step_of[s] = 4 * step;
    }
    const auto run = code.run[code.run[1] && !(low & 63)];
    for (int r = 0; r < (code.by_row ? t.rows : 1); r++) {
      run(&a);
      a.rows++;
      for (int s = 0; s < code.streams; s++) a.stream[s] += step_of[s];
    }
    for (int o = 0; o < k.n_out; o++)
      if (code.tile_of[o] >= 0) reg_at[k.out[o].reg] = tile(code.tile_of[o]);
  }
};

Tile tile_at(const Kernel& k, const Tiling& tl, int64_t i) {
  Tile t;
  t.c0 = (int32_t)(i % tl.col_tiles) * tl.tile_cols;
  i /= tl.col_tiles;
  t.r0 = (int32_t)(i % tl.row_tiles) * tl.tile_rows;
  i /= tl.row_tiles;
  for (int a = k.n_outer - 1; a >= 0; a--) t.at[a] = i % k.extent[a], i /= k.extent[a];
  t.rows = k.rows - t.r0 < tl.tile_rows ? k.rows - t.r0 : tl.tile_rows;
  t.set_cols(least(k.cols - t.c0, tl.tile_cols));
  return t;
}

int64_t partial_lanes(const Kernel& k) {
  int64_t n = 0;
  for (int i = 0; i < k.n_out; i++)
    if (combines(k.out[i])) n += 2 * ((span_of(k, k.out[i]).places + VW - 1) / VW * VW);
  return n;
}

}  // namespace

bool fused_validate(Check& c) {
  Reader r(c);
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
    const int32_t dtype = r.dtype();
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
  bool reduces = false;
  for (int i = 0; i < n_ins; i++) {
    const int32_t op = r.between(F_CONST, F_NDTRF, "unknown instruction");
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
      if (arg[0] < 0 || arg[0] >= n_in || !is_virtual[arg[0]] || cls[dst] != FULL) return r.fail("random bits need an index");
      if (!scalar(arg[1]) || !scalar(arg[2]) || !scalar(imm)) return r.fail("a key is scalar");
    } else if (is_reduction(op)) {
      for (int a = 0; a < arity(op); a++)
        if (!usable(arg[a]) || cls[arg[a]] != FULL || cls[dst] != ROW) return r.fail("a reduction takes full to row");
      reduces = true;
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
    const int32_t dtype = r.dtype();
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
      partials += 2 * (((span.hi - span.lo) / 4 + VW) / VW * VW);
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
  c.shared = partials * 4 * c.threads + 64;
  (void)reduces;
  return true;
}

void fused_run(const Exec& e) {
  Kernel k;
  decode(e.w, k);
  const Tiling tl = tiling(k, e.code);
  if (tl.tiles == 0) return;
  plan_outputs(k, e.code);
  const int tasks = task_count(k, tl, pool_threads(e.pool));
  const int64_t lanes = partial_lanes(k);
  float* shared = (float*)(((uintptr_t)e.shared + 63) & ~(uintptr_t)63);
  // The fault of the first tile that has one, whatever the number of threads: a task runs up to its own first.
  Status faults[MAX_THREADS * 4];
  parallel(e, tasks, [&](int task, int thread) {
    float* registers = (float*)(((uintptr_t)(e.scratch + thread * e.per_thread) + 63) & ~(uintptr_t)63);
    Task job{e, k, tl, registers, {}, {}, {}, {}, {}, {}, 0};
    float* p = shared + task * lanes;
    for (int i = 0; i < k.n_out; i++) {
      if (!combines(k.out[i])) continue;
      const Span span = span_of(k, k.out[i]);
      job.count[i] = (span.places + VW - 1) / VW * VW, job.lowest[i] = span.lowest;
      job.partial[i] = p;
      const float s = mode_start(k.out[i].mode, k.out[i].dtype != F32);
      for (int64_t j = 0; j < 2 * job.count[i]; j++) p[j] = s;
      p += 2 * job.count[i];
    }
    const int64_t first = tl.tiles * task / tasks, last = tl.tiles * (task + 1) / tasks;
    const bool joined = tl.tile_rows == 1 && job.keeps_nothing();
    int64_t i = first;
    for (int64_t n = 1; i < last; i += n) {
      Tile t = tile_at(k, tl, i);
      // To begin a tile costs the time of some hundred lanes.
      if (joined) n = least(last - i, tl.col_tiles - i % tl.col_tiles), t.set_cols(least(n * tl.tile_cols, k.cols - t.c0));
      if (!job.run_tile(t)) break;
    }
    if (i == last) job.flush();
    faults[task] = job.fault;
  });
  for (int t = 0; t < tasks && e.status->fault == OK; t++) *e.status = faults[t];
  if (e.status->fault || lanes == 0) return;
  int64_t at = 0;
  for (int i = 0; i < k.n_out; i++) {
    const Port& o = k.out[i];
    if (!combines(o)) continue;
    const Span span = span_of(k, o);
    const int64_t n = span.places, padded = (n + VW - 1) / VW * VW;
    float* total = shared + at + padded;
    for (int t = 1; t < tasks; t++) combine(o.mode, o.dtype != F32, total, shared + t * lanes + at + padded, n);
    deliver(k, o, span, total, (float*)e.slots[o.slot]);
    at += 2 * padded;
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
