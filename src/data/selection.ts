/** Selections of columns: by their variance, by how they go with y, or by the weights of a model. */
import { ValueError } from '../core/errors.js'
import { checkOptions, oneOf, type OptionNames, showValue } from '../core/options.js'
import { indexSelect } from '../ops/indexing.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { columnOf, type Matrix, type Numbers, tableOf } from '../tensor/values.js'
import { checkColumns, Transformer } from './scalers.js'
import {
  fClassif,
  rRegression,
  fRegression,
  mutualInfoClassif,
  mutualInfoRegression,
} from './columnScores.js'

/** What selections share: the columns that stay. */
abstract class Selector extends Transformer<{ support: number[]; columns: number }> {
  protected isLearned({ support, columns }: { support: number[]; columns: number }) {
    return (
      Array.isArray(support) && support.every((c) => Number.isInteger(c) && c >= 0 && c < columns)
    )
  }
  protected choose(columns: number, keep: (c: number) => boolean): this {
    const support = Array.from({ length: columns }, (_, c) => c).filter(keep)
    if (support.length === 0)
      throw new ValueError({
        op: this.kind,
        rule: 'a column must be left',
        got: `none of ${columns}`,
        fix: 'Lower the threshold.',
      })
    this.learned = { support, columns }
    return this
  }
  /** The columns that stay, from 0. */
  get support(): readonly number[] {
    return this.got.support
  }
  transform(x: Tensor): Tensor {
    const { support, columns } = this.got
    checkColumns(this.kind, x, columns)
    return indexSelect(
      x,
      1,
      tensor(Int32Array.from(support), { dtype: 'int32', shape: [support.length] }),
    )
  }
}

/**
 * Leaves out columns whose variance (divisor N) is at most `threshold`; 0 when not given: those that are constant.
 * https://scikit-learn.org/stable/modules/generated/sklearn.feature_selection.VarianceThreshold.html
 * @throws ValueError when no column would be left
 * @example new VarianceThreshold().fitTransform(tensor([[1, 5], [2, 5]])) // [[1], [2]]
 */
export class VarianceThreshold extends Selector {
  readonly kind = 'VarianceThreshold'
  private readonly threshold: number
  constructor(options: { threshold?: number } = {}) {
    super()
    const { threshold = 0 } = checkOptions('VarianceThreshold', options, ['threshold'])
    if (!(Number.isFinite(threshold) && threshold >= 0))
      throw new ValueError({
        op: 'VarianceThreshold',
        rule: 'threshold must be a number from 0',
        got: `${threshold}`,
      })
    this.threshold = threshold
  }
  fit(x: Tensor): this {
    checkColumns(this.kind, x)
    const table = tableOf(this.kind, x)
    return this.choose(table.columns, (c) => {
      const v = columnOf(table, c)
      if (v.every((u) => u === v[0])) return false
      const m = v.reduce((a, b) => a + b, 0) / v.length
      return v.reduce((s, u) => s + (u - m) ** 2, 0) / v.length > this.threshold
    })
  }
  getOptions() {
    return { threshold: this.threshold }
  }
}

const scorers = {
  fClassif: (x: Matrix, y: Numbers) => fClassif(x, y).scores,
  fRegression: (x: Matrix, y: Numbers) => fRegression(x, y).scores,
  mutualInfoClassif: (x: Matrix, y: Numbers) => mutualInfoClassif(x, y),
  mutualInfoRegression: (x: Matrix, y: Numbers) => mutualInfoRegression(x, y),
  /** |r|: columns that fall as y rises matter as much. */
  correlation: (x: Matrix, y: Numbers) => rRegression(x, y).map(Math.abs),
}
export interface SelectKBestOptions {
  /** How columns are scored; 'fClassif' when not given. */
  score?: keyof typeof scorers
  /** How many stay; 10 when not given. */
  k?: number
}
const bestNames: OptionNames<SelectKBestOptions> = { score: true, k: true }

/**
 * The k columns with the highest score against y: 'fClassif', 'fRegression', 'mutualInfoClassif', 'mutualInfoRegression', or
 * 'correlation' (|r|). Constant columns come last; of equal scores the later column stays.
 * https://scikit-learn.org/stable/modules/generated/sklearn.feature_selection.SelectKBest.html
 * @throws ValueError for more columns than there are
 * @example new SelectKBest({ k: 1 }).fit(tensor([[1, 5], [2, 4], [8, 5], [9, 4]]), [0, 0, 1, 1]).support // [0]
 */
export class SelectKBest extends Selector {
  readonly kind = 'SelectKBest'
  private readonly measure: keyof typeof scorers
  private readonly k: number
  constructor(options: SelectKBestOptions = {}) {
    super()
    const { score = 'fClassif', k = 10 } = checkOptions('SelectKBest', options, bestNames)
    const rule = oneOf(...Object.keys(scorers))
    if (!rule.holds(score) || !(Number.isInteger(k) && k >= 1))
      throw new ValueError({
        op: 'SelectKBest',
        rule: `score must be ${rule.rule}, and k a whole number from 1`,
        got: `${showValue(score)} and ${showValue(k)}`,
      })
    this.measure = score
    this.k = k
  }
  fit(x: Tensor, y?: Numbers): this {
    checkColumns(this.kind, x)
    const columns = x.shape[1]!
    if (y === undefined)
      throw new ValueError({ op: this.kind, rule: 'fit needs y', got: 'x alone' })
    if (this.k > columns)
      throw new ValueError({
        op: this.kind,
        rule: `k must be at most the ${columns} columns`,
        got: `${this.k}`,
      })
    const scores = scorers[this.measure](x, y).map((s) =>
      Number.isNaN(s) ? Number.NEGATIVE_INFINITY : s,
    )
    const best = [...scores.keys()]
      .sort((a, b) => scores[b]! - scores[a]! || b - a)
      .slice(0, this.k)
    return this.choose(columns, (c) => best.includes(c))
  }
  override fitTransform(x: Tensor, y?: Numbers): Tensor {
    return this.fit(x, y).transform(x)
  }
  getOptions() {
    return { score: this.measure, k: this.k }
  }
}

/** A model with a weight for each column, such as a Lasso. */
export interface Weighted {
  fit(x: Tensor, y: Numbers): unknown
  readonly coef: Tensor
  clone?(): unknown
}
/**
 * The columns whose weight in a fitted model is at least `threshold` by size (the sum over the rows of a matrix of weights):
 * 1e-5 when not given, so that a Lasso chooses them.
 * https://scikit-learn.org/stable/modules/generated/sklearn.feature_selection.SelectFromModel.html
 * @throws ValueError when no column would be left
 * @example new SelectFromModel(new Lasso({ alpha: 0.5 })).fit(tensor([[-1, 1], [1, 1]]), [-2, 2]).support // [0]
 */
export class SelectFromModel extends Selector {
  readonly kind = 'SelectFromModel'
  readonly estimator: Weighted
  private readonly threshold: number
  constructor(estimator: Weighted, options: { threshold?: number } = {}) {
    super()
    const { threshold = 1e-5 } = checkOptions('SelectFromModel', options, ['threshold'])
    if (!Number.isFinite(threshold) || typeof estimator?.fit !== 'function')
      throw new ValueError({
        op: 'SelectFromModel',
        rule: 'it takes a model with fit and coef, and threshold, a number',
        got: `${showValue(estimator)} and ${showValue(threshold)}`,
      })
    this.estimator = estimator
    this.threshold = threshold
  }
  override clone(): this {
    const estimator = (this.estimator.clone?.() ?? this.estimator) as Weighted
    return new SelectFromModel(estimator, this.getOptions()) as this
  }
  protected override parts() {
    return [['estimator', this.estimator]] as const
  }
  fit(x: Tensor, y?: Numbers): this {
    checkColumns(this.kind, x)
    if (y === undefined)
      throw new ValueError({ op: this.kind, rule: 'fit needs y', got: 'x alone' })
    this.estimator.fit(x, y)
    const columns = x.shape[1]!
    const w = this.estimator.coef.toTypedArray()
    const sizes = new Float64Array(columns)
    for (let i = 0; i < w.length; i++) sizes[i % columns]! += Math.abs(Number(w[i]))
    return this.choose(columns, (c) => sizes[c]! >= this.threshold)
  }
  override fitTransform(x: Tensor, y?: Numbers): Tensor {
    return this.fit(x, y).transform(x)
  }
  getOptions() {
    return { threshold: this.threshold }
  }
}
