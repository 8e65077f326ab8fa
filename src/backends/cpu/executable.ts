/** What native and WebAssembly executables share: the plan of slots, checks before a run, errors after it. */
import { bytesOf, type DType, type TypedArray } from '../../core/dtype.js'
import { BackendError, IndexError } from '../../core/errors.js'
import type { Backend, Storage } from '../backend.js'
import type { Graph } from '../ir.js'
import type { Program } from './program.js'

/** A slot that is bound anew for each run. */
export interface Binding {
  slot: number
  /** Place among the run's inputs or outputs. */
  index: number
  dtype: DType
  /** Bytes of an element. */
  width: number
  /** Elements that the program reaches from the offset on. */
  length: number
  /** Written by the program (outputs, and inputs updated in place). */
  written: boolean
}

export interface Plan {
  inputs: Binding[]
  outputs: Binding[]
  arena: { slot: number; offset: number }[]
  constants: { slot: number; data: TypedArray }[]
}

/** Sorts the slots by kind, and proves that what the core was promised about their sizes is so. */
export function planSlots(program: Program, graph: Graph): Plan {
  const { words, slots, arenaBytes } = program
  const plan: Plan = { inputs: [], outputs: [], arena: [], constants: [] }
  const into = new Set(graph.outputs.map((o) => o.into))
  const fresh = graph.outputs.filter((o) => o.into === undefined)
  if (words[3] !== slots.length)
    throw rejected(`${words[3]} slots in its header and ${slots.length} in its plan`)
  slots.forEach((plan_, slot) => {
    const at = 5 + 2 * slot // after the header, see kernels/program.h
    const bytes = (words[at]! >>> 0) + words[at + 1]! * 2 ** 32
    if (bytes > plan_.bytes) throw rejected(`${bytes} bytes for slot ${slot} of ${plan_.bytes}`)
    const binding = (index: number, dtype: DType, written: boolean): Binding => {
      const width = bytesOf(dtype)
      return { slot, index, dtype, width, length: Math.ceil(plan_.bytes / width), written }
    }
    if (plan_.kind === 'input') {
      const { index } = plan_
      const node = graph.inputs.find((n) => n.prim.op === 'input' && n.prim.index === index)
      if (!node) throw rejected(`a slot for input ${index}, which the graph has not`)
      plan.inputs.push(binding(index, node.dtype, into.has(index)))
    } else if (plan_.kind === 'output') {
      const output = fresh[plan_.index]
      if (!output) throw rejected(`a slot for output ${plan_.index}, which the graph has not`)
      plan.outputs.push(binding(plan_.index, output.node.dtype, true))
    } else if (plan_.kind === 'arena') {
      if (plan_.offset + plan_.bytes > arenaBytes) throw rejected(`a slot outside its arena`)
      plan.arena.push({ slot, offset: plan_.offset })
    } else {
      if (plan_.data.byteLength < plan_.bytes) throw rejected(`a constant shorter than its slot`)
      plan.constants.push({ slot, data: plan_.data })
    }
  })
  return plan
}

export function rejected(got: string): BackendError {
  return new BackendError({
    op: 'compile',
    rule: 'the core must accept the program',
    got,
    fix: 'This is a bug in nabla, please report it with the output of explain()',
  })
}

/** Why a storage cannot be bound; the fast path of a run only found that it cannot. */
export function bindingError(
  backend: Backend,
  storage: Storage | undefined,
  b: Binding,
  offset: number,
  freed: boolean | undefined,
): BackendError {
  const place = `slot ${b.index}`
  const error = (rule: string, got: string, fix?: string) =>
    new BackendError({ op: 'run', rule, got, ...(fix && { fix }) })
  if (!storage) return error('every input and output needs a storage', `none for ${place}`)
  if (storage.backend !== backend)
    return error(
      `tensors must live on the ${backend.name} backend`,
      `one on ${storage.backend.name} for ${place}`,
      'Do not mix tensors of different backends',
    )
  if (storage.dtype !== b.dtype)
    return error(`the storage for ${place} must hold ${b.dtype}`, storage.dtype)
  if (freed)
    return error(
      'the memory of a tensor must live while it is used',
      `a tensor that was disposed of, or whose ArrayBuffer was transferred, for ${place}`,
    )
  return error(
    `the storage for ${place} must reach ${b.length} elements past the offset`,
    `length ${storage.length} and offset ${offset}`,
  )
}

export function disposed(): BackendError {
  return new BackendError({
    op: 'tensor',
    rule: 'the memory of a tensor must live while it is used',
    got: 'a tensor that was disposed of',
  })
}

export function indexError(
  program: Program,
  check: number,
  value: number,
  lo: number,
  hi: number,
): IndexError {
  const { op, what } = program.checks[check] ?? { op: 'run', what: 'index' }
  return new IndexError({ op, rule: `${what} must lie in [${lo}, ${hi})`, got: `${value}` })
}

export function checkLength(length: number): void {
  if (!Number.isSafeInteger(length) || length < 0)
    throw new BackendError({
      op: 'alloc',
      rule: 'a length must be a whole number from 0 up',
      got: `${length}`,
    })
}

export function checkThreads(threads: number): number {
  if (!Number.isInteger(threads) || threads < 1 || threads > 64)
    throw new BackendError({
      op: 'setNumThreads',
      rule: 'the number of threads must be a whole number from 1 to 64',
      got: `${threads}`,
    })
  return threads
}
