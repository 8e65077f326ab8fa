// What the parts of the interpreter of fused programs share: fused.cpp (a kernel's tasks and tiles), fused_ports.cpp
// (memory to registers and back), fused_lanes.cpp (elementwise instructions), fused_reduce.cpp (sums and their like),
// fused_validate.cpp, fused_list.cpp (a kernel over many runs of memory).
#pragma once
#include "check.h"
#include "codegen.h"
#include "fused.h"

namespace nabla {
namespace NABLA_ISA {

// A lane operand: a pointer and how far it moves from vector to vector, 0 for one that is the same everywhere.
struct Lanes {
  const real* p;
  int step;
};
// One elementwise instruction over n lanes, n a multiple of VW.
void execute(int op, real* d, int64_t n, Lanes a, Lanes b, Lanes c);

// Reductions over rows of n, of p * q for RDOTF. d has room for whole vectors. Short rows go side by side.
void reduce_rows(int op, real* d, const real* p, const real* q, int rows, int n);
// into[i] = into[i] (+) from[i] for any n.
void combine(int mode, bool is_int, real* into, const real* from, int64_t n);
// The value that combining starts from.
real mode_start(int mode, bool is_int);

inline real as_real(word x) { return __builtin_bit_cast(real, x); }
inline word as_int(real x) { return __builtin_bit_cast(word, x); }
// Stores lanes as a dtype at element a of some memory, `step` elements apart.
void store_values(int32_t dtype, void* memory, int64_t a, int64_t step, const real* v, int64_t n);
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
  Status fault;
  real* reg_at[MAX_REGS];
  bool kept[MAX_REGS];  // an input that is the same in every tile, loaded already
  int stored_since;

  real* tile(int r) const { return registers + (int64_t)r * tl.lanes; }

  // fused_ports.cpp
  real element(const Port& p, int64_t a) const;
  void load_row(const Port& p, int64_t a, int64_t step, real* d, int64_t n) const;
  bool given_back(int i) const;
  void load_input(int i, const Tile& t);
  void store_output(const Port& p, const Tile& t);
  void store_row(const Port& p, int64_t a, int64_t step, const real* v, int64_t n) {
    store_values(p.dtype, e.slots[p.slot], a, step, v, n);
  }

  // fused_reduce.cpp
  void accumulate(int i, const Tile& t);
  void flush();

  // fused.cpp
  Lanes full_operand(int r, const Tile& t, int spare);
  Lanes row_operand(int r, const Tile& t) const { return {reg_at[r], k.cls[r] == SCALAR || t.rows == 1 ? 0 : 1}; }
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
