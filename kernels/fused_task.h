// What the parts of the interpreter of fused programs share: fused.cpp (a kernel's tasks and tiles), fused_ports.cpp
// (memory to registers and back), fused_lanes.cpp (elementwise instructions), fused_reduce.cpp (sums and their like),
// fused_validate.cpp, fused_list.cpp (a kernel over many runs of memory).
#pragma once
#include "check.h"
#include "codegen.h"
#include "fused.h"
#include "notes.h"

namespace nabla {
namespace NABLA_ISA {

// Reductions over rows of n, of p * q for RDOTF. d has room for whole vectors. Short rows go side by side.
void reduce_rows(int op, real* d, const real* p, const real* q, int rows, int n);
// into[i] = into[i] (+) from[i] for any n.
void combine(int mode, bool is_int, real* into, const real* from, int64_t n);
// The value that combining starts from.
real mode_start(int mode, bool is_int);
// d[c] += the sum of column c of rows x cols, row by row; fresh: d[c] = it.
void add_columns(real* d, const real* v, int64_t rows, int64_t cols, bool fresh);
// The sum of n lanes, as accurate as pairwise.
real fold_sum(const real* p, int64_t n);

inline real as_real(word x) { return __builtin_bit_cast(real, x); }
inline word as_int(real x) { return __builtin_bit_cast(word, x); }
// Lanes from and to elements of a dtype in memory, from element a on, `step` elements apart. Loaded with step 0, all are that
// of the first.
void load_values(int32_t dtype, const void* memory, int64_t a, int64_t step, real* d, int64_t n);
void store_values(int32_t dtype, void* memory, int64_t a, int64_t step, const real* v, int64_t n);
// Rows of ROW lanes to rows of `cols` each.
void expand_rows(real* d, const real* s, int64_t rows, int64_t cols);
// Registers and three expansion tiles, or what machine code keeps.
inline int64_t register_bytes(const Kernel& k, bool code) {
  return ((int64_t)k.n_regs + (code ? CODE_TILES : 3)) * tiling(k, code).lanes * LANE + 64;
}

inline bool combines(const Port& o) { return o.mode != SET; }

// fused.cpp: what is known of the outputs before a kernel runs; into how many tasks so many elements are cut.
void plan_outputs(Kernel& k, bool code);
int task_count(const Kernel& k, int64_t elements, int64_t most_tasks, int threads);

// ---- one task: a run of tiles ----

struct Tile {
  int64_t at[MAX_OUTER];
  int32_t r0, c0, rows, cols;
  int64_t lanes;   // rows * cols
  int64_t padded;  // up to a whole vector

  void set_cols(int64_t n) { cols = (int32_t)n, lanes = rows * n, padded = whole_vectors(lanes); }
};

inline int64_t address(const Kernel& k, const Port& p, const Tile& t) {
  int64_t a = p.offset + (int64_t)t.r0 * p.row + (int64_t)t.c0 * p.col;
  for (int i = 0; i < k.n_outer; i++) a += t.at[i] * p.outer[i];
  return a;
}

struct Task {
  const Exec& e;
  const Kernel& k;
  const Tiling& tl;
  real* registers;  // n_regs + 3 tiles
  real* partial[MAX_IO];  // accumulators of combining outputs: two levels
  int64_t count[MAX_IO], lowest[MAX_IO];
  Status fault = {OK, 0, 0, 0, 0};
  real* reg_at[MAX_REGS];
  bool kept[MAX_IO];  // an input that is the same in every tile, loaded already
  int stored_since = 0;
  Notes* notes = nullptr;  // where it writes down what it would do, or null: it does it

  Task(const Exec& exec, const Kernel& kernel, const Tiling& tiling, real* at)
      : e(exec), k(kernel), tl(tiling), registers(at) {
    forget();
  }
  void forget() {
    for (int i = 0; i < k.n_in; i++) kept[i] = false;
  }
  // Does it, or writes it down.
  void act(const Note& x) {
    if (NABLA_LANES == 32 && notes) notes->add(x);
    else perform(&x, &x + 1);
  }
  void unfit() {
    if (NABLA_LANES == 32 && notes) notes->fits = false;
  }

  real* tile(int r) const { return registers + (int64_t)r * tl.lanes; }

  // fused_ports.cpp
  real element(const Port& p, int64_t a) const;
  void load_rows(const Port& p, int64_t a, int64_t row, int64_t step, real* d, int64_t rows, int64_t n);
  bool given_back(int i) const;
  void load_input(int i, const Tile& t);
  void store_output(const Port& p, const Tile& t);
  void store_rows(const Port& p, int64_t a, int64_t row, int64_t step, const real* v, int64_t rows, int64_t n) {
    act({n, STORE, p.dtype, (int32_t)rows, (real*)((char*)e.slots[p.slot] + a * width_of(p.dtype)), {v, 0}, {nullptr, (int)row}, {nullptr, (int)step}});
  }

  // fused_reduce.cpp
  void accumulate(int i, const Tile& t);
  void note_sum(const Port& p, const Tile& t);
  void flush();

  // fused.cpp
  Lanes full_operand(int r, const Tile& t, int spare);
  Lanes row_operand(int r, const Tile& t) const { return {reg_at[r], k.cls[r] == SCALAR || t.rows == 1 ? 0 : 1}; }
  // Is a register the one element of memory that all of its lanes are?
  bool is_element(int r) const { return r < k.n_in && k.cls[r] != FULL && reg_at[r] != tile(r); }
  int32_t elements(const int32_t* w) const;
  bool note_choice(const int32_t* w, real* d, const Tile& t);
  bool check(const int32_t* w, const Tile& t);
  void random(const int32_t* w, const Tile& t, real* d);
  real* target(int i, const Tile& t, int* direct);
  bool step(int i, const Tile& t, bool* done);
  bool run_tile(const Tile& t);
  // Tiles [first, last); false after a fault.
  bool run_tiles(int64_t first, int64_t last);
  bool in_place(const FusedCode& code, int i, const Tile& t) const;
  bool keeps_nothing() const;
  void run_code(const FusedCode& code, const Tile& t, bool* done);
};

}  // namespace NABLA_ISA
}  // namespace nabla
