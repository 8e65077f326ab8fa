// The program: a block of int32 words that the core validates once and runs many times.
// src/backends/cpu/encode.ts writes it; this file is its specification.
//
//   header   MAGIC, VERSION, total words, slots, instructions
//   slots    for each: bytes (low word, high word)
//   code     for each instruction: opcode, words of the instruction (both counted), operands
//
// A slot is a run of memory bound by the host before a run (8-byte aligned, at least `bytes` long).
// Offsets and strides count elements of the operand's type, offsets and extents are >= 0 (an instruction
// without output elements does nothing). Unless said otherwise operands are contiguous from their offset,
// and the output of an instruction does not overlap its inputs: in one slot the bytes from the lowest to
// the highest address of each are compared, different slots are taken for different memory. An operand
// that is not FUSED's has at most 2^31 - 1 elements. Indices are checked against [0, extent) before
// anything is written. int32 arithmetic wraps around.
#pragma once
#include <stdint.h>

namespace nabla {

constexpr int32_t MAGIC = 0x414c424e;  // "NBLA"
constexpr int32_t VERSION = 1;
constexpr int HEADER_WORDS = 5;
constexpr int MAX_SLOTS = 1 << 20;
constexpr int MAX_OUTER = 6;   // outer axes of a fused kernel
constexpr int MAX_RANK = 8;    // axes of COPY, GATHER, SCATTER and of a matmul's batch
constexpr int MAX_REGS = 96;   // registers of a fused kernel
constexpr int MAX_LOOPS = 16;  // loops inside of each other
constexpr int MAX_LIST = 1024, MAX_LIST_WORDS = 2048;  // runs of a LIST, and words of its kernel

// name, number, bytes. BOOL is one byte, 0 or 1. F16 is IEEE 754's binary16; BF16 the upper half of a float. Both are
// types of memory only: what computes with them does so in float32 and rounds once, to nearest even.
#define NABLA_DTYPES(X) \
  X(F32, 0, 4) X(I32, 1, 4) X(BOOL, 2, 1) X(F64, 3, 8) X(F16, 4, 2) X(BF16, 5, 2) X(I8, 6, 1) X(U8, 7, 1) X(I64, 8, 8)
#define NABLA_ENUM(name, value, bytes) name = value,
enum DType : int32_t { NABLA_DTYPES(NABLA_ENUM) };
#undef NABLA_ENUM
constexpr int32_t DTYPES = I64 + 1;
#define NABLA_BYTES_OF(name, value, bytes) bytes,
constexpr int8_t DTYPE_BYTES[DTYPES] = {NABLA_DTYPES(NABLA_BYTES_OF)};
#undef NABLA_BYTES_OF
constexpr bool is_integer(int32_t dtype) { return dtype == I32 || dtype == I8 || dtype == U8 || dtype == I64; }
// Float32, int32 and bool are served by the core; what carries another dtype by the second copy of it, with lanes of 64
// bits (simd.h). Every instruction carries its dtype as its first operand.
constexpr bool is_core(int32_t dtype) { return dtype >= F32 && dtype <= BOOL; }

// Combining modes of PUT, SCATTER, COPY and accumulating outputs.
enum Mode : int32_t { SET = 0, ADD = 1, MUL = 2, MAX = 3, MIN = 4 };

enum Cell : int32_t { TANH_CELL = 0, RELU_CELL = 1, LSTM_CELL = 2, GRU_CELL = 3 };

// name, number, part (parts.h), the functions that serve it (NAME_validate and NAME_run, in both copies of the core);
// operands, each {slot, offset} written as one name in capitals unless a layout is given. Where no other type is named,
// floating-point operands are of the dtype, indices int32.
#define NABLA_OPCODES(X) \
  X(FUSED, 1, CORE, fused)        /* see below */ \
  X(MATMUL, 2, CORE, matmul)       /* dtype (F32, F64; F16, BF16: of A and B), dtype of C and BIAS (the same, or F32 for F16 and BF16), rank, extent[rank], m, n, k, A, a_rs, a_cs, a_bs[rank], B, b_rs, b_cs, b_bs[rank], C, c_rs, c_bs[rank], BIAS (n; slot -1: none). C = A B + BIAS; k may be 0 */ \
  X(FILL, 3, CORE, fill)         /* dtype, count, value bits (low word, high word), OUT */ \
  X(COPY, 4, CORE, copy)         /* dtype, mode (SET or ADD; F16, BF16 and BOOL: SET), rank, extent[rank], SRC, src_stride[rank], OUT, out_stride[rank]; overlapping places of OUT only with ADD, which adds in row-major order */ \
  X(TAKE, 5, CORE, take)         /* dtype, outer, extent, inner, count, SRC (outer, extent, inner), INDEX (count), OUT (outer, count, inner), check id */ \
  X(PUT, 6, CORE, put)          /* dtype, mode (BOOL: SET, MAX, MIN; F16, BF16: SET), fresh, outer, extent, inner, count, INDEX (count), SRC (outer, count, inner), OUT (outer, extent, inner; updated; fresh: written as if it were zeros), check id */ \
  X(GATHER, 7, CORE, gather)       /* dtype, rank, axis, x extent[rank], index extent[rank], X, INDEX, OUT, check id */ \
  X(SCATTER, 8, CORE, scatter)      /* dtype, mode (as PUT), rank, axis, out extent[rank], index extent[rank], INDEX, SRC (extents of index), OUT (updated), check id */ \
  X(ARGREDUCE, 9, CORE, argreduce)    /* dtype (this and the next three: not F16, BF16), is_min, outer, extent (> 0), inner, SRC, OUT (int32) */ \
  X(SCAN, 10, ORDER, scan)        /* dtype, fn (0 sum, 1 prod, 2 max, 3 min, 4 argmax, 5 argmin; BOOL: 2 to 5), outer, extent, inner, SRC, OUT */ \
  X(ARGSORT, 11, ORDER, argsort)     /* dtype, descending, rows, extent, SRC, OUT */ \
  X(SEARCHSORTED, 12, ORDER, searchsorted)/* dtype, right, batch, n, m, SORTED (batch, n), VALUES (batch, m), OUT (batch, m) */ \
  X(CONV, 13, CORE, conv)        /* dtype, GEOMETRY, X, W, Y, BIAS (slot -1: none) */ \
  X(CONV_INPUT, 14, CORE, conv)  /* dtype, GEOMETRY, Y (gradient), W, X (written) */ \
  X(CONV_WEIGHT, 15, CORE, conv) /* dtype, GEOMETRY, Y (gradient), X, W (written) */ \
  X(MAX_POOL, 16, CORE, pooling)    /* dtype, WINDOW, X, Y, INDEX; either of Y and INDEX may have slot -1 */ \
  X(MAX_POOL_INPUT, 17, CORE, pooling) /* dtype, planes, out cells, in cells, Y (planes, out cells), INDEX (planes, out cells), X (planes, in cells; written), check id */ \
  X(SUM_POOL, 18, CORE, pooling)    /* dtype, WINDOW, bits of a factor, X, Y (sums times the factor) */ \
  X(SUM_POOL_INPUT, 19, CORE, pooling) /* dtype, WINDOW, bits of a factor, Y (times it), X (written) */ \
  X(RECURRENT, 20, RECURRENT_LAYERS, recurrent)      /* dtype, LAYER, X (rows, gates H), W (gates H, H), H0 (b, H), LSTM: C0 (b, H), GRU: BIAS (H; slot -1: none), KEPT (rows, keeps H; written) */ \
  X(RECURRENT_BACK, 21, RECURRENT_LAYERS, recurrent_back) /* dtype, LAYER, KEPT, CT (rows, H), LSTM: CT_C (rows, H; slot -1: none), W, H0, LSTM: C0, GIVEN (rows, gives H; written) */ \
  X(LU, 22, LINEAR_ALGEBRA, linalg)          /* dtype (F32 or F64, as all that follow), batch, m, n, A (batch, m, n), OUT (L below the diagonal, U on and above it), PIVOT (batch, least(m, n); int32: the row that each was exchanged with), INFO (batch; int32: number of the first pivot that is 0, or 0); outputs here and below may have slot -1 where there are several */ \
  X(CHOLESKY, 23, LINEAR_ALGEBRA, linalg)    /* dtype, batch, n, A (batch, n, n; its lower triangle), OUT (L; NaN where A is not positive definite), INFO (batch; int32: order of the first minor that is not positive, or 0) */ \
  X(SOLVE_TRIANGULAR, 24, LINEAR_ALGEBRA, linalg) /* dtype, batch, n, columns, upper, transposed, unit, T (batch, n, n), B (batch, n, columns), OUT (X of T X = B, or T^T X = B) */ \
  X(QR, 25, LINEAR_ALGEBRA, linalg)          /* dtype, batch, m, n, A (batch, m, n), OUT (R on and above the diagonal, reflections below it), TAU (batch, least(m, n)) */ \
  X(HOUSEHOLDER, 26, LINEAR_ALGEBRA, linalg) /* dtype, batch, m, n, k, columns, A (batch, m, n; as QR gives it), TAU (batch, k), OUT (batch, m, columns) */ \
  X(EIGH, 27, LINEAR_ALGEBRA, linalg)        /* F64, batch, n, A (batch, n, n; its lower triangle), W (batch, n; ascending), V (batch, n, n; slot -1: none); NaN where A is not finite */ \
  X(SVD, 28, LINEAR_ALGEBRA, linalg)         /* F64, batch, m, n (<= m), A (batch, m, n), S (batch, n; descending), U (batch, m, n), VT (batch, n, n); slots -1: none */ \
  X(FFT, 29, LINEAR_ALGEBRA, linalg)         /* dtype, batch, n, sign (-1 or 1), X (batch, n, 2), Y: sums of x exp(sign 2 pi i j k / n) */ \
  X(LOOP, 30, CORE, loop)                    /* see below */ \
  X(ATTENTION, 31, ATTENTIONS, attention)   /* F32, ATTENTION_FORM, OUT (b, l, h, d; softmax(Q K^T scale + MASK) V, 0 where no key takes part), SAVED (b, h, l, 2; of a row the largest score, and the logarithm of the sum of exponentials less it; slot -1: none) */ \
  X(ATTENTION_BACK, 32, ATTENTIONS, attention_back) /* F32, ATTENTION_FORM, CT (of OUT; b, h, l, d) strides[4], SAVED (b, h, l, 2) strides[4], DELTA (b, h, l, 1; sums of CT OUT over d) strides[4], DQ (b, l, h, e), DK (b, s, g, e), DV (b, s, g, d) */ \
  X(LIST, 33, CORE, list)                    /* see below */ \
  X(QUANTIZED, 34, QUANTIZED_WEIGHTS, quantized) /* F32, bits of a code (4, 8; 16: bfloat16), m, n, k, group (8 to 256, a multiple of 8; 16 bits: 0), X (m, k), W (bytes, or BF16; see below), SCALES (ceil(n / 32), groups, 32; 16 bits: slot -1), ZEROS (bytes, as SCALES; slot -1: the middle, 2^(bits - 1)), OUT (m, n), BIAS (n; slot -1: none). OUT = X (W - ZEROS) SCALES + BIAS */ \
  X(SPMM, 35, SPARSE, spmm)                  /* dtype (F32 or F64, as the next), rows, cols, count, features, POINTER (rows + 1: from 0 to count, never less), COLUMN (count), VALUES (count; slot -1: ones), ORDER (count: the place in VALUES of each; slot -1: its own), X (cols, features), OUT (rows, features), check id: the sums of VALUES[ORDER[j]] X[COLUMN[j]] for j from POINTER[r] to POINTER[r + 1] - 1 */ \
  X(SDDMM, 36, SPARSE, sddmm)                /* dtype, rows, cols, count, features, POINTER, COLUMN, A (rows, features), B (cols, features), OUT (count), check id: the products of row r of A with row COLUMN[j] of B */ \
  X(TAPS, 37, SPARSE, taps)                  /* dtype (F32 or F64, as the next), rows, n, m, inner, k, PLACE (k, m: 0 to n - 1, or -1: left out), WEIGHT (k, m; slot -1: ones), X (rows, n, inner), OUT (rows, m, inner), check id: the sums of WEIGHT[., i] X[r, PLACE[., i], f] over k */ \
  X(TAPS_BACK, 38, SPARSE, taps)             /* dtype, rows, n, m, inner, k, PLACE, WEIGHT, OUT (gradient), X (written), check id */
// GEOMETRY: n, c, o, groups, in[3], out[3], kernel[3], stride[3], dilation[3], pad[3] (before; missing axes come
// first and have extent 1). X is (n, c, in), W (o, c/groups, kernel), Y (n, o, out).
// LAYER: cell, reverse, steps, H, rows of each step (never growing; b is that of the first). Rows lie step by step.
// Reverse runs from the last step to the first. What cells have as gates, keep and give: src/ops/recurrence.ts.
// ATTENTION_FORM: b, h, g (which divides h: head i reads K and V at i / (h / g)), l, s, e, d, causal (query i sees keys 0 to
// i), bits of the scale, dtype of MASK (F32: added, BOOL: where keys take part, -1: none), threshold (0 to 2^24; 0: nothing is
// dropped), bits of a factor, Q (b, h, l, e) strides[4], K (b, g, s, e) strides[4], V (b, g, s, d) strides[4], MASK (b, h, l,
// s; slot -1: none) strides[4], STATE (int32[3]: key low, key high, counter block of random bits; slot -1: none). Of random
// bits of a tensor (b, h, l, s), weights whose upper 24 bits are below the threshold become 0, the others are multiplied by
// the factor; SAVED and DELTA do not see that.
// W of QUANTIZED: ceil(n / 32) panels of 32 columns, each ceil(k bits / 32) times 32 words, a word a column: codes of
// consecutive k from the low bits on (little-endian). What is over of columns and k is there and does not matter. Scales and
// zeros are those of `group` consecutive k. With 4 and 8 bits X is rounded: of each group to multiples of 2^(e - 15), at most
// 32767 of them, where 2^e is above all magnitudes (and e is at least -99); with one that is not finite to NaN.
// WINDOW: planes (n * c), in[3], out[3], kernel[3], stride[3], dilation[3], pad[3].
//
// LOOP: a program that runs again and again.
//   F32, count (-1: without end), reverse, go, nSlots, nIn, nOut,
//   slot [nSlots]: slot, offset in units of 8 bytes: where the body's slot lies, in every iteration
//   in   [nIn]:  slot of the body, slot, offset in bytes (low word, high word), bytes (low word, high word)
//   out  [nOut]: the same
//   body: a whole program, with its header
// Before iteration i, from 0 to count - 1 or with `reverse` back, each `in` copies the bytes at offset + i bytes into the
// body's slot, from its beginning; after it each `out` copies them from there. What the body writes elsewhere, the next
// iteration finds. `go` is a slot of the body or -1: the loop ends where the first byte there is 0 before an iteration.
// Only a loop with `go`, and without in and out, may be without end. A body may have loops, MAX_LOOPS deep.
//
// FUSED: an expression program over a space of `outer` axes, `rows` and `cols`.
//   lanes (F32 or F64), nOuter, extent[nOuter], rows, cols, nIn, nIns, nRegs, nOut, class[nRegs],
//   in   [nIn]:  slot, dtype, offset, outer stride[nOuter], row stride, col stride
//   ins  [nIns]: op, dst, a, b, c, imm
//   out  [nOut]: slot, dtype, offset, outer stride[nOuter], row stride, col stride, mode, reg
// Register r < nIn holds input r and is never written. A register is of a class: FULL (one lane for each
// element of the space), ROW (one for each row), SCALAR (one for all). An input of class ROW has col stride 0,
// of class SCALAR all strides 0. Lanes are 32 bits (a float, an int32, or a bool as a mask 0 or -1), or 64 (a double, an
// int64 or a mask). Inputs and outputs may be of any dtype: what is loaded becomes the float or the integer of a lane, what
// is stored is rounded to nearest even or keeps its low bits.
// An input with slot -1 reads no memory: the value of an element is its element offset, an I32 (an iota).
// An instruction whose dst is FULL takes operands of any class; ROW takes ROW and SCALAR; SCALAR SCALAR.
// Reductions (RSUM...) take a FULL operand over the columns of each row into a ROW.
// Registers that are not inputs may be reused: dst may be one of the instruction's own operands.
// Output modes: SET stores (no two places of the space share an address, except that a register of class ROW
// is stored once a row, col stride 0, and SCALAR once); ADD, MUL, MAX, MIN combine into OUT all values that
// share an address (strides 0 on the axes reduced), starting from the identity, not from what OUT held.
// A ROW register contributes once a row, a SCALAR register not at all. Sums are accurate as pairwise ones.
// SET outputs and inputs may be the same memory when width, offset and strides are equal: values are read before
// they are overwritten. When several CHECKs fail, the first tile's first failure is reported.
//
// LIST: a fused kernel over many runs of memory, as an optimizer has it over its parameters.
//   lanes, count (1 to MAX_LIST), ports,
//   runs [count]: cols, then for each input and each output of the kernel: slot, offset
//   kernel: a whole FUSED instruction of at most MAX_LIST_WORDS words, of one run: that of the most columns
// Each run is the kernel with these columns, slots and offsets. It has no outer axes and one row, no reductions, CHECKs,
// random bits or indices, and its outputs are SET. What a run writes no other run reads or writes.
enum Class : int32_t { FULL = 0, ROW = 1, SCALAR = 2 };

// name, number, operands, result (F float, I integer, B bool as a mask, S as its last operand), cost (1: an instruction or
// two of the processor). a, b, c are registers. Suffix F float, I int32, B bool mask.
#define NABLA_FUSED_OPS(X) \
  X(CONST, 1, 0, S, 1)   /* dst (SCALAR) = imm bits; the upper word of 64 is a */ \
  X(MOV, 2, 1, S, 1) \
  X(ADDF, 3, 2, F, 1) X(SUBF, 4, 2, F, 1) X(MULF, 5, 2, F, 1) X(DIVF, 6, 2, F, 4) X(FLOORDIVF, 7, 2, F, 4) \
  X(REMAINDERF, 8, 2, F, 4) X(FMODF, 9, 2, F, 4) \
  X(MINF, 10, 2, F, 1) X(MAXF, 11, 2, F, 1) X(POWF, 12, 2, F, 4) X(ATAN2F, 13, 2, F, 4) X(HYPOTF, 14, 2, F, 4) \
  X(COPYSIGNF, 15, 2, F, 4) \
  X(FMAF, 16, 3, F, 1)   /* a * b + c */ \
  X(NEGF, 17, 1, F, 1) X(ABSF, 18, 1, F, 1) X(SIGNF, 19, 1, F, 4) X(SQUAREF, 20, 1, F, 1) \
  X(EXPF, 21, 1, F, 4) X(EXP2F, 22, 1, F, 4) X(EXPM1F, 23, 1, F, 4) X(LOGF, 24, 1, F, 4) X(LOG2F, 25, 1, F, 4) \
  X(LOG10F, 26, 1, F, 4) X(LOG1PF, 27, 1, F, 4) \
  X(SQRTF, 28, 1, F, 4) X(RSQRTF, 29, 1, F, 4) X(RECIPROCALF, 30, 1, F, 4) \
  X(SINF, 31, 1, F, 4) X(COSF, 32, 1, F, 4) X(TANF, 33, 1, F, 4) X(ASINF, 34, 1, F, 4) X(ACOSF, 35, 1, F, 4) \
  X(ATANF, 36, 1, F, 4) \
  X(SINHF, 37, 1, F, 4) X(COSHF, 38, 1, F, 4) X(TANHF, 39, 1, F, 4) X(ASINHF, 40, 1, F, 4) \
  X(ACOSHF, 41, 1, F, 4) X(ATANHF, 42, 1, F, 4) \
  X(SIGMOIDF, 43, 1, F, 4) X(ERFF, 44, 1, F, 4) X(ERFCF, 45, 1, F, 4) X(ERFINVF, 46, 1, F, 4) \
  X(FLOORF, 47, 1, F, 4) X(CEILF, 48, 1, F, 4) X(ROUNDF, 49, 1, F, 4) X(TRUNCF, 50, 1, F, 4) \
  X(ISNANF, 51, 1, B, 4) X(ISINFF, 52, 1, B, 4) X(ISFINITEF, 53, 1, B, 4) \
  X(EQF, 54, 2, B, 1) X(NEF, 55, 2, B, 1) X(LTF, 56, 2, B, 1) X(LEF, 57, 2, B, 1) X(GTF, 58, 2, B, 1) \
  X(GEF, 59, 2, B, 1) \
  X(ADDI, 60, 2, I, 1) X(SUBI, 61, 2, I, 1) X(MULI, 62, 2, I, 1) X(DIVI, 63, 2, I, 4) X(FLOORDIVI, 64, 2, I, 4) \
  X(REMAINDERI, 65, 2, I, 4) X(FMODI, 66, 2, I, 4) \
  X(MINI, 67, 2, I, 1) X(MAXI, 68, 2, I, 1) X(POWI, 69, 2, I, 4) X(NEGI, 70, 1, I, 1) X(ABSI, 71, 1, I, 1) \
  X(SIGNI, 72, 1, I, 4) X(SQUAREI, 73, 1, I, 1) \
  X(EQI, 74, 2, B, 1) X(NEI, 75, 2, B, 1) X(LTI, 76, 2, B, 1) X(LEI, 77, 2, B, 1) X(GTI, 78, 2, B, 1) \
  X(GEI, 79, 2, B, 1) \
  X(AND, 80, 2, S, 1) X(OR, 81, 2, S, 1) X(XOR, 82, 2, S, 1) X(NOT, 83, 1, S, 1)  /* bitwise, which serves masks and int32 alike */ \
  X(SHRI, 84, 2, I, 1)   /* logical shift right by b */ \
  X(WHERE, 85, 3, S, 1)  /* a ? b : c, a is a mask */ \
  X(FTOI, 86, 1, I, 1) X(ITOF, 87, 1, F, 1) X(BTOF, 88, 1, F, 1) X(BTOI, 89, 1, I, 1) X(FTOB, 90, 1, B, 1) \
  X(ITOB, 91, 1, B, 1) \
  X(RAND, 92, 2, I, 4)   /* 32 bits; a: an input with slot -1 (element index), b, c: key low and high (SCALAR), imm: register of the counter block (SCALAR) */ \
  X(CHECK, 93, 3, I, 4)  /* dst: register (SCALAR) of the exception; a: int32 value, b: lo, c: hi (SCALAR), imm: check id. Stops the run unless b <= a < c or a == dst */ \
  X(RSUMF, 94, 1, F, 4) X(RPRODF, 95, 1, F, 4) X(RMAXF, 96, 1, F, 4) X(RMINF, 97, 1, F, 4) X(RSUMI, 98, 1, I, 4) \
  X(RPRODI, 99, 1, I, 4) X(RMAXI, 100, 1, I, 4) X(RMINI, 101, 1, I, 4) \
  X(RDOTF, 102, 2, F, 4) /* the sum of a * b */ \
  X(FMSF, 103, 3, F, 1) X(FNMAF, 104, 3, F, 1) /* a * b - c, c - a * b; these and FMAF round once where the target can */ \
  X(NDTRF, 105, 1, F, 4) \
  X(HALFF, 106, 1, F, 1) X(BHALFF, 107, 1, F, 1)  /* rounded to F16 and to BF16 */ \
  X(I8I, 108, 1, I, 1) X(U8I, 109, 1, I, 1) X(I32I, 110, 1, I, 1)  /* the low bits, as an int8, uint8, int32 */ \
  X(FTOI32, 111, 1, I, 1)  /* toward 0; what does not fit an int32, and NaN, is its least */ \
  X(FLOATF, 112, 1, F, 1)  /* rounded to F32 */

#define NABLA_ENUM(name, value, ...) OP_##name = value,
enum Opcode : int32_t { NABLA_OPCODES(NABLA_ENUM) };
#undef NABLA_ENUM
#define NABLA_ENUM(name, value, ...) F_##name = value,
enum FusedOp : int32_t { NABLA_FUSED_OPS(NABLA_ENUM) };
#undef NABLA_ENUM

enum Fault : int32_t { OK = 0, INDEX_FAULT = 1 };
// Why a run stopped: the check id of the instruction that found `value` outside [lo, hi).
struct Status {
  int32_t fault, check, value, lo, hi;
};

struct FusedCode;  // codegen.h

// The result of validation. `error` is null or says what is wrong at word `at`.
struct ProgramInfo {
  const char* error;
  int64_t at;
  int64_t slots, instructions;
  int64_t all;                 // instructions, those in the bodies of loops included: each loop, then what is in it
  int64_t scratch_per_thread;  // bytes of 64-byte aligned scratch that a run needs for each thread
  int64_t scratch_shared;      // and once
  FusedCode** code;            // the machine code of each of them all, or null; its owner frees it
};

// The thread pool, built once (threads.cpp). Runs fn(ctx, task, thread) for task 0..tasks-1, thread in [0, threads):
// equal parts of the tasks by the same thread each time, but by whichever is free where one falls behind. Returns when
// all are done. Not reentrant.
struct Pool;
typedef void (*TaskFn)(void* ctx, int task, int thread);
int pool_threads(const Pool*);  // 1 when the pool is null
constexpr int MAX_THREADS = 64;
// Natively `threads` counts the caller, and fewer are made when the system refuses more. WebAssembly has one
// pool; there worker i (1 to threads - 1) enters by the export nabla_worker(i), once, and stays.
Pool* pool_create(int threads);
void pool_destroy(Pool*);
void pool_run(Pool*, int tasks, TaskFn fn, void* ctx);

// Large results are not read again before the caches have lost them; written past them, what they replace need not be
// fetched.
static inline bool goes_past_caches(int64_t bytes) {
#if defined(__AVX2__)
  return bytes >= 8 << 20;
#else
  (void)bytes;
  return false;
#endif
}

// One instruction's parts, for the files that implement them. `w` points at the opcode.
struct Exec {
  const int32_t* w;
  void* const* slots;
  char* shared;           // scratch_shared bytes
  char* scratch;          // of thread 0; thread t's is scratch + t * per_thread
  int64_t per_thread;
  Pool* pool;
  Status* status;         // written by the first fault
  const FusedCode* code = nullptr;  // or null
  FusedCode* const* body = nullptr;  // of a loop: the code of what is in it, or null
};
// Validation of one instruction: true when every address lies inside its slot.
struct Check {
  const int32_t* w;
  int32_t words;
  const int32_t* slot_words;  // low and high of each slot's bytes
  int32_t slots;
  int threads;
  int64_t per_thread, shared;  // set to what the instruction needs
  const char* error;
  int32_t at;                 // the word that is wrong, counted from the opcode
  int loops = 0;              // around the instruction
  int64_t inside = 0;         // set to the number of instructions in the body
};

// The body of a LOOP, which is a program.
inline const int32_t* loop_body(const int32_t* w) { return w + 9 + 2 * w[6] + 6 * (w[7] + w[8]); }
}  // namespace nabla

#ifdef NABLA_ISA
namespace nabla {
namespace NABLA_ISA {

// Reads every word; true when the program may be run with slots of the stated sizes.
bool validate(const int32_t* words, int64_t count, int threads, ProgramInfo* info);
// Runs a validated program. `scratch` holds scratch_shared + threads * scratch_per_thread bytes.
Status run(const int32_t* words, void* const* slots, void* scratch, const ProgramInfo* info, Pool* pool);

bool fused_validate(Check&);
void fused_run(const Exec&);

}  // namespace NABLA_ISA
}  // namespace nabla
#endif
