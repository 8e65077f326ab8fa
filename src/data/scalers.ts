/** Numbers scaled, and multiplied with each other, by columns. */
import { add, div, mul, sub } from '../ops/arithmetic.js'
import { isFloat } from '../core/dtype.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { clamp } from '../ops/elementwise.js'
import { concat } from '../ops/join.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { ones, tensor } from '../tensor/creation.js'

/** Something fitted, as JSON. */
export interface Fitted {
  type: string
  [part: string]: unknown
}

/** Rows of numbers of the number of columns that was fitted. */
export function checkColumns(op: string, x: Tensor, columns?: number): void {
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
  const data = Float64Array.from(x.toTypedArray())
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

/** What all of them share. */
abstract class Transformer<L> {
  protected learned: L | undefined
  /** Learns from training data and gives itself. */
  abstract fit(x: Tensor): this
  abstract transform(x: Tensor): Tensor
  fitTransform(x: Tensor): Tensor {
    return this.fit(x).transform(x)
  }
  protected get got(): L {
    return fitted(this.constructor.name, this.learned)
  }
  protected abstract options(): object
  toJSON(): Fitted {
    return { type: this.constructor.name, options: this.options(), learned: this.got }
  }
  /** Takes over what `toJSON` gave. */
  restore({ learned }: Fitted): this {
    this.learned = learned as L
    return this
  }
}

/**
 * y = (x − mean) / scale by columns, scale = √(mean of (x − mean)²), 1 where that is 0.
 * https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.StandardScaler.html
 * @example new StandardScaler().fitTransform(tensor([[0], [2]])) // [[-1], [1]]
 */
export class StandardScaler extends Transformer<{ mean: number[]; variance: number[] }> {
  private readonly withMean: boolean
  private readonly withStd: boolean
  constructor({ withMean = true, withStd = true }: { withMean?: boolean; withStd?: boolean } = {}) {
    super()
    this.withMean = withMean
    this.withStd = withStd
  }
  fit(x: Tensor): this {
    const { data, rows, columns } = rowsOf('StandardScaler', x)
    const mean = new Array<number>(columns).fill(0)
    const variance = new Array<number>(columns).fill(0)
    for (let i = 0; i < data.length; i++) mean[i % columns]! += data[i]! / rows
    for (let i = 0; i < data.length; i++)
      variance[i % columns]! += (data[i]! - mean[i % columns]!) ** 2 / rows
    // A constant column keeps a rest of rounding of this size.
    const tiny = mean.map((m) => rows * Number.EPSILON * m ** 2 * rows * Number.EPSILON)
    this.learned = { mean, variance: variance.map((v, c) => (v <= tiny[c]! ? 0 : v)) }
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
    checkColumns('StandardScaler', x, this.mean.length)
    const centered = this.withMean ? sub(x, row(this.mean, x)) : x
    return this.withStd ? div(centered, row(this.scale, x)) : centered
  }
  inverseTransform(y: Tensor): Tensor {
    checkColumns('StandardScaler', y, this.mean.length)
    const scaled = this.withStd ? mul(y, row(this.scale, y)) : y
    return this.withMean ? add(scaled, row(this.mean, y)) : scaled
  }
  protected options() {
    return { withMean: this.withMean, withStd: this.withStd }
  }
}

/**
 * y = lo + (x − min) / (max − min) · (hi − lo) by columns.
 * https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.MinMaxScaler.html
 * @example new MinMaxScaler().fitTransform(tensor([[1], [3], [2]])) // [[0], [1], [0.5]]
 */
export class MinMaxScaler extends Transformer<{ dataMin: number[]; dataMax: number[] }> {
  private readonly featureRange: readonly [number, number]
  private readonly clip: boolean
  constructor({
    featureRange = [0, 1],
    clip = false,
  }: { featureRange?: readonly [number, number]; clip?: boolean } = {}) {
    super()
    if (!(featureRange[0] < featureRange[1]))
      throw new ValueError({
        op: 'MinMaxScaler',
        rule: 'the range must go up',
        got: `[${featureRange.join(', ')}]`,
      })
    this.featureRange = featureRange
    this.clip = clip
  }
  fit(x: Tensor): this {
    const { data, columns } = rowsOf('MinMaxScaler', x)
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
    checkColumns('MinMaxScaler', x, this.dataMin.length)
    const y = add(mul(x, row(this.scale, x)), row(this.min, x))
    return this.clip ? clamp(y, ...this.featureRange) : y
  }
  inverseTransform(y: Tensor): Tensor {
    checkColumns('MinMaxScaler', y, this.dataMin.length)
    return div(sub(y, row(this.min, y)), row(this.scale, y))
  }
  protected options() {
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

/**
 * All products of up to `degree` columns: of (a, b) with degree 2: 1, a, b, a², ab, b². With `interactionOnly` no
 * column comes twice in a product: 1, a, b, ab. The 1 is left out without `includeBias`.
 * https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.PolynomialFeatures.html
 * @example new PolynomialFeatures().fitTransform(tensor([[2, 3]])) // [[1, 2, 3, 4, 6, 9]]
 */
export class PolynomialFeatures extends Transformer<{ columns: number }> {
  private readonly degree: number
  private readonly interactionOnly: boolean
  private readonly includeBias: boolean
  constructor({
    degree = 2,
    interactionOnly = false,
    includeBias = true,
  }: { degree?: number; interactionOnly?: boolean; includeBias?: boolean } = {}) {
    super()
    if (!(Number.isInteger(degree) && degree >= 1))
      throw new ValueError({
        op: 'PolynomialFeatures',
        rule: 'the degree must be a whole number above 0',
        got: `${degree}`,
      })
    this.degree = degree
    this.interactionOnly = interactionOnly
    this.includeBias = includeBias
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
  protected options() {
    return {
      degree: this.degree,
      interactionOnly: this.interactionOnly,
      includeBias: this.includeBias,
    }
  }
}
