/** Categories as numbers. */
import { asNumbers } from '../core/dtype.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { type Fitted, Savable } from './saved.js'
import { checkColumns, fitted, requireLearned } from './scalers.js'

export type Category = string | number | boolean

const areCategories = (v: unknown): v is Category[] =>
  Array.isArray(v) &&
  v.every((c) => ['string', 'number', 'boolean'].includes(typeof c)) &&
  new Set(v).size === v.length

/** Numbers by size, then text by code units, then false and true. */
function sortCategories(values: Iterable<Category>): Category[] {
  const rank = (v: Category) => (typeof v === 'number' ? 0 : typeof v === 'string' ? 1 : 2)
  return [...new Set(values)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0))
}

/**
 * Classes as whole numbers 0, 1, … in sorted order.
 * https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.LabelEncoder.html
 * @example new LabelEncoder().fitTransform(['b', 'a', 'b']) // [1, 0, 1]
 */
export class LabelEncoder extends Savable {
  readonly kind = 'LabelEncoder'
  private learned: Category[] | undefined
  fit(y: Iterable<Category>): this {
    this.learned = sortCategories(y)
    return this
  }
  get classes(): readonly Category[] {
    return fitted('LabelEncoder', this.learned)
  }
  /** int32, shape (N). @throws ValueError for a class that was not there when fitting */
  transform(y: Iterable<Category>): Tensor {
    const index = new Map(this.classes.map((c, i) => [c, i]))
    return tensor(
      Int32Array.from(y, (v, i) => {
        const k = index.get(v)
        if (k === undefined) unknown('LabelEncoder', v, this.classes, `at ${i}`)
        return k!
      }),
    )
  }
  fitTransform(y: readonly Category[]): Tensor {
    return this.fit(y).transform(y)
  }
  inverseTransform(y: Tensor | ArrayLike<number>): Category[] {
    const list = 'toTypedArray' in y ? asNumbers(y.toTypedArray()) : y
    return Array.from(list, (k) => {
      const v = this.classes[k]
      if (v === undefined)
        throw new ValueError({
          op: 'LabelEncoder',
          rule: `labels lie from 0 to ${this.classes.length - 1}`,
          got: `${k}`,
        })
      return v
    })
  }
  getOptions(): object {
    return {}
  }
  protected learnedFor(): unknown {
    return this.classes
  }
  restore({ learned }: Fitted): this {
    this.learned = requireLearned('LabelEncoder', learned, areCategories(learned))
    return this
  }
}

function unknown(op: string, value: Category, known: readonly Category[], where: string): never {
  const list = known.length > 8 ? `${known.slice(0, 8).join(', ')}, …` : known.join(', ')
  throw new ValueError({
    op,
    rule: `values must be among those it was fitted with: ${list}`,
    got: `${value} ${where}`,
  })
}

export interface OneHotEncoderOptions {
  /**
   * Leaves out the first category of each column ('ifBinary': of those with two), so that columns are independent; null,
   * none, when not given.
   */
  drop?: 'first' | 'ifBinary' | null
  /** What becomes of a category that was not there when fitting: an error, or 0 everywhere. */
  handleUnknown?: 'error' | 'ignore'
}
const oneHotOptions: OptionNames<OneHotEncoderOptions> = { drop: true, handleUnknown: true }

/**
 * Each column of categories as one column for each category, 1 where it is that one.
 * https://scikit-learn.org/stable/modules/generated/sklearn.preprocessing.OneHotEncoder.html
 * @example new OneHotEncoder().fitTransform([['b'], ['a']]) // [[0, 1], [1, 0]]
 */
export class OneHotEncoder extends Savable {
  readonly kind = 'OneHotEncoder'
  private learned: Category[][] | undefined
  private readonly drop: 'first' | 'ifBinary' | null
  private readonly handleUnknown: 'error' | 'ignore'
  constructor(options: OneHotEncoderOptions = {}) {
    super()
    const { drop = null, handleUnknown = 'error' } = checkOptions(
      'OneHotEncoder',
      options,
      oneHotOptions,
    )
    if (drop !== null && drop !== 'first' && drop !== 'ifBinary')
      throw new ValueError({
        op: 'OneHotEncoder',
        rule: "drop must be null, 'first' or 'ifBinary'",
        got: `${drop as string}`,
      })
    if (handleUnknown !== 'error' && handleUnknown !== 'ignore')
      throw new ValueError({
        op: 'OneHotEncoder',
        rule: "handleUnknown must be 'error' or 'ignore'",
        got: `${handleUnknown as string}`,
      })
    this.drop = drop
    this.handleUnknown = handleUnknown
  }
  fit(x: readonly (readonly Category[])[]): this {
    const columns = this.check(x)
    this.learned = Array.from({ length: columns }, (_, c) => sortCategories(x.map((r) => r[c]!)))
    return this
  }
  private check(x: readonly (readonly Category[])[], columns = x[0]?.length ?? 0): number {
    const bad = x.findIndex((r) => r.length !== columns)
    if (bad >= 0 || x.length === 0)
      throw new ShapeError({
        op: 'OneHotEncoder',
        rule: `rows must have ${columns || 'equally many'} columns`,
        got: bad < 0 ? 'no rows' : `${x[bad]!.length} in row ${bad}`,
      })
    return columns
  }
  get categories(): readonly (readonly Category[])[] {
    return fitted('OneHotEncoder', this.learned)
  }
  /** The first category of column c that has a column of its own. */
  private first(c: number): number {
    const n = this.categories[c]!.length
    return this.drop === 'first' || (this.drop === 'ifBinary' && n === 2) ? 1 : 0
  }
  /** `name_category` for each column of the result. */
  featureNames(names = this.categories.map((_, c) => `x${c}`)): string[] {
    return this.categories.flatMap((list, c) =>
      list.slice(this.first(c)).map((v) => `${names[c]}_${v}`),
    )
  }
  /** float32, shape (N, columns). @throws ValueError for unknown categories, unless they are ignored (all 0) */
  transform(x: readonly (readonly Category[])[]): Tensor {
    const { categories } = this
    this.check(x, categories.length)
    const width = this.featureNames().length
    const out = new Float32Array(x.length * width)
    const index = categories.map((list) => new Map(list.map((v, i) => [v, i])))
    x.forEach((r, i) => {
      let at = i * width
      r.forEach((v, c) => {
        const k = index[c]!.get(v)
        const first = this.first(c)
        if (k === undefined) {
          if (this.handleUnknown === 'error')
            unknown('OneHotEncoder', v, categories[c]!, `in row ${i}, column ${c}`)
        } else if (k >= first) out[at + k - first] = 1
        at += categories[c]!.length - first
      })
    })
    return tensor(out, { shape: [x.length, width] })
  }
  fitTransform(x: readonly (readonly Category[])[]): Tensor {
    return this.fit(x).transform(x)
  }
  /** The categories; null where all columns of one are 0 and none was dropped. */
  inverseTransform(y: Tensor): (Category | null)[][] {
    const { categories } = this
    const width = this.featureNames().length
    checkColumns('OneHotEncoder', y, width)
    const data = asNumbers(y.toTypedArray())
    return Array.from({ length: y.shape[0]! }, (_, i) => {
      let at = i * width
      return categories.map((list, c) => {
        const first = this.first(c)
        let best = first === 1 ? 0 : -1
        let most = 0
        for (let k = first; k < list.length; k++, at++)
          if (Number(data[at]) > most) {
            most = Number(data[at])
            best = k
          }
        return best < 0 ? null : list[best]!
      })
    })
  }
  /** A new one with the same options that has learned nothing. */
  clone(): OneHotEncoder {
    return new OneHotEncoder(this.getOptions())
  }
  getOptions(): OneHotEncoderOptions {
    return { drop: this.drop, handleUnknown: this.handleUnknown }
  }
  protected learnedFor(): unknown {
    return this.categories
  }
  restore({ learned }: Fitted): this {
    this.learned = requireLearned(
      'OneHotEncoder',
      learned,
      Array.isArray(learned) && learned.every(areCategories),
    )
    return this
  }
}
