/** A plan as a program of the C++ core: its steps as words, its buffers as slots. See kernels/program.h. */
import { BackendError } from '../../core/errors.js'
import { extra } from '../../core/extras.js'
import { type Shape, sizeOf } from '../../core/shape.js'
import type { Backend, Executable } from '../backend.js'
import type { Graph, Window } from '../ir.js'
import type {} from '../hosted.js'
import type {} from '../lower/explain.js'
import { MAX_VALUES } from '../lower/groups.js'
import { lower } from '../lower/lower.js'
import { type Access, type Block, KernelTooLarge, type Plan, type PrimCall } from '../lower/plan.js'
import { prepare, storedWords, writeFused } from './fused.js'
import { cells, dtypeCodes, MAGIC, MAX_IO, MAX_OUTER, modes, opcodes, VERSION } from './opcodes.js'
import type { Program } from './program.js'
import { Words } from './words.js'

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

/** Words of up to three axes, missing ones first. */
function three(list: readonly number[], fill: number): number[] {
  return [...new Array<number>(3 - list.length).fill(fill), ...list]
}
function windowWords(w: Window): number[] {
  return [
    ...three(w.kernel, 1),
    ...three(w.stride, 1),
    ...three(w.dilation, 1),
    ...three(
      w.padding.map((p) => p[0]),
      0,
    ),
  ]
}
const poolWords = (input: Shape, output: Shape, w: Window) => [
  input[0]! * input[1]!,
  ...three(input.slice(2), 1),
  ...three(output.slice(2), 1),
  ...windowWords(w),
]
/** Elements before an axis, along it, behind it. */
const split = (shape: Shape, axis: number): [number, number, number] => [
  sizeOf(shape.slice(0, axis)),
  shape[axis]!,
  sizeOf(shape.slice(axis + 1)),
]

class Writer {
  readonly out = new Words()

  private op(code: number, operands: (number | Access | undefined)[]): void {
    const words = [code, 0]
    for (const o of operands)
      if (typeof o === 'number') words.push(o)
      else if (o) words.push(o.buffer.id, o.offset)
      else words.push(-1, 0)
    words[1] = words.length
    this.out.append(words)
  }

  call({ prim, inputs, outputs, bias, check }: PrimCall): void {
    const [a, b, c] = inputs as [Block, Block, Block]
    const to = outputs[0] as Block
    const type = dtypeCodes[(to ?? a).dtype]
    switch (prim.op) {
      case 'fill': {
        this.op(opcodes.FILL, [type, sizeOf(to.shape), ...storedWords(prim.value, to.dtype), to])
        return
      }
      case 'copy': {
        const m = mergeCopy(a, to)
        const mode = prim.accumulate ? modes.add : modes.set
        this.op(opcodes.COPY, [type, mode, m.extents.length, ...m.extents, a, ...m.a, to, ...m.b])
        return
      }
      case 'matmul': {
        const rank = to.shape.length - 2
        const [m, n] = to.shape.slice(-2) as [number, number]
        const side = (x: Block) => [
          x,
          x.strides[rank]!,
          x.strides[rank + 1]!,
          ...x.strides.slice(0, rank).map((s, i) => (x.shape[i] === 1 ? 0 : s)),
        ]
        this.op(opcodes.MATMUL, [
          dtypeCodes[a.dtype], type, rank, ...to.shape.slice(0, rank), m, n, a.shape[rank + 1]!, 0,
          ...side(a), ...side(b), to, n, ...to.strides.slice(0, rank), bias,
        ]) // biome-ignore format: operands in the order of program.h
        return
      }
      case 'take': {
        const [outer, extent, inner] = split(a.shape, prim.axis)
        this.op(opcodes.TAKE, [type, outer, extent, inner, sizeOf(b.shape), a, b, to, check])
        return
      }
      case 'put': {
        const operands = [sizeOf(b.shape), b, c, to, check]
        this.op(opcodes.PUT, [
          type, modes[prim.mode], a ? 0 : 1, ...split(to.shape, prim.axis), ...operands,
        ]) // biome-ignore format: operands in the order of program.h
        return
      }
      case 'gather':
        this.op(opcodes.GATHER, [
          type, to.shape.length, prim.axis, ...a.shape, ...b.shape, a, b, to, check,
        ]) // biome-ignore format: operands in the order of program.h
        return
      case 'scatter':
        this.op(opcodes.SCATTER, [
          type, modes[prim.mode], to.shape.length, prim.axis, ...to.shape, ...b.shape, b, c, to, check,
        ]) // biome-ignore format: operands in the order of program.h
        return
      case 'argreduce':
        this.op(opcodes.ARGREDUCE, [
          dtypeCodes[a.dtype], prim.fn === 'min' ? 1 : 0, ...split(a.shape, prim.axis), a, to,
        ]) // biome-ignore format: operands in the order of program.h
        return
      case 'scan': {
        const fn = ['sum', 'prod', 'max', 'min', 'argmax', 'argmin'].indexOf(prim.fn)
        this.op(opcodes.SCAN, [dtypeCodes[a.dtype], fn, ...split(a.shape, prim.axis), a, to])
        return
      }
      case 'argsort': {
        const extent = to.shape[to.shape.length - 1]!
        const rows = sizeOf(to.shape) / extent
        this.op(opcodes.ARGSORT, [
          dtypeCodes[a.dtype], prim.descending ? 1 : 0, rows, extent, a, to,
        ]) // biome-ignore format: operands in the order of program.h
        return
      }
      case 'lu':
      case 'qr': {
        const code = prim.op === 'lu' ? opcodes.LU : opcodes.QR
        this.op(code, [dtypeCodes[a.dtype], ...a.shape, a, ...outputs])
        return
      }
      case 'cholesky':
        this.op(opcodes.CHOLESKY, [dtypeCodes[a.dtype], ...a.shape.slice(0, 2), a, ...outputs])
        return
      case 'solveTriangular': {
        const flags = [prim.upper, prim.transposed, prim.unit].map(Number)
        this.op(opcodes.SOLVE_TRIANGULAR, [type, ...to.shape, ...flags, a, b, to])
        return
      }
      case 'householderProduct':
        this.op(opcodes.HOUSEHOLDER, [type, ...a.shape, b.shape[1]!, prim.columns, a, b, to])
        return
      case 'eigh':
        this.op(opcodes.EIGH, [dtypeCodes[a.dtype], ...a.shape.slice(0, 2), a, ...outputs])
        return
      case 'svd': {
        const [u, vt, s] = outputs
        this.op(opcodes.SVD, [dtypeCodes[a.dtype], ...a.shape, a, s, u, vt])
        return
      }
      case 'fft':
        this.op(opcodes.FFT, [type, ...a.shape.slice(0, 2), prim.sign, a, to])
        return
      case 'searchsorted': {
        const [batch, extent] = a.shape as [number, number]
        this.op(opcodes.SEARCHSORTED, [
          dtypeCodes[a.dtype], prim.right ? 1 : 0, batch, extent, to.shape[1]!, a, b, to,
        ]) // biome-ignore format: operands in the order of program.h
        return
      }
      case 'conv':
      case 'convInput':
      case 'convWeight': {
        const x = prim.op === 'conv' ? a.shape : prim.op === 'convInput' ? to.shape : b.shape
        const w = prim.op === 'convWeight' ? to.shape : b.shape
        const y = prim.op === 'conv' ? to.shape : a.shape
        const geometry = [
          type, x[0]!, x[1]!, w[0]!, prim.groups, ...three(x.slice(2), 1), ...three(y.slice(2), 1), ...windowWords(prim.window),
        ] // biome-ignore format: as in program.h
        if (prim.op === 'conv') this.op(opcodes.CONV, [...geometry, a, b, to, bias])
        else {
          const code = prim.op === 'convInput' ? opcodes.CONV_INPUT : opcodes.CONV_WEIGHT
          this.op(code, [...geometry, a, b, to])
        }
        return
      }
      case 'maxPool': {
        const { shape } = outputs.find((o) => o !== undefined)!
        const words = poolWords(a.shape, shape, prim.window)
        this.op(opcodes.MAX_POOL, [dtypeCodes[a.dtype], ...words, a, outputs[0], outputs[1]])
        return
      }
      case 'maxPoolInput': {
        const inside = (s: Shape) => sizeOf(s.slice(2))
        const planes = to.shape[0]! * to.shape[1]!
        this.op(opcodes.MAX_POOL_INPUT, [
          type, planes, inside(a.shape), inside(to.shape), a, b, to, check,
        ]) // biome-ignore format: operands in the order of program.h
        return
      }
      case 'sumPool':
      case 'sumPoolInput': {
        const back = prim.op === 'sumPoolInput'
        const [x, y] = back ? [to, a] : [a, to]
        const words = poolWords(x.shape, y.shape, prim.window)
        const code = back ? opcodes.SUM_POOL_INPUT : opcodes.SUM_POOL
        this.op(code, [type, ...words, ...storedWords(prim.factor, 'float64'), a, to])
        return
      }
      case 'recurrent':
      case 'recurrentBack': {
        const { cell, reverse, steps } = prim.run
        const back = prim.op === 'recurrentBack'
        const list: (Block | undefined)[] = [...inputs]
        if (back && cell === 'lstm') list.splice(2, 0, list.length > 5 ? list.pop() : undefined)
        if (!back && cell === 'gru' && list.length === 3) list.push(undefined)
        const code = back ? opcodes.RECURRENT_BACK : opcodes.RECURRENT
        // The hidden size is that of the first state.
        const H = inputs[back ? 3 : 2]!.shape[1]!
        const run = [cells[cell], reverse ? 1 : 0, steps.length, H, ...steps]
        this.op(code, [type, ...run, ...list, to])
        return
      }
    }
    prim satisfies never
    throw new BackendError({ op: 'encode', rule: 'unknown primitive' })
  }
}

/** The words of a plan. */
export function write(plan: Plan): Program {
  const writer = new Writer()
  for (const step of plan.steps)
    if (step.kind === 'fused') writeFused(step, writer.out)
    else if (step.kind === 'list') for (const k of step.kernels) writeFused(k, writer.out)
    else if (step.kind === 'prim') writer.call(step)
    else throw new BackendError({ op: 'encode', rule: 'steps of the host stand between programs' })
  const { buffers, steps, arenaBytes, checks } = plan
  const header = 5 + 2 * buffers.length
  const { out } = writer
  const total = header + out.length
  const words = new Int32Array(total)
  const count = steps.reduce((n, s) => n + (s.kind === 'list' ? s.kernels.length : 1), 0)
  words.set([MAGIC, VERSION, total, buffers.length, count])
  buffers.forEach(({ bytes }, i) => {
    words[5 + 2 * i] = bytes | 0
    words[6 + 2 * i] = Math.floor(bytes / 2 ** 32)
  })
  words.set(out.words.subarray(0, out.length), header)
  return { words, slots: buffers, arenaBytes, checks, explain: () => extra('explain')(plan) }
}

export const limits = { outer: MAX_OUTER, operands: MAX_IO }

/** The plan of a graph, for the kernels of this core. */
export function planFor(graph: Graph, options: { recompute?: boolean } = {}): Plan {
  for (let maxValues = MAX_VALUES; ; maxValues >>= 1)
    try {
      const plan = lower(graph, { limits, maxValues, ...options })
      for (const step of plan.steps)
        if (step.kind === 'fused') prepare(step.body)
        else if (step.kind === 'list') for (const k of step.kernels) prepare(k.body)
      return plan
    } catch (e) {
      // Rare: what a kernel needs is known when it is written.
      if (!(e instanceof KernelTooLarge) || maxValues === 1) throw e
    }
}

/** The program of a graph. */
export const encode = (graph: Graph, options: { recompute?: boolean } = {}): Program =>
  write(planFor(graph, options))

/** A graph as an executable: one program, or several with the host's work between them. */
export function executableOf(
  graph: Graph,
  backend: Backend,
  load: (program: Program, graph: Graph) => Executable,
): Executable {
  const plan = planFor(graph)
  if (!plan.steps.some((s) => s.kind === 'host')) return load(write(plan), graph)
  return extra('hosted')(plan, backend, (part, partGraph) => load(write(part), partGraph))
}
