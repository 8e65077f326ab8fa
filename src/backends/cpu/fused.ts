/** A kernel as words: operators by name and type, registers for values. What is alike is written once. */
import { type DType, isFloat } from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'
import {
  type Class,
  type FusedKernel,
  type KernelBody,
  KernelTooLarge,
  SCALAR,
  type Step,
} from '../lower/plan.js'
import { storedWords } from './stored.js'
import type { Words } from './words.js'
import {
  dtypeCodes,
  fusedOps,
  MAX_LIST,
  MAX_LIST_WORDS,
  MAX_REGS,
  modes,
  opcodes,
} from './opcodes.js'

/** A number as a lane holds it: lanes compute half types in float32 and small integers in int32; a bool is a mask. */
function laneWords(value: number, dtype: DType, wide: boolean): [low: number, high: number] {
  if (dtype === 'bool') return value ? [-1, -1] : [0, 0]
  if (isFloat(dtype)) return storedWords(value, wide ? 'float64' : 'float32')
  return storedWords(value, wide ? 'int64' : 'int32')
}

const suffix = (dtype: DType) => (isFloat(dtype) ? 'f' : 'i')
const letter = (dtype: DType) => (dtype === 'bool' ? 'b' : suffix(dtype))
/** What brings the result of an operation back to a type that is narrower than the lane. */
const narrowing: { [dtype in DType]?: string } = {
  float16: 'halff',
  bfloat16: 'bhalff',
  int8: 'i8i',
  uint8: 'u8i',
}
/** Operations whose result is one of their operands, or none that has to be rounded. */
const exact = new Set<Step['fn']>(
  ['copy', 'where', 'minimum', 'maximum', 'max', 'min', 'and', 'or', 'xor', 'sign', 'isnan', 'isinf', 'isfinite',
   'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'floor', 'ceil', 'round', 'trunc', 'copysign'],
) // biome-ignore format: names
const named: { [fn in Step['fn']]?: string } = {
  minimum: 'min',
  maximum: 'max',
  sum: 'rsum',
  prod: 'rprod',
  max: 'rmax',
  min: 'rmin',
  dot: 'rdot',
}

/** The instructions of a step: names with operands by number, or earlier results by ~number. */
function recipe(step: Step, wide: boolean): [op: string, ...args: number[]][] {
  const { fn, to } = step
  const list = wholeRecipe(step, wide)
  const narrow = wide && to === 'float32' ? 'floatf' : narrowing[to]
  if (narrow && !exact.has(fn)) list.push([narrow, ~(list.length - 1)])
  return list
}

/** A cast within a lane, from and to what the lane holds. */
function castRecipe(from: DType, to: DType, wide: boolean): [op: string, ...args: number[]][] {
  const [a, b] = [letter(from), letter(to)]
  if (a === b) return [to === 'int32' && wide ? ['i32i', 0] : ['mov', 0]]
  if (a !== 'f' || b !== 'i') return [[`${a}to${b}`, 0]]
  return [[wide && to !== 'int64' ? 'ftoi32' : 'ftoi', 0]]
}

function wholeRecipe(
  { fn, from, to, args }: Step,
  wide: boolean,
): [op: string, ...args: number[]][] {
  const own = args.map((_, i) => i)
  switch (fn) {
    case 'copy':
      return [['mov', 0]]
    case 'random':
      return [['rand', 0, 1, 2, 3]]
    case 'where':
    case 'not':
    case 'and':
    case 'or':
    case 'xor':
      return [[fn, ...own]]
    case 'shr':
      return [['shri', 0, 1]]
    case 'cast':
      return castRecipe(from, to, wide)
  }
  if (from === 'bool') {
    if (fn === 'minimum') return [['and', 0, 1]]
    if (fn === 'maximum') return [['or', 0, 1]]
    if (fn === 'ne') return [['xor', 0, 1]]
    if (fn === 'eq')
      return [
        ['xor', 0, 1],
        ['not', ~0],
      ]
    if (fn === 'lt' || fn === 'le' || fn === 'gt' || fn === 'ge')
      return [
        ['btoi', 0],
        ['btoi', 1],
        [`${fn}i`, ~0, ~1],
      ]
  }
  const op = `${named[fn] ?? fn}${suffix(from)}`
  if (!(op in fusedOps))
    throw new BackendError({ op: fn, rule: 'no such instruction for this type', got: from })
  return [[op, ...own]]
}

interface Instruction {
  op: string
  cls: Class
  dst: number
  args: number[]
  imm: number
  /** The upper word of a constant of 64 bits. */
  high?: number
}

/** The words of a body, with gaps for what differs from kernel to kernel. */
interface Template {
  words: Int32Array
  /** Where the slot of each input and output stands, its offset behind the type. */
  inputs: number[]
  outputs: number[]
  /** Where the ids of checks stand. */
  checks: number[]
}

/** Of the program that is being made. */
export const templates = new Map<KernelBody, Template>()

/** @throws KernelTooLarge when it needs more registers than there are */
export function prepare(body: KernelBody): Template {
  let t = templates.get(body)
  if (!t) {
    t = template(body)
    templates.set(body, t)
  }
  return t
}

/** What runs over a whole kernel, and not element by element. */
const whole: ReadonlySet<Step['fn']> = new Set(
  ['sum', 'prod', 'max', 'min', 'dot', 'random', 'check'],
) // biome-ignore format: names

/** Can the kernel be one of a list, as program.h has them? */
const listable = ({ body }: FusedKernel): boolean =>
  body.extents.length === 2 &&
  body.extents[0] === 1 &&
  body.inputs.every((p) => !p.indices) &&
  body.outputs.every((p) => p.mode === 'set') &&
  !body.steps.some((s) => whole.has(s.fn)) &&
  prepare(body).words.length <= MAX_LIST_WORDS

/** Appends the words of kernels that are alike: as one instruction where they can be. Gives the number of instructions. */
export function writeList(kernels: readonly FusedKernel[], out: Words): number {
  const alike = kernels.filter(listable)
  let count = 0
  for (const k of kernels)
    if (alike.length < 2 || !listable(k)) {
      writeFused(k, out)
      count++
    }
  if (alike.length < 2) return count
  for (let i = 0; i < alike.length; i += MAX_LIST, count++) {
    const runs = alike.slice(i, i + MAX_LIST)
    const cols = (k: FusedKernel) => k.body.extents[1]!
    const ports = runs[0]!.inputs.length + runs[0]!.outputs.length
    const head = [
      opcodes.LIST, 0, dtypeCodes[runs[0]!.body.wide ? 'float64' : 'float32'], runs.length, ports,
    ] // biome-ignore format: as in program.h
    for (const k of runs) {
      head.push(cols(k))
      for (const { buffer, offset } of [...k.inputs, ...k.outputs]) head.push(buffer!.id, offset)
    }
    const start = out.append(head)
    writeFused(
      runs.reduce((a, b) => (cols(b) > cols(a) ? b : a)),
      out,
    )
    out.words[start + 1] = out.length - start
  }
  return count
}

/** Appends the words of a kernel. */
export function writeFused(k: FusedKernel, out: Words): void {
  const t = prepare(k.body)
  const start = out.append(t.words)
  const { words } = out
  for (let i = 0; i < k.inputs.length; i++) {
    const { buffer, offset } = k.inputs[i]!
    const at = start + t.inputs[i]!
    words[at] = buffer ? buffer.id : -1
    words[at + 2] = offset
  }
  for (let i = 0; i < k.outputs.length; i++) {
    const { buffer, offset } = k.outputs[i]!
    const at = start + t.outputs[i]!
    words[at] = buffer.id
    words[at + 2] = offset
  }
  for (let i = 0; i < t.checks.length; i++) words[start + t.checks[i]!] = k.checks[i]!
}

function template(body: KernelBody): Template {
  const nIn = body.inputs.length
  /** The class of each value, and the value of each step of the body. */
  const classes: Class[] = body.inputs.map((p) => p.cls)
  const made: number[] = body.inputs.map((_, i) => i)
  const list: Instruction[] = []
  const constants = new Map<string, number>()
  const add = (op: string, cls: Class, args: number[], imm = 0): number => {
    classes.push(cls)
    list.push({ op, cls, dst: classes.length - 1, args, imm })
    return classes.length - 1
  }
  for (const s of body.steps) {
    const args = s.args.map((v) => made[v]!)
    if (s.fn === 'const') {
      const [low, high] = laneWords(s.imm, s.to, body.wide)
      const key = `${low} ${high}`
      let v = constants.get(key)
      if (v === undefined) {
        v = add('const', SCALAR, [], low)
        list[list.length - 1]!.high = body.wide ? high : 0
        constants.set(key, v)
      }
      made.push(v)
    } else if (s.fn === 'check') {
      list.push({ op: 'check', cls: s.cls, dst: args[3]!, args: args.slice(0, 3), imm: s.imm })
      made.push(-1)
    } else {
      const parts: number[] = []
      for (const [op, ...operands] of recipe(s, body.wide)) {
        const list = operands.map((o) => (o < 0 ? parts[~o]! : args[o]!))
        // The fourth operand of RAND is given as its number.
        parts.push(add(op, s.cls, list.slice(0, 3), list[3] ?? 0))
      }
      made.push(parts[parts.length - 1]!)
    }
  }
  const outs = body.outputs.map((o) => made[o.value]!)
  const last = new Float64Array(classes.length).fill(-1)
  const readsOf = ({ op, args, dst, imm }: Instruction) =>
    op === 'check' ? [...args, dst] : op === 'rand' ? [...args, imm] : args
  list.forEach((s, i) => {
    for (const v of readsOf(s)) last[v] = i
  })
  for (const v of outs) last[v] = Number.POSITIVE_INFINITY

  // Registers: those whose value is dead serve again, within their class.
  const reg = new Int32Array(classes.length)
  for (let v = 0; v < nIn; v++) reg[v] = v
  let next = nIn
  const free: number[][] = [[], [], []]
  const regClasses: Class[] = classes.slice(0, nIn)
  list.forEach((s, i) => {
    if (s.op === 'check') return
    const dead = [...new Set(s.args)].filter((v) => v >= nIn && last[v] === i)
    for (const v of dead) if (classes[v] === s.cls) free[s.cls]!.push(reg[v]!)
    const reuse = s.op === 'const' ? undefined : free[s.cls]!.pop()
    reg[s.dst] = reuse ?? next++
    regClasses[reg[s.dst]!] = s.cls
    // Given back after the instruction, when they were not taken.
    for (const v of dead) if (classes[v] !== s.cls) free[classes[v]!]!.push(reg[v]!)
    if (last[s.dst] === -1) free[s.cls]!.push(reg[s.dst]!)
  })
  if (next > MAX_REGS) throw new KernelTooLarge()

  const outer = body.extents.length - 2
  const words: number[] = [
    opcodes.FUSED,
    0,
    dtypeCodes[body.wide ? 'float64' : 'float32'],
    outer,
    ...body.extents,
    nIn,
    list.length,
    next,
    outs.length,
    ...regClasses,
  ]
  const inputs: number[] = []
  for (const p of body.inputs) {
    inputs.push(words.length)
    words.push(0, dtypeCodes[p.dtype], 0, ...p.strides)
  }
  const checks: number[] = []
  for (const s of list) {
    const code = fusedOps[s.op]
    if (code === undefined)
      throw new BackendError({ op: 'encode', rule: 'unknown instruction', got: s.op })
    const r = (i: number) => (s.args[i] === undefined ? 0 : reg[s.args[i]]!)
    words.push(code, reg[s.dst]!, s.high ?? r(0), r(1), r(2), s.op === 'rand' ? reg[s.imm]! : s.imm)
    if (s.op === 'check') checks[s.imm] = words.length - 1
  }
  const outputs: number[] = []
  body.outputs.forEach((p, k) => {
    outputs.push(words.length)
    words.push(0, dtypeCodes[p.dtype], 0, ...p.strides, modes[p.mode], reg[outs[k]!]!)
  })
  words[1] = words.length
  return { words: Int32Array.from(words), inputs, outputs, checks }
}
