import { ShapeError, show, ValueError } from './errors.js'
import { showValue } from './options.js'

export type Shape = readonly number[]

export function sizeOf(shape: Shape): number {
  let n = 1
  for (let i = 0; i < shape.length; i++) n *= shape[i]!
  return n
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let n = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = n
    n *= shape[i]!
  }
  return strides
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whether strides are row-major for the shape (axes of extent 1 do not matter). */
export function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  let n = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 0) return true
    if (shape[i] !== 1 && strides[i] !== n) return false
    n *= shape[i]!
  }
  return true
}

/**
 * The shape that two or more shapes broadcast to, aligned at the last axis (NumPy's and PyTorch's rule).
 * @throws ShapeError when an axis differs and neither side is 1
 */
export function broadcastShapes(op: string, ...shapes: Shape[]): Shape {
  let out = shapes[0]!
  for (let k = 1; k < shapes.length; k++) {
    const b = shapes[k]!
    if (sameShape(out, b)) continue
    const rank = Math.max(out.length, b.length)
    const next = new Array<number>(rank)
    for (let i = 1; i <= rank; i++) {
      const x = i <= out.length ? out[out.length - i]! : 1
      const y = i <= b.length ? b[b.length - i]! : 1
      if (x !== y && x !== 1 && y !== 1)
        throw new ShapeError({
          op,
          rule: 'shapes must broadcast: each axis, counted from the last, equal or 1',
          got: shapes.map(show).join(' and '),
          fix: `Axis ${-i} has ${x} and ${y}; reshape or unsqueeze one side.`,
        })
      next[rank - i] = x === 1 ? y : x
    }
    out = next
  }
  return out
}

/** The axis counted from 0; negative ones count from the end. @throws ShapeError out of range */
export function normAxis(op: string, axis: number, rank: number): number {
  // A scalar takes axis 0 and -1, as in PyTorch.
  const n = Math.max(rank, 1)
  if (!Number.isInteger(axis) || axis < -n || axis >= n)
    throw new ShapeError({
      op,
      rule: `axis must be an integer from ${-n} to ${n - 1} for ${rank} axes`,
      got: `${axis}`,
    })
  return axis < 0 ? axis + n : axis
}

/** All axes when undefined; normalized, sorted, without repeats. */
export function normAxes(
  op: string,
  axes: number | readonly number[] | undefined | null,
  rank: number,
): number[] {
  if (axes === undefined || axes === null) return Array.from({ length: rank }, (_, i) => i)
  if (typeof axes !== 'number' && !Array.isArray(axes))
    throw new ShapeError({
      op,
      rule: 'axes are a number or a list of numbers',
      got: showValue(axes),
    })
  const list = (typeof axes === 'number' ? [axes] : [...axes]).map((a) => normAxis(op, a, rank))
  list.sort((a, b) => a - b)
  for (let i = 1; i < list.length; i++)
    if (list[i] === list[i - 1])
      throw new ShapeError({ op, rule: 'an axis may be named once', got: `axes ${show(list)}` })
  return rank === 0 ? [] : list
}

/** The axes that a reduction goes over: all when none are named, an empty list too, as in PyTorch. */
export const reducedAxes = (
  op: string,
  axes: number | readonly number[] | undefined | null,
  rank: number,
): number[] => normAxes(op, typeof axes === 'object' && axes?.length === 0 ? undefined : axes, rank)

/** @throws ValueError unless every extent is a whole number from 0 up */
export function checkShape(op: string, shape: Shape): void {
  if (!Array.isArray(shape))
    throw new ValueError({
      op,
      rule: 'a shape is a list of numbers',
      got: showValue(shape),
      ...(typeof shape === 'number' && { fix: `A shape is one argument: [${shape}, ...].` }),
    })
  for (const n of shape)
    if (!Number.isInteger(n) || n < 0)
      throw new ValueError({
        op,
        rule: 'extents must be whole numbers from 0 up',
        got: showValue(shape),
      })
}

/** A shape as a list or as numbers one by one, then options. */
export type ShapeThen<O> =
  | [shape: Shape, options?: O]
  | number[]
  | [...extents: number[], options: O]
/** @throws ValueError without a shape, for extents that are none, and for more arguments */
export function readShape<O extends object>(op: string, args: ShapeThen<O>): [Shape, O] {
  const list: unknown[] = [...args]
  while (list.length > 0 && list[list.length - 1] === undefined) list.pop()
  const [first] = list
  const listed = Array.isArray(first)
  const last = list[list.length - 1]
  // What stands behind a list is read as options, whatever it is.
  const given = listed ? list[1] : typeof last === 'object' && list.length > 1 ? last : undefined
  const own = (listed ? first : given ? list.slice(0, -1) : list) as Shape
  if (listed ? list.length > 2 : list.length === 0)
    throw new ValueError({
      op,
      rule: 'a shape is a list of numbers, or numbers one by one, and options come after it',
      got: showValue(list),
      ...(list.length === 0 && { fix: `${op}([]) makes a tensor of one value.` }),
    })
  checkShape(op, own)
  return [own, (given ?? {}) as O]
}
export { show } from './errors.js'
