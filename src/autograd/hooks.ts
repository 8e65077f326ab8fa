/** Functions that see, and may change, gradients on their way back. */
import { ValueError } from '../core/errors.js'
import { isFloat } from '../core/dtype.js'
import { sameShape } from '../core/shape.js'
import { apply, type OpRule } from '../ops/define.js'
import { state } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'

/** Takes a hook away again. */
export interface RemovableHandle {
  remove(): void
}
export type TensorHook = (grad: Tensor) => Tensor | null | undefined

const byTensor = new WeakMap<Tensor, readonly TensorHook[]>()
const none: readonly TensorHook[] = []
const hooksOf = (t: Tensor) => byTensor.get(t) ?? none

/**
 * Calls `hook` with the gradient of `t` whenever one is computed, after the parts of all uses are summed and before it
 * goes on or into `grad`. What it returns takes the gradient's place. PyTorch: Tensor.register_hook.
 * @throws ValueError for a tensor that requires no gradient
 */
export function registerHook(t: Tensor, hook: TensorHook): RemovableHandle {
  if (!t.requiresGrad)
    throw new ValueError({
      op: 'registerHook',
      rule: 'the tensor must require a gradient',
      got: 'one that does not',
      fix: 't.requiresGrad = true before.',
    })
  // A hook that is registered twice is called twice.
  const own: TensorHook = (grad) => hook(grad)
  byTensor.set(t, [...hooksOf(t), own])
  return {
    remove() {
      byTensor.set(
        t,
        hooksOf(t).filter((h) => h !== own),
      )
    },
  }
}

/** The gradient as the hooks of the tensor leave it. */
export function hooked(t: Tensor, grad: Tensor): Tensor {
  if (state.recorder && t.recorder === undefined) state.recorder.guard(() => hooksOf(t))
  let now = grad
  for (const hook of hooksOf(t)) now = checked('registerHook', hook(now), now)
  return now
}

function checked(op: string, given: unknown, before: Tensor): Tensor {
  if (given === undefined || given === null) return before
  if (given instanceof Tensor && sameShape(given.shape, before.shape)) return given
  throw new ValueError({
    op,
    rule: `a hook must return nothing, or a gradient of shape [${before.shape}]`,
    got: given instanceof Tensor ? `one of shape [${given.shape}]` : typeof given,
  })
}

export type Gradients = readonly (Tensor | null)[]

/** The same tensors as results of one operation, whose gradients go through `back` together. */
export function through(tensors: readonly Tensor[], back: (cts: Gradients) => Gradients): Tensor[] {
  const same = (inputs: readonly Tensor[]) =>
    inputs.map((t) =>
      // While tracing apply() makes them tensors of their own, and a view of what a program writes is refused.
      t.storage && !state.recorder
        ? new Tensor(t.shape, t.dtype, {
            storage: t.storage,
            offset: t.offset,
            strides: t.strides,
          })
        : t,
    )
  const rule: OpRule<never, readonly Tensor[]> = {
    name: 'backwardHook',
    args: undefined as never,
    forward: same,
    eager: same,
    dynamic: true,
    halves: true,
    vjp: (ct) => back(ct instanceof Tensor ? [ct] : (ct as (Tensor | null)[])),
  }
  return apply(rule as never, [...tensors], {}) as unknown as Tensor[]
}

/** Replaces the tensors at the given places. */
function put(
  list: readonly unknown[],
  places: readonly number[],
  by: readonly Tensor[],
): unknown[] {
  const now = [...list]
  places.forEach((p, i) => {
    now[p] = by[i]
  })
  return now
}
const tracked = (list: readonly unknown[]) =>
  list.flatMap((v, i) => (v instanceof Tensor && v.requiresGrad && isFloat(v.dtype) ? [i] : []))

/** `hook` gets the gradients of the inputs, by place, and of the outputs; what it returns replaces the first. */
export type GradientHook = (gradInput: Gradients, gradOutput: Gradients) => Gradients | undefined

/**
 * Runs `forward` with its inputs and outputs watched: when the gradients of the inputs are there, or of the outputs
 * where no input wants one, `hook` is called.
 */
export function watchBackward(
  inputs: readonly unknown[],
  forward: (inputs: unknown[]) => unknown,
  hook: GradientHook,
): unknown {
  if (!state.gradEnabled) return forward([...inputs])
  const places = tracked(inputs)
  let gradOutput: Gradients = []
  const call = (cts: Gradients): Gradients => {
    const all = inputs.map((): Tensor | null => null)
    places.forEach((p, i) => {
      all[p] = cts[i]!
    })
    const given = hook(all, gradOutput)
    return given
      ? places.map((p, i) =>
          cts[i] ? checked('registerFullBackwardHook', given[p], cts[i]) : null,
        )
      : cts
  }
  const watched =
    places.length > 0
      ? put(
          inputs,
          places,
          through(
            places.map((p) => inputs[p] as Tensor),
            call,
          ),
        )
      : [...inputs]
  const out = forward(watched)
  const list = Array.isArray(out) ? (out as unknown[]) : [out]
  const ends = tracked(list)
  if (ends.length === 0) return out
  const made = through(
    ends.map((p) => list[p] as Tensor),
    (cts) => {
      const all = list.map((): Tensor | null => null)
      ends.forEach((p, i) => {
        all[p] = cts[i]!
      })
      gradOutput = all
      if (places.length === 0) call([])
      return cts
    },
  )
  const now = put(list, ends, made)
  return Array.isArray(out) ? now : now[0]
}
