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
  private readonly words: Uint32Array | undefined
  private readonly shape: readonly number[]
  private readonly table: Float32Array

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
      this.words = new Uint32Array(buffer, byteOffset, length / 4)
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
    const n = this.height * this.width
    const x = filled([indices.length, ...this.shape], 'float32', (to) => {
      if (this.words) this.fillByWords(to, indices, this.words)
      else
        for (let b = 0, k = 0; b < indices.length; b++)
          for (let at = indices[b]! * n, end = at + n; at < end; at++, k++)
            to[k] = this.table[this.pixels[at]!]!
    })
    const y = filled([indices.length], 'int32', (to) => {
      for (let b = 0; b < indices.length; b++) to[b] = this.labels[indices[b]!]!
    })
    return [x, y]
  }

  /** Most of such images is background: four pixels of it are passed over at once. */
  private fillByWords(to: Float32Array, indices: ArrayLike<number>, words: Uint32Array): void {
    const { pixels, table } = this
    const n = (this.height * this.width) / 4
    to.fill(table[0]!)
    for (let b = 0; b < indices.length; b++) {
      const first = indices[b]! * n
      for (let w = first; w < first + n; w++) {
        if (words[w] === 0) continue
        const k = 4 * (b * n + w - first)
        for (let j = 0; j < 4; j++) to[k + j] = table[pixels[4 * w + j]!]!
      }
    }
  }
}
