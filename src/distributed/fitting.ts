/** What `fit` needs to train on several ranks: it finds this where initProcessGroup has been called. */
import { extras } from '../core/extras.js'
import { DataLoader } from '../data/loader.js'
import type { Module } from '../nn/module.js'
import type { Optimizer } from '../optim/optimizer.js'
import { guard } from '../ops/state.js'
import { averagerOf, type PeriodicModelAverager } from './localSgd.js'
import { isSharded } from './zero.js'
import { narrow } from '../ops/slice.js'
import { fromData, type Tensor } from '../ops/tensor.js'
import { defaultGenerator } from '../tensor/random.js'
import { backend } from '../backends/registry.js'
import { allReduce } from './collectives.js'
import { compareModels, DistributedDataParallel, synchronize } from './ddp.js'
import { broadcastBytes } from './objects.js'
import type { Work } from './orders.js'
import { Reducer } from './reducer.js'
import { allReduce as summed } from './functional.js'
import { isInitialized, markStep, type ProcessGroup, reportFailure, theWorld } from './world.js'

type Batch = readonly Tensor[]
/** As fit's BatchSource. */
interface Source {
  readonly length: number
  from(epoch: number, start: number): Iterator<Batch>
  fromAsync?(epoch: number, start: number): AsyncIterator<Batch>
  release?(batch: Batch): void
}

/** The ranks of a training. */
export class Fitting {
  readonly group: ProcessGroup
  private readonly model: Module
  /** Undefined: the model averages its gradients itself. */
  private readonly reducer: Reducer | undefined
  private readonly counts = new WeakMap<Batch, { own: number; all: number }>()
  private asked: Work<Tensor> | undefined
  /** Of local SGD. */
  private readonly averager: PeriodicModelAverager | undefined
  private readonly params: readonly Tensor[]
  /** The state of the optimizer lies on all ranks: checkpoints are made by all together. */
  readonly sharded: boolean

  constructor(model: Module, optimizer: Optimizer) {
    this.averager = averagerOf(optimizer)
    this.sharded = isSharded(optimizer)
    this.params = optimizer.groups.flatMap((g) => g.params)
    this.group = theWorld('fit').all
    this.model = model
    if (model instanceof DistributedDataParallel) return
    compareModels(model, this.group)
    this.reducer = new Reducer(model.parameters(), this.group)
    this.shareWeights()
  }
  /** Of this process; the first prints and saves. */
  get rank(): number {
    return this.group.rank
  }
  private shareWeights(): void {
    const { model, group } = this
    const all = [...model.parameters(), ...model.namedBuffers().map(([, t]) => t)]
    synchronize(all, group.ranks[0]!, group, 'initial weights')
  }

  /** The forward pass; `sync`: backward averages the gradients of all since the last time. */
  run<R>(forward: () => R, sync: boolean): R {
    const { model, reducer, group } = this
    if (!reducer) return sync ? forward() : (model as DistributedDataParallel).noSync(forward)
    const { averager } = this
    if (!sync || (averager && guard(() => averager.local))) return reducer.withoutSync(forward)
    const buffers = model.namedBuffers().map(([, t]) => t)
    if (buffers.length > 0) synchronize(buffers, group.ranks[0]!, group, 'buffers')
    return reducer.run(forward)
  }
  /** The mean over ranks, in a program too. */
  mean(t: Tensor): Tensor {
    return summed(t, 'mean', this.group)
  }

  /** The part of this rank of every batch. Who brings a DistributedDataParallel brings the parts too. */
  share(source: Source): Source {
    if (!this.reducer) return source
    const { rank, size } = this.group
    if (source instanceof DataLoader && Number.isFinite(source.length)) {
      const part = source.share(rank, size) as unknown as DataLoader<Tensor[]>
      const { counts } = this
      const note = (batch: Batch, k: number) => {
        counts.set(batch, part.countsOf(k))
        return batch
      }
      return {
        length: source.length,
        *from(epoch, start) {
          let k = start
          for (const batch of iterable(part.from(epoch, start))) yield note(batch, k++)
        },
        async *fromAsync(epoch, start) {
          let k = start
          for await (const batch of part.fromAsync(epoch, start)) yield note(batch, k++)
        },
        release: (batch) => part.release(batch as Tensor[]),
      }
    }
    const cut = (batch: Batch): Batch => {
      const all = batch[0]!.shape[0]!
      const [from, to] = partOf(all, rank, size)
      const rows = Math.max(1, to - from)
      const part = batch.map((t) => narrow(t, 0, Math.min(from, all - rows), rows))
      this.counts.set(part, { own: to - from, all })
      return part
    }
    const { fromAsync } = source
    return {
      length: source.length,
      *from(epoch, start) {
        for (const batch of iterable(source.from(epoch, start))) yield cut(batch)
      },
      ...(fromAsync && {
        async *fromAsync(epoch: number, start: number) {
          const batches = fromAsync.call(source, epoch, start)
          for (let next = await batches.next(); !next.done; next = await batches.next())
            yield cut(next.value)
        },
      }),
    }
  }
  /** Examples of this rank in a batch, and what its mean counts: averages over ranks are then those of the whole batch. */
  countOf(batch: Batch): { samples: number; weight: number } {
    const { own, all } = this.counts.get(batch) ?? {
      own: batch[0]!.shape[0]!,
      all: batch[0]!.shape[0]! * this.group.size,
    }
    return { samples: own, weight: (own * this.group.size) / all }
  }

  /** Sums over ranks. */
  sum(values: readonly number[]): number[] {
    const t = doubles(values)
    allReduce(t, 'sum', { group: this.group })
    return [...(t.toTypedArray() as Float64Array)]
  }
  /** The numbers of the first rank. */
  same(values: readonly number[]): number[] {
    const bytes = new Uint8Array(Float64Array.from(values).buffer)
    return [...new Float64Array(this.bytes(bytes).slice().buffer)]
  }
  /** The bytes of the first rank. */
  bytes(bytes: Uint8Array): Uint8Array {
    return broadcastBytes(bytes, this.group.ranks[0]!, { group: this.group })
  }
  /** Is it so on any rank? */
  any(flag: boolean): boolean {
    return this.sum([flag ? 1 : 0])[0]! > 0
  }
  /** The same one call later, so that nobody waits for it: has any rank said so at the call before? */
  lately(flag: boolean, step: number): boolean {
    markStep(step)
    const before = this.asked?.wait()
    this.asked = allReduce(doubles([flag ? 1 : 0]), 'sum', { group: this.group, asyncOp: true })
    return before !== undefined && Number(before.toTypedArray()[0]) > 0
  }
  /** At the end of an epoch: all ranks have one model. */
  settle(): void {
    this.asked?.wait()
    this.asked = undefined
    this.averager?.average(this.params)
  }

  /** Random numbers of each rank are its own from here on, and those of the first rank again at the end. */
  ownRandomNumbers(): () => void {
    const change = () => {
      const [low = 0, high = 0, draws = 0] = defaultGenerator.getState()
      defaultGenerator.setState([low, high ^ Math.imul(this.rank, 0x9e3779b9), draws])
    }
    defaultGenerator.setState(this.same(defaultGenerator.getState()))
    change()
    return change
  }
}

const doubles = (values: readonly number[]): Tensor =>
  fromData(Float64Array.from(values), [values.length], 'float64', backend())
const iterable = (i: Iterator<Batch>): Iterable<Batch> => ({ [Symbol.iterator]: () => i })

/** The rows of a batch of `all` that are a rank's, which differ by one at most. */
const partOf = (all: number, rank: number, size: number): [number, number] => [
  Math.floor((rank * all) / size),
  Math.floor(((rank + 1) * all) / size),
]

/** For training loops: undefined where this process is the only one. */
export function fitting(model: Module, optimizer: Optimizer): Fitting | undefined {
  const several = isInitialized() && theWorld('fit').all.size > 1
  return several ? new Fitting(model, optimizer) : undefined
}
extras.fitting = fitting
extras.failed = reportFailure

declare module '../core/extras.js' {
  interface Extras {
    fitting: typeof fitting
    /** Tells the other ranks that this one ends with an error. */
    failed: (error: unknown) => void
  }
}
