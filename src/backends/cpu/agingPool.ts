import { BufferPool } from './pool.js'

/** Blocks of so many bytes are much, and old after so many milliseconds. */
const MUCH = 4 * 2 ** 20
const AGE = 1000

/**
 * A pool that gives up much memory that nobody has asked for during a second: what making or quantizing a model took does
 * not stay. Not in pages, which are the smaller without it: their WebAssembly memory never shrinks.
 */
export class AgingPool<K, T extends object> {
  private readonly pool: BufferPool<K, T>
  private readonly since = new WeakMap<T, number>()
  private readonly now: () => number
  private looked = 0

  constructor(limit: number, now: () => number = () => performance.now()) {
    this.pool = new BufferPool(limit)
    this.now = now
  }

  give(key: K, spare: T, bytes: number): void {
    if (bytes >= MUCH) this.since.set(spare, this.now())
    this.pool.give(key, spare, bytes)
  }

  take(key: K): T | undefined {
    const found = this.pool.take(key)
    if (this.pool.bytes >= MUCH) this.age()
    return found
  }

  /** Gives up what is large and old. */
  private age(): void {
    const now = this.now()
    if (now - this.looked < AGE / 4) return
    this.looked = now
    const { kept } = this.pool
    for (const [key, list] of kept) {
      const young = list.filter(
        ({ bytes, spare }) => bytes < MUCH || now - this.since.get(spare)! < AGE,
      )
      if (young.length === list.length) continue
      for (const entry of list) if (!young.includes(entry)) this.pool.bytes -= entry.bytes
      if (young.length > 0) kept.set(key, young)
      else kept.delete(key)
    }
  }
}
