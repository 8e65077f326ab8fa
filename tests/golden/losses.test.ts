import * as nabla from 'nabla'
import { compile, gradients, logSoftmax, type Tensor } from 'nabla'
import * as nn from 'nabla/nn'
import { describe, expect, test } from 'vitest'
import { type Case, expectClose, golden, revive } from './fixture.js'

/** The module of each function. */
const modules: Record<string, string> = {
  binaryCrossEntropy: 'BCELoss',
  binaryCrossEntropyWithLogits: 'BCEWithLogitsLoss',
  klDiv: 'KLDivLoss',
  mseLoss: 'MSELoss',
  nllLoss: 'NLLLoss',
  ctcLoss: 'CTCLoss',
}
const moduleName = (name: string) =>
  modules[name] ?? name[0]!.toUpperCase() + name.slice(1) + (name.endsWith('Loss') ? '' : 'Loss')

interface Loss {
  function: string
  inputs: Tensor[]
  extra: unknown[]
  options: Record<string, unknown>
  out: Tensor
  ct?: Tensor
  grads?: (Tensor | null)[]
}

function check(c: Case, how: (loss: Loss) => (...inputs: Tensor[]) => Tensor) {
  const loss = revive(c) as Loss
  const { inputs, out, ct, grads } = loss
  const call = how(loss)
  inputs.forEach((t, i) => {
    t.requiresGrad = Boolean(grads?.[i])
  })
  // PyTorch's gradient of CTC assumes log-softmax before it.
  const first = (x: Tensor) => (loss.function === 'ctcLoss' ? logSoftmax(x, -1) : x)
  const run = (...all: Tensor[]) => {
    const y = call(first(all[0]!), ...all.slice(1))
    const wanted = all.filter((t) => t.requiresGrad)
    return [y, ...gradients(y, wanted, [ct ?? null])]
  }
  for (const f of [run, compile(run)]) {
    const [y, ...got] = f(...inputs)
    expectClose(y!, out)
    const want = (grads ?? []).filter((g) => g !== null)
    expect(got.length).toBe(want.length)
    got.forEach((g, i) => {
      expectClose(g!, want[i]!, 1e-4, `gradient ${i}`)
    })
  }
}

const functions = new Map<string, unknown>(Object.entries(nabla))
const layers = new Map<string, unknown>(Object.entries(nn))
const cases = golden('losses')
describe('functions', () => {
  test.each(cases)('$name', (c) => {
    check(c, ({ function: name, extra, options }) => {
      const f = functions.get(name) as (...args: unknown[]) => Tensor
      if (name === 'pairwiseDistance' || name === 'cosineSimilarity') return f
      return (...inputs) => f(...inputs, ...extra, options)
    })
  })
})
describe('modules', () => {
  test.each(cases.filter((c) => layers.has(moduleName(c.function as string))))('$name', (c) => {
    check(c, ({ function: name, extra, options }) => {
      const Module = layers.get(moduleName(name)) as new (o: object) => nn.Module
      const module = new Module(options)
      return (...inputs) => module.forward(...([...inputs, ...extra] as never[])) as Tensor
    })
  })
  test('every loss that PyTorch has is among them', () => {
    const tested = new Set(cases.map((c) => moduleName(c.function as string)))
    const own = ['HingeLoss']
    for (const name of [...layers.keys()].filter((n) => n.endsWith('Loss') && !own.includes(n)))
      expect(tested, name).toContain(name)
  })
})
