/**
 * Random expressions at the end of products and convolutions: activations, residuals, scales, rows, columns, dropout, masks, sums, several
 * results. The plan by plain loops, the words by plain loops, and every backend on one and two threads give what the graph
 * means, and the backends the bits that the kernel gives by itself.
 */
import { describe, expect, test } from 'vitest'
import { encode, type Layers } from '../../src/backends/cpu/encode.js'
import { NativeBackend } from '../../src/backends/cpu/native.js'
import { loadAddon } from '../../src/backends/cpu/platform.node.js'
import type { Program } from '../../src/backends/cpu/program.js'
import { hostArray } from '../../src/backends/host.js'
import type { Graph, Node } from '../../src/backends/ir.js'
import { explain } from '../../src/backends/lower/explain.js'
import { epilogues } from '../../src/backends/lower/epilogues.js'
import { lower } from '../../src/backends/lower/lower.js'
import { recompute } from '../../src/backends/lower/recompute.js'
import { runGraph } from '../../src/backends/reference/index.js'
import type { TypedArray } from '../../src/core/dtype.js'
import { sizeOf } from '../../src/core/shape.js'
import { compare } from './compare.js'
import { Builder, randomData, uniform } from './graphs.js'
import { instructionsOf, type Kernel, kernelsOf } from './interpret.js'
import { runPlan } from './run.js'

const limits = { outer: 16, operands: 1000 }
const folded = { passes: [recompute, epilogues(0)] }

/** By the ways of a convolution: flat copies, images as lanes, Winograd's transforms, matrix products. */
const convolutions: readonly (readonly [n: number, c: number, o: number, at: number[], kernel: number[], stride: number, pad: number, groups: number])[] = [
  [2, 3, 20, [19, 23], [3, 3], 1, 1, 1], [3, 4, 6, [40], [5], 2, 2, 2], [2, 6, 8, [9, 12], [1, 1], 1, 0, 1],
  [33, 5, 9, [6, 7], [3, 3], 1, 1, 1], [40, 4, 18, [8, 8], [2, 2], 2, 0, 2], [70, 3, 4, [5, 6], [3, 3], 1, 0, 1],
  [2, 9, 17, [15, 13], [3, 3], 1, 1, 1], [1, 16, 8, [6, 150], [3, 3], 1, 1, 1], [3, 8, 30, [31, 8], [3, 3], 1, 0, 1],
  [1, 64, 40, [4, 4], [4, 4], 2, 1, 1], [4, 48, 32, [6, 6], [4, 4], 2, 1, 1], [2, 3, 5, [3, 4, 5], [2, 2, 2], 1, 1, 1],
] // biome-ignore format: a table

/** A product or a convolution, then values that read it at its own places: what is stored of them is up to chance. */
function randomEnd(seed: number, large: boolean): Graph {
  const next = uniform(seed)
  const below = (n: number) => Math.floor(next() * n)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  const b = new Builder()
  const conv = next() < 0.4
  const few = () => (next() < 0.1 ? 1 : 1 + below(large ? 90 : 9))
  if (conv) {
    const [n, c, o, at, kernel, stride, pad, groups] = pick(convolutions)
    const [images, channels] = large ? [n, o] : [1 + below(2), groups * (1 + below(3))]
    const ones = at.map(() => 1)
    const window = { kernel, stride: at.map(() => stride), dilation: ones, padding: at.map(() => [pad, pad] as const) } // biome-ignore format: a line
    const inputs = [b.input([images, c, ...at]), b.input([channels, c / groups, ...kernel])]
    let y = b.add({ op: 'conv', window, groups }, inputs)
    if (next() < 0.5) y = b.map('add', y, b.input([channels, ...ones]))
    // Places as one axis.
    if (next() < 0.3) y = b.reshape(y, [images, channels, sizeOf(y.shape.slice(2))])
    const space = y.shape
    const places = space.slice(2).map(() => 1)
    const given = [space, [channels, ...places], [images, 1, ...places], [1, 1, ...space.slice(2)], [images, channels, ...places], places] // biome-ignore format: a line
    const sums = space.flatMap((_, a) => (a === 1 ? [] : [a]))
    return ending(b, y, next, () => b.input(pick(given)), sums)
  }
  const batch = next() < 0.3 ? [1 + below(3)] : []
  const sizes = [
    () => [few(), 1000 + below(60), few()],
    // A few rows by a matrix that comes from memory.
    () => [2 + below(6), 300 + below(60), 230 + below(60)],
    () => [few(), few(), few()],
  ] as const
  const [m, n, k] = sizes[large ? Math.min(2, below(10)) : 2]!() as [number, number, number]
  const left = next() < 0.5 ? b.input([...batch, m, k]) : b.transpose(b.input([...batch, k, m]))
  const right = next() < 0.5 ? b.input([...batch, k, n]) : b.transpose(b.input([...batch, n, k]))
  const product = b.matmul(left, right)
  // Rows of the result may be counted by two axes.
  const rows = batch.length === 0 && m % 2 === 0 && next() < 0.4 ? [2, m / 2] : [...batch, m]
  const space = [...rows, n]
  const start = next() < 0.5 ? b.map('add', product, b.input([n])) : product
  const first = rows.length === 2 && batch.length === 0 ? b.reshape(start, space) : start
  const beside = () => {
    const ones = space.map(() => 1)
    return pick([
      () => b.input(space),
      () => b.input([n]),
      () => b.input([...rows, 1]),
      () => b.input([...ones.slice(1), n]),
      () => b.input(ones),
      () => b.const(next() - 0.5),
    ])()
  }
  const square = large || space.length > batch.length + 2 ? undefined : [...batch, n, n]
  const sums = rows.map((_, a) => a)
  return ending(b, first, next, beside, sums, square)
}

/** Values that read a result, and some of them as outputs. */
function ending(
  b: Builder,
  first: Node,
  next: () => number,
  beside: () => Node,
  sums: readonly number[],
  /** Of a matrix for one more product. */
  square?: readonly number[],
): Graph {
  const below = (n: number) => Math.floor(next() * n)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  const pool: Node[] = [first]
  const space = first.shape
  const any = () => pick(pool)
  const makers = [
    () => b.map(pick(['add', 'sub', 'mul', 'maximum'] as const), any(), any()),
    () => b.map(pick(['add', 'mul', 'sub', 'minimum'] as const), any(), beside()),
    () => b.map(pick(['tanh', 'sigmoid', 'exp', 'erf', 'square', 'abs', 'neg'] as const), any()),
    () => b.map('where', b.map(pick(['gt', 'le'] as const), any(), b.const(0)), any(), beside()),
    () => b.map('mul', any(), b.cast(b.map('lt', any(), beside()), 'float32')),
    () => b.map('mul', b.matmul(any(), b.input(square!)), any()),
  ]
  for (let i = 2 + below(7); i > 0; i--) pool.push(pick(makers.slice(0, square ? 6 : 5))())
  const last = b.map('mul', pool.at(-1)!, pool[0]!)
  const more = [
    () => [b.reduce('sum', last, ...sums)],
    () => [b.reduce('max', any(), 0)],
    () => [b.reduce('sum', any(), ...space.map((_, a) => a))],
    () => [any()],
    () => [b.map('gt', last, b.const(0))],
    () => [],
  ]
  const outputs = [last, ...pick(more)(), ...pick(more)()].filter(
    (x, i, all) => all.indexOf(x) === i,
  )
  return b.graph(...outputs)
}

const ended = (program: Program) =>
  instructionsOf(program).filter(
    (i) => (i.name === 'MATMUL' || i.name === 'CONV') && kernelsOf(i).length > 0,
  ).length

const seeds = Number(process.env.NABLA_SEEDS ?? 150)

test('the plan and its words', () => {
  let found = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const graph = randomEnd(seed, false)
    const data = randomData(graph, uniform(seed))
    const expected = runGraph(graph, data)
    const { outputs } = runPlan(lower(graph, { limits, ...folded }), graph, data)
    outputs.forEach((out, i) => {
      for (let j = 0; j < out.length; j++) {
        const [x, y] = [Number(out[j]), Number(expected[i]![j])]
        if (x === y || Math.abs(x - y) <= 1e-4 * (1 + Math.abs(y))) continue
        expect.fail(`seed ${seed}, output ${i}, element ${j}: ${x} instead of ${y}`)
      }
    })
    compare(graph, data, `seed ${seed}`, graph, folded)
    found += ended(encode(graph, folded))
  }
  expect(found).toBeGreaterThan(0.7 * seeds)
})

const { addon } = loadAddon()
const backends = (addon?.isas() ?? []).map((isa): [string, NativeBackend] => [
  isa,
  new NativeBackend(addon!, isa),
])
describe.each(backends)('%s', (_, backend) => {
  const run = (graph: Graph, data: readonly TypedArray[], layers?: Layers) => {
    const inputs = data.map((a, i) => {
      const node = graph.inputs.find((n) => n.prim.op === 'input' && n.prim.index === i)!
      return backend.from(node.dtype, a.slice())
    })
    const outputs = graph.outputs.map(({ node: { dtype, shape } }) => backend.alloc(dtype, sizeOf(shape))) // biome-ignore format: a line
    const program = backend.load(encode(graph, layers), graph)
    program.run(inputs, outputs)
    const list = outputs.map((o) => hostArray(o).slice())
    program.free()
    return list
  }
  test.each([1, 2])('the same bits with %i threads', (threads) => {
    backend.threads = threads
    for (let seed = 1; seed <= seeds; seed++) {
      const graph = randomEnd(seed, true)
      const data = randomData(graph, uniform(seed))
      const [apart, together] = [undefined, folded].map((layers) => run(graph, data, layers))
      graph.outputs.forEach(({ node: { prim } }, i) => {
        const [want, got] = [apart![i]!, together![i]!]
        // Sums over rows are taken block by block.
        const summed = prim.op === 'reduce' && prim.fn === 'sum'
        for (let j = 0; j < want.length; j++) {
          const [x, y] = [Number(got[j]), Number(want[j])]
          if (Object.is(x, y) || (summed && Math.abs(x - y) <= 1e-6 * want.length * 100 * (1 + Math.abs(y)))) continue // biome-ignore format: a line
          expect.fail(`seed ${seed}, output ${i}, element ${j}: ${x} instead of ${y}`)
        }
      })
    }
  })
})

describe('what is an end', () => {
  const kinds = (graph: Graph) => instructionsOf(encode(graph, folded)).map((i) => i.name)
  const kernels = (graph: Graph) => instructionsOf(encode(graph, folded)).flatMap(kernelsOf)

  test('an activation, a residual and a scale are the end of a product', () => {
    const b = new Builder()
    const [x, w, residual] = [b.input([6, 8]), b.input([8, 4]), b.input([2, 3, 4])]
    const sums = b.map('add', b.matmul(x, w), b.input([4]))
    const y = b.map('add', b.map('tanh', b.reshape(sums, [2, 3, 4])), residual)
    const graph = b.graph(b.map('mul', b.input([]), y), b.reduce('sum', y, 0, 1))
    expect(kinds(graph)).toEqual(['MATMUL'])
    const [kernel] = kernels(graph)
    expect([kernel!.rows, kernel!.cols]).toEqual([6, 4])
    expect(explain(lower(graph, { limits, ...folded }))).toContain(
      'matmul 6×8 by 8×4 + bias, then tanh add',
    )
    // Where it is not folded, nothing of it is in the plan.
    expect(instructionsOf(encode(graph)).map((i) => i.name)).toEqual(['MATMUL', 'FUSED'])
  })

  test('normalization by known numbers, a residual and an activation are the end of a convolution', () => {
    const b = new Builder()
    const window = { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding: [[1, 1], [1, 1]] } as const // biome-ignore format: a line
    const y = b.add({ op: 'conv', window, groups: 1 }, [
      b.input([2, 3, 8, 8]),
      b.input([4, 3, 3, 3]),
    ])
    const channel = () => b.input([4, 1, 1])
    const normal = b.map('add', b.map('mul', b.map('sub', y, channel()), channel()), channel())
    const graph = b.graph(b.map('maximum', b.map('add', normal, b.input([2, 4, 8, 8])), b.const(0)))
    expect(kinds(graph)).toEqual(['CONV'])
    const [kernel] = kernels(graph)
    expect([kernel!.outer, kernel!.rows, kernel!.cols]).toEqual([[2], 4, 64])
    // Sums of each channel are taken on the way; what differs from column to column is none.
    const z = b.map('exp', y)
    expect(kinds(b.graph(z, b.reduce('sum', z, 0, 2, 3)))).toEqual(['CONV'])
    expect(kinds(b.graph(b.map('mul', y, b.input([8]))))).toEqual(['CONV', 'FUSED'])
    expect(kinds(b.graph(z, b.reduce('sum', z, 0, 3)))).toEqual(['CONV', 'FUSED'])
  })

  test('a small result of a convolution is in the cache, and a residual comes in its order: what reads them stays apart', () => {
    const steps = (n: number, residual: boolean) => {
      const b = new Builder()
      const window = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [[0, 0], [0, 0]] } as const // biome-ignore format: a line
      const y = b.add({ op: 'conv', window, groups: 1 }, [b.input([n, 2, 64, 64]), b.input([4, 2, 1, 1])]) // biome-ignore format: a line
      const z = residual ? b.map('add', y, b.input(y.shape)) : y
      return instructionsOf(encode(b.graph(b.map('tanh', z)), { passes: [epilogues()] })).length
    }
    expect([steps(2, false), steps(128, false), steps(128, true)]).toEqual([2, 1, 2])
  })

  test('what runs over whole rows, or at other places, is none', () => {
    const product = (b: Builder) => b.matmul(b.input([6, 8]), b.input([8, 6]))
    const both = (f: (b: Builder, x: Node) => Node) => {
      const b = new Builder()
      return kinds(b.graph(f(b, product(b))))
    }
    expect(both((b, x) => b.map('sub', x, b.reduce('max', x, 1)))).toEqual(['MATMUL', 'FUSED'])
    expect(both((b, x) => b.map('exp', b.permute(x, 1, 0)))).toEqual(['MATMUL', 'FUSED'])
    expect(both((b, x) => b.map('add', x, b.permute(x, 1, 0)))).toEqual(['MATMUL', 'FUSED'])
    // A residual that a later product has a hand in is read where both are there.
    const after = both((b, x) => b.map('add', x, b.matmul(b.map('exp', x), b.input([6, 6]))))
    expect(after).toEqual(['MATMUL', 'MATMUL'])
  })

  test('a value that others want is stored beside, and layers share a kernel', () => {
    const b = new Builder()
    const product = b.matmul(b.input([2, 3]), b.input([3, 4]))
    const graph = b.graph(b.map('add', product, b.input([4])), product)
    expect(kinds(graph)).toEqual(['MATMUL'])
    const [{ inputs, outputs }] = kernels(graph) as [Kernel]
    expect(outputs.length).toBe(1)
    expect(inputs.map((o) => o.slot)).not.toContain(outputs[0]!.slot)

    const c = new Builder()
    const w = c.input([8, 8])
    let x = c.input([8, 8])
    for (let i = 0; i < 5; i++) x = c.map('tanh', c.matmul(x, w))
    const { steps } = lower(c.graph(x), { limits, ...folded })
    const bodies = steps.flatMap((s) => (s.kind === 'prim' ? [s.epilogue!.body] : []))
    expect([bodies.length, new Set(bodies).size]).toEqual([5, 1])
  })
})
