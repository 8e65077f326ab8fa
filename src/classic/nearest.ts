/** The rows nearest to others, by all distances. */
import type { Table } from '../tensor/values.js'
import { matrix, toTensor } from './estimator.js'

/** Rows of queries whose products with all rows are made at once. */
const BLOCK = 512

const squares = ({ data, rows, columns }: Table): Float64Array => {
  const out = new Float64Array(rows)
  for (let i = 0; i < rows; i++)
    for (let j = i * columns; j < (i + 1) * columns; j++) out[i]! += data[j]! * data[j]!
  return out
}
/** ‖a − b‖² without cancellation. */
export function squaredDistance(a: Table, i: number, b: Table, k: number): number {
  const p = a.columns
  let s = 0
  for (let j = 0; j < p; j++) {
    const d = a.data[i * p + j]! - b.data[k * p + j]!
    s += d * d
  }
  return s
}

/** ‖b‖² − 2ab: with ‖a‖² the squared distance of a query a and the row b, right to about 15 digits of the squares. */
interface Halves {
  query: number
  /** ‖a‖². */
  own: number
  /** ‖b‖² of the rows. */
  norms: Float64Array
  /** ab of the rows from `at`. */
  products: Float64Array
  at: number
}

/** Calls back with the parts of the squared distances of each query to all rows. */
function eachQuery(queries: Table, rows: Table, visit: (h: Halves) => void): void {
  const all = toTensor(rows).transpose(0, 1)
  const norms = squares(rows)
  const own = squares(queries)
  const { columns } = queries
  for (let from = 0; from < queries.rows; from += BLOCK) {
    const size = Math.min(BLOCK, queries.rows - from)
    const part = matrix(queries.data.slice(from * columns, (from + size) * columns), columns)
    const made = part.matmul(all)
    const products = made.toTypedArray() as Float64Array
    made.dispose()
    part.dispose()
    for (let i = 0; i < size; i++)
      visit({ query: from + i, own: own[from + i]!, norms, products, at: i * rows.rows })
  }
}

/** For each query its k nearest rows, nearest first; of equal distances the row that comes first. */
export interface Neighbors {
  indices: Int32Array
  distances: Float64Array
}

/** Puts v into the first `count` of the list, which stay in order; of equal ones it comes last. */
function insert(
  values: Float64Array,
  places: Int32Array,
  count: number,
  v: number,
  place: number,
): void {
  let at = count
  while (at > 0 && values[at - 1]! > v) {
    values[at] = values[at - 1]!
    places[at] = places[at - 1]!
    at--
  }
  values[at] = v
  places[at] = place
}

/** `self`: the queries are the rows, and none is its own neighbour. */
export function nearest(queries: Table, rows: Table, k: number, self = false): Neighbors {
  const n = rows.rows
  const indices = new Int32Array(queries.rows * k)
  const distances = new Float64Array(queries.rows * k)
  // A few more than k, since the fast distances are rounded and the exact ones decide.
  const wanted = Math.min(n - (self ? 1 : 0), k + 4)
  const place = new Int32Array(wanted)
  const value = new Float64Array(wanted)
  const exact = new Float64Array(wanted)
  const order = new Int32Array(wanted)
  eachQuery(queries, rows, ({ query, norms, products, at }) => {
    let count = 0
    let limit = Number.POSITIVE_INFINITY
    for (let r = 0; r < n; r++) {
      const d = norms[r]! - 2 * products[at + r]!
      if (d >= limit || (self && r === query)) continue
      if (count < wanted) count++
      insert(value, place, count - 1, d, r)
      if (count === wanted) limit = value[count - 1]!
    }
    // By index first, so that of equal exact distances the row that comes first is first.
    place.sort()
    for (let i = 0; i < wanted; i++)
      insert(exact, order, i, squaredDistance(queries, query, rows, place[i]!), place[i]!)
    for (let i = 0; i < k; i++) {
      indices[query * k + i] = order[i]!
      distances[query * k + i] = Math.sqrt(exact[i]!)
    }
  })
  return { indices, distances }
}

/** For each row all rows within the radius, itself included. */
export function within(rows: Table, radius: number): Int32Array[] {
  const limit = radius * radius
  const out: Int32Array[] = []
  let largest = 0
  for (const v of squares(rows)) largest = Math.max(largest, v)
  // So close to the limit that rounding decides: looked at exactly.
  const slack = 1e-12 * largest
  eachQuery(rows, rows, ({ query, own, norms, products, at }) => {
    const found: number[] = []
    for (let r = 0; r < rows.rows; r++) {
      const d = own + norms[r]! - 2 * products[at + r]!
      if (d > limit + slack) continue
      if (d <= limit - slack || squaredDistance(rows, query, rows, r) <= limit) found.push(r)
    }
    out.push(Int32Array.from(found))
  })
  return out
}
