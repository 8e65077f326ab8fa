/**
 * Averages of gradients over ranks, in buckets that the model fixes and not the time, since sums depend on how they are
 * split. A bucket's parameters go through one node of the graph, which is made when the first of them is used: backward comes to
 * it when the gradients of all of them are there, and the exchange goes on while backward does.
 */
import { type Gradients, through } from '../autograd/hooks.js'
import { hooks } from '../autograd/backward.js'
import { bytesOf, type DType } from '../core/dtype.js'
import { add, mul } from '../ops/arithmetic.js'
import { toType } from '../ops/define.js'
import { guard, noGrad, state, withState } from '../ops/state.js'
import { fromData, type Tensor } from '../ops/tensor.js'
import { backend } from '../backends/registry.js'
import { zerosLike } from '../tensor/creation.js'
import { reduceTogether } from './collectives.js'
import type { ProcessGroup } from './world.js'

export interface ReducerOptions {
  /**
   * Megabytes after which a bucket is full. Unless given: a quarter of all gradients, so that little is left when backward ends, at
   * most PyTorch's 25 and at least 1, below which an exchange costs more than it hides. The first, of the last layers, is full after
   * 1, so that the exchange begins early.
   */
  bucketCapMb?: number | undefined
  /** Gradients travel in this type and are summed in it: half the bytes. */
  gradientCompression?: 'bfloat16' | 'float16' | undefined
  /** Ranks may use other parameters than each other; what no rank has used gets zeros inside of compiled steps. */
  findUnusedParameters?: boolean
}

interface Bucket {
  index: number
  dtype: DType
  params: Tensor[]
}
const MEGABYTE = 2 ** 20

const bytesIn = (list: readonly Tensor[]): number =>
  list.reduce((n, p) => n + p.size * bytesOf(p.dtype), 0)

/** From the last parameter to the first, each bucket of one type. */
function bucketsOf(params: readonly Tensor[], capMb: number | undefined): Bucket[] {
  const quarter = Math.max(MEGABYTE, Math.min(25 * MEGABYTE, bytesIn(params) / 4))
  const cap = capMb === undefined ? quarter : capMb * MEGABYTE
  const list: Bucket[] = []
  for (const p of [...params].reverse()) {
    const last = list[list.length - 1]
    const limit = list.length === 1 ? Math.min(cap, MEGABYTE) : cap
    if (last && last.dtype === p.dtype && bytesIn(last.params) < limit) last.params.unshift(p)
    else list.push({ index: list.length, dtype: p.dtype, params: [p] })
  }
  return list
}

export class Reducer {
  readonly group: ProcessGroup
  readonly buckets: readonly Bucket[]
  private sync = true
  /** Is `sync` changed by a function that is being traced? Then its program does not depend on it. */
  private inTrace = false
  /** What averages are divided by: all ranks, or fewer when some have no batches left. A tensor inside of `join`. */
  divisor: Tensor | undefined
  private readonly of = new Map<Tensor, Bucket>()
  /** The exchanges of the last backward, or of the last program, for `shadow`. */
  private exchanges: { bucket: Bucket; what: string }[] = []
  private readonly compression: DType | undefined
  private readonly findUnused: boolean

  constructor(params: readonly Tensor[], group: ProcessGroup, options: ReducerOptions = {}) {
    const { bucketCapMb, gradientCompression, findUnusedParameters = false } = options
    this.group = group
    this.compression = gradientCompression
    this.findUnused = findUnusedParameters
    this.buckets = bucketsOf(
      params.filter((p) => p.requiresGrad),
      bucketCapMb,
    )
    for (const b of this.buckets) for (const p of b.params) this.of.set(p, b)
  }

  /** Gradients of forward passes in `f` stay as they are on each rank. */
  withoutSync<R>(f: () => R): R {
    const { sync, inTrace } = this
    this.sync = false
    this.inTrace = state.recorder !== undefined
    try {
      return f()
    } finally {
      this.sync = sync
      this.inTrace = inTrace
    }
  }
  get synchronizes(): boolean {
    return this.inTrace ? this.sync : guard(() => this.sync)
  }

  /** Runs a forward pass so that backward averages the gradients of its parameters. */
  run<R>(forward: () => R): R {
    if (!state.gradEnabled || !this.synchronizes) return forward()
    const outer = state.replaced
    const made = new Map<Bucket, Tensor[]>()
    this.exchanges = []
    const kept = new Map<Bucket, Gradients>()
    const { of } = this
    const get = (t: Tensor): Tensor | undefined => {
      const bucket = state.gradEnabled ? of.get(t) : undefined
      if (!bucket) return outer?.get(t)
      let list = made.get(bucket)
      if (!list) {
        const params = bucket.params.map((p) => outer?.get(p) ?? p)
        list = withState('replaced', undefined, () =>
          through(params, (cts) => {
            if (!this.findUnused) return this.reduce(bucket, cts)
            kept.set(bucket, cts)
            return cts
          }),
        )
        made.set(bucket, list)
      }
      return list[bucket.params.indexOf(t)]
    }
    // Ranks may come to their buckets in other orders: all are exchanged at the end, in one order.
    if (this.findUnused) hooks.afterWalk.add((found) => this.reduceAll(kept, found))
    return withState('replaced', { get } as ReadonlyMap<Tensor, Tensor>, forward)
  }

  private reduceAll(kept: ReadonlyMap<Bucket, Gradients>, found: Map<Tensor, Tensor>): void {
    for (const bucket of this.buckets) {
      const { params } = bucket
      const cts = kept.get(bucket) ?? params.map(() => null)
      const grads = this.reduce(bucket, cts)
      const used = state.recorder ? undefined : this.usedAnywhere(cts)
      params.forEach((p, i) => {
        if (used && !used[i]) found.delete(p)
        else found.set(p, grads[i]!)
      })
    }
  }
  private usedAnywhere(cts: Gradients): boolean[] {
    const own = fromData(
      Float32Array.from(cts, (ct) => (ct ? 1 : 0)),
      [cts.length],
      'float32',
      backend(),
    )
    const [all] = reduceTogether([own], 'max', this.group, 'used parameters')
    return Array.from(all!.toTypedArray() as Float32Array, (v) => v > 0)
  }

  /** Where the division has the gradients' own type and is by all ranks it is part of the exchange. */
  private get how(): 'mean' | 'sum' {
    return this.compression || this.divisor ? 'sum' : 'mean'
  }
  /** The averages of a bucket's gradients; null where this rank has none, and none is given. */
  private reduce(bucket: Bucket, cts: Gradients): (Tensor | null)[] {
    const { index, params } = bucket
    return noGrad(() => {
      const grads = params.map((p, i) => {
        const now = cts[i] ?? zerosLike(p)
        // What noSync has gathered before has not been averaged yet; what has been is the same on all ranks.
        const before = p.grad
        if (!before) return now
        p.grad = null
        return add(before, now)
      })
      const small = this.compression
      const sent = small ? grads.map((g) => toType(g, small)) : grads
      const used = cts.map((ct) => (ct ? 1 : 0)).join('')
      const mask = this.findUnused || !used.includes('0') ? '' : ` (used: ${used.slice(0, 100)})`
      const what = `gradients ${index + 1}${mask}`
      this.exchanges.push({ bucket, what })
      const how = this.how
      const sums = reduceTogether(sent, how, this.group, what, true)
      const share = this.divisor ?? 1 / this.group.size
      return sums.map((sum, i) => {
        if (!cts[i] && !this.findUnused) return null
        return how === 'mean' ? sum : mul(small ? toType(sum, params[i]!.dtype) : sum, share)
      })
    })
  }

  /** Takes part in the exchanges of ranks that have more batches, with nothing to give. */
  shadow(compiled: boolean): void {
    for (const { bucket, what } of this.exchanges) {
      const { params } = bucket
      const zeros = params.map((p) => {
        const z = zerosLike(p)
        return this.compression ? toType(z, this.compression) : z
      })
      noGrad(() => reduceTogether(zeros, this.how, this.group, what, true))
      if (this.findUnused && !compiled) this.usedAnywhere(params.map(() => null))
    }
  }
}
