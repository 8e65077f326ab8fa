/** A plan as a program of the C++ core: its steps as words, its buffers as slots. See kernels/program.h. */
import { BackendError } from '../../core/errors.js'
import { extra } from '../../core/extras.js'
import { sizeOf } from '../../core/shape.js'
import type { Backend, Executable } from '../backend.js'
import type { Graph } from '../ir.js'
import type {} from '../hosted.js'
import { MAX_VALUES } from '../lower/groups.js'
import { lower, type LowerOptions } from '../lower/lower.js'
import {
  type Block,
  eachStep,
  type FusedKernel,
  KernelTooLarge,
  type Plan,
  type PrimCall,
} from '../lower/plan.js'
import { recordOf } from '../prims.js'
import type { Called, Op, PrimRecord, Word } from '../prims/record.js'
import { prepare, templates, writeFused, writeList } from './fused.js'
import { dtypeCodes, MAGIC, MAX_IO, MAX_OUTER, modes, opcodes, VERSION } from './opcodes.js'
import type { Program } from './program.js'
import { storedWords } from './stored.js'
import type {} from './loopWords.js'
import { long, Words } from './words.js'

/** Axes that run on in both operands of a copy, merged. */
function mergeCopy(from: Block, to: Block): { extents: number[]; a: number[]; b: number[] } {
  const extents: number[] = []
  const a: number[] = []
  const b: number[] = []
  from.shape.forEach((n, i) => {
    if (n === 1) return
    const last = extents.length - 1
    if (last >= 0 && a[last] === from.strides[i]! * n && b[last] === to.strides[i]! * n) {
      extents[last]! *= n
      a[last] = from.strides[i]!
      b[last] = to.strides[i]!
    } else {
      extents.push(n)
      a.push(from.strides[i]!)
      b.push(to.strides[i]!)
    }
  })
  return { extents, a, b }
}

class Writer {
  readonly out = new Words()

  /** An instruction, to which its length is added, with its epilogue. */
  op([code, ...operands]: readonly Word[], epilogue?: FusedKernel): void {
    const words = [code as number, 0]
    for (const o of operands)
      if (typeof o === 'number') words.push(o)
      else if (o) words.push(o.buffer.id, o.offset)
      else words.push(-1, 0)
    const { out } = this
    const start = out.append(words)
    if (epilogue) writeFused(epilogue, out)
    out.words[start + 1] = out.length - start
  }

  call(step: PrimCall): void {
    const { prim } = step
    const [a] = step.inputs as [Block]
    const [to] = step.outputs as [Block]
    const type = dtypeCodes[to?.dtype]
    switch (prim.op) {
      case 'fill': {
        this.op([opcodes.FILL, type, sizeOf(to.shape), ...storedWords(prim.value, to.dtype), to])
        return
      }
      case 'copy': {
        const m = mergeCopy(a, to)
        const mode = prim.accumulate ? modes.add : modes.set
        this.op([opcodes.COPY, type, mode, m.extents.length, ...m.extents, a, ...m.a, to, ...m.b])
        return
      }
    }
    // Only these become steps.
    const record = recordOf(prim) as Extract<PrimRecord, { as: 'call' }>
    this.op(record.words(step as unknown as Called<Op>), step.epilogue)
  }
}

/** The words of a plan. */
export function write(plan: Plan): Program {
  const writer = new Writer()
  let count = 0
  for (const step of plan.steps) {
    count++
    if (step.kind === 'fused') writeFused(step, writer.out)
    else if (step.kind === 'list') count += writeList(step.kernels, writer.out) - 1
    else if (step.kind === 'prim') writer.call(step)
    else if (step.kind === 'loop') writer.op(extra('loopWords')(step, write))
    else throw new BackendError({ op: 'encode', rule: 'steps of the host stand between programs' })
  }
  const { buffers, arenaBytes, checks } = plan
  const header = 5 + 2 * buffers.length
  const { out } = writer
  const total = header + out.length
  const words = new Int32Array(total)
  words.set([MAGIC, VERSION, total, buffers.length, count])
  buffers.forEach(({ bytes }, i) => {
    words.set(long(bytes), 5 + 2 * i)
  })
  words.set(out.words.subarray(0, out.length), header)
  return { words, slots: buffers, arenaBytes, checks }
}

/** Of one backend. */
export type Layers = Pick<LowerOptions, 'passes'>

export const limits = { outer: MAX_OUTER, operands: MAX_IO }

/** The plan of a graph, for the kernels of this core. */
export function planFor(graph: Graph, options?: Layers): Plan {
  templates.clear() // of the program before
  for (let maxValues = MAX_VALUES; ; maxValues >>= 1)
    try {
      const plan = lower(graph, { limits, maxValues, ...options })
      eachStep(plan.steps, (step) => {
        for (const k of step.kind === 'list' ? step.kernels : [step, (step as PrimCall).epilogue])
          if (k?.kind === 'fused') prepare(k.body)
      })
      return plan
    } catch (e) {
      // Rare: what a kernel needs is known when it is written.
      if (!(e instanceof KernelTooLarge) || maxValues === 1) throw e
    }
}

/** The program of a graph. */
export const encode = (graph: Graph, options?: Layers): Program => write(planFor(graph, options))

/** A graph as an executable: one program, or several with the host's work between them. */
export function executableOf(
  graph: Graph,
  backend: Backend,
  load: (program: Program, graph: Graph) => Executable,
  family: object,
  layers?: Layers,
): Executable {
  const plan = planFor(graph, layers)
  const hosted = plan.steps.some((s) => s.kind === 'host')
  // Thousands of single operations may be kept: their plans, of which nobody asks, are not.
  if (!hosted && 'brief' in family) return load(write(plan), graph)
  const source = { plan, load: (part: Plan, own: Graph) => load(write(part), own) }
  const executable = hosted ? extra('hosted')(source, backend) : source.load(plan, graph)
  return Object.assign(executable, { source })
}
