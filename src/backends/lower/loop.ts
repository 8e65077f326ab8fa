/** A loop as a step: of its body only what somebody wants, as a plan of its own over memory of the plan around it. */
import { bytesOf, type DType } from '../../core/dtype.js'
import { type Shape, sizeOf, stridesOf } from '../../core/shape.js'
import { type Call, callOf } from '../call.js'
import type { Graph, Loop, Node } from '../ir.js'
import { flopsOf } from '../prims.js'
import type { Group } from './groups.js'
import type { Access, Block, Buffer, LoopStep, Plan, Slice } from './plan.js'
import type { Value } from './value.js'

/** What the plan around a loop does for it. */
export interface LoopHost {
  needed(n: Value): boolean
  /** The memory of a result. */
  result(n: Value): Block
  /** A value in row-major memory. */
  contiguous(n: Value): Block
  temporary(dtype: DType, size: number): Buffer
  copy(from: Block, to: Block, label: Call): void
  /** Has memory begin with a value, by a copy unless the value lies there. */
  startAs(x: Value, to: Block, label: Call): unknown
  lower(body: Graph): Plan
}

/** The nodes that others need, in order. */
function reached(nodes: readonly Node[], roots: readonly Node[]): Node[] {
  const wanted = new Set(roots)
  for (let i = nodes.length - 1; i >= 0; i--)
    if (wanted.has(nodes[i]!)) for (const x of nodes[i]!.inputs) wanted.add(x)
  return nodes.filter((n) => wanted.has(n))
}

/** Which outputs the body must compute for those that are read: a carried value may be needed for another one. */
function live(loop: Loop, read: readonly boolean[]): { wanted: boolean[]; nodes: Node[] } {
  const { inputs, nodes, outputs, carried, count } = loop
  const wanted = [...read]
  if (count === undefined) wanted[carried - 1] = true
  for (;;) {
    const roots = outputs.flatMap((n, i) =>
      wanted[i] ? (i < carried ? [n, inputs[i]!] : [n]) : [],
    )
    const order = reached(nodes, roots)
    const known = new Set(order)
    let more = false
    for (let i = 0; i < carried; i++)
      if (!wanted[i] && known.has(inputs[i]!)) {
        wanted[i] = true
        more = true
      }
    if (!more) return { wanted, nodes: order }
  }
}

export function loopStep(g: Group, host: LoopHost): LoopStep {
  const [n] = g.values as [Value]
  const { loop } = n.prim as { loop: Loop }
  const { carried, scanned, count, reverse } = loop
  const results = loop.outputs.map((_, i) =>
    g.values.find((v) => v.prim.op === 'output' && v.prim.index === i + 1 && host.needed(v)),
  )
  const { wanted, nodes } = live(
    loop,
    results.map((v) => v !== undefined),
  )
  const outputs = loop.outputs.flatMap((node, i) =>
    wanted[i] ? [i < carried ? { node, into: i } : { node }] : [],
  )
  const body = host.lower({ inputs: [...loop.inputs], nodes, outputs })
  const stacks = results.filter((v, i) => i >= carried && v !== undefined) as Value[]

  const block = (buffer: Buffer, dtype: DType, shape: Shape): Block => ({
    buffer,
    offset: 0,
    dtype,
    shape,
    strides: stridesOf(shape),
  })
  /** Memory of its own, which begins where the core wants slots to begin. */
  const own = ({ dtype, shape }: { dtype: DType; shape: Shape }): Block =>
    block(host.temporary(dtype, sizeOf(shape)), dtype, shape)
  let arena: Buffer | undefined
  const ins: Slice[] = []
  const outs: Slice[] = []
  const memory = body.buffers.map((inner): Access => {
    const { kind, index, bytes } = inner
    if (kind === 'arena') {
      arena ??= host.temporary('float32', Math.ceil(body.arenaBytes / 4))
      return { buffer: arena, offset: inner.offset }
    }
    if (kind === 'output') {
      const v = stacks[index]!
      outs.push({ inner, outer: host.result(v), bytes })
      return { buffer: host.temporary(v.dtype, bytes / bytesOf(v.dtype)), offset: 0 }
    }
    const x = n.inputs[index]!
    if (index < carried) {
      const v = results[index]
      const to = v ? host.result(v) : own(x)
      host.startAs(x, to, n.label)
      return to
    }
    const at = host.contiguous(x)
    if (index < carried + scanned) {
      ins.push({ inner, outer: at, bytes })
      return { buffer: host.temporary(x.dtype, bytes / bytesOf(x.dtype)), offset: 0 }
    }
    const offset = at.offset * bytesOf(x.dtype)
    if (offset % 8 === 0) return { buffer: at.buffer, offset }
    const to = own(x)
    host.copy(at, to, callOf('align'))
    return to
  })
  const go =
    count === undefined
      ? body.buffers.find((b) => b.kind === 'input' && b.index === carried - 1)
      : undefined
  const flops = (count ?? 1) * nodes.reduce((sum, x) => sum + flopsOf(x), 0)
  return { kind: 'loop', count, reverse, body, memory, ins, outs, go, label: n.label, flops }
}

declare module '../../core/extras.js' {
  interface Extras {
    loops: typeof loopStep
  }
}
