/** Kernels that are alike, next to each other and independent, as one step: an optimizer over many parameters. */
import type { Buffer, FusedKernel, KernelBody, PlanStep } from './plan.js'

/** Fewer are not worth a step of their own kind. */
const LEAST = 4

/** What a body is but for its extents: kernels over contiguous memory of any length have the same. */
const shapes = new Map<KernelBody, string>()
function shapeOf({ body }: FusedKernel): string {
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

/** Bodies that differ here are not alike. */
const sizeOf = ({ body: { steps, inputs, outputs } }: FusedKernel): number =>
  (steps.length * 64 + inputs.length) * 64 + outputs.length

function grouped<K>(run: readonly FusedKernel[], by: (k: FusedKernel) => K): Map<K, FusedKernel[]> {
  const kinds = new Map<K, FusedKernel[]>()
  for (const k of run) {
    const kind = by(k)
    const list = kinds.get(kind)
    if (list) list.push(k)
    else kinds.set(kind, [k])
  }
  return kinds
}

/** Kernels that are independent of each other, those that are alike in lists. */
function inLists(run: readonly FusedKernel[]): readonly PlanStep[] {
  if (run.length < LEAST) return run
  // Bodies are compared in full only where enough have as many steps and operands.
  const sizes = grouped(run, sizeOf)
  const kinds = grouped<string | FusedKernel>(run, (k) =>
    sizes.get(sizeOf(k))!.length < LEAST ? k : shapeOf(k),
  )
  return [...kinds.values()].flatMap((kernels): PlanStep | PlanStep[] =>
    kernels.length < LEAST ? kernels : { kind: 'list', kernels },
  )
}

/** Steps in which runs of kernels that do not touch each other's results stand in lists. */
export function listed(steps: readonly PlanStep[]): PlanStep[] {
  const out: PlanStep[] = []
  const run: FusedKernel[] = []
  const read = new Set<Buffer>()
  const written = new Set<Buffer>()
  shapes.clear()
  const flush = () => {
    out.push(...inLists(run))
    run.length = 0
    read.clear()
    written.clear()
  }
  for (const step of steps) {
    if (step.kind !== 'fused' || step.checks.length > 0) {
      flush()
      out.push(step)
      continue
    }
    const meets =
      step.inputs.some((o) => written.has(o.buffer!)) ||
      step.outputs.some((o) => written.has(o.buffer) || read.has(o.buffer))
    if (meets) flush()
    run.push(step)
    for (const o of step.inputs) read.add(o.buffer!)
    for (const o of step.outputs) written.add(o.buffer)
  }
  flush()
  return out
}
