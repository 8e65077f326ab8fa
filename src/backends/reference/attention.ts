/** Attention, weight by weight. See prims/attention.ts for operands and outputs. */
import type { TypedArray } from '../../core/dtype.js'
import { philox } from '../../core/philox.js'
import type { Shape } from '../../core/shape.js'
import type { AttentionRun } from '../prims/attention.js'

interface Extents {
  B: number
  H: number
  G: number
  L: number
  S: number
  E: number
  D: number
}
const extentsOf = (q: { shape: Shape }, v: { shape: Shape }): Extents => {
  const [B, H, L, E] = q.shape as [number, number, number, number]
  const [, G, S, D] = v.shape as [number, number, number, number]
  return { B, H, G, L, S, E, D }
}

/** Scores of a query with all keys, −∞ where they are hidden; and what each weight is multiplied by. */
function rowOf(
  run: AttentionRun,
  { H, G, L, S, E }: Extents,
  [b, h, i]: readonly [number, number, number],
  [q, k, , ...rest]: readonly TypedArray[],
): { scores: number[]; stays: number[] } {
  const mask = run.mask ? rest[0]! : undefined
  const generator = rest[run.mask ? 1 : 0]
  const row = (b * H + h) * L + i
  const head = b * G + Math.floor(h / (H / G))
  const bits = new Int32Array(S)
  if (run.p > 0) {
    const [low, high, draw] = [0, 1, 2].map((n) => Number(generator![n])) as [
      number,
      number,
      number,
    ]
    philox(low, high, draw, row * S, bits)
  }
  const least = Math.ceil(run.p * 2 ** 24)
  const bool = mask instanceof Uint8Array
  const scores = Array.from({ length: S }, (_, j) => {
    if ((run.causal && j > i) || (bool && !mask[row * S + j])) return Number.NEGATIVE_INFINITY
    let sum = 0
    for (let e = 0; e < E; e++) sum += Number(q![row * E + e]) * Number(k![(head * S + j) * E + e])
    return sum * run.scale + (mask && !bool ? Number(mask[row * S + j]) : 0)
  })
  const stays = Array.from({ length: S }, (_, j) => (bits[j]! >>> 8 >= least ? 1 / (1 - run.p) : 0))
  return { scores, stays }
}

function eachRow({ B, H, L }: Extents, f: (b: number, h: number, i: number) => void): void {
  for (let b = 0; b < B; b++) for (let h = 0; h < H; h++) for (let i = 0; i < L; i++) f(b, h, i)
}

export function attention(
  run: AttentionRun,
  inputs: readonly { shape: Shape }[],
  args: readonly TypedArray[],
  [out, saved]: readonly TypedArray[],
): void {
  const x = extentsOf(inputs[0]!, inputs[2]!)
  const { H, G, L, S, D } = x
  const v = args[2]!
  eachRow(x, (b, h, i) => {
    const { scores, stays } = rowOf(run, x, [b, h, i], args)
    const top = scores.reduce((m, s) => Math.max(m, s), Number.NEGATIVE_INFINITY)
    const shift = top === Number.NEGATIVE_INFINITY ? 0 : top
    const weights = scores.map((s) => Math.exp(s - shift))
    const total = weights.reduce((s, w) => s + w, 0)
    const head = b * G + Math.floor(h / (H / G))
    for (let d = 0; d < D; d++) {
      let sum = 0
      for (let j = 0; j < S; j++)
        if (weights[j] !== 0) sum += weights[j]! * stays[j]! * Number(v[(head * S + j) * D + d])
      out![((b * L + i) * H + h) * D + d] = total === 0 ? 0 : sum / total
    }
    if (!saved) return
    saved[2 * ((b * H + h) * L + i)] = top
    saved[2 * ((b * H + h) * L + i) + 1] = Math.log(total)
  })
}

export function attentionBack(
  run: AttentionRun,
  [, , , qs, , vs]: readonly { shape: Shape }[],
  [ct, saved, delta, ...args]: readonly TypedArray[],
  [dq, dk, dv]: readonly TypedArray[],
): void {
  const x = extentsOf(qs!, vs!)
  const { H, G, L, S, E, D } = x
  const [q, k, v] = args as [TypedArray, TypedArray, TypedArray]
  // Sums of many terms, in double precision until the end.
  const sums = [dq!, dk!, dv!].map((t) => new Float64Array(t.length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  eachRow(x, (b, h, i) => {
    const { scores, stays } = rowOf(run, x, [b, h, i], args)
    const row = (b * H + h) * L + i
    const g = Math.floor(h / (H / G))
    const [top, logSum] = [Number(saved![2 * row]), Number(saved![2 * row + 1])]
    for (let j = 0; j < S; j++) {
      const weight = logSum === Number.NEGATIVE_INFINITY ? 0 : Math.exp(scores[j]! - top - logSum)
      if (weight === 0) continue
      const key = (b * G + g) * S + j
      const out = (b * S + j) * G + g
      let slope = 0
      for (let d = 0; d < D; d++) {
        slope += Number(ct![row * D + d]) * Number(v[key * D + d])
        sums[2][out * D + d]! += weight * stays[j]! * Number(ct![row * D + d])
      }
      const score = weight * (slope * stays[j]! - Number(delta![row])) * run.scale
      for (let e = 0; e < E; e++) {
        sums[0][((b * L + i) * H + h) * E + e]! += score * Number(k[key * E + e])
        sums[1][out * E + e]! += score * Number(q[row * E + e])
      }
    }
  })
  ;[dq!, dk!, dv!].forEach((t, n) => {
    for (let i = 0; i < t.length; i++) t[i] = sums[n]![i]!
  })
}
