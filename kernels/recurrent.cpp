// RECURRENT and RECURRENT_BACK: a layer over a whole sequence in one instruction. Rows of a batch do not meet, so each
// task takes some of them through all steps. Weights are laid out for the matrix product once a run. A step goes
// through the hidden units in blocks whose gates fit L1: products into a tile, then the gates' functions on it.
#include "recurrent.h"
#include "check.h"
#include "gemm.h"
#include "functions.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

// Extents of H: of the gates, of what a row keeps, of what its gradient gives.
constexpr int GATES[] = {1, 1, 4, 3}, KEEPS[] = {1, 1, 6, 5}, GIVES[] = {1, 1, 5, 5};
constexpr int64_t BLOCK = 32;  // hidden units of a tile
constexpr int64_t ROWS = 64;   // rows of a task

struct Layer {
  int cell;
  bool reverse;
  int64_t steps, hidden, rows;  // rows of step 0
  const int32_t* size;          // rows of each step
  const int32_t* rest;          // the words after

  explicit Layer(const int32_t* w)
      : cell(w[3]), reverse(w[4]), steps(w[5]), hidden(w[6]), rows(w[5] ? w[7] : 0), size(w + 7), rest(w + 7 + w[5]) {}
  int64_t gates() const { return GATES[cell]; }
  int64_t keeps() const { return KEEPS[cell] * hidden; }
  int64_t gives() const { return GIVES[cell] * hidden; }
  int64_t blocks() const { return (hidden + BLOCK - 1) / BLOCK; }
  int64_t width(int64_t block) const { return least(BLOCK, hidden - block * BLOCK); }
  // Products are worth a thread from about a million on.
  int tasks(int threads) const {
    double work = 0;
    for (int64_t t = 0; t < steps; t++) work += size[t];
    work *= (double)gates() * (double)hidden * (double)hidden / (1 << 19);
    int64_t n = work < threads ? (int64_t)work : threads;
    if (n < (rows + ROWS - 1) / ROWS) n = (rows + ROWS - 1) / ROWS;
    return (int)(n < 1 ? 1 : least(n, rows));
  }
};

template <bool FULL>
NABLA_INLINE vf get(const real* p, int n) {
  return FULL ? load(p) : load_n(p, n);
}
template <bool FULL>
NABLA_INLINE void put(real* p, vf v, int n) {
  if (FULL) store(p, v);
  else store_n(p, v, n);
}
// Calls f.operator()<FULL>(j, lanes) for vectors of n lanes.
template <class F>
NABLA_INLINE void lanes(int64_t n, const F& f) {
  int64_t j = 0;
  for (; j + VW <= n; j += VW) f.template operator()<true>(j, VW);
  if (j < n) f.template operator()<false>(j, (int)(n - j));
}
template <class F>
void with_cell(int cell, const F& f) {
  if (cell == TANH_CELL) f.template operator()<TANH_CELL>();
  else if (cell == RELU_CELL) f.template operator()<RELU_CELL>();
  else if (cell == LSTM_CELL) f.template operator()<LSTM_CELL>();
  else f.template operator()<GRU_CELL>();
}

// Rows of the states that a step begins with.
struct State {
  const real* p;
  int64_t stride;
  const real* row(int64_t r) const { return p + r * stride; }
};

// One row's gates, hidden units [0, n) of a block. u: products, gates BLOCK apart; others: gates H apart.
template <int CELL>
NABLA_INLINE void step_row(int64_t n, int64_t H, const real* u, const real* x, const real* h, const real* c,
                           const real* bias, real* keep) {
  lanes(n, [&]<bool FULL>(int64_t j, int k) {
    const auto gate = [&](int g) { return get<FULL>(x + g * H + j, k) + load(u + g * BLOCK + j); };
    const auto save = [&](int i, vf v) { put<FULL>(keep + i * H + j, v, k); };
    if constexpr (CELL == TANH_CELL) save(0, v_tanh(gate(0)));
    else if constexpr (CELL == RELU_CELL) save(0, v_max(gate(0), splat((real)0)));
    else if constexpr (CELL == LSTM_CELL) {
      const vf i = v_sigmoid(gate(0)), f = v_sigmoid(gate(1)), g = v_tanh(gate(2)), o = v_sigmoid(gate(3));
      const vf next = fma(f, get<FULL>(c + j, k), i * g);
      save(0, o * v_tanh(next)), save(1, next), save(2, i), save(3, f), save(4, g), save(5, o);
    } else {
      vf q = load(u + 2 * BLOCK + j);
      if (bias) q += get<FULL>(bias + j, k);
      const vf r = v_sigmoid(gate(0)), z = v_sigmoid(gate(1)), n = v_tanh(fma(r, q, get<FULL>(x + 2 * H + j, k)));
      save(0, fma(z, get<FULL>(h + j, k) - n, n)), save(1, r), save(2, z), save(3, n), save(4, q);
    }
  });
}

// One row's gradients: from dh and, for an LSTM, dc to those of the gates.
template <int CELL>
NABLA_INLINE void back_row(int64_t n, int64_t H, const real* product, const real* ct, const real* carried,
                           const real* ct_cell, const real* keep, const real* h, const real* c, real* give) {
  lanes(n, [&]<bool FULL>(int64_t j, int k) {
    const vf one = splat((real)1);
    const auto kept = [&](int i) { return get<FULL>(keep + i * H + j, k); };
    const auto save = [&](int i, vf v) { put<FULL>(give + i * H + j, v, k); };
    vf dh = get<FULL>(ct + j, k);
    if (product) dh += load(product + j);
    const vf y = kept(0);
    if constexpr (CELL == TANH_CELL) save(0, dh * (one - y * y));
    else if constexpr (CELL == RELU_CELL) save(0, select(y > 0, dh, splat((real)0)));
    else if constexpr (CELL == LSTM_CELL) {
      const vf t = v_tanh(kept(1)), i = kept(2), f = kept(3), g = kept(4), o = kept(5);
      vf dc = dh * o * (one - t * t);
      if (carried) dc += get<FULL>(carried + j, k);
      if (ct_cell) dc += get<FULL>(ct_cell + j, k);
      save(0, dc * g * i * (one - i)), save(1, dc * get<FULL>(c + j, k) * f * (one - f));
      save(2, dc * i * (one - g * g)), save(3, dh * t * o * (one - o)), save(4, dc * f);
    } else {
      if (carried) dh += get<FULL>(carried + j, k);
      const vf r = kept(1), z = kept(2), n = kept(3), q = kept(4);
      const vf dn = dh * (one - z) * (one - n * n);
      save(0, dn * r), save(1, dn * q * r * (one - r)), save(2, dh * (get<FULL>(h + j, k) - n) * z * (one - z));
      save(3, dn), save(4, dh * z);
    }
  });
}

// The products of the walk back: columns `from` of what a row gives, by rows `row` of the weights. For a GRU the part
// that r multiplies comes last in the weights.
struct Part {
  int64_t from, row, k;
};
int parts_of(const Layer& l, Part* parts) {
  const int64_t H = l.hidden;
  if (l.cell != GRU_CELL) {
    parts[0] = {0, 0, l.gates() * H};
    return 1;
  }
  parts[0] = {H, 0, 2 * H}, parts[1] = {0, 2 * H, H};
  return 2;
}

int64_t laid_reals(const Layer& l, bool back) {
  if (!back) return l.blocks() * l.gates() * gemm_laid_reals(BLOCK, l.hidden);
  Part parts[2];
  int64_t n = 0;
  for (int i = parts_of(l, parts) - 1; i >= 0; i--) n += gemm_laid_reals(BLOCK, parts[i].k);
  return l.blocks() * n;
}
int64_t tile_reals(const Layer& l, bool back) { return ROWS * BLOCK * (back ? 1 : l.gates()); }

bool validate(Check& c, bool back) {
  Reader r(c);
  r.real_dtype();
  const int cell = r.between(0, GRU_CELL, "unknown cell");
  r.between(0, 1, "reverse is 0 or 1");
  const int32_t steps = r.extent(), hidden = r.extent();
  int64_t rows = 0;
  int32_t first = 0;
  for (int32_t t = 0, before = INT32_MAX; t < steps && r.ok; t++) {
    const int32_t n = r.between(0, before, "a step has more rows than the one before");
    if (t == 0) first = n;
    rows += before = n;
    if (rows > INT32_MAX) r.fail("too many rows");
  }
  if (!r.ok) return false;
  const auto operand = [&](int64_t n, int64_t extents, bool optional = false) {
    return r.operand(sizeof(real), r.count((int32_t)n, (int32_t)extents, hidden), optional);
  };
  const Layer l(c.w);
  Range in[6] = {};
  Range out;
  int n = 0;
  const bool lstm = cell == LSTM_CELL;
  if (back) {
    in[n++] = operand(rows, KEEPS[cell]);
    in[n++] = operand(rows, 1);
    if (lstm) in[n++] = operand(rows, 1, true);
  } else {
    in[n++] = operand(rows, GATES[cell]);
  }
  in[n++] = operand(hidden, GATES[cell]);
  in[n++] = operand(first, 1);
  if (lstm) in[n++] = operand(first, 1);
  if (!back && cell == GRU_CELL) in[n++] = operand(1, 1, true);
  out = operand(rows, back ? GIVES[cell] : KEEPS[cell]);
  for (int i = 0; i < n; i++) r.apart(out, in[i]);
  if (!r.done()) return false;
  if (rows && hidden) {
    c.shared = (int64_t)sizeof(real) * laid_reals(l, back);
    c.per_thread = (int64_t)sizeof(real) * tile_reals(l, back) + gemm_scratch_bytes(ROWS, BLOCK, back ? l.gates() * l.hidden : l.hidden);
  }
  return true;
}

// The steps of some rows in the order of running, or against it: f(t, first row of t, rows [r0, r1), the step that ran
// before and the number of rows that it has in common, its first row, the same of the step that runs after).
struct Neighbour {
  int64_t rows, first;  // rows shared with this step; the first row's place
};
template <class F>
void walk(const Layer& l, bool backward, int64_t r0, int64_t r1, const F& f) {
  const bool down = l.reverse != backward;
  int64_t first = 0;
  if (down)
    for (int64_t t = 0; t < l.steps; t++) first += l.size[t];
  for (int64_t s = 0; s < l.steps; s++) {
    const int64_t t = down ? l.steps - 1 - s : s, n = l.size[t];
    if (down) first -= n;
    const Neighbour below = t > 0 ? Neighbour{n, first - l.size[t - 1]} : Neighbour{0, 0};
    const Neighbour above = t + 1 < l.steps ? Neighbour{l.size[t + 1], first + n} : Neighbour{0, 0};
    if (r0 < n) f(first, r0, least(r1, n), l.reverse ? above : below, l.reverse ? below : above);
    if (!down) first += n;
  }
}

}  // namespace

bool recurrent_validate(Check& c) { return validate(c, false); }
bool recurrent_back_validate(Check& c) { return validate(c, true); }

void recurrent_run(const Exec& e) {
  const Layer l(e.w);
  const int64_t H = l.hidden, G = l.gates(), K = l.keeps();
  if (!l.rows || !H) return;
  const int32_t* p = l.rest;
  const bool lstm = l.cell == LSTM_CELL;
  const real *x = operand<real>(e, p), *w = operand<real>(e, p + 2), *h0 = operand<real>(e, p + 4);
  p += 6;
  const real* c0 = lstm ? operand<real>(e, p) : nullptr;
  const real* bias = l.cell == GRU_CELL ? operand<real>(e, p) : nullptr;
  if (lstm || l.cell == GRU_CELL) p += 2;
  real* kept = operand<real>(e, p);

  // Of each block, the gates' columns one after the other.
  real* const laid = (real*)e.shared;
  const int64_t panel = gemm_laid_reals(BLOCK, H);
  parallel_for(e, l.blocks() * G, (1 << 15) / (BLOCK * H) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      gemm_lay(w + (i % G * H + i / G * BLOCK) * H, 1, H, l.width(i / G), H, laid + i * panel);
  });

  const int tasks = l.tasks(pool_threads(e.pool));
  parallel(e, tasks, [&](int task, int thread) {
    real* const tile = (real*)(e.scratch + thread * e.per_thread);
    void* const scratch = tile + tile_reals(l, false);
    const auto some_rows = [&](int64_t at, int64_t m, State h, State c) {
      for (int64_t b = 0; b < l.blocks(); b++) {
        const int64_t j = b * BLOCK, n = l.width(b);
        for (int64_t g = 0; g < G; g++)
          gemm({h.p, laid + (b * G + g) * panel, tile + g * BLOCK, m, n, H, h.stride, 1, 0, 0, G * BLOCK, false, nullptr, true},
               scratch);
        with_cell(l.cell, [&]<int CELL>() {
          for (int64_t r = 0; r < m; r++)
            step_row<CELL>(n, H, tile + r * G * BLOCK, x + (at + r) * G * H + j, h.row(r) + j, lstm ? c.row(r) + j : nullptr,
                           bias ? bias + j : nullptr, kept + (at + r) * K + j);
        });
      }
    };
    const int64_t begin = l.rows * task / tasks, end = l.rows * (task + 1) / tasks;
    for (int64_t from = begin; from < end; from += ROWS)
      walk(l, false, from, least(from + ROWS, end), [&](int64_t first, int64_t r0, int64_t r1, Neighbour before, Neighbour) {
        const int64_t known = least(r1, before.rows);
        if (r0 < known) {
          const real* s = kept + (before.first + r0) * K;
          some_rows(first + r0, known - r0, {s, K}, {s + H, K});
        }
        const int64_t r = known > r0 ? known : r0;
        if (r < r1) some_rows(first + r, r1 - r, {h0 + r * H, H}, {c0 ? c0 + r * H : nullptr, H});
      });
  });
}

void recurrent_back_run(const Exec& e) {
  const Layer l(e.w);
  const int64_t H = l.hidden, K = l.keeps(), V = l.gives();
  if (!l.rows || !H) return;
  const int32_t* p = l.rest;
  const bool lstm = l.cell == LSTM_CELL;
  const real *kept = operand<real>(e, p), *ct = operand<real>(e, p + 2);
  p += 4;
  const real* ct_cell = lstm ? operand<real>(e, p) : nullptr;
  if (lstm) p += 2;
  const real *w = operand<real>(e, p), *h0 = operand<real>(e, p + 2);
  p += 4;
  const real* c0 = lstm ? operand<real>(e, p) : nullptr;
  if (lstm) p += 2;
  real* given = operand<real>(e, p);

  Part parts[2];
  const int n_parts = parts_of(l, parts);
  int64_t panel[2] = {}, block = 0;
  for (int i = 0; i < n_parts; i++) block += panel[i] = gemm_laid_reals(BLOCK, parts[i].k);
  real* const laid = (real*)e.shared;
  parallel_for(e, l.blocks(), (1 << 15) / (BLOCK * H * l.gates()) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; b++) {
      real* to = laid + b * block;
      for (int i = 0; i < n_parts; to += panel[i], i++)
        gemm_lay(w + parts[i].row * H + b * BLOCK, H, 1, l.width(b), parts[i].k, to);
    }
  });

  const int tasks = l.tasks(pool_threads(e.pool));
  parallel(e, tasks, [&](int task, int thread) {
    real* const tile = (real*)(e.scratch + thread * e.per_thread);
    void* const scratch = tile + tile_reals(l, true);
    // Rows from `at`; `next` is what the step that ran after gave them, null when it had none of them.
    const auto some_rows = [&](int64_t at, int64_t m, State h, State c, const real* next) {
      for (int64_t b = 0; b < l.blocks(); b++) {
        const int64_t j = b * BLOCK, n = l.width(b);
        const real* from = laid + b * block;
        for (int i = 0; next && i < n_parts; from += panel[i], i++)
          gemm({next + parts[i].from, from, tile, m, n, parts[i].k, V, 1, 0, 0, BLOCK, i > 0, nullptr, true}, scratch);
        with_cell(l.cell, [&]<int CELL>() {
          for (int64_t r = 0; r < m; r++)
            back_row<CELL>(n, H, next ? tile + r * BLOCK : nullptr, ct + (at + r) * H + j,
                           next ? next + r * V + 4 * H + j : nullptr, ct_cell ? ct_cell + (at + r) * H + j : nullptr,
                           kept + (at + r) * K + j, h.row(r) + j, lstm ? c.row(r) + j : nullptr, given + (at + r) * V + j);
        });
      }
    };
    const int64_t begin = l.rows * task / tasks, end = l.rows * (task + 1) / tasks;
    for (int64_t from = begin; from < end; from += ROWS)
      walk(l, true, from, least(from + ROWS, end), [&](int64_t first, int64_t r0, int64_t r1, Neighbour before, Neighbour after) {
        // Cut where the rows of either neighbour end.
        for (int64_t r = r0; r < r1;) {
          int64_t to = r1;
          if (r < before.rows) to = least(to, before.rows);
          if (r < after.rows) to = least(to, after.rows);
          const real* s = kept + (before.first + r) * K;
          const bool known = r < before.rows;
          some_rows(first + r, to - r, known ? State{s, K} : State{h0 + r * H, H},
                    known ? State{s + H, K} : State{c0 ? c0 + r * H : nullptr, H},
                    r < after.rows ? given + (after.first + r) * V : nullptr);
          r = to;
        }
      });
  });
}

}  // namespace NABLA_ISA
}  // namespace nabla
