import { ValueError } from '../core/errors.js'
import { Generator } from '../tensor/random.js'
import { collate, type Dataset } from './dataset.js'

/** Gives the order of an epoch. */
export interface Sampler {
  readonly length: number
  indices(epoch: number): ArrayLike<number>
}

export interface LoaderOptions<T> {
  batchSize?: number
  shuffle?: boolean
  sampler?: Sampler
  /** Leave out the last batch when it is smaller. */
  dropLast?: boolean
  /** Examples into a batch. */
  collate?: (examples: T[]) => T
  seed?: number
}

/** 0..n−1 in an order made from seed and epoch by Fisher and Yates' shuffle. */
export class RandomSampler implements Sampler {
  readonly length: number
  private readonly seed: number
  constructor(length: number, seed = 0) {
    this.length = length
    this.seed = seed
  }
  indices(epoch: number): Int32Array {
    const n = this.length
    const order = Int32Array.from({ length: n }, (_, i) => i)
    const bits = new Generator(this.seed + epoch * 2 ** 32).bits([n]).toTypedArray()
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(((bits[i]! >>> 0) / 2 ** 32) * (i + 1))
      const t = order[i]!
      order[i] = order[j]!
      order[j] = t
    }
    return order
  }
}

/**
 * Batches of a dataset. Every `for` over it is one epoch; the order of an epoch follows from seed and epoch number
 * alone, so that a resumed run sees the same batches.
 */
export class DataLoader<T> implements Iterable<T> {
  readonly dataset: Dataset<T>
  readonly batchSize: number
  /** The epoch that the next iteration will be. */
  epoch = 0
  private readonly sampler: Sampler | undefined
  private readonly dropLast: boolean
  private readonly collate: (examples: T[]) => T

  constructor(dataset: Dataset<T>, options: LoaderOptions<T> = {}) {
    const { batchSize = 1, shuffle = false, sampler, dropLast = false, seed = 0 } = options
    if (!(Number.isInteger(batchSize) && batchSize > 0))
      throw new ValueError({
        op: 'DataLoader',
        rule: 'the batch size must be a whole number above 0',
        got: `${batchSize}`,
      })
    if (sampler && shuffle)
      throw new ValueError({
        op: 'DataLoader',
        rule: 'a sampler decides the order itself',
        got: 'shuffle too',
      })
    this.dataset = dataset
    this.batchSize = batchSize
    this.sampler = sampler ?? (shuffle ? new RandomSampler(dataset.length, seed) : undefined)
    this.dropLast = dropLast
    this.collate = options.collate ?? ((examples) => collate(examples) as T)
  }

  /** Batches in an epoch. */
  get length(): number {
    const n = (this.sampler ?? this.dataset).length / this.batchSize
    return this.dropLast ? Math.floor(n) : Math.ceil(n)
  }

  [Symbol.iterator](): Iterator<T> {
    return this.from(this.epoch++, 0)
  }

  /** The batches of an epoch from the `start`-th on. */
  *from(epoch: number, start: number): Generator_<T> {
    const order = this.sampler?.indices(epoch)
    const total = order?.length ?? this.dataset.length
    const { batchSize, dataset } = this
    for (let at = start * batchSize; at < total; at += batchSize) {
      const end = Math.min(at + batchSize, total)
      if (this.dropLast && end - at < batchSize) return
      const indices = new Int32Array(end - at)
      for (let i = at; i < end; i++) indices[i - at] = order ? order[i]! : i
      yield dataset.batch
        ? dataset.batch(indices)
        : this.collate(Array.from(indices, (i) => dataset.get(i)))
    }
  }
}
type Generator_<T> = globalThis.Generator<T, void, undefined>
