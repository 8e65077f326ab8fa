/** Shared by all transforms: images as tensors, (C, H, W) or whole batches, (N, C, H, W). */
import { div, mul, where } from '../ops/arithmetic.js'
import { isFloat } from '../core/dtype.js'
import { DTypeError, ShapeError, show, ValueError } from '../core/errors.js'
import { suggest } from '../core/suggest.js'
import { lt } from '../ops/compare.js'
import { minimum } from '../ops/elementwise.js'
import { exp, sqrt } from '../ops/functions.js'
import { squeeze, unsqueeze } from '../ops/movement.js'
import type { Tensor } from '../ops/tensor.js'
import { uniform } from '../tensor/random.js'

/** @throws ValueError unless the value is one of those that are known */
export function requireMode<T extends string>(
  op: string,
  name: string,
  value: T,
  known: readonly T[],
): T {
  if (known.includes(value)) return value
  const meant = suggest(value, known)
  throw new ValueError({
    op,
    rule: `${name} must be one of ${known.join(', ')}`,
    got: `${value}`,
    ...(meant && { fix: `Did you mean ${meant}?` }),
  })
}

/** A function that changes images. Its random numbers come from nabla's generator, new ones for each image of a batch. */
export type Transform = (x: Tensor) => Tensor

/** The transforms one after the other. @example compose(randomCrop(28, { padding: 2 }), normalize([0.5], [0.5])) */
export const compose =
  (...steps: Transform[]): Transform =>
  (x) =>
    steps.reduce((t, f) => f(t), x)

/** Runs `f` on a batch; one image is a batch of one. @throws ShapeError, DTypeError */
export function onBatch(op: string, x: Tensor, f: (x: Tensor) => Tensor): Tensor {
  if (x.rank !== 3 && x.rank !== 4)
    throw new ShapeError({
      op,
      rule: 'images have shape (C, H, W) or (N, C, H, W)',
      got: show(x.shape),
      ...(x.rank === 2 && { fix: 'Flat ones take x.reshape([-1, 1, 28, 28]), or the like.' }),
    })
  if (!isFloat(x.dtype))
    throw new DTypeError({ op, rule: 'images are floats', got: x.dtype, fix: "x.to('float32')" })
  return x.rank === 4 ? f(x) : squeeze(f(unsqueeze(x, 0)), 0)
}

/** A number for each image of a batch, uniform between two bounds, to be broadcast over its pixels. */
export const each = (x: Tensor, lo: number, hi: number): Tensor =>
  uniform([x.shape[0]!, 1, 1, 1], lo, hi)

/** Each image changed by `f` with probability p. */
export const randomApply =
  (f: Transform, p = 0.5): Transform =>
  (x) =>
    onBatch('randomApply', x, (t) => where(lt(each(t, 0, 1), p), f(t), t))

/** A range: its two bounds, or the distance of both bounds from the middle. */
export type Range = number | readonly [number, number]
export const rangeOf = (r: Range, middle = 0): readonly [number, number] =>
  typeof r === 'number' ? [middle - r, middle + r] : r

export const sizeOf2 = (size: number | readonly [number, number]): readonly [number, number] =>
  typeof size === 'number' ? [size, size] : size

/** Height and width, (N, 1, 1, 1), of a box for each image: a part of its area, of random shape, at most as large. */
export function randomBox(
  t: Tensor,
  scale: readonly [number, number],
  ratio: readonly [number, number],
): [Tensor, Tensor] {
  const [h, w] = t.shape.slice(2) as [number, number]
  const area = mul(each(t, ...scale), h * w)
  const shape = exp(each(t, Math.log(ratio[0]), Math.log(ratio[1])))
  return [minimum(sqrt(div(area, shape)), h), minimum(sqrt(mul(area, shape)), w)]
}
