/** Operands that are easy to get wrong: broadcast ones under reductions, memory that is read and changed. */
import { expect, test } from 'vitest'
import { recurrentCells } from '../../src/backends/ir.js'
import { compare } from './compare.js'
import { Builder, randomData, uniform } from './graphs.js'

const check = (b: Builder, ...outputs: Parameters<Builder['graph']>) => {
  const graph = b.graph(...outputs)
  compare(graph, randomData(graph, uniform(1)), 'graph')
}

test.each(['sum', 'max', 'prod'] as const)('%s of a broadcast column, beside the column', (fn) => {
  const b = new Builder()
  const x = b.input([3, 1])
  const wide = b.expand(x, [3, 4])
  check(b, b.map('add', b.reduce(fn, wide, 1), x), b.reduce(fn, wide, 0, 1), b.reduce(fn, wide, 0))
})

test('a sum of a constant and of indices', () => {
  const b = new Builder()
  const i = b.leaf({ op: 'iota', axis: 1, shape: [4, 3, 2] })
  const x = b.input([4, 3, 2], 'int32')
  check(
    b,
    b.reduce('sum', b.expand(b.const(3), [5, 4]), 1),
    b.reduce('sum', b.map('add', x, i), 1, 2),
    b.reduce('sum', i, 0, 2),
  )
})

test('constants that print alike are different', () => {
  const b = new Builder()
  const x = b.input([3])
  const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 0, -0]
  const view = { shape: [3], offset: [1], axes: [[[0, 1] as const]] }
  check(
    b,
    ...values.map((v) => b.map('div', b.const(1), b.map('mul', b.map('abs', x), b.const(v)))),
    ...values.map((fill) => b.add({ op: 'place', shape: [4], view, fill, accumulate: false }, [x])),
  )
})

test('kernels that would need too many registers or outputs are cut', () => {
  const b = new Builder()
  let x = b.input([3])
  const all = Array.from({ length: 60 }, (_, i) => (x = b.map('sub', x, b.const(0.01 * i + 1))))
  check(b, ...all)
  const c = new Builder()
  const many = Array.from({ length: 60 }, () => c.input([3]))
  check(
    c,
    many.reduce((y, z) => c.map('maximum', y, z)),
    ...many.map((y) => c.map('neg', y)),
  )
})

test('two tensors change places', () => {
  const b = new Builder()
  const [x, y] = [b.input([4]), b.input([4])]
  check(b, { node: x, into: 1 }, { node: y, into: 0 })
  const c = new Builder()
  const [p, q] = [c.input([4]), c.input([4])]
  check(c, { node: c.map('add', p, q), into: 0 }, { node: c.map('sub', p, q), into: 1 })
})

test('a tensor changed by values that lie elsewhere in it', () => {
  const b = new Builder()
  const x = b.input([4, 4])
  check(b, { node: b.map('add', x, b.transpose(x)), into: 0 }, b.map('exp', x))
  const c = new Builder()
  const y = c.input([4, 4])
  check(c, { node: c.matmul(y, y), into: 0 })
  const d = new Builder()
  const z = d.input([3, 4])
  check(d, { node: d.map('sub', z, d.reduce('max', z, 1)), into: 0 }, d.reduce('sum', z, 0))
})

test('one value for several outputs', () => {
  const b = new Builder()
  const x = b.input([3])
  const y = b.map('exp', x)
  check(b, y, y, { node: y, into: 0 }, x, b.reshape(y, [3, 1]))
})

test('the comparison fails on a wrong value', () => {
  const b = new Builder()
  const x = b.input([3])
  const graph = b.graph(b.map('exp', x))
  const data = randomData(graph, uniform(1))
  const wrong = b.graph(b.map('neg', x))
  expect(() => compare(graph, data, 'right')).not.toThrow()
  expect(() => compare(graph, data, 'wrong', wrong)).toThrow(/wrong, output 0/)
})

test.each(['tanh', 'relu', 'lstm', 'gru'] as const)('operands of a recurrent layer: %s', (cell) => {
  const { gates } = recurrentCells[cell]
  for (const reverse of [false, true])
    for (const optional of [false, true]) {
      const b = new Builder()
      const run = { cell, steps: [3, 2, 2], reverse }
      // The weight is read the other way round, so that it has to be copied first.
      const weight = b.permute(b.input([2, gates * 2]), 1, 0)
      const states = cell === 'lstm' ? [b.input([3, 2]), b.input([3, 2])] : [b.input([3, 2])]
      const bias = optional && cell === 'gru' ? [b.input([2])] : []
      const ofCells = optional && cell === 'lstm' ? [b.input([7, 2])] : []
      const x = b.input([7, gates * 2])
      const kept = b.add({ op: 'recurrent', run }, [x, weight, ...states, ...bias])
      const given = [kept, b.input([7, 2]), weight, ...states, ...ofCells]
      check(b, kept, b.add({ op: 'recurrentBack', run }, given))
    }
})
