/** Numbers scaled, and multiplied with each other, by columns. */
import { add, div, mul, sub } from '../ops/arithmetic.js'
import { asNumbers, isFloat } from '../core/dtype.js'
import { FileError, ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, kinds, type OptionNames, showValue } from '../core/options.js'
import { clamp } from '../ops/elementwise.js'
import { concat } from '../ops/join.js'
import { narrow } from '../ops/slice.js'
import { Tensor } from '../ops/tensor.js'
import { ones, tensor } from '../tensor/creation.js'
import { requireOptions } from '../tensor/values.js'
import { type Fitted, Savable } from './saved.js'

/** Rows of numbers of the number of columns that was fitted. */
export function checkColumns(op: string, x: Tensor, columns?: number): void {
  if (!(x instanceof Tensor))
    throw new ValueError({
      op,
      rule: 'x must be a tensor',
      got: showValue(x).slice(0, 60),
      ...(Array.isArray(x) && { fix: 'tensor(rows) makes one of rows of numbers.' }),
    })
  if (x.rank !== 2 || (columns !== undefined && x.shape[1] !== columns))
    throw new ShapeError({
      op,
      rule: `x must have shape (N, ${columns ?? 'columns'})`,
      got: show(x.shape),
      ...(x.rank === 1 && { fix: 'One column is x.reshape([-1, 1]).' }),
    })
  if (!isFloat(x.dtype))
    throw new ValueError({ op, rule: 'x must hold floats', got: x.dtype, fix: "x.to('float32')" })
}

export function fitted<T>(op: string, learned: T | undefined): T {
  if (learned === undefined)
    throw new ValueError({
      op,
      rule: 'it must be fitted first',
      fix: `Call fit(x) with the training data.`,
    })
  return learned
}

/** The rows of x as numbers, finite ones only. */
function rowsOf(op: string, x: Tensor): { data: Float64Array; rows: number; columns: number } {
  checkColumns(op, x)
  const [rows, columns] = x.shape as [number, number]
  if (rows === 0) throw new ValueError({ op, rule: 'there must be rows to learn from', got: '0' })
  const data = Float64Array.from(asNumbers(x.toTypedArray()))
  const bad = data.findIndex((v) => !Number.isFinite(v))
  if (bad >= 0)
    throw new ValueError({
      op,
      rule: 'x must be finite',
      got: `${data[bad]} in row ${Math.floor(bad / columns)}, column ${bad % columns}`,
    })
  return { data, rows, columns }
}

const row = (values: readonly number[], like: Tensor): Tensor =>
  tensor(Float64Array.from(values), { dtype: like.dtype, shape: [1, values.length] })

/** Values as the sum of what the type of `like` holds of them and the rest: 48 bits for float32. */
function split(values: readonly number[], like: Tensor): [Tensor, Tensor | undefined] {
  if (like.dtype === 'float64') return [row(values, like), undefined]
  const rests = values.map((v) => v - Math.fround(v))
  return [row(values, like), rests.some((r) => r !== 0) ? row(rests, like) : undefined]
}
/** x − values by columns. Where x lies near the values the first difference is exact, so no digit is lost. */
function minus(x: Tensor, values: readonly number[]): Tensor {
  const [most, rest] = split(values, x)
  const y = sub(x, most)
  return rest ? sub(y, rest) : y
}
/** x + values by columns, the smaller part first. */
function plus(x: Tensor, values: readonly number[]): Tensor {
  const [most, rest] = split(values, x)
  return add(rest ? add(x, rest) : x, most)
}

/** @throws FileError unless what was saved is what such a thing learns */
export function requireLearned<L>(op: string, learned: unknown, is: boolean): L {
  if (!is)
    throw new FileError({
      op,
      rule: 'what was learned must be as toJSON gave it',
      got: `${JSON.stringify(learned)}`.slice(0, 80),
      fix: 'Is the file damaged, or of another version?',
    })
  return learned as L
}

export const areNumbers = (v: unknown): v is number[] =>
  Array.isArray(v) && v.every((n) => typeof n === 'number' && Number.isFinite(n))

/** What all of them share. */
export abstract class Transformer<L> extends Savable {
  protected learned: L | undefined
  /** Learns from training data. Returns this. */
  abstract fit(x: Tensor): this
  abstract transform(x: Tensor): Tensor
  fitTransform(x: Tensor): Tensor {
    return this.fit(x).transform(x)
  }
  protected get got(): L {
    return fitted(this.kind, this.learned)
  }
  /** Whether `fit` was called. */
  get isFitted(): boolean {
    return this.learned !== undefined
  }
  /** A new one with the same options that has learned nothing. */
  clone(): this {
    const make = this.constructor as new (options: object) => this
    return new make(this.getOptions())
  }
  protected learnedFor(): unknown {
    return this.got
  }
  /** Whether this is what `fit` learns. */
  protected abstract isLearned(learned: L): boolean
  /** Takes over what `toJSON` gave. @throws FileError when it is something else */
  restore({ learned }: Fitted): this {
    const right = typeof learned === 'object' && learned !== null && this.isLearned(learned as L)
    this.learned = requireLearned<L>(this.kind, learned, right)
    return this
  }
}

export interface StandardScalerOptions {
  /** Subtracts the mean; on when not given. */
  withMean?: boolean
  /** Divides by the standard deviation; on when not given. */
  withStd?: boolean
}
const standardOptions: OptionNames<StandardScalerOptions> = { withMean: true, withStd: true }

/**
 * y = (x − mean) / scale by columns, scale = √(mean of (x − mean)²), 1 where that is 0. Learned in float64; a constant
 * column becomes exactly 0, and numbers far from 0 keep their digits.
 * https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.StandardScaler.html
 * @example new StandardScaler().fitTransform(tensor([[0], [2]])) // [[-1], [1]]
 */
export class StandardScaler extends Transformer<{ mean: number[]; variance: number[] }> {
  readonly kind = 'StandardScaler'
  private readonly withMean: boolean
  private readonly withStd: boolean
  constructor(options: StandardScalerOptions = {}) {
    super()
    const { withMean = true, withStd = true } = checkOptions(
      'StandardScaler',
      options,
      standardOptions,
    )
    requireOptions(
      'StandardScaler',
      { ...options },
      {
        withMean: kinds.flag,
        withStd: kinds.flag,
      },
    )
    this.withMean = withMean
    this.withStd = withStd
  }
  protected isLearned({ mean, variance }: { mean: number[]; variance: number[] }) {
    return (
      areNumbers(mean) &&
      areNumbers(variance) &&
      mean.length === variance.length &&
      variance.every((v) => v >= 0)
    )
  }
  fit(x: Tensor): this {
    const { data, rows, columns } = rowsOf(this.kind, x)
    // Distances from the first row, so that sums stay small; of a constant column they are exactly 0.
    const first = data.subarray(0, columns)
    const shift = new Float64Array(columns)
    for (let i = 0; i < data.length; i++) shift[i % columns]! += data[i]! - first[i % columns]!
    const mean = Array.from(first, (v, c) => v + shift[c]! / rows)
    const variance = new Array<number>(columns).fill(0)
    const rest = new Float64Array(columns)
    for (let i = 0; i < data.length; i++) {
      const d = data[i]! - mean[i % columns]!
      variance[i % columns]! += d * d
      rest[i % columns]! += d
    }
    // The corrected two-pass algorithm (Chan, Golub, LeVeque, 1983).
    const variances = variance.map((v, c) => (v - rest[c]! ** 2 / rows) / rows)
    // What is left of rounding in a column that is constant but for it, as scikit-learn has it.
    const tiny = (m: number, v: number) =>
      rows * Number.EPSILON * v + (rows * Number.EPSILON * m) ** 2
    this.learned = {
      mean,
      variance: variances.map((v, c) => (v <= tiny(mean[c]!, v) ? 0 : v)),
    }
    return this
  }
  get mean(): readonly number[] {
    return this.got.mean
  }
  get variance(): readonly number[] {
    return this.got.variance
  }
  get scale(): number[] {
    return this.got.variance.map((v) => (v === 0 ? 1 : Math.sqrt(v)))
  }
  transform(x: Tensor): Tensor {
    checkColumns(this.kind, x, this.mean.length)
    const centered = this.withMean ? minus(x, this.mean) : x
    return this.withStd ? div(centered, row(this.scale, x)) : centered
  }
  inverseTransform(y: Tensor): Tensor {
    checkColumns(this.kind, y, this.mean.length)
    const scaled = this.withStd ? mul(y, row(this.scale, y)) : y
    return this.withMean ? plus(scaled, this.mean) : scaled
  }
  getOptions() {
    return { withMean: this.withMean, withStd: this.withStd }
  }
}

export interface MinMaxScalerOptions {
  /** What the least and the largest value become; [0, 1] when not given. */
  featureRange?: readonly [number, number]
  /** Keeps new values within the range; off when not given. */
  clip?: boolean
}
const minMaxOptions: OptionNames<MinMaxScalerOptions> = { featureRange: true, clip: true }

/**
 * y = lo + (x − min) / (max − min) · (hi − lo) by columns; a constant column becomes exactly lo.
 * https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.MinMaxScaler.html
 * @example new MinMaxScaler().fitTransform(tensor([[1], [3], [2]])) // [[0], [1], [0.5]]
 */
export class MinMaxScaler extends Transformer<{ dataMin: number[]; dataMax: number[] }> {
  readonly kind = 'MinMaxScaler'
  private readonly featureRange: readonly [number, number]
  private readonly clip: boolean
  constructor(options: MinMaxScalerOptions = {}) {
    super()
    const { featureRange = [0, 1], clip = false } = checkOptions(
      'MinMaxScaler',
      options,
      minMaxOptions,
    )
    requireOptions('MinMaxScaler', { ...options }, { clip: kinds.flag })
    if (
      !Array.isArray(featureRange) ||
      featureRange.length !== 2 ||
      !featureRange.every(Number.isFinite) ||
      !(featureRange[0] < featureRange[1])
    )
      throw new ValueError({
        op: 'MinMaxScaler',
        rule: 'featureRange must be two numbers, of which the second is larger',
        got: showValue(featureRange),
      })
    this.featureRange = featureRange
    this.clip = clip
  }
  protected isLearned({ dataMin, dataMax }: { dataMin: number[]; dataMax: number[] }) {
    return (
      areNumbers(dataMin) &&
      areNumbers(dataMax) &&
      dataMin.length === dataMax.length &&
      dataMin.every((v, c) => v <= dataMax[c]!)
    )
  }
  fit(x: Tensor): this {
    const { data, columns } = rowsOf(this.kind, x)
    const dataMin = new Array<number>(columns).fill(Number.POSITIVE_INFINITY)
    const dataMax = new Array<number>(columns).fill(Number.NEGATIVE_INFINITY)
    for (let i = 0; i < data.length; i++) {
      const c = i % columns
      dataMin[c] = Math.min(dataMin[c]!, data[i]!)
      dataMax[c] = Math.max(dataMax[c]!, data[i]!)
    }
    this.learned = { dataMin, dataMax }
    return this
  }
  get dataMin(): readonly number[] {
    return this.got.dataMin
  }
  get dataMax(): readonly number[] {
    return this.got.dataMax
  }
  /** y = x · scale + min. */
  get scale(): number[] {
    const [lo, hi] = this.featureRange
    return this.dataMax.map(
      (m, c) => (hi - lo) / (m - this.dataMin[c]! < 10 * Number.EPSILON ? 1 : m - this.dataMin[c]!),
    )
  }
  get min(): number[] {
    const { scale } = this
    return scale.map((s, c) => this.featureRange[0] - this.dataMin[c]! * s)
  }
  transform(x: Tensor): Tensor {
    checkColumns(this.kind, x, this.dataMin.length)
    // Not x · scale + min, whose two parts are large where the values are far from 0.
    const y = add(mul(minus(x, this.dataMin), row(this.scale, x)), this.featureRange[0])
    return this.clip ? clamp(y, ...this.featureRange) : y
  }
  inverseTransform(y: Tensor): Tensor {
    checkColumns(this.kind, y, this.dataMin.length)
    return plus(div(sub(y, this.featureRange[0]), row(this.scale, y)), this.dataMin)
  }
  getOptions() {
    return { featureRange: this.featureRange, clip: this.clip }
  }
}

/** The choices of `degree` or fewer columns with repetition (or without), in scikit-learn's order. */
function products(columns: number, degree: number, interactionOnly: boolean): number[][] {
  const out: number[][] = []
  const grow = (chosen: number[], size: number): void => {
    if (chosen.length === size) {
      out.push(chosen)
      return
    }
    const last = chosen.at(-1)
    for (let c = last === undefined ? 0 : last + (interactionOnly ? 1 : 0); c < columns; c++)
      grow([...chosen, c], size)
  }
  for (let d = 1; d <= degree; d++) grow([], d)
  return out
}

export interface PolynomialFeaturesOptions {
  /** The most columns in a product; 2 when not given. */
  degree?: number
  /** No column comes twice in a product; off when not given. */
  interactionOnly?: boolean
  /** A column of ones comes first; on when not given. */
  includeBias?: boolean
}
const polynomialOptions: OptionNames<PolynomialFeaturesOptions> = {
  degree: true,
  interactionOnly: true,
  includeBias: true,
}

/**
 * All products of up to `degree` columns: of (a, b) with degree 2: 1, a, b, a², ab, b². With `interactionOnly` no
 * column comes twice in a product: 1, a, b, ab. The 1 is left out without `includeBias`.
 * https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.PolynomialFeatures.html
 * @example new PolynomialFeatures().fitTransform(tensor([[2, 3]])) // [[1, 2, 3, 4, 6, 9]]
 */
export class PolynomialFeatures extends Transformer<{ columns: number }> {
  readonly kind = 'PolynomialFeatures'
  private readonly degree: number
  private readonly interactionOnly: boolean
  private readonly includeBias: boolean
  constructor(options: PolynomialFeaturesOptions = {}) {
    super()
    const {
      degree = 2,
      interactionOnly = false,
      includeBias = true,
    } = checkOptions('PolynomialFeatures', options, polynomialOptions)
    if (!(Number.isInteger(degree) && degree >= 1))
      throw new ValueError({
        op: 'PolynomialFeatures',
        rule: 'the degree must be a whole number above 0',
        got: `${degree}`,
      })
    this.degree = degree
    requireOptions(
      'PolynomialFeatures',
      { ...options },
      {
        interactionOnly: kinds.flag,
        includeBias: kinds.flag,
      },
    )
    this.interactionOnly = interactionOnly
    this.includeBias = includeBias
  }
  protected isLearned({ columns }: { columns: number }) {
    return Number.isInteger(columns) && columns >= 0
  }
  fit(x: Tensor): this {
    checkColumns('PolynomialFeatures', x)
    this.learned = { columns: x.shape[1]! }
    return this
  }
  /** The power of each column in each feature. */
  get powers(): number[][] {
    const { columns } = this.got
    const of = (choice: number[]) =>
      Array.from({ length: columns }, (_, c) => choice.filter((k) => k === c).length)
    const all = products(columns, this.degree, this.interactionOnly).map(of)
    return this.includeBias ? [of([]), ...all] : all
  }
  transform(x: Tensor): Tensor {
    const { columns } = this.got
    checkColumns('PolynomialFeatures', x, columns)
    const made = new Map<string, Tensor>()
    const out = products(columns, this.degree, this.interactionOnly).map((choice) => {
      // A product is a shorter one times one more column.
      const shorter = made.get(choice.slice(0, -1).join())
      const column = narrow(x, 1, choice.at(-1)!, 1)
      const y = shorter ? mul(shorter, column) : column
      made.set(choice.join(), y)
      return y
    })
    const bias = this.includeBias ? [ones([x.shape[0]!, 1], { dtype: x.dtype })] : []
    return concat([...bias, ...out], 1)
  }
  /** The columns that went in. */
  inverseTransform(y: Tensor): Tensor {
    checkColumns('PolynomialFeatures', y, this.powers.length)
    return narrow(y, 1, this.includeBias ? 1 : 0, this.got.columns)
  }
  getOptions() {
    return {
      degree: this.degree,
      interactionOnly: this.interactionOnly,
      includeBias: this.includeBias,
    }
  }
}
