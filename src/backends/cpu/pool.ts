/**
 * Memory given back, for the next who asks for the same: fresh memory costs more than the work on it. At most `limit`
 * bytes; without room the kinds give one up in turn, so that those no longer asked for make place.
 */
export class BufferPool<K, T> {
  private readonly limit: number
  readonly kept = new Map<K, { spare: T; bytes: number }[]>()
  bytes = 0

  constructor(limit: number) {
    this.limit = limit
  }

  give(key: K, spare: T, bytes: number): void {
    if (bytes > this.limit) return
    while (this.bytes + bytes > this.limit) this.drop()
    this.bytes += bytes
    const list = this.kept.get(key)
    if (list) list.push({ spare, bytes })
    else this.kept.set(key, [{ spare, bytes }])
  }

  take(key: K): T | undefined {
    const found = this.bytes > 0 ? this.kept.get(key)?.pop() : undefined
    if (found) this.bytes -= found.bytes
    return found?.spare
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
