/** A plan as text: a line a step with its work, the memory that it touches, its shapes and whose it is. */
import { pow } from '../../core/math.js'
import { bytesOf, type DType } from '../../core/dtype.js'
import { show, sizeOf } from '../../core/shape.js'
import type { Call } from '../call.js'
import type {
  Block,
  Buffer,
  FusedKernel,
  KernelBody,
  KernelList,
  LoopStep,
  Plan,
  PlanStep,
  PrimCall,
} from './plan.js'

/** `3.42 MFLOP`: three digits and the prefix that suits. */
function amount(n: number, unit: string): string {
  const power = n < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(n) / 3))
  return `${power === 0 ? n : (n / pow(1000, power)).toPrecision(3)} ${['', 'k', 'M', 'G', 'T'][power]}${unit}`
}

/** The functions of a kernel; see prims/expression.ts. */
const functionsOf = ({ names }: KernelBody): string[] =>
  names.flatMap((name) => name.split(' ').filter((part) => !part.startsWith('#')))

/** Whose a kernel is: the modules and operations around what was fused. */
function owners({ body, labels }: FusedKernel): string[] {
  const names = new Set(functionsOf(body))
  const found = new Map<string, Call>()
  for (const label of labels) {
    const whose = names.has(label.name) ? label.outer : label
    if (whose) found.set(`${whose}`, whose)
  }
  // Only the outermost: what is inside of another one is told by that.
  for (const [text, { outer }] of found)
    for (let c = outer; c; c = c.outer) if (found.has(`${c}`)) found.delete(text)
  return [...found.keys()]
}

function kernelText(k: FusedKernel): [string, string] {
  const extents = k.body.extents.filter((n, a) => a >= k.body.extents.length - 2 || n !== 1)
  const whose = owners(k)
  return [
    `fused ${extents.join('×')}`,
    `${functionsOf(k.body).join(' ')}${whose.length > 0 ? ` (${whose.join(', ')})` : ''}`,
  ]
}

function listText({ kernels }: KernelList): [string, string] {
  const size = kernels.reduce((sum, k) => sum + k.body.size, 0)
  return [`fused ${size} in ${kernels.length} tensors`, functionsOf(kernels[0]!.body).join(' ')]
}

function callText(step: PrimCall): [string, string] {
  const { prim, inputs, outputs, bias, epilogue, label, inPlace } = step
  const then = epilogue ? `, then ${functionsOf(epilogue.body).join(' ')}` : ''
  const more = (bias ? ' + bias' : inPlace ? ' in place' : '') + then
  const out = outputs.find((o) => o !== undefined)!
  switch (prim.op) {
    case 'fill':
      return [`fill ${sizeOf(out.shape)} ${out.dtype}`, `${label}`]
    case 'copy': {
      const add = prim.accumulate ? ' added' : ''
      return [`copy ${show(out.shape)} ${out.dtype}${add}${more}`, `${label}`]
    }
    case 'matmul': {
      const [m, n] = out.shape.slice(-2)
      const k = inputs[0]!.shape.at(-1)
      const batch = out.shape.slice(0, -2)
      const many = batch.length > 0 ? `${show(batch)} of ` : ''
      const type = inputs[0]!.dtype === 'float32' ? '' : ` ${inputs[0]!.dtype}`
      return [`matmul ${many}${m}×${k} by ${k}×${n}${type}${more}`, `${label}`]
    }
    case 'quantized': {
      const [m, k] = inputs[0]!.shape
      return [`quantized ${m}×${k} by ${k}×${prim.columns}, ${prim.bits} bits${more}`, `${label}`]
    }
    case 'recurrent':
    case 'recurrentBack': {
      const back = prim.op === 'recurrentBack' ? 'back ' : ''
      const { cell, steps } = prim.run
      return [`${cell} ${back}over ${steps.length} steps ${show(out.shape)}`, `${label}`]
    }
    case 'attention':
    case 'attentionBack': {
      const [q, , v] = inputs.slice(prim.op === 'attention' ? 0 : 3)
      const [B, H, L, E] = q!.shape
      const back = prim.op === 'attentionBack' ? ' back' : ''
      const causal = prim.causal ? ', causal' : ''
      return [
        `attention${back} ${B}×${H} heads of ${E}, ${L} queries by ${v!.shape[2]} keys${causal}`,
        `${label}`,
      ]
    }
    default:
      return [`${prim.op} ${show(out.shape)}${more}`, `${label}`]
  }
}

const sizeOfBlock = (b: Block | undefined) => (b ? sizeOf(b.shape) * bytesOf(b.dtype) : 0)

function loopText({ count, reverse, body, label }: LoopStep): [string, string] {
  const times = count === undefined ? 'while true' : `${count} times${reverse ? ' backward' : ''}`
  const n = body.steps.length
  return [`loop ${times}, ${n} instruction${n === 1 ? '' : 's'}`, `${label}`]
}

/** Adds the bytes of the elements that a kernel touches, each once, to those of their buffers. */
function touched({ body, inputs, outputs }: FusedKernel, bytes: Map<Buffer, number>): void {
  const add = (
    buffer: Buffer | null,
    { dtype, strides }: { dtype: DType; strides: readonly number[] },
  ) => {
    if (!buffer) return
    const n = body.extents.reduce((size, e, axis) => (strides[axis] === 0 ? size : size * e), 1)
    bytes.set(buffer, Math.min(buffer.bytes, (bytes.get(buffer) ?? 0) + n * bytesOf(dtype)))
  }
  for (const [i, input] of body.inputs.entries()) add(inputs[i]!.buffer, input)
  for (const [i, output] of body.outputs.entries()) add(outputs[i]!.buffer, output)
}

/** Bytes that a step reads and writes, each place of a buffer once. */
export function movedBy(step: PlanStep): number {
  if (step.kind === 'loop')
    return (step.count ?? 1) * step.body.steps.reduce((sum, s) => sum + movedBy(s), 0)
  if (step.kind === 'fused' || step.kind === 'list') {
    const bytes = new Map<Buffer, number>()
    for (const k of step.kind === 'list' ? step.kernels : [step]) touched(k, bytes)
    return [...bytes.values()].reduce((sum, n) => sum + n, 0)
  }
  if (step.kind === 'host') {
    const list = step.phase === 'start' ? step.inputs : step.outputs
    return list.reduce((sum, b) => sum + sizeOfBlock(b), 0)
  }
  const { prim, inputs, outputs, bias } = step
  // What scatters touches as much of its result as it is given, unless it writes zeros elsewhere.
  if ((prim.op === 'put' || prim.op === 'scatter') && inputs[0])
    return sizeOfBlock(inputs[1]) + 2 * sizeOfBlock(inputs[2])
  // What is looked up in a table is read, not the table.
  if (prim.op === 'take' || prim.op === 'gather')
    return (
      sizeOfBlock(inputs[1]) +
      Math.min(sizeOfBlock(inputs[0]), sizeOfBlock(outputs[0])) +
      sizeOfBlock(outputs[0])
    )
  let bytes = bias?.buffer.bytes ?? 0
  for (const b of [...inputs, ...outputs]) bytes += sizeOfBlock(b)
  if (step.epilogue) {
    const more = new Map<Buffer, number>()
    touched(step.epilogue, more)
    // The result itself is in the cache.
    more.delete(outputs[0]!.buffer)
    for (const n of more.values()) bytes += n
  }
  return bytes
}

const kernelWork = ({ body }: FusedKernel): number => body.size * functionsOf(body).length
/** What a step computes, its epilogue with it. */
export function workOf(step: PlanStep): number {
  if (step.kind === 'fused') return kernelWork(step)
  if (step.kind === 'list') return step.kernels.reduce((sum, k) => sum + kernelWork(k), 0)
  return step.flops + (step.kind === 'prim' && step.epilogue ? kernelWork(step.epilogue) : 0)
}

/** What a step computes, and whose it is. */
export function stepText(step: PlanStep): [kernel: string, whose: string] {
  switch (step.kind) {
    case 'fused':
      return kernelText(step)
    case 'list':
      return listText(step)
    case 'host':
      return [`host ${step.phase} ${step.call.name}`, `${step.label}`]
    case 'prim':
      return callText(step)
    case 'loop':
      return loopText(step)
  }
}
/** The calls that a step computes for. */
export const callsOf = (step: PlanStep): readonly Call[] =>
  step.kind === 'fused'
    ? step.labels
    : step.kind === 'list'
      ? step.kernels.flatMap((k) => k.labels)
      : [step.label]

/** A row for each step; those of a loop's body behind it, indented, numbered `loop.step`. */
const rowsOf = (steps: readonly PlanStep[], before = '', indent = ''): string[][] =>
  steps.flatMap((step, i) => {
    const [kernel, whose] = stepText(step)
    const number = `${before}${i}`
    const [flops, bytes] = [amount(workOf(step), 'FLOP'), amount(movedBy(step), 'B')]
    const row = [number, flops, bytes, `${indent}${kernel}`, whose]
    const inner = step.kind === 'loop' ? rowsOf(step.body.steps, `${number}.`, `${indent}  `) : []
    return [row, ...inner]
  })

export function explain({ steps, arenaBytes }: Plan): string {
  const rows = rowsOf(steps)
  const widths = [0, 1, 2, 3].map((c) => Math.max(0, ...rows.map((row) => row[c]!.length)))
  const lines = rows.map((row) =>
    row
      .map((text, c) => (c < 3 ? text.padStart(widths[c]!) : text.padEnd(widths[c] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
  const flops = steps.reduce((sum, s) => sum + workOf(s), 0)
  const n = steps.length
  lines.push(
    `${n} instruction${n === 1 ? '' : 's'}, ${amount(flops, 'FLOP')}, ${arenaBytes} bytes of working memory`,
  )
  return lines.join('\n')
}

declare module '../../core/extras.js' {
  interface Extras {
    explain: typeof explain
  }
}
