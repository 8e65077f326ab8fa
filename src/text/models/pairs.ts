/** A hash table of pairs of whole numbers: merges of BPE, edges of a trie. */
export class PairTable {
  private first: Int32Array
  private second: Int32Array
  private values: Int32Array
  private mask: number
  size = 0
  constructor(expected = 16) {
    let capacity = 16
    while (capacity < expected * 2) capacity *= 2
    this.mask = capacity - 1
    this.first = new Int32Array(capacity).fill(-1)
    this.second = new Int32Array(capacity)
    this.values = new Int32Array(capacity)
  }
  private slot(a: number, b: number): number {
    let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
    let i = (h ^ (h >>> 13)) & this.mask
    while (this.first[i] !== -1 && (this.first[i] !== a || this.second[i] !== b))
      i = (i + 1) & this.mask
    return i
  }
  /** The value of a pair, −1 when there is none. */
  get(a: number, b: number): number {
    const i = this.slot(a, b)
    return this.first[i] === -1 ? -1 : this.values[i]!
  }
  set(a: number, b: number, value: number): void {
    let i = this.slot(a, b)
    if (this.first[i] === -1) {
      if (this.size * 2 > this.mask) {
        this.grow()
        i = this.slot(a, b)
      }
      this.first[i] = a
      this.second[i] = b
      this.size++
    }
    this.values[i] = value
  }
  private grow(): void {
    const { first, second, values } = this
    const capacity = first.length * 2
    this.mask = capacity - 1
    this.first = new Int32Array(capacity).fill(-1)
    this.second = new Int32Array(capacity)
    this.values = new Int32Array(capacity)
    for (let k = 0; k < first.length; k++) {
      if (first[k] === -1) continue
      const i = this.slot(first[k]!, second[k]!)
      this.first[i] = first[k]!
      this.second[i] = second[k]!
      this.values[i] = values[k]!
    }
  }
}
