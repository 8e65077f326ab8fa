import * as nabla from 'nabla'
import * as linalg from 'nabla/linalg'
import { type Bound, type Family, on } from '../harness.js'

const keep = (a: Bound) => ({ keepdim: a.keepdim, dtype: a.dtype })
const over = (f: (x: never, axes: never, options: never) => unknown, more = '') =>
  on(`input dim keepdim ${more}`, (a) => f(a.input, a.dim, { keepdim: a.keepdim } as never))
const typed = (f: (x: never, axes: never, options: never) => unknown) =>
  on('input dim keepdim dtype', (a) => f(a.input, a.dim, keep(a) as never))
/** PyTorch's std(x, unbiased) has no axes. */
const axes = (a: Bound) => (typeof a.dim === 'boolean' ? undefined : a.dim)
const correction = (a: Bound) => ({
  keepdim: a.keepdim as boolean | undefined,
  correction: (a.correction ??
    (typeof a.dim === 'boolean' ? Number(a.dim as boolean) : undefined) ??
    (a.unbiased === undefined ? undefined : Number(a.unbiased as boolean))) as number | undefined,
})

export const reduce: Family = {
  all: over(nabla.all),
  allclose: on(
    'input other rtol atol equal_nan',
    (a) => nabla.allclose(a.input, a.other, { rtol: a.rtol, atol: a.atol, equalNan: a.equal_nan }),
    { reads: true },
  ),
  equal: on('input other', (a) => nabla.equal(a.input, a.other), { reads: true }),
  amax: over(nabla.amax),
  amin: over(nabla.amin),
  any: over(nabla.any),
  argmax: over(nabla.argmax),
  argmin: over(nabla.argmin),
  count_nonzero: on('input dim', (a) => nabla.countNonzero(a.input, a.dim)),
  cummax: on('input dim', (a) => nabla.cummax(a.input, a.dim)),
  cummin: on('input dim', (a) => nabla.cummin(a.input, a.dim)),
  cumprod: on('input dim dtype', (a) => nabla.cumprod(a.input, a.dim, { dtype: a.dtype })),
  cumsum: on('input dim dtype', (a) => nabla.cumsum(a.input, a.dim, { dtype: a.dtype })),
  logsumexp: over(nabla.logsumexp),
  'max:reduction_no_dim': on('input', (a) => nabla.max(a.input)),
  'max:reduction_with_dim': over(nabla.max),
  mean: typed(nabla.mean),
  median: over(nabla.median),
  'min:reduction_no_dim': on('input', (a) => nabla.min(a.input)),
  'min:reduction_with_dim': over(nabla.min),
  norm: on('input p dim keepdim dtype', (a) =>
    nabla.norm(a.input, a.p, a.dim, { keepdim: a.keepdim, dtype: a.dtype }),
  ),
  'norm:nuc': on('input p dim', (a) => linalg.matrixNorm(a.input, a.p, { axis: a.dim })),
  prod: typed(nabla.prod),
  quantile: on(
    'input q dim keepdim interpolation',
    (a) =>
      nabla.quantile(a.input, a.q, a.dim, { keepdim: a.keepdim, interpolation: a.interpolation }),
    // A tensor as q is read.
    { reads: true },
  ),
  std: on('input dim unbiased keepdim correction', (a) =>
    nabla.std(a.input, axes(a), correction(a)),
  ),
  sum: typed(nabla.sum),
  var: on('input dim unbiased keepdim correction', (a) =>
    nabla.variance(a.input, axes(a), correction(a)),
  ),
  aminmax: {
    ...over(nabla.aminmax),
    differs: (a) =>
      (a.input as nabla.Tensor).rank === 0 && a.keepdim
        ? 'a scalar stays one with keepdim, as in amin and amax; PyTorch 1.13 gives [1] here'
        : undefined,
  },
  dist: on('input other p', (a) => nabla.dist(a.input, a.other, a.p)),
  nanmean: typed(nabla.nanmean),
  nanmedian: over(nabla.nanmedian),
  nanquantile: on('input q dim keepdim interpolation', (a) =>
    nabla.nanquantile(a.input, a.q, a.dim, {
      keepdim: a.keepdim,
      interpolation: a.interpolation,
    }),
  ),
  nansum: typed(nabla.nansum),
  std_mean: on('input dim unbiased keepdim correction', (a) =>
    nabla.stdMean(a.input, axes(a), correction(a)),
  ),
  sum_to_size: on('input *size', (a) => nabla.sumToSize(a.input, (a.size as number[]).flat())),
  var_mean: on('input dim unbiased keepdim correction', (a) =>
    nabla.varMean(a.input, axes(a), correction(a)),
  ),
  renorm: on('input p dim maxnorm', (a) => nabla.renorm(a.input, a.p, a.dim, a.maxnorm)),
  segment_reduce: on('input reduce axis unsafe initial lengths offsets', (a) =>
    nabla.segmentReduce(a.input, a.reduce, {
      lengths: a.lengths,
      offsets: a.offsets,
      axis: a.axis,
      initial: a.initial,
      unsafe: a.unsafe,
    }),
  ),
}
