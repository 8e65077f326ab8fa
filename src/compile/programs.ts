/** The programs of one compiled function: few enough, the one that was used longest ago goes first. */
/** Programs that are kept for one signature of the arguments. */
const EACH = 8

interface Kept {
  readonly key: string
  readonly executable: { free(): void } | undefined
}

export class Programs<V extends Kept> {
  private readonly most: number
  private readonly byKey = new Map<string, V[]>()
  /** In the order of their last use. */
  private readonly used = new Set<V>()
  private latest: V | undefined

  constructor(most: number) {
    this.most = most
  }

  of(key: string): readonly V[] {
    return this.byKey.get(key) ?? []
  }
  get all(): readonly V[] {
    return [...this.byKey.values()].flat()
  }

  /** Marks a program as the one used last. */
  use(v: V): void {
    if (this.latest === v) return
    this.latest = v
    this.used.delete(v)
    this.used.add(v)
  }

  /** Keeps a new program; gives the number of others with its key that were too many. */
  add(v: V): number {
    let list = this.byKey.get(v.key)
    if (!list) {
      list = []
      this.byKey.set(v.key, list)
    }
    list.unshift(v)
    this.use(v)
    let surplus = 0
    for (; list.length > EACH; surplus++) this.drop(list[list.length - 1]!)
    for (const oldest of this.used) {
      if (this.used.size <= this.most) break
      this.drop(oldest)
    }
    return surplus
  }

  private drop(v: V): void {
    const list = this.byKey.get(v.key)!
    list.splice(list.indexOf(v), 1)
    if (list.length === 0) this.byKey.delete(v.key)
    this.used.delete(v)
    v.executable?.free()
  }

  clear(): void {
    for (const v of this.used) v.executable?.free()
    this.used.clear()
    this.byKey.clear()
    this.latest = undefined
  }
}
