/**
 * Operations of all ranks that give new tensors and have gradients: the sum of the losses of all ranks is what is
 * differentiated. PyTorch: torch.distributed.nn.functional.
 */
import { apply, type OpRule } from '../ops/define.js'
import { hostCall } from '../ops/host.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { checkMean, hostStep, type Order, type ReduceOp, words } from './orders.js'
import { groupOf, type ProcessGroup } from './world.js'

const run = (order: Order, input: Tensor, shape: readonly number[]): Tensor =>
  noGrad(
    () =>
      hostCall(
        hostStep(order, {
          alone: ([x], [y]) => y!.data().set(x!.data()),
        }),
        [input],
        [{ shape, dtype: input.dtype }],
      )[0]!,
  )

/** A result of `make`, whose gradient goes to `x` through `back`. */
function linked(
  name: string,
  x: Tensor,
  make: (x: Tensor) => Tensor,
  back: (ct: Tensor) => Tensor,
): Tensor {
  const forward = ([t]: Tensor[]) => make(t!)
  const vjp = (ct: Tensor) => [back(ct)]
  const rule: OpRule<never, Tensor> = {
    name,
    args: undefined as never,
    forward,
    eager: forward,
    dynamic: true,
    halves: true,
    vjp: vjp as never,
  }
  return apply(rule as never, [x], {}) as Tensor
}

/** y = Σ over ranks of x; the gradient of x is the sum of the gradients of all ranks. */
export function allReduce(
  x: Tensor,
  op: Extract<ReduceOp, 'sum' | 'mean' | 'avg'> = 'sum',
  group?: ProcessGroup,
): Tensor {
  const own = groupOf('allReduce', group)
  checkMean('allReduce', op, x.dtype)
  const reduce = (t: Tensor) =>
    run(
      {
        name: 'allReduce',
        group: own,
        op,
        count: t.size,
        dtype: t.dtype,
        about: words('allReduce', t, ` ${op}`),
      },
      t,
      t.shape,
    )
  return linked('allReduce', x, reduce, reduce)
}

/** The tensors of all ranks stacked along a new axis 0; the gradient of x is the sum of what all ranks have for its part. */
export function allGather(x: Tensor, group?: ProcessGroup): Tensor {
  const own = groupOf('allGather', group)
  const { size: count, dtype } = x
  const order = { group: own, count, dtype }
  const gathered = (t: Tensor) =>
    run({ ...order, name: 'allGather', about: words('allGather', t) }, t, [own.size, ...t.shape])
  const summed = (ct: Tensor) =>
    run(
      { ...order, name: 'reduceScatter', op: 'sum', about: words('reduceScatter', ct, ' sum') },
      ct,
      x.shape,
    )
  return linked('allGather', x, gathered, summed)
}
