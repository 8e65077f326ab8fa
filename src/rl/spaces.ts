/** What an environment lets an agent see and do: Gymnasium's spaces. */
import { ValueError } from '../core/errors.js'
import { type Shape, sizeOf } from '../core/shape.js'
import type { RandomStream } from './random.js'

/** One of n things, numbered from 0. */
export class Discrete {
  readonly n: number
  /** @throws ValueError unless n is a whole number from 1 */
  constructor(n: number) {
    if (!Number.isInteger(n) || n < 1)
      throw new ValueError({ op: 'Discrete', rule: 'n must be a whole number from 1', got: `${n}` })
    this.n = n
  }
  contains(x: unknown): boolean {
    return Number.isInteger(x) && (x as number) >= 0 && (x as number) < this.n
  }
  sample(random: RandomStream): number {
    return random.integer(this.n)
  }
  toString(): string {
    return `Discrete(${this.n})`
  }
}

/** Lists of numbers between bounds. */
export class Box {
  readonly low: Float64Array
  readonly high: Float64Array
  readonly shape: Shape
  /**
   * Bounds of each number, or one for all.
   * @throws ValueError for a lower bound above the upper one, and for as many bounds as the shape does not have
   */
  constructor(low: number | ArrayLike<number>, high: number | ArrayLike<number>, shape?: Shape) {
    this.shape = shape ?? [typeof low === 'number' ? 1 : low.length]
    const n = sizeOf(this.shape)
    const list = (v: number | ArrayLike<number>) =>
      typeof v === 'number' ? new Float64Array(n).fill(v) : Float64Array.from(v)
    this.low = list(low)
    this.high = list(high)
    const [a, b] = [this.low.length, this.high.length]
    if (a !== n || b !== n)
      throw new ValueError({ op: 'Box', rule: `there must be ${n} bounds`, got: `${a} and ${b}` })
    const wrong = this.low.findIndex((v, i) => !(v <= this.high[i]!))
    if (wrong >= 0)
      throw new ValueError({
        op: 'Box',
        rule: 'lower bounds are at most the upper ones',
        got: `${this.low[wrong]} and ${this.high[wrong]} at ${wrong}`,
      })
  }
  contains(x: unknown): boolean {
    const list = x as ArrayLike<number>
    if (typeof list?.length !== 'number' || list.length !== this.low.length) return false
    return this.low.every((v, i) => list[i]! >= v && list[i]! <= this.high[i]!)
  }
  /** Uniform where both bounds are finite; a number without bounds is drawn from -1 to 1. */
  sample(random: RandomStream): Float32Array {
    return Float32Array.from(this.low, (low, i) => {
      const high = this.high[i]!
      if (Number.isFinite(low) && Number.isFinite(high)) return random.uniform(low, high)
      if (Number.isFinite(low)) return low + random.uniform()
      return Number.isFinite(high) ? high - random.uniform() : random.uniform(-1, 1)
    })
  }
  toString(): string {
    return `Box([${this.shape.join(', ')}])`
  }
}

export type Space = Discrete | Box

/** Numbers that a network reads of an observation: the list itself, or one place for each of n things. */
export const featuresOf = (space: Space): number =>
  space instanceof Discrete ? space.n : space.low.length

/** Writes an observation as a network reads it: a list as it is, one of n things as n places of which one is 1. */
export function writeFeatures(
  space: Space,
  observation: number | ArrayLike<number>,
  out: Float32Array,
  at: number,
): void {
  if (space instanceof Discrete) {
    out.fill(0, at, at + space.n)
    out[at + (observation as number)] = 1
  } else out.set(observation as ArrayLike<number>, at)
}
