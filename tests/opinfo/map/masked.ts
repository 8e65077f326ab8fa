import * as nabla from 'nabla'
import * as masks from 'nabla/masked'
import { type Bound, type Family, on } from '../harness.js'

const options = (a: Bound) => ({ keepdim: a.keepdim, dtype: a.dtype, mask: a.mask })
type Reduction = (x: never, axes: never, options: never) => unknown
const reduction = (f: Reduction) => on('input dim', (a) => f(a.input, a.dim, options(a) as never))
/** PyTorch 1.13 gives these indices as the type of its input. */
const index = (f: (x: never, axis: never, options: never) => nabla.Tensor) =>
  on('input dim', (a) => nabla.cast(f(a.input, a.dim, options(a) as never), 'float32'))
const along = (f: Reduction) =>
  on('input dim', (a) => f(a.input, a.dim, { dtype: a.dtype, mask: a.mask } as never))
const variance = (f: Reduction) =>
  on('input dim unbiased', (a) =>
    f(a.input, a.dim, { ...options(a), correction: a.unbiased ? 1 : 0 } as never),
  )

export const masked: Family = {
  'masked.sum': reduction(masks.sum),
  'masked.prod': {
    ...reduction(masks.prod),
    differs: (a) =>
      !(nabla.all(nabla.isfinite(a.input)) as nabla.Tensor).item()
        ? 'the gradient of prod at NaN and infinity is the product of the others (0003)'
        : undefined,
  },
  'masked.amax': reduction(masks.amax),
  'masked.amin': reduction(masks.amin),
  'masked.argmax': index(masks.argmax),
  'masked.argmin': index(masks.argmin),
  'masked.mean': reduction(masks.mean),
  'masked.median': reduction(masks.median),
  'masked.logsumexp': reduction(masks.logsumexp),
  'masked.norm': on('input ord dim', (a) => masks.norm(a.input, a.ord, a.dim, options(a))),
  'masked.var': variance(masks.variance),
  'masked.std': variance(masks.std),
  'masked.softmax': along(masks.softmax),
  'masked.log_softmax': along(masks.logSoftmax),
  'masked.softmin': along(masks.softmin),
  'masked.cumsum': along(masks.cumsum),
  'masked.cumprod': along(masks.cumprod),
  'masked.normalize': on('input ord dim eps', (a) =>
    masks.normalize(a.input, a.ord, a.dim, { eps: a.eps, dtype: a.dtype, mask: a.mask }),
  ),
  'masked.logaddexp': on(
    'input other',
    (a) => masks.logaddexp(a.input, a.other, { inputMask: a.input_mask, otherMask: a.other_mask }),
    {
      differsSecond: (a) => {
        const [p, q] = [a.input_mask, a.other_mask].map((m) =>
          (m as nabla.Tensor | undefined)?.toTypedArray(),
        )
        return p && q && p.some((v, i) => v === 0 && q[i] === 0)
          ? 'where both operands are masked out the second derivative is 0; PyTorch gives NaN (0003)'
          : undefined
      },
    },
  ),
}
