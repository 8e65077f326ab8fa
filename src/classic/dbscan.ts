/** Clusters of any form: what is dense belongs together. */
import { checkOptions } from '../core/options.js'
import { weightsIn, type WeightOptions } from '../data/weights.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import type { Matrix } from '../tensor/values.js'
import {
  Estimator,
  type Learned,
  matrix,
  options as kinds,
  requireOptions,
  tableIn,
} from './estimator.js'
import { within } from './nearest.js'

export interface DBSCANOptions {
  /** How near neighbours are; 0.5 when not given. */
  eps?: number
  /** With so many neighbours, itself included, a row is the core of a cluster; 5 when not given. */
  minSamples?: number
}
interface DBSCANLearned extends Learned {
  labels: Int32Array
  cores: Int32Array
  components: Float64Array
  columns: number
}

/**
 * Rows with `minSamples` neighbours within `eps` (themselves included) are cores; cores that are neighbours form a cluster,
 * with the neighbours of its cores at its border. The rest is noise, −1. Ester and others, 1996.
 * https://scikit-learn.org/stable/modules/generated/sklearn.cluster.DBSCAN.html
 * @throws ValueError for numbers that are not finite, and options out of range
 * @example new DBSCAN({ eps: 1, minSamples: 2 }).fitPredict([[0], [0.5], [9], [9.2], [50]]) // [0, 0, 1, 1, -1]
 */
export class DBSCAN extends Estimator<DBSCANLearned> {
  readonly kind = 'DBSCAN'
  protected readonly fields = ['labels', 'cores', 'components', 'columns'] as const
  private readonly o: Required<DBSCANOptions>
  constructor(options: DBSCANOptions = {}) {
    super()
    const { eps = 0.5, minSamples = 5 } = checkOptions('DBSCAN', options, ['eps', 'minSamples'])
    this.o = { eps, minSamples }
    requireOptions('DBSCAN', { ...this.o }, { eps: kinds.positive, minSamples: kinds.count })
  }
  getOptions(): DBSCANOptions {
    return { ...this.o }
  }
  /** `y` is not looked at. The weight of the rows around one decides whether it is a core. */
  fit(x: Matrix, _y?: unknown, options?: WeightOptions): this {
    const table = tableIn(this.kind, x)
    const { data, rows, columns } = table
    const weights = weightsIn(this.kind, options, rows)
    const near = within(table, this.o.eps)
    const sizeOf = (list: Int32Array) =>
      weights ? list.reduce((s, r) => s + weights[r]!, 0) : list.length
    const isCore = near.map((list) => sizeOf(list) >= this.o.minSamples)
    const labels = new Int32Array(rows).fill(-1)
    let cluster = 0
    for (let i = 0; i < rows; i++) {
      if (labels[i] !== -1 || !isCore[i]) continue
      const stack = [i]
      for (let k = stack.pop(); k !== undefined; k = stack.pop()) {
        if (labels[k] !== -1) continue
        labels[k] = cluster
        if (isCore[k]) for (const r of near[k]!) if (labels[r] === -1) stack.push(r)
      }
      cluster++
    }
    const cores = Int32Array.from(isCore.flatMap((core, i) => (core ? [i] : [])))
    const components = new Float64Array(cores.length * columns)
    cores.forEach((r, i) => {
      components.set(data.subarray(r * columns, (r + 1) * columns), i * columns)
    })
    this.learned = { labels, cores, components, columns }
    return this
  }
  /** The cluster of each row, −1 for noise, int32, shape (N). */
  get labels(): Tensor {
    const { labels } = this.got
    return tensor(labels, { dtype: 'int32', shape: [labels.length] })
  }
  /** Which rows are cores. */
  get coreSampleIndices(): readonly number[] {
    return [...this.got.cores]
  }
  /** The cores themselves, shape (cores, columns). */
  get components(): Tensor {
    return matrix(this.got.components, this.got.columns)
  }
  fitPredict(x: Matrix, y?: unknown, options?: WeightOptions): Tensor {
    return this.fit(x, y, options).labels
  }
  /** The cluster of the nearest core within eps of each new row, or −1. */
  predict(x: Matrix): Tensor {
    const { labels, cores, components, columns } = this.got
    const { data, rows } = tableIn(this.kind, x, columns)
    const out = new Int32Array(rows).fill(-1)
    for (let i = 0; i < rows; i++) {
      let best = this.o.eps ** 2
      for (let c = 0; c < cores.length; c++) {
        let d = 0
        for (let j = 0; j < columns; j++)
          d += (data[i * columns + j]! - components[c * columns + j]!) ** 2
        if (d < best || (d === best && out[i] === -1)) {
          best = d
          out[i] = labels[cores[c]!]!
        }
      }
    }
    return tensor(out, { dtype: 'int32', shape: [rows] })
  }
}
