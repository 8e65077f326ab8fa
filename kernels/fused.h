// What the interpreter of fused programs (fused.cpp) and its compiler (codegen.cpp) share: the decoded instruction, how
// it is cut into tiles, and what each of its operations computes. The words are specified in program.h.
#pragma once
#include "program.h"

namespace nabla {
namespace NABLA_ISA {

constexpr int MAX_IO = 40;
constexpr int64_t CODE_LANES = 262144 / NABLA_LANES;  // of a tile, for machine code
constexpr int CODE_TILES = 12;             // that machine code has beside those of the registers
constexpr int64_t TILE_BYTES = 24 * 1024;  // of all registers, to stay within the L1 cache
constexpr int LANE = NABLA_LANES / 8;      // bytes of a lane

// Is this dtype in memory what it is in a lane?
constexpr bool is_plain(int32_t dtype) { return NABLA_LANES == 32 ? dtype == F32 || dtype == I32 : dtype == F64 || dtype == I64; }

struct Port {
  int32_t slot, dtype, offset, row, col, mode, reg;
  int32_t outer[MAX_OUTER];
};

struct Kernel {
  int n_outer, n_in, n_ins, n_regs, n_out;
  int32_t extent[MAX_OUTER];
  int32_t rows, cols;
  const int32_t* cls;
  const int32_t* ins;
  Port in[MAX_IO], out[MAX_IO];
  int64_t outer_count;
  bool reduces;  // has an instruction over whole rows
  // For each output the instruction that may write it straight into memory, or -1; whether it goes past the caches.
  int writer[MAX_IO];
  bool streams[MAX_IO];
  int full_regs;
};

inline void read_ports(const int32_t*& p, int n, int n_outer, Port* ports, bool out) {
  for (int i = 0; i < n; i++) {
    Port& q = ports[i];
    q.slot = *p++, q.dtype = *p++, q.offset = *p++;
    for (int a = 0; a < n_outer; a++) q.outer[a] = *p++;
    q.row = *p++, q.col = *p++;
    q.mode = out ? *p++ : 0, q.reg = out ? *p++ : i;
  }
}

inline bool is_reduction(int op) { return op >= F_RSUMF && op <= F_RDOTF; }

inline void decode(const int32_t* w, Kernel& k) {
  const int32_t* p = w + 3;
  k.n_outer = *p++;
  k.outer_count = 1;
  for (int a = 0; a < k.n_outer; a++) k.outer_count *= k.extent[a] = *p++;
  k.rows = *p++, k.cols = *p++;
  k.n_in = *p++, k.n_ins = *p++, k.n_regs = *p++, k.n_out = *p++;
  k.cls = p;
  p += k.n_regs;
  read_ports(p, k.n_in, k.n_outer, k.in, false);
  k.ins = p;
  p += 6 * k.n_ins;
  read_ports(p, k.n_out, k.n_outer, k.out, true);
  k.reduces = false;
  for (int i = 0; i < k.n_ins; i++) k.reduces |= is_reduction(k.ins[6 * i]);
  k.full_regs = 0;
  for (int r = 0; r < k.n_regs; r++) k.full_regs += k.cls[r] == FULL;
}
// Does an output go past the caches? Not where the kernel has fetched it to read it.
inline bool streams(const Kernel& k, const Port& p) {
  if (p.mode != SET || !is_plain(p.dtype) || p.col != 1 || k.cls[p.reg] != FULL) return false;
  for (int i = 0; i < k.n_in; i++)
    if (k.in[i].slot == p.slot) return false;
  return goes_past_caches(k.outer_count * k.rows * (int64_t)k.cols * LANE);
}

constexpr int arity(int op) {
  switch (op) {
    case F_FMAF: case F_FMSF: case F_FNMAF: case F_WHERE: return 3;
    case F_RDOTF: return 2;
    case F_MOV: case F_NEGF: case F_ABSF: case F_SIGNF: case F_SQUAREF: case F_NEGI: case F_ABSI: case F_SIGNI:
    case F_SQUAREI: case F_NOT: case F_FTOI: case F_ITOF: case F_BTOF: case F_BTOI: case F_FTOB: case F_ITOB: case F_NDTRF:
    case F_HALFF: case F_BHALFF: case F_I8I: case F_U8I: case F_I32I: case F_FTOI32: case F_FLOATF: return 1;
    default: return (op >= F_EXPF && op <= F_ISFINITEF) || is_reduction(op) ? 1 : 2;
  }
}

// A valid LIST.
struct List {
  int32_t count, ports;
  const int32_t *runs, *kernel;
  explicit List(const int32_t* w) : count(w[3]), ports(w[4]), runs(w + 5), kernel(runs + (int64_t)count * (1 + 2 * ports)) {}
  const int32_t* run(int64_t i) const { return runs + i * (1 + 2 * ports); }
  int64_t elements() const {
    int64_t n = 0;
    for (int32_t i = 0; i < count; i++) n += run(i)[0];
    return n;
  }
};

// ---- tiles ----

struct Tiling {
  int32_t tile_rows, tile_cols;  // of a full tile
  int32_t row_tiles, col_tiles;
  int64_t tiles;
  int32_t lanes;  // of a register, a multiple of VW
};

// Machine code keeps few registers' tiles in memory: its tiles are as large as pays.
inline Tiling tiling(const Kernel& k, bool code) {
  Tiling t;
  const int live = k.full_regs + 3 > 4 ? k.full_regs + 3 : 4;
  int64_t target = TILE_BYTES / LANE / live;
  if (target < 256) target = 256;
  if (target > 2048) target = 2048;
  if (code) target = CODE_LANES;
  target = target / VW * VW;
  if (k.cols >= target && !k.reduces) {
    t.tile_rows = 1;
    t.tile_cols = (int32_t)target;
  } else {
    t.tile_cols = k.cols;
    int64_t r = k.cols ? target / k.cols : 1;
    if (r < 1) r = 1;
    // Rows in fours, so that short rows fill whole vectors.
    if (r > VW) r = r / VW * VW;
    t.tile_rows = (int32_t)(r < k.rows ? r : k.rows);
  }
  t.row_tiles = t.tile_rows ? (k.rows + t.tile_rows - 1) / t.tile_rows : 0;
  t.col_tiles = t.tile_cols ? (k.cols + t.tile_cols - 1) / t.tile_cols : 0;
  t.tiles = k.outer_count * t.row_tiles * t.col_tiles;
  const int64_t lanes = (int64_t)t.tile_rows * t.tile_cols;
  t.lanes = (int32_t)((lanes + VW - 1) / VW * VW + VW);
  return t;
}

// ---- lanes ----

NABLA_INLINE vf mask(vi m) { return from_bits(m); }

// Toward 0; what does not fit, and NaN, as the least integer on every instruction set.
#if NABLA_LANES == 32
NABLA_INLINE vi to_int_exact(vf x) {
  const vi fits = (x >= -2147483648.0f) & (x < 2147483648.0f);
  return select(fits, to_int(select(fits, x, splat(0.0f))), splat(INT32_MIN));
}
NABLA_INLINE vi to_int32_exact(vf x) { return to_int_exact(x); }
#else
NABLA_INLINE vi to_int_exact(vf x) {
  const vi fits = (x >= -0x1p63) & (x < 0x1p63);
  return select(fits, to_int(select(fits, x, splat(0.0))), splat(INT64_MIN));
}
NABLA_INLINE vi to_int32_exact(vf x) {
  const vi fits = (x > -2147483649.0) & (x < 2147483648.0);
  return select(fits, to_int(select(fits, x, splat(0.0))), splat((word)INT32_MIN));
}
#endif

// What the instructions compute, lane by lane: of one float, of two (L2: so little that the loop counts), of one and
// of two integers or masks. The interpreter makes loops of them, codegen.cpp machine code.
#define NABLA_LANE_OPS(F1, L2, F2, I1, I2) \
  F1(MOV, x) \
  L2(ADDF, x + y) L2(SUBF, x - y) L2(MULF, x * y) F2(DIVF, x / y) \
  F2(MINF, v_min(x, y)) F2(MAXF, v_max(x, y)) F2(COPYSIGNF, v_copysign(x, y)) \
  F1(NEGF, -x) F1(ABSF, v_abs(x)) F1(SIGNF, v_sign(x)) F1(SQUAREF, x * x) \
  F1(EXPF, v_exp(x)) F1(EXP2F, v_exp2(x)) F1(EXPM1F, v_expm1(x)) F1(LOGF, v_log(x)) F1(LOG2F, v_log2(x)) \
  F1(LOG10F, v_log10(x)) F1(LOG1PF, v_log1p(x)) F1(SQRTF, v_sqrt(x)) F1(RSQRTF, v_rsqrt(x)) F1(RECIPROCALF, v_reciprocal(x)) \
  F1(TANHF, v_tanh(x)) F1(SIGMOIDF, v_sigmoid(x)) F1(ERFF, v_erf(x)) F1(ERFCF, v_erfc(x)) F1(ERFINVF, v_erfinv(x)) F1(NDTRF, v_ndtr(x)) \
  F1(FLOORF, v_floor(x)) F1(CEILF, v_ceil(x)) F1(ROUNDF, v_round(x)) F1(TRUNCF, v_trunc(x)) \
  F1(ISNANF, mask(v_isnan(x))) F1(ISINFF, mask(v_isinf(x))) F1(ISFINITEF, mask(abs_bits(x) < splat(INF))) \
  F2(EQF, mask(x == y)) F2(NEF, mask(x != y)) F2(LTF, mask(x < y)) F2(LEF, mask(x <= y)) F2(GTF, mask(x > y)) F2(GEF, mask(x >= y)) \
  I2(ADDI, (vi)((vu)x + (vu)y)) I2(SUBI, (vi)((vu)x - (vu)y)) I2(MULI, (vi)((vu)x * (vu)y)) \
  I2(MINI, select(x < y, x, y)) I2(MAXI, select(x > y, x, y)) \
  I1(NEGI, (vi)(0 - (vu)x)) I1(ABSI, select(x < 0, (vi)(0 - (vu)x), x)) I1(SIGNI, (x < 0) - (x > 0)) I1(SQUAREI, (vi)((vu)x * (vu)x)) \
  I2(EQI, x == y) I2(NEI, x != y) I2(LTI, x < y) I2(LEI, x <= y) I2(GTI, x > y) I2(GEI, x >= y) \
  I2(AND, x & y) I2(OR, x | y) I2(XOR, x ^ y) I1(NOT, ~x) \
  I2(SHRI, (vi)((vu)x >> (vu)(y & (NABLA_LANES - 1)))) \
  I1(BTOI, x & 1) I1(ITOB, x != 0) I1(BTOF, x & bits(splat(1.0f))) \
  F1(FTOI, from_bits(to_int_exact(x))) F1(FTOB, mask(x != 0.0f)) I1(ITOF, bits(to_float(x))) \
  F1(HALFF, v_half(x)) F1(BHALFF, v_bhalf(x)) F1(FTOI32, from_bits(to_int32_exact(x))) F1(FLOATF, v_float(x)) \
  I1(I8I, (x << (NABLA_LANES - 8)) >> (NABLA_LANES - 8)) I1(U8I, x & 255) I1(I32I, (x << (NABLA_LANES - 32)) >> (NABLA_LANES - 32))
// Those that compute in double, or integer by integer.
#define NABLA_WIDE_OPS(F1, F2, I2) \
  F2(FLOORDIVF, v_floordiv(x, y)) F2(REMAINDERF, v_remainder(x, y)) F2(FMODF, v_fmod(x, y)) \
  F2(POWF, v_pow(x, y)) F2(ATAN2F, v_atan2(x, y)) F2(HYPOTF, v_hypot(x, y)) \
  F1(SINF, v_sin(x)) F1(COSF, v_cos(x)) F1(TANF, v_tan(x)) F1(ASINF, v_asin(x)) F1(ACOSF, v_acos(x)) F1(ATANF, v_atan(x)) \
  F1(SINHF, v_sinh(x)) F1(COSHF, v_cosh(x)) F1(ASINHF, v_asinh(x)) F1(ACOSHF, v_acosh(x)) F1(ATANHF, v_atanh(x)) \
  I2(DIVI, vi_div(x, y)) I2(FLOORDIVI, vi_floordiv(x, y)) I2(REMAINDERI, vi_remainder(x, y)) I2(FMODI, vi_fmod(x, y)) \
  I2(POWI, vi_pow(x, y))

}  // namespace NABLA_ISA
}  // namespace nabla
