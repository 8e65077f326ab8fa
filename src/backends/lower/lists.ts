/** Kernels that are alike, next to each other and independent, as one step: an optimizer over many parameters. */
import type { Buffer, FusedKernel, KernelBody, PlanStep } from './plan.js'

/** Fewer are not worth a step of their own kind. */
const LEAST = 4

/** What a body is but for its extents: kernels over contiguous memory of any length have the same. */
const shapes = new WeakMap<KernelBody, string>()
function shapeOf(body: KernelBody): string {
  let text = shapes.get(body)
  if (text === undefined) {
    const { inputs, steps, outputs, extents } = body
    text = JSON.stringify([extents.length, inputs, steps, outputs], (_, v) =>
      typeof v === 'number' && !Number.isFinite(v) ? `${v}` : Object.is(v, -0) ? '-0' : v,
    )
    shapes.set(body, text)
  }
  return text
}

/** Steps in which runs of kernels that do not touch each other's results stand in lists. */
export function listed(steps: readonly PlanStep[]): PlanStep[] {
  const out: PlanStep[] = []
  let run: FusedKernel[] = []
  let read = new Set<Buffer>()
  let written = new Set<Buffer>()
  const flush = () => {
    const kinds = new Map<string, FusedKernel[]>()
    if (run.length >= LEAST)
      for (const k of run) {
        const shape = shapeOf(k.body)
        const list = kinds.get(shape)
        if (list) list.push(k)
        else kinds.set(shape, [k])
      }
    else out.push(...run)
    for (const kernels of kinds.values())
      if (kernels.length >= LEAST) {
        const flops = kernels.reduce((sum, k) => sum + k.flops, 0)
        out.push({ kind: 'list', kernels, flops })
      } else out.push(...kernels)
    run = []
    read = new Set()
    written = new Set()
  }
  for (const step of steps) {
    if (step.kind !== 'fused' || step.checks.length > 0) {
      flush()
      out.push(step)
      continue
    }
    const meets =
      step.inputs.some((o) => o.buffer && written.has(o.buffer)) ||
      step.outputs.some((o) => written.has(o.buffer) || read.has(o.buffer))
    if (meets) flush()
    run.push(step)
    for (const o of step.inputs) if (o.buffer) read.add(o.buffer)
    for (const o of step.outputs) written.add(o.buffer)
  }
  flush()
  return out
}
