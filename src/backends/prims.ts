/**
 * All primitives. Each is one record, which stands with its family in prims/. The table is exhaustive by type: a primitive
 * without a record does not compile. Families that few programs need come with the operations that record them
 * (`rare`), so that a page without those does not load them.
 */
import type { DType } from '../core/dtype.js'
import type { Shape } from '../core/shape.js'
import { type Call, callOf } from './call.js'
import type { Loop, Node, Prim } from './ir.js'
import type { attentionPrims } from './prims/attention.js'
import { elementwisePrims } from './prims/elementwise.js'
import { givenPrims } from './prims/given.js'
import type { indexingPrims } from './prims/indexing.js'
import type { linalgPrims } from './prims/linalg.js'
import type { expressionPrims } from './prims/expression.js'
import { movePrims } from './prims/move.js'
import { extremePrims, type orderPrims } from './prims/order.js'
import { productPrims } from './prims/products.js'
import type { quantizedPrims } from './prims/quantized.js'
import {
  indices,
  type Inputs,
  type Op,
  type PrimRecord,
  type Records,
  type Typed,
} from './prims/record.js'
import type { recurrentPrims } from './prims/recurrent.js'
import type { sparsePrims } from './prims/sparse.js'
import type { windowPrims } from './prims/windows.js'

export type { Typed } from './prims/record.js'

/** The values of all iterations. */
const stackOf = ({ shape, dtype }: Typed, { count }: Loop): Typed => ({
  shape: [count ?? 0, ...shape],
  dtype,
})
/** Those whose records look at other nodes. */
const outerPrims = {
  output: {
    gives: ({ index }, [x]) => outputsOf(x as Node)[index]!,
    as: 'host',
    batch: 'own',
  },
  loop: {
    gives: () => indices([0]),
    more: ({ loop }) => loop.outputs.map((n, i) => (i < loop.carried ? n : stackOf(n, loop))),
    flops: ({ loop }) => (loop.count ?? 1) * loop.nodes.reduce((sum, n) => sum + flopsOf(n), 0),
    as: 'host',
    batch: 'own',
  },
} satisfies Records<'output' | 'loop'>
const common = {
  ...outerPrims,
  ...givenPrims,
  ...elementwisePrims,
  ...movePrims,
  ...productPrims,
  ...extremePrims,
}
type Rare = typeof expressionPrims &
  typeof indexingPrims &
  typeof orderPrims &
  typeof linalgPrims &
  typeof windowPrims &
  typeof recurrentPrims &
  typeof attentionPrims &
  typeof quantizedPrims &
  typeof sparsePrims
type All = typeof common & Rare
const prims: Partial<Records<Op>> = common

declare const brought: unique symbol
/** A primitive whose record is in the table. */
export type Known = Exclude<Prim, { op: keyof Rare }> | (Prim & { readonly [brought]: true })
/** A primitive of a rare family, whose records come into the table with it. */
export function rare<F extends object>(family: F, p: Extract<Prim, { op: keyof F }>): Known {
  if (!(p.op in prims)) bring(family)
  return p as Prim as Known
}
/** Puts records into the table. */
export const bring = (...families: object[]): void => void Object.assign(prims, ...families)
/** Primitives whose rule for vmap is one of their own. */
export type OwnRule = { [K in Op]: All[K]['batch'] extends 'own' ? K : never }[Op]

/** The record of a primitive, for those who take any of them. */
export const recordOf = (prim: Prim): PrimRecord => prims[prim.op] as unknown as PrimRecord

export function infer(prim: Prim, inputs: Inputs, to?: DType): Typed {
  return recordOf(prim).gives(prim, inputs, to)
}
/** Shape and type of every output of a node. */
export function outputsOf(n: { prim: Prim } & Typed): readonly Typed[] {
  return [n, ...(recordOf(n.prim).more?.(n.prim, n) ?? [])]
}
export function flopsOf(n: {
  prim: Prim
  shape: Shape
  inputs: readonly { shape: Shape }[]
}): number {
  return recordOf(n.prim).flops?.(n.prim, n.inputs, n.shape) ?? 0
}

export function node(
  prim: Prim,
  inputs: readonly Node[],
  dtype?: DType,
  label: Call = callOf(prim.op),
): Node {
  const { shape, dtype: type } = infer(prim, inputs, dtype)
  return { prim, inputs, shape, dtype: type, label, index: 0 }
}
export function constNode(value: number, dtype: DType): Node {
  return {
    prim: { op: 'const', value },
    inputs: [],
    shape: [],
    dtype,
    label: callOf('const'),
    index: 0,
  }
}
