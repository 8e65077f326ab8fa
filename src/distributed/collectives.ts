/** Operations in which all ranks of a group take part. */
import { DTypeError, ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, orNull, readArguments, showValue } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { assign } from '../ops/assign.js'
import { hostCall } from '../ops/host.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import {
  type AllReduceOptions,
  type Alone,
  alike,
  anOp,
  aTensor,
  checkMean,
  common,
  type FromOptions,
  type Given,
  type GroupOptions,
  hostStep,
  layoutOf,
  type Order,
  perform,
  rankIn,
  type ReduceOp,
  tensors,
  type ToOptions,
  whole,
  type Work,
  words,
  write,
} from './orders.js'
import { groupOf, type ProcessGroup } from './world.js'

/**
 * y[i] = op over all ranks r of x_r[i], on every rank: 'sum' (the default), 'mean', 'max', 'min' or 'product'; of bools a sum is
 * "or" and a product "and". The tensor is changed in place and returned.
 *
 * Shapes: x any, the same on all ranks. PyTorch: torch.distributed.all_reduce. The example is of a process alone: each of
 * four would have 0 + 1 + 2 + 3 = 6.
 * @throws DistributedError on every rank when shapes, types, operations or backends differ; DTypeError for a mean of whole
 * numbers; ValueError before initProcessGroup
 * @example
 * initProcessGroup()
 * allReduce(tensor([getRank()])) // [0]
 */
export function allReduce<Async extends boolean = false>(
  tensor: Tensor,
  op?: ReduceOp | AllReduceOptions<Async>,
  options?: GroupOptions<Async>,
): Given<Tensor, Async> {
  const o = readArguments<{ tensor: Tensor } & AllReduceOptions>(
    'allReduce',
    [tensor, op, options],
    { tensor: aTensor, op: anOp, ...common },
    1,
  )
  const how = o.op ?? 'sum'
  const group = groupOf('allReduce', o.group)
  const { dtype } = tensor
  checkMean('allReduce', how, dtype)
  const order: Order = {
    name: 'allReduce',
    group,
    op: how,
    count: tensor.size,
    dtype,
    about: words('allReduce', tensor, ` ${how}`),
  }
  return perform(o.asyncOp, order, {}, [tensor], [layoutOf(tensor)], ([sum]) => {
    assign(tensor, sum!)
    return tensor
  }) as Given<Tensor, Async>
}

/** The same of several tensors of one type in one operation: they lie side by side. New tensors. */
export function reduceTogether(
  list: readonly Tensor[],
  how: ReduceOp,
  given: ProcessGroup | undefined,
  what = 'gradients',
  background = false,
): Tensor[] {
  const group = groupOf('allReduce', given)
  const count = list.reduce((n, t) => n + t.size, 0)
  const { dtype } = list[0]!
  const about = `allReduce of ${what}: ${list.length} tensors, ${count} ${dtype} ${how}`
  const order: Order = { name: 'allReduce', group, op: how, count, dtype, about, background }
  return noGrad(() => hostCall(hostStep(order, { together: true }), list, list.map(layoutOf)))
}

/** The values of rank `src` for several tensors of one type, in one operation. New tensors. */
export function broadcastTogether(
  list: readonly Tensor[],
  src: number,
  given: ProcessGroup | undefined,
  what: string,
): Tensor[] {
  const group = groupOf('broadcast', given)
  const count = list.reduce((n, t) => n + t.size, 0)
  const { dtype } = list[0]!
  const peer = rankIn('broadcast', group, src, 'src')
  const about = `broadcast of ${what}: ${list.length} tensors, ${count} ${dtype} from ${src}`
  const order: Order = { name: 'broadcast', group, peer, count, dtype, about }
  const before: Alone = (inputs, outputs) => {
    if (group.rank === peer) whole(outputs).set(whole(inputs))
  }
  return noGrad(() =>
    hostCall(hostStep(order, { together: true, before }), list, list.map(layoutOf)),
  )
}

/**
 * y = x of rank `src` (the first unless given), on every rank, in place.
 *
 * Shapes: x any, the same on all ranks. PyTorch: torch.distributed.broadcast.
 * @throws ValueError for a rank that is not in the group; DistributedError on every rank when shapes, types or sources differ
 */
export function broadcast<Async extends boolean = false>(
  tensor: Tensor,
  src?: number | FromOptions<Async>,
  options?: GroupOptions<Async>,
): Given<Tensor, Async> {
  const o = readArguments<{ tensor: Tensor } & FromOptions>(
    'broadcast',
    [tensor, src, options],
    { tensor: aTensor, src: kinds.size, ...common },
    1,
  )
  const group = groupOf('broadcast', o.group)
  const from = o.src ?? group.ranks[0]!
  const order: Order = {
    name: 'broadcast',
    group,
    peer: rankIn('broadcast', group, from, 'src'),
    count: tensor.size,
    dtype: tensor.dtype,
    about: words('broadcast', tensor, ` from rank ${from}`),
  }
  const before: Alone = ([x], [y]) => {
    if (group.rank === order.peer) y!.data().set(x!.data())
  }
  return perform(o.asyncOp, order, { before }, [tensor], [layoutOf(tensor)], ([value]) => {
    assign(tensor, value!)
    return tensor
  }) as Given<Tensor, Async>
}

/**
 * y_r = x of rank r, for all r, in `tensorList` of every rank.
 *
 * Shapes: `tensor` and each of the list alike. PyTorch: torch.distributed.all_gather.
 * @throws ValueError for a list of another length than the group; ShapeError and DTypeError for tensors in it that do not fit;
 * DistributedError on every rank when shapes or types differ
 */
export function allGather<Async extends boolean = false>(
  tensorList: readonly Tensor[],
  tensor: Tensor,
  options?: GroupOptions<Async>,
): Given<readonly Tensor[], Async> {
  const op = 'allGather'
  const o = readArguments<GroupOptions>(
    op,
    [tensorList, tensor, options],
    { tensorList: tensors, tensor: aTensor, ...common },
    2,
  )
  const group = groupOf(op, o.group)
  requireLength(op, tensorList, group)
  alike(op, tensorList, tensor.shape, tensor.dtype)
  const order: Order = {
    name: op,
    group,
    count: tensor.size,
    dtype: tensor.dtype,
    about: words(op, tensor),
  }
  return perform(
    o.asyncOp,
    order,
    { together: true },
    [tensor],
    tensorList.map(() => layoutOf(tensor)),
    (made) => {
      write(tensorList, made)
      return tensorList
    },
  ) as Given<readonly Tensor[], Async>
}
function requireLength(op: string, list: readonly Tensor[], group: ProcessGroup): void {
  if (list.length !== group.size)
    throw new ValueError({
      op,
      rule: `the list must have a tensor for each of the ${group.size} ranks`,
      got: `${list.length}`,
    })
}
/** Checks that the larger tensor has the parts of all ranks along axis 0. */
function requireParts(op: string, large: Tensor, part: Tensor, group: ProcessGroup): void {
  const shape =
    part.rank === 0 ? [group.size] : [part.shape[0]! * group.size, ...part.shape.slice(1)]
  if (!sameShape(large.shape, shape) && !sameShape(large.shape, [group.size, ...part.shape]))
    throw new ShapeError({
      op,
      rule: `the tensor of all must have the shape ${show(shape)} or ${show([group.size, ...part.shape])}`,
      got: show(large.shape),
    })
  if (large.dtype !== part.dtype)
    throw new DTypeError({
      op,
      rule: 'both tensors must have one type',
      got: `${large.dtype} and ${part.dtype}`,
    })
}

/**
 * y = (x_0, x_1, ...) of all ranks in their order, one behind the other along axis 0 or stacked, in `output` of every rank.
 *
 * Shapes: input (n, ...), output (ranks · n, ...) or (ranks, n, ...). PyTorch: torch.distributed.all_gather_into_tensor.
 * @throws ShapeError and DTypeError for an output that does not fit; DistributedError on every rank when shapes or types differ
 */
export function allGatherIntoTensor<Async extends boolean = false>(
  output: Tensor,
  input: Tensor,
  options?: GroupOptions<Async>,
): Given<Tensor, Async> {
  const op = 'allGather'
  const o = readArguments<GroupOptions>(
    'allGatherIntoTensor',
    [output, input, options],
    { output: aTensor, input: aTensor, ...common },
    2,
  )
  const group = groupOf('allGatherIntoTensor', o.group)
  requireParts('allGatherIntoTensor', output, input, group)
  const about = words(op, input)
  const order: Order = { name: op, group, count: input.size, dtype: input.dtype, about }
  return perform(o.asyncOp, order, {}, [input], [layoutOf(output)], ([all]) => {
    assign(output, all!)
    return output
  }) as Given<Tensor, Async>
}

/**
 * y on rank r = op over all ranks q of x_q[r], where x_q is the list of rank q; into `output`.
 *
 * Shapes: `output` and each of the list alike, as many as there are ranks. PyTorch: torch.distributed.reduce_scatter.
 * @throws ValueError for a list of another length; ShapeError and DTypeError for tensors in it that do not fit; DTypeError for a
 * mean of whole numbers; DistributedError on every rank when shapes, types or operations differ
 */
export function reduceScatter<Async extends boolean = false>(
  output: Tensor,
  inputList: readonly Tensor[],
  op?: ReduceOp | AllReduceOptions<Async>,
  options?: GroupOptions<Async>,
): Given<Tensor, Async> {
  const name = 'reduceScatter'
  const o = readArguments<AllReduceOptions>(
    name,
    [output, inputList, op, options],
    { output: aTensor, inputList: tensors, op: anOp, ...common },
    2,
  )
  const group = groupOf(name, o.group)
  requireLength(name, inputList, group)
  alike(name, inputList, output.shape, output.dtype)
  return scattered(name, output, inputList, o, group) as Given<Tensor, Async>
}
/**
 * As reduceScatter, of one tensor whose parts lie along axis 0.
 *
 * Shapes: output (n, ...), input (ranks · n, ...) or (ranks, n, ...). PyTorch: torch.distributed.reduce_scatter_tensor.
 * @throws ShapeError for an input that does not fit, and what reduceScatter throws
 */
export function reduceScatterTensor<Async extends boolean = false>(
  output: Tensor,
  input: Tensor,
  op?: ReduceOp | AllReduceOptions<Async>,
  options?: GroupOptions<Async>,
): Given<Tensor, Async> {
  const name = 'reduceScatterTensor'
  const o = readArguments<AllReduceOptions>(
    name,
    [output, input, op, options],
    { output: aTensor, input: aTensor, op: anOp, ...common },
    2,
  )
  const group = groupOf(name, o.group)
  requireParts(name, input, output, group)
  return scattered(name, output, [input], o, group) as Given<Tensor, Async>
}
function scattered(
  name: string,
  output: Tensor,
  inputs: readonly Tensor[],
  { op: how = 'sum', asyncOp }: AllReduceOptions,
  group: ProcessGroup,
): Tensor | Work<Tensor> {
  const { size, dtype } = output
  checkMean(name, how, dtype)
  const about = words(name, output, ` ${how}`)
  const order: Order = { name: 'reduceScatter', group, op: how, count: size, dtype, about }
  const first: Alone = (from, [to]) => to!.data().set(from[0]!.data())
  return perform(
    asyncOp,
    order,
    { together: true, alone: first },
    inputs,
    [layoutOf(output)],
    ([sum]) => {
      assign(output, sum!)
      return output
    },
  )
}

/** What gather and scatter are given: the one rank with a list of tensors, which the others leave out. */
function rooted(
  op: string,
  [tensor, ...given]: readonly [Tensor, ...unknown[]],
  listName: 'gatherList' | 'scatterList',
  rootName: 'src' | 'dst',
) {
  const o = readArguments<GroupOptions & Record<string, unknown>>(
    op,
    [tensor, ...given],
    { tensor: aTensor, [listName]: orNull(tensors), [rootName]: kinds.size, ...common },
    1,
  )
  const group = groupOf(op, o.group)
  const root = (o[rootName] as number | undefined) ?? group.ranks[0]!
  const peer = rankIn(op, group, root, rootName)
  const list = (o[listName] as readonly Tensor[] | null | undefined) ?? undefined
  if (group.rank !== peer && list && list.length > 0)
    throw new ValueError({ op, rule: `only rank ${root} has a ${listName}`, got: showValue(list) })
  if (group.rank === peer) {
    if (!list)
      throw new ValueError({ op, rule: `rank ${root} must have a ${listName}`, got: 'none' })
    requireLength(op, list, group)
    alike(op, list, tensor.shape, tensor.dtype)
  }
  const about = words(op, tensor, ` ${rootName === 'src' ? 'from' : 'to'} rank ${root}`)
  const { size: count, dtype } = tensor
  const order: Order = { name: op as 'gather' | 'scatter', group, peer, count, dtype, about }
  return { order, list: group.rank === peer ? list : undefined, asyncOp: o.asyncOp }
}

/**
 * y_r = x of rank r, for all r, in `gatherList` of rank `dst` (the first unless given); the others pass null.
 *
 * Shapes: `tensor` and each of the list alike.
 * PyTorch: torch.distributed.gather.
 * @throws ValueError for a list on another rank, or of another length than the group; ShapeError and DTypeError for tensors in it
 * that do not fit; DistributedError on every rank when shapes, types or `dst` differ
 */
export function gather<Async extends boolean = false>(
  tensor: Tensor,
  gatherList?: readonly Tensor[] | null | ToOptions<Async>,
  dst?: number | ToOptions<Async>,
  options?: GroupOptions<Async>,
): Given<readonly Tensor[] | undefined, Async> {
  const given = [tensor, gatherList, dst, options] as const
  const { order, list, asyncOp } = rooted('gather', given, 'gatherList', 'dst')
  const layouts = (list ?? []).map(() => layoutOf(tensor))
  return perform(asyncOp, order, list ? { together: true } : {}, [tensor], layouts, (made) => {
    if (list) write(list, made)
    return list
  }) as Given<readonly Tensor[] | undefined, Async>
}

/**
 * y on rank r = tensor r of `scatterList` of rank `src` (the first unless given), into `tensor`; the others pass null.
 *
 * Shapes: `tensor` and each of the list alike.
 * PyTorch: torch.distributed.scatter.
 * @throws ValueError for a list on another rank, or of another length than the group; ShapeError and DTypeError for tensors in it
 * that do not fit; DistributedError on every rank when shapes, types or `src` differ
 */
export function scatter<Async extends boolean = false>(
  tensor: Tensor,
  scatterList?: readonly Tensor[] | null | FromOptions<Async>,
  src?: number | FromOptions<Async>,
  options?: GroupOptions<Async>,
): Given<Tensor, Async> {
  const given = [tensor, scatterList, src, options] as const
  const { order, list, asyncOp } = rooted('scatter', given, 'scatterList', 'src')
  const layouts = [layoutOf(tensor)]
  return perform(asyncOp, order, { together: true }, list ?? [tensor], layouts, ([part]) => {
    assign(tensor, part!)
    return tensor
  }) as Given<Tensor, Async>
}

/**
 * y_r[q] = x_q[r]: of n ranks, each cuts its `input` x into n parts along axis 0; part r goes to rank r, whose `output` y has the
 * parts in the order of the ranks.
 *
 * Shapes: input and output alike; the number of ranks divides axis 0. PyTorch: torch.distributed.all_to_all_single.
 * @throws ShapeError and DTypeError for tensors that do not fit; DistributedError on every rank when shapes or types differ
 */
export function allToAllSingle<Async extends boolean = false>(
  output: Tensor,
  input: Tensor,
  options?: GroupOptions<Async>,
): Given<Tensor, Async> {
  const op = 'allToAllSingle'
  const o = readArguments<GroupOptions>(
    op,
    [output, input, options],
    { output: aTensor, input: aTensor, ...common },
    2,
  )
  const group = groupOf(op, o.group)
  if (!sameShape(output.shape, input.shape) || (input.shape[0] ?? 1) % group.size !== 0)
    throw new ShapeError({
      op,
      rule: `both tensors must have one shape, whose axis 0 ${group.size} ranks divide`,
      got: `${show(output.shape)} and ${show(input.shape)}`,
    })
  const { dtype } = input
  if (output.dtype !== dtype)
    throw new DTypeError({ op, rule: `output must be ${dtype}`, got: output.dtype })
  const count = input.size / group.size
  const order: Order = { name: 'allToAll', group, count, dtype, about: words(op, input) }
  return perform(o.asyncOp, order, {}, [input], [layoutOf(output)], ([all]) => {
    assign(output, all!)
    return output
  }) as Given<Tensor, Async>
}

/**
 * Returns when all ranks of the group have come here. PyTorch: torch.distributed.barrier.
 * @throws DistributedError on every rank when one is in another operation, is lost, or does not come in time
 */
export function barrier<Async extends boolean = false>(
  options?: GroupOptions<Async>,
): Given<undefined, Async> {
  const o = readArguments<GroupOptions>('barrier', [options], {}, 0, common)
  const group = groupOf('barrier', o.group)
  const order: Order = { name: 'barrier', group, count: 0, dtype: 'uint8', about: 'barrier' }
  return perform(o.asyncOp, order, {}, [], [], () => undefined) as Given<undefined, Async>
}
