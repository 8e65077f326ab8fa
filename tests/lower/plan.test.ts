/** Plans without any backend: run by plain loops, on graphs of every kind, they give what the graphs mean. */
import { describe, expect, test } from 'vitest'
import type { Graph } from '../../src/backends/ir.js'
import { encode } from '../../src/backends/cpu/encode.js'
import { explain } from '../../src/backends/lower/explain.js'
import { hostCalls } from '../../src/backends/lower/hostCalls.js'
import { lower } from '../../src/backends/lower/lower.js'
import { runGraph } from '../../src/backends/reference/index.js'
import { extras } from '../../src/core/extras.js'
import type { TypedArray } from '../../src/core/dtype.js'
import { Builder, randomData, randomGraph, uniform } from './graphs.js'
import { instructionsOf } from './interpret.js'
import { runPlan } from './run.js'

extras.hostCalls = hostCalls
// More than any backend has: plans are cut to the limits of the one that asks.
const limits = { outer: 16, operands: 1000 }

function check(graph: Graph, data: readonly TypedArray[], what: string): void {
  const plan = lower(graph, { limits })
  const expected = runGraph(graph, data)
  const { outputs } = runPlan(plan, graph, data)
  outputs.forEach((out, i) => {
    const want = expected[i]!
    expect(out.length).toBe(want.length)
    for (let j = 0; j < out.length; j++) {
      const [x, y] = [Number(out[j]), Number(want[j])]
      if (Object.is(x, y) || x === y || Math.abs(x - y) <= 1e-4 * (1 + Math.abs(y))) continue
      expect.fail(`${what}, output ${i}, element ${j}: ${x} instead of ${y}\n${explain(plan)}`)
    }
  })
}

const seeds = Number(process.env.NABLA_SEEDS ?? 200)
test.each([3, 8, 20, 60])('random graphs of %i nodes', (size) => {
  for (let seed = 1; seed <= seeds; seed++) {
    const graph = randomGraph(1000 * size + seed, size)
    check(graph, randomData(graph, uniform(seed)), `seed ${1000 * size + seed}`)
  }
})

test('steps of the host start early and are waited for late', () => {
  const b = new Builder()
  const [x, w] = [b.input([4, 4]), b.input([4, 4])]
  const call = {
    name: 'negate',
    start:
      ([from]: readonly { data(): TypedArray }[], [to]: readonly { data(): TypedArray }[]) =>
      () => {
        from!.data().forEach((v: number | bigint, i: number) => {
          to!.data()[i] = -Number(v) as never
        })
      },
  }
  const y = b.add({ op: 'host', call, gives: [{ shape: [4, 4], dtype: 'float32' }] }, [
    b.matmul(x, w),
  ])
  const graph = b.graph(b.map('add', y, b.matmul(b.map('exp', x), w)))
  const plan = lower(graph, { limits })
  const kinds = plan.steps.map((s) => (s.kind === 'host' ? s.phase : s.kind))
  expect(kinds).toEqual(['prim', 'start', 'fused', 'prim', 'wait', 'fused'])
  check(graph, randomData(graph, uniform(1)), 'host')
})

describe('a plan has nothing of a processor in it', () => {
  test('operands, axes, steps in SSA form, buffers, what is done in place', () => {
    const b = new Builder()
    const [x, w] = [b.input([8, 16]), b.input([16, 4])]
    const y = b.map('mul', b.map('exp', x), b.map('sub', x, b.reduce('max', x, 1)))
    const graph = b.graph(b.map('tanh', b.matmul(y, w)))
    const plan = lower(graph, { limits })
    const [first, second, third] = plan.steps as [never, never, never]
    expect(first).toMatchObject({
      kind: 'fused',
      body: {
        extents: [8, 16],
        inputs: [{ dtype: 'float32', strides: [16, 1], cls: 0, indices: false }],
        steps: [
          { fn: 'exp', cls: 0, args: [0] },
          { fn: 'max', cls: 1, args: [0] },
          { fn: 'sub', cls: 0, args: [0, 2] },
          { fn: 'mul', cls: 0, args: [1, 3] },
        ],
        outputs: [{ dtype: 'float32', strides: [16, 1], mode: 'set', value: 4 }],
      },
    })
    expect(second).toMatchObject({ kind: 'prim', prim: { op: 'matmul' } })
    const kernel = third as {
      inputs: { buffer: unknown }[]
      outputs: { buffer: { kind: string } }[]
    }
    expect(kernel.outputs[0]!.buffer.kind).toBe('output')
    expect(
      plan.buffers.map((buffer) => [buffer.kind, buffer.bytes, buffer.first, buffer.last]),
    ).toEqual([
      ['arena', 512, 0, 1],
      ['input', 512, 0, 0],
      ['arena', 128, 1, 2],
      ['input', 256, 1, 1],
      ['output', 128, 2, 2],
    ])
    expect(plan.arenaBytes).toBe(640)
    // Data and nothing else: it survives being written down.
    const text = JSON.stringify(plan.steps, (key, value) => (key === 'buffer' ? value?.id : value))
    expect(text).not.toMatch(/word|register|slot|opcode/)
  })

  test('kernels that are alike share one body', () => {
    const b = new Builder()
    const w = b.input([8, 8])
    let x = b.input([8, 8])
    for (let i = 0; i < 5; i++) x = b.map('tanh', b.matmul(x, w))
    const plan = lower(b.graph(x), { limits })
    const bodies = plan.steps.flatMap((s) => (s.kind === 'fused' ? [s.body] : []))
    expect(bodies.length).toBe(5)
    expect(new Set(bodies).size).toBe(1)
  })

  test('sums over different axes of one space do not', () => {
    const b = new Builder()
    const x = b.input([4, 4])
    const y = b.input([4, 4])
    const graph = b.graph(b.reduce('sum', x, 0), b.reduce('sum', y, 0, 1))
    check(graph, randomData(graph, uniform(1)), 'sums')
  })
})

test('an optimizer over many parameters is one step', () => {
  const b = new Builder()
  const rate = b.input([])
  const outputs = []
  const sizes = Array.from({ length: 260 }, (_, i) => (i % 3 === 0 ? [7] : [4, 1 + (i % 5)]))
  for (const shape of sizes) {
    const [p, g, m] = [b.input(shape), b.input(shape), b.input(shape)]
    const next = b.map('add', b.map('mul', m, b.const(0.9)), g)
    outputs.push({ node: next, into: b.inputs.indexOf(m) })
    outputs.push({ node: b.map('sub', p, b.map('mul', next, rate)), into: b.inputs.indexOf(p) })
  }
  const graph = b.graph(...outputs)
  const plan = lower(graph, { limits })
  expect(plan.steps.map((s) => s.kind)).toEqual(['list'])
  const elements = sizes.reduce((sum, s) => sum + s.reduce((x, y) => x * y, 1), 0)
  expect(explain(plan)).toContain(`fused ${elements} in 260 tensors`)
  check(graph, randomData(graph, uniform(1)), 'optimizer')
  // And one instruction.
  expect(instructionsOf(encode(graph)).map((i) => i.name)).toEqual(['LIST'])
})

test('kernels that read what others of them write are no list', () => {
  const b = new Builder()
  const rows = Array.from({ length: 6 }, () => b.input([8]))
  // Each is changed by the next one's value, which must be the old one.
  const graph = b.graph(
    ...rows.map((x, i) => ({ node: b.map('add', x, rows[(i + 1) % 6]!), into: i })),
    ...rows.map((x, i) => b.map('exp', b.map('mul', x, rows[(i + 2) % 6]!))),
  )
  check(graph, randomData(graph, uniform(1)), 'ring')
})

test('lowering grows in proportion to the graph', () => {
  // Layers whose values are read far away, as activations are in the backward pass.
  const layers = (n: number) => {
    const b = new Builder()
    const w = b.input([4, 4])
    let x = b.input([4, 4])
    const kept = []
    for (let i = 0; i < n; i++) {
      const y = b.matmul(x, w)
      kept.push(y)
      x = b.map('add', x, b.map('tanh', y))
    }
    let g = x
    for (const y of kept.reverse()) {
      const d = b.map('sub', b.const(1), b.map('square', b.map('tanh', y)))
      g = b.map('add', g, b.matmul(b.map('mul', g, d), w))
    }
    return b.graph(g)
  }
  // Time of the processor, which other processes do not take part in, in turn: the least of each.
  const sizes = [200, 1600]
  const graphs = sizes.map(layers)
  const least = sizes.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < 5; round++)
    graphs.forEach((graph, i) => {
      const before = process.cpuUsage()
      for (let again = 0; again < (i === 0 ? 2 : 1); again++) lower(graph, { limits })
      const { user, system } = process.cpuUsage(before)
      least[i] = Math.min(least[i]!, (user + system) / (i === 0 ? 2 : 1))
    })
  // Eight times the layers: quadratic work would take 64 times as long.
  expect(least[1]! / least[0]!).toBeLessThan(40)
}, 120_000)
