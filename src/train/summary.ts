/** A model as a table: layers, output shapes, parameters, floating-point operations. */
import { type CallRecord, symbolicTrace } from '../compile/calls.js'
import { show } from '../core/errors.js'
import { grouped } from '../core/text.js'
import type { Shape } from '../core/shape.js'
import type { Module } from '../nn/module.js'
import { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/state.js'
import { zeros } from '../tensor/creation.js'
import { untouched } from './untouched.js'

export interface LayerSummary {
  /** Path in the model; the model itself has none. */
  path: string
  type: string
  /** The shape of its output for the example, or the shapes of several tensors. */
  output: string
  /** Parameters of the module and of its children; shared ones are counted once, where they come first. */
  parameters: number
  /** Floating-point operations of one forward pass of the example: an addition, a product, a function value count 1. */
  flops: number
  depth: number
}

export interface Summary {
  layers: LayerSummary[]
  parameters: number
  trainable: number
  flops: number
  /** Bytes of the outputs of all layers without children, which are saved for backward at least. */
  activationBytes: number
  toString(): string
}

const shapesOf = (out: unknown): string =>
  out instanceof Tensor
    ? show(out.shape)
    : Array.isArray(out)
      ? out.map(shapesOf).filter(Boolean).join(', ')
      : ''

/**
 * Runs the model once in evaluation mode on an example (a shape stands for zeros of float32; batch axis included)
 * and lists its layers.
 *
 * @example summary(new Linear(2, 3), [1, 2]).parameters // 9
 */
export function summary(
  model: Module & { forward(...inputs: never[]): unknown },
  ...inputs: (Shape | Tensor)[]
): Summary {
  const tensors = inputs.map((x) => (x instanceof Tensor ? x : zeros(x)))
  const outputs = new Map<Module, string>()
  const work = new Map<Module, number>()
  let activationBytes = 0
  // Modules report after their forward: work done since an inner one began belongs to the outer ones too.
  const stops = [...model.namedModules()].map(([, m]) =>
    m.onForward((_m, _inputs, out) => {
      outputs.set(m, shapesOf(out))
      if (out instanceof Tensor && m.namedChildren().next().done) activationBytes += out.size * 4
    }),
  )
  const forward = (...xs: Tensor[]) =>
    noGrad(() => (model.forward as (...xs: Tensor[]) => unknown)(...xs))
  try {
    untouched(model, () => {
      model.eval()
      addWork(symbolicTrace(forward, ...tensors).calls, work)
    })
  } finally {
    for (const stop of stops) stop()
  }
  const seen = new Set<Tensor>()
  const layers = [...model.namedModules()].map(([path, m]): LayerSummary => {
    const own = m.parameters().filter((p) => !seen.has(p))
    if (m.namedChildren().next().done) for (const p of own) seen.add(p)
    return {
      path,
      type: m.constructor.name,
      output: outputs.get(m) ?? '',
      parameters: own.reduce((s, p) => s + p.size, 0),
      flops: work.get(m) ?? 0,
      depth: path === '' ? 0 : path.split('.').length,
    }
  })
  const parameters = model.parameterCount()
  const trainable = model.parameters().reduce((s, p) => s + (p.requiresGrad ? p.size : 0), 0)
  const flops = work.get(model) ?? 0
  const result = { layers, parameters, trainable, flops, activationBytes }
  return { ...result, toString: () => table(result) }
}

/** Adds the work of each module's forward, and that of modules to the containers which hold them: `blocks` of `blocks.0`. */
function addWork(calls: readonly CallRecord[], work: Map<Module, number>, around?: Module): void {
  const add = (m: Module, flops: number) => work.set(m, (work.get(m) ?? 0) + flops)
  for (const { kind, name, target, inner, flops } of calls) {
    if (kind !== 'module') {
      addWork(inner, work, around)
      continue
    }
    const own = target as Module
    add(own, flops)
    for (const [path, m] of around?.namedModules() ?? [])
      if (path !== '' && m !== own && name.startsWith(`${path}.`)) add(m, flops)
    addWork(inner, work, own)
  }
}

const units = ['', ' k', ' M', ' G', ' T']
function short(n: number): string {
  let u = 0
  for (; n >= 1000 && u < units.length - 1; u++) n /= 1000
  return `${u === 0 ? n : n.toFixed(n < 10 ? 2 : 1)}${units[u]}`
}

function table(s: Omit<Summary, 'toString'>): string {
  const head = ['layer', 'output', 'parameters', 'FLOP']
  const rows = s.layers.map((l) => [
    `${'  '.repeat(l.depth)}${l.path.split('.').pop() ? `${l.path.split('.').pop()}: ` : ''}${l.type}`,
    l.output,
    grouped(l.parameters),
    short(l.flops),
  ])
  const width = head.map((h, c) => Math.max(h.length, ...rows.map((r) => r[c]!.length)))
  const line = (r: string[]) =>
    r
      .map((v, c) => (c < 2 ? v.padEnd(width[c]!) : v.padStart(width[c]!)))
      .join('  ')
      .trimEnd()
  const rule = '─'.repeat(width.reduce((a, b) => a + b + 2, -2))
  const frozen = s.parameters - s.trainable
  return [
    line(head),
    rule,
    ...rows.map(line),
    rule,
    `${grouped(s.parameters)} parameters${frozen ? `, ${grouped(frozen)} of them frozen` : ''} (${short(s.parameters * 4)}B), ${short(s.flops)}FLOP forward, ${short(s.activationBytes)}B of activations`,
  ].join('\n')
}
