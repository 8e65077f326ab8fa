/** How much each row counts. */
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { type Numbers, numbersOf } from '../tensor/values.js'

export interface WeightOptions {
  /** How much each row counts, from 0 up: a row of weight 2 counts as two; all 1 when not given. */
  sampleWeight?: Numbers
}

/** The weight of each of n rows; undefined where none are given. @throws ShapeError, ValueError */
export function weightsIn(
  op: string,
  options: WeightOptions | undefined,
  n: number,
): Float64Array | undefined {
  if (options === undefined) return undefined
  const { sampleWeight } = checkOptions(op, options, ['sampleWeight'])
  if (sampleWeight === undefined) return undefined
  const weights = Float64Array.from(numbersOf(sampleWeight, op))
  if (weights.length !== n)
    throw new ShapeError({
      op,
      rule: 'sampleWeight must have one weight for each row',
      got: `${weights.length} and ${n} rows`,
    })
  const bad = weights.findIndex((w) => !(w >= 0 && w < Number.POSITIVE_INFINITY))
  if (bad >= 0)
    throw new ValueError({
      op,
      rule: 'weights must be finite numbers from 0 up',
      got: `${weights[bad]} at position ${bad}`,
    })
  if (!weights.some((w) => w > 0))
    throw new ValueError({ op, rule: 'a row must have a weight above 0', got: 'only 0' })
  return weights
}
