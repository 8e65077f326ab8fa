/** What classifiers share. */
import { ValueError } from '../core/errors.js'
import { accuracy } from '../data/measures.js'
import type { WeightOptions } from '../data/weights.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import type { Matrix, Numbers } from '../tensor/values.js'
import { Estimator, type Learned, labelsIn } from './estimator.js'

export interface ClassState extends Learned {
  classes: Int32Array
}

/** Learns classes, which are whole numbers, from rows of numbers. */
export abstract class Classifier<L extends ClassState = ClassState> extends Estimator<L> {
  abstract fit(x: Matrix, y: Numbers, options?: WeightOptions): this
  /** The probability of each class, shape (N, classes), in the order of `classes`. */
  abstract predictProba(x: Matrix): Tensor
  /** The classes in ascending order. */
  get classes(): readonly number[] {
    return [...this.got.classes]
  }
  /** The most probable class of each row, int32, shape (N). */
  predict(x: Matrix): Tensor {
    const p = this.predictProba(x)
    const k = p.shape[1]!
    const values = p.toTypedArray() as Float64Array
    const { classes } = this.got
    const out = Int32Array.from({ length: p.shape[0]! }, (_, i) => {
      let best = 0
      for (let c = 1; c < k; c++) if (values[i * k + c]! > values[i * k + best]!) best = c
      return classes[best]!
    })
    return tensor(out, { dtype: 'int32', shape: [out.length] })
  }
  /** The (weighted) share of the rows whose class is predicted. */
  score(x: Matrix, y: Numbers, options?: WeightOptions): number {
    const got = this.predict(x).toTypedArray() as Int32Array
    return accuracy(got, labelsIn(this.kind, y, got.length), options)
  }
  /** The place of each label among the classes. @throws ValueError for one that is none of them */
  protected codesOf(labels: Int32Array): Int32Array {
    const place = new Map([...this.got.classes].map((c, k) => [c, k]))
    return labels.map((c, i) => {
      const k = place.get(c)
      if (k === undefined)
        throw new ValueError({
          op: this.kind,
          rule: `the classes are ${[...this.got.classes].join(', ')}`,
          got: `${c} at position ${i}`,
          fix: 'Name all classes in the first call: partialFit(x, y, classes).',
        })
      return k
    })
  }
}
