/** Labelled gray images, one byte a pixel, as MNIST and its kin come. */
import { FileError, ValueError } from '../core/errors.js'
import { filled, type Tensor } from '../ops/tensor.js'
import type { Dataset } from './dataset.js'
import type { Idx } from './idx.js'

export interface ImageOptions {
  /** Shape of one example; [784] flat, or [1, 28, 28] as a picture. */
  shape?: readonly number[]
  /** y = (pixel / 255 − mean) / std */
  mean?: number
  std?: number
  /** Names of the classes; labels must lie below their number. */
  classes?: readonly string[]
}

/** Batches are made from bytes by a table, so that a set takes a byte a pixel. */
export class ImageDataset implements Dataset<[Tensor, Tensor]> {
  readonly length: number
  readonly height: number
  readonly width: number
  readonly labels: Uint8Array
  readonly classes: readonly string[] | undefined
  private readonly pixels: Uint8Array
  /** The same, four at a time, where their places allow it. */
  private readonly words: Int32Array | undefined
  private readonly shape: readonly number[]
  private readonly table: Float32Array
  /** The table for two bytes at once, made by the first batch. */
  private pairs: Float64Array | undefined

  constructor(images: Idx, labels: Idx, options: ImageOptions = {}) {
    const { shape, mean = 0, std = 1, classes } = options
    if (images.shape.length !== 3 || labels.shape.length !== 1)
      throw new FileError({
        op: 'images',
        rule: 'images have three axes and labels one',
        got: `${images.shape.length} and ${labels.shape.length}`,
      })
    if (images.shape[0] !== labels.shape[0])
      throw new FileError({
        op: 'images',
        rule: 'there must be a label for each image',
        got: `${images.shape[0]} images and ${labels.shape[0]} labels`,
      })
    ;[this.length, this.height, this.width] = images.shape as [number, number, number]
    this.pixels = images.data
    const { buffer, byteOffset, length } = images.data
    if ((this.height * this.width) % 4 === 0 && byteOffset % 4 === 0)
      this.words = new Int32Array(buffer, byteOffset, length / 4)
    this.labels = labels.data
    this.classes = classes
    const count = classes?.length ?? 256
    const wrong = this.labels.findIndex((v) => v >= count)
    if (wrong >= 0)
      throw new FileError({
        op: 'images',
        rule: `labels must lie below ${count}`,
        got: `${this.labels[wrong]} at ${wrong}`,
        fix: 'Are these the labels of another set?',
      })
    this.shape = shape ?? [this.height * this.width]
    if (this.shape.reduce((n, d) => n * d, 1) !== this.height * this.width)
      throw new ValueError({
        op: 'images',
        rule: `the shape must hold ${this.height}x${this.width} pixels`,
        got: `[${this.shape.join(', ')}]`,
      })
    this.table = Float32Array.from({ length: 256 }, (_, i) => (i / 255 - mean) / std)
  }

  /** The bytes of one image. */
  image(i: number): Uint8Array {
    const n = this.height * this.width
    return this.pixels.subarray(i * n, (i + 1) * n)
  }

  get(i: number): [Tensor, Tensor] {
    const [x, y] = this.batch([i])
    return [x.reshape(this.shape), y.reshape([])]
  }

  batch(indices: ArrayLike<number>): [Tensor, Tensor] {
    const x = filled([indices.length, ...this.shape], 'float32', (to) => this.fill(to, indices))
    const y = filled([indices.length], 'int32', (to) => {
      for (let b = 0; b < indices.length; b++) to[b] = this.labels[indices[b]!]!
    })
    return [x, y]
  }

  release(batch: readonly Tensor[]): void {
    for (const t of batch) t.dispose()
  }

  private fill(to: Float32Array, indices: ArrayLike<number>): void {
    const { words, pixels, table } = this
    if (words && to.byteOffset % 8 === 0) {
      this.pairs ??= pairsOf(table)
      fillByWords(to, indices, words, this.pairs)
      return
    }
    const n = this.height * this.width
    for (let b = 0, k = 0; b < indices.length; b++)
      for (let at = indices[b]! * n, end = at + n; at < end; at++, k++) to[k] = table[pixels[at]!]!
  }
}

/** The table for two bytes at once. Finite floats side by side are never a NaN, which a double would not keep. */
function pairsOf(table: Float32Array): Float64Array {
  const pairs = new Float64Array(65536)
  const floats = new Float32Array(pairs.buffer)
  const first = new Uint8Array(Uint16Array.of(1).buffer)[0]! // 1 where the low byte comes first
  for (let i = 0, k = 0; i < 256; i++)
    for (let j = 0; j < 256; j++, k += 2) {
      floats[k] = table[first ? j : i]!
      floats[k + 1] = table[first ? i : j]!
    }
  return pairs
}

/** Four pixels at a time; most of such images is ground, which needs no look at the table. */
function fillByWords(
  to: Float32Array,
  indices: ArrayLike<number>,
  words: Int32Array,
  pairs: Float64Array,
): void {
  const doubles = new Float64Array(to.buffer, to.byteOffset, to.length / 2)
  doubles.fill(pairs[0]!)
  const n = to.length / 4 / indices.length
  for (let b = 0, k = 0; b < indices.length; b++)
    for (let at = indices[b]! * n, end = at + n; at < end; at++, k += 2) {
      const word = words[at]!
      if (word === 0) continue
      doubles[k] = pairs[word & 0xffff]!
      doubles[k + 1] = pairs[word >>> 16]!
    }
}
