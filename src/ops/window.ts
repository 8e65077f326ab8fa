/** What convolution and pooling share: numbers for each spatial axis, checks, and the batch axis. */
import { requireTensors } from './arguments.js'
import { reshape } from './broadcast.js'
import type { Window } from '../backends/ir.js'
import { isFloat } from '../core/dtype.js'
import { DTypeError, ShapeError, show, ValueError } from '../core/errors.js'
import type { Tensor } from './tensor.js'

/** One number for every spatial axis, or one for all of them. */
export type Extents = number | readonly number[]

/** One whole number for each of `n` axes; a list of one number serves all of them. @throws ValueError unless there are so many, none below `least` */
export function extents(
  op: string,
  what: string,
  value: Extents,
  n: number,
  least: number,
): number[] {
  const one = typeof value === 'number' ? value : value.length === 1 ? value[0]! : undefined
  const list =
    one === undefined ? [...(value as readonly number[])] : new Array<number>(n).fill(one)
  if (list.length !== n || list.some((v) => !Number.isInteger(v) || v < least))
    throw new ValueError({
      op,
      rule: `${what} must be a whole number from ${least} up, or ${n} of them`,
      got: typeof value === 'number' ? `${value}` : show(value),
    })
  return list
}

/** A window of this kernel with steps of 1 and no padding. */
export const windowOf = (kernel: readonly number[]): Window => ({
  kernel,
  stride: kernel.map(() => 1),
  dilation: kernel.map(() => 1),
  padding: kernel.map(() => [0, 0]),
})

/** How many places a window covers along each axis. */
export const reachOf = ({ kernel, dilation }: Pick<Window, 'kernel' | 'dilation'>): number[] =>
  kernel.map((k, a) => dilation[a]! * (k - 1) + 1)

/** @throws ShapeError unless a window fits into the padded spatial axes */
export function checkFits(op: string, spatial: readonly number[], w: Window): void {
  const padded = spatial.map((n, a) => n + w.padding[a]![0] + w.padding[a]![1])
  const reach = reachOf(w)
  if (padded.some((n, a) => n < reach[a]!))
    throw new ShapeError({
      op,
      rule: 'the kernel, with its dilation, must fit into the padded input',
      got: `a kernel that covers ${show(reach)} of ${show(padded)}`,
      fix: 'Make the kernel smaller, or pad more.',
    })
}

/** @throws DTypeError unless x is of a float type and the others of the same */
export function checkFloats(op: string, x: Tensor, ...others: (Tensor | null | undefined)[]): void {
  requireTensors(op, x, ...others)
  if (!isFloat(x.dtype))
    throw new DTypeError({
      op,
      rule: 'x must be of a float type',
      got: x.dtype,
      fix: "x.to('float32') converts.",
    })
  for (const t of others)
    if (t && t.dtype !== x.dtype)
      throw new DTypeError({
        op,
        rule: `all tensors must be ${x.dtype}, as x is`,
        got: t.dtype,
        fix: `t.to('${x.dtype}') converts.`,
      })
}

/**
 * Runs `f` on x as (N, C, spatial), with a batch axis of 1 put before (C, spatial) and taken off the results.
 * @throws ShapeError unless x has one of these forms
 */
export function batched<R extends Tensor | Tensor[]>(
  op: string,
  x: Tensor,
  n: number,
  f: (x: Tensor) => R,
): R {
  if (x.rank === n + 2) return f(x)
  if (x.rank !== n + 1)
    throw new ShapeError({
      op,
      rule: `x must be (N, C, ${n === 1 ? 'L' : n === 2 ? 'H, W' : 'D, H, W'}), or that without N`,
      got: show(x.shape),
    })
  const off = (t: Tensor) => reshape(t, t.shape.slice(1))
  const y = f(reshape(x, [1, ...x.shape]))
  return (Array.isArray(y) ? y.map(off) : off(y as Tensor)) as R
}
