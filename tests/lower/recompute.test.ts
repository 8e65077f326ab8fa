/** What is cheap is computed again rather than stored: when it is, when it is not, and that it never costs memory. */
import { expect, test } from 'vitest'
import { encode } from '../../src/backends/cpu/encode.js'
import type { Program } from '../../src/backends/cpu/program.js'
import type { Graph, Node } from '../../src/backends/ir.js'
import { compare } from './compare.js'
import { Builder, randomData, uniform } from './graphs.js'
import { instructionsOf, interpret, kernelsOf } from './interpret.js'

const fused = (program: Program) => instructionsOf(program).flatMap(kernelsOf)

/** The instructions of the fused kernels of a graph whose results are those of the reference. */
function kernels(graph: Graph): string[] {
  compare(graph, randomData(graph, uniform(1)), 'graph')
  return fused(encode(graph)).map((k) => k.steps.map((s) => s.op).join(' '))
}

const N = 16
/** A value that is stored, and one that can be had only after it has been read. */
function layers() {
  const b = new Builder()
  const [x, w] = [b.input([N, N]), b.input([N, N])]
  const s = b.map('sigmoid', b.matmul(x, w))
  return { b, x, w, s, later: b.matmul(b.matmul(s, w), w) }
}

test('a derivative is computed from the value that is stored anyway', () => {
  const { b, s, later } = layers()
  const derivative = b.map('mul', s, b.map('sub', b.const(1), s))
  expect(kernels(b.graph(b.map('mul', later, derivative)))).toEqual([
    'SIGMOIDF',
    'CONST SUBF MULF MULF',
  ])
})

test('by each of several readers', () => {
  const { b, s, w, later } = layers()
  const derivative = b.map('sub', b.const(1), b.map('square', s))
  const first = b.map('mul', later, derivative)
  const second = b.map('div', b.matmul(b.matmul(first, w), w), derivative)
  expect(kernels(b.graph(second))).toEqual(['SIGMOIDF', 'CONST FNMAF MULF', 'CONST FNMAF DIVF'])
})

test('a value a row likewise, and a kernel that has no work left is gone', () => {
  const b = new Builder()
  const scale = b.cast(b.input([N, 1], 'int32'), 'float32')
  const w = b.input([4, 4])
  const rows = (x: Node) => b.map('mul', b.map('sub', x, b.reduce('max', x, 1)), scale)
  const first = rows(b.matmul(b.input([N, 4]), w))
  expect(kernels(b.graph(rows(b.matmul(first, w))))).toEqual([
    'ITOF RMAXF SUBF MULF',
    'ITOF RMAXF SUBF MULF',
  ])
})

test('also from a value a row that lies in memory', () => {
  const b = new Builder()
  const [x, w] = [b.input([N, N]), b.input([N, N])]
  const most = b.reduce('max', x, 1)
  const centred = b.map('sub', x, most)
  const graph = b.graph(b.map('mul', b.matmul(b.map('exp', centred), w), centred), most)
  expect(kernels(graph)).toEqual(['RMAXF SUBF EXPF', 'SUBF MULF'])
})

test.each<[what: string, value: (l: ReturnType<typeof layers>) => Node]>([
  ['a transcendental function', ({ b, s }) => b.map('exp', s)],
  ['a quotient', ({ b, s }) => b.map('div', b.const(1), s)],
  [
    'many instructions',
    ({ b, s }) => [3, 5, 7, 9].reduce((v, c) => b.map('sub', b.const(c), v), s),
  ],
  ['what is read otherwise', ({ b, s }) => b.permute(b.map('neg', s), 1, 0)],
])('%s is stored', (_, value) => {
  const l = layers()
  const graph = l.b.graph(l.b.map('maximum', l.later, value(l)))
  expect(kernels(graph).at(-1)).toBe('MAXF')
})

test('a value is stored when two others would have to be read for it', () => {
  const { b, s, later } = layers()
  const other = b.map('exp', s)
  const graph = b.graph(b.map('maximum', later, b.map('mul', s, other)), other)
  expect(kernels(graph).at(-1)).toBe('MAXF')
})

test('so is a mask, which is smaller than what it is made from', () => {
  const { b, s, w, later } = layers()
  const mask = b.map('gt', s, b.const(0.5))
  const graph = b.graph(b.map('where', mask, b.matmul(later, w), later))
  expect(kernels(graph).at(-1)).toBe('WHERE')
})

test('what is read from an input is, if the program changes it', () => {
  const graph = (into: number) => {
    const { b, x, w, s, later } = layers()
    const y = b.map('mul', b.map('maximum', later, s), b.map('sub', s, x))
    return b.graph(y, { node: b.map('tanh', b.matmul(later, w)), into })
  }
  expect(kernels(graph(1))).toContain('MAXF SUBF MULF')
  expect(kernels(graph(0))).toContain('MAXF MULF')
})

test('a product that is rounded by itself once is so again', () => {
  const { b, s, later } = layers()
  const product = b.map('mul', s, s)
  const graph = b.graph(b.map('add', later, product), b.map('exp', product))
  expect(kernels(graph).at(-1)).toBe('ADDF')
})

test('random layers: the same bits, never more bytes read and written, never more memory', () => {
  const plain = (graph: Graph) => encode(graph, { passes: [] })
  const moved = (p: Program) => {
    const slots = fused(p).flatMap((k) =>
      [k.inputs, k.outputs].flatMap((list) => [...new Set(list.map((o) => o.slot))]),
    )
    return slots.reduce((sum, slot) => sum + (slot < 0 ? 0 : p.slots[slot]!.bytes), 0)
  }
  let fired = 0
  for (let seed = 1; seed <= 300; seed++) {
    const graph = randomLayers(seed)
    const data = randomData(graph, uniform(seed))
    const [before, after] = [plain(graph), encode(graph)]
    expect(interpret(after, graph, data), `seed ${seed}`).toEqual(interpret(before, graph, data))
    const [b, a] = [moved(before), moved(after)]
    if (`${before.words}` !== `${after.words}`) {
      fired++
      expect(a, `bytes, seed ${seed}`).toBeLessThan(b)
    }
    expect(after.arenaBytes, `memory, seed ${seed}`).toBeLessThanOrEqual(before.arenaBytes)
  }
  expect(fired).toBeGreaterThan(60)
})

function randomLayers(seed: number): Graph {
  const next = uniform(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!
  const b = new Builder()
  const w = b.input([N, N])
  const pool = [b.input([N, N]), w]
  const late = () =>
    pool[Math.max(Math.floor(next() * pool.length), pool.length - 1 - Math.floor(next() * 5))]!
  const mask = () => b.map(pick(['lt', 'ge', 'ne'] as const), late(), b.const(0))
  const makers = [
    () => b.matmul(late(), w),
    () => b.map(pick(['sigmoid', 'tanh', 'sin'] as const), late()),
    () => b.map(pick(['add', 'sub', 'mul', 'maximum'] as const), late(), late()),
    () => b.map(pick(['sub', 'mul'] as const), b.const(0.5), late()),
    () => b.map(pick(['square', 'neg', 'abs'] as const), late()),
    () => b.map('where', mask(), late(), pick([b.const(0), late()])),
    () => b.map('mul', late(), b.map('sub', late(), b.reduce('max', late(), pick([0, 1])))),
  ]
  while (pool.length < 24) {
    pool.push(pick(makers)())
  }
  const changed = { node: b.map('tanh', late()), into: 0 }
  return b.graph(pool.at(-1)!, late(), ...(next() < 0.3 ? [changed] : []))
}
