/** Recurrent layers, row by row. See ops/recurrence.ts for what rows save, and for their gradients. */
import type { TypedArray } from '../../core/dtype.js'
import { type RecurrentCell, type RecurrentRun, recurrentCells } from '../ir.js'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

/** The rows in the order of running: where each lies, its place in the batch, and the row that ran before (or -1). */
function* rowsOf({
  steps,
  reverse,
}: RecurrentRun): Generator<[row: number, b: number, before: number]> {
  const first = steps.map((_, t) => steps.slice(0, t).reduce((s, n) => s + n, 0))
  const order = reverse ? [...steps.keys()].reverse() : [...steps.keys()]
  for (const t of order)
    for (let b = 0; b < steps[t]!; b++) {
      const before = reverse ? t + 1 : t - 1
      yield [first[t]! + b, b, b < (steps[before] ?? 0) ? first[before]! + b : -1]
    }
}

/** What one unit saves, from its gates' inputs `x`, the state's products `u` and what it was before. */
function keep(
  cell: RecurrentCell,
  x: readonly number[],
  u: readonly number[],
  h: number,
  c: number,
  bias: number,
): number[] {
  const a = x.map((v, g) => v + u[g]!)
  if (cell === 'tanh') return [Math.tanh(a[0]!)]
  if (cell === 'relu') return [Math.max(a[0]!, 0)]
  if (cell === 'lstm') {
    const [i, f, g, o] = [sigmoid(a[0]!), sigmoid(a[1]!), Math.tanh(a[2]!), sigmoid(a[3]!)]
    const next = f * c + i * g
    return [o * Math.tanh(next), next, i, f, g, o]
  }
  const [r, z, q] = [sigmoid(a[0]!), sigmoid(a[1]!), u[2]! + bias]
  const n = Math.tanh(x[2]! + r * q)
  return [(1 - z) * n + z * h, r, z, n, q]
}

/** The gradients of one unit, from the gradients of its state (and cell), what it saved and what it was before. */
function give(
  cell: RecurrentCell,
  dh: number,
  dc: number,
  kept: readonly number[],
  h: number,
  c: number,
): number[] {
  const y = kept[0]!
  if (cell === 'tanh') return [dh * (1 - y * y)]
  if (cell === 'relu') return [y > 0 ? dh : 0]
  if (cell === 'lstm') {
    const [, next, i, f, g, o] = kept as [number, number, number, number, number, number]
    const t = Math.tanh(next)
    const d = dc + dh * o * (1 - t * t)
    return [
      d * g * i * (1 - i),
      d * c * f * (1 - f),
      d * i * (1 - g * g),
      dh * t * o * (1 - o),
      d * f,
    ]
  }
  const [, r, z, n, q] = kept as [number, number, number, number, number]
  const dn = dh * (1 - z) * (1 - n * n)
  return [dn * r, dn * q * r * (1 - r), dh * (h - n) * z * (1 - z), dn, dh * z]
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i)

export function recurrent(
  run: RecurrentRun,
  H: number,
  args: readonly TypedArray[],
  out: TypedArray,
): void {
  const { cell } = run
  const { gates, saved } = recurrentCells[cell]
  const [x, w, h0, last] = args as [TypedArray, TypedArray, TypedArray, TypedArray?]
  for (const [row, b, before] of rowsOf(run)) {
    const state = (part: number, j: number, initial: TypedArray | undefined) =>
      before >= 0 ? out[(before * saved + part) * H + j]! : (initial?.[b * H + j] ?? 0)
    const h = range(H).map((j) => state(0, j, h0))
    for (let j = 0; j < H; j++) {
      const gate = (g: number) => g * H + j
      const u = range(gates).map((g) => h.reduce((s, v, k) => s + w[gate(g) * H + k]! * v, 0))
      const xs = range(gates).map((g) => x[row * gates * H + gate(g)]!)
      const c = cell === 'lstm' ? state(1, j, last) : 0
      keep(cell, xs, u, h[j]!, c, cell === 'gru' ? (last?.[j] ?? 0) : 0).forEach((v, i) => {
        out[(row * saved + i) * H + j] = v
      })
    }
  }
}

export function recurrentBack(
  run: RecurrentRun,
  H: number,
  args: readonly TypedArray[],
  out: TypedArray,
): void {
  const { cell } = run
  const { gates, saved, grads } = recurrentCells[cell]
  const [kept, ct, w, h0, c0, ctCell] = args as [
    TypedArray,
    TypedArray,
    TypedArray,
    TypedArray,
    TypedArray?,
    TypedArray?,
  ]
  const rows = [...rowsOf(run)]
  const after = new Map(rows.map(([row, , before]) => [before, row]))
  // The weights' row of each gate that has a gradient.
  const order = cell === 'gru' ? [2, 0, 1] : range(gates)
  for (const [row, b, before] of rows.reverse()) {
    const next = after.get(row)
    for (let j = 0; j < H; j++) {
      const state = (part: number, initial: TypedArray | undefined) =>
        before >= 0 ? kept[(before * saved + part) * H + j]! : (initial?.[b * H + j] ?? 0)
      let dh = ct[row * H + j]!
      let dc = ctCell?.[row * H + j] ?? 0
      if (next !== undefined) {
        order.forEach((g, i) => {
          for (let k = 0; k < H; k++)
            dh += out[(next * grads + i) * H + k]! * w[(g * H + k) * H + j]!
        })
        const carried = grads > gates ? out[(next * grads + 4) * H + j]! : 0
        if (cell === 'lstm') dc += carried
        else dh += carried
      }
      const own = range(saved).map((i) => kept[(row * saved + i) * H + j]!)
      give(cell, dh, dc, own, state(0, h0), cell === 'lstm' ? state(1, c0) : 0).forEach((v, i) => {
        out[(row * grads + i) * H + j] = v
      })
    }
  }
}
