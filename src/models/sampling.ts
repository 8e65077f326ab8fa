/** From logits to the next token. */
import { ValueError } from '../core/errors.js'
import { philox } from '../core/philox.js'

export interface SamplingOptions {
  /** Divides the logits: above 1 flatter, below 1 sharper; 0 takes the most probable token. 0 unless given. */
  temperature?: number
  /** Only the k most probable tokens. */
  topK?: number
  /** Only the most probable tokens that reach this probability together. */
  topP?: number
  /** Only tokens at least this times as probable as the most probable one. */
  minP?: number
  /** Logits of tokens that came before: positive ones are divided by this, negative ones multiplied. */
  repetitionPenalty?: number
  /** The same seed draws the same tokens. */
  seed?: number
}

export function checkSampling(op: string, o: SamplingOptions): void {
  const must = (name: keyof SamplingOptions, rule: string, holds: (v: number) => boolean) => {
    const v = o[name]
    if (v !== undefined && !holds(v))
      throw new ValueError({ op, rule: `${name} must be ${rule}`, got: `${v}` })
  }
  must('temperature', '0 or above', (v) => v >= 0 && v < Number.POSITIVE_INFINITY)
  must('topK', 'a whole number from 1 up', (v) => Number.isInteger(v) && v >= 1)
  must('topP', 'above 0, and 1 at most', (v) => v > 0 && v <= 1)
  must('minP', 'from 0 to 1', (v) => v >= 0 && v <= 1)
  must('repetitionPenalty', 'above 0', (v) => v > 0)
  must('seed', 'a whole number from 0 to 2^53 - 1', (v) => Number.isSafeInteger(v) && v >= 0)
}

/** The place of the largest; the first on ties. */
export function argmax(x: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < x.length; i++) if (x[i]! > x[best]!) best = i
  return best
}

/** A number in [0, 1) for a step of a sequence: the same whatever else is generated beside it. */
export function chance(seed: number, sequence: number, step: number, use = 0): number {
  const word = new Int32Array(1)
  philox(seed | 0, Math.floor(seed / 2 ** 32) | 0, sequence, 4 * (4 * step + use), word)
  return (word[0]! >>> 8) / 2 ** 24
}

/** Logits with the penalty for what came before. */
export function penalized(
  logits: ArrayLike<number>,
  before: Iterable<number>,
  penalty: number,
): Float64Array {
  const z = Float64Array.from(logits)
  if (penalty !== 1)
    for (const t of new Set(before))
      if (t < z.length) z[t] = z[t]! > 0 ? z[t]! / penalty : z[t]! * penalty
  return z
}

/**
 * The probabilities that a token is drawn by: softmax(logits / temperature), where topK, topP and minP leave some at 0. In the
 * order of Hugging Face: penalty for the tokens `before`, temperature, then topK, topP and minP one after the other; they sum to
 * 1. Temperature 0, as without one: the most probable token has them all. `generate` draws by them.
 *
 * Shapes: logits and probabilities have one number for each token of the vocabulary.
 * @example distribution([0, 0, 0], [], { temperature: 1, topK: 2 }) // [0.5, 0.5, 0]
 */
export function distribution(
  logits: ArrayLike<number>,
  before: Iterable<number>,
  o: SamplingOptions,
): Float64Array {
  const { temperature = 0, topK, topP, minP, repetitionPenalty = 1 } = o
  const z = penalized(logits, before, repetitionPenalty)
  const p = new Float64Array(z.length)
  if (temperature === 0) {
    p[argmax(z)] = 1
    return p
  }
  const top = z[argmax(z)]!
  for (let i = 0; i < z.length; i++) p[i] = Math.exp((z[i]! - top) / temperature)
  normalize(p)
  if (topK !== undefined || topP !== undefined) {
    const order = Array.from(p.keys()).sort((a, b) => p[b]! - p[a]! || a - b)
    let kept = Math.min(topK ?? p.length, p.length)
    if (topP !== undefined) {
      let all = 0
      for (let i = 0; i < kept; i++) all += p[order[i]!]!
      let sum = 0
      for (let i = 0; i < kept; i++) {
        sum += p[order[i]!]! / all
        if (sum >= topP) kept = i + 1
      }
    }
    for (const i of order.slice(kept)) p[i] = 0
    normalize(p)
  }
  if (minP !== undefined && minP > 0) {
    const least = minP * p[argmax(p)]!
    for (let i = 0; i < p.length; i++) if (p[i]! < least) p[i] = 0
    normalize(p)
  }
  return p
}
function normalize(p: Float64Array): void {
  let sum = 0
  for (const x of p) sum += x
  for (let i = 0; i < p.length; i++) p[i]! /= sum
}

/** The next token by `distribution`: the most probable one, or that at u() of [0, 1). */
export function drawn(
  logits: ArrayLike<number>,
  before: Iterable<number>,
  o: SamplingOptions,
  u: () => number,
): number {
  const { temperature = 0, repetitionPenalty = 1 } = o
  if (temperature > 0) return pick(distribution(logits, before, o), u())
  return argmax(repetitionPenalty === 1 ? logits : penalized(logits, before, repetitionPenalty))
}

/** The token at u of [0, 1) in a distribution. */
export function pick(p: Float64Array, u: number): number {
  let sum = 0
  let last = 0
  for (let i = 0; i < p.length; i++) {
    if (p[i] === 0) continue
    sum += p[i]!
    last = i
    if (u < sum) return i
  }
  return last
}
