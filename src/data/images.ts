/** Labelled gray images of one byte a pixel, such as MNIST. */
import { reshape } from '../ops/broadcast.js'
import { FileError, IndexError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { takeBytes } from '../ops/bytes.js'
import { slice } from '../ops/slice.js'
import { filled, fromData, type Tensor } from '../ops/tensor.js'
import type { Dataset } from './dataset.js'
import { state } from '../ops/state.js'
import type { Idx } from './idx.js'

export interface ImageOptions {
  /** Shape of one example; [784] flat, or [1, 28, 28] as an image. */
  shape?: readonly number[]
  /** y = (pixel / 255 − mean) / std */
  mean?: number
  std?: number
  /** Names of the classes; labels must lie below their number. */
  classes?: readonly string[]
}

export const imageOptions: OptionNames<ImageOptions> = {
  shape: true,
  mean: true,
  std: true,
  classes: true,
}

/** Labelled gray images. Batches are made from the bytes, so that a set takes one byte a pixel. */
export class ImageDataset implements Dataset<[Tensor, Tensor]> {
  readonly length: number
  readonly height: number
  readonly width: number
  readonly labels: Uint8Array
  readonly classes: readonly string[] | undefined
  private readonly pixels: Uint8Array
  /** The same as 32-bit words, where the pixels are aligned. */
  private readonly words: Int32Array | undefined
  private readonly shape: readonly number[]
  private readonly table: Float32Array
  private readonly mean: number
  private readonly std: number
  /** The result of the last `rows`. */
  private held: Tensor | undefined

  constructor(images: Idx, labels: Idx, options: ImageOptions = {}) {
    const {
      shape,
      mean = 0,
      std = 1,
      classes,
    } = checkOptions('ImageDataset', options, imageOptions)
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
    if ((this.height * this.width) % 4 === 0 && byteOffset % 4 === 0) {
      // From the beginning of the memory where it ends with the pixels: then it can be used without a copy.
      const start = byteOffset + length === buffer.byteLength ? 0 : byteOffset
      this.words = new Int32Array(buffer, start, (byteOffset + length - start) / 4)
    }
    this.mean = mean
    this.std = std
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
    const { fround } = Math
    this.table = Float32Array.from(
      { length: 256 },
      (_, i) => fround(fround(i / 255) - fround(mean)) / fround(std),
    )
  }

  /** The bytes of one image. */
  image(i: number): Uint8Array {
    const n = this.height * this.width
    return this.pixels.subarray(i * n, (i + 1) * n)
  }

  /** Some of the images as a set of their own. @throws IndexError for an index outside of the set */
  subset(indices: ArrayLike<number>): ImageDataset {
    const n = this.height * this.width
    const data = new Uint8Array(indices.length * n)
    const labels = new Uint8Array(indices.length)
    for (let k = 0; k < indices.length; k++) {
      const i = indices[k]!
      if (!(i >= 0 && i < this.length && Number.isInteger(i))) this.refuseIndex(i)
      data.set(this.image(i), k * n)
      labels[k] = this.labels[i]!
    }
    const { shape, mean, std, classes, height, width } = this
    return new ImageDataset(
      { shape: [indices.length, height, width], data },
      { shape: [indices.length], data: labels },
      { shape, mean, std, ...(classes && { classes }) },
    )
  }
  private refuseIndex(i: unknown): never {
    throw new IndexError({
      op: 'images',
      rule: `indices lie from 0 to ${this.length - 1}`,
      got: `${i}`,
    })
  }

  get(i: number): [Tensor, Tensor] {
    const [x, y] = this.batch([i])
    return [x.reshape(this.shape), y.reshape([])]
  }

  batch(indices: ArrayLike<number>): [Tensor, Tensor] {
    const count = indices.length
    for (let b = 0; b < count; b++)
      if (!(indices[b]! >= 0 && indices[b]! < this.length && Number.isInteger(indices[b])))
        this.refuseIndex(indices[b])
    const rows = this.rows()
    const shape = [count, ...this.shape]
    let x: Tensor
    if (rows) {
      const index = fromData(new Int32Array(indices), [count], 'int32')
      x = reshape(takeBytes(rows, index, this.mean, this.std), shape)
    } else x = filled(shape, 'float32', (to) => this.fill(to, indices))
    const y = filled([count], 'int32', (to) => {
      for (let b = 0; b < count; b++) to[b] = this.labels[indices[b]!]!
    })
    return [x, y]
  }

  release(batch: [Tensor, Tensor]): void {
    for (const t of batch) t.dispose()
  }

  /** Converts pixels by the table. Most pixels of such images are 0: where there are words, four of them are skipped at once. */
  private fill(to: Float32Array, indices: ArrayLike<number>): void {
    const { words, pixels, table } = this
    const n = this.height * this.width
    const step = words ? 4 : 1
    const first = words ? words.length - pixels.length / 4 : 0
    to.fill(table[0]!)
    for (let b = 0, k = 0; b < indices.length; b++)
      for (let at = indices[b]! * n, end = at + n; at < end; at += step, k += step) {
        if (words?.[first + at / 4] === 0) continue
        for (let j = 0; j < step; j++) to[k + j] = table[pixels[at + j]!]!
      }
  }

  /** The pixels as rows of words, where a compiled program makes a batch fastest: on the native backend, which reads them in place. */
  private rows(): Tensor | undefined {
    const { words, length } = this
    const backend = state.backend()
    if (!words || !lowestFirst || backend.name !== 'native' || state.recorder) return undefined
    if (this.held?.backend !== backend) {
      const width = (this.height * this.width) / 4
      const whole = fromData(words, [words.length], 'int32')
      const own = slice(whole, [[words.length - length * width, null]])
      this.held = reshape(own, [length, width])
    }
    return this.held
  }
}

const lowestFirst = new Uint8Array(Int32Array.of(1).buffer)[0] === 1
