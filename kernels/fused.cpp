// Fused expression programs, tile by tile: every register holds rows x cols lanes of the tile, every instruction is
// one loop over them. Specified in program.h.
#include "epilogue.h"
#if NABLA_LANES == 32
#include "random.h"
#endif

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
  if (p.mode != SET || !is_plain(p.dtype) || p.col != 1 || k.cls[p.reg] != FULL) return -1;
  // A sum of it reads it where it has been written.
  for (int o = 0; o < k.n_out; o++)
    if (o != out && k.out[o].reg == p.reg && !combines(k.out[o])) return -1;
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
// ---- tiles ----

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
void deliver(const Kernel& k, const Port& o, const Span& s, const real* total, void* out) {
  if (s.dense) return store_values(o.dtype, out, s.lowest, 1, total, s.places);
  const int axes = k.n_outer + 2;
  int64_t at[MAX_OUTER + 2] = {}, to = o.offset;
  for (;;) {
    store_values(o.dtype, out, to, 1, total + (to - s.lowest), 1);
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

}  // namespace

void plan_outputs(Kernel& k, bool code) {
  for (int o = 0; o < k.n_out; o++) {
    k.streams[o] = streams(k, k.out[o]);
    k.writer[o] = k.streams[o] || code ? -1 : writer_of(k, o);
  }
}

int task_count(const Kernel& k, int64_t elements, int64_t most_tasks, int threads) {
  int64_t lane = 0;
  for (int i = 0; i < k.n_ins; i++)
    if (k.cls[k.ins[6 * i + 1]] == FULL || is_reduction(k.ins[6 * i])) lane += weight_of(k.ins[6 * i]);
  for (int i = 0; i < k.n_in; i++) lane += k.cls[i] == FULL ? 2 : 0;
  for (int i = 0; i < k.n_out; i++) lane += k.cls[k.out[i].reg] == FULL ? 3 : 0;
  const int64_t work = elements * (lane + 1);
  if (threads <= 1 || work < 2 * GRAIN) return 1;
  int64_t n = work / GRAIN;
  bool accumulates = false;
  for (int i = 0; i < k.n_out; i++) accumulates |= combines(k.out[i]);
  const int64_t most = accumulates ? threads : 4 * (int64_t)threads;
  if (n > most) n = most;
  return (int)least(n, most_tasks);
}

// An operand of an instruction whose result is FULL.
Lanes Task::full_operand(int r, const Tile& t, int spare) {
  if (k.cls[r] == FULL) return {reg_at[r], 1};
  if (k.cls[r] == SCALAR || t.rows == 1) return {reg_at[r], 0};
  real* d = tile(k.n_regs + spare);
  act({t.cols, EXPAND, 0, t.rows, d, {reg_at[r], 1}, {}, {}});
  return {d, 1};
}
void expand_rows(real* d, const real* s, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; i++) {
    const vf x = splat(s[i]);
    real* o = d + i * cols;
    int64_t j = 0;
    for (; j + VW <= cols; j += VW) store(o + j, x);
    for (; j < cols; j++) o[j] = s[i];
  }
}

// What a fault tells has 32 bits.
static int32_t short_of(int64_t x) { return (int32_t)(x < INT32_MIN ? INT32_MIN : x > INT32_MAX ? INT32_MAX : x); }

bool Task::check(const int32_t* w, const Tile& t) {
  const word lo = as_int(reg_at[w[3]][0]), hi = as_int(reg_at[w[4]][0]), except = as_int(reg_at[w[1]][0]);
  const int64_t n = k.cls[w[2]] == FULL ? t.lanes : k.cls[w[2]] == ROW ? t.rows : 1;
  const word* v = (const word*)reg_at[w[2]];
  for (int64_t i = 0; i < n; i++)
    if ((v[i] < lo || v[i] >= hi) && v[i] != except) {
      fault = {INDEX_FAULT, w[5], short_of(v[i]), short_of(lo), short_of(hi)};
      return false;
    }
  return true;
}

#if NABLA_LANES == 32
void Task::random(const int32_t* w, const Tile& t, real* d) {
  const Port& p = k.in[w[2]];
  const uint32_t lo = (uint32_t)as_int(reg_at[w[3]][0]), hi = (uint32_t)as_int(reg_at[w[4]][0]),
                 block = (uint32_t)as_int(reg_at[w[5]][0]);
  const int64_t a = address(k, p, t);
  for (int r = 0; r < t.rows; r++) {
    real* o = d + (int64_t)r * t.cols;
    const int64_t first = a + (int64_t)r * p.row;
    if (p.col == 1)
      philox_fill(lo, hi, block, first, o, t.cols);
    else
      for (int c = 0; c < t.cols; c++) philox_fill(lo, hi, block, first + (int64_t)c * p.col, o + c, 1);
  }
}

#else
void Task::random(const int32_t*, const Tile&, real*) {}  // not valid
#endif

// Where an instruction puts its result: straight into memory when it may.
real* Task::target(int i, const Tile& t, int* direct) {
  const int dst = k.ins[6 * i + 1];
  *direct = -1;
  if (t.lanes == t.padded)
    for (int o = 0; o < k.n_out; o++) {
      const Port& p = k.out[o];
      if (k.writer[o] != i || !(t.rows == 1 || p.row == t.cols)) continue;
      *direct = o;
      return (real*)e.slots[p.slot] + address(k, p, t);
    }
  return tile(dst);
}

int32_t Task::elements(const int32_t* w) const {
  int32_t bits = 0;
  for (int a = 0; a < arity(w[0]); a++) bits |= is_element(w[2 + a]) << a;
  return bits;
}

// Is the present value of a register read by what follows an instruction?
static bool read_after(const Kernel& k, const int32_t* w, int reg) {
  for (; w[1] != reg;) {
    w += 6;
    if (w == k.ins + 6 * k.n_ins) {
      for (int o = 0; o < k.n_out; o++)
        if (k.out[o].reg == reg) return true;
      return false;
    }
    for (int a = 0; a < arity(w[0]); a++)
      if (w[2 + a] == reg) return true;
  }
  return false;
}
// An instruction that chooses, by one mask, between what was computed just now and what its place has already: then that is
// computed into its place, or not at all.
bool Task::note_choice(const int32_t* w, real* d, const Tile& t) {
  const int mask = w[2], made = w[3], old = w[4];
  if (NABLA_LANES != 32 || !notes || !notes->fits || made < k.n_in || k.cls[made] != FULL || k.cls[old] != FULL || reg_at[old] != d ||
      k.cls[mask] == FULL || (k.cls[mask] == ROW && t.rows > 1))
    return false;
  if (read_after(k, w, made)) return false;
  Note* const last = notes->next - 1;
  if (last->kind >= LOAD || last->n != t.padded || last->d != reg_at[made] || last->d != tile(made)) return false;
  // What it reads lies in that very place, or elsewhere.
  const auto fit = [&](Lanes x) { return (x.p == d && x.step) || x.p + (x.step ? t.padded : VW) <= d || x.p >= d + t.padded; };
  if (!fit(last->a) || !fit(last->b) || !fit(last->c) || !fit({reg_at[mask], 0})) return false;
  last->d = d;
  Note* const open = notes->choice;
  if (open && open->a.p == reg_at[mask] && open + 1 + open->n == last) {
    open->n++;
    return true;
  }
  const Note x = *last;
  *last = {1, CHOICE, 0, 0, nullptr, {reg_at[mask], 0}, {}, {}};
  notes->choice = last;
  notes->add(x);
  return true;
}

// Instruction i; false when an index is out of range.
static real constant_of(const int32_t* w) {
#if NABLA_LANES == 32
  return as_real(w[5]);
#else
  return as_real((word)((uword)(uint32_t)w[2] << 32 | (uint32_t)w[5]));
#endif
}

bool Task::step(int i, const Tile& t, bool* done) {
  const int32_t* w = k.ins + 6 * i;
  const int op = w[0], dst = w[1];
  if (NABLA_LANES == 32 && notes && (op == F_CHECK || op == F_RAND)) {
    unfit();
    return false;
  }
  if (op == F_CHECK) return check(w, t);
  if (op == F_CONST) {
    real* const own = NABLA_LANES == 32 && notes ? (real*)notes->room(VW * LANE) : tile(dst);
    if (!own) return false;
    reg_at[dst] = own;
    store(own, splat(constant_of(w)));
  } else if (is_reduction(op)) {
    real* d = tile(dst);
    const real* v = reg_at[w[2]];
    act({t.cols, REDUCE, op, t.rows, d, {v, 1}, {op == F_RDOTF ? reg_at[w[3]] : v, 1}, {}});
    reg_at[dst] = d;
  } else if (k.cls[dst] == FULL) {
    int direct;
    real* d = target(i, t, &direct);
    if (op == F_RAND)
      random(w, t, d);
    else if (op != F_WHERE || direct < 0 || !note_choice(w, d, t))
      act({t.padded, op, 0, 1, d, full_operand(w[2], t, 0), arity(op) > 1 ? full_operand(w[3], t, 1) : Lanes{},
           arity(op) > 2 ? full_operand(w[4], t, 2) : Lanes{}, elements(w)});
    reg_at[dst] = d;
    if (direct >= 0) done[direct] = true;
  } else {
    real* d = tile(dst);
    const int64_t n = k.cls[dst] == ROW && t.rows > 1 ? (t.rows + VW - 1) / VW * VW : VW;
    act({n, op, 0, 1, d, row_operand(w[2], t), arity(op) > 1 ? row_operand(w[3], t) : Lanes{},
         arity(op) > 2 ? row_operand(w[4], t) : Lanes{}, elements(w)});
    reg_at[dst] = d;
  }
  return true;
}

bool Task::run_tile(const Tile& t) {
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
    if (!combines(k.out[i])) store_output(k.out[i], t);
    else if (NABLA_LANES == 32 && notes) note_sum(k.out[i], t);
    else accumulate(i, t);
  }
  if (accumulated && !notes) {
    stored_since += e.code && e.code->by_row ? t.rows : 1;
    if (stored_since >= 64) flush();
  }
  return true;
}

// Is input i in memory as the code reads it?
bool Task::in_place(const FusedCode& code, int i, const Tile& t) const {
  const Port& p = k.in[i];
  return k.cls[i] == FULL && p.slot >= 0 && is_plain(p.dtype) && p.col == 1 && (code.by_row || t.rows == 1 || p.row == t.cols);
}
// Does the machine code go from memory to memory, so that a tile may be of any length?
bool Task::keeps_nothing() const {
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
    if (k.cls[i] == FULL && (k.in[i].slot < 0 || !is_plain(k.in[i].dtype) || k.in[i].col != 1)) return false;
  return true;
}
// The tile by machine code; what it writes itself is `done`.
void Task::run_code(const FusedCode& code, const Tile& t, bool* done) {
  for (int i = 0; i < k.n_in; i++)
    if (!in_place(code, i, t)) load_input(i, t);
  for (int i = 0; i < code.firsts; i++) step(code.first[i], t, done);
  CodeArgs a;
  a.tiles = a.rows = (char*)registers;
  a.constants = code.constants;
  const int64_t n = code.by_row ? t.cols : t.lanes;
  a.blocks = n / (4 * VW) * (4 * VW) * LANE, a.vectors = n / VW * VW * LANE, a.tail = (1 << n % VW) - 1;
  for (int i = 0; i < 8; i++) a.lanes[i] = i < n % VW * (LANE / 4) ? -1 : 0;
  int64_t step_of[CodeArgs::STREAMS];
  uintptr_t low = 0;
  bool past = false;
  for (int s = 0; s < code.streams; s++) {
    const int port = code.stream[s].port;
    int64_t step = t.cols;
    real* at;
    if (code.stream[s].kind == FusedCode::TILE) at = tile(port);
    else if (code.stream[s].kind == FusedCode::INPUT) {
      const bool there = in_place(code, port, t);
      at = there ? (real*)e.slots[k.in[port].slot] + address(k, k.in[port], t) : reg_at[port];
      if (there) step = k.in[port].row;
    } else {
      const Port& p = k.out[port];
      step = p.row;
      if (code.stream[s].kind == FusedCode::SUM) at = partial[port] + (address(k, p, t) - lowest[port]);
      else {
        at = (real*)e.slots[p.slot] + address(k, p, t);
        if (k.streams[port]) past = true, low |= (uintptr_t)at | (code.by_row && t.rows > 1 ? (uintptr_t)(step * LANE) : 0);
      }
      done[port] = true;
    }
    a.stream[s] = (char*)at, step_of[s] = LANE * step;
  }
  const auto run = code.run[past && code.run[1] && !(low & 63)];
  for (int r = 0; r < (code.by_row ? t.rows : 1); r++) {
    run(&a);
    a.rows += LANE;
    for (int s = 0; s < code.streams; s++) a.stream[s] += step_of[s];
  }
  for (int o = 0; o < k.n_out; o++)
    if (code.tile_of[o] >= 0) reg_at[k.out[o].reg] = tile(code.tile_of[o]);
}

namespace {

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

}  // namespace

bool Task::run_tiles(int64_t first, int64_t last) {
  const bool joined = tl.tile_rows == 1 && keeps_nothing();
  for (int64_t i = first, n = 1; i < last; i += n) {
    Tile t = tile_at(k, tl, i);
    // To begin a tile costs the time of some hundred lanes.
    if (joined) n = least(last - i, tl.col_tiles - i % tl.col_tiles), t.set_cols(least(n * tl.tile_cols, k.cols - t.c0));
    if (!run_tile(t)) return false;
  }
  return true;
}

Sums::Sums(const Exec& e, const Kernel& kernel) : k(kernel), at((real*)(((uintptr_t)e.shared + 63) & ~(uintptr_t)63)), lanes(0) {
  for (int i = 0; i < k.n_out; i++)
    if (combines(k.out[i])) lanes += 2 * whole_vectors(span_of(k, k.out[i]).places);
}
void Sums::open(Task& job, int task) const {
  real* p = at + task * lanes;
  for (int i = 0; i < k.n_out; i++) {
    if (!combines(k.out[i])) continue;
    const Span span = span_of(k, k.out[i]);
    job.count[i] = whole_vectors(span.places), job.lowest[i] = span.lowest;
    job.partial[i] = p;
    const real s = mode_start(k.out[i].mode, is_integer(k.out[i].dtype));
    for (int64_t j = 0; j < 2 * job.count[i]; j++) p[j] = s;
    p += 2 * job.count[i];
  }
}
void Sums::close(const Exec& e, int tasks) const {
  real* first = at;
  for (int i = 0; i < k.n_out; i++) {
    const Port& o = k.out[i];
    if (!combines(o)) continue;
    const Span span = span_of(k, o);
    const int64_t n = span.places, padded = whole_vectors(n);
    real* const total = first + padded;
    for (int t = 1; t < tasks; t++) combine(o.mode, is_integer(o.dtype), total, total + t * lanes, n);
    deliver(k, o, span, total, e.slots[o.slot]);
    first += 2 * padded;
  }
}

void fused_run(const Exec& e) {
  Kernel k;
  decode(e.w, k);
  const Tiling tl = tiling(k, e.code);
  if (tl.tiles == 0) return;
  plan_outputs(k, e.code);
  const int tasks = task_count(k, k.outer_count * k.rows * (int64_t)k.cols, tl.tiles, pool_threads(e.pool));
  const Sums sums(e, k);
  // The fault of the first tile that has one, whatever the number of threads: a task runs up to its own first.
  Status faults[MAX_THREADS * 4];
  parallel(e, tasks, [&](int task, int thread) {
    real* registers = (real*)(((uintptr_t)(e.scratch + thread * e.per_thread) + 63) & ~(uintptr_t)63);
    Task job(e, k, tl, registers);
    sums.open(job, task);
    const int64_t first = tl.tiles * task / tasks, last = tl.tiles * (task + 1) / tasks;
    if (job.run_tiles(first, last)) job.flush();
    faults[task] = job.fault;
  });
  for (int t = 0; t < tasks && e.status->fault == OK; t++) *e.status = faults[t];
  if (!e.status->fault) sums.close(e, tasks);
}

#if NABLA_LANES == 32
bool fused_note(const Exec& e, Notes& notes) {
  Kernel k;
  decode(e.w, k);
  const Tiling tl = tiling(k, false);
  if (e.code || tl.tiles > 1 || task_count(k, k.rows * (int64_t)k.cols, pool_threads(e.pool), pool_threads(e.pool)) > 1) return false;
  if (tl.tiles == 0) return true;
  plan_outputs(k, false);
  Task job(e, k, tl, (real*)(((uintptr_t)e.scratch + 63) & ~(uintptr_t)63));
  job.notes = &notes;
  return job.run_tiles(0, 1) && notes.fits;
}
#endif

}  // namespace NABLA_ISA
}  // namespace nabla
