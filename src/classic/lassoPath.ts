/** Elastic nets for one α after the other. */
import { pow } from '../core/math.js'
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import type { Matrix, Numbers } from '../tensor/values.js'
import { limitsOf, netRules } from './coordinate.js'
import { columnsOf, descendColumns, descendGram, normalOf } from './descent.js'
import { options as kinds, matrix, requireOptions, toTensor } from './estimator.js'

export interface PathOptions {
  /** The share of ‖w‖₁ in the cost; 1 (Lasso) when not given. */
  l1Ratio?: number
  /** The last α as a part of the first, with which all weights are 0; 1e-3 when not given. */
  eps?: number
  /** How many α, equally far apart on a logarithmic scale; 100 when not given. */
  nAlphas?: number
  /** The α themselves, instead. */
  alphas?: readonly number[]
  /** Subtracts the means first; false when not given, as scikit-learn: center the data yourself. */
  fitIntercept?: boolean
  /** Works on XᵀX; true when not given. */
  precompute?: boolean
  maxIter?: number
  tol?: number
  positive?: boolean
}
const pathNames: OptionNames<PathOptions> = {
  l1Ratio: true,
  eps: true,
  nAlphas: true,
  alphas: true,
  fitIntercept: true,
  precompute: true,
  maxIter: true,
  tol: true,
  positive: true,
}

/** A model for each α, from the largest α to the least. */
export interface Path {
  alphas: Float64Array
  /** (columns, alphas), as scikit-learn. */
  coefs: Tensor
  dualGaps: Float64Array
  /** Passes over the columns. */
  nIters: Int32Array
}

/**
 * The weights of elastic nets for falling α, each begun where the one before ended. The first α is the least with which all
 * weights are 0, max |Xᵀy| / (N l1Ratio).
 * https://scikit-learn.org/stable/modules/generated/sklearn.linear_model.lasso_path.html
 * @throws ValueError for numbers that are not finite, and options out of range
 * @example lassoPath([[-1], [1]], [-2, 2], { alphas: [1, 0.5] }).coefs // [[1, 1.5]]
 */
export function lassoPath(x: Matrix, y: Numbers, options: PathOptions = {}): Path {
  const op = 'lassoPath'
  const {
    l1Ratio = 1,
    eps = 1e-3,
    nAlphas = 100,
    alphas,
    fitIntercept = false,
    precompute = true,
    maxIter = 1000,
    tol = 1e-4,
    positive = false,
  } = checkOptions(op, options, pathNames)
  requireOptions(
    op,
    { l1Ratio, eps, nAlphas, maxIter, tol, positive, fitIntercept, precompute },
    {
      ...netRules,
      eps: kinds.positive,
      nAlphas: kinds.count,
      l1Ratio: {
        rule: 'a number above 0, at most 1',
        holds: (v) => (v as number) > 0 && (v as number) <= 1,
      },
    },
  )
  const n = precompute ? normalOf(op, x, y, fitIntercept) : undefined
  const c = n ? undefined : columnsOf(op, x, y, fitIntercept)
  const { rows } = (n ?? c)!
  const xy = n?.xy ?? (matrix(c!.data, rows).matmul(matrix(c!.y, 1)).toTypedArray() as Float64Array)
  let list: Float64Array
  if (alphas) {
    list = Float64Array.from(alphas).sort().reverse()
    if (list.length === 0 || !list.every((a) => Number.isFinite(a) && a >= 0))
      throw new ValueError({ op, rule: 'alphas must be numbers from 0 up', got: showValue(alphas) })
  } else {
    const most = xy.reduce((m, v) => Math.max(m, Math.abs(v)), 0) / (rows * l1Ratio)
    // Of a y that is 0 everywhere there is nothing to choose.
    const first = Math.max(most, Number.EPSILON)
    list = Float64Array.from({ length: nAlphas }, (_, k) =>
      nAlphas === 1 ? first : first * pow(eps, k / (nAlphas - 1)),
    )
  }
  const p = xy.length
  const w = new Float64Array(p)
  const h = new Float64Array(p)
  const r = Float64Array.from(c?.y ?? [])
  const coefs = new Float64Array(p * list.length)
  const dualGaps = new Float64Array(list.length)
  const nIters = new Int32Array(list.length)
  list.forEach((alpha, k) => {
    const limits = limitsOf({ l1Ratio, maxIter, tol, positive }, alpha, rows)
    const went = n ? descendGram(n, w, h, limits) : descendColumns(c!, w, r, limits)
    for (let j = 0; j < p; j++) coefs[j * list.length + k] = w[j]!
    dualGaps[k] = went.gap / rows
    nIters[k] = went.iterations
  })
  return {
    alphas: list,
    coefs: toTensor({ data: coefs, rows: p, columns: list.length }),
    dualGaps,
    nIters,
  }
}
