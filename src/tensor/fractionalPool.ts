/** Max pooling over windows whose steps are drawn. Graham, 2014. */
import { add, mul, sub } from '../ops/arithmetic.js'
import { expand, reshape } from '../ops/broadcast.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { type Kind, kinds, orNull, type PlacesOr, readOptions } from '../core/options.js'
import { sizeOf } from '../core/shape.js'
import { toType } from '../ops/define.js'
import { floor } from '../ops/functions.js'
import { gather } from '../ops/indexing.js'
import { concat } from '../ops/join.js'
import { max } from '../ops/reduce.js'
import { select } from '../ops/slice.js'
import { noGrad } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'
import { batched, checkFloats, type Extents, extents } from '../ops/window.js'
import { arange, full } from './creation.js'
import { uniform } from './random.js'

export interface FractionalPoolOptions<I extends boolean = boolean> {
  /** Extents of the result; either these or `outputRatio` are given. */
  outputSize?: Extents | null
  /** Extents of the result as shares of those of x, above 0 and below 1. */
  outputRatio?: Extents | null
  /** Also gives the flat places of the maxima, as `maxUnpool2d` takes them. */
  returnIndices?: I
  /** What is drawn unless given: a number from 0 to 1 for each sample, channel and axis, (N, C, axes). */
  randomSamples?: Tensor | null
}
const tensorOrNull = orNull({ rule: 'a tensor', holds: (v) => v instanceof Tensor } satisfies Kind)

/** Where the windows of one axis begin, (N, C, m): steps of ⌊α(i + u)⌋ − ⌊αu⌋, the last window at the end. */
function starts(u: Tensor, extent: number, m: number, kernel: number): Tensor {
  const last = full([...u.shape, 1], extent - kernel, { dtype: 'int32' })
  if (m === 1) return last
  const alpha = (extent - kernel) / (m - 1)
  const s = reshape(u, [...u.shape, 1])
  const steps = sub(
    floor(mul(add(s, arange(m - 1, { dtype: u.dtype })), alpha)),
    floor(mul(s, alpha)),
  )
  return concat([toType(steps, 'int32'), last], -1)
}

function fractionalMaxPool(
  op: string,
  n: 2 | 3,
  x: Tensor,
  kernelSize: Extents,
  rest: PlacesOr<FractionalPoolOptions>,
): Tensor | Tensor[] {
  const o = readOptions<FractionalPoolOptions>(op, rest, {
    outputSize: orNull(kinds.extents),
    outputRatio: orNull(kinds.extents),
    returnIndices: kinds.flag,
    randomSamples: tensorOrNull,
  })
  checkFloats(op, x)
  const kernel = extents(op, 'kernelSize', kernelSize, n, 1)
  if (
    (o.outputSize ?? null) === null
      ? (o.outputRatio ?? null) === null
      : (o.outputRatio ?? null) !== null
  )
    throw new ValueError({ op, rule: 'give either outputSize or outputRatio' })
  const spatial = x.shape.slice(-n)
  const ratios =
    typeof o.outputRatio === 'number' ? spatial.map(() => o.outputRatio as number) : o.outputRatio
  if (ratios && (ratios.length !== n || ratios.some((r) => !(r > 0 && r < 1))))
    throw new ValueError({
      op,
      rule: `outputRatio is a number above 0 and below 1, or ${n} of them`,
      got: show(ratios),
    })
  const out = ratios
    ? spatial.map((m, a) => Math.floor(m * ratios[a]!))
    : extents(op, 'outputSize', o.outputSize!, n, 1)
  if (out.some((m, a) => m < 1 || m + kernel[a]! - 1 > spatial[a]!))
    throw new ShapeError({
      op,
      rule: 'the windows must fit: outputSize + kernelSize − 1 is at most the extent',
      got: `outputSize ${show(out)}, kernelSize ${show(kernel)}, extents ${show(spatial)}`,
    })
  const [values, indices] = batched(op, x, n, (t) => {
    const [batch, channels] = t.shape as [number, number]
    const u = o.randomSamples ?? toType(uniform([batch, channels, n]), t.dtype)
    if (`${u.shape}` !== `${[batch, channels, n]}`)
      throw new ShapeError({
        op,
        rule: `randomSamples has shape ${show([batch, channels, n])}`,
        got: show(u.shape),
      })
    const size = sizeOf(kernel)
    const shape = [batch, channels, ...out, ...kernel]
    const index = noGrad(() =>
      spatial
        .map((m, a) => {
          // As in PyTorch the first number is that of the width in images, of the depth in volumes.
          const from = starts(select(u, 2, n === 2 ? 1 - a : a), m, out[a]!, kernel[a]!)
          const [begin, step] = [shape.map(() => 1), shape.map(() => 1)]
          begin[0] = batch
          begin[1] = channels
          begin[2 + a] = out[a]!
          step[2 + n + a] = kernel[a]!
          return add(reshape(from, begin), reshape(arange(kernel[a]!, { dtype: 'int32' }), step))
        })
        .reduce((all, places, a) => add(mul(all, spatial[a]!), places)),
    )
    const flat = reshape(expand(index, shape), [batch, channels, sizeOf(out) * size])
    const read = gather(reshape(t, [batch, channels, sizeOf(spatial)]), 2, flat)
    const rows = [batch, channels, ...out, size]
    const [best, which] = max(reshape(read, rows), n + 2)
    const at = gather(reshape(flat, rows), n + 2, reshape(which, [...which.shape, 1]))
    return [best, reshape(at, best.shape)]
  }) as [Tensor, Tensor]
  return o.returnIndices ? [values, indices] : values
}

/**
 * The largest of each window of an image, where the windows' steps are drawn so that the result has any extents.
 *
 * Shapes: x (N, C, H, W) or (C, H, W), result (.., H', W'). https://pytorch.org/docs/stable/generated/torch.nn.FractionalMaxPool2d.html
 * @throws ValueError unless exactly one of outputSize and outputRatio is given; ShapeError where windows do not fit
 * @example fractionalMaxPool2d(tensor([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]), 2, { outputSize: 2 }) // [[[5, 6], [8, 9]]]
 */
export function fractionalMaxPool2d(
  x: Tensor,
  kernelSize: Extents,
  options: FractionalPoolOptions<true> & { returnIndices: true },
): [values: Tensor, indices: Tensor]
export function fractionalMaxPool2d(
  x: Tensor,
  kernelSize: Extents,
  ...rest: PlacesOr<FractionalPoolOptions<false>>
): Tensor
export function fractionalMaxPool2d(
  x: Tensor,
  kernelSize: Extents,
  ...rest: PlacesOr<FractionalPoolOptions>
): Tensor | Tensor[] {
  return fractionalMaxPool('fractionalMaxPool2d', 2, x, kernelSize, rest)
}

/**
 * As `fractionalMaxPool2d`, of volumes.
 *
 * Shapes: x (N, C, D, H, W) or (C, D, H, W), result (.., D', H', W').
 * https://pytorch.org/docs/stable/generated/torch.nn.FractionalMaxPool3d.html
 * @throws ValueError unless exactly one of outputSize and outputRatio is given; ShapeError where windows do not fit
 * @example fractionalMaxPool3d(tensor([[[[1, 2], [3, 4]]]]), [1, 2, 2], { outputSize: 1 }) // [[[[4]]]]
 */
export function fractionalMaxPool3d(
  x: Tensor,
  kernelSize: Extents,
  options: FractionalPoolOptions<true> & { returnIndices: true },
): [values: Tensor, indices: Tensor]
export function fractionalMaxPool3d(
  x: Tensor,
  kernelSize: Extents,
  ...rest: PlacesOr<FractionalPoolOptions<false>>
): Tensor
export function fractionalMaxPool3d(
  x: Tensor,
  kernelSize: Extents,
  ...rest: PlacesOr<FractionalPoolOptions>
): Tensor | Tensor[] {
  return fractionalMaxPool('fractionalMaxPool3d', 3, x, kernelSize, rest)
}
