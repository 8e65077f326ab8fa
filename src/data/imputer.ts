/** Missing numbers filled in. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import { where } from '../ops/arithmetic.js'
import { isnan } from '../ops/compare.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { columnOf, tableOf } from '../tensor/values.js'
import { areNumbers, checkColumns, Transformer } from './scalers.js'

export interface SimpleImputerOptions {
  /** What stands in for a missing number (NaN): the column's 'mean' when not given, 'median', 'mostFrequent' or 'constant'. */
  strategy?: 'mean' | 'median' | 'mostFrequent' | 'constant'
  /** Of 'constant'; 0 when not given. */
  fillValue?: number
}
const names: OptionNames<SimpleImputerOptions> = { strategy: true, fillValue: true }

const strategies = {
  mean: (x: Float64Array) => {
    let s = 0
    for (const v of x) s += v - x[0]!
    return x[0]! + s / x.length
  },
  median: (x: Float64Array) => {
    const half = x.length >> 1
    return x.length % 2 === 1 ? x[half]! : (x[half - 1]! + x[half]!) / 2
  },
  mostFrequent: (x: Float64Array) => {
    let [best, most] = [x[0]!, 0]
    for (let i = 0; i < x.length; ) {
      let j = i + 1
      while (j < x.length && x[j] === x[i]) j++
      if (j - i > most) [best, most] = [x[i]!, j - i]
      i = j
    }
    return best
  },
  constant: () => 0,
}

/**
 * Puts the mean (median, most frequent number, a constant) of each column of the training data where NaN stands. Of several
 * most frequent numbers the least.
 * https://scikit-learn.org/stable/modules/generated/sklearn.impute.SimpleImputer.html
 * @throws ValueError for a column without any number, unless the strategy is 'constant'
 * @example new SimpleImputer().fitTransform(tensor([[1], [NaN], [3]])) // [[1], [2], [3]]
 */
export class SimpleImputer extends Transformer<{ statistics: number[] }> {
  readonly kind = 'SimpleImputer'
  private readonly strategy: NonNullable<SimpleImputerOptions['strategy']>
  private readonly fillValue: number
  constructor(options: SimpleImputerOptions = {}) {
    super()
    const { strategy = 'mean', fillValue = 0 } = checkOptions('SimpleImputer', options, names)
    if (!Object.hasOwn(strategies, strategy) || !Number.isFinite(fillValue))
      throw new ValueError({
        op: 'SimpleImputer',
        rule: `strategy must be one of ${Object.keys(strategies).join(', ')}, and fillValue a finite number`,
        got: `${showValue(strategy)} and ${fillValue}`,
      })
    this.strategy = strategy
    this.fillValue = fillValue
  }
  protected isLearned({ statistics }: { statistics: number[] }) {
    return areNumbers(statistics)
  }
  fit(x: Tensor): this {
    checkColumns(this.kind, x)
    const table = tableOf(this.kind, x)
    const statistics = Array.from({ length: table.columns }, (_, c) => {
      if (this.strategy === 'constant') return this.fillValue
      const known = columnOf(table, c)
        .filter((v) => !Number.isNaN(v))
        .sort()
      if (known.length === 0)
        throw new ValueError({
          op: this.kind,
          rule: 'every column must have a number',
          got: `none in column ${c}`,
          fix: "Leave the column out, or use strategy: 'constant'.",
        })
      return strategies[this.strategy](known)
    })
    this.learned = { statistics }
    return this
  }
  /** What stands in, by columns. */
  get statistics(): readonly number[] {
    return this.got.statistics
  }
  transform(x: Tensor): Tensor {
    const { statistics } = this.got
    checkColumns(this.kind, x, statistics.length)
    const row = tensor(Float64Array.from(statistics), {
      dtype: x.dtype,
      shape: [1, statistics.length],
    })
    return where(isnan(x), row, x)
  }
  getOptions() {
    return { strategy: this.strategy, fillValue: this.fillValue }
  }
}
