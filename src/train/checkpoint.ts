/** The complete state of a training run as one safetensors file: a run that is resumed from it ends with the same bits. */
import { FileError, show, ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { parseChecked, serializeChecked } from '../io/checksum.js'
import type { Module } from '../nn/module.js'
import type { Optimizer } from '../optim/optimizer.js'
import { treeMap } from '../core/tree.js'
import { Tensor } from '../ops/tensor.js'
import { toBackend } from '../tensor/creation.js'
import { defaultGenerator } from '../tensor/random.js'

/** A learning-rate schedule; those of nabla/optim are such. */
export interface Schedule {
  step(metric?: number): void
  stateDict(): unknown
  loadStateDict(state: never): void
  /** Checks a saved state and returns a function that loads it. */
  prepareStateDict?(state: never): () => void
  /** Told by `fit` which number of the log it will be given, and whether small or large values of that are good. */
  watch?(name: string, better: 'min' | 'max' | undefined): void
}

/** The parts of a run that a checkpoint saves. */
export interface Parts {
  model: Module
  optimizer?: Optimizer
  schedule?: Schedule
}

const FORMAT = 'nabla checkpoint 2'

interface Header {
  format: string
  groups?: { lr: number; options: object }[]
  schedule?: unknown
  generator: number[]
  extra: unknown
}

// JSON has no infinities, which "best so far" begins with, and no tensors.
const encode = (_key: string, v: unknown) =>
  typeof v === 'number' && !Number.isFinite(v) ? { $number: `${v}` } : v
const decode = (tensors: Record<string, Tensor>) => (_key: string, v: unknown) => {
  if (typeof v !== 'object' || v === null) return v
  if ('$number' in v) return Number(v.$number)
  return '$tensor' in v ? tensors[`extra.${v.$tensor}`] : v
}
const isTensor = (v: unknown): v is Tensor => v instanceof Tensor

/**
 * Weights and buffers, optimizer, schedule, the state of the random generator, and `extra` (anything that JSON
 * writes, and infinities, NaN and tensors); gradients too when asked to. The file carries its checksum.
 */
export function serializeCheckpoint(
  parts: Parts,
  extra: unknown = null,
  options: { gradients?: boolean } = {},
): Uint8Array {
  const { gradients = false } = checkOptions('serializeCheckpoint', options, ['gradients'])
  const tensors: Record<string, Tensor> = {}
  for (const [name, t] of Object.entries(parts.model.stateDict())) tensors[`model.${name}`] = t
  if (gradients)
    for (const [name, p] of parts.model.namedParameters())
      if (p.grad) tensors[`grad.${name}`] = p.grad
  let count = 0
  const plain = treeMap(extra, isTensor, (t) => {
    tensors[`extra.${count}`] = t
    return { $tensor: count++ }
  })
  const header: Header = {
    format: FORMAT,
    generator: defaultGenerator.getState(),
    extra: plain,
  }
  if (parts.optimizer) {
    const saved = parts.optimizer.stateDict()
    for (const [name, t] of Object.entries(saved.tensors)) tensors[`optimizer.${name}`] = t
    header.groups = saved.groups
  }
  if (parts.schedule) header.schedule = parts.schedule.stateDict()
  return serializeChecked(tensors, { checkpoint: JSON.stringify(header, encode) })
}

/** The result of `accept`: false refuses `extra`; an object tells how to load it and how to undo that. */
export type Restored = boolean | { take(): void; undo(): void }

/** The metadata of a checkpoint. @throws FileError for bytes that are no checkpoint, or a damaged one */
function readCheckpoint(bytes: Uint8Array): {
  header: Header
  tensors: Record<string, Tensor>
} {
  const { tensors, metadata } = parseChecked(bytes, { required: false })
  let cause: unknown
  let header: Header | undefined
  try {
    header = JSON.parse(metadata.checkpoint ?? '', decode(tensors)) as Header
  } catch (error) {
    cause = error
  }
  const isWord = (n: unknown) => typeof n === 'number' && Number.isInteger(n)
  if (
    header?.format === FORMAT &&
    Array.isArray(header.generator) &&
    header.generator.length === 3 &&
    header.generator.every(isWord)
  ) {
    parseChecked(bytes)
    return { header, tensors }
  }
  throw new FileError(
    {
      op: 'checkpoint',
      rule: `the file must hold a checkpoint (${FORMAT})`,
      got: metadata.checkpoint ? 'another format, or a damaged one' : 'only tensors',
      fix: 'Weights alone are loaded by loadTensors and model.loadStateDict.',
    },
    { cause },
  )
}

/**
 * Restores all parts in place and returns `extra`, which `accept` checks first. Everything is checked before anything
 * changes.
 * @throws FileError for bytes that are no checkpoint, or a damaged one; ValueError or ShapeError when it is one of another
 * model, optimizer or schedule; nothing is changed then
 */
export function restoreCheckpoint(
  bytes: Uint8Array,
  parts: Parts,
  accept: (extra: unknown) => Restored = () => true,
): unknown {
  const { header, tensors } = readCheckpoint(bytes)
  const part = (prefix: string) =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([k]) => k.startsWith(prefix))
        .map(([k, t]) => [k.slice(prefix.length), t]),
    )
  const { model, optimizer, schedule } = parts
  const lack = (what: string) =>
    new ValueError({
      op: 'checkpoint',
      rule: `the checkpoint must hold a ${what}`,
      got: 'none',
      fix: 'It was saved without one.',
    })
  if (optimizer && !header.groups) throw lack('state of the optimizer')
  if (schedule && header.schedule === undefined) throw lack('state of the schedule')
  const accepted = accept(header.extra)
  if (accepted === false)
    throw new FileError({
      op: 'checkpoint',
      rule: `the file must hold a checkpoint (${FORMAT}) of a run`,
      got: 'another one, or a damaged one',
    })
  const takeOptimizer = optimizer?.prepareStateDict({
    tensors: part('optimizer.'),
    groups: header.groups as never,
  })
  const takeSchedule = schedule?.prepareStateDict?.(header.schedule as never)
  const params = new Map<string, Tensor>(model.namedParameters())
  const grads = Object.entries(part('grad.')).map(([name, grad]): [Tensor, Tensor] => {
    const p = params.get(name)
    if (!p || !sameShape(p.shape, grad.shape) || p.dtype !== grad.dtype)
      throw new ValueError({
        op: 'checkpoint',
        rule: 'every gradient must be that of a parameter, of its shape',
        got: `${name} ${show(grad.shape)}`,
      })
    return [p, toBackend(grad, p.backend)]
  })

  // The next steps may still be refused; each can be undone until the last one.
  const undo: (() => void)[] = []
  try {
    if (typeof accepted === 'object') {
      undo.push(() => accepted.undo())
      accepted.take()
    }
    if (schedule && !takeSchedule) {
      const before = schedule.stateDict()
      undo.push(() => schedule.loadStateDict(before as never))
      schedule.loadStateDict(header.schedule as never)
    }
    model.loadStateDict(part('model.'))
  } catch (error) {
    for (const f of undo.reverse()) f()
    throw error
  }
  takeOptimizer?.()
  takeSchedule?.()
  for (const [p, grad] of grads) p.grad = grad
  defaultGenerator.setState(header.generator)
  return header.extra
}
