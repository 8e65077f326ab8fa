/** Operations refuse arguments that they would not look at, and those of another kind, in words that name the operation. */
import * as nabla from 'nabla'
import * as linalg from 'nabla/linalg'
import { beforeAll, describe, expect, test } from 'vitest'
import { maker } from './make.js'
import { tested } from './table.js'

const { conv1d, conv2d, conv3d, convTranspose1d, NablaError, ones, relu, setBackend } = nabla

beforeAll(() => setBackend('reference'))

/** Those that users call; the others get what these have checked. */
const open = new Set([...Object.keys(nabla), ...Object.keys(linalg)])
// Public functions of the same name check for the first two; the others take views that only nabla makes.
for (const name of ['full', 'linspace', 'placed', 'viewed']) open.delete(name)

describe.each([...tested].filter(([name]) => open.has(name)))('%s', (_name, { call, spec }) => {
  const [args] = spec.example(maker(1))

  test('refuses one argument too many', () => {
    const full = [...args]
    // What has a position is left out, up to more than any operation takes.
    while (full.length < 12) full.push(undefined)
    expect(() => call(...full, 12345)).toThrow(NablaError)
  })
  test.each([
    ['an object of options', { junkOption: 1 }],
    ['a string', 'junk'],
    ['a function', () => 1],
  ])('refuses %s in the position of each argument', (_what, junk) => {
    args.forEach((_, i) => {
      const given = args.map((a, k) => (k === i ? junk : a))
      expect(() => call(...given), `argument ${i + 1}`).toThrow(NablaError)
    })
  })
})

test('a list is mapped by an operation', () => {
  expect([ones([1]), ones([2])].map(relu).map((t) => t.shape)).toEqual([[1], [2]])
})

test('a shape written as separate numbers is answered with the list', () => {
  const x = ones([2, 3]) as unknown as Record<string, (...n: number[]) => unknown>
  for (const name of ['reshape', 'permute', 'repeat', 'tile', 'expand'])
    expect(() => x[name]!(3, 2), name).toThrow(/one argument: \[3, 2\]/)
})

test('functions made of operations refuse likewise', () => {
  const [x, v] = [ones([2, 2]), ones([2])] as unknown as [never, never]
  for (const call of [
    () => nabla.outer(v, undefined as never),
    () => nabla.dot(v, 'junk' as never),
    () => nabla.rot90(x, 'junk' as never),
    () => nabla.rot90(x, 1, { axes: [0, 1] } as never),
    () => nabla.unflatten(x, 1, 2 as never),
    () => nabla.squeeze(x, { dim: 0 } as never),
    () => nabla.instanceNorm(ones([2, 4, 3]), { eps: 1 } as never),
    () => nabla.layerNorm(x, [2], { eps: 1 } as never),
  ])
    expect(call, `${call}`).toThrow(NablaError)
})

test('options may follow the weight, where the bias is left out', () => {
  const options = { padding: 1, stride: 2 }
  const shapes = [conv1d, conv2d, conv3d, convTranspose1d].map((f, i) => {
    const n = (i % 3) + 1
    const x = ones([1, 1, ...Array(n).fill(5)])
    const w = ones([1, 1, ...Array(n).fill(3)])
    const short = f(x, w, options)
    expect(short.toArray()).toEqual(f(x, w, null, options).toArray())
    return short.shape
  })
  expect(shapes[1]).toEqual([1, 1, 3, 3])
  expect(() => conv1d(ones([1, 1, 4]), ones([1, 1, 3]), { paddding: 1 } as object)).toThrow(
    'Did you mean padding?',
  )
})
