import * as nabla from 'nabla'
import type { Tensor } from 'nabla'
import { type Bound, type Family, on } from '../harness.js'

const sorted = (a: Bound) => ({ descending: a.descending })
const scatterReduce = on('input dim index src reduce include_self', (a) =>
  nabla.scatterReduce(a.input, a.dim, a.index, a.src, a.reduce, { includeSelf: a.include_self }),
)

export const indexing: Family = {
  fill: on('input value', (a) => nabla.fill(a.input, a.value)),
  index_fill: on('input dim index value', (a) => nabla.indexFill(a.input, a.dim, a.index, a.value)),
  isin: on('elements test_elements assume_unique invert', (a) =>
    nabla.isin(a.elements, a.test_elements, { assumeUnique: a.assume_unique, invert: a.invert }),
  ),
  kthvalue: on('input k dim keepdim', (a) =>
    nabla.kthvalue(a.input, a.k, a.dim, { keepdim: a.keepdim }),
  ),
  mode: on('input dim keepdim', (a) => nabla.mode(a.input, a.dim, { keepdim: a.keepdim })),
  index_reduce: on(
    'input dim index source reduce include_self',
    (a) =>
      nabla.indexReduce(a.input, a.dim, a.index, a.source, a.reduce, {
        includeSelf: a.include_self,
      }),
    { loose: { rtol: 1e-5, why: 'products of many factors are multiplied in another order' } },
  ),
  as_strided: on('input size stride storage_offset', (a) =>
    nabla.asStrided(a.input, a.size, a.stride, a.storage_offset),
  ),
  as_strided_scatter: on(
    'input src size stride storage_offset',
    (a) => nabla.asStridedScatter(a.input, a.src, a.size, a.stride, a.storage_offset),
    { noGrads: 'that of PyTorch 1.13 reads memory that nobody wrote (0003)' },
  ),
  diagonal_scatter: on('input src offset dim1 dim2', (a) =>
    nabla.diagonalScatter(a.input, a.src, a.offset, a.dim1, a.dim2),
  ),
  masked_scatter: on('input mask source', (a) => nabla.maskedScatter(a.input, a.mask, a.source)),
  msort: on('input', (a) => nabla.msort(a.input)),
  put: on('input index source accumulate', (a) =>
    nabla.put(a.input, a.index, a.source, { accumulate: a.accumulate }),
  ),

  argsort: on('input dim descending stable', (a) => {
    void a.stable // It always is.
    return nabla.argsort(a.input, a.dim, sorted(a))
  }),
  gather: on('input dim index', (a) => nabla.gather(a.input, a.dim, a.index)),
  index_add: on('input dim index source alpha', (a) =>
    nabla.indexAdd(a.input, a.dim, a.index, a.source, { alpha: a.alpha }),
  ),
  index_copy: on('input dim index source', (a) =>
    nabla.indexCopy(a.input, a.dim, a.index, a.source),
  ),
  index_put: on(
    'input indices values accumulate',
    (a) => nabla.indexPut(a.input, a.indices, a.values, { accumulate: a.accumulate }),
    { reads: true },
  ),
  index_select: on('input dim index', (a) => nabla.indexSelect(a.input, a.dim, a.index)),
  masked_fill: on('input mask value', (a) => nabla.maskedFill(a.input, a.mask, a.value)),
  masked_select: on('input mask', (a) => nabla.maskedSelect(a.input, a.mask), { reads: true }),
  nonzero: on('input as_tuple', (a) => nabla.nonzero(a.input, { asTuple: a.as_tuple }), {
    reads: true,
  }),
  scatter: on('input dim index src reduce', (a) =>
    nabla.scatter(a.input, a.dim, a.index, a.src, { reduce: a.reduce }),
  ),
  scatter_add: on('input dim index src', (a) => nabla.scatterAdd(a.input, a.dim, a.index, a.src)),
  scatter_reduce: scatterReduce,
  searchsorted: on('input values out_int32 right side sorter', (a) => {
    void a.out_int32 // Indices are int32.
    return nabla.searchsorted(a.input, a.values, {
      right: a.right,
      side: a.side,
      sorter: a.sorter,
    })
  }),
  bucketize: on('input boundaries out_int32 right', (a) => {
    void a.out_int32
    return nabla.bucketize(a.input, a.boundaries, { right: a.right })
  }),
  sort: on('input dim descending stable', (a) => {
    void a.stable
    return nabla.sort(a.input, a.dim, sorted(a))
  }),
  unique_consecutive: on(
    'input return_inverse return_counts dim',
    (a) => {
      const { values, inverse, counts } = nabla.uniqueConsecutive(a.input, { axis: a.dim })
      return results(a, values, inverse, counts)
    },
    { reads: true },
  ),
  argwhere: on('input', (a) => nabla.argwhere(a.input), { reads: true }),
  take: on('input index', (a) => nabla.take(a.input, a.index)),
  take_along_dim: on('input indices dim', (a) => nabla.takeAlongDim(a.input, a.indices, a.dim)),
  topk: on('input k dim largest sorted', (a) => {
    void a.sorted // They always are.
    return nabla.topk(a.input, a.k, a.dim, { largest: a.largest })
  }),
  unique: on(
    'input sorted return_inverse return_counts dim',
    (a) => {
      void a.sorted // They always are.
      const { values, inverse, counts } = nabla.unique(a.input, { axis: a.dim })
      return results(a, values, inverse, counts)
    },
    {
      reads: true,
      differs: (a) =>
        a.sorted === false && (a.input as Tensor).size > 1
          ? 'sorted=False leaves the order to chance in PyTorch; nabla sorts (0003)'
          : undefined,
    },
  ),
}

/** PyTorch gives what was asked for. */
function results(a: Bound, values: Tensor, inverse: Tensor, counts: Tensor): unknown {
  const list = [values]
  if (a.return_inverse) list.push(inverse)
  if (a.return_counts) list.push(counts)
  return list
}
