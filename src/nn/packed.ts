/** Sequences of several lengths in one tensor, padded or packed. PyTorch: torch.nn.utils.rnn. */
import { reshape } from '../ops/broadcast.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { sizeOf } from '../core/shape.js'
import { indexCopy, indexSelect } from '../ops/indexing.js'
import { concat, stack } from '../ops/join.js'
import { transpose } from '../ops/movement.js'
import { narrow, select } from '../ops/slice.js'
import { Tensor } from '../ops/tensor.js'
import { full, tensor } from '../tensor/creation.js'

/**
 * Rows of several sequences without padding: all of time step 0, then all of time step 1, and so on, the longest
 * sequence first. A plain object, so that it can be an argument of a compiled function.
 */
export interface PackedSequence {
  /** (rows, ...) */
  data: Tensor
  /** How many sequences reach each time step; never growing. */
  batchSizes: readonly number[]
  /** int32 (B): the sequences from the longest to the shortest; null when they came in this order. */
  sortedIndices: Tensor | null
  /** int32 (B): the position of each given sequence in that order. */
  unsortedIndices: Tensor | null
}

export const isPacked = (x: Tensor | PackedSequence): x is PackedSequence => !(x instanceof Tensor)

interface BatchFirst {
  /** (B, T, ...) instead of (T, B, ...). */
  batchFirst?: boolean
}
interface EnforceSorted {
  /** Whether lengths must fall already; otherwise they are sorted, and results put back in order. */
  enforceSorted?: boolean
}
interface Padding {
  /** The value after the end of a sequence. */
  paddingValue?: number
}

const indices = (list: readonly number[]) => tensor(Int32Array.from(list))
/** How many of the lengths, sorted, reach each place. */
const sizes = (lengths: readonly number[]) =>
  Array.from({ length: lengths[0] ?? 0 }, (_, t) => lengths.filter((n) => n > t).length)

/**
 * Takes the padding out.
 *
 * Shapes: x (T, B, ...), or (B, T, ...) with batchFirst; lengths B whole numbers from 1 to T.
 * @throws ValueError for a length outside of that, or lengths that grow unless enforceSorted is false
 * @example packPaddedSequence(tensor([[1, 2], [3, 0]]), [2, 1]).batchSizes // [2, 1]
 */
export function packPaddedSequence(
  x: Tensor,
  lengths: readonly number[] | Tensor,
  options?: boolean | (BatchFirst & EnforceSorted),
): PackedSequence {
  const { batchFirst = false, enforceSorted = true } = readOptions<BatchFirst & EnforceSorted>(
    'packPaddedSequence',
    [options],
    { batchFirst: kinds.flag, enforceSorted: kinds.flag },
  )
  const op = 'packPaddedSequence'
  if (x.rank < 2) throw new ShapeError({ op, rule: 'x must be (T, B, ...)', got: show(x.shape) })
  const [T, B] = (batchFirst ? [x.shape[1], x.shape[0]] : x.shape) as [number, number]
  const list = lengths instanceof Tensor ? [...(lengths.toTypedArray() as Int32Array)] : lengths
  if (list.length !== B || !list.every((n) => Number.isInteger(n) && n > 0 && n <= T))
    throw new ValueError({
      op,
      rule: `lengths must be ${B} whole numbers from 1 to ${T}`,
      got: `${list}`,
      fix: batchFirst ? '' : 'Is x (B, T, ...)? Then pass { batchFirst: true }.',
    })
  const falls = list.every((n, b) => b === 0 || n <= list[b - 1]!)
  if (enforceSorted && !falls)
    throw new ValueError({
      op,
      rule: 'lengths must be in descending order',
      got: `${list}`,
      fix: 'Pass { enforceSorted: false }.',
    })
  const order = list.map((_, b) => b).sort((a, b) => list[b]! - list[a]! || a - b)
  const batchSizes = sizes(order.map((b) => list[b]!))
  const places = batchSizes.flatMap((n, t) =>
    order.slice(0, n).map((b) => (batchFirst ? b * T + t : t * B + b)),
  )
  const rows = reshape(x, [T * B, ...x.shape.slice(2)])
  const back = order.map(() => 0)
  order.forEach((b, i) => {
    back[b] = i
  })
  return {
    data: indexSelect(rows, 0, indices(places)),
    batchSizes,
    sortedIndices: enforceSorted ? null : indices(order),
    unsortedIndices: enforceSorted ? null : indices(back),
  }
}

/**
 * Puts padding in: the sequences in their first order, and their lengths (int32).
 *
 * Shapes: (T, B, ...), or (B, T, ...) with batchFirst, where T is the longest length or `totalLength`; lengths (B).
 * @throws ValueError when totalLength is less than the longest length
 * @example padPackedSequence(packPaddedSequence(tensor([[1, 2], [3, 0]]), [2, 1])) // [[[1, 2], [3, 0]], [2, 1]]
 */
export function padPackedSequence(
  { data, batchSizes, unsortedIndices }: PackedSequence,
  options?: boolean | (BatchFirst & Padding & { totalLength?: number }),
): [Tensor, Tensor] {
  const {
    batchFirst = false,
    paddingValue = 0,
    totalLength,
  } = readOptions<BatchFirst & Padding & { totalLength?: number }>('padPackedSequence', [options], {
    batchFirst: kinds.flag,
    paddingValue: kinds.number,
    totalLength: kinds.count,
  })
  const T = totalLength ?? batchSizes.length
  if (T < batchSizes.length)
    throw new ValueError({
      op: 'padPackedSequence',
      rule: `totalLength must be at least the longest length, ${batchSizes.length}`,
      got: `${T}`,
    })
  const B = batchSizes[0]!
  const rest = data.shape.slice(1)
  const places = batchSizes.flatMap((n, t) =>
    Array.from({ length: n }, (_, b) => (batchFirst ? b * T + t : t * B + b)),
  )
  const empty = full([T * B, ...rest], paddingValue, { dtype: data.dtype })
  const rows = indexCopy(empty, 0, indices(places), data)
  const padded = reshape(rows, batchFirst ? [B, T, ...rest] : [T, B, ...rest])
  const lengths = indices(
    Array.from({ length: B }, (_, b) => batchSizes.filter((n) => n > b).length),
  )
  if (!unsortedIndices) return [padded, lengths]
  return [
    indexSelect(padded, batchFirst ? 0 : 1, unsortedIndices),
    indexSelect(lengths, 0, unsortedIndices),
  ]
}

/**
 * Sequences (T_b, ...) side by side, padded to the longest: (T, B, ...), or (B, T, ...) with batchFirst.
 * @example padSequence([tensor([1, 3]), tensor([2])]) // [[1, 2], [3, 0]]
 */
export function padSequence(
  sequences: readonly Tensor[],
  options?: boolean | (BatchFirst & Padding),
): Tensor {
  const { batchFirst = false, paddingValue = 0 } = readOptions<BatchFirst & Padding>(
    'padSequence',
    [options],
    { batchFirst: kinds.flag, paddingValue: kinds.number },
  )
  if (sequences.length === 0)
    throw new ValueError({ op: 'padSequence', rule: 'at least one sequence is needed' })
  const T = Math.max(...sequences.map((s) => s.shape[0] ?? 0))
  const long = sequences.map((s) => {
    const missing = T - s.shape[0]!
    if (missing === 0) return s
    const shape = [missing, ...s.shape.slice(1)]
    return concat([s, full(shape, paddingValue, { dtype: s.dtype })])
  })
  return stack(long, batchFirst ? 0 : 1)
}

/** The sequences without their padding. @example unpadSequence(tensor([[1, 2], [3, 0]]), [2, 1]) // [[1, 3], [2]] */
export function unpadSequence(
  padded: Tensor,
  lengths: readonly number[] | Tensor,
  options?: boolean | BatchFirst,
): Tensor[] {
  const { batchFirst = false } = readOptions<BatchFirst>('unpadSequence', [options], {
    batchFirst: kinds.flag,
  })
  const list = lengths instanceof Tensor ? [...(lengths.toTypedArray() as Int32Array)] : lengths
  return list.map((n, b) => narrow(select(padded, batchFirst ? 0 : 1, b), 0, 0, n))
}

/**
 * Packs sequences (T_b, ...), the longest first unless enforceSorted is false.
 * @example packSequence([tensor([1, 3]), tensor([2])]).data // [1, 2, 3]
 */
export function packSequence(
  sequences: readonly Tensor[],
  options?: boolean | EnforceSorted,
): PackedSequence {
  const { enforceSorted = true } = readOptions<EnforceSorted>('packSequence', [options], {
    enforceSorted: kinds.flag,
  })
  const lengths = sequences.map((s) => s.shape[0] ?? 0)
  return packPaddedSequence(padSequence(sequences), lengths, { enforceSorted })
}

/** The sequences of a packed one, in their first order. */
export function unpackSequence(packed: PackedSequence): Tensor[] {
  const [padded, lengths] = padPackedSequence(packed, { batchFirst: true })
  return unpadSequence(padded, lengths, { batchFirst: true })
}

/** A batch's padded rows (T, B, ...) one under the other, as packed ones of equal length. */
export function evenRows(x: Tensor, batchFirst: boolean): { data: Tensor; batchSizes: number[] } {
  const byTime = batchFirst ? transpose(x, 0, 1) : x
  const [T, B] = byTime.shape as [number, number]
  return {
    data: reshape(byTime, [T * B, sizeOf(byTime.shape.slice(2))]),
    batchSizes: new Array<number>(T).fill(B),
  }
}
