/**
 * The words of a program, run by plain loops: the executable reading of kernels/program.h. Numbers of instructions
 * come from that file itself. Rules that the core relies on (no overlap, operands inside their slots, classes of
 * registers) are asserted, and working memory starts as rubbish, so that a bad plan shows.
 */
import { callOf } from '../../src/backends/call.js'
import { readFileSync } from 'node:fs'
import { arrayOn, bytesOf, type DType, type TypedArray } from '../../src/core/dtype.js'
import { IndexError } from '../../src/core/errors.js'
import { philox } from '../../src/core/philox.js'
import { type Shape, sizeOf, stridesOf } from '../../src/core/shape.js'
import type { Program } from '../../src/backends/cpu/program.js'
import {
  type Graph,
  type MapFn,
  type Node,
  type Prim,
  recurrentCells,
  type Window,
} from '../../src/backends/ir.js'
import { compute } from '../../src/backends/reference/compute.js'
import { each, place } from '../../src/backends/reference/coordinates.js'
import { mapFunction } from '../../src/backends/reference/scalar.js'

const header = readFileSync(new URL('../../kernels/program.h', import.meta.url), 'utf8')

/** Names by number of one of the X-macros of program.h. */
function table(macro: string): string[] {
  const text = header.split(`#define ${macro}(X)`)[1]!.split(/(?<!\\)\n/)[0]!
  const names: string[] = []
  for (const [, name, value] of text.matchAll(/X\((\w+), (\d+),/g)) names[Number(value)] = name!
  return names
}
export const opcodeNames = table('NABLA_OPCODES')
export const fusedNames = table('NABLA_FUSED_OPS')

const types: DType[] = ['float32', 'int32', 'bool']
const FULL = 0
const ROW = 1

/** An instruction, decoded. */
export interface Instruction {
  name: string
  words: Int32Array
}

export function instructionsOf({ words }: { words: Int32Array }): Instruction[] {
  const list: Instruction[] = []
  let at = 5 + 2 * words[3]!
  while (at < words.length) {
    const length = words[at + 1]!
    list.push({ name: opcodeNames[words[at]!]!, words: words.subarray(at, at + length) })
    at += length
  }
  must(at === words.length, 'the last instruction ends with the program')
  must(words[2] === words.length, 'the header counts the words')
  must(words[4] === list.length, 'the header counts the instructions')
  return list
}

export interface Operand {
  slot: number
  dtype: DType
  offset: number
  outer: number[]
  row: number
  col: number
  mode: number
  reg: number
}
export interface Kernel {
  outer: number[]
  rows: number
  cols: number
  classes: number[]
  inputs: Operand[]
  steps: { op: string; dst: number; a: number; b: number; c: number; imm: number }[]
  outputs: Operand[]
}

/** The parts of a FUSED instruction. */
export function kernelOf(words: Int32Array): Kernel {
  let at = 2
  const next = () => words[at++]!
  const take = (n: number) => Array.from({ length: n }, next)
  must(types[next()] === 'float32', 'the kernels of these tests compute with 32 bits')
  const outer = take(next())
  const [rows, cols, nIn, nSteps, nRegs, nOut] = take(6) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const classes = take(nRegs)
  const operand = (): Operand => ({
    slot: next(), dtype: types[next()]!, offset: next(), outer: take(outer.length), row: next(), col: next(), mode: 0, reg: -1,
  }) // biome-ignore format: in the order of the words
  const inputs = Array.from({ length: nIn }, operand)
  const steps = Array.from({ length: nSteps }, () => {
    const [op, dst, a, b, c, imm] = take(6) as [number, number, number, number, number, number]
    must(fusedNames[op] !== undefined, `fused instruction ${op} exists`)
    return { op: fusedNames[op]!, dst, a, b, c, imm }
  })
  const outputs = Array.from({ length: nOut }, () => {
    const o = operand()
    o.mode = next()
    o.reg = next()
    return o
  })
  must(at === words.length, 'a fused kernel has no words left over')
  return { outer, rows, cols, classes, inputs, steps, outputs }
}

/** The fused kernels of an instruction: one, the runs of a list, an epilogue, or none. */
export function kernelsOf({ name, words }: Instruction): Kernel[] {
  if (name === 'FUSED') return [kernelOf(words)]
  const own = name === 'MATMUL' ? 21 + 4 * words[4]! : 33
  if ((name === 'MATMUL' || name === 'CONV') && words[1]! > own)
    return [kernelOf(words.subarray(own))]
  if (name !== 'LIST') return []
  const [count, ports] = words.subarray(3, 5) as unknown as [number, number]
  const width = 1 + 2 * ports
  const whole = kernelOf(words.subarray(5 + count * width))
  return Array.from({ length: count }, (_, i): Kernel => {
    const run = words.subarray(5 + i * width, 5 + (i + 1) * width)
    let at = 1
    const placed = (o: Operand): Operand => ({ ...o, slot: run[at++]!, offset: run[at++]! })
    const inputs = whole.inputs.map(placed)
    return { ...whole, cols: run[0]!, inputs, outputs: whole.outputs.map(placed) }
  })
}

function must(truth: boolean, rule: string): void {
  if (!truth) throw new Error(`program.h: ${rule}`)
}

interface Memory {
  buffer: ArrayBufferLike
  start: number
  bytes: number
}

/** Runs the program on copies of the inputs; gives the graph's outputs and what the inputs hold afterwards. */
export function interpret(
  program: Program,
  graph: Graph,
  inputs: readonly TypedArray[],
  offsets: readonly number[] = [],
): { outputs: TypedArray[]; inputs: TypedArray[] } {
  const held = inputs.map((x) => x.slice())
  const arena = new Uint8Array(program.arenaBytes).fill(0xfd)
  const fresh = graph.outputs.filter((o) => o.into === undefined)
  const made = fresh.map(({ node }) =>
    arrayOn(
      node.dtype,
      new ArrayBuffer(sizeOf(node.shape) * bytesOf(node.dtype)),
      0,
      sizeOf(node.shape),
    ),
  )
  for (const m of made) new Uint8Array(m.buffer).fill(0xfd)
  const memory = program.slots.map((s, i): Memory => {
    must(program.words[5 + 2 * i]! === s.bytes, 'the header gives the bytes of each slot')
    if (s.kind === 'arena') return { buffer: arena.buffer, start: s.offset, bytes: s.bytes }
    const from = s.kind === 'input' ? held[s.index]! : made[s.index]!
    const start = s.kind === 'input' ? (offsets[s.index] ?? 0) * from.BYTES_PER_ELEMENT : 0
    must(start + s.bytes <= from.byteLength, `slot ${i} lies in its storage`)
    return { buffer: from.buffer, start: from.byteOffset + start, bytes: s.bytes }
  })
  const core = new Core(program, memory)
  for (const { name, words } of instructionsOf(program)) core.execute(name, words)
  let k = 0
  const outputs = graph.outputs.map((o) =>
    o.into === undefined
      ? made[k++]!
      : held[o.into]!.subarray(offsets[o.into] ?? 0, (offsets[o.into] ?? 0) + sizeOf(o.node.shape)),
  )
  return { outputs, inputs: held }
}

/** Elements from the lowest to the highest address of an operand. */
interface Span {
  m: Memory
  low: number
  high: number
}

class Core {
  private readonly program: Program
  private readonly memory: Memory[]
  private readonly views = new Map<string, TypedArray>()
  constructor(program: Program, memory: Memory[]) {
    this.program = program
    this.memory = memory
  }

  private array(slot: number, dtype: DType): TypedArray {
    const key = `${slot}${dtype}`
    let view = this.views.get(key)
    if (!view) {
      must(slot >= 0 && slot < this.memory.length, `slot ${slot} exists`)
      const m = this.memory[slot]!
      view = arrayOn(dtype, m.buffer, m.start, Math.floor(m.bytes / bytesOf(dtype)))
      this.views.set(key, view)
    }
    return view
  }

  private span(
    slot: number,
    dtype: DType,
    offset: number,
    extents: Shape,
    strides: readonly number[],
  ): Span {
    let [low, high] = [offset, offset + 1]
    for (let a = 0; a < extents.length; a++) {
      const reach = (extents[a]! - 1) * strides[a]!
      if (reach < 0) low += reach
      else high += reach
    }
    const m = this.memory[slot]!
    must(low >= 0 && high * bytesOf(dtype) <= m.bytes, `an operand of slot ${slot} lies in it`)
    const bytes = bytesOf(dtype)
    return { m, low: m.start + low * bytes, high: m.start + high * bytes }
  }
  private overlap(a: Span, b: Span): boolean {
    return a.m.buffer === b.m.buffer && a.low < b.high && b.low < a.high
  }

  execute(name: string, words: Int32Array): void {
    if (name === 'FUSED') this.fused(kernelOf(words))
    else if (name === 'LOOP') this.loop(words)
    else if (name === 'LIST') this.list(words)
    else this.single(name, words)
  }

  private loop(words: Int32Array): void {
    const [dtype, count, reverse, go, slots, nIn, nOut] = words.subarray(2, 9)
    must(types[dtype!] === 'float32', 'a loop is of float32')
    const body = words.subarray(9 + 2 * slots! + 6 * (nIn! + nOut!))
    must(body[3] === slots, 'a loop has memory for every slot of its body')
    const memory = Array.from({ length: slots! }, (_, i): Memory => {
      const [slot, offset] = words.subarray(9 + 2 * i)
      const m = this.memory[slot!]!
      const bytes = body[5 + 2 * i]!
      must(8 * offset! + bytes <= m.bytes, 'a slot of a body lies in its slot')
      return { buffer: m.buffer, start: m.start + 8 * offset!, bytes }
    })
    const bytesOfMemory = (m: Memory, offset: number, bytes: number) => {
      must(offset >= 0 && offset + bytes <= m.bytes, 'a slice lies in its slot')
      return new Uint8Array(m.buffer, m.start + offset, bytes)
    }
    const long = (at: number) => (words[at]! >>> 0) + words[at + 1]! * 2 ** 32
    const slices = Array.from({ length: nIn! + nOut! }, (_, k) => {
      const at = 9 + 2 * slots! + 6 * k
      const bytes = long(at + 4)
      const inner = bytesOfMemory(memory[words[at]!]!, 0, bytes)
      const outer = (i: number) =>
        bytesOfMemory(this.memory[words[at + 1]!]!, long(at + 2) + i * bytes, bytes)
      return { inner, outer }
    })
    const core = new Core(this.program, memory)
    const list = instructionsOf({ words: body })
    const flag = go! < 0 ? undefined : bytesOfMemory(memory[go!]!, 0, 1)
    must(count! >= 0 || (flag !== undefined && nIn! + nOut! === 0), 'a loop ends')
    for (let n = 0; (count! < 0 || n < count!) && flag?.[0] !== 0; n++) {
      const i = reverse ? count! - 1 - n : n
      for (const s of slices.slice(0, nIn)) s.inner.set(s.outer(i))
      for (const x of list) core.execute(x.name, x.words)
      for (const s of slices.slice(nIn)) s.outer(i).set(s.inner)
    }
  }

  private list(words: Int32Array): void {
    const [lanes, count, ports] = words.subarray(2, 5) as unknown as [number, number, number]
    must(count > 0 && count <= 1024, 'a list has 1 to 1024 runs')
    const width = 1 + 2 * ports
    const kernel = words.subarray(5 + count * width)
    must(opcodeNames[kernel[0]!] === 'FUSED' && kernel[1] === kernel.length, 'a list has a kernel')
    must(kernel[2] === lanes && kernel.length <= 2048, 'the kernel of a list is short')
    const whole = kernelOf(kernel)
    must(whole.outer.length === 0 && whole.rows === 1, 'the kernel of a list has one row')
    must(
      whole.steps.every(
        ({ op }) => op !== 'RAND' && op !== 'CHECK' && !/^R(SUM|PROD|MAX|MIN|DOT)/.test(op),
      ),
      'runs of a list go by themselves',
    )
    const runs = kernelsOf({ name: 'LIST', words })
    for (const { cols } of runs) must(cols <= whole.cols, 'no run has more columns than the kernel')
    const spans = runs.map(({ cols, inputs, outputs }) => {
      const of = (o: Operand) => this.span(o.slot, o.dtype, o.offset, [cols], [o.col])
      return { touched: [...inputs, ...outputs].map(of), written: outputs.map(of) }
    })
    spans.forEach(({ written }, i) => {
      spans.forEach(({ touched }, j) => {
        for (const w of i === j ? [] : written)
          for (const t of touched) must(!this.overlap(w, t), 'runs of a list are independent')
      })
    })
    for (const run of runs) this.fused(run)
  }

  private ends(k: Kernel, words: Int32Array, rows: number, cols: number): void {
    must(opcodeNames[words[0]!] === 'FUSED' && words[1] === words.length, 'an epilogue is a kernel')
    must(k.cols === cols && sizeOf([...k.outer, k.rows]) === rows, 'an epilogue is as large as C')
    must(!k.steps.some(({ op }) => /^(CHECK|R(SUM|PROD|MAX|MIN|DOT).)$/.test(op)), 'an epilogue goes by blocks') // biome-ignore format: a line
  }

  private fused(k: Kernel): void {
    const { outer, rows, cols, classes, inputs, steps, outputs } = k
    must(outer.length <= 6, 'at most 6 outer axes')
    must(classes.length <= 96, 'at most 96 registers')
    must(inputs.length <= 40 && outputs.length <= 40, 'at most 40 inputs and 40 outputs')
    must(
      [...outer, rows, cols].every((n) => n > 0),
      'extents of kernels that do something',
    )
    const extents = [...outer, rows, cols]
    const spanOf = (o: Operand) =>
      this.span(o.slot, o.dtype, o.offset, extents, [...o.outer, o.row, o.col])
    inputs.forEach((o, r) => {
      if (classes[r] !== FULL)
        must(o.col === 0, 'inputs of classes ROW and SCALAR do not move along a row')
      if (classes[r] === 2)
        must(
          [o.row, ...o.outer].every((s) => s === 0),
          'SCALAR inputs do not move',
        )
    })
    outputs.forEach((o, i) => {
      const cls = classes[o.reg]
      must(cls !== undefined, 'outputs store registers that exist')
      if (o.mode === 0 && cls === ROW)
        must(cols === 1 || o.col === 0, 'a ROW output has column stride 0')
      const span = spanOf(o)
      for (const x of inputs) {
        if (x.slot < 0 || !this.overlap(span, spanOf(x))) continue
        const equal =
          span.m.start === this.memory[x.slot]!.start &&
          o.offset === x.offset &&
          o.row === x.row &&
          o.col === x.col &&
          `${o.outer}` === `${x.outer}`
        must(o.mode === 0 && equal, 'an output over an input has its place and strides')
      }
      for (const p of outputs.slice(i + 1))
        must(!this.overlap(span, spanOf(p)), 'outputs do not overlap')
    })
    // Every value of a row, then the stores of the row.
    const lanes = classes.map((c) => lanesOf(c === FULL ? cols : 1))
    const known = classes.map((_, r) => r < inputs.length)
    const totals = outputs.map((o) => (o.mode === 0 ? undefined : new Map<number, number>()))
    let firstRow = true
    each([...outer, rows], (at) => {
      const row = at[outer.length]!
      const first = (o: Operand) => o.offset + place(at.slice(0, -1), o.outer) + row * o.row
      inputs.forEach((o, r) => {
        const lane = lanes[r]!
        const p = first(o)
        const from = o.slot < 0 ? undefined : this.array(o.slot, o.dtype)
        for (let j = 0; j < lane.i.length; j++) {
          const q = p + j * o.col
          must(!from || (q >= 0 && q < from.length), 'an input element lies in its slot')
          put(lane, o.dtype, j, from ? from[q]! : q)
        }
      })
      for (const s of steps) this.step(s, k, lanes, known)
      outputs.forEach((o, i) => {
        const cls = classes[o.reg]!
        must(known[o.reg]!, 'an output is computed')
        const p = first(o)
        const lane = lanes[o.reg]!
        const to = this.array(o.slot, o.dtype)
        const total = totals[i]
        const single = cls !== FULL
        if (cls === 2 && total) return
        if (cls === 2 && !firstRow) return
        for (let j = 0; j < (single ? 1 : cols); j++) {
          const q = p + j * o.col
          must(q >= 0 && q < to.length, 'an output element lies in its slot')
          const v = get(lane, o.dtype, single ? 0 : j)
          if (!total) to[q] = v
          else {
            const old = total.get(q)
            total.set(q, old === undefined ? v : combine(o.mode, o.dtype, old, v))
          }
        }
      })
      firstRow = false
    })
    totals.forEach((total, i) => {
      const o = outputs[i]!
      const to = this.array(o.slot, o.dtype)
      if (total) for (const [q, v] of total) to[q] = v
    })
  }

  private step(s: Kernel['steps'][number], k: Kernel, lanes: Lanes[], known: boolean[]): void {
    const { classes, cols } = k
    const { op } = s
    const read = (r: number) => {
      must(known[r] === true, `${op} reads a register that holds a value`)
      return lanes[r]!
    }
    if (op === 'CHECK') {
      const [lo, hi, except] = [read(s.b).i[0]!, read(s.c).i[0]!, read(s.dst).i[0]!]
      for (const v of read(s.a).i)
        if ((v < lo || v >= hi) && v !== except) this.fault(s.imm, v, lo, hi)
      return
    }
    must(s.dst >= k.inputs.length && s.dst < classes.length, 'inputs are not written')
    const dst = lanes[s.dst]!
    const cls = classes[s.dst]!
    if (op === 'CONST') {
      must(cls === 2, 'a constant is SCALAR')
      dst.i[0] = s.imm
    } else if (reductions[op]) {
      must(cls === ROW && classes[s.a] === FULL, 'a reduction takes FULL into ROW')
      const x = read(s.a)
      const [mode, dtype] = reductions[op]!
      let v = get(x, dtype, 0)
      for (let j = 1; j < cols; j++) v = combine(mode, dtype, v, get(x, dtype, j))
      put(dst, dtype, 0, v)
    } else if (op === 'RDOTF') {
      must(cls === ROW, 'a reduction takes FULL into ROW')
      must(classes[s.a] === FULL && classes[s.b] === FULL, 'a reduction takes FULL into ROW')
      const [x, y] = [read(s.a), read(s.b)]
      let v = 0
      for (let j = 0; j < cols; j++) v += x.f[j]! * y.f[j]!
      put(dst, 'float32', 0, v)
    } else if (op === 'RAND') {
      must(s.a < k.inputs.length && k.inputs[s.a]!.slot === -1, 'RAND counts elements')
      must(classes[s.a]! >= cls, 'RAND: no operand of a wider class')
      const index = read(s.a)
      const [lo, hi, block] = [read(s.b).i[0]!, read(s.c).i[0]!, read(s.imm).i[0]!]
      const word = new Int32Array(1)
      for (let j = 0; j < dst.i.length; j++) {
        philox(lo, hi, block, index.i[classes[s.a] === FULL ? j : 0]!, word)
        dst.i[j] = word[0]!
      }
    } else {
      const f = elementwise(op)
      const args = [s.a, s.b, s.c].slice(0, f.from.length).map((r, i) => {
        must(classes[r]! >= cls, `${op}: class ${cls} takes no operand of class ${classes[r]}`)
        return { lane: read(r), dtype: f.from[i]!, step: classes[r] === FULL ? 1 : 0 }
      })
      const value = (i: number, j: number) => {
        const x = args[i]
        return x ? get(x.lane, x.dtype, j * x.step) : 0
      }
      for (let j = 0; j < dst.i.length; j++)
        put(dst, f.to, j, f.run(value(0, j), value(1, j), value(2, j)))
    }
    known[s.dst] = true
  }

  private fault(check: number, value: number, lo: number, hi: number): never {
    const c = this.program.checks[check]
    must(c !== undefined, 'a check has its text')
    throw new IndexError({
      op: c!.call.operation,
      rule: `${c!.what} must lie in [${lo}, ${hi})`,
      got: `${value}`,
    })
  }

  private single(name: string, words: Int32Array): void {
    let at = 2
    const next = () => words[at++]!
    const take = (n: number) => Array.from({ length: n }, next)
    const type = () => types[next()]!
    /** The type of an instruction that computes with floats. */
    const float32 = () => must(type() === 'float32', `${name} has a type of its own`)
    const spans: { span: Span; written: boolean }[] = []
    const ref = (
      dtype: DType,
      shape: Shape,
      written = false,
      strides: readonly number[] = stridesOf(shape),
    ) => {
      const [slot, offset] = take(2) as [number, number]
      if (slot < 0) return undefined
      const data = this.array(slot, dtype)
      if (sizeOf(shape) > 0)
        spans.push({ span: this.span(slot, dtype, offset, shape, strides), written })
      return { data, offset, flat: data.subarray(offset, offset + sizeOf(shape)) }
    }
    /** The kernel behind the operands of a product, or nothing. */
    const ending = (rows: number, cols: number) => {
      if (at === words.length) return undefined
      const epilogue = words.subarray(at)
      const k = kernelOf(epilogue)
      this.ends(k, epilogue, rows, cols)
      at = words.length
      return k
    }
    const end = () => {
      must(at === words.length, `${name} has no words left over`)
      for (const a of spans)
        for (const b of spans)
          if (a !== b && a.written)
            must(!this.overlap(a.span, b.span), `${name}: its output overlaps nothing`)
    }
    /** Runs a primitive on operands decoded from the words. */
    const run = (
      prim: Prim,
      args: [Shape, DType, TypedArray][],
      shape: Shape,
      dtype: DType,
      check?: number,
      which = 0,
    ) => {
      const nodes = args.map(
        ([s, d]): Node => ({
          prim: { op: 'reshape', shape: s },
          inputs: [],
          shape: s,
          dtype: d,
          label: callOf(''),
        }),
      )
      try {
        return compute(
          { prim, inputs: nodes, shape, dtype, label: callOf(name) },
          args.map((a) => a[2]),
          [],
          [],
        )[which]!
      } catch (e) {
        if (!(e instanceof IndexError) || check === undefined) throw e
        return this.fault(check, Number(e.complaint.got), 0, 0)
      }
    }
    const modes = ['set', 'add', 'mul', 'max', 'min'] as const
    switch (name) {
      case 'MATMUL': {
        float32()
        float32()
        const batch = take(next())
        const [m, n, k] = take(3) as [number, number, number]
        const matrix = (r: number, c: number, written: boolean, own = false) => {
          const [slot, offset] = take(2) as [number, number]
          const rs = next()
          const cs = own ? 1 : next()
          const bs = take(batch.length)
          if (r * c * sizeOf(batch) > 0)
            spans.push({
              span: this.span(slot, 'float32', offset, [...batch, r, c], [...bs, rs, cs]),
              written,
            })
          return { data: this.array(slot, 'float32'), offset, rs, cs, bs }
        }
        const [a, b, c] = [matrix(m, k, false), matrix(k, n, false), matrix(m, n, true, true)]
        const bias = ref('float32', [n])
        const epilogue = ending(sizeOf(batch) * m, n)
        end()
        each(batch, (q) => {
          for (let i = 0; i < m; i++)
            for (let j = 0; j < n; j++) {
              let sum = bias ? bias.flat[j]! : 0
              const p = c.offset + place(q, c.bs) + i * c.rs + j
              for (let l = 0; l < k; l++)
                sum +=
                  a.data[a.offset + place(q, a.bs) + i * a.rs + l * a.cs]! *
                  b.data[b.offset + place(q, b.bs) + l * b.rs + j * b.cs]!
              c.data[p] = sum
            }
        })
        if (epilogue) this.fused(epilogue)
        return
      }
      case 'FILL': {
        const [dtype, count, bits, high] = [type(), next(), next(), next()]
        must(high === 0, 'a number of 32 bits has no upper word')
        const out = ref(dtype, [count], true)!
        end()
        out.flat.fill(dtype === 'float32' ? asFloat(bits) : bits)
        return
      }
      case 'COPY': {
        const [dtype, mode, rank] = [type(), next(), next()]
        must(rank <= 8 && (mode === 0 || mode === 1), 'COPY has at most 8 axes, SET or ADD')
        const extents = take(rank)
        const operand = (written: boolean) => {
          const [slot, offset] = take(2) as [number, number]
          const strides = take(rank)
          if (sizeOf(extents) > 0)
            spans.push({ span: this.span(slot, dtype, offset, extents, strides), written })
          return { data: this.array(slot, dtype), offset, strides }
        }
        const [src, out] = [operand(false), operand(true)]
        end()
        const hit = new Set<number>()
        each(extents, (q) => {
          const p = out.offset + place(q, out.strides)
          must(mode === 1 || !hit.has(p), 'COPY with SET writes a place once')
          hit.add(p)
          const v = src.data[src.offset + place(q, src.strides)]!
          out.data[p] = mode === 1 ? out.data[p]! + v : v
        })
        return
      }
      case 'TAKE': {
        const dtype = type()
        const [outer, extent, inner, count] = take(4) as [number, number, number, number]
        const x = ref(dtype, [outer, extent, inner])!
        const index = ref('int32', [count])!
        const out = ref(dtype, [outer, count, inner], true)!
        const id = next()
        end()
        out.flat.set(
          run({ op: 'take', axis: 1 }, [[[outer, extent, inner], dtype, x.flat], [[count], 'int32', index.flat]],
            [outer, count, inner], dtype, id)) // biome-ignore format: short
        return
      }
      case 'PUT': {
        const [dtype, mode, fresh] = [type(), modes[next()]!, next()]
        const [outer, extent, inner, count] = take(4) as [number, number, number, number]
        const index = ref('int32', [count])!
        const src = ref(dtype, [outer, count, inner])!
        const out = ref(dtype, [outer, extent, inner], true)!
        const id = next()
        end()
        if (fresh) out.flat.fill(0)
        const whole = [outer, extent, inner]
        out.flat.set(
          run({ op: 'put', axis: 1, mode },
            [[whole, dtype, out.flat], [[count], 'int32', index.flat], [[outer, count, inner], dtype, src.flat]],
            whole, dtype, id)) // biome-ignore format: short
        return
      }
      case 'GATHER': {
        const [dtype, rank, axis] = [type(), next(), next()]
        const [xs, is] = [take(rank), take(rank)]
        const x = ref(dtype, xs)!
        const index = ref('int32', is)!
        const out = ref(dtype, is, true)!
        const id = next()
        end()
        out.flat.set(
          run(
            { op: 'gather', axis },
            [
              [xs, dtype, x.flat],
              [is, 'int32', index.flat],
            ],
            is,
            dtype,
            id,
          ),
        )
        return
      }
      case 'SCATTER': {
        const [dtype, mode, rank, axis] = [type(), modes[next()]!, next(), next()]
        const [os, is] = [take(rank), take(rank)]
        const index = ref('int32', is)!
        const src = ref(dtype, is)!
        const out = ref(dtype, os, true)!
        const id = next()
        end()
        out.flat.set(
          run({ op: 'scatter', axis, mode },
            [[os, dtype, out.flat], [is, 'int32', index.flat], [is, dtype, src.flat]], os, dtype, id)) // biome-ignore format: short
        return
      }
      case 'ARGREDUCE': {
        const [dtype, isMin] = [type(), next()]
        const shape = take(3)
        must(shape[1]! > 0, 'ARGREDUCE has something to choose from')
        const x = ref(dtype, shape)!
        const to = [shape[0]!, 1, shape[2]!]
        const out = ref('int32', to, true)!
        end()
        out.flat.set(
          run(
            { op: 'argreduce', fn: isMin ? 'min' : 'max', axis: 1 },
            [[shape, dtype, x.flat]],
            to,
            'int32',
          ),
        )
        return
      }
      case 'SCAN': {
        const dtype = type()
        const fn = (['sum', 'prod', 'max', 'min', 'argmax', 'argmin'] as const)[next()]!
        const shape = take(3)
        const to = fn.startsWith('arg') ? 'int32' : dtype
        const x = ref(dtype, shape)!
        const out = ref(to, shape, true)!
        end()
        out.flat.set(run({ op: 'scan', fn, axis: 1 }, [[shape, dtype, x.flat]], shape, to))
        return
      }
      case 'ARGSORT': {
        const [dtype, descending] = [type(), next() === 1]
        const shape = take(2)
        const x = ref(dtype, shape)!
        const out = ref('int32', shape, true)!
        end()
        out.flat.set(run({ op: 'argsort', descending }, [[shape, dtype, x.flat]], shape, 'int32'))
        return
      }
      case 'SEARCHSORTED': {
        const [dtype, right] = [type(), next() === 1]
        const [batch, n, m] = take(3) as [number, number, number]
        const sorted = ref(dtype, [batch, n])!
        const values = ref(dtype, [batch, m])!
        const out = ref('int32', [batch, m], true)!
        end()
        out.flat.set(
          run({ op: 'searchsorted', right }, [[[batch, n], dtype, sorted.flat], [[batch, m], dtype, values.flat]],
            [batch, m], 'int32')) // biome-ignore format: short
        return
      }
      case 'CONV':
      case 'CONV_INPUT':
      case 'CONV_WEIGHT': {
        float32()
        const [n, c, o, groups] = take(4) as [number, number, number, number]
        const { cells, out, window } = windowOf(take)
        const [x, w, y] = [
          [n, c, ...cells],
          [o, c / groups, ...window.kernel],
          [n, o, ...out],
        ]
        const f = 'float32'
        const [first, second, third] =
          name === 'CONV' ? [x, w, y] : name === 'CONV_INPUT' ? [y, w, x] : [y, x, w]
        const p = ref(f, first!)!
        const q = ref(f, second!)!
        const to = ref(f, third!, true)!
        const bias = name === 'CONV' ? ref(f, [o]) : undefined
        const epilogue = name === 'CONV' ? ending(n * o, sizeOf(out)) : undefined
        end()
        const prim: Prim =
          name === 'CONV' ? { op: 'conv', window, groups }
          : name === 'CONV_INPUT' ? { op: 'convInput', window, groups, shape: x }
          : { op: 'convWeight', window, groups, shape: w } // biome-ignore format: short
        const result = run(
          prim,
          [
            [first!, f, p.flat],
            [second!, f, q.flat],
          ],
          third!,
          f,
        )
        if (bias)
          for (let i = 0; i < result.length; i++)
            result[i]! += bias.flat[Math.floor(i / sizeOf(out)) % o]!
        to.flat.set(result)
        if (epilogue) this.fused(epilogue)
        return
      }
      case 'RECURRENT':
      case 'RECURRENT_BACK': {
        float32()
        const [code, reverse, count, H] = take(4) as [number, number, number, number]
        const steps = take(count)
        const cell = (['tanh', 'relu', 'lstm', 'gru'] as const)[code]!
        const { gates, saved, grads } = recurrentCells[cell]
        const rows = steps.reduce((a, b) => a + b, 0)
        const f = 'float32'
        const args: [Shape, DType, TypedArray][] = []
        const operand = (shape: Shape) => {
          const r = ref(f, shape)
          if (r) args.push([shape, f, r.flat])
        }
        const initial: Shape = [steps[0] ?? 0, H]
        const back = name === 'RECURRENT_BACK'
        operand([rows, (back ? saved : gates) * H])
        if (back) operand([rows, H])
        const before = args.length
        if (back && cell === 'lstm') operand([rows, H])
        // The primitive takes the gradient of the cells last.
        const ofCells = args.splice(before)
        operand([gates * H, H])
        operand(initial)
        if (cell === 'lstm') operand(initial)
        if (!back && cell === 'gru') operand([H])
        args.push(...ofCells)
        const shape = [rows, (back ? grads : saved) * H]
        const to = ref(f, shape, true)!
        end()
        const prim: Prim = {
          op: back ? 'recurrentBack' : 'recurrent',
          run: { cell, steps, reverse: reverse === 1 },
        }
        to.flat.set(run(prim, args, shape, f))
        return
      }
      case 'MAX_POOL': {
        float32()
        const planes = next()
        const { cells, out, window } = windowOf(take)
        const [x, y] = [
          [planes, 1, ...cells],
          [planes, 1, ...out],
        ]
        const from = ref('float32', x)!
        const value = ref('float32', y, true)
        const index = ref('int32', y, true)
        end()
        must(value !== undefined || index !== undefined, 'MAX_POOL gives something')
        value?.flat.set(run({ op: 'maxPool', window }, [[x, 'float32', from.flat]], y, 'float32'))
        index?.flat.set(
          run({ op: 'maxPool', window }, [[x, 'float32', from.flat]], y, 'float32', undefined, 1),
        )
        return
      }
      case 'MAX_POOL_INPUT': {
        float32()
        const [planes, out, cells] = take(3) as [number, number, number]
        const y = ref('float32', [planes, out])!
        const index = ref('int32', [planes, out])!
        const x = ref('float32', [planes, cells], true)!
        const id = next()
        end()
        x.flat.fill(0)
        for (let i = 0; i < planes * out; i++) {
          const q = index.flat[i]!
          if (q < 0 || q >= cells) this.fault(id, q, 0, cells)
          x.flat[Math.floor(i / out) * cells + q]! += y.flat[i]!
        }
        return
      }
      case 'SUM_POOL':
      case 'SUM_POOL_INPUT': {
        float32()
        const planes = next()
        const { cells, out, window } = windowOf(take)
        const [x, y] = [
          [planes, 1, ...cells],
          [planes, 1, ...out],
        ]
        const back = name === 'SUM_POOL_INPUT'
        const factor = new Float64Array(Int32Array.of(next(), next()).buffer)[0]!
        const from = ref('float32', back ? y : x)!
        const to = ref('float32', back ? x : y, true)!
        end()
        const prim: Prim = back
          ? { op: 'sumPoolInput', window, shape: x, factor }
          : { op: 'sumPool', window, factor }
        to.flat.set(run(prim, [[back ? y : x, 'float32', from.flat]], back ? x : y, 'float32'))
        return
      }
      case 'TAPS':
      case 'TAPS_BACK': {
        const dtype = type()
        const [rows, n, m, inner, k] = take(5) as [number, number, number, number, number]
        const back = name === 'TAPS_BACK'
        const place = ref('int32', [k, m])!
        const weight = ref(dtype, [k, m])
        const [x, y] = [
          [rows, n, inner],
          [rows, m, inner],
        ]
        const from = ref(dtype, back ? y : x)!
        const to = ref(dtype, back ? x : y, true)!
        const id = next()
        end()
        const prim: Prim = back ? { op: 'tapsBack', axis: 1, n } : { op: 'taps', axis: 1 }
        const operands: [number[], typeof dtype, typeof from.flat][] = [
          [back ? y : x, dtype, from.flat],
          [[k, m], 'int32', place.flat],
        ]
        if (weight) operands.push([[k, m], dtype, weight.flat])
        to.flat.set(run(prim, operands, back ? x : y, dtype, id))
        return
      }
      default:
        must(false, `opcode ${words[0]} exists`)
    }
  }
}

/** in, out, kernel, stride, dilation, pad; the padding after is what the output's extents need. */
function windowOf(take: (n: number) => number[]): {
  cells: number[]
  out: number[]
  window: Window
} {
  const [cells, out, kernel, stride, dilation, pad] = Array.from({ length: 6 }, () => take(3)) as [
    number[], number[], number[], number[], number[], number[],
  ] // biome-ignore format: short
  const padding = pad.map((before, i): [number, number] => {
    const span = (out[i]! - 1) * stride[i]! + dilation[i]! * (kernel[i]! - 1) + 1
    return [before, Math.max(0, span - cells[i]! - before)]
  })
  return { cells, out, window: { kernel, stride, dilation, padding } }
}

const bits = new DataView(new ArrayBuffer(4))
function asFloat(word: number): number {
  bits.setInt32(0, word)
  return bits.getFloat32(0)
}

/** A register: 32 bits a lane, under both of their readings. */
interface Lanes {
  i: Int32Array
  f: Float32Array
}
function lanesOf(length: number): Lanes {
  const i = new Int32Array(length)
  return { i, f: new Float32Array(i.buffer) }
}
/** A lane as a value of a type; `raw` is its bits. */
type LaneType = DType | 'raw'
function get(x: Lanes, type: LaneType, j: number): number {
  if (type === 'float32') return x.f[j]!
  if (type !== 'bool') return x.i[j]!
  must(x.i[j] === 0 || x.i[j] === -1, 'a mask is 0 or -1')
  return -x.i[j]!
}
function put(x: Lanes, type: LaneType, j: number, value: number): void {
  if (type === 'float32') x.f[j] = value
  else x.i[j] = type === 'bool' ? -value : value
}

const reductions: { [op: string]: [mode: number, dtype: DType] } = {
  RSUMF: [1, 'float32'], RPRODF: [2, 'float32'], RMAXF: [3, 'float32'], RMINF: [4, 'float32'],
  RSUMI: [1, 'int32'], RPRODI: [2, 'int32'], RMAXI: [3, 'int32'], RMINI: [4, 'int32'],
} // biome-ignore format: a table

/** Two values of an accumulation into one; float sums are kept in double precision. */
function combine(mode: number, dtype: DType, a: number, b: number): number {
  if (mode === 1) return dtype === 'int32' ? (a + b) | 0 : a + b
  if (mode === 2) return dtype === 'int32' ? Math.imul(a, b) : a * b
  return mode === 3 ? Math.max(a, b) : Math.min(a, b)
}

interface Elementwise {
  from: LaneType[]
  to: LaneType
  run: (a: number, b: number, c: number) => number
}
const longer: { [name: string]: MapFn } = { MIN: 'minimum', MAX: 'maximum' }
const letters: { [letter: string]: DType } = { F: 'float32', I: 'int32', B: 'bool' }
const tests = /^(EQ|NE|LT|LE|GT|GE|ISNAN|ISINF|ISFINITE)$/
const pairs =
  /^(ADD|SUB|MUL|DIV|FLOORDIV|REMAINDER|FMOD|MIN|MAX|POW|ATAN2|HYPOT|COPYSIGN|EQ|NE|LT|LE|GT|GE)$/
const bitwise: { [op: string]: Elementwise } = {
  MOV: { from: ['raw'], to: 'raw', run: (a) => a },
  NOT: { from: ['raw'], to: 'raw', run: (a) => ~a },
  AND: { from: ['raw', 'raw'], to: 'raw', run: (a, b) => a & b },
  OR: { from: ['raw', 'raw'], to: 'raw', run: (a, b) => a | b },
  XOR: { from: ['raw', 'raw'], to: 'raw', run: (a, b) => a ^ b },
  SHRI: { from: ['raw', 'raw'], to: 'raw', run: (a, b) => a >>> b },
  WHERE: { from: ['bool', 'raw', 'raw'], to: 'raw', run: (a, b, c) => (a ? b : c) },
  FMAF: { from: ['float32', 'float32', 'float32'], to: 'float32', run: (a, b, c) => a * b + c },
  FMSF: { from: ['float32', 'float32', 'float32'], to: 'float32', run: (a, b, c) => a * b - c },
  FNMAF: { from: ['float32', 'float32', 'float32'], to: 'float32', run: (a, b, c) => c - a * b },
}
const cached = new Map<string, Elementwise>()

/** What an instruction does to one element. */
function elementwise(op: string): Elementwise {
  let f = bitwise[op] ?? cached.get(op)
  if (f) return f
  const cast = /^([FIB])TO([FIB])$/.exec(op)
  if (cast) {
    const [from, to] = [letters[cast[1]!]!, letters[cast[2]!]!]
    f = { from: [from], to, run: mapFunction('cast', from, to) }
  } else {
    const dtype = letters[op.at(-1)!]!
    const stem = op.slice(0, -1)
    const to = tests.test(stem) ? 'bool' : dtype
    const fn = longer[stem] ?? (stem.toLowerCase() as MapFn)
    f = { from: pairs.test(stem) ? [dtype, dtype] : [dtype], to, run: mapFunction(fn, dtype, to) }
  }
  cached.set(op, f)
  return f
}
