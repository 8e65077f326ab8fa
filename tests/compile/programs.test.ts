/** How many programs a compiled function keeps, the memory they share, and buckets. */
import {
  compile,
  crossEntropy,
  manualSeed,
  normal,
  ones,
  randint,
  setBackend,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from 'nabla'
import { runInNewContext } from 'node:vm'
import { setFlagsFromString } from 'node:v8'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { Arena } from '../../src/backends/cpu/arena.js'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

const backends = ['native', 'wasm'] as const
const programsOf = (f: { explain(): string }) => f.explain().match(/^program /gm)?.length ?? 0
let warn = vi.spyOn(console, 'warn')
beforeEach(() => {
  warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  manualSeed(3)
})
afterEach(() => {
  warn.mockRestore()
  setBackend('native')
})

describe('programs are bounded', () => {
  test('at most maxPrograms in all, and the one used longest ago goes', () => {
    const f = compile((x: Tensor) => x.mul(2).sum(), { maxPrograms: 3 })
    for (const n of [1, 2, 3]) f(ones([n]))
    f(ones([1])) // used again: 2 is the oldest now
    f(ones([4]))
    expect(programsOf(f)).toBe(3)
    expect(f.traces).toBe(4)
    f(ones([1]))
    f(ones([3]))
    expect(f.traces).toBe(4)
    expect(f(ones([2])).item()).toBe(4)
    expect(f.traces).toBe(5)
    f.free()
    expect(programsOf(f)).toBe(0)
    expect(f(ones([2])).item()).toBe(4)
  })
  test('numbers and signatures share the bound, 64 unless given', () => {
    const f = compile((x: Tensor, k: number) => x.mul(k).sum())
    for (let k = 0; k < 100; k++) expect(f(ones([1 + (k % 7)]), k).item()).toBe(k * (1 + (k % 7)))
    expect(programsOf(f)).toBe(64)
  })
  test('who traces often is told once which argument changes, and from what to what', () => {
    const f = compile((x: { a: Tensor }, _: Tensor) => x.a.sum())
    for (let n = 1; n <= 40; n++) f({ a: ones([n, 2]) }, ones([3]))
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn.mock.calls[0]![0]).toMatch(
      /traced 16 times: argument 0\.a was float32\[15, 2\] and is float32\[16, 2\] now/,
    )
    const g = compile((x: Tensor, k: number) => x.mul(k))
    for (let k = 1; k <= 16; k++) g(ones([2]), k)
    expect(warn.mock.calls[1]![0]).toMatch(/argument 1 was 15 and is 16 now/)
    // A program that comes and goes is told of too.
    const h = compile((x: Tensor) => x.sum(), { maxPrograms: 2 })
    for (let n = 1; n <= 3; n++) h(ones([n]))
    expect(warn.mock.calls[2]![0]).toMatch(/argument 0 was float32\[2\] and is float32\[3\] now/)
  })
  test('a few sizes are told nothing', () => {
    const f = compile((x: Tensor) => x.sum())
    for (let i = 0; i < 60; i++) f(ones([1 + (i % 12)]))
    expect(warn).not.toHaveBeenCalled()
  })
  test.each([0, 1.5, -1, '3' as unknown as number])('maxPrograms %s is refused', (maxPrograms) => {
    expect(() => compile(() => ones([1]), { maxPrograms })).toThrow(/maxPrograms must be a whole/)
  })
})

describe('programs of a function share one working memory', () => {
  const model = () => {
    const net = new nn.Sequential(new nn.Linear(8, 32), new nn.ReLU(), new nn.Linear(32, 4))
    const optimizer = new optim.Adam(net.parameters(), { lr: 0.01 })
    return (x: Tensor, y: Tensor) => {
      const loss = crossEntropy(net.forward(x), y)
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      return loss
    }
  }
  const sizes = [5, 64, 3, 200, 5, 64, 7, 200, 3, 1]
  test.each(backends)(
    '%s: sizes in any order give the losses of functions of their own',
    (name) => {
      setBackend(name)
      const run = (shared: boolean) => {
        manualSeed(4)
        const body = model()
        const one = compile(body)
        return sizes.map((n, i) => {
          const [x, y] = [normal([n, 8]), randint(0, 4, [n])]
          const step = shared ? one : compile(body)
          if (shared && i === 6) step.free()
          const loss = step(x, y).item()
          if (!shared) step.free()
          return loss
        })
      }
      expect(run(true)).toEqual(run(false))
    },
  )
  test.each(backends)('%s: so do programs of step.async, in a worker', async (name) => {
    setBackend(name)
    const run = async (later: boolean) => {
      manualSeed(4)
      const step = compile(model())
      const losses: number[] = []
      for (const n of sizes) {
        const [x, y] = [normal([n, 8]), randint(0, 4, [n])]
        losses.push((later ? await step.async(x, y) : step(x, y)).item())
      }
      return losses
    }
    const [a, b] = [await run(true), await run(false)]
    a.forEach((v, i) => {
      expect(v).toBeCloseTo(b[i]!, 5)
    })
  })
  test('the block is as large as the largest needs, and goes when that does', () => {
    const taken: number[] = []
    const given: number[] = []
    const arena = new Arena<{ bytes: number }>(
      (bytes) => {
        taken.push(bytes)
        return { bytes }
      },
      ({ bytes }) => given.push(bytes),
    )
    const [small, large] = [{}, {}]
    arena.join(small, 100)
    arena.join(large, 1000)
    expect(arena.room(1000).bytes).toBe(1000)
    expect(arena.room(100)).toBe(arena.room(1000))
    arena.leave(large)
    expect([taken, given]).toEqual([[1000], [1000]])
    for (let n = 100; n <= 1000; n++) {
      arena.join(small, n)
      expect(arena.room(n).bytes).toBeGreaterThanOrEqual(n)
    }
    expect(taken.length).toBeLessThan(9)
    arena.leave(small)
    expect(given).toEqual(taken)
  })
  const used = () => {
    setFlagsFromString('--expose-gc')
    ;(runInNewContext('gc') as () => void)()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return (arrayBuffers + heapUsed) / 2 ** 20
  }
  test.each(backends)('%s: 300 batch sizes keep little memory', (name) => {
    setBackend(name)
    const body = model()
    const step = compile(body)
    const inputs = (n: number) => [normal([n, 8]), zeros([n], { dtype: 'int32' })] as const
    step(...inputs(300))
    const before = used()
    for (let n = 1; n < 300; n++) step(...inputs(n))
    expect(programsOf(step)).toBe(64)
    expect(used() - before).toBeLessThan(20)
    step.free()
  })
  test.each(backends)('%s: single operations of 600 sizes keep little memory', (name) => {
    setBackend(name)
    const run = (n: number) =>
      tidy(() => {
        const x = zeros([n, 8])
        x.assign(x.add(ones([n, 1])).mul(2))
      })
    for (let n = 1; n < 50; n++) run(n)
    const before = used()
    for (let n = 50; n < 650; n++) run(n)
    expect((used() - before) * 2 ** 20).toBeLessThan(
      600 * 3 * (name === 'native' ? 5 : 12) * 2 ** 10,
    )
  })
})

describe('buckets', () => {
  const sizes = [4, 8, 16]
  const masked = () =>
    compile((x: Tensor, mask: Tensor) => x.mul(mask).sum().div(mask.sum()), {
      buckets: { argument: [0, 1], axis: 0, sizes },
    })
  test.each([...backends, 'reference' as const])('%s: a masked mean of every length', (name) => {
    setBackend(name)
    const f = masked()
    for (let n = 1; n <= 16; n++) {
      const x = normal([n])
      expect(f(x, ones([n])).item()).toBeCloseTo(x.mean().item(), 5)
    }
    expect(f.traces).toBe(3)
    expect(programsOf(f)).toBe(3)
  })
  test('results are cut back along the axis, wherever it is, and values are those without padding', () => {
    const body = (x: Tensor) => ({
      double: x.mul(2),
      columns: x.sum(0),
      rows: [x.sum(1)],
      exp: x.exp(),
    })
    for (const axis of [1, -1]) {
      const f = compile(body, { buckets: { argument: 0, axis, sizes } })
      for (const n of [1, 3, 4, 5, 16]) {
        const x = normal([3, n])
        const [a, b] = [f(x), body(x)]
        expect(a.double.toArray()).toEqual(b.double.toArray())
        expect(a.columns.shape).toEqual(axis === 1 ? [bucketOf(n)] : [n])
        expect(a.exp.toArray()).toEqual(b.exp.toArray())
        expect(a.rows[0]!.sub(b.rows[0]!).abs().amax().item()).toBeLessThan(1e-5)
      }
    }
  })
  const bucketOf = (n: number) => sizes.find((s) => s >= n)!
  test('the padding has the value asked for, in every type', () => {
    for (const dtype of [
      'float32',
      'float64',
      'float16',
      'bfloat16',
      'int32',
      'int64',
      'uint8',
    ] as const) {
      const f = compile((x: Tensor) => x.to('float32').sum(), {
        buckets: { argument: 0, axis: 0, sizes: [8], value: 2 },
      })
      expect(f(ones([5]).to(dtype)).item()).toBe(5 + 3 * 2)
    }
    const f = compile((x: Tensor) => x.logicalNot().to('float32').sum(), {
      buckets: { argument: 0, axis: 0, sizes: [8] },
    })
    expect(f(ones([5]).gt(0)).item()).toBe(3)
  })
  test('two axes, views, empty tensors, training', () => {
    const f = compile((x: Tensor) => x.mul(3), {
      buckets: [
        { argument: 0, axis: 0, sizes: [4, 8] },
        { argument: 0, axis: 1, sizes: [3, 5] },
      ],
    })
    const x = normal([5, 6]).transpose(0, 1).narrow(1, 1, 3)
    expect(f(x).toArray()).toEqual(x.mul(3).toArray())
    expect(f(zeros([0, 2])).shape).toEqual([0, 2])
    const [a, b] = [tensor([1, 2], { requiresGrad: true }), tensor([1, 2], { requiresGrad: true })]
    const body = (w: Tensor) => (x: Tensor) => {
      const loss = x.mul(w).sum()
      loss.backward()
      return loss
    }
    const g = compile(body(a), { buckets: { argument: 0, axis: 0, sizes: [2, 8] } })
    g(ones([3, 2]))
    body(b)(ones([3, 2]))
    expect(a.grad!.toArray()).toEqual(b.grad!.toArray())
  })
  test('debug and async see the same', async () => {
    const f = compile((x: Tensor) => x.mul(2), {
      debug: true,
      buckets: { argument: 0, axis: 0, sizes },
    })
    expect(f(tensor([1, 2, 3])).toArray()).toEqual([2, 4, 6])
    expect((await masked().async(tensor([1, 2, 6]), ones([3]))).item()).toBe(3)
  })
  test('what cannot be padded is refused', () => {
    const f = masked()
    expect(() => f(ones([17]), ones([17]))).toThrow(/at most 16, the largest bucket.*17/s)
    expect(() => f(ones([3]), ones([2]))).toThrow(/arguments 0, 1 must have one size.*3 and 2/s)
    expect(() => f(tensor([1, 2, 3], { requiresGrad: true }), ones([3]))).toThrow(/gradient/)
    expect(() => f(3 as unknown as Tensor, ones([3]))).toThrow(/argument 0.*must be a tensor/s)
    expect(() => f(tensor(3), ones([3]))).toThrow(/argument 0 must have the axis 0/)
    const g = compile((x: Tensor) => x.assign(x.mul(2)), {
      buckets: { argument: 0, axis: 0, sizes },
    })
    expect(() => g(ones([3]))).toThrow(/padded to a bucket is a copy, which must not be changed/)
    for (const buckets of [
      { argument: -1, axis: 0, sizes },
      { argument: 0, axis: 0.5, sizes },
      { argument: 0, axis: 0, sizes: [] },
      { argument: 0, axis: 0, sizes: [0] },
      { argument: [], axis: 0, sizes },
      { argument: 0, axis: 0, size: 3 } as never,
    ])
      expect(() => compile((x: Tensor) => x, { buckets })).toThrow(/buckets|sizes/)
  })
})
