/** Every layer against PyTorch: the cases of the topics whose names begin with `layers_`. See layer() in common.py. */
import { readdirSync } from 'node:fs'
import { compile, gradients, type Tensor } from 'nabla'
import * as nn from 'nabla/nn'
import { describe, expect, test } from 'vitest'
import { isFloat } from '../laws/table.js'
import { exempt, layers, tensorsOf } from '../laws/layers.js'
import { type Case, expectClose, golden, revive } from './fixture.js'

type Runnable = nn.Module & { forward(...inputs: unknown[]): unknown }
interface Golden {
  kind: string
  args: unknown[]
  state: Record<string, Tensor>
  inputs: Tensor[]
  /** Options of forward. */
  call?: object
  train?: {
    outs: Tensor[]
    cts: Tensor[]
    grads: Tensor[]
    weightGrads: Record<string, Tensor | null>
    state: Record<string, Tensor>
  }
  eval: Tensor[]
}

/** Modules among the arguments are written as {kind, args}. */
const build = (v: unknown): unknown => {
  if (Array.isArray(v)) return v.map(build)
  if (typeof v !== 'object' || v === null) return v
  const spec = v as { kind?: string; args?: unknown[] }
  if (spec.kind === undefined)
    return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, build(x)]))
  const type = (nn as unknown as Record<string, new (...args: unknown[]) => Runnable>)[spec.kind]!
  return new type(...(build(spec.args) as unknown[]))
}

const topics = readdirSync(new URL('./data', import.meta.url))
  .filter((f) => f.startsWith('layers_'))
  .map((f) => f.replace('.json', ''))
const cases = topics.flatMap((t) => golden(t) as (Case & { kind: string })[])

describe.each([false, true])('compiled: %s', (compiled) => {
  test.each(cases)('$name', (raw) => {
    const c = revive(raw) as unknown as Golden
    const module = build({ kind: c.kind, args: raw.args }) as Runnable
    module.loadStateDict(c.state)
    const more = c.call ? [c.call] : []
    const call = <R>(f: (...inputs: Tensor[]) => R) => (compiled ? compile(f) : f)(...c.inputs)
    if (c.train) {
      const { outs, cts, grads, weightGrads, state } = c.train
      const leaves = c.inputs.filter((t) => isFloat(t.dtype))
      for (const t of leaves) t.requiresGrad = true
      const [got, found] = call((...inputs) => {
        const results = tensorsOf(module.forward(...inputs, ...more))
        const wanted = [...inputs.filter((t) => isFloat(t.dtype)), ...module.parameters()]
        const roots = results.filter((t) => t.requiresGrad)
        return [results, wanted.length > 0 ? gradients(roots, wanted, cts) : []]
      })
      expect(got.length).toBe(outs.length)
      outs.forEach((w, i) => {
        expect(got[i]!.dtype).toBe(w.dtype)
        expectClose(got[i]!, w, 1e-5, `result ${i}`)
      })
      const names = module.namedParameters().map(([n]) => n)
      expect(names).toEqual(Object.keys(weightGrads))
      const wanted = [...grads, ...names.map((n) => weightGrads[n] ?? null)]
      wanted.forEach((w, i) => {
        const what = i < grads.length ? `gradient of input ${i}` : names[i - grads.length]!
        if (w) expectClose(found[i]!, w, 5e-5, what)
        else expect(found[i], what).toBeNull()
      })
      const saved = module.stateDict()
      const buffers = Object.fromEntries(module.namedBuffers().filter(([n]) => n in saved))
      expect(Object.keys(buffers)).toEqual(Object.keys(state))
      for (const [n, w] of Object.entries(state)) expectClose(buffers[n]!, w, 1e-5, n)
    }
    module.eval()
    const evaluated = call((...inputs) => tensorsOf(module.forward(...inputs, ...more)))
    c.eval.forEach((w, i) => {
      expectClose(evaluated[i]!, w, 2e-5, `result ${i} in evaluation`)
    })
  })
})

test('no layer goes without golden numbers', () => {
  const proved = new Set(cases.map((c) => c.kind))
  const elsewhere = ['RNN', 'LSTM', 'GRU', 'RNNCell', 'LSTMCell', 'GRUCell']
  const missing = Object.keys(layers).filter(
    (name) => !proved.has(name) && !exempt[name] && !elsewhere.includes(name),
  )
  expect(missing).toEqual([])
})
