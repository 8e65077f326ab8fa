/** The random numbers of an environment: a stream of its own for each seed, the same in every engine. */
import { ValueError } from '../core/errors.js'
import { philox } from '../core/philox.js'

const WORDS = 256

/**
 * Numbers that follow from a seed and a stream alone, drawn one after the other (Philox4x32-10).
 * @example new RandomStream(7).integer(10) // 9
 */
export class RandomStream {
  private readonly words = new Int32Array(WORDS)
  private next = WORDS
  private block = 0
  readonly seed: number
  private readonly stream: number

  /** @throws ValueError unless the seed is a whole number from 0 to 2⁵³ − 1 */
  constructor(seed: number, stream = 0) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new ValueError({
        op: 'RandomStream',
        rule: 'a seed is a whole number from 0 to 2^53 - 1',
        got: `${seed}`,
      })
    this.seed = seed
    this.stream = stream
  }

  /** From 0 up to 1, in steps of 2⁻³². */
  uniform(low = 0, high = 1): number {
    if (this.next === WORDS) {
      const { seed } = this
      philox(
        seed | 0,
        Math.floor(seed / 2 ** 32) ^ (this.stream << 21),
        this.block++,
        0,
        this.words,
      )
      this.next = 0
    }
    return low + (high - low) * ((this.words[this.next++]! >>> 0) / 2 ** 32)
  }
  /** A whole number from 0 to n − 1. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n)
  }
  /** An index, each as likely as its weight says; the weights sum to 1. */
  choice(weights: ArrayLike<number>): number {
    let u = this.uniform()
    const last = weights.length - 1
    for (let i = 0; i < last; i++) {
      u -= weights[i]!
      if (u < 0) return i
    }
    return last
  }
}
