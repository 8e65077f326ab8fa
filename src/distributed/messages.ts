/** Messages from one rank to another. */
import { show, ValueError } from '../core/errors.js'
import { kinds, orNull, readArguments } from '../core/options.js'
import { assign } from '../ops/assign.js'
import type { Tensor } from '../ops/tensor.js'
import { aGroup, aTensor, layoutOf, type Order, perform, rankIn, type Work } from './orders.js'
import { groupOf, type ProcessGroup } from './world.js'

export interface MessageOptions {
  group?: ProcessGroup | null
  /** From 0 to 16383: a message is received by the call of its tag. */
  tag?: number
}
const messageNames = { group: aGroup, tag: kinds.size }
const TAGS = 16384

function message(
  op: string,
  tensor: Tensor,
  rank: number | null,
  { tag = 0, group: given }: MessageOptions,
): { order: Order; alone: () => never } {
  const group = groupOf(op, given)
  if (tag >= TAGS) throw new ValueError({ op, rule: `tag must be below ${TAGS}`, got: `${tag}` })
  const sends = op === 'send' || op === 'isend'
  const peer = rank === null ? -1 : rankIn(op, group, rank, sends ? 'dst' : 'src')
  if (peer === group.rank)
    throw new ValueError({ op, rule: 'a rank has no messages for itself', got: `rank ${rank}` })
  const { dtype, size: count } = tensor
  const about = `${show(tensor.shape)} ${dtype}`
  const alone = (): never => {
    throw new ValueError({ op, rule: 'there must be another rank', got: 'a process alone' })
  }
  if (group.size === 1) alone()
  return { order: { name: sends ? 'send' : 'recv', group, peer, tag, count, dtype, about }, alone }
}

/**
 * Sends a tensor to rank `dst`; returns when its memory may change again. PyTorch: torch.distributed.send.
 * @throws ValueError for a rank that does not exist, this one, or a process alone
 */
export function send(tensor: Tensor, dst: number, options?: MessageOptions): void {
  isendNamed('send', tensor, dst, options).wait()
}
/** As send, without waiting: the tensor stays as it is until `work.wait()`. PyTorch: torch.distributed.isend. */
export function isend(tensor: Tensor, dst: number, options?: MessageOptions): Work<Tensor> {
  return isendNamed('isend', tensor, dst, options)
}
function isendNamed(
  op: string,
  tensor: Tensor,
  dst: number,
  options?: MessageOptions,
): Work<Tensor> {
  const o = readArguments<MessageOptions>(
    op,
    [tensor, dst, options],
    { tensor: aTensor, dst: kinds.size },
    2,
    messageNames,
  )
  const { order } = message(op, tensor, dst, o)
  return perform(true, order, {}, [tensor], [], () => tensor) as Work<Tensor>
}

/**
 * Receives into a tensor from rank `src` (null: from any) and gives the rank that sent. PyTorch: torch.distributed.recv.
 * @throws ValueError for a rank that does not exist; DistributedError when the sender's tensor has another shape or type
 */
export function recv(tensor: Tensor, src?: number | null, options?: MessageOptions): number {
  const work = irecvNamed('recv', tensor, src, options)
  work.wait()
  return work.source
}
/** As recv, without waiting: the tensor has its values after `work.wait()`. PyTorch: torch.distributed.irecv. */
export function irecv(tensor: Tensor, src?: number | null, options?: MessageOptions): Work<Tensor> {
  return irecvNamed('irecv', tensor, src, options)
}
function irecvNamed(
  op: string,
  tensor: Tensor,
  src: number | null | undefined,
  options?: MessageOptions,
): Work<Tensor> {
  const o = readArguments<{ src?: number | null } & MessageOptions>(
    op,
    [tensor, src, options],
    { tensor: aTensor, src: orNull(kinds.size) },
    1,
    messageNames,
  )
  const { order } = message(op, tensor, o.src ?? null, o)
  return perform(true, order, {}, [], [layoutOf(tensor)], ([value]) => {
    assign(tensor, value!)
    return tensor
  }) as Work<Tensor>
}
