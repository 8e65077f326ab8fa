/** Random numbers for algorithms that draw one at a time, by the generator of nabla's tensors (Philox). */
import { philox } from './philox.js'

const BLOCK = 1024

/** A stream of numbers that follows from a seed. */
export class Random {
  private readonly words = new Int32Array(BLOCK)
  private at = BLOCK
  private drawn = 0
  private spare: number | undefined
  private readonly key: [number, number]
  constructor(seed: number) {
    this.key = [seed | 0, Math.floor(seed / 2 ** 32) | 0]
  }
  private word(): number {
    if (this.at === BLOCK) {
      philox(this.key[0], this.key[1], 0x636c, this.drawn, this.words)
      this.drawn += BLOCK
      this.at = 0
    }
    return this.words[this.at++]! >>> 0
  }
  /** Uniform in [0, 1), 53 bits. */
  next(): number {
    const high = this.word() >>> 5
    return (high * 2 ** 26 + (this.word() >>> 6)) / 2 ** 53
  }
  /** A whole number from 0 to n − 1. */
  below(n: number): number {
    return Math.floor(this.next() * n)
  }
  /** Normal with mean 0 and deviation 1 (Box and Muller, 1958). */
  normal(): number {
    if (this.spare !== undefined) {
      const v = this.spare
      this.spare = undefined
      return v
    }
    const r = Math.sqrt(-2 * Math.log(1 - this.next()))
    const angle = 2 * Math.PI * this.next()
    this.spare = r * Math.sin(angle)
    return r * Math.cos(angle)
  }
  /** 0 … n − 1 in random order (Fisher and Yates). */
  order(n: number): Int32Array {
    const list = new Int32Array(n)
    for (let i = 0; i < n; i++) list[i] = i
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const v = list[i]!
      list[i] = list[j]!
      list[j] = v
    }
    return list
  }
}
