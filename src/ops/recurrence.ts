/**
 * One layer of a recurrent network over a whole sequence, in one direction.
 *
 * Rows are packed: those of step 0, then those of step 1, and so on; `steps[t]` rows take part in step t, never more
 * than in the step before (the sequences are sorted, longest first), and row b of a step continues row b of the other.
 */
import { rare } from '../backends/prims.js'
import { recurrentPrims } from '../backends/prims/recurrent.js'
import { sum, swap, zerosOf } from './broadcast.js'
import { add, mul, sub, where } from './arithmetic.js'
import { recurrentCells, type RecurrentCell, type RecurrentRun as Run } from '../backends/ir.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { defineOp, type Grads, operands } from './define.js'
import { gt } from './compare.js'
import { relu, sigmoid, square, tanh } from './functions.js'
import { concat, split } from './join.js'
import { matmul } from './linalg.js'
import { narrow } from './slice.js'
import type { Tensor } from './tensor.js'
import { state } from './state.js'
import { prim } from './trace.js'

/** The first row of each step. */
function offsets(steps: readonly number[]): number[] {
  let at = 0
  return steps.map((n) => {
    at += n
    return at - n
  })
}
/** Steps in the order of running. */
const order = ({ steps, reverse }: Run): number[] => {
  const list = steps.map((_, t) => t)
  return reverse ? list.reverse() : list
}

/** `count` rows of a tensor from `start`. */
type Piece = [from: Tensor, start: number, count: number]
/** The pieces one under the other, those that follow each other taken together. */
function gather(pieces: readonly Piece[]): Tensor {
  const merged: Piece[] = []
  for (const [from, start, count] of pieces) {
    const last = merged[merged.length - 1]
    if (count <= 0) continue
    if (last && last[0] === from && last[1] + last[2] === start) last[2] += count
    else merged.push([from, start, count])
  }
  if (merged.length === 0) return narrow(pieces[0]![0], 0, 0, 0)
  const parts = merged.map(([t, start, count]) =>
    count === t.shape[0] ? t : narrow(t, 0, start, count),
  )
  return parts.length === 1 ? parts[0]! : concat(parts)
}

/** Of each sequence the row that runs last, or first. */
function endRows(rows: Tensor, { steps }: Run, atStart: boolean): Tensor {
  const first = offsets(steps)
  if (atStart) return narrow(rows, 0, 0, steps[0]!)
  const pieces: Piece[] = []
  for (let t = steps.length - 1; t >= 0; t--) {
    const done = steps[t + 1] ?? 0
    pieces.push([rows, first[t]! + done, steps[t]! - done])
  }
  return gather(pieces)
}
/** The state that each sequence ends with, in the order of rows in step 0. */
export const finalRows = (rows: Tensor, run: Run): Tensor => endRows(rows, run, run.reverse)

/** For every row the one that ran before it: the state that its step began with. */
function previousRows(rows: Tensor, initial: Tensor, { steps, reverse }: Run): Tensor {
  const first = offsets(steps)
  return gather(
    steps.flatMap((n, t): Piece[] => {
      const before = reverse ? t + 1 : t - 1
      const known = Math.min(n, steps[before] ?? 0)
      return [
        [rows, first[before] ?? 0, known],
        [initial, known, n - known],
      ]
    }),
  )
}

/**
 * One step: what a row keeps of it, the state first. `x` is the input's part of the gates.
 * LSTM: [h, c, i, f, g, o]; GRU: [h, r, z, n, q] with q the state's part of n; otherwise [h].
 */
function stepForward(
  cell: RecurrentCell,
  x: Tensor,
  [weight, bias]: readonly [Tensor, Tensor | undefined],
  h: Tensor,
  c: Tensor | undefined,
): Tensor[] {
  const u = matmul(h, swap(weight)) // (n, gates · H)
  const H = weight.shape[0]! / recurrentCells[cell].gates
  if (cell === 'gru') {
    const [xr, xz, xn] = split(x, H, 1) as [Tensor, Tensor, Tensor]
    const [ur, uz, un] = split(u, H, 1) as [Tensor, Tensor, Tensor]
    const r = sigmoid(add(xr, ur))
    const z = sigmoid(add(xz, uz))
    const q = bias ? add(un, bias) : un
    const n = tanh(add(xn, mul(r, q)))
    return [add(n, mul(z, sub(h, n))), r, z, n, q]
  }
  const a = add(x, u)
  if (cell !== 'lstm') return [cell === 'tanh' ? tanh(a) : relu(a)]
  const [ai, af, ag, ao] = split(a, H, 1) as [Tensor, Tensor, Tensor, Tensor]
  const [i, f, g, o] = [sigmoid(ai), sigmoid(af), tanh(ag), sigmoid(ao)]
  const next = add(mul(f, c!), mul(i, g))
  return [mul(o, tanh(next)), next, i, f, g, o]
}

/** y (1 − y), the slope of the sigmoid, and 1 − y², that of tanh. */
const sigmoidSlope = (y: Tensor) => mul(y, sub(1, y))
const tanhSlope = (y: Tensor) => sub(1, square(y))

/**
 * The gradient of one step: from those of what it keeps to those of its gates before their functions, and the part of
 * the gradient of the state before that does not pass through the weights.
 * LSTM: [i, f, g, o, carry of c]; GRU: [q, r, z, n, carry of h]; otherwise [a].
 */
function stepBackward(
  cell: RecurrentCell,
  ct: readonly Tensor[],
  kept: readonly Tensor[],
  h: Tensor,
  c: Tensor | undefined,
): Tensor[] {
  if (cell === 'gru') {
    const [dh, cr, cz, cn, cq] = ct as [Tensor, Tensor, Tensor, Tensor, Tensor]
    const [, r, z, n, q] = kept as [Tensor, Tensor, Tensor, Tensor, Tensor]
    const dn = mul(add(mul(dh, sub(1, z)), cn), tanhSlope(n))
    const dr = mul(add(mul(dn, q), cr), sigmoidSlope(r))
    const dz = mul(add(mul(dh, sub(h, n)), cz), sigmoidSlope(z))
    return [add(mul(dn, r), cq), dr, dz, dn, mul(dh, z)]
  }
  const y = kept[0]!
  if (cell === 'tanh') return [mul(ct[0]!, tanhSlope(y))]
  if (cell === 'relu') return [where(gt(y, 0), ct[0]!, 0)]
  const [dh, cc, ci, cf, cg, co] = ct as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
  const [, next, i, f, g, o] = kept as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
  const t = tanh(next)
  const dc = add(cc, mul(mul(dh, o), tanhSlope(t)))
  return [
    mul(add(mul(dc, g), ci), sigmoidSlope(i)),
    mul(add(mul(dc, c!), cf), sigmoidSlope(f)),
    mul(add(mul(dc, i), cg), tanhSlope(g)),
    mul(add(mul(dh, t), co), sigmoidSlope(o)),
    mul(dc, f),
  ]
}

/** The inputs by name: gates' inputs, recurrent weights, first state, first cell (LSTM), bias of q (GRU). */
function inputsOf(cell: RecurrentCell, inputs: readonly Tensor[]) {
  const [x, weight, h0, last] = inputs as [Tensor, Tensor, Tensor, Tensor?]
  return {
    x,
    weight,
    h0,
    c0: cell === 'lstm' ? last : undefined,
    bias: cell === 'gru' ? last : undefined,
  }
}

/** The columns of `keeps` or `gives` extents of H each. */
const columns = (rows: Tensor, H: number): Tensor[] => split(rows, H, 1)

/**
 * The layer step by step, from plain operations: the parts that each row keeps, (rows, H) each. It also serves an LSTM
 * whose state is projected by `project` (P, H), which has no faster form; h is (rows, P) then.
 */
export function unrolled(inputs: readonly Tensor[], run: Run, project?: Tensor | null): Tensor[] {
  const { x, weight, h0, c0, bias } = inputsOf(run.cell, inputs)
  const first = offsets(run.steps)
  const kept: Tensor[][] = run.steps.map(() => [])
  let [h, c, known] = [h0, c0, 0]
  for (const t of order(run)) {
    const n = run.steps[t]!
    const resume = (now: Tensor, initial: Tensor) =>
      gather([
        [now, 0, Math.min(known, n)],
        [initial, known, n - known],
      ])
    h = resume(h, h0)
    c = c && resume(c, c0!)
    const parts = stepForward(run.cell, narrow(x, 0, first[t]!, n), [weight, bias], h, c)
    if (project) parts[0] = matmul(parts[0]!, swap(project))
    kept[t] = parts
    h = parts[0]!
    c = c && parts[1]!
    known = n
  }
  return kept[0]!.map((_, i) => concat(kept.map((parts) => parts[i]!)))
}

/** The walk back step by step: what each row gives, (rows, H) each. `cts` are the gradients of what rows keep. */
function unrolledBack(
  cts: readonly Tensor[],
  kept: readonly Tensor[],
  inputs: readonly Tensor[],
  run: Run,
): Tensor[] {
  const { weight, h0, c0 } = inputsOf(run.cell, inputs)
  const { cell, steps } = run
  const first = offsets(steps)
  const before = previousRows(kept[0]!, h0, run)
  const cellsBefore = c0 && previousRows(kept[1]!, c0, run)
  const given: Tensor[][] = steps.map(() => [])
  /** Gradients of the state, and of the cell, that the step walked last began with. */
  let carried: (Tensor | undefined)[] = []
  let known = 0
  for (const t of order(run).reverse()) {
    const n = steps[t]!
    const rows = (x: Tensor) => narrow(x, 0, first[t]!, n)
    const here = cts.map((ct, i) => {
      const more = carried[i]
      const m = Math.min(known, n)
      const own = rows(ct)
      if (!more || m === 0) return own
      return gather([
        [add(narrow(own, 0, 0, m), narrow(more, 0, 0, m)), 0, m],
        [own, m, n - m],
      ])
    })
    const parts = stepBackward(
      cell,
      here,
      kept.map(rows),
      rows(before),
      cellsBefore && rows(cellsBefore),
    )
    given[t] = parts
    const H = parts[0]!.shape[1]!
    if (cell === 'lstm') carried = [matmul(concat(parts.slice(0, 4), 1), weight), parts[4]!]
    else if (cell === 'gru')
      carried = [add(matmul(concat(parts.slice(0, 3), 1), stateFirst(weight, H)), parts[4]!)]
    else carried = [matmul(parts[0]!, weight)]
    known = n
  }
  return given[0]!.map((_, i) => concat(given.map((parts) => parts[i]!)))
}

/** The rows of a GRU's r, z, n weights in the order n, r, z; and back. */
const stateFirst = (w: Tensor, H: number) =>
  gather([
    [w, 2 * H, H],
    [w, 0, 2 * H],
  ])
const stateLast = (w: Tensor, H: number) =>
  gather([
    [w, H, 2 * H],
    [w, 0, H],
  ])

/** What each row gives, (rows, gives · H): by one primitive, or from plain operations when that is differentiated. */
function given(
  cts: readonly (Tensor | null)[],
  inputs: readonly Tensor[],
  outs: readonly Tensor[],
  run: Run,
): Tensor {
  const { weight, h0, c0 } = inputsOf(run.cell, inputs)
  const all = outs[outs.length - 1]!
  const deep = cts[outs.length - 1]
  if (!deep && !state.gradEnabled) {
    const [ct, ctCell] = cts
    return prim(rare(recurrentPrims, { op: 'recurrentBack', run }), [
      all,
      ct ?? zerosOf(outs[0]!),
      weight,
      h0,
      ...(c0 ? [c0] : []),
      ...(c0 && ctCell ? [ctCell] : []),
    ])
  }
  const H = weight.shape[1]!
  const states = outs.slice(0, -1)
  const kept = [...states, ...columns(all, H).slice(states.length)]
  const more = deep ? columns(deep, H) : []
  const own = kept.map((k, i) => {
    const ct = i < states.length ? cts[i] : null
    const extra = more[i]
    return ct && extra ? add(ct, extra) : (ct ?? extra ?? zerosOf(k))
  })
  return concat(unrolledBack(own, kept, inputs, run), 1)
}

/**
 * A layer's states from its gates' inputs (what the inputs give, biases included) and its recurrent weights.
 *
 * Shapes: x (rows, gates · H), weight (gates · H, H), h0 (B, H); for an LSTM c0 (B, H); for a GRU perhaps bias (H),
 * the recurrent bias of its n. Gates in PyTorch's order: LSTM i, f, g, o; GRU r, z, n. Result: h (rows, H), for an
 * LSTM c (rows, H), and what the gradient needs, (rows, keeps · H).
 * @throws ShapeError when the shapes do not fit, ValueError when the steps do not
 */
export const recurrence = defineOp({
  name: 'recurrence',
  formula:
    'h_t = tanh(x_t + W h_(t−1)), or relu; LSTM: c_t = f c_(t−1) + i g, h_t = o tanh c_t with i, f, o = σ, g = tanh; GRU: n = tanh(x_n + r (W_n h + b)), h_t = (1 − z) n + z h_(t−1)',
  source: 'https://pytorch.org/docs/1.13/nn.html#recurrent-layers',
  args: (x: Tensor, weight: Tensor, initial: readonly Tensor[], run: Run) => {
    const { gates } = recurrentCells[run.cell]
    const inputs = operands('recurrence', [x, weight, ...initial], { float: true })
    const [rows, width] = x.shape
    const H = weight.shape[1]!
    const [B] = initial[0]!.shape
    const bad = (rule: string, got: string) => {
      throw new ShapeError({ op: 'recurrence', rule, got })
    }
    if (weight.rank !== 2 || weight.shape[0] !== gates * H)
      bad(`the recurrent weight must be (${gates} · H, H)`, show(weight.shape))
    if (x.rank !== 2 || width !== gates * H) bad(`x must be (rows, ${gates * H})`, show(x.shape))
    initial.forEach((t, i) => {
      const want = run.cell === 'gru' && i === 1 ? [H] : [B!, H]
      if (!sameShape(t.shape, want)) bad(`the first state must be ${show(want)}`, show(t.shape))
    })
    const { steps } = run
    if (
      steps.length === 0 ||
      steps[0] !== B ||
      steps.some((n, t) => n > (steps[t - 1] ?? n)) ||
      steps.reduce((s, n) => s + n, 0) !== rows
    )
      throw new ValueError({
        op: 'recurrence',
        rule: `the steps must start with ${B} rows, never grow, and share out all ${rows} rows`,
        got: `${steps}`,
      })
    return { inputs, attrs: { cell: run.cell, steps: [...steps], reverse: run.reverse } }
  },
  forward: (inputs, run): Tensor[] => {
    const H = inputs[1]!.shape[1]!
    const kept = prim(rare(recurrentPrims, { op: 'recurrent', run }), inputs)
    const states = columns(kept, H).slice(0, run.cell === 'lstm' ? 2 : 1)
    return [...states, kept]
  },
  vjp: (cts, inputs, outs, run): Grads => {
    const { weight, h0, c0, bias } = inputsOf(run.cell, inputs)
    const H = weight.shape[1]!
    const back = given(cts, inputs, outs, run)
    const h = outs[0]!
    const part = (from: number, count: number) => narrow(back, 1, from * H, count * H)
    const gru = run.cell === 'gru'
    const { gates } = recurrentCells[run.cell]
    // What meets the recurrent weights, and the state that it met.
    const a = part(0, gates)
    const ends = endRows(back, run, !run.reverse)
    const endPart = (from: number, count: number) => narrow(ends, 1, from * H, count * H)
    const product = matmul(swap(a), previousRows(h, h0, run))
    const dh0 = matmul(endPart(0, gates), gru ? stateFirst(weight, H) : weight)
    const grads: (Tensor | null)[] = [
      gru ? part(1, gates) : a,
      gru ? stateLast(product, H) : product,
      gru ? add(dh0, endPart(4, 1)) : dh0,
    ]
    if (c0) grads.push(endPart(4, 1))
    if (bias) grads.push(sum(part(0, 1), 0))
    return grads
  },
  example: (m) => [
    [
      m.of([[0.5], [-1], [2]]),
      m.of([[0.5]]),
      [m.of([[1]])],
      { cell: 'relu', steps: [1, 1, 1], reverse: false },
    ],
    [1, 0, 2, 1, 0, 2],
  ],
  samples: (m) => {
    const even = { steps: [2, 2, 2], reverse: false }
    const uneven = { steps: [3, 2, 2, 1], reverse: true }
    return [
      [m.float([6, 2]), m.float([2, 2], -1, 1), [m.float([2, 2])], { cell: 'tanh', ...even }],
      [m.float([8, 2]), m.float([2, 2], -1, 1), [m.float([3, 2])], { cell: 'tanh', ...uneven }],
      [
        m.float([6, 8]),
        m.float([8, 2], -1, 1),
        [m.float([2, 2]), m.float([2, 2])],
        { cell: 'lstm', ...even },
      ],
      [
        m.float([8, 8]),
        m.float([8, 2], -1, 1),
        [m.float([3, 2]), m.float([3, 2])],
        { cell: 'lstm', ...uneven },
      ],
      [
        m.float([6, 6]),
        m.float([6, 2], -1, 1),
        [m.float([2, 2]), m.float([2])],
        { cell: 'gru', ...even, reverse: true },
      ],
      [
        m.float([8, 6]),
        m.float([6, 2], -1, 1),
        [m.float([3, 2])],
        { cell: 'gru', ...uneven, reverse: false },
      ],
    ]
  },
})
