// The vocabulary of simd.h for values that are not known yet: each operation is written down as a node, which
// codegen.cpp turns into an instruction. So math.h (math64.h for lanes of 64 bits) is the one place where functions are
// made.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define NABLA_INLINE static inline

namespace nabla {
namespace NABLA_ISA {

#if NABLA_LANES == 32
typedef float real;
typedef int32_t word;
#else
typedef double real;
typedef int64_t word;
#endif
#ifdef __AVX512F__
#define NABLA_HAS_SCALEF 1
constexpr int VW = 64 / sizeof(real);
#else
constexpr int VW = 32 / sizeof(real);
#endif

constexpr real INF = __builtin_inf();
constexpr word SIGN = (word)1 << (8 * sizeof(word) - 1);

enum NodeOp : uint8_t {
  N_CONST,   // imm: bits
  N_ROW,     // the value of this row in tile a
  N_SCALAR,  // the first value of tile a
  N_LOAD,    // of stream a
  N_TILE,    // of tile a
  // Two operands.
  N_ADD, N_SUB, N_MUL, N_DIV, N_MIN, N_MAX, N_AND, N_OR, N_XOR, N_ADDI, N_SUBI, N_MULI, N_MULU, N_SCALEF, N_SHRV,
  // One, and an immediate.
  N_SQRT, N_ROUND, N_TO_INT, N_TO_FLOAT, N_SHORTEN, N_SHL, N_SHR, N_SAR,
  N_CMP, N_CMPI,  // two and a predicate
  N_FMA,          // a * b + c; imm: 1 negates the product, 2 the addend
  N_SELECT,       // a ? b : c
  // Effects.
  N_STORE,        // a to stream imm
  N_STREAM,       // the same past the caches
  N_ADD_TO,       // a added to what stream imm holds
  N_STORE_TILE,   // a to tile imm
  N_STORE_ROW,    // a to this row of tile imm
  N_SUM, N_GREATEST, N_LEAST, N_DOT,  // a (a * b) into reduction imm
};
struct Node {
  NodeOp op;
  int32_t a, b, c;
  word imm;
};

struct Trace {
  static constexpr int MOST = 3000;
  Node nodes[MOST];
  int count = 0;
  bool full = false;
  int add(NodeOp op, int a = -1, int b = -1, int c = -1, word imm = 0) {
    // What is known already.
    const auto known = [&](int x) { return x >= 0 && nodes[x].op == N_CONST; };
    if (op == N_AND && known(a) && known(b)) return add(N_CONST, -1, -1, -1, nodes[a].imm & nodes[b].imm);
    if (op == N_SHRV && known(b)) return add(N_SHR, a, -1, -1, nodes[b].imm);
    if (op < N_STORE)
      for (int i = 0; i < count; i++) {
        const Node& n = nodes[i];
        if (n.op == op && n.a == a && n.b == b && n.c == c && n.imm == imm) return i;
      }
    if (count == MOST) {
      full = true;
      return 0;
    }
    nodes[count] = {op, a, b, c, imm};
    return count++;
  }
};
// Where the operations of this thread are written down.
inline thread_local Trace* trace;

NABLA_INLINE int constant(real x) { return trace->add(N_CONST, -1, -1, -1, __builtin_bit_cast(word, x)); }
NABLA_INLINE int constant(word x) { return trace->add(N_CONST, -1, -1, -1, x); }

struct vf {
  int id;
  vf() : id(-1) {}
  vf(real x) : id(constant(x)) {}
  static vf of(int id) {
    vf v;
    v.id = id;
    return v;
  }
};
struct vi {
  int id;
  vi() : id(-1) {}
  vi(word x) : id(constant(x)) {}
  explicit vi(struct vu x);
  static vi of(int id) {
    vi v;
    v.id = id;
    return v;
  }
};
struct vu {
  int id;
  explicit vu(vi x) : id(x.id) {}
  vu(word x) : id(constant(x)) {}
  static vu of(int id) { return vu(vi::of(id)); }
};
inline vi::vi(vu x) : id(x.id) {}

#define NABLA_BINARY(type, sign, node) \
  inline type operator sign(type a, type b) { return type::of(trace->add(node, a.id, b.id)); }
NABLA_BINARY(vf, +, N_ADD) NABLA_BINARY(vf, -, N_SUB) NABLA_BINARY(vf, *, N_MUL) NABLA_BINARY(vf, /, N_DIV)
NABLA_BINARY(vi, &, N_AND) NABLA_BINARY(vi, |, N_OR) NABLA_BINARY(vi, ^, N_XOR)
NABLA_BINARY(vi, +, N_ADDI) NABLA_BINARY(vi, -, N_SUBI)
NABLA_BINARY(vu, +, N_ADDI) NABLA_BINARY(vu, -, N_SUBI) NABLA_BINARY(vu, >>, N_SHRV)
#undef NABLA_BINARY
inline vi operator<<(vi a, int n) { return vi::of(trace->add(N_SHL, a.id, -1, -1, n)); }
// AVX2 has no such instructions for lanes of 64 bits.
constexpr bool HAS_ALL_WORDS = NABLA_LANES == 32 || VW * sizeof(real) == 64;
inline vu operator*(vu a, vu b) {
  if (HAS_ALL_WORDS) return vu::of(trace->add(N_MULI, a.id, b.id));
  // By halves.
  const auto halves = [](vu x, vu y) { return vu::of(trace->add(N_MULU, x.id, y.id)); };
  return halves(a, b) + vu(vi(halves(a >> vu(32), b) + halves(a, b >> vu(32))) << 32);
}
// Predicates as the instructions number them.
enum { CMP_EQ = 0, CMP_LT = 1, CMP_LE = 2, CMP_NE = 4, CMP_NLT = 5, CMP_NLE = 6, CMP_ORD = 7, CMP_GE = 13, CMP_GT = 14 };
#define NABLA_COMPARE(sign, f, i)                                                                        \
  inline vi operator sign(vf a, vf b) { return vi::of(trace->add(N_CMP, a.id, b.id, -1, f)); }           \
  inline vi operator sign(vi a, vi b) { return vi::of(trace->add(N_CMPI, a.id, b.id, -1, i)); }
NABLA_COMPARE(==, CMP_EQ, CMP_EQ) NABLA_COMPARE(!=, CMP_NE, CMP_NE) NABLA_COMPARE(<, CMP_LT, CMP_LT)
NABLA_COMPARE(<=, CMP_LE, CMP_LE) NABLA_COMPARE(>, CMP_GT, CMP_NLE) NABLA_COMPARE(>=, CMP_GE, CMP_NLT)
#undef NABLA_COMPARE

NABLA_INLINE vi bits(vf x) { return vi::of(x.id); }
NABLA_INLINE vf from_bits(vi x) { return vf::of(x.id); }
inline vi operator~(vi a) { return a ^ vi(-1); }
inline vi operator>>(vi a, int n) {
  if (HAS_ALL_WORDS) return vi::of(trace->add(N_SAR, a.id, -1, -1, n));
  const vi sign = (word)1 << (8 * (int)sizeof(word) - 1 - n);
  return (vi::of(trace->add(N_SHR, a.id, -1, -1, n)) ^ sign) - sign;
}
inline vf operator-(vf a) { return from_bits(bits(a) ^ vi(SIGN)); }
inline vi operator-(vi a) { return vi(0) - a; }

NABLA_INLINE vf splat(real x) { return vf(x); }
NABLA_INLINE vi splat(word x) { return vi(x); }
// The operand of a change of sign, or -1.
NABLA_INLINE int negated(vf x) {
  const Node& n = trace->nodes[x.id];
  if (n.op != N_XOR) return -1;
  const Node& sign = trace->nodes[n.b];
  return sign.op == N_CONST && sign.imm == SIGN ? n.a : -1;
}
NABLA_INLINE vf fma(vf a, vf b, vf c) {
  int flags = 0;
  if (const int x = negated(a); x >= 0) a.id = x, flags ^= 1;
  if (const int x = negated(b); x >= 0) b.id = x, flags ^= 1;
  if (const int x = negated(c); x >= 0) c.id = x, flags ^= 2;
  return vf::of(trace->add(N_FMA, a.id, b.id, c.id, flags));
}
NABLA_INLINE vf fnma(vf a, vf b, vf c) { return fma(-a, b, c); }
NABLA_INLINE vf select(vi mask, vf a, vf b) { return vf::of(trace->add(N_SELECT, mask.id, a.id, b.id)); }
NABLA_INLINE vi select(vi mask, vi a, vi b) { return vi::of(trace->add(N_SELECT, mask.id, a.id, b.id)); }
NABLA_INLINE vi wrapping_add(vi a, vi b) { return a + b; }
NABLA_INLINE vi wrapping_sub(vi a, vi b) { return a - b; }
NABLA_INLINE vf abs_bits(vf x) { return from_bits(bits(x) & splat(~SIGN)); }
NABLA_INLINE vf copysign_bits(vf a, vf b) {
  return from_bits((bits(a) & splat(~SIGN)) | (bits(b) & splat(SIGN)));
}
NABLA_INLINE vf sqrt_hw(vf x) { return vf::of(trace->add(N_SQRT, x.id)); }
NABLA_INLINE vf rounded(vf x, int mode) { return vf::of(trace->add(N_ROUND, x.id, -1, -1, mode)); }
NABLA_INLINE vf round_even(vf x) { return rounded(x, 8); }
NABLA_INLINE vf floor_hw(vf x) { return rounded(x, 9); }
NABLA_INLINE vf ceil_hw(vf x) { return rounded(x, 10); }
NABLA_INLINE vf trunc_hw(vf x) { return rounded(x, 11); }
NABLA_INLINE vf min_hw(vf a, vf b) { return vf::of(trace->add(N_MIN, a.id, b.id)); }
NABLA_INLINE vf max_hw(vf a, vf b) { return vf::of(trace->add(N_MAX, a.id, b.id)); }
NABLA_INLINE vf scalef_hw(vf x, vf n) { return vf::of(trace->add(N_SCALEF, x.id, n.id)); }
#if NABLA_LANES == 64
NABLA_INLINE vf shorten(vf x) { return vf::of(trace->add(N_SHORTEN, x.id)); }
#endif
NABLA_INLINE vf to_float(vi x) {
#if NABLA_LANES == 64
  if (!HAS_ALL_WORDS) {
    // The halves as the last bits of 2^84 and of 2^52, which are taken away again: one rounding.
    const vf high = from_bits(vi(vu(x ^ SIGN) >> vu(32)) ^ bits(vf(0x1p84))), low = from_bits((x & 0xffffffff) | bits(vf(0x1p52)));
    return (high - (0x1p84 + 0x1p63 + 0x1p52)) + low;
  }
#endif
  return vf::of(trace->add(N_TO_FLOAT, x.id));
}
NABLA_INLINE vi to_int(vf x) {
#if NABLA_LANES == 64
  if (!HAS_ALL_WORDS) {
    // The halves, each exact as the last bits of 1.5 * 2^52.
    const vf t = trunc_hw(x), high = floor_hw(t * 0x1p-32), low = fma(high, vf(-0x1p32), t);
    const auto whole = [](vf n) { return bits(n + 0x1.8p52) - bits(vf(0x1.8p52)); };
    return (whole(high) << 32) + whole(low);
  }
#endif
  return vi::of(trace->add(N_TO_INT, x.id));
}

}  // namespace NABLA_ISA
}  // namespace nabla
