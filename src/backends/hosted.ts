/**
 * A plan with steps of the host, as programs with calls between them: the same on every backend. What lives from one
 * program to the next lies in storages of its own; the rest of the working memory is each program's.
 */
import { arrayOn, bytesOf } from '../core/dtype.js'
import { BackendError } from '../core/errors.js'
import { sizeOf } from '../core/shape.js'
import type { Backend, Executable, Source, Storage } from './backend.js'
import { callOf } from './call.js'
import { hostArray } from './host.js'
import { endCall, type Graph, type HostArray, type HostCall, type Node } from './ir.js'
import { place } from './lower/memory.js'
import {
  type Block,
  type Buffer,
  eachBuffer,
  type FusedKernel,
  type HostStep,
  type Plan,
  type PlanStep,
} from './lower/plan.js'

/** A program, and the memory behind each of its inputs. */
interface Part {
  program: Executable
  steps: readonly PlanStep[]
  bound: readonly Buffer[]
}

/** The buffers that a step writes. */
const written = (step: PlanStep): Buffer[] =>
  step.kind === 'list'
    ? step.kernels.flatMap(written)
    : step.kind === 'loop'
      ? [...step.memory, ...step.outs.map((o) => o.outer)].map((o) => o.buffer)
      : [
          ...step.outputs.flatMap((o) => (o ? [o.buffer] : [])),
          ...(step.kind === 'prim' && step.epilogue ? written(step.epilogue) : []),
        ]

/** The step on other memory. */
function moved(step: PlanStep, to: (b: Buffer) => Buffer): PlanStep {
  if (step.kind === 'list')
    return { ...step, kernels: step.kernels.map((k) => moved(k, to) as FusedKernel) }
  const access = <A extends { buffer: Buffer | null } | undefined>(o: A): A =>
    o?.buffer ? { ...o, buffer: to(o.buffer) } : o
  if (step.kind === 'loop') {
    const slices = (list: typeof step.ins) => list.map((s) => ({ ...s, outer: access(s.outer) }))
    const memory = step.memory.map(access)
    return { ...step, memory, ins: slices(step.ins), outs: slices(step.outs) }
  }
  const more =
    step.kind === 'prim'
      ? { bias: access(step.bias), epilogue: step.epilogue && moved(step.epilogue, to) }
      : {}
  const [inputs, outputs] = [step.inputs.map(access), step.outputs.map(access)]
  return { ...step, ...more, inputs, outputs } as PlanStep
}

/** Memory in which several buffers lie one behind the other. */
interface Bucket {
  dtype: Buffer['dtype']
  length: number
  storage: Storage | undefined
  memory: HostCall['memory']
}

export class HostedExecutable implements Executable {
  readonly arenaBytes: number
  private readonly plan: Plan
  private readonly backend: Backend
  private readonly parts: (Part | HostStep)[] = []
  /** The storage of what lives from part to part, there from the first run on. */
  private readonly shared = new Map<Buffer, Storage | undefined>()

  private readonly buckets = new Map<Buffer, { bucket: Bucket; offset: number }>()

  /** `each`: every step is a program of its own. */
  constructor({ plan, load }: Source, backend: Backend, each = false) {
    this.plan = plan
    this.backend = backend
    const runs: PlanStep[][] = [[]]
    for (const step of plan.steps) {
      if (each || step.kind === 'host') runs.push([step], [])
      else runs[runs.length - 1]!.push(step)
    }
    const users = new Map<Buffer, Set<PlanStep[]>>()
    for (const run of runs)
      for (const step of run)
        eachBuffer(step, (b) => {
          const set = users.get(b)
          if (set) set.add(run)
          else users.set(b, new Set([run]))
        })
    for (const [b, set] of users)
      if (b.kind === 'arena' && set.size > 1) this.shared.set(b, undefined)
    for (const step of plan.steps)
      if (step.kind === 'host' && step.phase === 'start' && step.call.together)
        for (const list of [step.inputs, step.outputs]) this.together(list, step)
    for (const run of runs) {
      const [first] = run
      if (first?.kind === 'host') this.parts.push(first)
      else if (first) this.parts.push(this.part(run, load))
    }
    let bytes = 0
    for (const b of this.shared.keys()) bytes += b.bytes
    let most = 0 // the parts are a family
    for (const p of this.parts) if ('program' in p) most = Math.max(most, p.program.arenaBytes)
    this.arenaBytes = bytes + most
  }

  private together(list: readonly Block[], { call }: HostStep): void {
    const [first] = list
    if (!first) return
    const bucket: Bucket = {
      dtype: first.dtype,
      length: 0,
      storage: undefined,
      memory: call.memory?.bind(call),
    }
    for (const { buffer, dtype, shape } of list) {
      if (dtype !== bucket.dtype)
        throw new BackendError({
          op: call.name,
          rule: 'what lies together has one type',
          got: `${bucket.dtype} and ${dtype}`,
        })
      this.buckets.set(buffer, { bucket, offset: bucket.length })
      bucket.length += sizeOf(shape)
    }
  }

  private room({ dtype, length, memory }: Bucket): Storage {
    const buffer = memory?.(length * bytesOf(dtype))
    return buffer
      ? this.backend.from(dtype, arrayOn(dtype, buffer, 0, length))
      : this.backend.alloc(dtype, length)
  }

  /** Steps as a plan of their own: all memory but its own working memory comes in as inputs. */
  private part(steps: PlanStep[], load: (part: Plan, graph: Graph) => Executable): Part {
    const bound: Buffer[] = []
    const own = new Map<Buffer, Buffer>()
    const changed = new Set<Buffer>()
    const map = (b: Buffer): Buffer => {
      let mine = own.get(b)
      if (!mine) {
        const outside = b.kind !== 'arena' || this.shared.has(b)
        const index = outside ? bound.push(b) - 1 : -1
        mine = { ...b, id: own.size, kind: outside ? 'input' : 'arena', index }
        own.set(b, mine)
      }
      return mine
    }
    for (const step of steps) for (const b of written(step)) changed.add(b)
    const mine = steps.map((step) => moved(step, map))
    const buffers = [...own.values()]
    const arenaBytes = place(mine, buffers)
    const plan = { steps: mine, buffers, arenaBytes, checks: this.plan.checks }
    const inputs = bound.map((b, index): Node => {
      const length = Math.ceil(b.bytes / bytesOf(b.dtype))
      const prim = { op: 'input', index, strides: [1], offset: 0, length } as const
      return { prim, inputs: [], shape: [length], dtype: b.dtype, label: callOf('input') }
    })
    const outputs = bound.flatMap((b, into) =>
      changed.has(b) ? [{ node: inputs[into]!, into }] : [],
    )
    return { program: load(plan, { inputs, nodes: inputs, outputs }), bound, steps }
  }

  run(
    inputs: readonly Storage[],
    outputs: readonly Storage[],
    offsets: readonly number[] = [],
    tell?: (steps: readonly PlanStep[], start: number, end: number) => void,
  ): void {
    const storage = (b: Buffer): Storage => {
      if (b.kind === 'input') return inputs[b.index]!
      if (b.kind === 'output') return outputs[b.index]!
      const place = this.buckets.get(b)
      if (place) {
        const { bucket } = place
        bucket.storage ??= this.room(bucket)
        return bucket.storage
      }
      let s = this.shared.get(b)
      if (!s) {
        s = this.backend.alloc(b.dtype, Math.ceil(b.bytes / bytesOf(b.dtype)))
        this.shared.set(b, s)
      }
      return s
    }
    const offset = (b: Buffer) =>
      b.kind === 'input' ? (offsets[b.index] ?? 0) : (this.buckets.get(b)?.offset ?? 0)
    const array = (o: Block): HostArray => ({
      shape: o.shape,
      dtype: o.dtype,
      data() {
        const first = offset(o.buffer) + o.offset
        return hostArray(storage(o.buffer)).subarray(first, first + sizeOf(o.shape))
      },
    })
    const waits: unknown[] = []
    for (const p of this.parts) {
      const start = tell ? performance.now() : 0
      if ('program' in p) p.program.run(p.bound.map(storage), [], p.bound.map(offset))
      else if (p.phase === 'start')
        waits[p.number] = p.call.start(p.inputs.map(array), p.outputs.map(array))
      else endCall(waits[p.number])
      tell?.('program' in p ? p.steps : [p], start, performance.now())
    }
  }

  free(): void {
    for (const p of this.parts) if ('program' in p) p.program.free()
    for (const s of this.shared.values()) s?.free()
    this.shared.clear()
    for (const { bucket } of this.buckets.values()) {
      bucket.storage?.free()
      bucket.storage = undefined
    }
  }
}

export const hosted = (...args: ConstructorParameters<typeof HostedExecutable>): Executable =>
  new HostedExecutable(...args)

declare module '../core/extras.js' {
  interface Extras {
    hosted: typeof hosted
  }
}
