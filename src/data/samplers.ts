/** Samplers: the order in which an epoch visits a dataset. It follows from seed and epoch alone. */
import { ValueError } from '../core/errors.js'
import { checkOptions, showValue } from '../core/options.js'
import { Generator } from '../tensor/random.js'

/** Decides the order of an epoch. */
export interface Sampler {
  readonly length: number
  indices(epoch: number): ArrayLike<number>
}
/** Decides the batches of an epoch. */
export interface BatchOrder {
  /** Batches in an epoch. */
  readonly length: number
  batches(epoch: number): readonly ArrayLike<number>[]
}

/** @throws ValueError unless the seed is a whole number that floats hold exactly */
export function requireSeed(op: string, seed: number): number {
  if (!(Number.isSafeInteger(seed) && seed >= 0))
    throw new ValueError({
      op,
      rule: 'the seed must be a whole number from 0',
      got: showValue(seed),
    })
  return seed
}

/** `n` uniform numbers in [0, 1) that follow from seed, epoch and stream. */
function uniforms(n: number, seed: number, epoch: number, stream = 0): (i: number) => number {
  const generator = new Generator(seed + epoch * 2 ** 32)
  for (let i = 0; i < stream; i++) generator.bits([1])
  const bits = generator.bits([n]).toTypedArray()
  return (i) => (bits[i]! >>> 0) / 2 ** 32
}

/** 0, 1, .. n − 1. By a loop: `from` calls a function for each, at every epoch. */
function upTo(n: number): Int32Array {
  const list = new Int32Array(n)
  for (let i = 0; i < n; i++) list[i] = i
  return list
}

/** 0..n−1 shuffled by Fisher and Yates. */
export function shuffled(n: number, seed: number, epoch = 0): Int32Array {
  requireSeed('shuffle', seed)
  const order = upTo(n)
  const u = uniforms(n, seed, epoch)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(u(i) * (i + 1))
    const t = order[i]!
    order[i] = order[j]!
    order[j] = t
  }
  return order
}

function requireCount(op: string, what: string, n: number): void {
  if (!(Number.isInteger(n) && n > 0))
    throw new ValueError({ op, rule: `${what} must be a whole number above 0`, got: `${n}` })
}

/** 0, 1, 2, … */
export class SequentialSampler implements Sampler {
  readonly length: number
  constructor(length: number) {
    this.length = length
  }
  indices(): Int32Array {
    return upTo(this.length)
  }
}

/** 0..n−1 in random order; with `replacement`, `samples` draws of which some come twice. */
export class RandomSampler implements Sampler {
  readonly length: number
  private readonly from: number
  private readonly seed: number
  private readonly replacement: boolean
  constructor(length: number, seed = 0, options: { replacement?: boolean; samples?: number } = {}) {
    const { replacement = false, samples = length } = checkOptions('RandomSampler', options, [
      'replacement',
      'samples',
    ])
    requireSeed('RandomSampler', seed)
    if (samples !== length) requireCount('RandomSampler', 'samples', samples)
    if (!replacement && samples > length)
      throw new ValueError({
        op: 'RandomSampler',
        rule: `at most ${length} samples without replacement`,
        got: `${samples}`,
      })
    this.from = length
    this.length = samples
    this.seed = seed
    this.replacement = replacement
  }
  indices(epoch: number): Int32Array {
    if (!this.replacement) return shuffled(this.from, this.seed, epoch).subarray(0, this.length)
    const u = uniforms(this.length, this.seed, epoch)
    return Int32Array.from({ length: this.length }, (_, i) => Math.floor(u(i) * this.from))
  }
}

/** The given indices in random order. */
export class SubsetRandomSampler implements Sampler {
  readonly length: number
  private readonly list: ArrayLike<number>
  private readonly seed: number
  constructor(indices: ArrayLike<number>, seed = 0) {
    requireSeed('SubsetRandomSampler', seed)
    this.list = indices
    this.length = indices.length
    this.seed = seed
  }
  indices(epoch: number): Int32Array {
    return shuffled(this.length, this.seed, epoch).map((i) => this.list[i]!)
  }
}

/**
 * `samples` indices drawn by weight: each with probability w[i] / Σ w (with replacement), or the order of Efraimidis
 * and Spirakis (2006) without.
 * @throws ValueError for weights below 0 or all 0, and for more draws than weights above 0 without replacement
 */
export class WeightedRandomSampler implements Sampler {
  readonly length: number
  private readonly weights: Float64Array
  private readonly seed: number
  private readonly replacement: boolean
  constructor(
    weights: ArrayLike<number>,
    samples = weights.length,
    options: { replacement?: boolean; seed?: number } = {},
  ) {
    const op = 'WeightedRandomSampler'
    const { replacement = true, seed = 0 } = checkOptions(op, options, ['replacement', 'seed'])
    requireSeed(op, seed)
    requireCount(op, 'samples', samples)
    this.weights = Float64Array.from(weights)
    this.weights.forEach((w, i) => {
      if (!(w >= 0 && w < Number.POSITIVE_INFINITY))
        throw new ValueError({
          op,
          rule: 'weights must be finite and not negative',
          got: `${w} at ${i}`,
        })
    })
    const positive = this.weights.reduce((n, w) => n + (w > 0 ? 1 : 0), 0)
    if (positive === 0) throw new ValueError({ op, rule: 'some weight must be above 0' })
    if (!replacement && samples > positive)
      throw new ValueError({
        op,
        rule: `at most ${positive} draws without replacement`,
        got: `${samples}`,
      })
    this.length = samples
    this.seed = seed
    this.replacement = replacement
  }
  indices(epoch: number): Int32Array {
    const { weights, length } = this
    if (!this.replacement) {
      const u = uniforms(weights.length, this.seed, epoch)
      // −ln(1 − u) / w: the first `length` arrivals of Poisson processes with rates w.
      const keys = weights.map((w, i) =>
        w > 0 ? -Math.log1p(-u(i)) / w : Number.POSITIVE_INFINITY,
      )
      return Int32Array.from(keys.keys())
        .sort((a, b) => keys[a]! - keys[b]! || a - b)
        .subarray(0, length)
    }
    const running = new Float64Array(weights.length)
    let total = 0
    for (let i = 0; i < weights.length; i++) running[i] = total += weights[i]!
    const u = uniforms(length, this.seed, epoch)
    return Int32Array.from({ length }, (_, i) => {
      const target = u(i) * total
      let lo = 0
      let hi = running.length - 1
      while (lo < hi) {
        const mid = (lo + hi) >> 1
        if (running[mid]! > target) hi = mid
        else lo = mid + 1
      }
      return lo
    })
  }
}

/** The indices of the examples of each label, labels in the order of their first appearance. */
export function byLabel(labels: ArrayLike<number | string>): Map<number | string, number[]> {
  const groups = new Map<number | string, number[]>()
  for (let i = 0; i < labels.length; i++) {
    const group = groups.get(labels[i]!)
    if (group) group.push(i)
    else groups.set(labels[i]!, [i])
  }
  return groups
}

/**
 * Random order in which every stretch holds the labels in their proportion in the whole: the j-th of n examples of a
 * label is placed at (j + u)/n of the order, with u from [0, 1) for each label.
 */
export class StratifiedSampler implements Sampler {
  readonly length: number
  private readonly groups: number[][]
  private readonly seed: number
  constructor(labels: ArrayLike<number | string>, seed = 0) {
    requireSeed('StratifiedSampler', seed)
    this.length = labels.length
    this.groups = [...byLabel(labels).values()]
    this.seed = seed
  }
  indices(epoch: number): Int32Array {
    const order = shuffled(this.length, this.seed, epoch)
    const place = new Int32Array(this.length)
    for (let i = 0; i < order.length; i++) place[order[i]!] = i
    const u = uniforms(this.groups.length, this.seed, epoch, 1)
    const key = new Float64Array(this.length)
    this.groups.forEach((group, g) => {
      const mixed = group.slice().sort((a, b) => place[a]! - place[b]!)
      mixed.forEach((i, j) => {
        key[i] = (j + u(g)) / group.length
      })
    })
    return order.sort((a, b) => key[a]! - key[b]! || place[a]! - place[b]!)
  }
}

/** Batches of consecutive indices of a sampler. */
export class BatchSampler implements BatchOrder {
  readonly length: number
  private readonly sampler: Sampler
  private readonly batchSize: number
  constructor(sampler: Sampler, batchSize: number, dropLast = false) {
    requireCount('BatchSampler', 'the batch size', batchSize)
    this.sampler = sampler
    this.batchSize = batchSize
    const n = sampler.length / batchSize
    this.length = dropLast ? Math.floor(n) : Math.ceil(n)
  }
  batches(epoch: number): readonly Int32Array[] {
    const order = new Int32Array(this.sampler.indices(epoch))
    const { batchSize } = this
    return Array.from({ length: this.length }, (_, k) =>
      order.subarray(k * batchSize, (k + 1) * batchSize),
    )
  }
}
