import { NablaError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { pacer } from '../core/pause.js'
import { philox } from '../core/philox.js'
import { Generator, withGenerator } from '../tensor/random.js'
import { collate, type Dataset, IterableDataset } from './dataset.js'
import { type Job, Prefetcher } from './prefetch.js'
import {
  type BatchOrder,
  BatchSampler,
  RandomSampler,
  requireSeed,
  type Sampler,
  SequentialSampler,
} from './samplers.js'

export interface LoaderOptions<T> {
  /** Examples of a batch; 1 when not given. The last batch may be smaller. */
  batchSize?: number
  /** Another random order in every epoch; off when not given. */
  shuffle?: boolean
  /** Gives the order of an epoch, instead of `shuffle`. */
  sampler?: Sampler
  /** Gives the batches themselves, instead of batchSize, shuffle, sampler and dropLast. */
  batchSampler?: BatchOrder
  /** Leaves out the last batch when it is smaller, even when it is the only one; off when not given. */
  dropLast?: boolean
  /** Makes a batch of examples. With `workers` the dataset's own method `batch` does it. */
  collate?: (examples: T[]) => T
  /** The same seed gives the same orders and random transforms; 0 when not given. */
  seed?: number
  /**
   * Threads that make batches ahead of the training. They load the dataset's module again, so it must come from
   * `datasetFrom`. Where threads cannot be waited for (browsers), batches are made on the calling thread.
   */
  workers?: number
  /** Batches that each worker makes ahead; 2 when not given. */
  prefetch?: number
  /** Seconds to wait for a batch of a worker; 120 when not given. */
  timeout?: number
}
const loaderOptions: OptionNames<LoaderOptions<unknown>> = {
  batchSize: true,
  shuffle: true,
  sampler: true,
  batchSampler: true,
  dropLast: true,
  collate: true,
  seed: true,
  workers: true,
  prefetch: true,
  timeout: true,
}

/** The position of an iteration: the next batch. */
export interface LoaderState {
  epoch: number
  batch: number
}

/**
 * Batches of a dataset. Every `for` over it is one epoch. The order of an epoch, and what transforms draw from nabla's
 * generators while its batches are made, follow from seed, epoch and batch number alone: a resumed run sees the same
 * bits, and so does one with another number of workers.
 * @throws ValueError for options that do not go together
 * @example for (const [x, y] of new DataLoader(train, { batchSize: 64, shuffle: true })) step(x, y)
 */
export class DataLoader<T> implements Iterable<T> {
  readonly dataset: Dataset<T> | IterableDataset<T>
  readonly batchSize: number
  /** The epoch that the next iteration will be, or the present one is. */
  epoch = 0
  /** The batch of it that comes next. */
  private at = 0
  private readonly order: BatchOrder | undefined
  private readonly dropLast: boolean
  private readonly collate: (examples: T[]) => T
  private readonly seed: number
  private readonly workers: number
  private readonly prefetch: number
  private readonly timeout: number
  private readonly given: LoaderOptions<T>
  private threads: Prefetcher | undefined
  /** Of each batch the part of one of several ranks, and the sizes of the whole batches. */
  private part: readonly [rank: number, size: number] | undefined
  private sizes: readonly number[] = []

  constructor(dataset: Dataset<T> | IterableDataset<T>, options: LoaderOptions<T> = {}) {
    checkOptions('DataLoader', options as LoaderOptions<unknown>, loaderOptions)
    const { batchSize = 1, shuffle = false, sampler, batchSampler, dropLast = false } = options
    const { seed = 0, workers = 0, prefetch = 2, timeout = 120 } = options
    const refuse = (rule: string, got: string, fix?: string): never => {
      throw new ValueError({ op: 'DataLoader', rule, got, ...(fix && { fix }) })
    }
    const whole = (what: string, n: number, from: number) => {
      if (!(Number.isInteger(n) && n >= from))
        refuse(`${what} must be a whole number ${from > 0 ? 'above 0' : 'from 0'}`, `${n}`)
    }
    whole('the batch size', batchSize, 1)
    whole('workers', workers, 0)
    whole('prefetch', prefetch, 1)
    requireSeed('DataLoader', seed)
    if (sampler && shuffle) refuse('a sampler decides the order itself', 'shuffle too')
    if (batchSampler && (sampler || shuffle || dropLast || options.batchSize !== undefined))
      refuse(
        'a batch sampler decides the batches itself',
        'batchSize, shuffle, sampler or dropLast too',
      )
    if (dataset instanceof IterableDataset) {
      if (sampler || batchSampler || shuffle)
        refuse('examples without an index come in their own order', 'shuffle or a sampler')
    } else {
      const n = dataset.length
      whole('the length of the dataset', n, 0)
      this.order =
        batchSampler ??
        new BatchSampler(
          sampler ?? (shuffle ? new RandomSampler(n, seed) : new SequentialSampler(n)),
          batchSize,
          dropLast,
        )
    }
    if (workers > 0) {
      if (dataset instanceof IterableDataset || !dataset.origin)
        refuse(
          'workers load the dataset again from its module',
          'a dataset that exists in this thread only',
          "Create it by `await datasetFrom(new URL('./my-data.js', import.meta.url), 'name')`.",
        )
      if (options.collate)
        refuse(
          'workers collate by themselves',
          'a collate function',
          "Give the dataset a method 'batch'.",
        )
    }
    this.dataset = dataset
    this.batchSize = batchSize
    this.dropLast = dropLast
    this.collate = options.collate ?? ((examples) => collate(examples) as T)
    this.seed = seed
    this.workers = workers
    this.prefetch = prefetch
    this.timeout = timeout
    this.given = options
  }

  /**
   * A loader of other examples, made as this one but for the `changes`.
   * @throws ValueError when this one has a sampler, which is made for its own examples
   */
  over(dataset: Dataset<T>, changes: LoaderOptions<T> = {}): DataLoader<T> {
    const { sampler, batchSampler } = this.given
    if (sampler || batchSampler)
      throw new ValueError({
        op: 'DataLoader.over',
        rule: 'the loader must not have a sampler of its own',
        got: sampler ? 'a sampler' : 'a batch sampler',
        fix: 'Make both loaders yourself.',
      })
    return new DataLoader(dataset, { ...this.given, ...changes })
  }

  /** A loader of part `rank` of `size` of every batch: together they give what this one gives. */
  share(rank: number, size: number): DataLoader<T> {
    const own = new DataLoader(this.dataset, this.given)
    own.part = [rank, size]
    return own
  }
  /** Of batch k of the epoch that `from` has begun: examples of this part (one that is none is there all the same), and of all. */
  countsOf(k: number): { own: number; all: number } {
    const all = this.sizes[k]!
    const [from, to] = this.rows(all)
    return { own: to - from, all }
  }
  private rows(all: number): [number, number] {
    const [rank, size] = this.part ?? [0, 1]
    return [Math.floor((rank * all) / size), Math.floor(((rank + 1) * all) / size)]
  }

  /** Batches in an epoch; infinite for an IterableDataset, which ends when it ends. */
  get length(): number {
    return this.order?.length ?? Number.POSITIVE_INFINITY
  }

  /** The position, to be kept in a checkpoint: within an epoch, the batch after the last one given. */
  stateDict(): LoaderState {
    return { epoch: this.epoch, batch: this.at }
  }
  /** The next `for` continues from there. */
  loadStateDict({ epoch, batch }: LoaderState): void {
    this.epoch = epoch
    this.at = batch
  }

  *[Symbol.iterator](): Generator_<T> {
    try {
      for (const batch of this.from(this.epoch, this.at)) {
        this.at++
        yield batch
      }
    } finally {
      this.epoch++
      this.at = 0
    }
  }

  /** Like the synchronous iteration, but other events run while a batch is made. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for await (const batch of this.fromAsync(this.epoch, this.at)) {
        this.at++
        yield batch
      }
    } finally {
      this.epoch++
      this.at = 0
    }
  }

  /** The batches of an epoch from the `start`-th on. */
  *from(epoch: number, start: number): Generator_<T> {
    const { dataset } = this
    if (dataset instanceof IterableDataset) {
      yield* this.stream(dataset, start)
      return
    }
    const jobs = this.jobs(epoch, start)
    const source = this.source(dataset)
    if (source) yield* source.run(there(dataset, jobs)) as Iterable<T>
    else for (const job of jobs) yield makeBatch(dataset, job, this.collate)
  }

  /** The same for `for await`: waiting for workers lets other events run. */
  async *fromAsync(epoch: number, start: number): AsyncGenerator<T, void, undefined> {
    const { dataset } = this
    const source = dataset instanceof IterableDataset ? undefined : this.source(dataset)
    if (source)
      yield* source.runAsync(
        there(dataset as Dataset<T>, this.jobs(epoch, start)),
      ) as AsyncIterable<T>
    else {
      const giveWay = pacer()
      for (const batch of this.from(epoch, start)) {
        yield batch
        const pause = giveWay()
        if (pause) await pause
      }
    }
  }

  /**
   * Frees the memory of a batch that is not used any more: new memory for each batch costs as much as to fill
   * it. Nothing happens for datasets that do not make whole batches.
   */
  release(batch: T): void {
    if (!(this.dataset instanceof IterableDataset)) this.dataset.release?.(batch)
  }

  private jobs(epoch: number, start: number): Job[] {
    const batches = this.order!.batches(epoch)
    const [rank] = this.part ?? [0]
    this.sizes = batches.map(({ length }) => length)
    return batches.slice(start).map((indices, k) => {
      const [low, high] = keyOf(this.seed, epoch, start + k)
      const [from, to] = this.rows(indices.length)
      // Something must go through the network where a rank has nothing.
      const first = Math.min(from, Math.max(0, indices.length - 1))
      const own = this.part
        ? Int32Array.from({ length: Math.max(1, to - from) }, (_, i) => indices[first + i]!)
        : indices
      return { indices: own, key: [low, high ^ Math.imul(rank, 0x9e3779b9)] as [number, number] }
    })
  }

  private source(dataset: Dataset<T>): Prefetcher | undefined {
    if (this.workers === 0 || !Prefetcher.possible) return undefined
    this.threads ??= new Prefetcher(dataset.origin!, this.workers, this.prefetch, this.timeout)
    return this.threads
  }

  /** Ends the workers; the next iteration starts new ones. They do not prevent the process from exiting. */
  close(): void {
    this.threads?.stop()
    this.threads = undefined
  }
  [Symbol.dispose](): void {
    this.close()
  }

  private *stream(dataset: IterableDataset<T>, start: number): Generator_<T> {
    let batch: T[] = []
    let skip = start * this.batchSize
    for (const example of dataset) {
      if (skip > 0) {
        skip--
        continue
      }
      batch.push(example)
      if (batch.length < this.batchSize) continue
      yield this.collate(batch)
      batch = []
    }
    if (batch.length > 0 && !this.dropLast) yield this.collate(batch)
  }
}
type Generator_<T> = globalThis.Generator<T, void, undefined>

/** The jobs for the dataset that the threads have. */
function there<T>({ origin }: Dataset<T>, jobs: readonly Job[]): Job[] {
  const at = origin!.at ?? Number
  return jobs.map(({ indices, key }) => ({ indices: Int32Array.from(indices, at), key }))
}

/** Two words of a random key for a batch. */
function keyOf(seed: number, epoch: number, batch: number): [number, number] {
  const words = new Int32Array(2)
  // Keys of the orders themselves have the epoch added to the seed; another counter block keeps these apart.
  philox(seed | 0, (Math.floor(seed / 2 ** 32) + epoch) | 0, batch + 1, 0, words)
  return [words[0]!, words[1]!]
}

/** The example i. What its making throws says which it was, also when it comes from a worker. */
function exampleOf<T>(dataset: Dataset<T>, i: number): T {
  try {
    return dataset.get(i)
  } catch (error) {
    if (error instanceof NablaError) throw error.addPath(`example ${i}`)
    if (error instanceof Error) error.message = `example ${i}: ${error.message}`
    throw error
  }
}

/** One batch, drawing from a generator of its own. The same function runs in workers. */
export function makeBatch<T>(
  dataset: Dataset<T>,
  { indices, key }: Job,
  collate: (examples: T[]) => T,
): T {
  const generator = new Generator()
  generator.setState([...key, 0])
  return withGenerator(generator, () =>
    dataset.batch
      ? dataset.batch(indices)
      : collate(Array.from(indices, (i) => exampleOf(dataset, i))),
  )
}
