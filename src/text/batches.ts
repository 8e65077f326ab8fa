/** Batches of texts: padding with masks, lengths in buckets, blocks and shifted targets for language models. */
import { ValueError } from '../core/errors.js'
import { checkOptions, showValue } from '../core/options.js'
import { type BatchOrder, shuffled } from '../data/samplers.js'
import { fromData, type Tensor } from '../ops/tensor.js'
import type { Direction } from './encoding.js'

export interface PadOptions {
  /** The id of padding; 0 when not given. */
  padId?: number
  /** The side that is padded: `'Left'` for generating. */
  direction?: Direction
  /** At most so many ids of each; longer ones are cut. */
  maxLength?: number
  /** The length is a multiple of this, so that a compiled function sees few shapes. */
  multipleOf?: number
}
/** Ids of a batch, padded, and which of them are no padding. */
export interface Padded {
  /** [batch, length], int32. */
  ids: Tensor
  /** [batch, length], bool: true for ids of the text. */
  mask: Tensor
  /** [batch], int32. */
  lengths: Tensor
}

function requireIds(op: string, list: readonly ArrayLike<number>[]): void {
  if (list.length === 0)
    throw new ValueError({ op, rule: 'there must be a list of ids', got: 'none' })
  const odd = list.find((ids) => typeof ids !== 'object' || ids === null || !('length' in ids))
  if (odd !== undefined)
    throw new ValueError({ op, rule: 'ids must be lists of numbers', got: showValue(odd) })
}

/**
 * Lists of ids of different lengths as one batch.
 * @throws ValueError when there is no list
 * @example padSequences([[5, 6, 7], [8]]).ids // [[5, 6, 7], [8, 0, 0]]
 */
export function padSequences(list: readonly ArrayLike<number>[], options: PadOptions = {}): Padded {
  const o = checkOptions('padSequences', options, ['padId', 'direction', 'maxLength', 'multipleOf'])
  const { padId = 0, direction = 'Right', maxLength = Number.POSITIVE_INFINITY, multipleOf = 1 } = o
  requireIds('padSequences', list)
  const lengths = Int32Array.from(list, (ids) => Math.min(ids.length, maxLength))
  const longest = lengths.reduce((n, l) => Math.max(n, l), 0)
  const width = Math.max(1, Math.ceil(longest / multipleOf)) * multipleOf
  const ids = new Int32Array(list.length * width).fill(padId)
  const mask = new Uint8Array(list.length * width)
  list.forEach((row, b) => {
    const n = lengths[b]!
    const at = b * width + (direction === 'Left' ? width - n : 0)
    for (let i = 0; i < n; i++) ids[at + i] = row[i]!
    mask.fill(1, at, at + n)
  })
  const shape = [list.length, width]
  return {
    ids: fromData(ids, shape, 'int32'),
    mask: fromData(mask, shape, 'bool'),
    lengths: fromData(lengths, [list.length], 'int32'),
  }
}

/** A batch for a causal language model. */
export interface CausalBatch {
  /** [batch, length], int32: all but the last id. */
  inputs: Tensor
  /** [batch, length], int32: all but the first, −100 for padding, which cross entropy ignores. */
  targets: Tensor
  /** [batch, length], bool: true for inputs that are no padding. */
  mask: Tensor
}
/** What cross entropy leaves out when nothing else is said. */
const IGNORED = -100

/**
 * Texts for a language model that predicts the next token: the targets are the inputs shifted by one.
 * @example causalBatch([[1, 2, 3], [4, 5]]).targets // [[2, 3], [5, -100]]
 */
export function causalBatch(
  list: readonly ArrayLike<number>[],
  options: PadOptions = {},
): CausalBatch {
  requireIds('causalBatch', list)
  const rows = list.map((ids) => Array.from(ids).slice(0, options.maxLength))
  const { padId = 0, direction, multipleOf } = options
  const rest = { ...(direction && { direction }), ...(multipleOf && { multipleOf }) }
  const inputs = padSequences(
    rows.map((ids) => ids.slice(0, -1)),
    { padId, ...rest },
  )
  const targets = padSequences(
    rows.map((ids) => ids.slice(1)),
    { padId: IGNORED, ...rest },
  )
  return { inputs: inputs.ids, targets: targets.ids, mask: inputs.mask }
}

export interface TranslationOptions {
  padId: number
  startId: number
  endId: number
  /** Lengths with the start and end tokens at most. */
  maxLength?: number
  multipleOf?: number
}
/** A batch for an encoder-decoder that is trained by teacher forcing. */
export interface TranslationBatch {
  /** [batch, source length]: start, text, end, padding. */
  source: Tensor
  /** [batch, source length], bool. */
  sourceMask: Tensor
  /** [batch, target length]: start, text, padding; what the decoder sees. */
  target: Tensor
  /** [batch, target length], bool. */
  targetMask: Tensor
  /** [batch, target length]: text, end, then −100; what it is to say. */
  labels: Tensor
}
/**
 * Pairs of lists of ids: the source between start and end, the target behind the start, and as labels the target before
 * the end.
 * @example translationBatch([[[7, 8], [9]]], { padId: 1, startId: 2, endId: 3 }).labels // [[9, 3]]
 */
export function translationBatch(
  pairs: readonly (readonly [ArrayLike<number>, ArrayLike<number>])[],
  options: TranslationOptions,
): TranslationBatch {
  const op = 'translationBatch'
  const o = checkOptions(op, options, ['padId', 'startId', 'endId', 'maxLength', 'multipleOf'])
  const { padId, startId, endId, maxLength = Number.POSITIVE_INFINITY, multipleOf = 1 } = o
  if (maxLength < 2)
    throw new ValueError({ op, rule: 'maxLength must be at least 2', got: `${maxLength}` })
  const cut = (ids: ArrayLike<number>, room: number) => Array.from(ids).slice(0, room)
  const rest = { padId, multipleOf }
  const source = padSequences(
    pairs.map(([s]) => [startId, ...cut(s, maxLength - 2), endId]),
    rest,
  )
  const target = padSequences(
    pairs.map(([, t]) => [startId, ...cut(t, maxLength - 1)]),
    rest,
  )
  const labels = padSequences(
    pairs.map(([, t]) => [...cut(t, maxLength - 1), endId]),
    { padId: IGNORED, multipleOf },
  )
  return {
    source: source.ids,
    sourceMask: source.mask,
    target: target.ids,
    targetMask: target.mask,
    labels: labels.ids,
  }
}

export interface BucketOptions {
  /** Texts of a batch at most. */
  batchSize?: number
  /** Ids of a batch at most, with padding: the number of texts times the longest. */
  maxTokens?: number
  /** Texts that are sorted by length together, in batches; 100 when not given. Lower is more random. */
  poolBatches?: number
  /** Another order in every epoch; on when not given. */
  shuffle?: boolean
  seed?: number
  dropLast?: boolean
}
/**
 * Batches of texts of similar lengths, so that little is padding: the shuffled order is cut into pools, each is sorted by
 * length and cut into batches, and the batches are shuffled. For `DataLoader` as `batchSampler`.
 * @throws ValueError without a limit, and for a text that is longer than `maxTokens`
 * @example new BucketBatchSampler([1, 9, 2, 8], { batchSize: 2, shuffle: false }).batches(0) // [[0, 2], [3, 1]]
 */
export class BucketBatchSampler implements BatchOrder {
  private readonly lengths: ArrayLike<number>
  private readonly options: BucketOptions
  private known: { epoch: number; batches: Int32Array[] } | undefined
  constructor(lengths: ArrayLike<number>, options: BucketOptions) {
    const op = 'BucketBatchSampler'
    const o = checkOptions(op, options, [
      'batchSize',
      'maxTokens',
      'poolBatches',
      'shuffle',
      'seed',
      'dropLast',
    ])
    if (o.batchSize === undefined && o.maxTokens === undefined)
      throw new ValueError({ op, rule: 'batchSize or maxTokens must be given', got: 'neither' })
    for (const [name, n] of Object.entries({
      batchSize: o.batchSize,
      maxTokens: o.maxTokens,
      poolBatches: o.poolBatches,
    }))
      if (n !== undefined && !(Number.isInteger(n) && n > 0))
        throw new ValueError({ op, rule: `${name} must be a whole number above 0`, got: `${n}` })
    for (let i = 0; i < lengths.length; i++)
      if (o.maxTokens !== undefined && lengths[i]! > o.maxTokens)
        throw new ValueError({
          op,
          rule: `no text may have more than maxTokens (${o.maxTokens}) ids`,
          got: `${lengths[i]} at ${i}`,
          fix: 'Cut long texts, or raise maxTokens.',
        })
    this.lengths = lengths
    this.options = o
  }
  /** Batches in the epoch that was asked for last; with `maxTokens` it differs a little from epoch to epoch. */
  get length(): number {
    return this.made(this.known?.epoch ?? 0).length
  }
  batches(epoch: number): readonly Int32Array[] {
    return this.made(epoch)
  }
  private made(epoch: number): Int32Array[] {
    if (this.known?.epoch === epoch) return this.known.batches
    const { batchSize = Number.POSITIVE_INFINITY, maxTokens = Number.POSITIVE_INFINITY } =
      this.options
    const { shuffle = true, seed = 0, poolBatches = 100, dropLast = false } = this.options
    const n = this.lengths.length
    const order = shuffle ? shuffled(n, seed, epoch) : Int32Array.from({ length: n }, (_, i) => i)
    let total = 0
    for (let i = 0; i < n; i++) total += this.lengths[i]!
    const usual = Math.min(batchSize, Math.max(1, Math.floor((maxTokens * n) / Math.max(1, total))))
    const pool = Math.max(1, usual * poolBatches)
    const batches: Int32Array[] = []
    for (let at = 0; at < n; at += pool) {
      const part = order.slice(at, at + pool)
      part.sort((a, b) => this.lengths[a]! - this.lengths[b]! || a - b)
      let batch: number[] = []
      for (const i of part) {
        // The last is the longest.
        if (
          batch.length >= batchSize ||
          (batch.length > 0 && (batch.length + 1) * this.lengths[i]! > maxTokens)
        ) {
          batches.push(Int32Array.from(batch))
          batch = []
        }
        batch.push(i)
      }
      if (batch.length > 0 && !(dropLast && batch.length < batchSize && Number.isFinite(batchSize)))
        batches.push(Int32Array.from(batch))
    }
    const mixed = shuffle
      ? Array.from(shuffled(batches.length, seed + 1, epoch), (i) => batches[i]!)
      : batches
    this.known = { epoch, batches: mixed }
    return mixed
  }
}

/**
 * A long list of ids as examples of a language model: example i has `length` ids from i times the stride on, and the same shifted by
 * one. A dataset for `DataLoader`.
 * @throws ValueError when there are too few ids for one example
 * @example new CausalBlocks([1, 2, 3, 4, 5], 2).get(1) // [[3, 4], [4, 5]]
 */
export class CausalBlocks {
  readonly length: number
  readonly blockSize: number
  private readonly ids: ArrayLike<number>
  private readonly stride: number
  constructor(ids: ArrayLike<number>, blockSize: number, stride = blockSize) {
    const op = 'CausalBlocks'
    if (!(Number.isInteger(blockSize) && blockSize > 0 && Number.isInteger(stride) && stride > 0))
      throw new ValueError({
        op,
        rule: 'length and stride must be whole numbers above 0',
        got: `${blockSize} and ${stride}`,
      })
    if (ids.length < blockSize + 1)
      throw new ValueError({
        op,
        rule: `there must be at least ${blockSize + 1} ids`,
        got: `${ids.length}`,
      })
    this.ids = ids
    this.blockSize = blockSize
    this.stride = stride
    this.length = Math.floor((ids.length - 1 - blockSize) / stride) + 1
  }
  get(i: number): [Tensor, Tensor] {
    const [x, y] = this.batch([i])
    return [x.reshape([this.blockSize]), y.reshape([this.blockSize])]
  }
  /** [batch, length] twice. */
  batch(indices: ArrayLike<number>): [Tensor, Tensor] {
    const { blockSize: n, ids } = this
    const shape = [indices.length, n]
    const x = new Int32Array(indices.length * n)
    const y = new Int32Array(indices.length * n)
    for (let b = 0; b < indices.length; b++) {
      const i = indices[b]!
      if (!(Number.isInteger(i) && i >= 0 && i < this.length))
        throw new ValueError({
          op: 'CausalBlocks',
          rule: `indices lie from 0 to ${this.length - 1}`,
          got: `${i}`,
        })
      for (let k = 0; k < n; k++) {
        x[b * n + k] = ids[i * this.stride + k]!
        y[b * n + k] = ids[i * this.stride + k + 1]!
      }
    }
    return [fromData(x, shape, 'int32'), fromData(y, shape, 'int32')]
  }
}

/**
 * Blocks of ids of texts that come one after the other, for corpora larger than memory: each has one id more than `length`, for the
 * shifted targets, and begins with the last one of the block before. What is left at the end is dropped.
 */
export async function* streamBlocks(
  texts: AsyncIterable<ArrayLike<number>> | Iterable<ArrayLike<number>>,
  length: number,
): AsyncGenerator<Int32Array, void, undefined> {
  let block = new Int32Array(length + 1)
  let n = 0
  for await (const ids of texts)
    for (let i = 0; i < ids.length; i++) {
      block[n++] = ids[i]!
      if (n <= length) continue
      yield block
      const next = new Int32Array(length + 1)
      next[0] = block[length]!
      block = next
      n = 1
    }
}

/** So many at a time of what comes one after the other. */
export async function* inBatches<T>(
  items: AsyncIterable<T> | Iterable<T>,
  size: number,
  dropLast = false,
): AsyncGenerator<T[], void, undefined> {
  let batch: T[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0 && !dropLast) yield batch
}
