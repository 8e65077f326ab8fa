/** Means and products of columns, of rows that come in parts. */
import { indexSelect } from '../ops/indexing.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { gramOf } from './gram.js'

/** Columns that change, and their Gram matrix around the mean. */
export interface Scatter {
  mean: Float64Array
  /** p x p, zero where a column is constant. */
  products: Float64Array
  rows: number
}

export function scatterOf(x: Tensor): Scatter {
  const [n, p] = x.shape as [number, number]
  const mean = Float64Array.from(x.mean(0).toTypedArray() as Float64Array)
  const top = x.amax(0).toTypedArray() as Float64Array
  const low = x.amin(0).toTypedArray() as Float64Array
  const varying = Int32Array.from(Array.from(mean, (_, j) => j).filter((j) => top[j] !== low[j]))
  const products = new Float64Array(p * p)
  if (varying.length === 0) return { mean, products, rows: n }
  // Columns that are constant have no part in it: many borders of pictures are.
  const some =
    varying.length < 0.95 * p
      ? indexSelect(x, 1, tensor(varying, { dtype: 'int32', shape: [varying.length] }))
      : x
  const places = some === x ? Int32Array.from({ length: p }, (_, j) => j) : varying
  let [away, spread] = [0, 0]
  for (const j of places) {
    away += mean[j]! ** 2
    spread += ((top[j]! - low[j]!) / 2) ** 2
  }
  // Where the mean is not much larger than the spread it may be taken off afterwards, which saves a copy.
  const far = away > 10 * spread
  const center = tensor(
    Float64Array.from(places, (j) => mean[j]!),
    { dtype: 'float64', shape: [1, places.length] },
  )
  const gram = gramOf(far ? some.sub(center) : some)
  const m = places.length
  for (let a = 0; a < m; a++)
    for (let b = 0; b < m; b++) {
      const own = far ? 0 : n * mean[places[a]!]! * mean[places[b]!]!
      products[places[a]! * p + places[b]!] = gram[a * m + b]! - own
    }
  return { mean, products, rows: n }
}

/** Scatter of two sets of rows together (Chan, Golub, LeVeque, 1979). */
export function together(a: Scatter, b: Scatter): Scatter {
  const p = a.mean.length
  const rows = a.rows + b.rows
  const d = a.mean.map((v, j) => b.mean[j]! - v)
  const share = (a.rows * b.rows) / rows
  return {
    rows,
    mean: a.mean.map((v, j) => v + d[j]! * (b.rows / rows)),
    products: a.products.map(
      (v, i) => v + b.products[i]! + d[Math.floor(i / p)]! * d[i % p]! * share,
    ),
  }
}
