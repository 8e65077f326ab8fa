import type { TypedArray } from '../../core/dtype.js'

/** Where the memory of a program's slot comes from. */
export type SlotPlan =
  /** The storage of input `index`, from the offset given at run time on. */
  | { kind: 'input'; index: number; bytes: number }
  /** The storage of the `index`-th output that has no `into`. */
  | { kind: 'output'; index: number; bytes: number }
  /** Working memory, `offset` bytes into the program's arena (64-byte aligned). */
  | { kind: 'arena'; offset: number; bytes: number }
  /** Data that belongs to the program. */
  | { kind: 'constant'; data: TypedArray; bytes: number }

/** A graph as the C++ core runs it; the words are specified in kernels/program.h. */
export interface Program {
  words: Int32Array
  slots: SlotPlan[]
  arenaBytes: number
  /** By check id: the label of the operation and what is checked, for the error message. */
  checks: { op: string; what: string }[]
  explain(): string
}
