/** Zachary's karate club. */
import type { Tensor } from '../ops/tensor.js'
import { eye, tensor } from '../tensor/creation.js'
import { Graph } from './data.js'
import { edgeTensor } from './edges.js'

/** For each member the members behind him in the list whom he met, from 1, and in how many contexts. */
const contexts: Readonly<Record<number, string>> = {
  1: '2:4 3:5 4:3 5:3 6:3 7:3 8:2 9:2 11:2 12:3 13:1 14:3 18:2 20:2 22:2 32:2',
  2: '3:6 4:3 8:4 14:5 18:1 20:2 22:2 31:2',
  3: '4:3 8:4 9:5 10:1 14:3 28:2 29:2 33:2',
  4: '8:3 13:3 14:3',
  5: '7:2 11:3',
  6: '7:5 11:3 17:3',
  7: '17:3',
  9: '31:3 33:3 34:4',
  10: '34:2',
  14: '34:3',
  15: '33:3 34:2',
  16: '33:3 34:4',
  19: '33:1 34:2',
  20: '34:1',
  21: '33:3 34:1',
  23: '33:2 34:3',
  24: '26:5 28:4 30:3 33:5 34:4',
  25: '26:2 28:3 32:2',
  26: '32:7',
  27: '30:4 34:2',
  28: '34:4',
  29: '32:2 34:2',
  30: '33:4 34:2',
  31: '33:3 34:3',
  32: '33:4 34:4',
  33: '34:5',
}
/** Who stayed with the instructor, Mr. Hi; the others followed the club's officer. */
const instructors = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 17, 18, 20, 22]
const MEMBERS = 34

/**
 * The 34 members of a karate club and the 78 friendships among them outside of it, before it split: y is 0 for those who stayed with the
 * instructor (member 0), 1 for those who left with the officer (member 33). Friendships are there in both directions; their weights count
 * the contexts in which two met. x is the identity matrix.
 *
 * W. W. Zachary, An information flow model for conflict and fission in small groups, Journal of Anthropological Research 33 (1977), figures 2
 * and 3 and table 1. PyTorch Geometric's KarateClub has no weights: leave them out to compare.
 * @example karateClub().numEdges // 156
 */
export function karateClub(): Graph & { x: Tensor; y: Tensor; edgeWeight: Tensor } {
  const from: number[] = []
  const to: number[] = []
  const weights: number[] = []
  for (const [member, list] of Object.entries(contexts))
    for (const entry of list.split(' ')) {
      const [other, count] = entry.split(':').map(Number) as [number, number]
      for (const [a, b] of [
        [Number(member), other],
        [other, Number(member)],
      ] as const) {
        from.push(a - 1)
        to.push(b - 1)
        weights.push(count)
      }
    }
  const y = Array.from({ length: MEMBERS }, (_, i) => (instructors.includes(i + 1) ? 0 : 1))
  return new Graph({
    x: eye(MEMBERS),
    edgeIndex: edgeTensor(from, to),
    edgeWeight: tensor(Float32Array.from(weights)),
    y: tensor(y, { dtype: 'int32' }),
  }) as Graph & { x: Tensor; y: Tensor; edgeWeight: Tensor }
}
