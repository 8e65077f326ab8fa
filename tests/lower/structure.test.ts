/** What is fused, where results go, how much memory is worked in: the shape of programs rather than their values. */
import { sum } from '../../src/ops/broadcast.js'
import { add, div, mul, sub } from '../../src/ops/arithmetic.js'
import { expect, test } from 'vitest'
import { encode, planFor } from '../../src/backends/cpu/encode.js'
import { explain } from '../../src/backends/lower/explain.js'
import { fusedOps, opcodes } from '../../src/backends/cpu/opcodes.js'
import type { Graph, Node } from '../../src/backends/ir.js'
import {
  layerNorm,
  linear,
  narrow,
  ones,
  reshape,
  select,
  softmax,
  type Tensor,
  zeros,
} from '../../src/index.js'
import { assign } from '../../src/ops/assign.js'
import { sqrt, square } from '../../src/ops/functions.js'
import { Builder } from './graphs.js'
import { fusedNames, instructionsOf, kernelOf, opcodeNames } from './interpret.js'
import { traced } from './trace.js'

const kinds = (graph: Graph) => instructionsOf(encode(graph)).map((i) => i.name)
const leaf = (...shape: number[]) => ones(shape).requireGrad()

test('instructions have the numbers of program.h', () => {
  expect(Object.entries(opcodes)).toEqual(
    opcodeNames.flatMap((name, code) => (name ? [[name, code]] : [])),
  )
  expect(Object.entries(fusedOps)).toEqual(
    fusedNames.flatMap((name, code) => (name ? [[name.toLowerCase(), code]] : [])),
  )
})

test('softmax is one kernel, and so is it with its gradient', () => {
  const x = leaf(64, 100)
  expect(kinds(traced(() => softmax(x)))).toEqual(['FUSED'])
  const both = traced(() => {
    const y = softmax(x)
    sum(square(y)).backward()
    return y
  })
  expect(kinds(both)).toEqual(['FUSED'])
  const { rows, cols } = kernelOf(instructionsOf(encode(both))[0]!.words)
  expect([rows, cols]).toEqual([64, 100])
})

test('layer norm, its gradients and those of its weights are one kernel', () => {
  const [x, w, b] = [leaf(64, 100), leaf(100), leaf(100)]
  const graph = traced(() => {
    const loss = sum(square(layerNorm(x, [100], w, b)))
    loss.backward()
    return loss
  })
  expect(graph.outputs.length).toBe(4)
  expect(kinds(graph)).toEqual(['FUSED'])
})

test('a step of Adam is one kernel a parameter, which works in place', () => {
  const parameters = [ones([30, 20]), ones([7])].map((p) => ({
    p,
    g: ones(p.shape),
    m: zeros(p.shape),
    v: zeros(p.shape),
  }))
  const program = encode(
    traced(() => {
      for (const { p, g, m, v } of parameters) {
        assign(m, add(mul(m, 0.9), mul(g, 0.1)))
        assign(v, add(mul(v, 0.999), mul(square(g), 0.001)))
        assign(p, sub(p, div(mul(m, 0.001), add(sqrt(v), 1e-8))))
      }
    }),
  )
  const kernels = instructionsOf(program)
  expect(kernels.map((k) => k.name)).toEqual(['FUSED', 'FUSED'])
  expect(kernels.map((k) => kernelOf(k.words).cols)).toEqual([600, 7])
  expect(program.arenaBytes).toBe(0)
  expect(program.slots.every((s) => s.kind === 'input')).toBe(true)
})

test('the bias of a linear layer is added by the matrix product, the weight read as it lies', () => {
  const [x, w, b] = [leaf(64, 100), leaf(50, 100), leaf(50)]
  expect(kinds(traced(() => linear(x, w, b)))).toEqual(['MATMUL'])
})

test('the bias of a convolution is added by it', () => {
  const b = new Builder()
  const window = { kernel: [2], stride: [1], dilation: [1], padding: [[1, 1] as [number, number]] }
  const y = b.add({ op: 'conv', window, groups: 1 }, [b.input([2, 3, 5]), b.input([4, 3, 2])])
  const channels = b.map('add', y, b.expand(b.reshape(b.input([4]), [1, 4, 1]), [2, 4, 6]))
  expect(kinds(b.graph(channels))).toEqual(['CONV'])
  const columns = b.map('add', y, b.input([6]))
  expect(kinds(b.graph(columns))).toEqual(['CONV', 'FUSED'])
})

test('a value that others want is not lost to the bias', () => {
  const b = new Builder()
  const product = b.matmul(b.input([2, 3]), b.input([3, 4]))
  expect(kinds(b.graph(b.map('add', product, b.input([4])), product))).toEqual(['MATMUL', 'FUSED'])
})

test('views are read where they lie', () => {
  const b = new Builder()
  const x = b.input([6, 5])
  const part = b.view(b.permute(x, 1, 0), {
    shape: [5, 3],
    offset: [0, 5],
    axes: [[[0, 1]], [[1, -2]]],
  })
  expect(kinds(b.graph(b.map('exp', part)))).toEqual(['FUSED'])
})

test('repeated and dead work is left out', () => {
  const b = new Builder()
  const x = b.input([4])
  b.map('sin', x)
  const y = b.map('add', b.map('exp', x), b.map('mul', b.map('exp', x), b.const(1)))
  const [kernel] = instructionsOf(encode(b.graph(y)))
  expect(kernelOf(kernel!.words).steps.map((s) => s.op)).toEqual(['EXPF', 'ADDF'])
})

test('working memory serves again when its value is dead', () => {
  const b = new Builder()
  let x = b.input([32, 32])
  const w = b.input([32, 32])
  for (let i = 0; i < 10; i++) x = b.map('tanh', b.matmul(x, w))
  const program = encode(b.graph(x))
  expect(instructionsOf(program).length).toBe(20)
  expect(program.arenaBytes).toBeLessThanOrEqual(2 * 32 * 32 * 4)
})

test('a kernel writes over what it reads for the last time, where that lies as the result does', () => {
  const slots = (read: (b: Builder, x: Node) => Node, more: (b: Builder, x: Node) => Node[]) => {
    const b = new Builder()
    const w = b.input([4, 4])
    const x = b.matmul(b.input([4, 4]), w)
    const y = b.map('exp', read(b, x))
    const program = encode(b.graph(b.matmul(y, w), ...more(b, x)))
    const kernel = instructionsOf(program).find((i) => i.name === 'FUSED')!
    const { inputs, outputs } = kernelOf(kernel.words)
    return [inputs[0]!.slot, outputs[0]!.slot]
  }
  const [from, to] = slots(
    (_, x) => x,
    () => [],
  )
  expect(to).toBe(from)
  for (const [a, b] of [
    slots(
      (b, x) => b.permute(x, 1, 0),
      () => [],
    ),
    slots(
      (b, x) => b.map('add', b.permute(x, 1, 0), x),
      () => [],
    ),
    slots(
      (_, x) => x,
      (b, x) => [b.matmul(x, x)],
    ),
    slots(
      (_, x) => x,
      (_, x) => [x],
    ),
  ])
    expect(b).not.toBe(a)
})

test('checks run before memory from outside is changed', () => {
  const b = new Builder()
  const [x, i] = [b.input([8]), b.input([3], 'int32')]
  const changed = b.map('mul', x, b.const(2))
  const index = b.add({ op: 'check', lo: 0, hi: 5, what: 'a label' }, [i])
  const program = encode(b.graph({ node: changed, into: 0 }, index))
  const kernels = instructionsOf(program).map((k) => kernelOf(k.words))
  const check = kernels.findIndex((k) => k.steps.some((s) => s.op === 'CHECK'))
  const change = kernels.findIndex((k) =>
    k.outputs.some((o) => program.slots[o.slot]!.kind === 'input'),
  )
  expect(check).toBeGreaterThanOrEqual(0)
  expect(change).toBeGreaterThan(check)
})

test('explain names the operations and counts instructions', () => {
  const text = explain(planFor(traced(() => softmax(leaf(4, 5)))))
  expect(text).toMatch(/softmax/)
  expect(text).toMatch(/4×5/)
  expect(text).toMatch(/1 instructions?/)
})

test('gradients of parts of a tensor are put side by side, not added up', () => {
  const x = leaf(8, 12)
  const parts = (spread: (t: Tensor) => Tensor[]) =>
    kinds(
      traced(() => {
        const loss = spread(x)
          .map((t, i) => sum(square(mul(t, i + 1))))
          .reduce((a, b) => add(a, b))
        loss.backward()
        return loss
      }),
    )
  const halves = (t: Tensor) => [0, 1].map((at) => select(t, 0, at))
  const copies = (list: string[]) => list.filter((k) => k !== 'FUSED')
  expect(copies(parts((t) => [0, 4, 8].map((at) => narrow(t, 1, at, 4))))).toEqual(['COPY', 'COPY', 'COPY']) // biome-ignore format: a line
  expect(copies(parts((t) => [4, 0, 8].map((at) => narrow(t, 1, at, 4))))).toEqual(['COPY', 'COPY', 'COPY']) // biome-ignore format: a line
  expect(copies(parts((t) => halves(reshape(t, [2, 48]))))).toEqual(['COPY', 'COPY']) // biome-ignore format: a line
  // Apart, but not the whole: zeros once, and no sum.
  expect(copies(parts((t) => [0, 6].map((at) => narrow(t, 1, at, 4))))).toEqual(['FILL', 'COPY', 'COPY']) // biome-ignore format: a line
  // Parts that meet are added up.
  expect(copies(parts((t) => [0, 3].map((at) => narrow(t, 1, at, 4)))).filter((k) => k === 'FILL').length).toBe(2) // biome-ignore format: a line
})
