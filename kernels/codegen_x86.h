// Machine code of x86-64 with AVX-512 or AVX2 for a run of nodes (trace.h): registers are given out one node after the
// other, and what is left of them holds the constants that are used most.
// AVX-512 has twice the registers, operands in memory that are one float for all lanes, and masks of their own; on AVX2
// constants lie in memory as whole vectors, row values stay in registers, and masks are vectors.
#pragma once
#include <initializer_list>
#include <stdlib.h>
#include <string.h>

#include "codegen.h"
#if NABLA_LANES == 32
#include "math.h"
#else
#include "math64.h"
#endif
#include "fused.h"

namespace nabla {
namespace NABLA_ISA {
namespace {

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

enum Gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
// The first streams have registers; the address of any other is fetched into RCX right before its use.
constexpr Gpr STREAM_GPR[] = {RBX, RBP, R8, R10, R11, R12, R13, R14, R15};
constexpr int STREAM_GPRS = sizeof STREAM_GPR / sizeof *STREAM_GPR;
// RAX is the byte offset of the vector, RSI the tiles and scalars, RDX the row values, R9 the constants.

constexpr int VECTOR = LANE * VW;
constexpr bool WIDE = VECTOR == 64, LONG = LANE == 8;
constexpr int REGISTERS = WIDE ? 32 : 16;

// A register, or memory at base + index + disp; one lane's value for all with `broadcast`.
struct Rm {
  bool memory;
  int reg;
  int base, index;
  int32_t disp;
  bool broadcast;
};
Rm in_register(int r) { return {false, r, 0, -1, 0, false}; }
Rm at(int base, int index, int64_t disp, bool broadcast = false) { return {true, 0, base, index, (int32_t)disp, broadcast}; }

// pp: 0 none, 1 66, 2 F3, 3 F2. map: 1 0F, 2 0F38, 3 0F3A. The bit W of AVX-512 tells the size of lanes; `w` is the one
// that AVX2 wants, and -1 where AVX-512 has none either.
struct Form {
  uint8_t map, pp, opcode;
  int8_t w = 0;
};
constexpr uint8_t P = LONG ? 1 : 0, S = LONG ? 3 : 2;  // of packed reals, and of one
// The opcode for lanes of 32 bits, or of 64.
constexpr uint8_t of_lane(int32_t of_32, int32_t of_64) { return (uint8_t)(LONG ? of_64 : of_32); }
Form form_of(NodeOp op) {
  switch (op) {
    case N_ADD: return {1, P, 0x58};
    case N_SUB: return {1, P, 0x5c};
    case N_MUL: return {1, P, 0x59};
    case N_DIV: return {1, P, 0x5e};
    case N_MIN: return {1, P, 0x5d};
    case N_MAX: return {1, P, 0x5f};
    case N_AND: return {1, 1, 0xdb};
    case N_OR: return {1, 1, 0xeb};
    case N_XOR: return {1, 1, 0xef};
    case N_ADDI: return {1, 1, of_lane(0xfe, 0xd4)};
    case N_SUBI: return {1, 1, of_lane(0xfa, 0xfb)};
    case N_MULI: return {2, 1, 0x40};
    case N_SCALEF: return {2, 1, 0x2c};
    case N_MULU: return {1, 1, 0xf4};
    case N_SHRV: return {2, 1, 0x45, LONG};
    case N_SQRT: return {1, P, 0x51};
    case N_ROUND: return {3, 1, of_lane(0x08, 0x09)};
    case N_TO_INT: return {1, of_lane(2, 1), of_lane(0x5b, 0x7a)};
    case N_TO_FLOAT: return {1, of_lane(0, 2), of_lane(0x5b, 0xe6)};
    case N_SHORTEN: return {1, 1, 0x5a};
    default: return {0, 0, 0};
  }
}
bool commutes(NodeOp op) {
  return op == N_ADD || op == N_MUL || op == N_AND || op == N_OR || op == N_XOR || op == N_ADDI || op == N_MULI || op == N_MULU;
}
// R and I stand for lanes of reals and of integers: VMOVUR is VMOVUPS or VMOVUPD, VPCMPI is VPCMPD or VPCMPQ.
constexpr Form VMOVUR = {1, P, 0x10}, VMOVUR_TO = {1, P, 0x11}, VMOVNTR = {1, P, 0x2b}, VMOVAR = {1, P, 0x28},
               VBROADCASTR = {2, 1, of_lane(0x18, 0x19)}, VMOVONE_TO = {1, S, 0x11}, VADDONE = {1, S, 0x58}, VADDR = {1, P, 0x58},
               VMAXR = {1, P, 0x5f}, VMINR = {1, P, 0x5d}, VPAND = {1, 1, 0xdb}, VPXOR = {1, 1, 0xef}, VCMPR = {1, P, 0xc2},
               VPERMILR = {3, 1, of_lane(0x04, 0x05)}, VFMADD231R = {2, 1, 0xb8, LONG}, VCVTPS2PD = {1, 0, 0x5a, -1};
// Of AVX-512 and of AVX2 only.
constexpr Form VPCMPI = {3, 1, 0x1f}, VBLENDMR = {2, 1, 0x65}, VPMOVI2M = {2, 2, 0x39}, VPMOVM2I = {2, 2, 0x38},
               VSHUFF32X4 = {3, 1, 0x23};
constexpr Form VPCMPEQI = {(uint8_t)(LONG ? 2 : 1), 1, of_lane(0x76, 0x29)}, VPCMPGTI = {(uint8_t)(LONG ? 2 : 1), 1, of_lane(0x66, 0x37)},
               VBLENDVR = {3, 1, of_lane(0x4a, 0x4b)}, VPERM2F128 = {3, 1, 0x06}, VMASKMOVR = {2, 1, of_lane(0x2c, 0x2d)},
               VMASKMOVR_TO = {2, 1, of_lane(0x2e, 0x2f)};
// By a number: to the left, to the right, to the right with the sign.
Form shift_of(NodeOp op) { return {1, 1, of_lane(0x72, op == N_SAR ? 0x72 : 0x73)}; }

struct Code {
  uint8_t* bytes = nullptr;
  int64_t count = 0, room = 0;
  bool ok = true;
  real constants[400];
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
  void int32(int32_t x) {
    for (int i = 0; i < 4; i++) byte(x >> 8 * i & 255);
  }

  // A whole vector, or a single lane in memory with `narrow`. imm below 0: none.
  void op(Form f, int reg, int v, Rm rm, int imm = -1, bool narrow = false) {
    if constexpr (WIDE) masked(f, reg, v, rm, 0, false, imm, narrow);
    else {
      byte(0xc4);
      byte((reg & 8 ? 0 : 0x80) | (rm.memory && rm.index >= 8 ? 0 : 0x40) | ((rm.memory ? rm.base : rm.reg) & 8 ? 0 : 0x20) | f.map);
      byte((f.w == 1 ? 0x80 : 0) | (~v & 15) << 3 | (narrow && f.map == 1 ? 0 : 4) | f.pp);
      byte(f.opcode);
      operand(reg, rm, 1);
      if (imm >= 0) byte(imm);
    }
  }
  // The same on the lanes of mask k only; the others keep what they hold, or become 0.
  void masked(Form f, int reg, int v, Rm rm, int k, bool zero = false, int imm = -1, bool narrow = false) {
    const int b = rm.memory ? rm.base >> 3 & 1 : rm.reg >> 3 & 1;
    const int x = rm.memory ? rm.index >= 8 : rm.reg >> 4 & 1;
    byte(0x62);
    byte((reg & 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (b ? 0 : 0x20) | (reg & 16 ? 0 : 0x10) | f.map);
    byte((LONG && f.w >= 0 ? 0x80 : 0) | (~v & 15) << 3 | 4 | f.pp);
    byte((zero ? 0x80 : 0) | 0x40 | (rm.memory && rm.broadcast ? 0x10 : 0) | (v & 16 ? 0 : 8) | k);
    byte(f.opcode);
    // Eight bits of displacement count whole operands.
    operand(reg, rm, rm.broadcast || narrow ? LANE : 64);
    if (imm >= 0) byte(imm);
  }
  void operand(int reg, Rm rm, int unit) {
    if (!rm.memory) return byte(0xc0 | (reg & 7) << 3 | (rm.reg & 7));
    const bool near = rm.disp % unit == 0 && rm.disp / unit >= -128 && rm.disp / unit < 128;
    const bool sib = rm.index >= 0 || (rm.base & 7) == RSP;
    byte((near ? 0x40 : 0x80) | (reg & 7) << 3 | (sib ? 4 : rm.base & 7));
    if (sib) byte((rm.index >= 0 ? rm.index & 7 : 4) << 3 | (rm.base & 7));
    if (near) byte(rm.disp / unit);
    else int32(rm.disp);
  }

  int constant(word bits) {
    for (int i = 0; i < n_constants; i++)
      if (__builtin_bit_cast(word, constants[i]) == bits) return i;
    if (n_constants == 400) {
      ok = false;
      return 0;
    }
    constants[n_constants] = __builtin_bit_cast(real, bits);
    return n_constants++;
  }

  void load_gpr(int reg, int64_t offset) {  // from the arguments, at RDI
    list({0x48 | (reg >> 3) << 2, 0x8b, 0x80 | (reg & 7) << 3 | RDI});
    int32((int32_t)offset);
  }
  static int64_t stream_at(int s) { return (int64_t)offsetof(CodeArgs, stream) + 8 * s; }
  // The register that now holds the address of a stream.
  int stream(int s) {
    if (s < STREAM_GPRS) return STREAM_GPR[s];
    load_gpr(RCX, stream_at(s));
    return RCX;
  }
  void enter(int streams) {
    for (int r : {RBX, RBP}) byte(0x50 | r);
    for (int r : {R12, R13, R14, R15}) list({0x41, 0x50 | (r & 7)});
    load_gpr(RSI, offsetof(CodeArgs, tiles));
    load_gpr(RDX, offsetof(CodeArgs, rows));
    load_gpr(R9, offsetof(CodeArgs, constants));
    for (int s = 0; s < streams && s < STREAM_GPRS; s++) load_gpr(STREAM_GPR[s], stream_at(s));
    if (WIDE) list({0xc5, 0xf8, 0x90, 0x7f, (int)offsetof(CodeArgs, tail)});  // kmovw k7, [rdi + tail]
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
    int32(disp);
  }
  // A jump whose target is set later, or is `to`.
  int64_t jump(int condition, int64_t to = 0) {  // 0x8c: less, 0x8d: not less, 0x84: zero
    list({0x0f, condition});
    int32((int32_t)(to - (count + 4)));
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
  int8_t regs[2][Trace::MOST];
  bool hoisted[Trace::MOST];
  uint32_t taken;
  int peak, tail;  // tail: the register with the mask of the last lanes, on AVX2
  bool failed;
  bool pairs = true;       // two vectors side by side where a loop computes much
  int8_t* reg = regs[0];   // where the values of one of them are

  const Node& node(int i) const { return b.trace.nodes[i]; }
  static bool effect(NodeOp op) { return op >= N_STORE; }
  static bool spread(NodeOp op) { return op <= N_SCALAR; }  // one value for all lanes
  bool compares(int i) const { return node(i).op == N_CMP || node(i).op == N_CMPI; }

  // Calls f for each operand. A comparison that a selection reads is made right there.
  template <class F>
  void operands(int i, F f) const {
    const Node& n = node(i);
    if (n.op == N_CONST || n.op == N_ROW || n.op == N_SCALAR || n.op == N_LOAD || n.op == N_TILE) return;
    if (WIDE && n.op == N_SELECT && compares(n.a)) f(node(n.a).a), f(node(n.a).b);
    else f(n.a);
    if (n.b >= 0) f(n.b);
    if (n.c >= 0) f(n.c);
  }
  void count_uses() {
    const int n = b.trace.count;
    for (int i = 0; i < n; i++) uses[i] = 0, end[i] = -1;
    for (int i = n - 1; i >= 0; i--) {
      if (!effect(node(i).op) && !uses[i]) continue;
      operands(i, [&](int x) {
        uses[x]++;
        if (end[x] < i) end[x] = i;
      });
    }
    for (int i = 0; i < n; i++) hoisted[i] = !WIDE && uses[i] && (node(i).op == N_ROW || node(i).op == N_SCALAR);
  }

  int grab() {
    for (int r = 0; r < REGISTERS; r++)
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

  // Of what is one value for all lanes, the place of it.
  Rm memory_of(int i) {
    const Node& n = node(i);
    switch (n.op) {
      case N_CONST: return at(R9, -1, (WIDE ? LANE : VECTOR) * (int64_t)out.constant(n.imm), WIDE);
      case N_ROW: return at(RDX, -1, LANE * (int64_t)lanes * n.a, WIDE);
      default: return at(RSI, -1, LANE * (int64_t)lanes * n.a, WIDE);
    }
  }
  bool in_memory(int i) const { return spread(node(i).op) && !hoisted[i]; }
  void fetch(int i, int r) {
    Rm m = memory_of(i);
    m.broadcast = false;
    out.op(VBROADCASTR, r, 0, m, -1, true);
  }
  // A value in a register; one in memory gets `temporary`, to drop after use.
  int get(int i, int* temporary) {
    *temporary = -1;
    if (!in_memory(i)) return reg[i];
    fetch(i, *temporary = grab());
    return *temporary;
  }
  Rm get_rm(int i) { return in_memory(i) ? memory_of(i) : in_register(reg[i]); }
  bool dies(int x, int i) const { return !spread(node(x).op) && end[x] == i; }
  void release(int i) {
    operands(i, [&](int x) {
      if (dies(x, i) && reg[x] >= 0) drop(reg[x]), reg[x] = -1;
    });
  }

  static constexpr int K1 = 1, K7 = 7;
  int accumulator(int i, int part) const { return REGISTERS - 1 - 4 * i - part; }

  void compare(const Node& n) {  // into k1
    int t;
    const int a = get(n.a, &t);
    out.op(n.op == N_CMP ? VCMPR : VPCMPI, K1, a, get_rm(n.b), (int)n.imm);
    if (t >= 0) drop(t);
  }
  // The same into a vector.
  void compare_vector(int i) {
    const Node& n = node(i);
    const bool less = n.op == N_CMPI && (n.imm == CMP_LT || n.imm == CMP_NLT), equal = n.imm == CMP_EQ || n.imm == CMP_NE;
    int t;
    const int a = get(less ? n.b : n.a, &t);
    const Rm b = get_rm(less ? n.a : n.b);
    if (t >= 0) drop(t);
    release(i);
    const int r = grab();
    if (n.op == N_CMP) out.op(VCMPR, r, a, b, (int)n.imm);
    else {
      // a = b, a > b and b > a are there; the others are what these are not.
      out.op(equal ? VPCMPEQI : VPCMPGTI, r, a, b);
      if (n.imm == CMP_NE || n.imm == CMP_LE || n.imm == CMP_NLT) out.op(VPXOR, r, r, at(R9, -1, VECTOR * (int64_t)out.constant(-1)));
    }
    reg[i] = (int8_t)r;
  }
  // dst = mask ? yes : no
  void blend(int dst, int no, Rm yes, int mask) { out.op(VBLENDVR, dst, no, yes, mask << 4); }

  // a b + c into a register: the form that overwrites an operand which is not needed again, and has in memory what is there.
  void fma(int i) {
    const Node& n = node(i);
    const int sign = n.imm == 0 ? 0x08 : n.imm == 1 ? 0x0c : n.imm == 2 ? 0x0a : 0x0e;
    const auto form = [&](int order) { return Form{2, 1, (uint8_t)(order | sign), LONG}; };
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
      out.op(form(B_C_PLUS_A), dst, ra, get_rm(b));
    } else if (!far && (free(a) || free(b))) {
      const int other = free(a) ? reg[b] : ra;
      dst = free(a) ? take(a, ra, -1) : take(b, reg[b], -1);
      out.op(form(A_B_PLUS_C), dst, other, far_c ? memory_of(n.c) : in_register(rc));
    } else if (far && (spare_a >= 0 || free(a))) {
      dst = take(a, ra, spare_a), spare_a = -1;
      out.op(form(A_C_PLUS_B), dst, rc, memory_of(b));
    } else {
      dst = grab();
      out.op(VMOVAR, dst, 0, in_register(far_c ? ra : rc));
      if (far_c) out.op(form(A_B_PLUS_C), dst, reg[b], memory_of(n.c));
      else out.op(form(B_C_PLUS_A), dst, ra, get_rm(b));
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

  // What the last lanes of a row hold, and nothing in the others: of memory, into r.
  void load(int r, Rm from, bool part) {
    if (!part) out.op(VMOVUR, r, 0, from);
    else if (WIDE) out.masked(VMOVUR, r, 0, from, K7, true);
    else out.op(VMASKMOVR, r, tail, from);
  }
  void store(int x, Rm to, bool part, Form whole = VMOVUR_TO) {
    if (!part) out.op(whole, x, 0, to);
    else if (WIDE) out.masked(VMOVUR_TO, x, 0, to, K7);
    else out.op(VMASKMOVR_TO, x, tail, to);
  }
  // A vector's lanes into an accumulator.
  void accumulate(int i, int acc, bool part) {
    const Node& n = node(i);
    int t, u = -1;
    if (n.op == N_GREATEST || n.op == N_LEAST) {
      if (!part || WIDE) return extreme(n.op, acc, get_rm(n.a), part ? K7 : 0);
      fetch_constant(neutral(n.op), t = grab());
      const Rm x = get_rm(n.a);
      blend(t, t, x, tail);
      extreme(n.op, acc, in_register(t), 0);
      return drop(t);
    }
    if (part && !WIDE) {
      // Products of what is not there may be NaN, so both factors are cleared.
      out.op(VPAND, t = grab(), tail, get_rm(n.a));
      if (n.op == N_DOT) out.op(VPAND, u = grab(), tail, get_rm(n.b)), out.op(VFMADD231R, acc, t, in_register(u)), drop(u);
      else out.op(VADDR, acc, acc, in_register(t));
      return drop(t);
    }
    const auto add = [&](Form f, int v, Rm rm) { part ? out.masked(f, acc, v, rm, K7) : out.op(f, acc, v, rm); };
    if (n.op == N_SUM) return add(VADDR, acc, get_rm(n.a));
    const bool swap = in_memory(n.a);
    const int x = get(swap ? n.b : n.a, &t);
    add(VFMADD231R, x, get_rm(swap ? n.a : n.b));
    if (t >= 0) drop(t);
  }

  // The node for the u-th vector of a block.
  void emit(int i, int u, Masking masking) {
    const Node& n = node(i);
    int t, s;
    const int64_t here = VECTOR * (int64_t)u;
    const bool part = masking == TAIL;
    const auto tile = [&](int number) { return at(RSI, RAX, LANE * (int64_t)lanes * number + here); };
    const auto stream = [&](int number) { return at(out.stream(number), RAX, here); };
    switch (n.op) {
      case N_CONST: case N_ROW: case N_SCALAR: return;
      case N_LOAD:
      case N_TILE: {
        const int r = grab();
        load(r, n.op == N_LOAD ? stream(n.a) : tile(n.a), part);
        reg[i] = (int8_t)r;
        return;
      }
      case N_STORE:
      case N_STREAM:
      case N_STORE_TILE: {
        const int x = get(n.a, &t);
        store(x, n.op == N_STORE_TILE ? tile(n.imm) : stream(n.imm), part, n.op == N_STREAM && past ? VMOVNTR : VMOVUR_TO);
        if (t >= 0) drop(t);
        return release(i);
      }
      case N_ADD_TO: {
        const int x = get(n.a, &t), r = grab();
        const Rm to = stream(n.imm);
        load(r, to, part);
        out.op(VADDR, r, x, in_register(r));
        store(r, to, part);
        drop(r);
        if (t >= 0) drop(t);
        return release(i);
      }
      case N_STORE_ROW: {
        const int x = get(n.a, &t);
        out.op(VMOVONE_TO, x, 0, at(RDX, -1, LANE * (int64_t)lanes * n.imm), -1, true);
        if (t >= 0) drop(t);
        return release(i);
      }
      case N_SUM: case N_DOT: case N_GREATEST: case N_LEAST:
        // What is left of a row goes where the interpreter adds it.
        accumulate(i, accumulator(n.imm, part ? 1 : u), part);
        return release(i);
      case N_CMP:
      case N_CMPI: {
        if (!WIDE) return compare_vector(i);
        compare(n);
        release(i);
        const int r = grab();
        out.op(VPMOVM2I, r, 0, in_register(K1));
        reg[i] = (int8_t)r;
        return;
      }
      case N_SELECT: {
        int m = -1, spare = -1;
        if (!WIDE) m = get(n.a, &spare);
        else if (compares(n.a)) compare(node(n.a));
        else {
          m = get(n.a, &t);
          out.op(VPMOVI2M, K1, 0, in_register(m));
          if (t >= 0) drop(t);
        }
        const int no = get(n.c, &t);
        const Rm yes = get_rm(n.b);
        if (t >= 0) drop(t);
        if (spare >= 0) drop(spare);
        release(i);
        const int r = grab();
        if (WIDE) out.masked(VBLENDMR, r, no, yes, K1);
        else blend(r, no, yes, m);
        reg[i] = (int8_t)r;
        return;
      }
      case N_FMA: return fma(i);
      case N_SHL: case N_SHR: case N_SAR: {
        const int x = get(n.a, &t);
        if (t >= 0) drop(t);
        release(i);
        const int r = grab();
        out.op(shift_of(n.op), n.op == N_SHL ? 6 : n.op == N_SHR ? 2 : 4, r, in_register(x), (int)n.imm);
        reg[i] = (int8_t)r;
        return;
      }
      case N_SQRT: case N_ROUND: case N_TO_INT: case N_TO_FLOAT: case N_SHORTEN: {
        const Rm x = get_rm(n.a);
        release(i);
        const int r = grab();
        out.op(form_of(n.op), r, 0, x, n.op == N_ROUND ? (int)n.imm : -1);
        if (n.op == N_SHORTEN) out.op(VCVTPS2PD, r, 0, in_register(r));
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
        out.op(form_of(n.op), s, a, second);
        reg[i] = (int8_t)s;
      }
    }
  }
  // acc = v_max(acc, x) or v_min, in the lanes of mask k: a NaN in either is kept.
  void extreme(NodeOp op, int acc, Rm x, int k) {
    const Form f = op == N_GREATEST ? VMAXR : VMINR;
    if constexpr (WIDE) {
      out.masked(VCMPR, K1, acc, in_register(acc), k, false, CMP_ORD);
      out.masked(f, acc, acc, x, K1);
    } else {
      const int t = grab(), m = grab();
      out.op(f, t, acc, x);
      out.op(VCMPR, m, acc, in_register(acc), CMP_ORD);
      blend(acc, acc, in_register(t), m);
      drop(t), drop(m);
    }
  }
  static word neutral(NodeOp op) { return __builtin_bit_cast(word, op == N_GREATEST ? -INF : INF); }
  void fetch_constant(word bits, int r) {
    out.op(VBROADCASTR, r, 0, at(R9, -1, (WIDE ? LANE : VECTOR) * (int64_t)out.constant(bits)), -1, true);
  }

  // The vectors from u on, their instructions in turn.
  void body(int u, Masking masking, int vectors = 1) {
    const uint32_t before = taken;
    if (!WIDE && masking == TAIL) out.op(VMOVUR, tail = grab(), 0, at(RDI, -1, offsetof(CodeArgs, lanes)));
    if (masking == WHOLE)
      for (int v = u; v < u + vectors; v++)
        for (int i = 0; i < b.ahead_count; i++) out.prefetch(out.stream(b.ahead[i].stream), b.ahead[i].bytes + VECTOR * v);
    for (int i = 0; i < b.trace.count && !failed; i++)
      for (int v = 0; v < vectors && (effect(node(i).op) || uses[i]); v++) {
        reg = regs[v];
        emit(i, u + v, masking);
      }
    reg = regs[0];
    taken = before;
  }

  void start() {
    taken = 0, peak = 0, failed = false;
    for (int i = 0; i < b.trace.count; i++) regs[0][i] = regs[1][i] = -1;
    for (int i = 0; i < b.reductions; i++)
      for (int u = 0; u < 4; u++) {
        const int acc = accumulator(i, u);
        taken |= 1u << acc;
        if (b.reduction[i].op == N_SUM || b.reduction[i].op == N_DOT) out.op(VPXOR, acc, acc, in_register(acc));
        else fetch_constant(neutral(b.reduction[i].op), acc);
      }
    for (int i = 0; i < b.trace.count; i++)
      if (hoisted[i]) fetch(i, regs[0][i] = regs[1][i] = (int8_t)grab());
    peak = __builtin_popcount(taken);
  }
  void finish() {
    for (int i = 0; i < b.reductions; i++) {
      const NodeOp op = b.reduction[i].op;
      const bool sums = op == N_SUM || op == N_DOT;
      const int a = accumulator(i, 0);
      const auto join = [&](int x, int y) {
        if (sums) out.op(VADDR, x, x, in_register(y));
        else extreme(op, x, in_register(y), 0);
      };
      join(a, accumulator(i, 1));
      join(accumulator(i, 2), accumulator(i, 3));
      join(a, accumulator(i, 2));
      const int other = accumulator(i, 1);
      if (WIDE) out.op(VSHUFF32X4, other, a, in_register(a), 0x4e), join(a, other);
      if (WIDE) out.op(VSHUFF32X4, other, a, in_register(a), 0xb1), join(a, other);
      else out.op(VPERM2F128, other, a, in_register(a), 1), join(a, other);
      if (!LONG) out.op(VPERMILR, other, 0, in_register(a), 0x4e), join(a, other);
      out.op(VPERMILR, other, 0, in_register(a), LONG ? 0x55 : 0xb1), join(a, other);
      const int s = b.reduction[i].stream;
      const Rm to = s < 0 ? at(RDX, -1, LANE * (int64_t)lanes * b.reduction[i].tile) : at(out.stream(s), -1, 0);
      if (s >= 0) out.op(VADDONE, a, a, to, -1, true);
      out.op(VMOVONE_TO, a, 0, to, -1, true);
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
    const auto loop = [&](int vectors, int together, int64_t limit) {
      out.list({0x48, 0x3b, 0x47, (int)limit});  // cmp rax, [rdi + limit]
      const int64_t skip = out.jump(0x8d);
      const int64_t top = out.count;
      for (int u = 0; u < vectors; u += together) body(u, WHOLE, together);
      out.list({0x48, 0x05});  // add rax, bytes
      out.int32(VECTOR * vectors);
      out.list({0x48, 0x3b, 0x47, (int)limit});
      out.jump(0x8c, top);
      out.land(skip);
    };
    if (four) loop(4, 1, offsetof(CodeArgs, blocks));
    else if (pairs) loop(2, 2, offsetof(CodeArgs, blocks));
    loop(1, 1, offsetof(CodeArgs, vectors));
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
    if (failed) {
      pairs = false, out.count = mark;
      once();
    }
    if (failed) return false;
    if (!b.loop) return true;
    int spare = REGISTERS - 1 - peak;
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

}  // namespace
}  // namespace NABLA_ISA
}  // namespace nabla
