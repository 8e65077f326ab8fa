/** Blocks of so many bytes are much, and old after so many milliseconds. */
const MUCH = 4 * 2 ** 20
const AGE = 1000

/**
 * Memory given back, for the next who asks for the same: fresh memory costs more than the work on it. At most `limit`
 * bytes; without room the kinds give one up in turn, so that those no longer asked for make place. Much memory that nobody
 * has asked for during a second is given up too: what making or quantizing a model took does not stay.
 */
export class BufferPool<K, T> {
  private readonly limit: number
  private readonly kept = new Map<K, { spare: T; bytes: number; since: number }[]>()
  private bytes = 0
  private looked = 0
  private readonly now: () => number

  constructor(limit: number, now: () => number = () => performance.now()) {
    this.limit = limit
    this.now = now
  }

  give(key: K, spare: T, bytes: number): void {
    if (bytes > this.limit) return
    const since = bytes >= MUCH ? this.now() : 0
    while (this.bytes + bytes > this.limit) this.drop()
    this.bytes += bytes
    const list = this.kept.get(key)
    if (list) list.push({ spare, bytes, since })
    else this.kept.set(key, [{ spare, bytes, since }])
  }

  take(key: K): T | undefined {
    const found = this.bytes > 0 ? this.kept.get(key)?.pop() : undefined
    if (found) this.bytes -= found.bytes
    if (this.bytes >= MUCH) this.age()
    return found?.spare
  }

  /** Gives up what is large and old; the last of a list is the newest. */
  private age(): void {
    const now = this.now()
    if (now - this.looked < AGE / 4) return
    this.looked = now
    for (const [key, list] of this.kept) {
      const young = list.filter(({ bytes, since }) => bytes < MUCH || now - since < AGE)
      if (young.length === list.length) continue
      for (const entry of list) if (!young.includes(entry)) this.bytes -= entry.bytes
      if (young.length > 0) this.kept.set(key, young)
      else this.kept.delete(key)
    }
  }

  /** One of the first kind, which becomes the last. */
  private drop(): void {
    const [key, list] = this.kept.entries().next().value!
    const dropped = list.pop()
    this.kept.delete(key)
    if (dropped) this.bytes -= dropped.bytes
    if (list.length > 0) this.kept.set(key, list)
  }
}
