/** The numbers of kernels/program.h; those of its instructions are written by the build. */
export * as opcodes from './instructions.js'
import { fusedNames } from './numbers.js'

/** Instructions of fused kernels by name. */
export const fusedOps: Readonly<Record<string, number>> = Object.fromEntries(
  fusedNames.split(' ').map((name, i) => [name, i + 1]),
)

export const MAGIC = 0x414c424e
export const VERSION = 1
export const MAX_OUTER = 6
export const MAX_REGS = 96
/** Runs of a list of kernels, and words of its kernel. */
export const MAX_LIST = 1024
export const MAX_LIST_WORDS = 2048
/** Inputs, and outputs, of a fused kernel (kernels/fused.cpp). */
export const MAX_IO = 40

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
