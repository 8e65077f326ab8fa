/** The assignment problem. */
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'

/**
 * Rows and columns of a matrix paired, each at most once, as many as there can be, so that the sum of the costs is least: the
 * Hungarian method in the form of shortest augmenting paths, O(n² m) (Jonker and Volgenant, 1987; Crouse, 2016). Names and
 * result are those of scipy.optimize.linear_sum_assignment; Infinity forbids a pair.
 * @throws ShapeError for rows of different lengths; ValueError for NaN, −Infinity, and where no complete pairing is allowed
 * @example linearSumAssignment([[4, 1, 3], [2, 0, 5], [3, 2, 2]]) // [[0, 1, 2], [1, 0, 2]]
 */
export function linearSumAssignment(
  costMatrix: readonly ArrayLike<number>[],
  options: { maximize?: boolean } = {},
): [rows: number[], columns: number[]] {
  const op = 'linearSumAssignment'
  const { maximize = false } = checkOptions(op, options, ['maximize'])
  const [height, width] = [costMatrix.length, costMatrix[0]?.length ?? 0]
  const odd = costMatrix.findIndex((row) => row.length !== width)
  if (odd >= 0)
    throw new ShapeError({
      op,
      rule: 'all rows have the same length',
      got: `${costMatrix[odd]!.length} in row ${odd} and ${width} in row 0`,
    })
  const sign = maximize ? -1 : 1
  const costs = costMatrix.map((row, i) =>
    Float64Array.from(row, (v, j) => {
      const cost = sign * v
      if (Number.isNaN(cost) || cost === Number.NEGATIVE_INFINITY)
        throw new ValueError({
          op,
          rule: `costs are numbers, or ${maximize ? '-' : ''}Infinity for what is forbidden`,
          got: `${v} at ${i}, ${j}`,
        })
      return cost
    }),
  )
  // As many rows as columns at most: otherwise columns take the part of rows.
  const turned = height > width
  const [n, m] = turned ? [width, height] : [height, width]
  const cost = turned
    ? (i: number, j: number) => costs[j]![i]!
    : (i: number, j: number) => costs[i]![j]!
  const [u, v] = [new Float64Array(n), new Float64Array(m)]
  const [rowOf, columnOf] = [new Int32Array(m).fill(-1), new Int32Array(n).fill(-1)]
  for (let start = 0; start < n; start++) {
    const length = new Float64Array(m).fill(Number.POSITIVE_INFINITY)
    const before = new Int32Array(m).fill(-1)
    const done = new Uint8Array(m)
    const reached = [start]
    let [row, least, end] = [start, 0, -1]
    while (end < 0) {
      let [next, best] = [-1, Number.POSITIVE_INFINITY]
      for (let j = 0; j < m; j++) {
        if (done[j]) continue
        const way = least + cost(row, j) - u[row]! - v[j]!
        if (way < length[j]!) {
          length[j] = way
          before[j] = row
        }
        // Among equally short ways one that ends is taken.
        if (length[j]! < best || (length[j] === best && rowOf[j] === -1 && best < 1 / 0)) {
          best = length[j]!
          next = j
        }
      }
      if (next < 0)
        throw new ValueError({
          op,
          rule: 'a complete pairing must be allowed',
          got: 'too many Infinity',
        })
      least = best
      done[next] = 1
      if (rowOf[next] === -1) end = next
      else {
        row = rowOf[next]!
        reached.push(row)
      }
    }
    u[start] = u[start]! + least
    for (const i of reached) if (i !== start) u[i] = u[i]! + least - length[columnOf[i]!]!
    for (let j = 0; j < m; j++) if (done[j]) v[j] = v[j]! - (least - length[j]!)
    for (let j = end; ; ) {
      const i = before[j]!
      rowOf[j] = i
      const following = columnOf[i]!
      columnOf[i] = j
      if (i === start) break
      j = following
    }
  }
  const found = [...columnOf].map((j, i) => (turned ? [j, i] : [i, j]) as [number, number])
  found.sort((a, b) => a[0] - b[0])
  return [found.map(([i]) => i), found.map(([, j]) => j)]
}
