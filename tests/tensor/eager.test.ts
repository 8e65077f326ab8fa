/** What single operations do without a program: one value everywhere, views. */
import { hostArray } from '../../src/backends/host.js'
import {
  backend,
  type BackendName,
  compile,
  full,
  setBackend,
  type Tensor,
  tensor,
  zeros,
  zerosLike,
} from 'nabla'
import { afterAll, describe, expect, test, vi } from 'vitest'

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
    hostArray(a.storage!).fill(5)
    expect([...zeros([3]).toTypedArray(), ...zerosLike(a).toTypedArray()]).toEqual([
      0, 0, 0, 0, 0, 0,
    ])
    expect(zeros([0, 2]).shape).toEqual([0, 2])
  })
})

describe.each(backends)('views, %s', (name) => {
  const programs = (f: () => void): number => {
    const spy = vi.spyOn(backend(), 'compile')
    f()
    const n = spy.mock.calls.length
    spy.mockRestore()
    return n
  }

  test('need no program, whatever their place', () => {
    setBackend(name)
    const x = tensor(
      Float32Array.from({ length: 24 }, (_, i) => i),
      { shape: [4, 3, 2] },
    )
    const seen: Tensor[] = []
    const made = programs(() => {
      for (let i = 0; i < 3; i++)
        seen.push(
          x.select(1, i),
          x.narrow(0, i, 2),
          x.slice([[i, null], -1]),
          x.permute([i, (i + 1) % 3, (i + 2) % 3]),
          x.transpose(0, i),
          x.flip(i),
          x.unsqueeze(i),
          x.unsqueeze(i).squeeze(),
          x.unsqueeze(0).expand([i, 4, 3, 2]),
          x.reshape([-1, i + 2]),
        )
    })
    expect(made).toBe(0)
    for (const t of seen) expect(t.storage).toBe(x.storage)
    expect(
      x
        .select(1, 2)
        .slice([[null, null, -2]])
        .toArray(),
    ).toEqual([
      [22, 23],
      [10, 11],
    ])
    // Where a reshape needs a copy there is a program, and memory of its own.
    const turned = x.transpose(0, 2)
    expect(programs(() => seen.push(turned.reshape([24])))).toBe(1)
    expect(seen.at(-1)!.storage).not.toBe(x.storage)
    expect(
      seen
        .at(-1)!
        .slice([[0, 5]])
        .toArray(),
    ).toEqual([0, 6, 12, 18, 2])
  })

  test('gradients of rows share one program, and are those of the compiled step', () => {
    setBackend(name)
    const x = zeros([9, 3], { requiresGrad: true })
    const weight = tensor([1, 2, 3])
    const step = (i: number) => {
      x.grad = null
      x.select(0, i).mul(weight).sum().backward()
    }
    step(0)
    const made = programs(() => {
      for (let i = 1; i < 9; i++) step(i)
    })
    expect(made).toBe(0)
    const eager = x.grad!.toArray()
    compile(() => step(8), { keepGrads: true })()
    expect(x.grad!.toArray()).toEqual(eager)
    expect(eager).toEqual([...new Array(8).fill([0, 0, 0]), [1, 2, 3]])
  })
})
