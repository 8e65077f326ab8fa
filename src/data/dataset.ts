/** Datasets: examples by index. */
import { IndexError, ShapeError, ValueError } from '../core/errors.js'
import { showValue } from '../core/options.js'
import { indexSelect } from '../ops/indexing.js'
import { stack } from '../ops/join.js'
import { select } from '../ops/slice.js'
import { fromData, Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'

/** Examples by index. A dataset that can make a whole batch at once says so by `batch`. */
export interface Dataset<T = Tensor[]> {
  readonly length: number
  get(i: number): T
  batch?(indices: ArrayLike<number>): T
  /** Frees the memory of a batch for the next one; the caller must be its only user. */
  release?(batch: NoInfer<T>): void
  /** Where another thread can load the dataset again, and which of its examples these are; see `datasetFrom`. */
  readonly origin?: Origin
}

/** Where a dataset comes from: the arguments of `datasetFrom`. */
export interface Origin {
  readonly module: string
  readonly name: string
  readonly args: readonly unknown[]
  /** The index there of example i here; the same when not given. */
  readonly at?: (i: number) => number
}

/**
 * Examples without an index that come one after the other: the lines of a long file, a generator. Every epoch starts
 * again.
 * @example new IterableDataset(function* () { for (let i = 0; i < 5; i++) yield i })
 */
export class IterableDataset<T> implements Iterable<T> {
  private readonly begin: () => Iterable<T>
  constructor(begin: () => Iterable<T>) {
    this.begin = begin
  }
  [Symbol.iterator](): Iterator<T> {
    return this.begin()[Symbol.iterator]()
  }
  /** The same examples, each changed by `change`. */
  map<U>(change: (example: T) => U): IterableDataset<U> {
    const source = this
    return new IterableDataset(function* () {
      for (const example of source) yield change(example)
    })
  }
}

/**
 * Tensors whose first axes run together: example i is their i-th parts.
 * @throws ValueError when there is no tensor, ShapeError for tensors of different first extents
 * @example new TensorDataset(tensor([[1, 2], [3, 4]]), tensor([5, 6])).get(1) // [[3, 4], 6]
 */
export class TensorDataset<T extends Tensor[] = Tensor[]> implements Dataset<T> {
  readonly tensors: Readonly<T>
  readonly length: number
  constructor(...tensors: T) {
    const op = 'TensorDataset'
    if (tensors.length === 0)
      throw new ValueError({ op, rule: 'there must be a tensor', got: 'none' })
    const other = tensors.find((t) => !(t instanceof Tensor))
    if (other !== undefined)
      throw new ValueError({ op, rule: 'all must be tensors', got: showValue(other) })
    const extents = tensors.map((t) => t.shape[0])
    if (extents.some((n) => n === undefined || n !== extents[0]))
      throw new ShapeError({
        op,
        rule: 'all first extents must be equal',
        got: extents.map((n) => (n === undefined ? 'none' : `${n}`)).join(', '),
      })
    this.tensors = tensors
    this.length = extents[0]!
  }
  get(i: number): T {
    return this.tensors.map((t) => select(t, 0, i)) as T
  }
  batch(indices: ArrayLike<number>): T {
    const index = Int32Array.from(indices)
    return this.tensors.map((t) =>
      indexSelect(t, 0, fromData(index, [index.length], 'int32', t.backend)),
    ) as T
  }
}

/** Part of a dataset. */
export class Subset<T> implements Dataset<T> {
  readonly indices: ArrayLike<number>
  readonly length: number
  private readonly source: Dataset<T>
  constructor(source: Dataset<T>, indices: ArrayLike<number>) {
    this.source = source
    this.indices = indices
    this.length = indices.length
    for (let i = 0; i < indices.length; i++)
      if (!(Number.isInteger(indices[i]) && indices[i]! >= 0 && indices[i]! < source.length))
        throw new ValueError({
          op: 'Subset',
          rule: `indices must lie from 0 to ${source.length - 1}`,
          got: `${indices[i]}`,
        })
    if (source.batch)
      this.batch = (list) => source.batch!(Int32Array.from(list, (i) => this.indexOf(i)))
    if (source.release) this.release = (batch) => source.release!(batch)
    const { origin } = source
    if (origin) this.origin = { ...origin, at: (i) => (origin.at ?? Number)(indices[i]!) }
  }
  batch?: (indices: ArrayLike<number>) => T
  release?: (batch: T) => void
  readonly origin?: Origin
  get(i: number): T {
    return this.source.get(this.indexOf(i))
  }
  private indexOf(i: number): number {
    const found = this.indices[i]
    if (found !== undefined) return found
    throw new IndexError({
      op: 'Subset',
      rule: `indices lie from 0 to ${this.length - 1}`,
      got: `${i}`,
    })
  }
}

/** Datasets one after the other. */
export class ConcatDataset<T> implements Dataset<T> {
  readonly length: number
  private readonly parts: readonly Dataset<T>[]
  constructor(parts: readonly Dataset<T>[]) {
    this.parts = parts
    this.length = parts.reduce((n, p) => n + p.length, 0)
  }
  get(i: number): T {
    let at = i
    if (i >= 0 && Number.isInteger(i))
      for (const p of this.parts) {
        if (at < p.length) return p.get(at)
        at -= p.length
      }
    throw new IndexError({
      op: 'ConcatDataset',
      rule: `indices lie from 0 to ${this.length - 1}`,
      got: `${i}`,
    })
  }
}

/** Examples changed by a function when they are read; its random numbers follow from the loader's seed. */
export class MapDataset<T, U> implements Dataset<U> {
  readonly length: number
  private readonly source: Dataset<T>
  private readonly change: (example: T, i: number) => U
  constructor(source: Dataset<T>, change: (example: T, i: number) => U) {
    this.source = source
    this.change = change
    this.length = source.length
  }
  get(i: number): U {
    return this.change(this.source.get(i), i)
  }
}

/**
 * Inputs of another dataset that are their own targets, for autoencoders: (x, x) for each (x, ...).
 * @throws what the other dataset throws
 * @example new SelfTargetDataset(new TensorDataset(tensor([[1], [2]]), tensor([0, 1]))).get(1) // [[2], [2]]
 */
export class SelfTargetDataset implements Dataset<[Tensor, Tensor]> {
  readonly length: number
  private readonly source: Dataset<readonly Tensor[]>
  /** What the other dataset takes back, by the tensor that went on. */
  private readonly wholes = new WeakMap<Tensor, readonly Tensor[]>()
  constructor(source: Dataset<readonly Tensor[]>) {
    this.source = source
    this.length = source.length
    if (source.batch)
      this.batch = (indices) => {
        const whole = source.batch!(indices)
        const x = whole[0]!
        if (source.release) this.wholes.set(x, whole)
        return [x, x]
      }
    if (source.release)
      this.release = ([x]) => {
        const whole = this.wholes.get(x)
        if (whole) source.release!(whole)
      }
  }
  batch?: (indices: ArrayLike<number>) => [Tensor, Tensor]
  release?: (batch: [Tensor, Tensor]) => void
  get(i: number): [Tensor, Tensor] {
    const [x] = this.source.get(i)
    return [x!, x!]
  }
}

/** The value at a name or place of an example. @throws ValueError when the example has none */
function partOf(example: unknown, k: string | number, i: number): unknown {
  if (typeof example === 'object' && example !== null && Object.hasOwn(example, k))
    return (example as Record<string, unknown>)[k]
  throw new ValueError({
    op: 'collate',
    rule: 'all examples of a batch must have the same parts',
    got: `none called ${k} in the example ${i} of the batch`,
    fix: 'Pass a collate function.',
  })
}

/** Numbers as one tensor: int32 where all are whole and fit, float32 otherwise. @throws ValueError */
function numbersTensor(list: readonly unknown[]): Tensor {
  const odd = list.findIndex((v) => typeof v !== 'number')
  const large = list.findIndex(
    (v) => Number.isFinite(v) && !Number.isFinite(Math.fround(v as number)),
  )
  if (odd >= 0 || large >= 0)
    throw new ValueError({
      op: 'collate',
      rule: odd >= 0 ? 'all examples of a batch must be of one kind' : 'numbers must fit float32',
      got: `${showValue(list[odd >= 0 ? odd : large])} in the example ${odd >= 0 ? odd : large} of the batch`,
    })
  const whole = list.every((v) => (v as number) === ((v as number) | 0))
  return tensor(whole ? Int32Array.from(list as number[]) : Float32Array.from(list as number[]))
}

/**
 * Examples as one batch: tensors are stacked, numbers become tensors (int32 when all are whole and fit it, else float32),
 * lists and objects go by part.
 * @throws ValueError for examples of different kinds or parts, and numbers beyond float32
 */
export function collate(examples: readonly unknown[]): unknown {
  const first = examples[0]
  if (first instanceof Tensor) return stack(examples as Tensor[])
  if (typeof first === 'number') return numbersTensor(examples)
  if (typeof first === 'boolean') return tensor(examples as boolean[])
  if (Array.isArray(first)) {
    const other = examples.findIndex((e) => !Array.isArray(e) || e.length !== first.length)
    if (other >= 0) partOf(undefined, first.length - 1, other)
    return first.map((_, k) => collate(examples.map((e, i) => partOf(e, k, i))))
  }
  if (typeof first === 'object' && first !== null)
    return Object.fromEntries(
      Object.keys(first).map((k) => [k, collate(examples.map((e, i) => partOf(e, k, i)))]),
    )
  return examples
}

/**
 * The dataset that a module exports: its export `name` is the dataset, or a function that returns it for `args` (plain
 * values). A loader with `workers` loads the module again in each of its threads, since code cannot be sent to a thread.
 * @throws ValueError when there is no such export
 * @example const photos = await datasetFrom(new URL('./photos.js', import.meta.url), 'photos', 'train')
 */
export async function datasetFrom<T = Tensor[]>(
  module: string | URL,
  name = 'default',
  ...args: unknown[]
): Promise<Dataset<T>> {
  const made = await callExport<Dataset<T>>(`${module}`, name, args)
  const origin: Origin = { module: `${module}`, name, args }
  return Object.defineProperty(made, 'origin', { value: origin, configurable: true })
}

/** The value of an export, or its result for the arguments. */
export async function callExport<T>(
  module: string,
  name: string,
  args: readonly unknown[],
): Promise<T> {
  const found = ((await import(/* @vite-ignore */ module)) as Record<string, unknown>)[name]
  const made = typeof found === 'function' ? await found(...args) : found
  if (typeof made !== 'object' || made === null)
    throw new ValueError({
      op: 'datasetFrom',
      rule: `${module} must export a dataset, or a function that returns one, as ${name}`,
      got: found === undefined ? 'nothing under that name' : typeof made,
    })
  return made as T
}
