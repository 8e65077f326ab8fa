/** Products with Jacobians, and whole ones: torch.autograd.functional. */
import { isFloat } from '../core/dtype.js'
import { GradError, ShapeError, show } from '../core/errors.js'
import { checkOptions, requireFunction } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { expand, reshape } from '../ops/broadcast.js'
import { scalar, toType } from '../ops/define.js'
import { stack } from '../ops/join.js'
import { ended, state, withState } from '../ops/state.js'
import { fromData, Tensor } from '../ops/tensor.js'
import { detach, gradients } from './backward.js'

type Some = Tensor | readonly Tensor[]
/** As many as went in: one tensor for one, a list for a list. */
type Like<T extends Some> = T extends Tensor ? Tensor : Tensor[]
export interface FunctionalOptions {
  /** Record the computation of the result, so that it can be differentiated again. Otherwise it has no history. */
  createGraph?: boolean
}

const listOf = (x: Some): readonly Tensor[] => (x instanceof Tensor ? [x] : x)
const like = (x: Some, list: Tensor[]): Tensor | Tensor[] => (x instanceof Tensor ? list[0]! : list)
const filled = (t: Tensor, value: number) => expand(scalar(value, t.dtype, [t]), t.shape)

/** The inputs as tensors of their own, which the function is differentiated by; with their history when it is wanted. */
function ownInputs(op: string, inputs: readonly Tensor[], history: boolean): Tensor[] {
  return inputs.map((t) => {
    if (!isFloat(t.dtype))
      throw new GradError({ op, rule: 'only float tensors have gradients', got: t.dtype })
    const own = history && t.requiresGrad ? expand(t, t.shape) : detach(t)
    own.requiresGrad = true
    return own
  })
}

function outputsOf(op: string, out: unknown): readonly Tensor[] {
  const list = out instanceof Tensor ? [out] : Array.isArray(out) ? (out as unknown[]) : [out]
  if (list.length > 0 && list.every((t) => t instanceof Tensor)) return list as Tensor[]
  throw new GradError({ op, rule: 'the function must give a tensor or a list of tensors' })
}

/** Vectors that must have the shapes of what they multiply; ones for a single element when left out. */
function vectors(op: string, v: Some | undefined | null, of: readonly Tensor[]): Tensor[] {
  if (!v) {
    if (of.length === 1 && of[0]!.size === 1) return [filled(of[0]!, 1)]
    throw new ShapeError({
      op,
      rule: 'v may be left out only for a single element',
      got: of.map((t) => show(t.shape)).join(', '),
    })
  }
  const list = listOf(v)
  of.forEach((t, i) => {
    if (list.length !== of.length || !sameShape(list[i]!.shape, t.shape))
      throw new ShapeError({
        op,
        rule: `v must have the shapes ${of.map((o) => show(o.shape)).join(', ')}`,
        got: list.map((o) => show(o.shape)).join(', '),
      })
  })
  return list.map((t, i) => toType(t, of[i]!.dtype))
}

/** Does somebody want to differentiate the result? */
const wanted = (createGraph: boolean, inputs: readonly Tensor[]) =>
  createGraph || (state.gradEnabled && inputs.some((t) => t.requiresGrad))
const finished = (keep: boolean, list: readonly Tensor[]) => list.map((t) => (keep ? t : detach(t)))

/** Σ of outputs · v by the inputs; zeros where an output depends on none. */
function pullback(
  outs: readonly Tensor[],
  ins: readonly Tensor[],
  v: readonly Tensor[],
  options: { createGraph?: boolean; retainGraph?: boolean },
): Tensor[] {
  const depends = outs.flatMap((t, i) => (t.requiresGrad ? [i] : []))
  if (depends.length === 0) return ins.map((t) => filled(t, 0))
  const grads = gradients(
    depends.map((i) => outs[i]!),
    ins,
    depends.map((i) => v[i]!),
    options,
  )
  return grads.map((g, i) => g ?? filled(ins[i]!, 0))
}

/**
 * `f(inputs)` and vᵀJ, where J is the Jacobian of f. `v` has the shape of the result; it may be left out when that has
 * one element. PyTorch: torch.autograd.functional.vjp.
 * @throws ShapeError when v does not fit, GradError when an input is no float tensor
 * @example vjp((x) => x.square(), tensor([1, 2]), tensor([1, 10])) // [[1, 4], [2, 40]]
 */
export function vjp<I extends Some, O extends Some>(
  f: (...inputs: Tensor[]) => O,
  inputs: I,
  v?: Some | null,
  options: FunctionalOptions = {},
): [output: Like<O>, vjp: Like<I>] {
  requireFunction('vjp', f)
  const { createGraph = false } = checkOptions('vjp', options, ['createGraph'])
  const given = listOf(inputs)
  const keep = wanted(createGraph, given)
  return withState('gradEnabled', true, () => {
    const ins = ownInputs('vjp', given, keep)
    const out = ended('vjp', f(...ins))
    const outs = outputsOf('vjp', out)
    const grads = pullback(outs, ins, vectors('vjp', v, outs), { createGraph: keep })
    return [like(out, finished(keep, outs)), like(inputs, finished(keep, grads))] as [
      Like<O>,
      Like<I>,
    ]
  })
}

/**
 * `f(inputs)` and Jv, where J is the Jacobian of f: how the result changes when the inputs move along `v`. Computed by
 * differentiating vᵀJ by v, so about three times the cost of f. PyTorch: torch.autograd.functional.jvp; torch.func.jvp.
 * @throws ShapeError when v does not fit, GradError when an input is no float tensor
 * @example jvp((x) => x.square(), tensor([1, 2]), tensor([1, 10])) // [[1, 4], [2, 40]]
 */
export function jvp<I extends Some, O extends Some>(
  f: (...inputs: Tensor[]) => O,
  inputs: I,
  v?: Some | null,
  options: FunctionalOptions = {},
): [output: Like<O>, jvp: Like<O>] {
  requireFunction('jvp', f)
  const { createGraph = false } = checkOptions('jvp', options, ['createGraph'])
  const given = listOf(inputs)
  const keep = wanted(createGraph, given)
  return withState('gradEnabled', true, () => {
    const ins = ownInputs('jvp', given, keep)
    const along = vectors('jvp', v, ins)
    const out = ended('jvp', f(...ins))
    const outs = outputsOf('jvp', out)
    const dummies = outs.map((t) => {
      const u = detach(filled(t, 0))
      u.requiresGrad = true
      return u
    })
    const grads = pullback(outs, ins, dummies, { createGraph: true })
    const moved = pullback(grads, dummies, along, { createGraph: keep })
    return [like(out, finished(keep, outs)), like(out, finished(keep, moved))] as [Like<O>, Like<O>]
  })
}

type Rows<O extends Some, I extends Some> = O extends Tensor ? Like<I> : Like<I>[]

/**
 * The Jacobian of `f`: for an output of shape (o..) and an input of shape (i..), a tensor of shape (o.., i..). Lists of
 * inputs give a list, lists of outputs a list of these. One backward walk for each element of the output.
 * PyTorch: torch.autograd.functional.jacobian.
 * @throws GradError when an input is no float tensor
 * @example jacobian((x) => x.square(), tensor([1, 2])) // [[2, 0], [0, 4]]
 */
export function jacobian<I extends Some, O extends Some>(
  f: (...inputs: Tensor[]) => O,
  inputs: I,
  options: FunctionalOptions = {},
): Rows<O, I> {
  requireFunction('jacobian', f)
  const { createGraph = false } = checkOptions('jacobian', options, ['createGraph'])
  const given = listOf(inputs)
  const keep = wanted(createGraph, given)
  return withState('gradEnabled', true, () => {
    const ins = ownInputs('jacobian', given, keep)
    const out = ended('jacobian', f(...ins))
    const outs = outputsOf('jacobian', out)
    const all = outs.map((t) => {
      const rows = Array.from({ length: t.size }, (_, i) => {
        const one = new Float32Array(t.size)
        one[i] = 1
        const v = toType(fromData(one, t.shape, 'float32'), t.dtype)
        return pullback([t], ins, [v], { createGraph: keep, retainGraph: true })
      })
      const parts = ins.map((x, k) =>
        rows.length === 0
          ? expand(scalar(0, x.dtype, [x]), [...t.shape, ...x.shape])
          : reshape(stack(rows.map((r) => r[k]!)), [...t.shape, ...x.shape]),
      )
      return like(inputs, finished(keep, parts))
    })
    return (out instanceof Tensor ? all[0] : all) as Rows<O, I>
  })
}

/**
 * The second derivatives of `f`, which gives one number: for inputs of shapes (i..) and (j..), a tensor of shape
 * (i.., j..); lists of inputs give a list of lists. PyTorch: torch.autograd.functional.hessian.
 * @throws ShapeError when f gives more than one element, GradError when an input is no float tensor
 * @example hessian((x) => x.pow(3).sum(), tensor([1, 2])) // [[6, 0], [0, 12]]
 */
export function hessian<I extends Some>(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: I,
  options: FunctionalOptions = {},
): I extends Tensor ? Tensor : Tensor[][] {
  requireFunction('hessian', f)
  checkOptions('hessian', options, ['createGraph'])
  const slope = (...xs: Tensor[]): Tensor[] => {
    const out = f(...xs)
    const [one] = outputsOf('hessian', out)
    if (one!.size !== 1)
      throw new ShapeError({
        op: 'hessian',
        rule: 'the function must give one element',
        got: show(one!.shape),
      })
    return pullback([one!], xs, [filled(one!, 1)], { createGraph: true })
  }
  const rows = jacobian(slope, listOf(inputs), options) as Tensor[][]
  return (inputs instanceof Tensor ? rows[0]![0]! : rows) as I extends Tensor ? Tensor : Tensor[][]
}
