/** How an operation of several ranks is asked for, as a step of the host: eagerly, in a program, or going on meanwhile. */
import type { HostArray, HostCall } from '../backends/ir.js'
import { backend } from '../backends/registry.js'
import type { DType, TypedArray } from '../core/dtype.js'
import { isFloat } from '../core/dtype.js'
import { DTypeError, ShapeError, show, ValueError } from '../core/errors.js'
import { type Kind, kinds, oneOf } from '../core/options.js'
import { type Shape, sameShape, sizeOf } from '../core/shape.js'
import { assign } from '../ops/assign.js'
import { hostArray, sideBySide } from '../backends/host.js'
import { hostCall } from '../ops/host.js'
import { noGrad, state } from '../ops/state.js'
import { fromData, Tensor } from '../ops/tensor.js'
import type { Mpi } from './library.js'
import { cut, kindCodes, ProcessGroup, resultOf, theWorld } from './world.js'

/** How the values of the ranks become one; 'avg' is PyTorch's name of 'mean'. */
export type ReduceOp = 'sum' | 'mean' | 'avg' | 'max' | 'min' | 'product'
/** PyTorch's names. */
export const ReduceOp = {
  SUM: 'sum',
  AVG: 'mean',
  MAX: 'max',
  MIN: 'min',
  PRODUCT: 'product',
} as const
export const opCodes: Record<ReduceOp, number> = {
  sum: 0,
  mean: 1,
  avg: 1,
  max: 2,
  min: 3,
  product: 4,
}

/** Of kernels/mpi.h. */
const typeCodes: Record<DType, number> = {
  float32: 0,
  float64: 1,
  float16: 2,
  bfloat16: 3,
  int8: 4,
  uint8: 5,
  int32: 6,
  int64: 7,
  bool: 8,
}

export interface GroupOptions<Async extends boolean = boolean> {
  /** All ranks unless given. */
  group?: ProcessGroup | null
  /** Returns a handle at once. */
  asyncOp?: Async
}
export interface AllReduceOptions<Async extends boolean = boolean> extends GroupOptions<Async> {
  op?: ReduceOp
}
export interface FromOptions<Async extends boolean = boolean> extends GroupOptions<Async> {
  /** The rank (of all) that has the values. */
  src?: number
}
export interface ToOptions<Async extends boolean = boolean> extends GroupOptions<Async> {
  /** The rank (of all) that gets the values. */
  dst?: number
}

/** Tensors that an operation writes, or the handle of one that goes on. */
export type Given<T, Async extends boolean> = Async extends true ? Work<T> : T

export const aGroup: Kind = {
  rule: 'a group of newGroup()',
  holds: (v) => v === null || v instanceof ProcessGroup,
}
export const aTensor: Kind = { rule: 'a tensor', holds: (v) => v instanceof Tensor }
export const tensors: Kind = {
  rule: 'a list of tensors',
  holds: (v) => Array.isArray(v) && v.every((t) => t instanceof Tensor),
}
export const common = { group: aGroup, asyncOp: kinds.flag }
export const anOp = oneOf(...Object.keys(opCodes))

/**
 * Requests that the program has not waited for. Whether there are any decides the form of the next one, which may add in another
 * order: by the program, then, and not by what has come meanwhile.
 */
const awaited = new Set<number>()
/** Arrays that the addon works on, by request, so that they stay. */
const underWay = new Map<number, readonly unknown[]>()
function forgetDone(mpi: Mpi): void {
  for (const request of underWay.keys()) {
    if (!mpi.done(request)) return
    underWay.delete(request)
  }
}

/** What is asked of the addon. */
export interface Order {
  name: keyof typeof kindCodes
  group: ProcessGroup
  op?: ReduceOp
  /** Rank in the group. */
  peer?: number
  tag?: number
  /** Elements, as kernels/mpi.h counts them. */
  count: number
  dtype: DType
  /** What all ranks must ask for alike. */
  about: string
  /** It goes on while the program computes. */
  background?: boolean
}

const none = new Uint8Array(0)
/** Arrays side by side as one. */
export function whole(list: readonly HostArray[]): TypedArray {
  const [first] = list
  if (!first) return none
  const part = first.data()
  if (list.length === 1) return part
  const length = list.reduce((n, { shape }) => n + sizeOf(shape), 0)
  return new (part.constructor as new (b: ArrayBufferLike, o: number, n: number) => TypedArray)(
    part.buffer,
    part.byteOffset,
    length,
  )
}

const MOST = 2 ** 31 - 1
/** Gives an order to the addon; the request that waits for it. */
function begin(
  { name, group, op = 'sum', peer = 0, tag = 0, count, dtype, about, background }: Order,
  input: TypedArray,
  output: TypedArray,
): number {
  const { mpi } = theWorld(name).library!
  if (count > MOST && name !== 'allReduce' && name !== 'broadcast')
    throw new ValueError({
      op: name,
      rule: `at most ${MOST} elements of a rank go in one operation`,
      got: `${count}`,
    })
  forgetDone(mpi)
  const request = mpi.post(
    kindCodes[name],
    group.id,
    typeCodes[dtype],
    opCodes[op],
    peer,
    tag,
    awaited.size === 0 && !background ? 1 : 0,
    count,
    input,
    output,
    cut(about),
  )
  underWay.set(request, [input, output])
  awaited.add(request)
  return request
}
function end(request: number, order: Order): number {
  const op = nameOf(order)
  const result = theWorld(op).library!.mpi.wait(request)
  forget(request)
  return resultOf(result, op)
}
/** What errors call it: a message's words are those of both sides, without a name. */
const nameOf = ({ name, about }: Order): string => /^\w+/.exec(about)?.[0] ?? name
function forget(request: number): void {
  underWay.delete(request)
  awaited.delete(request)
}

/** What one process alone has to do. */
export type Alone = (inputs: readonly HostArray[], outputs: readonly HostArray[]) => void
const copyAll: Alone = (inputs, outputs) => {
  outputs.forEach((o, i) => {
    o.data().set(inputs[i]!.data())
  })
}

interface StepOptions {
  together?: boolean
  before?: Alone
  alone?: Alone
}
/** A host step for an order. `later`: it is told of what must be waited for, instead of the program. */
export function hostStep(
  order: Order,
  { together, before, alone = copyAll }: StepOptions = {},
  later?: (wait: Wait) => void,
): HostCall {
  return {
    name: order.name,
    ...(together && { together }),
    // What lies there is not copied.
    ...(order.name === 'allReduce' && {
      memory: (bytes) => theWorld(order.name).library?.mpi.room(order.group.id, bytes),
    }),
    start(inputs, outputs) {
      const { library } = theWorld(order.name)
      if (!library) {
        alone(inputs, outputs)
        return undefined
      }
      before?.(inputs, outputs)
      const request = begin(order, whole(inputs), whole(outputs))
      if (!later) return () => void end(request, order)
      later({ request, order })
      return undefined
    },
  }
}
interface Wait {
  request: number
  order: Order
}

/** A handle of an operation that goes on meanwhile. PyTorch: Work. */
export class Work<T = unknown> {
  private readonly waits: Wait[]
  private readonly finish: () => T
  private result: { value: T } | undefined
  private problem: unknown
  /** The rank that a received message came from. */
  source = -1
  constructor(waits: Wait[], finish: () => T) {
    this.waits = waits
    this.finish = finish
  }
  /** Waits until the tensors have their values, and gives them. @throws DistributedError */
  wait(): T {
    if (this.problem) throw this.problem
    if (!this.result)
      try {
        for (const { request, order } of this.waits.splice(0)) this.source = end(request, order)
        this.result = { value: this.finish() }
      } catch (error) {
        this.problem = error
        throw error
      }
    return this.result.value
  }
  /** Whether `wait` would return at once. */
  isCompleted(): boolean {
    return this.waits.every(({ request, order }) => theWorld(order.name).library!.mpi.done(request))
  }
  /** As `wait`, without holding up what else the program does. */
  async finished(): Promise<T> {
    for (const wait of this.waits.splice(0)) {
      const { request, order } = wait
      try {
        this.source = resultOf(
          await theWorld(order.name).library!.mpi.later(request),
          nameOf(order),
        )
      } catch (error) {
        this.problem = error
      } finally {
        forget(request)
      }
    }
    return this.wait()
  }
}

/** Runs an order on tensors; `finish` takes the results. */
export function perform<T>(
  asyncOp: boolean | undefined,
  order: Order,
  options: StepOptions,
  inputs: readonly Tensor[],
  gives: readonly Layout[],
  finish: (made: readonly Tensor[]) => T,
): T | Work<T> {
  return noGrad(() => {
    if (asyncOp) order.background = true
    if (!asyncOp || state.recorder) {
      const value = finish(hostCall(hostStep(order, options), inputs, gives))
      // In a program the wait stands where the values are read.
      return asyncOp ? new Work([], () => value) : value
    }
    const waits: Wait[] = []
    const from = inputs[0]?.backend
    const given = sideBySide(inputs, order.name)
    given.forEach((place, i) => {
      const t = inputs[i]!.contiguous()
      place.data().set(hostArray(t.storage!).subarray(t.offset, t.offset + t.size))
    })
    const results = sideBySide(gives, order.name)
    hostStep(order, options, (w) => void waits.push(w)).start(given, results)
    return new Work(waits, () =>
      noGrad(() =>
        finish(results.map((r) => fromData(r.data(), r.shape, r.dtype, from ?? backend()))),
      ),
    )
  })
}
type Layout = { shape: Shape; dtype: DType }

export const layoutOf = ({ shape, dtype }: Tensor): Layout => ({ shape, dtype })
export const words = (name: string, t: Tensor, more = '') =>
  `${name} ${show(t.shape)} ${t.dtype}${more} on ${backendName(t)}`
const backendName = (t: Tensor): string => (state.recorder ? backend() : t.backend).name

export function rankIn(op: string, group: ProcessGroup, rank: number, name: string): number {
  const place = group.ranks.indexOf(rank)
  if (place < 0)
    throw new ValueError({
      op,
      rule: `${name} must be a rank of the group: ${group.ranks.length > 8 ? `0 to ${group.size - 1}` : group.ranks.join(', ')}`,
      got: `${rank}`,
    })
  return place
}

export function write(targets: readonly Tensor[], values: readonly Tensor[]): void {
  targets.forEach((t, i) => {
    assign(t, values[i]!)
  })
}

export function alike(op: string, list: readonly Tensor[], shape: Shape, dtype: DType): void {
  for (const t of list) {
    if (!sameShape(t.shape, shape))
      throw new ShapeError({
        op,
        rule: `every tensor of the list must have the shape ${show(shape)}`,
        got: show(t.shape),
      })
    if (t.dtype !== dtype)
      throw new DTypeError({ op, rule: `every tensor of the list must be ${dtype}`, got: t.dtype })
  }
}

export function checkMean(op: string, how: ReduceOp, dtype: DType): void {
  if ((how === 'mean' || how === 'avg') && !isFloat(dtype))
    throw new DTypeError({
      op,
      rule: 'a mean needs a float type',
      got: dtype,
      fix: "Use 'sum', or cast the tensor.",
    })
}
