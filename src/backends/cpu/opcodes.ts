/** The numbers of kernels/program.h; a test holds the two together. */
export const MAGIC = 0x414c424e
export const VERSION = 1
export const MAX_OUTER = 6
export const MAX_REGS = 96
/** Inputs, and outputs, of a fused kernel (kernels/fused.cpp). */
export const MAX_IO = 40

export const opcodes = {
  FUSED: 1,
  MATMUL: 2,
  FILL: 3,
  COPY: 4,
  TAKE: 5,
  PUT: 6,
  GATHER: 7,
  SCATTER: 8,
  ARGREDUCE: 9,
  SCAN: 10,
  ARGSORT: 11,
  SEARCHSORTED: 12,
  CONV: 13,
  CONV_INPUT: 14,
  CONV_WEIGHT: 15,
  MAX_POOL: 16,
  MAX_POOL_INPUT: 17,
  SUM_POOL: 18,
  SUM_POOL_INPUT: 19,
  RECURRENT: 20,
  RECURRENT_BACK: 21,
} as const

const fusedNames =
  'CONST MOV ADDF SUBF MULF DIVF FLOORDIVF REMAINDERF FMODF MINF MAXF POWF ATAN2F HYPOTF COPYSIGNF FMAF ' +
  'NEGF ABSF SIGNF SQUAREF EXPF EXP2F EXPM1F LOGF LOG2F LOG10F LOG1PF SQRTF RSQRTF RECIPROCALF SINF COSF TANF ' +
  'ASINF ACOSF ATANF SINHF COSHF TANHF ASINHF ACOSHF ATANHF SIGMOIDF ERFF ERFCF ERFINVF FLOORF CEILF ROUNDF ' +
  'TRUNCF ISNANF ISINFF ISFINITEF EQF NEF LTF LEF GTF GEF ADDI SUBI MULI DIVI FLOORDIVI REMAINDERI FMODI MINI ' +
  'MAXI POWI NEGI ABSI SIGNI SQUAREI EQI NEI LTI LEI GTI GEI AND OR XOR NOT SHRI WHERE FTOI ITOF BTOF BTOI FTOB ' +
  'ITOB RAND CHECK RSUMF RPRODF RMAXF RMINF RSUMI RPRODI RMAXI RMINI RANY RALL RDOTF FMSF FNMAF NDTRF ' +
  'HALFF BHALFF I8I U8I I32I FTOI32 FLOATF'
/** Instructions of fused kernels, numbered from 1. */
export const fusedOps: Readonly<Record<string, number>> = Object.fromEntries(
  fusedNames.split(' ').map((name, i) => [name, i + 1]),
)

export const cells = { tanh: 0, relu: 1, lstm: 2, gru: 3 } as const
export const modes = { set: 0, add: 1, mul: 2, max: 3, min: 4 } as const
export const dtypeCodes = {
  float32: 0,
  int32: 1,
  bool: 2,
  float64: 3,
  float16: 4,
  bfloat16: 5,
  int8: 6,
  uint8: 7,
  int64: 8,
} as const
