// Reductions of fused programs, over the columns of a row and over all that meets in one place.
#include "fused_task.h"
#include "functions.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// Combines n lanes (any n) into one: f over vectors, then over their lanes; `start` is the neutral value.
template <class V, class F>
NABLA_INLINE real fold(const real* p, int64_t n, V start, F f) {
  V acc[4] = {start, start, start, start};
  int64_t i = 0;
  for (; i + 4 * VW <= n; i += 4 * VW)
    for (int u = 0; u < 4; u++) acc[u] = f(acc[u], (V)load(p + i + u * VW));
  for (; i + VW <= n; i += VW) acc[0] = f(acc[0], (V)load(p + i));
  if (i < n) {
    real t[VW];
    store(t, (vf)start);
    for (int64_t j = 0; i + j < n; j++) t[j] = p[i + j];
    acc[1] = f(acc[1], (V)load(t));
  }
  const V v = f(f(acc[0], acc[1]), f(acc[2], acc[3]));
  real t[VW];
  store(t, (vf)v);
  V x = v;
  for (int w = VW / 2; w; w /= 2) {
    real s[VW];
    for (int j = 0; j < VW; j++) s[j] = t[(j + w) & (VW - 1)];
    x = f((V)load(t), (V)load(s));
    store(t, (vf)x);
  }
  return t[0];
}
}  // namespace

// Long sums in blocks, so that the error grows with the logarithm.
real fold_sum(const real* p, int64_t n) {
  if (n <= 2048) return fold(p, n, splat((real)0), [](vf x, vf y) { return x + y; });
  const int64_t half = n / 2 / VW * VW;
  return fold_sum(p, half) + fold_sum(p + half, n - half);
}

namespace {

// The sum of p[i] * q[i], as accurate.
real fold_dot(const real* p, const real* q, int64_t n) {
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

// What a reduction is made of: g(its neutral value, its function).
template <class G>
NABLA_INLINE auto with_reduction(int op, G g) {
  switch (op) {
    case F_RSUMF: return g(splat((real)0), [](vf x, vf y) { return x + y; });
    case F_RPRODF: return g(splat((real)1), [](vf x, vf y) { return x * y; });
    case F_RMAXF: return g(splat(-INF), [](vf x, vf y) { return v_max(x, y); });
    case F_RMINF: return g(splat(INF), [](vf x, vf y) { return v_min(x, y); });
    case F_RSUMI: return g(splat((word)0), [](vi x, vi y) { return (vi)((vu)x + (vu)y); });
    case F_RPRODI: return g(splat((word)1), [](vi x, vi y) { return (vi)((vu)x * (vu)y); });
    case F_RMAXI: return g(splat(SIGN), [](vi x, vi y) { return select(x > y, x, y); });
    default: return g(splat(~SIGN), [](vi x, vi y) { return select(x < y, x, y); });  // RMINI
  }
}
real reduce(int op, const real* p, int64_t n) {
  if (op == F_RSUMF) return fold_sum(p, n);
  return with_reduction(op, [&](auto start, auto f) { return fold(p, n, start, f); });
}

// Column j of the rows from r on, a vector of them; the last one again where there are no more.
NABLA_INLINE vf column(const real* p, int r, int rows, int n, int j) {
  real x[VW];
  for (int l = 0; l < VW; l++) x[l] = p[(int64_t)(r + l < rows ? r + l : rows - 1) * n + j];
  return load(x);
}

}  // namespace

void reduce_rows(int op, real* d, const real* p, const real* q, int rows, int n) {
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

namespace {

// The instruction that combines two values in a mode.
int mode_op(int mode, bool is_int) {
  switch (mode) {
    case ADD: return is_int ? F_ADDI : F_ADDF;
    case MUL: return is_int ? F_MULI : F_MULF;
    case MAX: return is_int ? F_MAXI : F_MAXF;
    default: return is_int ? F_MINI : F_MINF;
  }
}
int mode_reduction(int mode, bool is_int) { return (is_int ? F_RSUMI : F_RSUMF) + (mode - ADD); }

real combine1(int mode, bool is_int, real a, real b) {
  if (is_int) {
    const word x = as_int(a), y = as_int(b);
    switch (mode) {
      case ADD: return as_real((word)((uword)x + (uword)y));
      case MUL: return as_real((word)((uword)x * (uword)y));
      case MAX: return as_real(x > y ? x : y);
      default: return as_real(x < y ? x : y);
    }
  }
  switch (mode) {
    case ADD: return a + b;
    case MUL: return a * b;
    case MAX: return a != a ? a : b != b ? b : a > b ? a : b;
    default: return a != a ? a : b != b ? b : a < b ? a : b;
  }
}

}  // namespace

real mode_start(int mode, bool is_int) {
  switch (mode) {
    case ADD: return (real)0;
    case MUL: return is_int ? as_real(1) : (real)1;
    case MAX: return is_int ? as_real(SIGN) : -INF;
    default: return is_int ? as_real(~SIGN) : INF;
  }
}

void combine(int mode, bool is_int, real* into, const real* from, int64_t n) {
  const int64_t whole = n / VW * VW;
  const Note both = {whole, mode_op(mode, is_int), 0, 0, into, {into, 1}, {from, 1}, {}};
  perform(&both, &both + 1);
  for (int64_t i = whole; i < n; i++) into[i] = combine1(mode, is_int, into[i], from[i]);
}

void add_columns(real* d, const real* v, int64_t rows, int64_t cols, bool fresh) {
  for (int64_t c = 0; c < cols; c += VW) {
    const int n = (int)least(cols - c, VW);
    vf sum = fresh ? splat((real)0) : load_some(d + c, n);
    const real* from = v + c;
    for (int64_t r = 0; r < rows; r++, from += cols) sum += load_some(from, n);
    store_some(d + c, sum, n);
  }
}

// Adds a tile to the first-level accumulators of an output.
void Task::accumulate(int i, const Tile& t) {
  const Port& p = k.out[i];
  const bool is_int = is_integer(p.dtype);
  real* acc = partial[i] + (address(k, p, t) - lowest[i]);
  const real* v = reg_at[p.reg];
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
  if (p.mode == ADD && !is_int && p.col == 1 && p.row == 0) return add_columns(acc, v, t.rows, t.cols, false);
  if (p.col == 0 && p.row == 0) {
    acc[0] = combine1(p.mode, is_int, acc[0], reduce(op, v, t.lanes));
    return;
  }
  for (int r = 0; r < t.rows; r++) {
    real* to = acc + (int64_t)r * p.row;
    const real* from = v + (int64_t)r * t.cols;
    if (p.col == 0)
      to[0] = combine1(p.mode, is_int, to[0], reduce(op, from, t.cols));
    else if (p.col == 1)
      combine(p.mode, is_int, to, from, t.cols);
    else
      for (int c = 0; c < t.cols; c++) to[(int64_t)c * p.col] = combine1(p.mode, is_int, to[(int64_t)c * p.col], from[c]);
  }
}
// Writes down a sum of a kernel of one tile: nothing else adds to it, so it goes straight to its place.
void Task::note_sum(const Port& p, const Tile& t) {
  const int kind = p.row == 0 && p.col == 0 ? SUM : p.row == 0 && p.col == 1 ? SUM_COLUMNS : p.row == 1 && p.col == 0 ? SUM_ROWS : 0;
  if (p.mode != ADD || p.dtype != REAL || k.cls[p.reg] != FULL || !kind) return unfit();
  act({kind == SUM ? t.lanes : t.cols, kind, 0, t.rows, (real*)e.slots[p.slot] + p.offset, {reg_at[p.reg], 1}, {}, {}});
}
// The first level into the second, which keeps the error of long sums small.
void Task::flush() {
  for (int i = 0; i < k.n_out; i++) {
    if (!combines(k.out[i])) continue;
    const bool is_int = is_integer(k.out[i].dtype);
    combine(k.out[i].mode, is_int, partial[i] + count[i], partial[i], count[i]);
    const real s = mode_start(k.out[i].mode, is_int);
    for (int64_t j = 0; j < count[i]; j++) partial[i][j] = s;
  }
  stored_since = 0;
}

}  // namespace NABLA_ISA
}  // namespace nabla
