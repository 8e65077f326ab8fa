/** How variables go together. */
import { div, mul, sub, where } from './arithmetic.js'
import { reshape, sum } from './broadcast.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { isFloat } from '../core/dtype.js'
import { type Kind, kinds, orNull, readOptions } from '../core/options.js'
import { le } from './compare.js'
import { toType } from './define.js'
import { clamp } from './elementwise.js'
import { sqrt } from './functions.js'
import { matmul } from './linalg.js'
import { transpose, unsqueeze } from './movement.js'
import { diagonal } from './slice.js'
import { Tensor } from './tensor.js'

const tensorOrNull = orNull({ rule: 'a tensor', holds: (v) => v instanceof Tensor } satisfies Kind)

export interface CovOptions {
  /** Taken off the number of observations; 1 unless said otherwise. */
  correction?: number
  /** How often each observation was made: whole numbers, one an observation. */
  fweights?: Tensor | null
  /** How much each observation counts: floats, one an observation. */
  aweights?: Tensor | null
}
/**
 * The covariances of variables: C = (X − μ) W (X − μ)ᵀ / n, where rows are variables and columns are observations.
 *
 * Shapes: x (variables, observations) to (variables, variables); a vector, or one row, is one variable and gives a scalar.
 * https://pytorch.org/docs/stable/generated/torch.cov.html
 * @throws ShapeError for more than two axes, or weights that do not fit
 * @example cov(tensor([[0, 1, 2], [2, 1, 0]])) // [[1, -1], [-1, 1]]
 */
export function cov(x: Tensor, options?: CovOptions): Tensor {
  const op = 'cov'
  const {
    correction = 1,
    fweights,
    aweights,
  } = readOptions<CovOptions>(
    op,
    [options],
    {},
    { correction: kinds.integer, fweights: tensorOrNull, aweights: tensorOrNull },
  )
  if (x.rank > 2) throw new ShapeError({ op, rule: 'x has one axis or two', got: show(x.shape) })
  if (x.dtype === 'bool')
    throw new ValueError({ op, rule: 'x holds numbers', got: 'bool', fix: "x.to('float32')" })
  const t = isFloat(x.dtype) ? x : toType(x, 'float32')
  const rows = t.rank < 2 ? reshape(t, [1, t.size]) : t
  const n = rows.shape[1]!
  for (const [name, w] of Object.entries({ fweights, aweights }))
    if (w && (w.rank > 1 || w.size !== n))
      throw new ShapeError({
        op,
        rule: `${name} has one value for each of ${n} observations`,
        got: show(w.shape),
      })
  const typed = (w: Tensor) => reshape(toType(w, rows.dtype), [n])
  const weights = [fweights, aweights].filter((w): w is Tensor => w instanceof Tensor).map(typed)
  const w = weights.length === 2 ? mul(weights[0]!, weights[1]!) : weights[0]
  const total = w ? sum(w) : n
  const weighted = (v: Tensor) => (w ? mul(v, w) : v)
  const centred = sub(rows, unsqueeze(div(sum(weighted(rows), 1), total), 1))
  let count: Tensor | number
  if (w && aweights && correction !== 0)
    count = sub(total, div(mul(sum(mul(w, typed(aweights))), correction), total))
  else count = typeof total === 'number' ? total - correction : sub(total, correction)
  const divisor = typeof count === 'number' ? Math.max(count, 0) : where(le(count, 0), 0, count)
  const c = div(matmul(centred, transpose(weighted(centred), 0, 1)), divisor)
  return rows.shape[0] === 1 ? reshape(c, []) : c
}

/**
 * The correlations of variables, from −1 to 1: r = C_ij / √(C_ii C_jj). Rows are variables, columns observations.
 *
 * Shapes: as `cov`. https://pytorch.org/docs/stable/generated/torch.corrcoef.html
 * @throws ShapeError for more than two axes
 * @example corrcoef(tensor([[0, 1, 2], [4, 2, 0]])) // [[1, -1], [-1, 1]]
 */
export function corrcoef(x: Tensor): Tensor {
  const c = cov(x)
  if (c.rank === 0) return div(c, c)
  const deviation = sqrt(diagonal(c))
  return clamp(div(div(c, unsqueeze(deviation, 1)), unsqueeze(deviation, 0)), -1, 1)
}
