/** How far two texts are from each other. */

/**
 * How many letters (or words, in lists) must be changed, added, left out or exchanged with their neighbours to make one of the other:
 * the restricted distance of Damerau and Levenshtein. Time |a| · |b|.
 * Source: https://doi.org/10.1145/363958.363994. Characters beyond 16 bits are two letters of a string: give `[...text]` for them.
 * @example editDistance('whale', 'hwael') // 2
 */
export function editDistance(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let d = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        d = Math.min(d, before[j - 2]! + 1)
      row.push(d)
    }
    ;[before, above] = [above, row]
  }
  return above[b.length]!
}
