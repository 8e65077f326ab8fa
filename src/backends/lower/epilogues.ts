/**
 * A fused group that reads the result of a matrix product or a convolution at its own places runs at the end of that, on
 * each block of the result while it is in the cache: activation, residual, scale, dropout, sums over the rows.
 */
import { isFloat, isWide } from '../../core/dtype.js'
import { sizeOf } from '../../core/shape.js'
import type { Op } from '../prims/record.js'
import { aligned, type Group } from './groups.js'
import type { Pass } from './lower.js'
import type { Order } from './order.js'
import type { Values } from './simplify.js'
import { operandAt, rowMajor, type Value } from './value.js'

/** What has kernels that tell of finished blocks of the result, and the first axis of its columns (from the end when negative). */
const columnsOf: { readonly [op in Op]?: number } = { matmul: -1, conv: 2 }

/** Fewer values are read again sooner than a list of kernels is cut into single ones. */
const LEAST_SUMMED = 65536

/**
 * Fewer values of a convolution lie in the caches until the kernel behind it reads them, which is faster than many small
 * blocks of it. So it is where the kernel reads as much besides (a residual): in its own order, it comes before it is asked
 * for. By measurement: docs/decisions/0082.
 */
const LEAST_CONVOLVED = 3 * 2 ** 19

/** The pass; for tests with as many values as a convolution must have. */
export const epilogues =
  (least = LEAST_CONVOLVED): Pass =>
  (graph, groups, _, order) =>
    foldEpilogues(graph, groups, order, least)

function foldEpilogues(
  graph: Values,
  groups: Group[],
  order: Order<Group>,
  least: number,
): Group[] {
  // What changes memory outside waits until nobody wants the old values, and so does what is computed only for that.
  const late = new Set(graph.outputs.map((o) => (o.into === undefined ? undefined : o.value.group)))
  for (const g of [...late])
    for (const n of g?.values ?? [])
      for (const { base } of n.inputs) if (base.size === base.group?.size) late.add(base.group)
  let stored: Set<Value> | undefined
  const hosts = groups.filter((g) => g.values[0]!.prim.op === 'host')
  for (const g of groups) {
    if (!g.space || g.reduced || g.size === 0 || late.has(g)) continue
    if (g.size < LEAST_SUMMED && g.accumulated.size > 0) {
      // Nothing but sums is stored, as by the check of a gradient.
      stored ??= storedIn(graph)
      if (!g.values.some((n) => stored!.has(n) && !g.accumulated.has(n))) continue
    }
    // The latest product first: the others run before it in any case.
    for (const n of [...g.values].reverse())
      for (const { base } of n.inputs) {
        const p = base.group
        if (g.dead || !p || p.tail || p.last !== base) continue
        if (least > 0 && p.values[0]!.prim.op === 'conv')
          if (base.size < least || readsMore(g, base)) continue
        const columns = suits(p, g)
        if (!columns) continue
        // What the host gives is not waited for before the product, but after it.
        if (hosts.some((h) => order.reaches(h, g) && !order.reaches(h, p))) continue
        if (!order.merge(p, g, () => true)) continue
        g.reduced = columns
        g.dead = true
        p.tail = g
        p.again = g.again
        for (const m of g.values) {
          p.values.push(m)
          if (m.group === g) m.group = p
        }
        // It is stored, though nobody else reads it.
        p.accumulate(base)
      }
  }
  return groups.filter((g) => !g.dead)
}

/** Does it read as many values from elsewhere as from the result? */
const readsMore = (g: Group, result: Value): boolean =>
  g.values.some((n) =>
    n.inputs.some(({ base }) => base !== result && base.group !== g && base.size === g.size),
  )

/** Values that are stored: an output, or read by another group. */
function storedIn({ all, outputs }: Values): Set<Value> {
  const stored = new Set(outputs.map((o) => o.value))
  for (const n of all)
    if (n.base === n) for (const { base } of n.inputs) if (base.group !== n.group) stored.add(base)
  return stored
}

/** Can it be the epilogue of the product? Then the axes of its columns, which are those of the product. */
function suits(
  { values: [product], last: result }: Group,
  { wide, space, values, accumulated }: Group,
): number[] | undefined {
  const from = columnsOf[product!.prim.op]
  const { dtype, size, shape } = result
  if (from === undefined) return undefined
  if (!isFloat(dtype) || isWide(dtype) !== wide || size !== sizeOf(space!)) return undefined
  const cols = sizeOf(shape.slice(from))
  let first = space!.length
  let n = 1
  do n *= space![--first]!
  while (n < cols && first > 0)
  if (n !== cols) return undefined
  const columns = space!.flatMap((_, a) => (a < first ? [] : [a]))
  for (const m of accumulated) if (!aligned(m, columns)) return undefined
  /** Are the columns one run, or one value? */
  const together = (strides: readonly number[]) => {
    for (let a = space!.length - 1, own = 1, way = -1; a >= first; own *= space![a--]!) {
      if (space![a] === 1) continue
      const step = strides[a]! === 0 ? 0 : strides[a] === own ? 1 : 2
      if (step === 2 || (way >= 0 && way !== step)) return false
      way = step
    }
    return true
  }
  const fits = values.every(
    (v) =>
      v.prim.op === 'random' ||
      (v.prim.op !== 'check' &&
        v.inputs.every((x) => {
          if (x.constant !== undefined) return true
          const { base, strides, offset } = operandAt(x, space!)
          return base === result ? offset === 0 && rowMajor(space!, strides) : together(strides)
        })),
  )
  return fits ? columns : undefined
}
