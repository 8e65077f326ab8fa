/**
 * How primitives compute many examples at once: the first axis of a batched operand counts the examples. Most records
 * name one of the common rules.
 */
import { indexingPrims } from '../backends/prims/indexing.js'
import type { Node, Prim, View } from '../backends/ir.js'
import { type OwnRule, outputsOf, rare, recordOf } from '../backends/prims.js'
import type { Batching, Op, PrimOf } from '../backends/prims/record.js'
import { TraceError } from '../core/errors.js'
import type { Shape } from '../core/shape.js'
import { add, mul } from '../ops/arithmetic.js'
import { expand, permute, reshape } from '../ops/broadcast.js'
import type { Tensor } from '../ops/tensor.js'
import { constant, iota, recorded as prim } from '../ops/trace.js'

/** An operand, and whether its first axis counts the examples. */
export interface Operand {
  readonly t: Tensor
  readonly batched: boolean
}
/** `n` is the node of one example, `size` how many examples there are. All outputs are batched. */
type Rule<K extends Op> = (
  p: PrimOf<K>,
  xs: readonly Operand[],
  size: number,
  n: Node,
) => readonly Tensor[]

/** The operand with an axis of examples, whether or not it had one. */
const spread = ({ t, batched }: Operand, size: number): Tensor =>
  batched ? t : expand(t, [size, ...t.shape])
const all = (xs: readonly Operand[], size: number) => xs.map((x) => spread(x, size))

/** Axes `from` and the one before it as one. */
const joined = (t: Tensor, from: number): Tensor =>
  reshape(t, [
    ...t.shape.slice(0, from),
    t.shape[from]! * t.shape[from + 1]!,
    ...t.shape.slice(from + 2),
  ])
/** The axis as two, the first of `size`. */
const parted = (t: Tensor, axis: number, size: number): Tensor =>
  reshape(t, [
    ...t.shape.slice(0, axis),
    size,
    size === 0 ? 0 : t.shape[axis]! / size,
    ...t.shape.slice(axis + 1),
  ])
/** Moves one axis. */
export function movedAxis(t: Tensor, from: number, to: number): Tensor {
  if (from === to) return t
  const axes = t.shape.map((_, a) => a).filter((a) => a !== from)
  axes.splice(to, 0, from)
  return permute(t, axes)
}

const outer = (view: View, size: number): View => ({
  shape: [size, ...view.shape],
  offset: [0, ...view.offset],
  axes: [[[0, 1]], ...view.axes.map((list) => list.map(([a, step]) => [a + 1, step] as const))],
})

/** All outputs of a node whose first one is `first`. */
const outputs = (n: Node, first: Tensor): Tensor[] =>
  outputsOf(n).map((_, index) => (index === 0 ? first : prim({ op: 'output', index }, [first])))

/** (size, N, C, ...) as (N, size · C, ...): examples as groups of channels. */
const asGroups = (t: Tensor) => joined(movedAxis(t, 0, 1), 1)
const fromGroups = (t: Tensor, size: number) => movedAxis(parted(t, 1, size), 1, 0)

/** Places of rows among those of all examples, each checked against its own. */
function placesOfAll(index: Tensor, count: number): Tensor {
  const checked = prim({ op: 'check', lo: 0, hi: count, what: 'an index' }, [index])
  const of = mul(iota(index.shape, 0), constant(count, 'int32'))
  return joined(add(checked, of), 0)
}

const refuse = (rule: string) => (): never => {
  throw new TraceError({ op: 'vmap', rule })
}
const given = refuse('inputs and constants have no operands')

/** Places and weights are nearly always the same for all examples. */
const tapped = (p: PrimOf<'taps' | 'tapsBack'>, xs: readonly Operand[], size: number, n: Node) =>
  xs[0]!.batched && !xs.slice(1).some((x) => x.batched)
    ? [
        prim(
          { ...p, axis: p.axis + 1 },
          xs.map(({ t }) => t),
        ),
      ]
    : common.unrolled(p, xs, size, n)

/** The primitives whose record names no common rule; exhaustive by type. */
const own: { readonly [K in OwnRule]: Rule<K> } = {
  host: (p, xs, size) => {
    if (!p.call.elementwise) return refuse('the host cannot be called for each example')()
    const gives = p.gives.map(({ shape, dtype }) => ({ shape: [size, ...shape], dtype }))
    const first = prim({ ...p, gives }, all(xs, size))
    return gives.map((_, index) => (index === 0 ? first : prim({ op: 'output', index }, [first])))
  },
  // Loops in vmap are recorded step by step; see loops.ts.
  loop: given,
  // Rules give all outputs of a node; see replay in vmap.ts.
  output: given,
  input: given,
  const: given,
  iota: given,
  random: refuse('each example would draw from a generator of its own'),
  map: (p, xs, _, n) => [
    prim(
      p,
      xs.map(({ t, batched }) => {
        // Axes of size 1 stand between the examples and the axes that broadcast from the right.
        const ones = batched ? n.shape.length - (t.shape.length - 1) : 0
        const [count, ...shape] = t.shape
        return ones > 0 ? reshape(t, [count!, ...new Array<number>(ones).fill(1), ...shape]) : t
      }),
      n.dtype,
    ),
  ],
  reduce: (p, xs, size) => [prim({ ...p, axes: p.axes.map((a) => a + 1) }, all(xs, size))],
  reshape: (p, xs, size) => [prim({ ...p, shape: [size, ...p.shape] }, all(xs, size))],
  view: (p, xs, size) => [prim({ ...p, view: outer(p.view, size) }, all(xs, size))],
  place: (p, xs, size) => [
    prim({ ...p, shape: [size, ...p.shape], view: outer(p.view, size) }, all(xs, size)),
  ],
  take(p, [x, index], size, n) {
    if (!index!.batched) return [prim({ ...p, axis: p.axis + 1 }, [x!.t, index!.t])]
    const rows = movedAxis(spread(x!, size), p.axis + 1, 1)
    const found = prim(rare(indexingPrims, { op: 'take', axis: 0 }), [
      joined(rows, 0),
      placesOfAll(index!.t, rows.shape[1]!),
    ])
    const many = reshape(found, [size, n.shape[p.axis]!, ...rows.shape.slice(2)])
    return [movedAxis(many, 1, p.axis + 1)]
  },
  taps: tapped,
  tapsBack: tapped,
  put(p, xs, size) {
    const [base, index, src] = all(xs, size)
    const rows = movedAxis(base!, p.axis + 1, 1)
    const made = prim(rare(indexingPrims, { op: 'put', axis: 0, mode: p.mode }), [
      joined(rows, 0),
      placesOfAll(index!, rows.shape[1]!),
      joined(movedAxis(src!, p.axis + 1, 1), 0),
    ])
    return [movedAxis(reshape(made, rows.shape), 1, p.axis + 1)]
  },
  // Of rows, each with values of its own.
  searchsorted: (p, xs, size, n) => [
    reshape(
      prim(
        p,
        all(xs, size).map((t) => joined(t, 0)),
      ),
      [size, ...n.shape],
    ),
  ],
  conv(p, [x, w], size, n) {
    if (!w!.batched) {
      const made = prim(p, [joined(x!.t, 0), w!.t])
      return [reshape(made, [size, ...n.shape])]
    }
    const made = prim({ ...p, groups: p.groups * size }, [
      asGroups(spread(x!, size)),
      joined(w!.t, 0),
    ])
    return [fromGroups(made, size)]
  },
  convInput(p, [ct, w], size, n) {
    const [rows, channels, ...rest] = p.shape
    if (!w!.batched) {
      const made = prim({ ...p, shape: [size * rows!, channels!, ...rest] }, [
        joined(ct!.t, 0),
        w!.t,
      ])
      return [reshape(made, [size, ...n.shape])]
    }
    const made = prim(
      { ...p, groups: p.groups * size, shape: [rows!, size * channels!, ...rest] },
      [asGroups(spread(ct!, size)), joined(w!.t, 0)],
    )
    return [fromGroups(made, size)]
  },
  convWeight(p, xs, size, n) {
    const shape = [size * p.shape[0]!, ...p.shape.slice(1)]
    const made = prim({ ...p, groups: p.groups * size, shape }, all(xs, size).map(asGroups))
    return [reshape(made, [size, ...n.shape])]
  },
}

/** The rules that records name. */
const common: { readonly [name in Exclude<Batching, 'own'>]: Rule<Op> } = {
  leading: (p, xs, size, n) => outputs(n, prim(p, all(xs, size))),
  later: (p, xs, size, n) => {
    const axis = (p as { axis: number }).axis + 1
    return outputs(n, prim({ ...p, axis } as Prim, all(xs, size)))
  },
  rows: (p, xs, size, n) => {
    const more = 'shape' in p ? { shape: [size * p.shape[0]!, ...p.shape.slice(1)] } : {}
    const first = prim(
      { ...p, ...more } as Prim,
      all(xs, size).map((t) => joined(t, 0)),
    )
    const shapes = outputsOf(n)
    return outputs(n, first).map((t, i) => reshape(t, [size, ...shapes[i]!.shape]))
  },
  unrolled: (p, xs, size, n) => {
    const one = (t: Tensor, i: number) => {
      const shape: Shape = t.shape.slice(1)
      const axes = shape.map((_, a) => [[a + 1, 1]] as const)
      return prim({ op: 'view', view: { shape, offset: [i, ...shape.map(() => 0)], axes } }, [t])
    }
    const parts = Array.from({ length: size }, (_, i) => {
      const given = xs.map(({ t, batched }) => (batched ? one(t, i) : t))
      return outputs(n, prim(p, given))
    })
    return outputsOf(n).map(({ shape }, k) => {
      const rows = parts.map((list) => reshape(list[k]!, [1, ...shape]))
      return rows.length === 1 ? rows[0]! : prim({ op: 'concat', axis: 0 }, rows)
    })
  },
}

/** All outputs of a primitive over many examples. At least one operand is batched. */
export function batch(n: Node, xs: readonly Operand[], size: number): readonly Tensor[] {
  const { batch } = recordOf(n.prim)
  const rule = batch === 'own' ? own[n.prim.op as OwnRule] : common[batch]
  return (rule as Rule<Op>)(n.prim as never, xs, size, n)
}
