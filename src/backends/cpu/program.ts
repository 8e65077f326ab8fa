import type { Buffer, Check } from '../lower/plan.js'

/** The memory that is bound to a slot. */
export type SlotPlan = Pick<Buffer, 'kind' | 'index' | 'offset' | 'bytes'>

/** A graph as the C++ core runs it; the words are specified in kernels/program.h. */
export interface Program {
  words: Int32Array
  slots: readonly SlotPlan[]
  arenaBytes: number
  /** By check id: for the error message. */
  checks: readonly Check[]
}
