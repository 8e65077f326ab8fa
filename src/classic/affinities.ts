/** How much the rows of t-SNE belong together. */
import type { Table } from '../tensor/values.js'
import { type Neighbors, nearest, squaredDistance } from './nearest.js'

/** The probabilities of pairs i < j, which are those of j < i: P sums to 1 over all ordered pairs. */
export interface Pairs {
  /** Row i has the pairs from start[i] to start[i + 1] − 1. */
  start: Int32Array
  other: Int32Array
  p: Float64Array
}

/** As in scikit-learn. */
const STEPS = 100
const CLOSE = 1e-5

/** Probabilities of neighbours by squared distance, with the precision that gives the perplexity (in place). */
function conditional(d: Float64Array, perplexity: number): void {
  const wanted = Math.log(perplexity)
  let [least, most, beta] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 1]
  let nearestOne = Number.POSITIVE_INFINITY
  for (const v of d) if (v < nearestOne) nearestOne = v
  const p = new Float64Array(d.length)
  for (let step = 0; step < STEPS; step++) {
    let sum = 0
    let weighted = 0
    for (let k = 0; k < d.length; k++) {
      // Relative to the nearest, so that not all become 0.
      const e = Math.exp(-(d[k]! - nearestOne) * beta)
      p[k] = e
      sum += e
      weighted += e * (d[k]! - nearestOne)
    }
    const difference = Math.log(sum) + (beta * weighted) / sum - wanted
    for (let k = 0; k < d.length; k++) p[k]! /= sum
    if (Math.abs(difference) <= CLOSE) break
    if (difference > 0) {
      least = beta
      beta = most === Number.POSITIVE_INFINITY ? beta * 2 : (beta + most) / 2
    } else {
      most = beta
      beta = least === Number.NEGATIVE_INFINITY ? beta / 2 : (beta + least) / 2
    }
  }
  d.set(p)
}

/** P of each row's k nearest, made symmetric. */
export function pairsOf(x: Table, perplexity: number, k: number): Pairs {
  const n = x.rows
  // Where all others are neighbours nothing has to be searched.
  const { indices, distances } = k === n - 1 ? allOthers(x) : nearest(x, x, k, true)
  for (let e = 0; e < distances.length; e++) distances[e]! *= distances[e]!
  let total = 0
  for (let i = 0; i < n; i++) {
    const d = distances.subarray(i * k, (i + 1) * k)
    byIndex(indices.subarray(i * k, (i + 1) * k), d)
    conditional(d, perplexity)
    for (const v of d) total += 2 * v
  }
  /** The place of i among the neighbours of j, or −1. */
  const placeOf = (i: number, j: number): number => {
    let [lo, hi] = [j * k, (j + 1) * k]
    while (lo < hi) {
      const middle = (lo + hi) >> 1
      if (indices[middle]! < i) lo = middle + 1
      else hi = middle
    }
    return lo < (j + 1) * k && indices[lo] === i ? lo : -1
  }
  // The pair i < j is in the list of i: from there, or from j where only j has it.
  const start = new Int32Array(n + 1)
  const each = (visit: (i: number, j: number, p: number) => void) => {
    for (let i = 0; i < n; i++)
      for (let e = i * k; e < (i + 1) * k; e++) {
        const j = indices[e]!
        const back = placeOf(i, j)
        if (i < j) visit(i, j, distances[e]! + (back < 0 ? 0 : distances[back]!))
        else if (back < 0) visit(j, i, distances[e]!)
      }
  }
  each((i) => {
    start[i + 1]!++
  })
  for (let i = 0; i < n; i++) start[i + 1]! += start[i]!
  const other = new Int32Array(start[n]!)
  const p = new Float64Array(start[n]!)
  const next = start.slice()
  each((i, j, v) => {
    other[next[i]!] = j
    p[next[i]!++] = Math.max(v / total, Number.EPSILON)
  })
  return { start, other, p }
}
function allOthers(x: Table): Neighbors {
  const n = x.rows
  const k = n - 1
  const indices = new Int32Array(n * k)
  const distances = new Float64Array(n * k)
  for (let i = 0; i < n; i++)
    for (let q = 0; q < k; q++) {
      const j = q < i ? q : q + 1
      indices[i * k + q] = j
      distances[i * k + q] = Math.sqrt(squaredDistance(x, i, x, j))
    }
  return { indices, distances }
}
/** Sorts both by the indices. */
function byIndex(indices: Int32Array, values: Float64Array): void {
  const places = new Float64Array(indices.length)
  // The place in the lower digits: one sort of numbers gives both.
  for (let q = 0; q < places.length; q++) places[q] = indices[q]! * 2 ** 20 + q
  places.sort()
  const old = values.slice()
  places.forEach((v, q) => {
    const index = Math.floor(v / 2 ** 20)
    indices[q] = index
    values[q] = old[v - index * 2 ** 20]!
  })
}
