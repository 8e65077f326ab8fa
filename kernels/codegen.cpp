// The compiler of fused programs to AVX-512.
//
// An instruction on full registers is a vector operation, or a few: the values of one vector of lanes go through the
// whole program in registers. What depends on a sum over the row must wait for it, so a row takes one loop, and one
// more for each reduction that another depends on; between loops stand the operations on row values. A value that two
// loops need is computed in both when that is cheap, otherwise the first leaves it in a tile.
#include "codegen.h"

#if defined(__x86_64__) && defined(__linux__)
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <initializer_list>
#include <new>

#define NABLA_ISA codegen_isa
#define NABLA_TRACE
#include "math.h"
#include "fused.h"

namespace nabla {
namespace NABLA_ISA {
namespace {

// ---- what is computed in which loop ----

constexpr int MOST_INSTRUCTIONS = 250;
constexpr int MOST_LOOPS = 6;
constexpr int64_t LARGE = 1 << 20;  // bytes of an input that does not stay in the cache
constexpr int64_t AHEAD = 8192;     // bytes that such an input is asked for before its turn
constexpr int CHEAP = 3;      // operations worth doing again instead of a load and a store
constexpr int LONGEST = 8192; // of a row: 64 partial sums keep the error small up to there; the interpreter halves longer ones
constexpr int SHORTEST = 24;  // rows up to this length are the interpreter's, which takes them side by side

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

// A straight run of nodes, done once or for every vector of the row.
struct Block {
  Trace trace;
  bool loop;
  // Its result goes to this row of a tile, or is added to what a stream holds.
  struct {
    NodeOp op;
    int tile, stream;
  } reduction[4];
  int reductions;
  // Streams whose next row is asked for meanwhile, and how far away it is.
  struct {
    int stream;
    int32_t bytes;
  } ahead[CodeArgs::STREAMS];
  int ahead_count;
};

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
  // How an output is written: by the code (delayed: after all loads), added to, or summed over the row and added to.
  bool direct[MAX_IO], delayed[MAX_IO], summed[MAX_IO], folded[MAX_IO];

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

  // Do any loads of input i come from the memory of output o?
  bool shares(int i, int o) const { return k.in[i].slot == k.out[o].slot; }

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
      if (v < k.n_in && cls(v) == FULL && k.in[v].slot >= 0 && k.in[v].dtype != BOOL && k.in[v].col == 1 && k.rows > 1)
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
      if (k.cls[p.reg] == FULL && p.col == 1) {
        direct[o] = p.mode == SET && p.dtype != BOOL && (code.by_row || k.rows == 1 || p.row == k.cols);
      }
      if (k.cls[p.reg] == FULL && p.mode == ADD && p.dtype == F32 && code.by_row) {
        summed[o] = p.col == 1;
        folded[o] = p.col == 0;
      }
      // In the memory of an input: stored after all loads of the vector, and not while a later loop wants it.
      for (int i = 0; direct[o] && i < k.n_in; i++) {
        if (!needed[i] || !shares(i, o)) continue;
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

  bool ok = true;
  int add(NodeOp op, int a, int b = -1, int imm = 0) { return trace->add(op, a, b, -1, imm); }

  // The node of value v in the block being recorded.
  int build(int v, int block) {
    if (node[v] >= 0) return node[v];
    const int now = block / 2;
    if (is_constant(v)) return node[v] = constant(ins(v)[5]);
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
      else add(summed[o] ? N_ADD_TO : direct[o] && streams_past(o) ? N_STREAM : N_STORE, x, -1, s);
      if (lates + 2 > MAX_IO) ok = false;
    }
    for (int i = 0; i < lates; i += 2) add(N_STORE, late[i], -1, late[i + 1]);
  }
  bool streams_past(int o) const { return past[o]; }
  bool past[MAX_IO];
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
    if (loops < 2 || k.outer_count * k.rows * (int64_t)k.cols * 4 < LARGE) return;
    int most = 0;
    for (int l = 1; l < loops; l++)
      if (blocks[2 * l + 1].trace.count > blocks[2 * most + 1].trace.count) most = l;
    Block& b = blocks[2 * most + 1];
    for (int s = 0; s < code.streams; s++) {
      if (code.stream[s].kind != FusedCode::INPUT) continue;
      const Port& p = k.in[code.stream[s].port];
      if (p.slot < 0 || p.dtype == BOOL || p.col != 1) continue;
      const int64_t row = 4 * (int64_t)p.row;
      if (row < 4 * (int64_t)k.cols || row > 16 * AHEAD) continue;
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

enum Gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
constexpr Gpr STREAM_GPR[CodeArgs::STREAMS] = {RBX, RBP, R8, R10, R11, R12, R13, R14, R15};
// RAX is the byte offset of the vector, RSI the tiles, RDX the row values, RCX the scalars, R9 the constants.

// A register, or memory at base + index + disp; one float for all lanes with `broadcast`.
struct Rm {
  bool memory;
  int reg;
  int base, index;
  int32_t disp;
  bool broadcast;
};
Rm in_register(int r) { return {false, r, 0, -1, 0, false}; }
Rm at(int base, int index, int64_t disp, bool broadcast = false) { return {true, 0, base, index, (int32_t)disp, broadcast}; }

// pp: 0 none, 1 66, 2 F3. map: 1 0F, 2 0F38, 3 0F3A.
struct Form {
  uint8_t map, pp, opcode;
};
Form form_of(NodeOp op) {
  switch (op) {
    case N_ADD: return {1, 0, 0x58};
    case N_SUB: return {1, 0, 0x5c};
    case N_MUL: return {1, 0, 0x59};
    case N_DIV: return {1, 0, 0x5e};
    case N_MIN: return {1, 0, 0x5d};
    case N_MAX: return {1, 0, 0x5f};
    case N_AND: return {1, 1, 0xdb};
    case N_ANDNOT: return {1, 1, 0xdf};
    case N_OR: return {1, 1, 0xeb};
    case N_XOR: return {1, 1, 0xef};
    case N_ADDI: return {1, 1, 0xfe};
    case N_SUBI: return {1, 1, 0xfa};
    case N_MULI: return {2, 1, 0x40};
    case N_SCALEF: return {2, 1, 0x2c};
    case N_SHRV: return {2, 1, 0x45};
    case N_SQRT: return {1, 0, 0x51};
    case N_ROUND: return {3, 1, 0x08};
    case N_TO_INT: return {1, 2, 0x5b};
    case N_TO_FLOAT: return {1, 0, 0x5b};
    default: return {0, 0, 0};
  }
}
bool commutes(NodeOp op) {
  return op == N_ADD || op == N_MUL || op == N_AND || op == N_OR || op == N_XOR || op == N_ADDI || op == N_MULI;
}
constexpr Form LOAD = {1, 0, 0x10}, STORE = {1, 0, 0x11}, PAST = {1, 0, 0x2b}, MOVE = {1, 0, 0x28}, SPREAD = {2, 1, 0x18},
               STORE_ONE = {1, 2, 0x11}, ADD_ONE = {1, 2, 0x58}, ADD = {1, 0, 0x58}, MAX_PS = {1, 0, 0x5f}, MIN_PS = {1, 0, 0x5d}, XOR_D = {1, 1, 0xef},
               COMPARE = {1, 0, 0xc2}, COMPARE_I = {3, 1, 0x1f}, BLEND = {2, 1, 0x65}, TO_MASK = {2, 2, 0x39}, OF_MASK = {2, 2, 0x38},
               SHIFT = {1, 1, 0x72}, SHUFFLE = {3, 1, 0x23}, PERMUTE = {3, 1, 0x04};

struct Code {
  uint8_t* bytes = nullptr;
  int64_t count = 0, room = 0;
  bool ok = true;
  float constants[400];
  int n_constants = 0;
  ~Code() { free(bytes); }

  void byte(int x) {
    if (count == room) {
      room = room ? 2 * room : 8192;
      uint8_t* more = (uint8_t*)realloc(bytes, (size_t)room);
      if (!more) {
        ok = false, room = count;
        return;
      }
      bytes = more;
    }
    bytes[count++] = (uint8_t)x;
  }
  void list(std::initializer_list<int> l) {
    for (int x : l) byte(x);
  }
  void word(int32_t x) {
    for (int i = 0; i < 4; i++) byte(x >> 8 * i & 255);
  }

  // One EVEX instruction on 512 bits. `narrow`: memory is a single float. imm below 0: none.
  void evex(Form f, int reg, int v, Rm rm, int mask = 0, bool zero = false, int imm = -1, bool narrow = false) {
    const int b = rm.memory ? rm.base >> 3 & 1 : rm.reg >> 3 & 1;
    const int x = rm.memory ? (rm.index >= 0 ? rm.index >> 3 & 1 : 0) : rm.reg >> 4 & 1;
    byte(0x62);
    byte((reg & 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (b ? 0 : 0x20) | (reg & 16 ? 0 : 0x10) | f.map);
    byte((~v & 15) << 3 | 4 | f.pp);
    byte((zero ? 0x80 : 0) | 0x40 | (rm.memory && rm.broadcast ? 0x10 : 0) | (v & 16 ? 0 : 8) | mask);
    byte(f.opcode);
    if (!rm.memory) {
      byte(0xc0 | (reg & 7) << 3 | (rm.reg & 7));
    } else {
      // Eight bits of displacement count whole operands.
      const int unit = rm.broadcast || narrow ? 4 : 64;
      const bool near = rm.disp % unit == 0 && rm.disp / unit >= -128 && rm.disp / unit < 128;
      const bool sib = rm.index >= 0 || (rm.base & 7) == RSP;
      byte((near ? 0x40 : 0x80) | (reg & 7) << 3 | (sib ? 4 : rm.base & 7));
      if (sib) byte((rm.index >= 0 ? rm.index & 7 : 4) << 3 | (rm.base & 7));
      if (near) byte(rm.disp / unit);
      else word(rm.disp);
    }
    if (imm >= 0) byte(imm);
  }

  int constant(int32_t bits) {
    for (int i = 0; i < n_constants; i++)
      if (__builtin_bit_cast(int32_t, constants[i]) == bits) return i;
    if (n_constants == 400) {
      ok = false;
      return 0;
    }
    constants[n_constants] = __builtin_bit_cast(float, bits);
    return n_constants++;
  }

  void load_gpr(int reg, int64_t offset) {  // from the arguments, at RDI
    list({0x48 | (reg >> 3) << 2, 0x8b, 0x80 | (reg & 7) << 3 | RDI});
    word((int32_t)offset);
  }
  void enter(int streams) {
    for (int r : {RBX, RBP}) byte(0x50 | r);
    for (int r : {R12, R13, R14, R15}) list({0x41, 0x50 | (r & 7)});
    load_gpr(RSI, offsetof(CodeArgs, tiles));
    load_gpr(RDX, offsetof(CodeArgs, rows));
    load_gpr(RCX, offsetof(CodeArgs, scalars));
    load_gpr(R9, offsetof(CodeArgs, constants));
    for (int s = 0; s < streams; s++) load_gpr(STREAM_GPR[s], (int64_t)offsetof(CodeArgs, stream) + 8 * s);
    list({0xc5, 0xf8, 0x90, 0x7f, (int)offsetof(CodeArgs, tail)});  // kmovw k7, [rdi + tail]
  }
  void leave() {
    list({0xc5, 0xf8, 0x77});  // vzeroupper
    for (int r : {R15, R14, R13, R12}) list({0x41, 0x58 | (r & 7)});
    for (int r : {RBP, RBX}) byte(0x58 | r);
    byte(0xc3);
  }
  // Asks for the cache line at base + RAX + disp, into the L2 cache.
  void prefetch(int base, int32_t disp) {
    if (base & 8) byte(0x41);
    list({0x0f, 0x18, 0x80 | 2 << 3 | RSP, RAX << 3 | (base & 7)});
    word(disp);
  }
  // A jump whose target is set later, or is `to`.
  int64_t jump(int condition, int64_t to = 0) {  // 0x8c: less, 0x8d: not less, 0x84: zero
    list({0x0f, condition});
    word((int32_t)(to - (count + 4)));
    return count;
  }
  void land(int64_t from) {
    const int32_t distance = (int32_t)(count - from);
    if (ok) memcpy(bytes + from - 4, &distance, 4);
  }
};

enum Masking { WHOLE, TAIL };

struct BlockEmitter {
  const Block& b;
  Code& out;
  int lanes;
  bool past;
  int uses[Trace::MOST], end[Trace::MOST];
  int8_t reg[Trace::MOST];
  bool hoisted[Trace::MOST];
  uint32_t taken, most;
  int peak;
  bool failed;

  const Node& node(int i) const { return b.trace.nodes[i]; }
  static bool effect(NodeOp op) { return op >= N_STORE; }
  static bool spread(NodeOp op) { return op <= N_SCALAR; }  // one value for all lanes
  bool compares(int i) const { return node(i).op == N_CMP || node(i).op == N_CMPI; }

  // Calls f for each operand. A comparison that a selection reads is made right there.
  template <class F>
  void operands(int i, F f) const {
    const Node& n = node(i);
    if (n.op == N_CONST || n.op == N_ROW || n.op == N_SCALAR || n.op == N_LOAD || n.op == N_TILE) return;
    if (n.op == N_SELECT && compares(n.a)) f(node(n.a).a), f(node(n.a).b);
    else f(n.a);
    if (n.b >= 0) f(n.b);
    if (n.c >= 0) f(n.c);
  }
  void count_uses() {
    const int n = b.trace.count;
    for (int i = 0; i < n; i++) uses[i] = 0, end[i] = -1, hoisted[i] = false;
    for (int i = n - 1; i >= 0; i--) {
      if (!effect(node(i).op) && !uses[i]) continue;
      operands(i, [&](int x) {
        uses[x]++;
        if (end[x] < i) end[x] = i;
      });
    }
  }

  int grab() {
    for (int r = 0; r < 32; r++)
      if (!(taken >> r & 1)) {
        taken |= 1u << r;
        const int now = __builtin_popcount(taken);
        if (now > peak) peak = now;
        return r;
      }
    failed = true;
    return 0;
  }
  void drop(int r) { taken &= ~(1u << r); }

  Rm memory_of(int i) {
    const Node& n = node(i);
    switch (n.op) {
      case N_CONST: return at(R9, -1, 4 * (int64_t)out.constant(n.imm), true);
      case N_ROW: return at(RDX, -1, 4 * (int64_t)lanes * n.a, true);
      default: return at(RCX, -1, 4 * (int64_t)lanes * n.a, true);
    }
  }
  bool in_memory(int i) const { return spread(node(i).op) && !hoisted[i]; }
  // A value in a register; one in memory gets `temporary`, to drop after use.
  int get(int i, int* temporary) {
    *temporary = -1;
    if (!in_memory(i)) return reg[i];
    const int r = *temporary = grab();
    Rm m = memory_of(i);
    m.broadcast = false;
    out.evex(SPREAD, r, 0, m, 0, false, -1, true);
    return r;
  }
  Rm get_rm(int i) { return in_memory(i) ? memory_of(i) : in_register(reg[i]); }
  bool dies(int x, int i) const { return !spread(node(x).op) && end[x] == i; }
  void release(int i) {
    operands(i, [&](int x) {
      if (dies(x, i) && reg[x] >= 0) drop(reg[x]), reg[x] = -1;
    });
  }

  static constexpr int K1 = 1, K7 = 7;
  int accumulator(int i, int part) const { return 31 - 4 * i - part; }
  // The part of a sum that the u-th vector of a block goes into, and what is left of the row: as in the interpreter.
  static int part(int u, Masking m) { return m == TAIL ? 1 : u; }

  void compare(const Node& n, int mask = 0) {  // into k1
    int t;
    const int a = get(n.a, &t);
    out.evex(n.op == N_CMP ? COMPARE : COMPARE_I, K1, a, get_rm(n.b), mask, false, n.imm);
    if (t >= 0) drop(t);
  }

  // a b + c into a register: the form that overwrites an operand which is not needed again, and has in memory what is there.
  void fma(int i) {
    const Node& n = node(i);
    const int sign = n.imm == 0 ? 0x08 : n.imm == 1 ? 0x0c : n.imm == 2 ? 0x0a : 0x0e;
    const auto form = [&](int order) { return Form{2, 1, (uint8_t)(order | sign)}; };
    constexpr int A_B_PLUS_C = 0xa0, A_C_PLUS_B = 0x90, B_C_PLUS_A = 0xb0;  // of the operands in their order
    int a = n.a, b = n.b, spare_a, spare_c = -1;
    if (in_memory(a)) a = n.b, b = n.a;
    const int ra = get(a, &spare_a);
    const bool far = in_memory(b);
    // Two in memory are one too many.
    const bool far_c = !far && in_memory(n.c);
    const int rc = far_c ? -1 : get(n.c, &spare_c);
    const auto free = [&](int x) { return dies(x, i) && x != n.c; };
    int dst;
    if (spare_c >= 0 || (!far_c && dies(n.c, i) && n.c != a && n.c != b)) {
      dst = take(n.c, rc, spare_c);
      out.evex(form(B_C_PLUS_A), dst, ra, get_rm(b));
    } else if (!far && (free(a) || free(b))) {
      const int other = free(a) ? reg[b] : ra;
      dst = free(a) ? take(a, ra, -1) : take(b, reg[b], -1);
      out.evex(form(A_B_PLUS_C), dst, other, far_c ? memory_of(n.c) : in_register(rc));
    } else if (far && (spare_a >= 0 || free(a))) {
      dst = take(a, ra, spare_a), spare_a = -1;
      out.evex(form(A_C_PLUS_B), dst, rc, memory_of(b));
    } else {
      dst = grab();
      out.evex(MOVE, dst, 0, in_register(far_c ? ra : rc));
      if (far_c) out.evex(form(A_B_PLUS_C), dst, reg[b], memory_of(n.c));
      else out.evex(form(B_C_PLUS_A), dst, ra, get_rm(b));
    }
    if (spare_a >= 0) drop(spare_a);
    release(i);
    reg[i] = (int8_t)dst;
  }
  // The register of operand x becomes the result's.
  int take(int x, int r, int spare) {
    if (spare < 0) reg[x] = -1;
    return r;
  }

  // The node for the u-th vector of a block.
  void emit(int i, int u, Masking masking) {
    const Node& n = node(i);
    int t, s;
    const int64_t here = 64 * (int64_t)u;
    const int k = masking == TAIL ? K7 : 0;
    switch (n.op) {
      case N_CONST: case N_ROW: case N_SCALAR: return;
      case N_LOAD:
      case N_TILE: {
        const int r = grab();
        out.evex(LOAD, r, 0, n.op == N_LOAD ? at(STREAM_GPR[n.a], RAX, here) : at(RSI, RAX, 4 * (int64_t)lanes * n.a + here), k, k != 0);
        reg[i] = (int8_t)r;
        return;
      }
      case N_STORE:
      case N_STREAM:
      case N_STORE_TILE: {
        const int x = get(n.a, &t);
        const Rm to = n.op == N_STORE_TILE ? at(RSI, RAX, 4 * (int64_t)lanes * n.imm + here) : at(STREAM_GPR[n.imm], RAX, here);
        out.evex(n.op == N_STREAM && past && !k ? PAST : STORE, x, 0, to, k);
        if (t >= 0) drop(t);
        return release(i);
      }
      case N_ADD_TO: {
        const int x = get(n.a, &t), r = grab();
        const Rm to = at(STREAM_GPR[n.imm], RAX, here);
        if (k) out.evex(LOAD, r, 0, to, k, true), out.evex(ADD, r, r, in_register(x));
        else out.evex(ADD, r, x, to);
        out.evex(STORE, r, 0, to, k);
        drop(r);
        if (t >= 0) drop(t);
        return release(i);
      }
      case N_STORE_ROW: {
        const int x = get(n.a, &t);
        out.evex(STORE_ONE, x, 0, at(RDX, -1, 4 * (int64_t)lanes * n.imm), 0, false, -1, true);
        if (t >= 0) drop(t);
        return release(i);
      }
      case N_SUM:
      case N_DOT: {
        const int acc = accumulator(n.imm, part(u, masking));
        if (n.op == N_SUM) out.evex(ADD, acc, acc, get_rm(n.a), k);
        else {
          const bool swap = in_memory(n.a);
          const int x = get(swap ? n.b : n.a, &t);
          out.evex({2, 1, 0xb8}, acc, x, get_rm(swap ? n.a : n.b), k);
          if (t >= 0) drop(t);
        }
        return release(i);
      }
      case N_GREATEST:
      case N_LEAST: {
        const int acc = accumulator(n.imm, part(u, masking));
        extreme(n.op, acc, get_rm(n.a), k);
        return release(i);
      }
      case N_CMP:
      case N_CMPI: {
        compare(n);
        release(i);
        const int r = grab();
        out.evex(OF_MASK, r, 0, in_register(K1));
        reg[i] = (int8_t)r;
        return;
      }
      case N_SELECT: {
        if (compares(n.a)) compare(node(n.a));
        else {
          const int m = get(n.a, &t);
          out.evex(TO_MASK, K1, 0, in_register(m));
          if (t >= 0) drop(t);
        }
        const int no = get(n.c, &t);
        const Rm yes = get_rm(n.b);
        if (t >= 0) drop(t);
        release(i);
        const int r = grab();
        out.evex(BLEND, r, no, yes, K1);
        reg[i] = (int8_t)r;
        return;
      }
      case N_FMA: return fma(i);
      case N_SHL: case N_SHR: case N_SAR: {
        const int x = get(n.a, &t);
        if (t >= 0) drop(t);
        release(i);
        const int r = grab();
        out.evex(SHIFT, n.op == N_SHL ? 6 : n.op == N_SHR ? 2 : 4, r, in_register(x), 0, false, n.imm);
        reg[i] = (int8_t)r;
        return;
      }
      case N_SQRT: case N_ROUND: case N_TO_INT: case N_TO_FLOAT: {
        const Rm x = get_rm(n.a);
        release(i);
        const int r = grab();
        out.evex(form_of(n.op), r, 0, x, 0, false, n.op == N_ROUND ? n.imm : -1);
        reg[i] = (int8_t)r;
        return;
      }
      default: {  // two operands
        const bool swap = commutes(n.op) && in_memory(n.a);
        const int a = get(swap ? n.b : n.a, &t);
        const Rm second = get_rm(swap ? n.a : n.b);
        if (t >= 0) drop(t);
        release(i);
        s = grab();
        out.evex(form_of(n.op), s, a, second);
        reg[i] = (int8_t)s;
      }
    }
  }
  // acc = v_max(acc, x) or v_min, in the lanes of mask k: a NaN in either is kept.
  void extreme(NodeOp op, int acc, Rm x, int k) {
    out.evex(COMPARE, K1, acc, in_register(acc), k, false, CMP_ORD);
    out.evex(op == N_GREATEST ? MAX_PS : MIN_PS, acc, acc, x, K1);
  }

  void body(int u, Masking masking) {
    const uint32_t before = taken;
    if (masking == WHOLE)
      for (int i = 0; i < b.ahead_count; i++) out.prefetch(STREAM_GPR[b.ahead[i].stream], b.ahead[i].bytes + 64 * u);
    for (int i = 0; i < b.trace.count && !failed; i++)
      if (effect(node(i).op) || uses[i]) emit(i, u, masking);
    taken = before;
  }

  void start() {
    taken = 0, peak = 0, failed = false;
    for (int i = 0; i < b.trace.count; i++) reg[i] = -1;
    for (int i = 0; i < b.reductions; i++)
      for (int u = 0; u < 4; u++) {
        const int acc = accumulator(i, u);
        taken |= 1u << acc;
        if (b.reduction[i].op == N_SUM || b.reduction[i].op == N_DOT) out.evex(XOR_D, acc, acc, in_register(acc));
        else
          out.evex(SPREAD, acc, 0, at(R9, -1, 4 * (int64_t)out.constant(b.reduction[i].op == N_GREATEST ? (int32_t)0xff800000 : 0x7f800000)), 0,
                   false, -1, true);
      }
    for (int i = 0; i < b.trace.count; i++)
      if (hoisted[i]) {
        hoisted[i] = false;
        int t;
        const int r = get(i, &t);
        hoisted[i] = true, reg[i] = (int8_t)r;
      }
    peak = __builtin_popcount(taken);
  }
  void finish() {
    for (int i = 0; i < b.reductions; i++) {
      const NodeOp op = b.reduction[i].op;
      const bool sums = op == N_SUM || op == N_DOT;
      const int a = accumulator(i, 0);
      const auto join = [&](int x, int y) {
        if (sums) out.evex(ADD, x, x, in_register(y));
        else extreme(op, x, in_register(y), 0);
      };
      join(a, accumulator(i, 1));
      join(accumulator(i, 2), accumulator(i, 3));
      join(a, accumulator(i, 2));
      const int other = accumulator(i, 1);
      out.evex(SHUFFLE, other, a, in_register(a), 0, false, 0x4e), join(a, other);
      out.evex(SHUFFLE, other, a, in_register(a), 0, false, 0xb1), join(a, other);
      out.evex(PERMUTE, other, 0, in_register(a), 0, false, 0x4e), join(a, other);
      out.evex(PERMUTE, other, 0, in_register(a), 0, false, 0xb1), join(a, other);
      const int s = b.reduction[i].stream;
      const Rm to = s < 0 ? at(RDX, -1, 4 * (int64_t)lanes * b.reduction[i].tile) : at(STREAM_GPR[s], -1, 0);
      if (s >= 0) out.evex(ADD_ONE, a, a, to, 0, false, -1, true);
      out.evex(STORE_ONE, a, 0, to, 0, false, -1, true);
    }
  }

  void once() {
    start();
    if (!b.loop) {
      body(0, WHOLE);
      return;
    }
    // xor eax, eax
    out.list({0x31, 0xc0});
    const bool four = b.reductions > 0 || b.trace.count <= 40;
    const auto loop = [&](int vectors, int64_t limit) {
      out.list({0x48, 0x3b, 0x47, (int)limit});  // cmp rax, [rdi + limit]
      const int64_t skip = out.jump(0x8d);
      const int64_t top = out.count;
      for (int u = 0; u < vectors; u++) body(u, WHOLE);
      out.list({0x48, 0x05});  // add rax, bytes
      out.word(64 * vectors);
      out.list({0x48, 0x3b, 0x47, (int)limit});
      out.jump(0x8c, top);
      out.land(skip);
    };
    if (four) loop(4, offsetof(CodeArgs, blocks));
    loop(1, offsetof(CodeArgs, vectors));
    out.list({0x83, 0x7f, (int)offsetof(CodeArgs, tail), 0});  // cmp dword [rdi + tail], 0
    const int64_t skip = out.jump(0x84);
    body(0, TAIL);
    out.land(skip);
    finish();
  }

  bool run() {
    count_uses();
    if (!b.trace.count) return true;
    // Once to see how many registers it takes, then with what is used most in those that are left.
    const int64_t mark = out.count;
    once();
    if (failed) return false;
    if (!b.loop) return true;
    int spare = 31 - peak;
    while (spare-- > 0) {
      int best = -1;
      for (int i = 0; i < b.trace.count; i++)
        if (spread(node(i).op) && uses[i] && !hoisted[i] && (best < 0 || uses[i] > uses[best])) best = i;
      if (best < 0) break;
      hoisted[best] = true;
    }
    out.count = mark;
    once();
    return !failed;
  }
};

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
  if (!c) return;
  if (c->memory) munmap(c->memory, (size_t)c->bytes);
  free(c->constants);
  free(c);
}

FusedCode* compile(const int32_t* w) {
  Kernel k;
  decode(w, k);
  // Little work is not worth it, and neither is a single instruction, which is one loop already.
  int full = 0;
  for (int i = 0; i < k.n_ins; i++) full += k.ins[6 * i] != F_CONST && (k.cls[k.ins[6 * i + 1]] == FULL || is_reduction(k.ins[6 * i]));
  if (full < 2 || k.outer_count * k.rows * (int64_t)k.cols * full < 2048) return nullptr;
  FusedCode* c = (FusedCode*)calloc(1, sizeof(FusedCode));
  if (!c) return nullptr;
  Plan* plan = new (malloc(sizeof(Plan))) Plan(k, *c);
  Code first, second;
  bool any_past = false;
  for (int o = 0; o < k.n_out; o++) any_past |= plan->past[o] = streams(k, k.out[o]);
  const int lanes = tiling(k, true).lanes;
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
    c->constants = (float*)malloc(4 * (size_t)n + 4);
    void* p = mmap(nullptr, (size_t)c->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ok = c->constants && p != MAP_FAILED;
    if (ok) {
      c->memory = p;
      memcpy(c->constants, any_past ? second.constants : first.constants, 4 * (size_t)n);
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
}  // namespace NABLA_ISA

FusedCode** codegen(const int32_t* words, const ProgramInfo* info) {
  FusedCode** list = (FusedCode**)calloc((size_t)info->instructions + 1, sizeof(FusedCode*));
  if (!list) return nullptr;
  const int32_t* w = words + HEADER_WORDS + 2 * info->slots;
  bool any = false;
  for (int64_t i = 0; i < info->instructions; i++, w += w[1]) {
    if (w[0] == OP_FUSED) list[i] = NABLA_ISA::compile(w);
    any |= list[i] != nullptr;
  }
  if (any) return list;
  free(list);
  return nullptr;
}
void codegen_free(FusedCode** list, const ProgramInfo* info) {
  if (!list) return;
  for (int64_t i = 0; i < info->instructions; i++) NABLA_ISA::release(list[i]);
  free(list);
}

}  // namespace nabla

#else

namespace nabla {
FusedCode** codegen(const int32_t*, const ProgramInfo*) { return nullptr; }
void codegen_free(FusedCode**, const ProgramInfo*) {}
}  // namespace nabla

#endif
