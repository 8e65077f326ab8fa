/** How each primitive computes many examples at once: the first axis of a batched operand counts the examples. */
import type { Node, Prim, View } from '../backends/ir.js'
import { outputsOf } from '../backends/prims.js'
import { TraceError } from '../core/errors.js'
import type { Shape } from '../core/shape.js'
import { add, mul } from '../ops/arithmetic.js'
import { expand, permute, reshape } from '../ops/broadcast.js'
import type { Tensor } from '../ops/tensor.js'
import { constant, iota, prim } from '../ops/trace.js'

/** An operand, and whether its first axis counts the examples. */
export interface Operand {
  readonly t: Tensor
  readonly batched: boolean
}
type Op = Prim['op']
type PrimOf<K extends Op> = Extract<Prim, { op: K }>
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

/** Nothing of one example reaches another, and the axes that the primitive names come one later. */
const later =
  <K extends 'argreduce' | 'concat' | 'gather' | 'scatter' | 'scan'>(): Rule<K> =>
  (p, xs, size) => [prim({ ...p, axis: (p as { axis: number }).axis + 1 } as Prim, all(xs, size))]
/** The primitive works along its last axes only. */
const leading =
  <K extends Op>(): Rule<K> =>
  (p, xs, size) => [prim(p, all(xs, size))]

/** Examples as more rows of axis 0: for what treats each of these alone. */
const asRows =
  <K extends 'maxPool' | 'sumPool' | 'sumPoolInput' | 'maxPoolInput'>(): Rule<K> =>
  (p, xs, size, n) => {
    const more = 'shape' in p ? { shape: [size * p.shape[0]!, ...p.shape.slice(1)] } : {}
    const first = prim(
      { ...p, ...more } as Prim,
      all(xs, size).map((t) => joined(t, 0)),
    )
    const made =
      (p as Prim).op === 'maxPool' ? [first, prim({ op: 'output', index: 1 }, [first])] : [first]
    return made.map((t) => reshape(t, [size, ...n.shape]))
  }

/** Examples as more of axis 0, for what works on stacks of matrices or rows, with all its outputs. */
const asStack =
  <K extends Op>(): Rule<K> =>
  (p, xs, size, n) => {
    const first = prim(
      p,
      all(xs, size).map((t) => joined(t, 0)),
    )
    return outputsOf(n).map(({ shape }, index) =>
      reshape(index === 0 ? first : prim({ op: 'output', index }, [first]), [size, ...shape]),
    )
  }

/** (size, N, C, ...) as (N, size · C, ...): examples as groups of channels. */
const asGroups = (t: Tensor) => joined(movedAxis(t, 0, 1), 1)
const fromGroups = (t: Tensor, size: number) => movedAxis(parted(t, 1, size), 1, 0)

/** Places of rows among those of all examples, each checked against its own. */
function placesOfAll(index: Tensor, count: number): Tensor {
  const checked = prim({ op: 'check', lo: 0, hi: count, what: 'an index' }, [index])
  const of = mul(iota(index.shape, 0), constant(count, 'int32'))
  return joined(add(checked, of), 0)
}

/** One example after the other. */
const unrolled =
  <K extends Op>(): Rule<K> =>
  (p, xs, size, n) => {
    const one = (t: Tensor, i: number) => {
      const shape: Shape = t.shape.slice(1)
      const axes = shape.map((_, a) => [[a + 1, 1]] as const)
      return prim({ op: 'view', view: { shape, offset: [i, ...shape.map(() => 0)], axes } }, [t])
    }
    const parts = Array.from({ length: size }, (_, i) => {
      const own = xs.map(({ t, batched }) => (batched ? one(t, i) : t))
      return reshape(prim(p, own), [1, ...n.shape])
    })
    return [parts.length === 1 ? parts[0]! : prim({ op: 'concat', axis: 0 }, parts)]
  }

const refuse = (rule: string) => (): never => {
  throw new TraceError({ op: 'vmap', rule })
}
const given = refuse('inputs and constants have no operands')

/** One rule a primitive; the table is exhaustive by type. */
const rules: { readonly [K in Op]: Rule<K> } = {
  host: (p, xs, size) => {
    if (!p.call.elementwise) return refuse('the host cannot be called for each example')()
    const gives = p.gives.map(({ shape, dtype }) => ({ shape: [size, ...shape], dtype }))
    const first = prim({ ...p, gives }, all(xs, size))
    return gives.map((_, index) => (index === 0 ? first : prim({ op: 'output', index }, [first])))
  },
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
  check: leading(),
  reduce: (p, xs, size) => [prim({ ...p, axes: p.axes.map((a) => a + 1) }, all(xs, size))],
  argreduce: later(),
  reshape: (p, xs, size) => [prim({ ...p, shape: [size, ...p.shape] }, all(xs, size))],
  view: (p, xs, size) => [prim({ ...p, view: outer(p.view, size) }, all(xs, size))],
  place: (p, xs, size) => [
    prim({ ...p, shape: [size, ...p.shape], view: outer(p.view, size) }, all(xs, size)),
  ],
  concat: later(),
  matmul: leading(),
  take(p, [x, index], size, n) {
    if (!index!.batched) return [prim({ ...p, axis: p.axis + 1 }, [x!.t, index!.t])]
    const rows = movedAxis(spread(x!, size), p.axis + 1, 1)
    const found = prim({ op: 'take', axis: 0 }, [
      joined(rows, 0),
      placesOfAll(index!.t, rows.shape[1]!),
    ])
    const many = reshape(found, [size, n.shape[p.axis]!, ...rows.shape.slice(2)])
    return [movedAxis(many, 1, p.axis + 1)]
  },
  put(p, xs, size) {
    const [base, index, src] = all(xs, size)
    const rows = movedAxis(base!, p.axis + 1, 1)
    const made = prim({ op: 'put', axis: 0, mode: p.mode }, [
      joined(rows, 0),
      placesOfAll(index!, rows.shape[1]!),
      joined(movedAxis(src!, p.axis + 1, 1), 0),
    ])
    return [movedAxis(reshape(made, rows.shape), 1, p.axis + 1)]
  },
  gather: later(),
  scatter: later(),
  scan: later(),
  argsort: leading(),
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
  maxPool: asRows(),
  sumPool: asRows(),
  sumPoolInput: asRows(),
  maxPoolInput: asRows(),
  recurrent: unrolled(),
  recurrentBack: unrolled(),
  lu: asStack(),
  cholesky: asStack(),
  solveTriangular: asStack(),
  qr: asStack(),
  householderProduct: asStack(),
  eigh: asStack(),
  svd: asStack(),
  fft: asStack(),
}

/** All outputs of a primitive over many examples. At least one operand is batched. */
export function batch(n: Node, xs: readonly Operand[], size: number): readonly Tensor[] {
  return (rules[n.prim.op] as Rule<Op>)(n.prim as never, xs, size, n)
}
