/** What regressors share. */
import { r2 } from '../data/measures.js'
import type { WeightOptions } from '../data/weights.js'
import type { Tensor } from '../ops/tensor.js'
import type { Matrix, Numbers } from '../tensor/values.js'
import { Estimator, type Learned, targetsIn } from './estimator.js'

/** Learns numbers from rows of numbers. */
export abstract class Regressor<L extends Learned = Learned> extends Estimator<L> {
  abstract fit(x: Matrix, y: Numbers, options?: WeightOptions): this
  /** A number for each row, shape (N). */
  abstract predict(x: Matrix): Tensor
  /** R², the coefficient of determination. */
  score(x: Matrix, y: Numbers, options?: WeightOptions): number {
    const got = this.predict(x).toTypedArray() as Float64Array
    return r2(got, targetsIn(this.kind, y, got.length), options)
  }
}
