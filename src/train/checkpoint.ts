/** All that a training run is at one moment, as one safetensors file: a run that goes on from it ends with the same bits. */
import { FileError, ValueError } from '../core/errors.js'
import { parseSafetensors, serializeSafetensors } from '../io/safetensors.js'
import type { Module } from '../nn/module.js'
import type { Optimizer } from '../optim/optimizer.js'
import { treeMap } from '../core/tree.js'
import { Tensor } from '../ops/tensor.js'
import { defaultGenerator } from '../tensor/random.js'

/** A learning-rate schedule; those of nabla/optim are such. */
export interface Schedule {
  step(metric?: number): void
  stateDict(): unknown
  loadStateDict(state: never): void
}

/** What belongs to a run and is saved with it. */
export interface Parts {
  model: Module
  optimizer?: Optimizer
  schedule?: Schedule
}

const FORMAT = 'nabla checkpoint 1'

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
 * writes, and infinities, NaN and tensors).
 */
export function serializeCheckpoint(parts: Parts, extra: unknown = null): Uint8Array {
  const tensors: Record<string, Tensor> = {}
  for (const [name, t] of Object.entries(parts.model.stateDict())) tensors[`model.${name}`] = t
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
  return serializeSafetensors(tensors, { checkpoint: JSON.stringify(header, encode) })
}

/**
 * Puts everything back into the parts, in place, and gives `extra`, of which `whole` says whether it is as it was saved.
 * @throws FileError for bytes that are no checkpoint, ValueError or ShapeError when it is one of another model or
 * optimizer; nothing is changed then
 */
export function restoreCheckpoint(
  bytes: Uint8Array,
  parts: Parts,
  whole: (extra: unknown) => boolean = () => true,
): unknown {
  const { tensors, metadata } = parseSafetensors(bytes)
  let header: Header
  try {
    header = JSON.parse(metadata.checkpoint ?? '', decode(tensors)) as Header
    if (header.format !== FORMAT || !Array.isArray(header.generator)) throw new Error(header.format)
    if (!whole(header.extra)) throw new Error('damaged')
  } catch (error) {
    throw new FileError(
      {
        op: 'checkpoint',
        rule: `the file must hold a checkpoint (${FORMAT})`,
        got: metadata.checkpoint ? 'another format, or a damaged one' : 'only tensors',
        fix: 'Weights alone are loaded by loadTensors and model.loadStateDict.',
      },
      { cause: error },
    )
  }
  const part = (prefix: string) =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([k]) => k.startsWith(prefix))
        .map(([k, t]) => [k.slice(prefix.length), t]),
    )
  const { optimizer, schedule } = parts
  const lack = (what: string) =>
    new ValueError({
      op: 'checkpoint',
      rule: `the checkpoint must hold a ${what}`,
      got: 'none',
      fix: `It was saved without one.`,
    })
  if (optimizer && !header.groups) throw lack('state of the optimizer')
  if (schedule && header.schedule === undefined) throw lack('state of the schedule')
  if (optimizer && header.groups!.length !== optimizer.groups.length)
    throw new ValueError({
      op: 'checkpoint',
      rule: `the optimizer has ${optimizer.groups.length} groups`,
      got: `${header.groups!.length} in the checkpoint`,
    })
  parts.model.loadStateDict(part('model.'))
  optimizer?.loadStateDict({ tensors: part('optimizer.'), groups: header.groups as never })
  schedule?.loadStateDict(header.schedule as never)
  defaultGenerator.setState(header.generator)
  return header.extra
}
