/** Vectors looked up by number. */
import { rare } from '../backends/prims.js'
import { indexingPrims } from '../backends/prims/indexing.js'
import { expand, reshape, sum, zerosOf } from './broadcast.js'
import { add, div, mul, sub, where } from './arithmetic.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { kinds, orNull, readOptions } from '../core/options.js'
import { assign } from './assign.js'
import { arangeOp } from './creation.js'
import { eq, gt, lt, ne } from './compare.js'
import { defineOp, type Grads, scalar, toType } from './define.js'
import { maximum, minimum } from './elementwise.js'
import { gather, indexAdd, indexCopy, indexSelect, scatterReduce } from './indexing.js'
import { asIndices } from './indices.js'
import { unsqueeze } from './movement.js'
import { max } from './reduce.js'
import { searchsorted } from './sort.js'
import { norm } from './statistics.js'
import type { Tensor } from './tensor.js'
import { noGrad } from './state.js'
import { prim } from './trace.js'

/** @throws ShapeError, ValueError unless weight and padding index fit */
function check(op: string, weight: Tensor, padding: number | null): number | null {
  if (weight.rank !== 2)
    throw new ShapeError({ op, rule: 'weight must be (count, dim)', got: show(weight.shape) })
  const count = weight.shape[0]!
  if (padding === null) return null
  if (!Number.isInteger(padding) || padding < -count || padding >= count)
    throw new ValueError({
      op,
      rule: `paddingIdx must be from ${-count} to ${count - 1}`,
      got: `${padding}`,
    })
  return padding < 0 ? padding + count : padding
}

const lookup = defineOp({
  name: 'embedding',
  formula: 'y[i] = W[index[i]],  dW[index[i]] += dy[i] (but for the padding index)',
  source: 'https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html',
  args: (
    index: Tensor,
    weight: Tensor,
    padding: number | null = null,
    byFrequency: boolean = false,
  ) => {
    return { inputs: [asIndices('embedding', index), weight], attrs: { padding, byFrequency } }
  },
  forward: ([index, weight]) => {
    const flat = prim({ op: 'reshape', shape: [index!.size] }, [index!])
    const rows = prim(rare(indexingPrims, { op: 'take', axis: 0 }), [weight!, flat])
    return reshape(rows, [...index!.shape, weight!.shape[1]!])
  },
  halves: 'forward',
  vjp: (ct, [index, weight], _y, { padding, byFrequency }): Grads => {
    const flat = reshape(index!, [index!.size])
    let rows = reshape(ct, [index!.size, weight!.shape[1]!])
    if (byFrequency) {
      const one = expand(scalar(1, ct.dtype, [ct]), flat.shape)
      const zeros = expand(scalar(0, ct.dtype, [ct]), [weight!.shape[0]!])
      const counts = indexSelect(indexAdd(zeros, 0, flat, one), 0, flat)
      rows = div(rows, unsqueeze(counts, 1))
    }
    if (padding !== null) rows = where(unsqueeze(ne(flat, padding), 1), rows, 0)
    return [null, indexAdd(zerosOf(weight!), 0, flat, rows)]
  },
  example: (m) => [
    [
      m.of([1, 0, 1], 'int32'),
      m.of([
        [1, 2],
        [3, 4],
      ]),
    ],
    [
      [3, 4],
      [1, 2],
      [3, 4],
    ],
  ],
  samples: (m) => [
    [m.int([2, 3], 0, 5), m.float([5, 4])],
    [m.int([4], 0, 3), m.float([3, 2])],
    [m.int([], 0, 3), m.float([3, 2])],
    [m.int([0], 0, 3), m.float([3, 2])],
  ],
})

const embeddingPlaces = {
  paddingIdx: orNull(kinds.integer),
  maxNorm: orNull(kinds.number),
  normType: kinds.number,
  scaleGradByFreq: kinds.flag,
}
const bagNames = {
  ...embeddingPlaces,
  mode: kinds.text,
  offsets: kinds.any,
  perSampleWeights: kinds.any,
  includeLastOffset: kinds.flag,
}

export interface EmbeddingOptions {
  /** Its row gets no gradient. */
  paddingIdx?: number | null
  /** Rows that are looked up and longer than this are first scaled down to it, in place. */
  maxNorm?: number | null
  /** The p of that length. */
  normType?: number
  /** The gradient of a row is divided by how often its index occurs. */
  scaleGradByFreq?: boolean
}

/** Scales the rows at the indices that are longer than `most` down to it, in place. */
function limitRows(weight: Tensor, index: Tensor, most: number, p: number): void {
  noGrad(() => {
    const flat = reshape(index, [index.size])
    const rows = indexSelect(weight, 0, flat)
    const lengths = norm(rows, p, 1, { keepdim: true })
    const scaled = mul(rows, div(most, add(lengths, 1e-7)))
    assign(weight, indexCopy(weight, 0, flat, where(gt(lengths, most), scaled, rows)))
  })
}

/**
 * The rows of a weight at indices.
 *
 * Shapes: index (...) of an integer type, weight (count, dim), result (..., dim).
 * @throws DTypeError, ShapeError, ValueError when the arguments do not fit; IndexError for an index out of range
 * @example embedding(tensor([1, 0], { dtype: 'int32' }), tensor([[1, 2], [3, 4]])) // [[3, 4], [1, 2]]
 */
export function embedding(
  places: Tensor,
  weight: Tensor,
  options?: number | null | EmbeddingOptions,
): Tensor {
  const {
    paddingIdx = null,
    maxNorm = null,
    normType = 2,
    scaleGradByFreq = false,
  } = readOptions<EmbeddingOptions>('embedding', [options], embeddingPlaces)
  const index = asIndices('embedding', places)
  const padding = check('embedding', weight, paddingIdx)
  if (maxNorm !== null) limitRows(weight, index, maxNorm, normType)
  return lookup(index, weight, padding, scaleGradByFreq)
}

export type BagMode = 'sum' | 'mean' | 'max'
export interface EmbeddingBagOptions extends EmbeddingOptions {
  mode?: BagMode
  /** Where each bag begins, for an index of one axis. */
  offsets?: Tensor | null
  /** Factors of the rows, of the index's shape; mode 'sum' only. */
  perSampleWeights?: Tensor | null
  /** The last offset is the end of the last bag. */
  includeLastOffset?: boolean
}

/**
 * Sums, means or maxima of bags of rows, without keeping the rows apart. Empty bags give zeros; the padding index
 * does not count.
 *
 * Shapes: index (bags, length), or (total) with offsets (bags); weight (count, dim); result (bags, dim).
 * @throws DTypeError, ShapeError, ValueError when the arguments do not fit; IndexError for an index out of range
 * @example embeddingBag(tensor([[1, 0]], { dtype: 'int32' }), tensor([[1, 2], [3, 4]])) // [[2, 3]]
 */
export function embeddingBag(
  places: Tensor,
  weight: Tensor,
  options?: EmbeddingBagOptions,
): Tensor {
  const {
    mode = 'mean',
    offsets: starts = null,
    perSampleWeights = null,
    includeLastOffset = false,
    paddingIdx = null,
    maxNorm = null,
    normType = 2,
    scaleGradByFreq = false,
  } = readOptions<EmbeddingBagOptions>('embeddingBag', [options], {}, bagNames)
  const op = 'embeddingBag'
  const index = asIndices(op, places)
  const offsets = starts && asIndices(op, starts)
  const padding = check(op, weight, paddingIdx)
  if (mode !== 'sum' && mode !== 'mean' && mode !== 'max')
    throw new ValueError({ op, rule: "mode is 'sum', 'mean' or 'max'", got: `'${mode}'` })
  if (perSampleWeights && mode !== 'sum')
    throw new ValueError({ op, rule: "perSampleWeights need mode 'sum'", got: `'${mode}'` })
  if (perSampleWeights && !sameShape(perSampleWeights.shape, index.shape))
    throw new ShapeError({
      op,
      rule: `perSampleWeights must have the shape of index, ${show(index.shape)}`,
      got: show(perSampleWeights.shape),
    })
  if (index.rank !== (offsets ? 1 : 2))
    throw new ShapeError({
      op,
      rule: 'index must be (bags, length), or have one axis and offsets',
      got: show(index.shape),
    })
  if (offsets && offsets.rank !== 1)
    throw new ShapeError({ op, rule: 'offsets must be a vector', got: show(offsets.shape) })
  if (maxNorm !== null) limitRows(weight, index, maxNorm, normType)
  let rows = lookup(index, weight, padding, scaleGradByFreq)
  if (perSampleWeights) rows = mul(rows, unsqueeze(perSampleWeights, -1))
  const kept = padding === null ? null : toType(ne(index, padding), weight.dtype)
  const bag = offsets ? byOffsets(rows, kept, offsets, includeLastOffset) : byRows(rows, kept)
  return bag(mode)
}

/** 0 to n − 1, int32. */
const numbers = (n: number) => arangeOp(0, n, 1, 'int32')

/** Rows (bags, length, dim), all of one length. */
function byRows(rows: Tensor, kept: Tensor | null) {
  const [bags, length, dim] = rows.shape as [number, number, number]
  const mask = kept && unsqueeze(kept, 2)
  return (mode: BagMode): Tensor => {
    if (length === 0) return expand(scalar(0, rows.dtype, [rows]), [bags, dim])
    if (mode === 'max') {
      if (!mask) return max(rows, 1)[0]
      const [most] = max(where(eq(mask, 1), rows, Number.NEGATIVE_INFINITY), 1)
      return where(gt(sum(mask, 1), 0), most, 0)
    }
    const total = sum(mask ? where(eq(mask, 1), rows, 0) : rows, 1)
    if (mode === 'sum') return total
    return div(total, kept ? unsqueeze(maximum(sum(kept, 1), 1), 1) : length)
  }
}

/** Rows (total, dim) and where each bag begins. */
function byOffsets(rows: Tensor, kept: Tensor | null, offsets: Tensor, withEnd: boolean) {
  const [total, dim] = rows.shape as [number, number]
  const bags = offsets.size - (withEnd ? 1 : 0)
  const zeros = (shape: number[]) => expand(scalar(0, rows.dtype, [rows]), shape)
  const one = kept ?? expand(scalar(1, rows.dtype, [rows]), [total])
  const starts = withEnd ? indexSelect(offsets, 0, numbers(bags)) : offsets
  // The bag of a row is the last one that begins at it or before it.
  const bag = sub(searchsorted(starts, numbers(total), { right: true }), 1)
  const counts = unsqueeze(indexAdd(zeros([bags]), 0, bag, one), 1)
  return (mode: BagMode): Tensor => {
    if (mode === 'max') {
      const low = where(eq(unsqueeze(one, 1), 1), rows, Number.NEGATIVE_INFINITY)
      const start = add(zeros([bags, dim]), Number.NEGATIVE_INFINITY)
      const index = expand(unsqueeze(bag, 1), [total, dim])
      // The gradient goes to the first row that reaches the maximum.
      const place = noGrad(() => {
        const most = scatterReduce(start, 0, index, low, 'amax')
        const own = expand(unsqueeze(numbers(total), 1), [total, dim])
        const reaches = eq(low, indexSelect(most, 0, bag))
        const candidates = where(reaches, own, total)
        const last = add(toType(zeros([bags, dim]), 'int32'), total)
        return minimum(scatterReduce(last, 0, index, candidates, 'amin'), Math.max(0, total - 1))
      })
      return where(lt(counts, 0.5), 0, total === 0 ? zeros([bags, dim]) : gather(low, 0, place))
    }
    const masked = kept ? where(eq(unsqueeze(kept, 1), 1), rows, 0) : rows
    const sums = indexAdd(zeros([bags, dim]), 0, bag, masked)
    return mode === 'sum' ? sums : div(sums, maximum(counts, 1))
  }
}
