/** Values of all ranks: what V8 can copy, as bytes through the operations on tensors. */
import { deserialize, serialize } from 'node:v8'
import { ValueError } from '../core/errors.js'
import { kinds, readArguments } from '../core/options.js'
import { fromData } from '../ops/tensor.js'
import type { Tensor } from '../ops/tensor.js'
import { backend } from '../backends/registry.js'
import { withState } from '../ops/state.js'
import { allGather, broadcast } from './collectives.js'
import type { GroupOptions } from './orders.js'
import { groupOf } from './world.js'

function bytesOf(op: string, value: unknown): Uint8Array {
  try {
    return serialize(value)
  } catch (error) {
    throw new ValueError({
      op,
      rule: 'the value must be one that structuredClone() can copy',
      got: error instanceof Error ? error.message : String(error),
      fix: 'Leave out functions and symbols.',
    })
  }
}
/** Values are exchanged while tracing too; the tensors for it are no part of the program. */
const outside = <T>(f: () => T): T =>
  withState('recorder', undefined, () => withState('scope', undefined, f))
const uint8 = (bytes: Uint8Array): Tensor =>
  fromData(Uint8Array.from(bytes), [bytes.length], 'uint8', backend())
const lengthOf = (n: number): Tensor => fromData(Int32Array.of(n), [1], 'int32', backend())
const first = (t: Tensor): number => Number(t.toTypedArray()[0])

/**
 * The values of all ranks, in their order, on every rank: whatever structuredClone() copies. PyTorch: all_gather_object.
 * @throws ValueError for functions and symbols, and what holds them
 */
export function allGatherObject<T>(object: T, options?: Pick<GroupOptions, 'group'>): T[] {
  const { group: given } = readArguments<GroupOptions>('allGatherObject', [options], {}, 0, {
    group: kinds.any,
  })
  const group = groupOf('allGatherObject', given)
  return outside(() => {
    const bytes = bytesOf('allGatherObject', object)
    const lengths = group.ranks.map(() => lengthOf(0))
    allGather(lengths, lengthOf(bytes.length), { group })
    const most = Math.max(...lengths.map(first))
    const padded = new Uint8Array(most)
    padded.set(bytes)
    const all = group.ranks.map(() => uint8(new Uint8Array(most)))
    allGather(all, uint8(padded), { group })
    return all.map(
      (t, i) => deserialize((t.toTypedArray() as Uint8Array).subarray(0, first(lengths[i]!))) as T,
    )
  })
}

/** The bytes of rank `src`, on every rank. */
export function broadcastBytes(
  bytes: Uint8Array,
  src = 0,
  options?: Pick<GroupOptions, 'group'>,
): Uint8Array {
  const { group: given } = options ?? {}
  const group = groupOf('broadcast', given)
  return outside(() => {
    const length = lengthOf(bytes.length)
    broadcast(length, { src, group })
    const data = uint8(group.ranks[group.rank] === src ? bytes : new Uint8Array(first(length)))
    broadcast(data, { src, group })
    return data.toTypedArray() as Uint8Array
  })
}
/**
 * The value of rank `src`, 0 unless given, on every rank: whatever structuredClone() copies. PyTorch: broadcast_object_list.
 * @throws ValueError for functions and symbols, and what holds them
 */
export function broadcastObject<T>(object: T, src = 0, options?: Pick<GroupOptions, 'group'>): T {
  const { rank, ranks } = groupOf('broadcastObject', options?.group)
  // What the others have is not asked for.
  const own = ranks[rank] === src ? bytesOf('broadcastObject', object) : new Uint8Array(0)
  return deserialize(broadcastBytes(own, src, options)) as T
}
