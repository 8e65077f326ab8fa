/** Arguments padded to a few sizes, so that a few programs serve every length. */
import { GradError, ShapeError, show, TraceError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { type Shape, sizeOf } from '../core/shape.js'
import { onStorage, Tensor } from '../ops/tensor.js'
import type { Capture } from './recorder.js'

/** An axis that several tensors may share, and the sizes to which it is padded. */
export interface Buckets {
  /** The place of the tensor among the arguments, counted from 0, or of several that have the axis with one size. */
  argument: number | readonly number[]
  /** Negative counts from the end. */
  axis: number
  /** The sizes to which it is padded, each time to the smallest that is large enough. */
  sizes: readonly number[]
  /** What stands in the padding, 0 unless given. */
  value?: number
}
const names: OptionNames<Buckets> = { argument: true, axis: true, sizes: true, value: true }

/** @throws ValueError for buckets that do not say what to pad to what */
function checkBuckets(given: Buckets | readonly Buckets[] | undefined): readonly Buckets[] {
  const list = given === undefined ? [] : Array.isArray(given) ? given : [given as Buckets]
  const whole = (v: unknown, least: number) => Number.isInteger(v) && (v as number) >= least
  for (const b of list as readonly Buckets[]) {
    checkOptions('compile.buckets', b, names)
    const refuse = (rule: string, got: unknown) => {
      throw new ValueError({
        op: 'compile',
        rule: `buckets: ${rule}`,
        got: `${got}`,
        fix: 'Such as buckets: { argument: 0, axis: 0, sizes: [16, 32, 64] }.',
      })
    }
    if (argumentsOf(b).length === 0 || !argumentsOf(b).every((i) => whole(i, 0)))
      refuse('argument is the place of a tensor among the arguments, or a list', b.argument)
    if (!Number.isInteger(b.axis)) refuse('axis is a whole number', b.axis)
    if (!Array.isArray(b.sizes) || b.sizes.length === 0 || !b.sizes.every((n) => whole(n, 1)))
      refuse('sizes are a list of whole numbers from 1 up', b.sizes)
    if (b.value !== undefined && typeof b.value !== 'number') refuse('value is a number', b.value)
  }
  return list as readonly Buckets[]
}

const argumentsOf = (b: Buckets): readonly number[] =>
  typeof b.argument === 'number' ? [b.argument] : b.argument

const resized = (shape: Shape, axis: number, n: number): Shape =>
  shape.map((d, a) => (a === axis ? n : d))

/** A copy with `n` elements along an axis, made without a program: there would be one for each size. */
function padded(t: Tensor, axis: number, n: number, value: number): Tensor {
  const elements = t.toStored()
  const shape = resized(t.shape, axis, n)
  const inner = sizeOf(shape.slice(axis + 1))
  const [from, to] = [t.shape[axis]! * inner, n * inner]
  const storage = t.storage!.backend.alloc(t.dtype, sizeOf(shape))
  storage.fill(value)
  storage.write((out) => {
    for (let i = 0; i * to < out.length; i++)
      out.set(elements.subarray(i * from, (i + 1) * from) as never, i * to)
  })
  return onStorage(storage, shape)
}

/** What was padded in one call. */
export interface Padding {
  axis: number
  size: number
  bucket: number
}

/**
 * The arguments with their axes padded.
 * @throws ShapeError for an axis that is missing, longer than the largest size, or of another size in another argument
 * @throws GradError for a tensor that requires a gradient, ValueError for an argument that is no tensor
 */
function pad<A extends readonly unknown[]>(
  args: A,
  buckets: readonly Buckets[],
): { args: A; padding: Padding[]; tensors: Set<Tensor> } {
  const now = [...args]
  const padding: Padding[] = []
  const tensors = new Set<Tensor>()
  for (const b of buckets) {
    let common: number | undefined
    for (const i of argumentsOf(b)) {
      const t = now[i]
      if (!(t instanceof Tensor))
        throw new ValueError({
          op: 'compile',
          rule: `argument ${i}, which is padded to buckets, must be a tensor`,
          got: t === null ? 'null' : typeof t,
        })
      const axis = b.axis < 0 ? b.axis + t.rank : b.axis
      const size = t.shape[axis]
      if (size === undefined)
        throw new ShapeError({
          op: 'compile',
          rule: `argument ${i} must have the axis ${b.axis}, which is padded to buckets`,
          got: show(t.shape),
        })
      if (common !== undefined && common !== size)
        throw new ShapeError({
          op: 'compile',
          rule: `arguments ${argumentsOf(b).join(', ')} must have one size along axis ${b.axis}`,
          got: `${common} and ${size}`,
        })
      common = size
      const fitting = b.sizes.filter((n) => n >= size)
      if (fitting.length === 0)
        throw new ShapeError({
          op: 'compile',
          rule: `axis ${b.axis} of argument ${i} must have at most ${Math.max(...b.sizes)}, the largest bucket`,
          got: show(t.shape),
          fix: 'Add a larger size to buckets.',
        })
      const bucket = Math.min(...fitting)
      if (bucket === size) continue
      if (t.requiresGrad)
        throw new GradError({
          op: 'compile',
          rule: 'a tensor that is padded to a bucket is a copy, which cannot take a gradient back',
          got: `argument ${i} ${show(t.shape)} with requiresGrad`,
        })
      const copy = padded(t, axis, bucket, b.value ?? 0)
      tensors.delete(t)
      tensors.add(copy)
      now[i] = copy
      if (!padding.some((p) => p.axis === b.axis && p.bucket === bucket))
        padding.push({ axis: b.axis, size, bucket })
    }
  }
  return { args: now as unknown as A, padding, tensors }
}

/** A result without the padding: cut along every axis that has the size of the bucket. A view. */
function cut(t: Tensor, padding: readonly Padding[]): Tensor {
  let { shape } = t
  for (const p of padding) {
    const axis = p.axis < 0 ? p.axis + shape.length : p.axis
    if (shape[axis] === p.bucket) shape = resized(shape, axis, p.size)
  }
  return shape === t.shape || !t.storage ? t : onStorage(t.storage, shape, [...t.strides])
}

/** Brings the arguments to their buckets, and finds their program. @throws TraceError where that changes one that was padded */
function ready<A extends readonly unknown[], V extends { written: readonly Capture[] }>(
  args: A,
  buckets: readonly Buckets[],
  find: (args: A) => [V, Tensor[]],
): [A, V, Tensor[], readonly Padding[]] {
  const { args: now, padding, tensors: copies } = pad(args, buckets)
  const [program, tensors] = find(now)
  for (const capture of program.written)
    if (copies.has(capture.find(tensors)!))
      throw new TraceError({
        op: 'compile',
        rule: 'an argument that is padded to a bucket is a copy, which must not be changed',
        got: `one of shape [${capture.tensor.shape}]`,
      })
  return [now, program, tensors, padding]
}

export const bucketing = { check: checkBuckets, ready, cut }
declare module '../core/extras.js' {
  interface Extras {
    buckets: typeof bucketing
  }
}
