/** What native and WebAssembly executables share: the plan of slots, checks before a run, errors after it. */
import { bytesOf, type DType } from '../../core/dtype.js'
import { BackendError, IndexError } from '../../core/errors.js'
import type { Backend, Storage } from '../backend.js'
import { callOf } from '../call.js'
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

/** How the slots of a program are bound. */
export interface Bindings {
  inputs: Binding[]
  outputs: Binding[]
  arena: { slot: number; offset: number }[]
}

/** Sorts the slots by kind, and proves that what the core was promised about their sizes is so. */
export function bindSlots(program: Program, graph: Graph): Bindings {
  const { words, slots, arenaBytes } = program
  const bindings: Bindings = { inputs: [], outputs: [], arena: [] }
  const into = new Set(graph.outputs.map((o) => o.into))
  const fresh = graph.outputs.filter((o) => o.into === undefined)
  const inputs = new Map(graph.inputs.map((n) => [n.prim.op === 'input' ? n.prim.index : -1, n]))
  if (words[3] !== slots.length)
    throw rejected(`${words[3]} slots in its header and ${slots.length} in its plan`)
  for (let slot = 0; slot < slots.length; slot++) {
    const { kind, index, offset, bytes } = slots[slot]!
    const at = 5 + 2 * slot // after the header, see kernels/program.h
    const stated = (words[at]! >>> 0) + words[at + 1]! * 2 ** 32
    if (stated > bytes) throw rejected(`${stated} bytes for slot ${slot} of ${bytes}`)
    const binding = (dtype: DType, written: boolean): Binding => {
      const width = bytesOf(dtype)
      return { slot, index, dtype, width, length: Math.ceil(bytes / width), written }
    }
    if (kind === 'input') {
      const node = inputs.get(index)
      if (!node) throw rejected(`a slot for input ${index}, which the graph has not`)
      bindings.inputs.push(binding(node.dtype, into.has(index)))
    } else if (kind === 'output') {
      const output = fresh[index]
      if (!output) throw rejected(`a slot for output ${index}, which the graph has not`)
      bindings.outputs.push(binding(output.node.dtype, true))
    } else {
      if (offset + bytes > arenaBytes) throw rejected(`a slot outside its arena`)
      bindings.arena.push({ slot, offset })
    }
  }
  return bindings
}

/** Refuses a tensor that an unfinished call is changing. */
export function inUse(): BackendError {
  return new BackendError({
    op: 'run',
    rule: 'a tensor that an asynchronous call is changing cannot be used',
    got: 'one of a call that is not finished',
    fix: 'Await the promise of step.async(...) first.',
  })
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
  if (!storage)
    return new BackendError({
      op: 'run',
      rule: 'every input and output needs a storage',
      got: `none for ${place}`,
    })
  if (storage.backend !== backend)
    return new BackendError({
      op: 'run',
      rule: `tensors must live on the ${backend.name} backend`,
      got: `one on ${storage.backend.name} for ${place}`,
      fix: 'Do not mix tensors of different backends',
    })
  if (storage.dtype !== b.dtype)
    return new BackendError({
      op: 'run',
      rule: `the storage for ${place} must hold ${b.dtype}`,
      got: storage.dtype,
    })
  if (freed)
    return new BackendError({
      op: 'run',
      rule: 'this tensor was disposed, or its ArrayBuffer was transferred, and can no longer be used',
      got: place,
    })
  return new BackendError({
    op: 'run',
    rule: `the storage for ${place} must reach ${b.length} elements past the offset`,
    got: `length ${storage.length} and offset ${offset}`,
  })
}

export function disposed(): BackendError {
  return new BackendError({
    op: 'tensor',
    rule: 'this tensor was disposed and can no longer be used',
    fix: 'Dispose of a tensor after its last use; return from tidy what must live longer.',
  })
}

export function indexError(
  program: Program,
  check: number,
  value: number,
  lo: number,
  hi: number,
): IndexError {
  const { call, what } = program.checks[check] ?? { call: callOf('run'), what: 'index' }
  return new IndexError({
    op: call.operation,
    rule: `${what} must lie in [${lo}, ${hi})`,
    got: `${value}`,
  }).addPath(call.layer)
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
