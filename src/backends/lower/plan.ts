/**
 * The plan of a graph: steps in order, the memory that they work on, nothing of any backend. The CPU core gets it as
 * words (cpu/encode.ts), `explain` prints it, and plain loops can run it as it is.
 */
import type { DType } from '../../core/dtype.js'
import type { Shape } from '../../core/shape.js'
import type { Call } from '../call.js'
import type { HostCall, MapFn, Prim, ReduceFn } from '../ir.js'

/** A run of memory. */
export interface Buffer {
  /** Its place among the plan's buffers. */
  readonly id: number
  readonly dtype: DType
  readonly bytes: number
  /** The storage of an input or of a fresh output, or a part of the working memory. */
  readonly kind: 'input' | 'output' | 'arena'
  /** Which input or output; -1 for working memory. */
  readonly index: number
  /** Of working memory: bytes from its start. */
  offset: number
  /** The steps between which it is in use. */
  first: number
  last: number
}

/** A place in a buffer, in elements. */
export interface Access {
  readonly buffer: Buffer
  readonly offset: number
}
/** Elements in memory, by strides. */
export interface Block extends Access {
  readonly dtype: DType
  readonly shape: Shape
  readonly strides: readonly number[]
}

/** One value for each element of the space, for each of its rows, or for all of it. */
export const FULL = 0
export const ROW = 1
export const SCALAR = 2
export type Class = typeof FULL | typeof ROW | typeof SCALAR

/** Axes that every operand walks alike: outer ones, then rows, then columns. Strides are in this order. */
export interface KernelInput {
  readonly dtype: DType
  readonly strides: readonly number[]
  readonly cls: Class
  /** Nothing is read: the value of an element is its offset, an int32. */
  readonly indices: boolean
}
export interface KernelOutput {
  readonly dtype: DType
  readonly strides: readonly number[]
  /** How values that share an address are combined; 'set' where none do. */
  readonly mode: 'set' | 'add' | 'mul' | 'max' | 'min'
  /** The value that is stored. */
  readonly value: number
}

export type StepFn =
  | MapFn
  /** `imm` at every place. */
  | 'const'
  /** a · b + c, a · b - c, c - a · b, rounded once where the target can. */
  | 'fma'
  | 'fms'
  | 'fnma'
  /** Of a FULL value over the columns of each row. */
  | ReduceFn
  /** The sum of a · b over the columns. */
  | 'dot'
  /** Element index, key low, key high, counter block: random bits. */
  | 'random'
  /** a, lo, hi, except: stops the run unless lo <= a < hi or a is except. `imm` counts the checks of the kernel. */
  | 'check'

/** An instruction in SSA form: it makes the value that has its number, after those of the inputs. */
export interface Step {
  readonly fn: StepFn
  readonly cls: Class
  /** Of the last operand, and of the result. */
  readonly from: DType
  readonly to: DType
  readonly args: readonly number[]
  readonly imm: number
}

/** What a fused kernel computes, whatever the memory; kernels that are alike share it. */
export interface KernelBody {
  /** Outer axes, rows, columns. */
  readonly extents: readonly number[]
  readonly inputs: readonly KernelInput[]
  readonly steps: readonly Step[]
  readonly outputs: readonly KernelOutput[]
  /** What was fused, for explain. */
  readonly names: readonly string[]
  /** Places of the space. */
  readonly size: number
  /** Computed with 64 bits a value: float64 and int64; otherwise with 32. */
  readonly wide: boolean
}

export interface FusedKernel {
  readonly kind: 'fused'
  readonly body: KernelBody
  /** Where each input begins; `buffer` is null for indices. */
  readonly inputs: readonly { readonly buffer: Buffer | null; readonly offset: number }[]
  readonly outputs: readonly Access[]
  /** By number of the check: its place in the plan's `checks`. */
  readonly checks: readonly number[]
  readonly labels: readonly Call[]
}

/**
 * Kernels that are alike but for how many elements they have, and independent of each other: an optimizer over many
 * parameters. A backend may run them as one, over a list of buffers.
 */
export interface KernelList {
  readonly kind: 'list'
  readonly kernels: readonly FusedKernel[]
}

/** Primitives as steps: those that compute, and two that only move. */
export type CallPrim =
  | Exclude<
      Prim,
      {
        op:
          | 'output'
          | 'host'
          | 'loop'
          | 'input'
          | 'const'
          | 'map'
          | 'check'
          | 'iota'
          | 'random'
          | 'reduce'
          | 'view'
          | 'concat'
          | 'place'
          | 'reshape'
      }
    >
  | { op: 'fill'; value: number }
  /** Elements of the input to the places of the output, or added there in row-major order. */
  | { op: 'copy'; accumulate: boolean }

export interface PrimCall {
  readonly kind: 'prim'
  readonly prim: CallPrim
  /** undefined: an optional operand that is not given. */
  readonly inputs: readonly (Block | undefined)[]
  /** undefined: a result that nobody wants. */
  readonly outputs: readonly (Block | undefined)[]
  /** A vector that is added to the result: one number for each column (matmul) or channel (conv). */
  readonly bias?: Access | undefined
  /**
   * What is computed of the result, with the bias, block by block while it is in the cache: activation, residual, scale,
   * dropout, sums over the rows. An input reads the result at its own places (outputs[0]), over which an output may be
   * written. Its columns are those of the result, and nothing of it runs over a whole row.
   */
  readonly epilogue?: FusedKernel | undefined
  /** The place in the plan's `checks` of its check of indices. */
  readonly check: number
  readonly label: Call
  readonly flops: number
  /** It changes some elements of a value in that value's own memory. */
  readonly inPlace: boolean
}

/**
 * Work of the host: it starts, and further down, before its outputs are read, is waited for. What does not depend on it
 * runs in between.
 */
export interface HostStep {
  readonly kind: 'host'
  readonly phase: 'start' | 'wait'
  readonly call: HostCall
  /** Which call of the plan, so that the wait finds its start. */
  readonly number: number
  readonly inputs: readonly Block[]
  readonly outputs: readonly Block[]
  readonly label: Call
  readonly flops: number
}

/** Elements of a buffer that the iterations of a loop take or give one after the other. */
export interface Slice {
  /** In the body's plan. */
  readonly inner: Buffer
  /** Where the elements of iteration 0 are; those of the next one follow. */
  readonly outer: Access
  /** Of one iteration. */
  readonly bytes: number
}

/**
 * A plan that runs again and again. All its memory lies in buffers of this plan, at the same places in every iteration:
 * what an iteration leaves in a carried value's buffer the next one finds there. Slices are copied in before, and out after.
 */
export interface LoopStep {
  readonly kind: 'loop'
  /** undefined: while there is anything but 0 at `go`. */
  readonly count: number | undefined
  readonly reverse: boolean
  readonly body: Plan
  /** By buffer of the body: where it lies; the offset is in bytes, a multiple of 8. */
  readonly memory: readonly Access[]
  readonly ins: readonly Slice[]
  readonly outs: readonly Slice[]
  /** The buffer of the body with the bool that says whether there is another iteration. */
  readonly go: Buffer | undefined
  readonly label: Call
  readonly flops: number
}

export type PlanStep = FusedKernel | KernelList | PrimCall | HostStep | LoopStep

/** Calls `f` with every buffer that a step reads or writes. */
export function eachBuffer(step: PlanStep, f: (b: Buffer) => void): void {
  if (step.kind === 'list') {
    for (const k of step.kernels) eachBuffer(k, f)
    return
  }
  if (step.kind === 'loop') {
    for (const { buffer } of step.memory) f(buffer)
    for (const { outer } of [...step.ins, ...step.outs]) f(outer.buffer)
    return
  }
  const { inputs, outputs, bias, epilogue } = step as PrimCall
  for (const o of inputs) if (o?.buffer) f(o.buffer)
  for (const o of outputs) if (o?.buffer) f(o.buffer)
  if (bias) f(bias.buffer)
  if (epilogue) eachBuffer(epilogue, f)
}

export interface Check {
  /** Who checks, and what is checked: for the error message. */
  readonly call: Call
  readonly what: string
}

/** Calls `f` with every step, those in loops included. */
export function eachStep(steps: readonly PlanStep[], f: (step: PlanStep) => void): void {
  for (const step of steps) {
    f(step)
    if (step.kind === 'loop') eachStep(step.body.steps, f)
  }
}

export interface Plan {
  readonly steps: readonly PlanStep[]
  readonly buffers: readonly Buffer[]
  readonly arenaBytes: number
  readonly checks: readonly Check[]
}

/** What one kernel of a backend can hold. */
export interface Limits {
  /** Outer axes besides rows and columns. */
  readonly outer: number
  /** Inputs, and outputs, of a kernel. */
  readonly operands: number
}

/** A fusion group needs more operands or registers than a kernel has: groups must be cut smaller. */
export class KernelTooLarge extends Error {}
