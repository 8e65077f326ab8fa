/** Calls are remembered: as a graph for those who ask, as frames in plans and errors. */
import { expect, test } from 'vitest'
import {
  compile,
  logSoftmax,
  dropout,
  IndexError,
  ones,
  profile,
  symbolicTrace,
  type Tensor,
  tensor,
} from '../../src/index.js'
import * as nn from '../../src/nn/index.js'
import { SGD } from '../../src/optim/index.js'

class Net extends nn.Module {
  blocks = new nn.ModuleList([new nn.Linear(4, 4), new nn.Linear(4, 3)])
  forward(x: Tensor) {
    for (const block of this.blocks) x = (block as nn.Linear).forward(x).relu()
    return x
  }
}

test('symbolicTrace gives calls with attributes, inputs, outputs and the calls inside of them', () => {
  const net = new Net()
  const graph = symbolicTrace((x: Tensor) => logSoftmax(net.forward(x), 1), ones([2, 4]))
  expect(graph.calls.map((c) => [c.kind, c.name])).toEqual([
    ['module', 'Net'],
    ['operation', 'logSoftmax'],
  ])
  const [whole, loss] = graph.calls
  expect(whole!.inner.map((c) => c.name)).toEqual(['blocks.0', 'relu', 'blocks.1', 'relu'])
  const [linear] = whole!.inner[0]!.inner
  expect(linear).toMatchObject({ name: 'linear', kind: 'operation', module: 'Net.blocks.0' })
  // x W + b: the argument and two parameters, which the graph names by identity.
  expect(linear!.inputs.map((v) => v.kind)).toEqual(['argument', 'captured', 'captured'])
  const parameters = new Set(net.parameters() as Tensor[])
  for (const v of linear!.inputs.slice(1)) expect(parameters.has(v.tensor!)).toBe(true)
  expect(linear!.outputs).toEqual(whole!.inner[1]!.inputs)
  expect(whole!.target).toBe(net)
  expect(whole!.outputs).toEqual([loss!.inputs[0]])
  expect(loss!.attrs).toMatchObject({ axis: 1 })
  expect(loss!.inner.map((c) => c.name)).toContain('sub')
  expect(graph.outputs).toEqual(loss!.outputs)
  // 2 · 2 · 4 · 4 and 2 for the bias' sums at least.
  expect(linear!.flops).toBeGreaterThanOrEqual(64)
  expect(whole!.flops).toBeGreaterThan(linear!.flops)
  expect(`${graph}`).toContain('blocks.0(%0 (argument))')
  expect([...graph.all()].length).toBeGreaterThan(8)
})

test('a training step: gradients are calls, in the modules whose forward they belong to', () => {
  const net = new Net()
  const optimizer = new SGD(net.parameters(), { lr: 0.1 })
  const step = compile((x: Tensor) => {
    const loss = net.forward(x).square().mean()
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  })
  const before = net.parameters().map((p) => p.toArray())
  const graph = symbolicTrace(step, ones([2, 4]))
  const back = [...graph.all()].filter((c) => c.kind === 'backward')
  expect(back.map((c) => c.name)).toContain('linear backward')
  expect(back.find((c) => c.name === 'linear backward')!.module).toBe('Net.blocks.1')
  expect(step.traces).toBe(0)
  expect(net.parameters().map((p) => p.toArray())).toEqual(before)
  step(ones([2, 4]))
  // The plan tells the same.
  expect(step.explain()).toMatch(/Net\.blocks\.0\/linear/)
  expect(step.explain()).toMatch(/Net\.blocks\.1\/linear backward/)
})

class Words extends nn.Module {
  emb = new nn.Embedding(3, 2)
  forward(x: Tensor) {
    return this.emb.forward(x)
  }
}

test('an index out of range names the module and the operation, eagerly and compiled', () => {
  const model = new Words()
  const bad = tensor([1, 7], { dtype: 'int32' })
  const step = compile((x: Tensor) => model.forward(x))
  const said = (f: () => unknown): string => {
    try {
      f()
    } catch (error) {
      expect(error).toBeInstanceOf(IndexError)
      return (error as Error).message
    }
    return 'nothing'
  }
  expect(said(() => step(bad))).toMatch(/^Words\.emb: \[embedding\] /)
  expect(said(() => model.forward(bad))).toMatch(/^Words\.emb: \[embedding\] /)
  // The eager program is shared: it must not remember the module that made it.
  expect(said(() => model.emb.forward(bad))).toMatch(/^Embedding: \[embedding\] /)
})

test('the profile names modules alone', () => {
  const net = new Net()
  const rows = profile(() =>
    dropout(net.forward(ones([2, 4])), 0.5)
      .sum()
      .backward(),
  ).byLayer()
  const names = rows.map((r) => r.name)
  expect(names).toContain('Net.blocks.0')
  for (const name of names) expect(name).toMatch(/^(Net(\.blocks\.\d)?|\(outside of modules\))$/)
})
