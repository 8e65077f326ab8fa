/** How well estimators do on data that they have not seen: cross-validation, and curves of it. */
import { ValueError } from '../core/errors.js'
import { checkOptions, kinds, type OptionNames } from '../core/options.js'
import { indexSelect } from '../ops/indexing.js'
import { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { type Matrix, type Numbers, numbersOf, requireOptions, tableOf } from '../tensor/values.js'
import { kFold, stratifiedKFold } from './split.js'

/** What is validated: a new one is fitted for each round. */
export interface Scored {
  clone(): unknown
  fit(x: Tensor, y: Numbers): unknown
  score(x: Tensor, y: Numbers): number
  predictProba?(x: Tensor): Tensor
  /** Of a pipeline. */
  readonly classifies?: boolean
}

export interface CrossValOptions {
  /** Rounds; 5 when not given. */
  cv?: number
  /** Puts the rows into a random order first; false when not given. */
  shuffle?: boolean
  /** Of the order; 0 when not given. */
  seed?: number
  /** Keeps the classes in their proportion: true when not given for classifiers. */
  stratify?: boolean
  /** The score of a fitted estimator; its own `score` when not given. */
  scoring?: (fitted: never, x: Tensor, y: Float64Array) => number
}
const names: OptionNames<CrossValOptions> = {
  cv: true,
  shuffle: true,
  seed: true,
  stratify: true,
  scoring: true,
}

interface Part {
  x: Tensor
  y: Float64Array
}
/** Rows by their numbers. */
function rowsAt(x: Tensor, y: Float64Array, list: readonly number[] | Int32Array): Part {
  const index = Int32Array.from(list)
  return {
    x: indexSelect(x, 0, tensor(index, { dtype: 'int32', shape: [index.length] })),
    y: Float64Array.from(index, (i) => y[i]!),
  }
}
function whole(op: string, x: Matrix, y: Numbers): Part {
  let t: Tensor
  if (x instanceof Tensor && x.rank === 2) t = x
  else {
    const { data, rows, columns } = tableOf(op, x)
    t = tensor(data, { dtype: 'float64', shape: [rows, columns] })
  }
  const targets = Float64Array.from(numbersOf(y, op))
  if (targets.length !== t.shape[0])
    throw new ValueError({
      op,
      rule: 'there must be one y for each row of x',
      got: `${targets.length} and ${t.shape[0]} rows`,
    })
  return { x: t, y: targets }
}

const classifies = (e: Scored) => e.classifies ?? e.predictProba !== undefined

/** The rows of each round, of training and of test. */
function roundsOf(op: string, estimator: Scored, y: Float64Array, options: CrossValOptions) {
  const {
    cv = 5,
    shuffle = false,
    seed = 0,
    stratify = classifies(estimator),
    scoring,
  } = checkOptions(op, options, names)
  requireOptions(
    op,
    { ...options, cv },
    {
      cv: {
        rule: `a whole number from 2 to ${y.length}, the rows`,
        holds: (v) => Number.isInteger(v) && (v as number) >= 2 && (v as number) <= y.length,
      },
      shuffle: kinds.flag,
      seed: kinds.integer,
      stratify: kinds.flag,
      scoring: kinds.function,
    },
  )
  const rows = { length: y.length, get: (i: number) => i }
  const folds = stratify
    ? stratifiedKFold(rows, y, cv, { shuffle, seed })
    : kFold(rows, cv, { shuffle, seed })
  const list = (s: { length: number; get(i: number): number }) =>
    Int32Array.from({ length: s.length }, (_, i) => s.get(i))
  const score = (fitted: Scored, part: Part): number =>
    scoring ? scoring(fitted as never, part.x, part.y) : fitted.score(part.x, part.y)
  return {
    score,
    rounds: folds.map(({ train, test }) => ({ train: list(train), test: list(test) })),
  }
}
const fresh = (e: Scored): Scored => e.clone() as Scored

/**
 * The score of each round of cross-validation: a new estimator is fitted with the other rows and tested on these.
 * Classifiers have the classes in their proportion in each part.
 * https://scikit-learn.org/stable/modules/generated/sklearn.model_selection.cross_val_score.html
 * @throws ValueError unless 2 ≤ cv ≤ N
 * @example crossValScore(new LinearRegression(), [[0], [1], [2], [3]], [1, 3, 5, 7], { cv: 2 }) // [1, 1]
 */
export function crossValScore(
  estimator: Scored,
  x: Matrix,
  y: Numbers,
  options: CrossValOptions = {},
): Float64Array {
  const all = whole('crossValScore', x, y)
  const { rounds, score } = roundsOf('crossValScore', estimator, all.y, options)
  return Float64Array.from(rounds, ({ train, test }) => {
    const part = rowsAt(all.x, all.y, train)
    const model = fresh(estimator)
    model.fit(part.x, part.y)
    return score(model, rowsAt(all.x, all.y, test))
  })
}

/** Scores of training and test for each size or value: a row each, a column for each round. */
export interface Curve {
  trainScores: Float64Array[]
  testScores: Float64Array[]
}
export interface LearningCurveOptions extends CrossValOptions {
  /** Numbers of rows, or shares of those there are; 0.1, 0.325, 0.55, 0.775 and 1 when not given. */
  trainSizes?: readonly number[]
}

/**
 * The scores of estimators that are fitted with more and more rows: the first of the training rows of each round. Where both
 * curves have met, more data does not help.
 * https://scikit-learn.org/stable/modules/generated/sklearn.model_selection.learning_curve.html
 * @throws ValueError for sizes that are not from 1 to the rows that there are
 * @example learningCurve(new LinearRegression(), [[0], [1], [2], [3]], [1, 3, 5, 7], { cv: 2, trainSizes: [2] }).testScores // [[1, 1]]
 */
export function learningCurve(
  estimator: Scored,
  x: Matrix,
  y: Numbers,
  options: LearningCurveOptions = {},
): Curve & { trainSizes: Int32Array } {
  const op = 'learningCurve'
  const { trainSizes = [0.1, 0.325, 0.55, 0.775, 1], ...rest } = checkOptions(op, options, {
    ...names,
    trainSizes: true,
  })
  const all = whole(op, x, y)
  const { rounds, score } = roundsOf(op, estimator, all.y, rest)
  const most = Math.min(...rounds.map((r) => r.train.length))
  const shares = trainSizes.every((s) => s > 0 && s <= 1)
  const sizes = Int32Array.from(trainSizes, (s) => (shares ? Math.floor(s * most + 1e-9) : s))
  const bad = sizes.findIndex((n, i) => n < 1 || n > most || (!shares && trainSizes[i] !== n))
  if (bad >= 0 || sizes.length === 0)
    throw new ValueError({
      op,
      rule: `trainSizes must be shares, or whole numbers from 1 to ${most}`,
      got: sizes.length === 0 ? 'none' : `${trainSizes[bad]}`,
    })
  const unique = Int32Array.from(new Set(sizes)).sort()
  const scores = Array.from(unique, (n) =>
    rounds.map(({ train, test }) => {
      const part = rowsAt(all.x, all.y, train.subarray(0, n))
      const model = fresh(estimator)
      model.fit(part.x, part.y)
      return [score(model, part), score(model, rowsAt(all.x, all.y, test))] as const
    }),
  )
  return { trainSizes: unique, ...curveOf(scores) }
}
const curveOf = (scores: readonly (readonly (readonly [number, number])[])[]): Curve => ({
  trainScores: scores.map((row) => Float64Array.from(row, (s) => s[0])),
  testScores: scores.map((row) => Float64Array.from(row, (s) => s[1])),
})

/**
 * The scores of the estimators that `make` makes of each value, on training and test rows: where they part, the model
 * overfits.
 * https://scikit-learn.org/stable/modules/generated/sklearn.model_selection.validation_curve.html
 * @throws ValueError unless 2 ≤ cv ≤ N
 * @example validationCurve((alpha) => new Ridge({ alpha }), [0, 1], [[0], [1], [2], [3]], [1, 3, 5, 7], { cv: 2 }).testScores[0] // [1, 1]
 */
export function validationCurve<V>(
  make: (value: V) => Scored,
  values: readonly V[],
  x: Matrix,
  y: Numbers,
  options: CrossValOptions = {},
): Curve {
  const op = 'validationCurve'
  const all = whole(op, x, y)
  const scores = values.map((value) => {
    const { rounds, score } = roundsOf(op, make(value), all.y, options)
    return rounds.map(({ train, test }) => {
      const part = rowsAt(all.x, all.y, train)
      const model = make(value)
      model.fit(part.x, part.y)
      return [score(model, part), score(model, rowsAt(all.x, all.y, test))] as const
    })
  })
  return curveOf(scores)
}
