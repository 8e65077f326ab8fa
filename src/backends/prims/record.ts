/** What a record of a primitive holds. The records stand in the other files of this folder, a family each. */
import type { DType, TypedArray } from '../../core/dtype.js'
import type { Shape } from '../../core/shape.js'
import { dtypeCodes } from '../cpu/opcodes.js'
import type { Node, Prim } from '../ir.js'
import type { Access, Block } from '../lower/plan.js'

export interface Typed {
  readonly shape: Shape
  readonly dtype: DType
}
export type Op = Prim['op']
export type PrimOf<K extends Op> = Extract<Prim, { op: K }>
export type Inputs = readonly Typed[]
/** As many as there are; the first three have names. */
export type Several<T> = readonly [T, T, T, ...T[]]

/** A node as the reference backend computes it. */
export interface Computed<K extends Op> extends Node {
  readonly prim: PrimOf<K>
}
/**
 * Writes all elements of every output from those of the inputs, row-major, in double precision. Half types come and go as
 * numbers, int64 as bigints.
 */
export type Reference<K extends Op> = (
  n: Computed<K>,
  args: Several<TypedArray>,
  outputs: Several<TypedArray>,
) => void

/** A step as the CPU program gets it. */
export interface Called<K extends Op> {
  readonly prim: PrimOf<K>
  /** What is left out is undefined. */
  readonly inputs: Several<Block>
  readonly outputs: Several<Block>
  readonly bias?: Access | undefined
  readonly check: number
}
/** A number, the memory of an operand, or one that is left out. */
export type Word = number | Access | undefined

/**
 * How many examples are computed at once, for vmap; a batched operand counts them in a new first axis.
 * - leading: the primitive works along its last axes, and more may stand before them
 * - later: nothing of one example reaches another, and `axis` comes one later
 * - rows: as more of axis 0 (of `shape` too), each of which is treated alone
 * - unrolled: one example after the other
 * - own: by a rule of its own in autograd/batching.ts
 */
export type Batching = 'leading' | 'later' | 'rows' | 'unrolled' | 'own'

interface Common<K extends Op> {
  /** Shape and type of the first output; the only place that says so. `to` is the type that a cast asks for. */
  readonly gives: (prim: PrimOf<K>, inputs: Inputs, to?: DType) => Typed
  /** Those of the other outputs, which nodes of the primitive 'output' stand for. */
  readonly more?: (prim: PrimOf<K>, first: Typed) => readonly Typed[]
  /** Floating-point operations: products and sums of a matmul count each, moving data counts nothing (the default). */
  readonly flops?: (
    prim: PrimOf<K>,
    inputs: readonly { readonly shape: Shape }[],
    out: Shape,
  ) => number
  /** The operand whose memory may become the result's, when nobody else wants it: the rest of it stays as it is. */
  readonly mayOverwrite?: number
  readonly batch: Batching
  /** The sum of a value of this primitive and another where it is had for less than by adding, by `make`. */
  readonly plus?: <T extends Made<T>>(a: T, b: T, make: Make<T>) => T | undefined
}
/** A value of a graph: what made it, of what. */
export interface Made<T> {
  readonly prim: Prim
  readonly inputs: readonly T[]
  readonly shape: Shape
}
/** Makes a value. */
export type Make<T> = (prim: Prim, inputs: readonly T[]) => T

/** What one primitive is, to the compiler, the backends and vmap. */
export type PrimRecord<K extends Op = Op> =
  /** It is there, or belongs to the host or to another node: nothing computes it. */
  | (Common<K> & { readonly as: 'given' | 'host' })
  /**
   * An expression of a fused kernel ('fused'), another look at its operand where that can be had by strides ('view'), or
   * copies ('moves').
   */
  | (Common<K> & { readonly as: 'fused' | 'view' | 'moves'; readonly reference: Reference<K> })
  /** A step of its own. */
  | (Common<K> & {
      readonly as: 'call'
      readonly reference: Reference<K>
      /** The instruction of kernels/program.h, without its length. */
      readonly words: (step: Called<K>) => readonly Word[]
      /** Are its operands read by strides? Otherwise they are contiguous. */
      readonly strided?: true
      /** The result may get a vector added, one number for each place of this axis (from the end when negative). */
      readonly biasAxis?: number
      /** Can it start from zeros in the place of the operand that it may overwrite? That is left out then. */
      readonly fresh?: true
      /** What an index that is out of range is called in the error; the primitive has such an operand. */
      readonly checks?: string
    })
/** The records of a family: one for each of its primitives. */
export type Records<K extends Op> = { readonly [k in K]: PrimRecord<k> }

/** As the first operand, but for the axes named. */
export const along = (x: Typed, axes: readonly number[], n: number): Shape =>
  x.shape.map((d, a) => (axes.includes(a) ? n : d))
export const same = (_: unknown, [x]: Inputs): Typed => x!
export const shaped = ({ shape }: { shape: Shape }, [x]: Inputs): Typed => ({
  shape,
  dtype: x!.dtype,
})
export const indices = (shape: Shape): Typed => ({ shape, dtype: 'int32' })
export const typeCode = ({ dtype }: Typed): number => dtypeCodes[dtype]
