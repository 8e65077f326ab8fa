/** What single operations do without a program: one value everywhere, views. */
import { type BackendName, compile, full, setBackend, zeros, zerosLike } from 'nabla'
import { afterAll, describe, expect, test } from 'vitest'

const backends: BackendName[] = ['native', 'wasm', 'reference']
afterAll(() => setBackend('native'))

describe.each(backends)('%s', (name) => {
  test.each([
    ['bool', 2, 1],
    ['bool', Number.NaN, 0],
    ['int32', -2.7, -2],
    ['float32', 0.1, Math.fround(0.1)],
    ['float32', -0, -0],
  ] as const)('full of %s %d, eager and compiled', (dtype, value, want) => {
    setBackend(name)
    const make = () => full([2, 3], value, { dtype })
    for (const t of [make(), compile(make)()])
      expect([...t.toTypedArray()]).toEqual(new Array(6).fill(want))
  })

  test('zeros are memory of their own', () => {
    setBackend(name)
    const a = zeros([3])
    a.storage!.array().fill(5)
    expect([...zeros([3]).toTypedArray(), ...zerosLike(a).toTypedArray()]).toEqual([
      0, 0, 0, 0, 0, 0,
    ])
    expect(zeros([0, 2]).shape).toEqual([0, 2])
  })
})
