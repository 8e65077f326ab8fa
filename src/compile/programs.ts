/** The programs of one compiled function: few enough, the one that was used longest ago goes first. */
import { show } from '../core/errors.js'
import { showValue } from '../core/options.js'
import { partsOf } from '../core/tree.js'
import { Tensor } from '../ops/tensor.js'

/** Programs that are kept for one signature of the arguments. */
const EACH = 8
/** So many traces are told of. */
const OFTEN = 16

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

type Described = readonly [place: string, what: string][]

/** The arguments as text, place by place. */
function describe(value: unknown, place: string): Described {
  if (value instanceof Tensor) {
    const layout = value.isContiguous ? '' : ` with strides [${value.strides}]`
    return [[place, `${value.dtype}${show(value.shape)}${layout}`]]
  }
  const parts = partsOf(value)
  if (!parts) return [[place, showValue(value)]]
  return parts.flatMap(([key, part]) => describe(part, `${place}.${key}`))
}

/** Counts how often a function is traced, and tells once when that is often, and why. */
export class Retraces {
  count = 0
  private told = false
  /** Since the programs were last given up. */
  private since = 0
  private before: Described = []
  private readonly often: number

  constructor(most: number) {
    this.often = Math.min(OFTEN, most + 1)
  }

  /** One more; `reason` names what has changed that is no argument, and `surplus` how many programs that has cost. */
  add(args: readonly unknown[], reason: string | undefined, surplus: number): void {
    this.count++
    this.since++
    const now = args.flatMap((v, i) => describe(v, `argument ${i}`))
    const i = now.findIndex(
      ([place, what], k) => this.before[k]?.[0] !== place || this.before[k]?.[1] !== what,
    )
    const [place, what] = now[i] ?? []
    const was = this.before[i]
    this.before = now
    if (this.told) return
    if (surplus > 0) {
      this.tell(
        `is traced again and again${reason ? `, since ${reason} changes` : ''}. Pass what changes as an argument, or write it into a tensor with assign().`,
      )
    } else if (this.since >= this.often && place && was) {
      this.tell(
        `has been traced ${this.since} times: ${place} was ${was[1]} and is ${what} now. Every shape and every value that is no tensor has a program of its own. Pad to a few sizes (the option buckets), drop the last batch (dropLast), or pass numbers as tensors.`,
      )
    }
  }
  private tell(what: string): void {
    this.told = true
    console.warn(`nabla: a compiled function ${what}`)
  }

  restart(): void {
    this.since = 0
  }
}
