/** Words of a program as they are written: an array that grows. */
export class Words {
  words = new Int32Array(4096)
  length = 0

  /** Gives the place of the first one. */
  append(more: ArrayLike<number>): number {
    const start = this.length
    const end = start + more.length
    if (end > this.words.length) {
      const larger = new Int32Array(Math.max(end, 2 * this.words.length))
      larger.set(this.words)
      this.words = larger
    }
    this.words.set(more, start)
    this.length = end
    return start
  }
}

/** Low word, high word. */
export const long = (n: number): [number, number] => [n | 0, Math.floor(n / 2 ** 32)]
