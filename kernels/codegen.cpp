// The compiler of fused programs to AVX-512 and AVX2.
//
// An instruction on full registers is a vector operation, or a few: the values of one vector of lanes go through the
// whole program in registers. What depends on a sum over the row must wait for it, so a row takes one loop, and one
// more for each reduction that another depends on; between loops stand the operations on row values. A value that two
// loops need is computed in both when that is cheap, otherwise the first leaves it in a tile.
#include "codegen.h"

#if defined(__x86_64__) && defined(__linux__) && defined(__AVX2__)
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <new>

// Here vectors are nodes, so the names of the instruction set's own namespace are taken.
#undef NABLA_ISA
#ifdef __AVX512F__
#define NABLA_TARGET avx512
#else
#define NABLA_TARGET avx2
#endif
#define NABLA_JOIN2(a, b) a##b
#define NABLA_JOIN(a, b) NABLA_JOIN2(a, b)
#if NABLA_LANES == 32
#define NABLA_ISA NABLA_JOIN(codegen_, NABLA_TARGET)
#else
#define NABLA_ISA NABLA_JOIN(codegen_wide_, NABLA_TARGET)
#endif
#define NABLA_TRACE
#include "codegen_x86.h"
#include "epilogue_words.h"

namespace nabla {
namespace NABLA_ISA {
namespace {

// ---- what is computed in which loop ----

constexpr int MOST_INSTRUCTIONS = 250;
constexpr int MOST_LOOPS = 6;
constexpr int CHEAP = 3;            // operations worth doing again instead of a load and a store
constexpr int SHORTEST = 24;        // rows up to this length are the interpreter's, which takes them side by side
constexpr int LONGEST = 8192;       // row to sum: its 64 partial sums keep the error small; the interpreter halves longer ones
constexpr int64_t LARGE = 1 << 20;  // bytes of an input that does not stay in the cache
constexpr int64_t AHEAD = 8192;     // bytes that such an input is asked for before its turn

int price(int op) {
  switch (op) {
    case F_DIVF: case F_SQRTF: case F_RSQRTF: case F_RECIPROCALF: return 3;
    case F_FTOI: return 6;
    default: return (op >= F_EXPF && op <= F_LOG1PF) || (op >= F_SINF && op <= F_ERFINVF) || op == F_NDTRF ? 12 : 1;
  }
}

// The result of operation `op`, or -1 when it is not known here.
int record(int op, int a, int b, int c) {
  vf x = vf::of(a), y = vf::of(b), z = vf::of(c);
  switch (op) {
#define LANES(name, expr) \
  case F_##name: return (expr).id;
#define WORDS(name, expr) \
  case F_##name: return [](vi x, vi y) { (void)y; return (expr).id; }(vi::of(a), vi::of(b));
    NABLA_LANE_OPS(LANES, LANES, LANES, WORDS, WORDS)
#undef LANES
#undef WORDS
    case F_FMAF: return fma(x, y, z).id;
    case F_FMSF: return fma(x, y, -z).id;
    case F_FNMAF: return fma(-x, y, z).id;
    case F_WHERE: return select(bits(x), y, z).id;
    default: return -1;
  }
}
bool known(int op) {
  Trace scratch;
  Trace* const before = trace;
  trace = &scratch;
  const int x = vf(1.0f).id;
  const bool known = record(op, x, x, x) >= 0;
  trace = before;
  return known;
}

static_assert(FusedCode::MAX_PORTS == MAX_IO);
struct Plan {
  const Kernel& k;
  FusedCode& code;
  // Value v is input v, or what instruction v - n_in gives.
  int n_values;
  int operand[MOST_INSTRUCTIONS][3];
  int last[MAX_REGS];  // the value that a register holds in the end
  bool needed[MAX_IO + MOST_INSTRUCTIONS], early[MAX_IO + MOST_INSTRUCTIONS];
  int level[MAX_IO + MOST_INSTRUCTIONS];  // the loop that can compute it, or that a row value must precede
  int tile[MAX_IO + MOST_INSTRUCTIONS];   // where all rows of it are kept, or -1
  int cross[MAX_IO + MOST_INSTRUCTIONS];  // where one row of it waits for a later loop, or -1
  bool taken[MAX_REGS + CODE_TILES];
  int node[MAX_IO + MOST_INSTRUCTIONS];
  int loops = 0;
  Block* blocks = nullptr;  // for loop l: its row operations at 2 l, the loop at 2 l + 1
  // How an output is written: by the code (delayed: after all loads; past the caches), added to, or summed over the row
  // and added to. Otherwise it is left in a tile.
  bool direct[MAX_IO], delayed[MAX_IO], past[MAX_IO], summed[MAX_IO], folded[MAX_IO];

  Plan(const Kernel& kernel, FusedCode& c) : k(kernel), code(c) {}
  ~Plan() { free(blocks); }

  const int32_t* ins(int v) const { return k.ins + 6 * (v - k.n_in); }
  int cls(int v) const { return v < k.n_in ? k.cls[v] : k.cls[ins(v)[1]]; }
  int op(int v) const { return ins(v)[0]; }
  int operands(int v) const { return v < k.n_in || op(v) == F_CONST || op(v) == F_RAND ? 0 : arity(op(v)); }
  int operand_of(int v, int a) const { return operand[v - k.n_in][a]; }
  bool is_constant(int v) const { return v >= k.n_in && op(v) == F_CONST; }

  void need(int v) {
    if (needed[v]) return;
    needed[v] = true;
    for (int a = 0; a < operands(v); a++) need(operand_of(v, a));
  }

  // Gives it a tile, unless it has one; false when there are no more.
  bool keep(int& tile) {
    for (int r = 0; tile < 0 && r < k.n_regs + CODE_TILES; r++)
      if (!taken[r]) taken[tile = r] = true;
    return tile >= 0;
  }

  bool analyse() {
    n_values = k.n_in + k.n_ins;
    if (k.n_ins > MOST_INSTRUCTIONS) return false;
    for (int v = 0; v < n_values; v++) needed[v] = early[v] = false, level[v] = 0, tile[v] = cross[v] = -1;
    for (int r = 0; r < k.n_regs + CODE_TILES; r++) taken[r] = r < k.n_in;
    for (int r = 0; r < k.n_regs; r++) last[r] = r < k.n_in ? r : -1;
    for (int i = 0; i < k.n_ins; i++) {
      const int v = k.n_in + i;
      const int32_t* w = k.ins + 6 * i;
      if (w[0] == F_CHECK) return false;
      for (int a = 0; a < operands(v); a++) operand[i][a] = last[w[2 + a]];
      last[w[1]] = v;
    }
    for (int o = 0; o < k.n_out; o++) need(last[k.out[o].reg]);
    return before() && by_rows() && levels() && outputs();
  }

  // What the interpreter does first: random bits, and what is the same for all lanes.
  bool before() {
    bool any = false;
    for (int o = 0; o < k.n_out; o++) any |= k.cls[k.out[o].reg] == SCALAR;
    for (int v = k.n_in; v < n_values; v++) any |= needed[v] && (op(v) == F_RAND || (cls(v) == SCALAR && !is_constant(v)));
    bool constants[MAX_REGS] = {};
    for (int v = k.n_in; any && v < n_values; v++) {
      if (op(v) != F_RAND && cls(v) != SCALAR) continue;
      if (code.firsts == FusedCode::MAX_FIRST) return false;
      code.first[code.firsts++] = v - k.n_in;
      early[v] = true;
      // A tile of its own, which nothing overwrites; only constants are known anyway.
      const int r = ins(v)[1];
      if (taken[r] && !(is_constant(v) && constants[r])) return false;
      taken[r] = true, constants[r] = is_constant(v);
      tile[v] = r;
    }
    return true;
  }

  // Row by row, or a whole tile at once?
  bool by_rows() {
    code.by_row = false;
    bool must = false;
    for (int v = 0; v < n_values; v++) {
      if (!needed[v] || early[v]) continue;
      must |= cls(v) == ROW;
      if (v < k.n_in && cls(v) == FULL && k.in[v].slot >= 0 && is_plain(k.in[v].dtype) && k.in[v].col == 1 && k.rows > 1)
        code.by_row |= k.in[v].row != k.cols;
    }
    for (int o = 0; o < k.n_out; o++)
      if (k.cls[k.out[o].reg] == FULL && (k.out[o].col == 1 || k.out[o].mode == ADD))
        code.by_row |= k.out[o].mode != SET || (k.rows > 1 && k.out[o].row != k.cols);
    if (must && k.cols <= SHORTEST) return false;
    code.by_row = must || (code.by_row && k.cols > SHORTEST);
    return true;
  }

  bool levels() {
    for (int v = k.n_in; v < n_values; v++) {
      if (!needed[v] || early[v] || cls(v) == SCALAR) continue;
      const bool reduces = is_reduction(op(v));
      if (reduces ? op(v) != F_RSUMF && op(v) != F_RMAXF && op(v) != F_RMINF && op(v) != F_RDOTF : !known(op(v))) return false;
      if (reduces && k.cols > LONGEST) return false;
      for (int a = 0; a < operands(v); a++)
        if (level[operand_of(v, a)] > level[v]) level[v] = level[operand_of(v, a)];
      if (reduces) loops = level[v] + 1 > loops ? level[v] + 1 : loops, level[v]++;
    }
    for (int o = 0; o < k.n_out; o++) {
      const int v = last[k.out[o].reg];
      if (k.cls[k.out[o].reg] == FULL && level[v] + 1 > loops) loops = level[v] + 1;
      if (k.cls[k.out[o].reg] == ROW && level[v] > loops) loops = level[v];
    }
    return loops <= MOST_LOOPS;
  }

  bool outputs() {
    for (int o = 0; o < k.n_out; o++) {
      const Port& p = k.out[o];
      direct[o] = summed[o] = folded[o] = delayed[o] = false;
      code.tile_of[o] = -1;
      if (k.cls[p.reg] == SCALAR) {
        code.tile_of[o] = p.reg;
        continue;
      }
      const int v = last[p.reg];
      if (k.cls[p.reg] == FULL && p.mode == SET && is_plain(p.dtype) && p.col == 1)
        direct[o] = code.by_row || k.rows == 1 || p.row == k.cols;
      if (k.cls[p.reg] == FULL && p.mode == ADD && p.dtype == (LONG ? F64 : F32) && code.by_row) {
        summed[o] = p.col == 1;
        folded[o] = p.col == 0;
      }
      // In the memory of an input: stored after all loads of the vector, and not while a later loop wants it.
      for (int i = 0; direct[o] && i < k.n_in; i++) {
        if (!needed[i] || k.in[i].slot != p.slot) continue;
        delayed[o] = true;
        for (int u = k.n_in; u < n_values; u++)
          if (needed[u] && (level[u] > level[v] || loops > level[v] + 1)) direct[o] = false;
      }
      if (direct[o] || summed[o] || folded[o]) continue;
      // A full input need not be in a tile.
      if (v < k.n_in && cls(v) == FULL) return false;
      if (early[v] || v < k.n_in) {
        code.tile_of[o] = tile[v] >= 0 ? tile[v] : p.reg;
        continue;
      }
      if (!keep(tile[v])) return false;
      code.tile_of[o] = tile[v];
    }
    return true;
  }

  int stream(FusedCode::Kind kind, int port) {
    for (int s = 0; s < code.streams; s++)
      if (code.stream[s].kind == kind && code.stream[s].port == port) return s;
    if (code.streams == CodeArgs::STREAMS) return -1;
    code.stream[code.streams] = {kind, (uint8_t)port};
    return code.streams++;
  }

  // Operations to compute v again, from memory and row values.
  int again(int v) const {
    if (v < k.n_in || early[v] || cls(v) != FULL) return 0;
    int sum = price(op(v));
    for (int a = 0; a < operands(v) && sum <= CHEAP; a++) sum += again(operand_of(v, a));
    return sum;
  }

  static word constant_of(const int32_t* w) {
    return LONG ? (word)((uint64_t)(uint32_t)w[2] << 32 | (uint32_t)w[5]) : (word)w[5];
  }
  bool ok = true;
  int add(NodeOp op, int a, int b = -1, int imm = 0) { return trace->add(op, a, b, -1, imm); }

  // The node of value v in the block being recorded.
  int build(int v, int block) {
    if (node[v] >= 0) return node[v];
    const int now = block / 2;
    if (is_constant(v)) return node[v] = constant(constant_of(ins(v)));
    if (cls(v) == SCALAR) return node[v] = add(N_SCALAR, v < k.n_in ? v : tile[v]);
    if (cls(v) == ROW) {
      if (v < k.n_in) return node[v] = add(N_ROW, v);
      if (block % 2 == 0 && level[v] == now && !is_reduction(op(v))) return node[v] = compute(v, block);
      ok &= keep(tile[v]);
      return node[v] = add(N_ROW, tile[v]);
    }
    if (v < k.n_in) {
      const int s = stream(FusedCode::INPUT, v);
      ok &= s >= 0;
      return node[v] = add(N_LOAD, s);
    }
    if (early[v]) {
      const int s = stream(FusedCode::TILE, tile[v]);
      ok &= s >= 0;
      return node[v] = add(N_LOAD, s);
    }
    if (level[v] < now && again(v) > CHEAP) {
      ok &= keep(cross[v]);
      return node[v] = add(N_TILE, cross[v]);
    }
    return node[v] = compute(v, block);
  }
  int compute(int v, int block) {
    int x[3] = {-1, -1, -1};
    for (int a = 0; a < operands(v); a++) x[a] = build(operand_of(v, a), block);
    return record(op(v), x[0], x[1], x[2]);
  }

  Block& begin(int block) {
    Block& b = blocks[block];
    trace = &b.trace;
    b.loop = block % 2;
    for (int v = 0; v < n_values; v++) node[v] = -1;
    return b;
  }
  void reduce(Block& b, NodeOp how, int x, int y, int tile, int stream) {
    if (b.reductions == 4) {
      ok = false;
      return;
    }
    b.reduction[b.reductions] = {how, tile, stream};
    add(how, x, y, b.reductions++);
  }
  void loop(int l) {
    const int block = 2 * l + 1;
    Block& b = begin(block);
    for (int v = k.n_in; v < n_values; v++) {
      if (!needed[v] || early[v]) continue;
      if (cross[v] >= 0 && level[v] == l) add(N_STORE_TILE, build(v, block), -1, cross[v]);
      if (is_reduction(op(v)) && level[v] == l + 1) {
        const NodeOp how = op(v) == F_RSUMF ? N_SUM : op(v) == F_RMAXF ? N_GREATEST : op(v) == F_RMINF ? N_LEAST : N_DOT;
        const int x = build(operand_of(v, 0), block), y = how == N_DOT ? build(operand_of(v, 1), block) : -1;
        ok &= keep(tile[v]);
        reduce(b, how, x, y, tile[v], -1);
      }
    }
    int late[MAX_IO], lates = 0;
    for (int o = 0; o < k.n_out; o++) {
      const Port& p = k.out[o];
      const int v = last[p.reg];
      if (k.cls[p.reg] != FULL || level[v] != l) continue;
      const bool mine = direct[o] || summed[o] || folded[o];
      if (!mine && (early[v] || v < k.n_in)) continue;
      const int s = stream(direct[o] ? FusedCode::OUTPUT : mine ? FusedCode::SUM : FusedCode::TILE, mine ? o : code.tile_of[o]);
      ok &= s >= 0;
      const int x = build(v, block);
      if (folded[o]) reduce(b, N_SUM, x, -1, -1, s);
      else if (delayed[o]) late[lates++] = x, late[lates++] = s;
      else add(summed[o] ? N_ADD_TO : direct[o] && past[o] ? N_STREAM : N_STORE, x, -1, s);
      if (lates + 2 > MAX_IO) ok = false;
    }
    for (int i = 0; i < lates; i += 2) add(N_STORE, late[i], -1, late[i + 1]);
  }
  void rows(int l) {
    const int block = 2 * l;
    begin(block);
    for (int v = k.n_in; v < n_values; v++)
      if (needed[v] && !early[v] && cls(v) == ROW && !is_reduction(op(v)) && level[v] == l)
        // Only what a later loop wants is written down.
        if (tile[v] >= 0) add(N_STORE_ROW, build(v, block), -1, tile[v]);
  }

  // Large inputs are asked for before their turn, in the loop that computes most. A single loop reads them evenly, which
  // the processor sees by itself.
  void fetch_ahead() {
    if (loops < 2 || k.outer_count * k.rows * (int64_t)k.cols * LANE < LARGE) return;
    int most = 0;
    for (int l = 1; l < loops; l++)
      if (blocks[2 * l + 1].trace.count > blocks[2 * most + 1].trace.count) most = l;
    Block& b = blocks[2 * most + 1];
    for (int s = 0; s < code.streams; s++) {
      if (code.stream[s].kind != FusedCode::INPUT) continue;
      const Port& p = k.in[code.stream[s].port];
      if (p.slot < 0 || !is_plain(p.dtype) || p.col != 1) continue;
      const int64_t row = LANE * (int64_t)p.row;
      if (row < LANE * (int64_t)k.cols || row > 16 * AHEAD) continue;
      b.ahead[b.ahead_count++] = {s, (int32_t)((AHEAD + row - 1) / row * row)};
    }
  }

  // From the last loop to the first, which then knows what the later ones want of it.
  bool lay_out() {
    blocks = (Block*)calloc(2 * (size_t)loops + 2, sizeof(Block));
    if (!blocks) return false;
    Trace* const before = trace;
    for (int l = loops; l >= 0; l--) {
      if (l < loops) loop(l);
      rows(l);
    }
    trace = before;
    fetch_ahead();
    for (int b = 0; b < 2 * loops + 1; b++) ok &= !blocks[b].trace.full;
    return ok;
  }
};

// ---- machine code ----

bool emit(const Plan& plan, int lanes, bool past, Code& out) {
  out.enter(plan.code.streams);
  BlockEmitter* e = (BlockEmitter*)malloc(sizeof(BlockEmitter));
  if (!e) return false;
  bool ok = true;
  for (int i = 0; i < 2 * plan.loops + 1 && ok; i++) {
    BlockEmitter* const one = new (e) BlockEmitter{plan.blocks[i], out, lanes, past, {}, {}, {}, {}, 0, 0, 0, false};
    ok = one->run();
  }
  free(e);
  out.leave();
  return ok && out.ok;
}

void release(FusedCode* c) {
  if (!c || --c->uses > 0) return;
  if (c->memory) munmap(c->memory, (size_t)c->bytes);
  free(c->constants);
  free(c);
}

// The code of a kernel that runs over so many elements, or over its own.
FusedCode* make(const int32_t* w, int64_t elements) {
  Kernel k;
  decode(w, k);
  // Little work is not worth it. Neither is a single walk over the lanes, unless it is over so much memory that the
  // interpreter's change from tile to tile holds it up.
  int walks = 0;
  for (int i = 0; i < k.n_ins; i++)
    walks += k.ins[6 * i] != F_CONST && (k.cls[k.ins[6 * i + 1]] == FULL || is_reduction(k.ins[6 * i]));
  for (int o = 0; o < k.n_out; o++) walks += k.out[o].mode != SET;
  const int64_t size = elements ? elements : k.outer_count * k.rows * (int64_t)k.cols;
  bool masks = false;
  for (int i = 0; i < k.n_in; i++) masks |= !is_plain(k.in[i].dtype);
  for (int o = 0; o < k.n_out; o++) masks |= !is_plain(k.out[o].dtype);
  if (size * walks < 2048 || (walks < 2 && (masks || LANE * size < LARGE))) return nullptr;
  // Places in tiles are displacements of 32 bits.
  const int lanes = tiling(k, true).lanes;
  if (LANE * (int64_t)lanes * (k.n_regs + CODE_TILES) > INT32_MAX) return nullptr;
  FusedCode* c = (FusedCode*)calloc(1, sizeof(FusedCode));
  if (!c) return nullptr;
  void* const room = malloc(sizeof(Plan));
  if (!room) return release(c), nullptr;
  Plan* const plan = new (room) Plan(k, *c);
  Code first, second;
  bool any_past = false;
  for (int o = 0; o < k.n_out; o++) any_past |= plan->past[o] = streams(k, k.out[o]);
  bool ok = plan->analyse() && plan->lay_out() && emit(*plan, lanes, false, first);
  if (ok && any_past) {
    memcpy(second.constants, first.constants, sizeof first.constants);
    second.n_constants = first.n_constants;
    ok = emit(*plan, lanes, true, second);
  }
  if (ok) {
    const int64_t at = (first.count + 63) & ~(int64_t)63;
    c->bytes = at + second.count;
    const int n = any_past ? second.n_constants : first.n_constants;
    // One lane each, or on AVX2 a whole vector.
    constexpr int COPIES = WIDE ? 1 : VW;
    c->constants = malloc(LANE * COPIES * (size_t)n + LANE);
    void* p = mmap(nullptr, (size_t)c->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ok = c->constants && p != MAP_FAILED;
    if (ok) {
      c->memory = p;
      for (int i = 0; i < n * COPIES; i++) ((real*)c->constants)[i] = (any_past ? second : first).constants[i / COPIES];
      memcpy(p, first.bytes, (size_t)first.count);
      if (any_past) memcpy((char*)p + at, second.bytes, (size_t)second.count);
      ok = mprotect(p, (size_t)c->bytes, PROT_READ | PROT_EXEC) == 0;
      c->run[0] = (void (*)(const CodeArgs*))p;
      c->run[1] = any_past ? (void (*)(const CodeArgs*))((char*)p + at) : nullptr;
    }
  }
  plan->~Plan();
  free(plan);
  if (ok) return c;
  release(c);
  return nullptr;
}

}  // namespace

// The code of one instruction, or null.
FusedCode* compile(const int32_t* w) {
  if (w[0] != OP_LIST) return make(w, 0);
  const List list(w);
  return make(list.kernel, list.elements());
}

}  // namespace NABLA_ISA

#if NABLA_LANES == 32

// Of lanes with 64 bits: the second copy of this file.
namespace NABLA_JOIN(codegen_wide_, NABLA_TARGET) {
FusedCode* compile(const int32_t* w);
}

namespace NABLA_ISA {
namespace {

// Kernels that differ only in where their memory is have the same code: the layers of a network, the parameters of an
// optimizer. Compared are all words but slots and offsets, and of the slots which are the same.
struct Ports {
  int64_t in, ins, out, end;  // places of the inputs, the instructions, the outputs
  int port, n_in;
  Ports(const int32_t* w, const Kernel& k) {
    in = k.cls + k.n_regs - w, ins = k.ins - w, out = ins + 6 * k.n_ins, end = w[1];
    n_in = k.n_in, port = 5 + k.n_outer;
  }
  // Calls f with the place of the slot of each input and output; the offset is two words further.
  template <class F>
  void each(F f) const {
    for (int64_t at = in; at < ins; at += port) f(at);
    for (int64_t at = out; at < end; at += port + 2) f(at);
  }
};

struct Alike {
  struct Seen {
    const int32_t* w;
    int64_t first;
    uint32_t hash;
  };
  Seen* table;
  int64_t size = 16;

  explicit Alike(int64_t instructions) {
    while (size < 2 * instructions) size *= 2;
    table = (Seen*)calloc((size_t)size, sizeof(Seen));
  }
  ~Alike() { free(table); }
  Alike(const Alike&) = delete;

  static uint32_t hash_of(const int32_t* w, const Ports& p) {
    uint32_t h = 2166136261u;
    int64_t at = 0;
    const auto up_to = [&](int64_t end) {
      for (; at < end; at++) h = (h ^ (uint32_t)w[at]) * 16777619u;
    };
    p.each([&](int64_t slot) {
      up_to(slot);
      at = slot + 1;
      up_to(slot + 2);
      at = slot + 3;
    });
    up_to(p.end);
    return h ^ h >> 15;
  }
  static bool same(const int32_t* a, const int32_t* b, const Ports& p) {
    if (a[1] != b[1]) return false;
    bool same = true;
    int64_t at = 0, slots[2 * MAX_IO];
    int n = 0;
    const auto up_to = [&](int64_t end) {
      for (; at < end; at++) same &= a[at] == b[at];
    };
    p.each([&](int64_t slot) {
      up_to(slot);
      at = slot + 1;
      up_to(slot + 2);
      at = slot + 3;
      same &= (a[slot] < 0) == (b[slot] < 0);
      for (int i = 0; i < n; i++) same &= (a[slots[i]] == a[slot]) == (b[slots[i]] == b[slot]);
      slots[n++] = slot;
    });
    up_to(p.end);
    return same;
  }
  // The first of the instructions so far that has the same code.
  int64_t find(const int32_t* w, int64_t i) {
    if (!table) return i;
    Kernel k;
    decode(w, k);
    const Ports p(w, k);
    const uint32_t h = hash_of(w, p);
    for (int64_t at = h & (size - 1);; at = (at + 1) & (size - 1)) {
      Seen& s = table[at];
      if (!s.w) {
        s = {w, i, h};
        return i;
      }
      if (s.hash == h && same(s.w, w, p)) return s.first;
    }
  }
};

}  // namespace
}  // namespace NABLA_ISA

namespace NABLA_TARGET {

// Calls f with each instruction of a program, those in the body of a loop after the loop.
template <class F>
static void each_instruction(const int32_t* program, const F& f) {
  const int32_t* w = program + HEADER_WORDS + 2 * program[3];
  for (int32_t i = 0; i < program[4]; i++, w += w[1]) {
    f(w);
    if (w[0] == OP_LOOP) each_instruction(loop_body(w), f);
  }
}

FusedCode** codegen(const int32_t* words, const ProgramInfo* info) {
  FusedCode** list = (FusedCode**)calloc((size_t)info->all + 1, sizeof(FusedCode*));
  if (!list) return nullptr;
  bool any = false;
  NABLA_ISA::Alike alike(info->all);
  int64_t next = 0;
  each_instruction(words, [&](const int32_t* w) {
    const int64_t i = next++;
    if (w[0] == OP_MATMUL || w[0] == OP_CONV) w = epilogue_of(w);
    if (!w || (w[0] != OP_FUSED && w[0] != OP_LIST)) return;
    const int64_t first = w[0] == OP_LIST ? i : alike.find(w, i);
    list[i] = first != i ? list[first] : w[2] == F32 ? NABLA_ISA::compile(w) : NABLA_JOIN(codegen_wide_, NABLA_TARGET)::compile(w);
    if (list[i]) list[i]->uses++, any = true;
  });
  if (any) return list;
  free(list);
  return nullptr;
}
void codegen_free(FusedCode** list, const ProgramInfo* info) {
  if (!list) return;
  for (int64_t i = 0; i < info->all; i++) NABLA_ISA::release(list[i]);
  free(list);
}

}  // namespace NABLA_TARGET
#endif  // lanes of 32 bits
}  // namespace nabla

#elif NABLA_LANES == 32

namespace nabla {
namespace NABLA_ISA {
FusedCode** codegen(const int32_t*, const ProgramInfo*) { return nullptr; }
void codegen_free(FusedCode**, const ProgramInfo*) {}
}  // namespace NABLA_ISA
}  // namespace nabla

#endif
