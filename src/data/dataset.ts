/** Datasets: examples by index. */
import { ShapeError, ValueError } from '../core/errors.js'
import { indexSelect } from '../ops/indexing.js'
import { stack } from '../ops/join.js'
import { select } from '../ops/slice.js'
import { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'

/** Examples by index. A dataset that can make a whole batch at once says so by `batch`. */
export interface Dataset<T = Tensor[]> {
  readonly length: number
  get(i: number): T
  batch?(indices: ArrayLike<number>): T
}

/** Tensors whose first axes run together: example i is their i-th parts. */
export class TensorDataset implements Dataset<Tensor[]> {
  readonly tensors: readonly Tensor[]
  readonly length: number
  constructor(...tensors: Tensor[]) {
    this.tensors = tensors
    this.length = tensors[0]?.shape[0] ?? 0
    for (const t of tensors)
      if (t.shape[0] !== this.length)
        throw new ShapeError({
          op: 'TensorDataset',
          rule: 'all first extents must be equal',
          got: tensors.map((x) => `${x.shape[0]}`).join(', '),
        })
  }
  get(i: number): Tensor[] {
    return this.tensors.map((t) => select(t, 0, i))
  }
  batch(indices: ArrayLike<number>): Tensor[] {
    const index = tensor(Int32Array.from(indices))
    return this.tensors.map((t) => indexSelect(t, 0, index))
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
      if (!(indices[i]! >= 0 && indices[i]! < source.length))
        throw new ValueError({
          op: 'Subset',
          rule: `indices must lie from 0 to ${source.length - 1}`,
          got: `${indices[i]}`,
        })
    if (source.batch) this.batch = (list) => source.batch!(Array.from(list, (i) => indices[i]!))
  }
  batch?: (indices: ArrayLike<number>) => T
  get(i: number): T {
    return this.source.get(this.indices[i]!)
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
    for (const p of this.parts) {
      if (at < p.length) return p.get(at)
      at -= p.length
    }
    throw new ValueError({
      op: 'ConcatDataset',
      rule: `places 0 to ${this.length - 1}`,
      got: `${i}`,
    })
  }
}

/** Examples changed as they are read. */
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

/** Examples as one batch: tensors are stacked, numbers become tensors, lists and objects go by part. */
export function collate(examples: readonly unknown[]): unknown {
  const first = examples[0]
  if (first instanceof Tensor) return stack(examples as Tensor[])
  if (typeof first === 'number')
    return tensor(
      examples.every(Number.isInteger)
        ? Int32Array.from(examples as number[])
        : Float32Array.from(examples as number[]),
    )
  if (typeof first === 'boolean') return tensor(examples as boolean[])
  if (Array.isArray(first))
    return first.map((_, k) => collate(examples.map((e) => (e as unknown[])[k])))
  if (typeof first === 'object' && first !== null)
    return Object.fromEntries(
      Object.keys(first).map((k) => [
        k,
        collate(examples.map((e) => (e as Record<string, unknown>)[k])),
      ]),
    )
  return examples
}
