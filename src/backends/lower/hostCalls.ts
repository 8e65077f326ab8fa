/** Calls of the host in a plan: where each starts, and where the plan waits for it. Comes with what records such calls. */
import { bytesOf, type DType } from '../../core/dtype.js'
import { type Shape, sizeOf } from '../../core/shape.js'
import type { Call } from '../call.js'
import type { Prim } from '../ir.js'
import type { Group } from './groups.js'
import type { Access, Block, Buffer, HostStep, PlanStep } from './plan.js'
import type { Wait } from './schedule.js'
import { isOutput, type Value } from './value.js'

/** What the plan around a call does for it. */
export interface CallHost {
  readonly steps: PlanStep[]
  /** The memory of a result. */
  result(n: Value): Block
  /** A value in row-major memory. */
  contiguous(n: Value): Block
  temporary(dtype: DType, size: number): Buffer
  block(at: Access, dtype: DType, shape: Shape): Block
  copy(from: Block, to: Block, label: Call): void
}

class HostCalls {
  private readonly plan: CallHost
  private readonly started = new Map<Group, HostStep>()
  /** Memory that lies beside that of others, for one call. */
  private readonly inBuckets = new Set<Buffer>()
  /** What is copied when the call has ended. */
  private readonly results = new Map<Group, [from: Block, to: Block, label: Call][]>()
  constructor(plan: CallHost) {
    this.plan = plan
  }

  start(g: Group): void {
    const n = g.values[0]!
    const { plan } = this
    const { call, gives } = n.prim as Extract<Prim, { op: 'host' }>
    /** Has the block memory of its own, which may lie beside that of others? */
    const apart = (b: Block): boolean => {
      const { buffer, offset, dtype, shape } = b
      const whole = offset === 0 && buffer.bytes === sizeOf(shape) * bytesOf(dtype)
      if (!whole || buffer.kind !== 'arena' || this.inBuckets.has(buffer)) return false
      this.inBuckets.add(buffer)
      return true
    }
    const scratch = ({ shape, dtype }: { shape: Shape; dtype: DType }): Block =>
      plan.block({ buffer: plan.temporary(dtype, sizeOf(shape)), offset: 0 }, dtype, shape)
    const inputs = n.inputs.map((x) => {
      const from = plan.contiguous(x)
      if (!call.together || apart(from)) return from
      const to = scratch(x)
      apart(to)
      plan.copy(from, to, n.label)
      return to
    })
    const outputs = gives.map((given, i) => {
      const o = i === 0 ? n : g.values.find((v) => isOutput(v, i))
      const own = o && plan.result(o)
      if (own && (!call.together || apart(own))) return own
      // Nobody reads it, but the host writes it; or it is copied from there.
      const to = scratch(given)
      if (call.together) apart(to)
      if (own) this.results.set(g, [...(this.results.get(g) ?? []), [to, own, n.label]])
      return to
    })
    const number = this.started.size
    const common = {
      kind: 'host',
      call,
      number,
      inputs,
      outputs,
      label: n.label,
      flops: 0,
    } as const
    plan.steps.push({ ...common, phase: 'start' })
    this.started.set(g, { ...common, phase: 'wait' })
  }
  wait(g: Group): void {
    this.plan.steps.push(this.started.get(g)!)
    for (const [from, to, label] of this.results.get(g) ?? []) this.plan.copy(from, to, label)
  }
}

/** The order with the waits: at once for what gives nothing, else before the first group that reads what is given. */
function withWaits(order: readonly Group[]): (Group | Wait)[] {
  const started = new Set<Group>()
  const full: (Group | Wait)[] = []
  const wait = (g: Group) => {
    if (started.delete(g)) full.push({ wait: g })
  }
  for (const g of order) {
    if (started.size > 0) {
      for (const n of g.values) for (const { base } of n.inputs) if (base.group) wait(base.group)
      if (g.bias?.base.group) wait(g.bias.base.group)
    }
    full.push(g)
    const { prim } = g.values[0]!
    if (prim.op !== 'host') continue
    started.add(g)
    if (prim.gives.length === 0) wait(g)
  }
  for (const g of [...started]) wait(g)
  return full
}

export const hostCalls = { withWaits, of: (plan: CallHost) => new HostCalls(plan) }

declare module '../../core/extras.js' {
  interface Extras {
    hostCalls: typeof hostCalls
  }
}
