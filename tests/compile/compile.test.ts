/** What `compile` promises: one program a signature, boxes found by tracing, clear refusals, readable programs. */
import {
  arange,
  type BackendName,
  compile,
  crossEntropy,
  manualSeed,
  noGrad,
  nonzero,
  normal,
  ones,
  permutation,
  setBackend,
  softmax,
  type Tensor,
  tensor,
  uniform,
  where,
  zeros,
} from 'nabla'
import { mlp } from 'nabla/models'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { beforeEach, describe, expect, test } from 'vitest'

describe.each<BackendName>(['reference', 'native', 'wasm'])('on %s', (backend) => {
  beforeEach(() => setBackend(backend))

  describe('one program for each signature', () => {
    const twice = () => compile((x: Tensor) => x.mul(2))

    test('the same shape again is not traced again', () => {
      const f = twice()
      for (let i = 0; i < 5; i++)
        expect(f(tensor([i, i + 1])).toArray()).toEqual([2 * i, 2 * i + 2])
      expect(f.traces).toBe(1)
    })
    test('a new shape, type or layout is, and the old programs stay', () => {
      const f = twice()
      const inputs = [ones([2, 3]), ones([3, 2]), ones([2, 3]).cast('int32'), ones([3, 2]).t()]
      for (let again = 0; again < 2; again++)
        for (const x of inputs) {
          const y = f(x)
          expect([y.shape, y.dtype]).toEqual([x.shape, x.dtype])
        }
      expect(f.traces).toBe(4)
    })
    test('the last, shorter batch of an epoch gets a program of its own, once', () => {
      const f = compile((x: Tensor) => x.sum(1))
      for (let epoch = 0; epoch < 3; epoch++)
        for (const n of [64, 64, 17]) expect(f(ones([n, 4])).shape).toEqual([n])
      expect(f.traces).toBe(2)
    })
    test('static arguments are part of the signature, wherever they stand', () => {
      const f = compile((x: Tensor, o: { axis: number; names: string[] }) =>
        o.names.includes('mean') ? x.mean(o.axis) : x.sum(o.axis),
      )
      const x = tensor([
        [1, 2],
        [3, 4],
      ])
      expect(f(x, { axis: 0, names: [] }).toArray()).toEqual([4, 6])
      expect(f(x, { axis: 1, names: [] }).toArray()).toEqual([3, 7])
      expect(f(x, { axis: 1, names: ['mean'] }).toArray()).toEqual([1.5, 3.5])
      expect(f(x, { axis: 0, names: [] }).toArray()).toEqual([4, 6])
      expect(f.traces).toBe(3)
    })
    test('training and evaluation mode', () => {
      const model = new nn.Sequential(new nn.Linear(4, 4), new nn.Dropout(0.5))
      const f = compile((x: Tensor) => model.forward(x))
      const x = ones([8, 4])
      manualSeed(0)
      const zeroed = (t: Tensor) => t.eq(0).sum().item()
      expect(zeroed(f(x))).toBeGreaterThan(0)
      model.eval()
      expect(zeroed(f(x))).toBe(0)
      model.train()
      expect(zeroed(f(x))).toBeGreaterThan(0)
      expect(f.traces).toBe(2)
    })
    test('with and without gradients', () => {
      const w = ones([2], { requiresGrad: true })
      const f = compile(() => w.mul(3))
      f()
      noGrad(() => f())
      f()
      expect(f.traces).toBe(2)
    })
    test('nested tensors in, nested tensors out', () => {
      const f = compile((batch: { x: Tensor; pair: [Tensor, Tensor] }) => ({
        sum: batch.x.add(batch.pair[0]),
        list: [batch.pair[1].neg(), 7, 'text'] as const,
      }))
      const y = f({ x: tensor([1]), pair: [tensor([2]), tensor([3])] })
      expect(y.sum.toArray()).toEqual([3])
      expect(y.list[0].toArray()).toEqual([-3])
      expect(y.list.slice(1)).toEqual([7, 'text'])
    })
    test('a compiled function within another becomes part of its program', () => {
      const inner = compile((x: Tensor) => x.mul(2))
      const outer = compile((x: Tensor) => inner(x).add(1))
      expect(outer(tensor([3])).toArray()).toEqual([7])
      expect(inner.traces).toBe(0)
    })
  })

  describe('boxes', () => {
    test('what the function writes is changed in place, without being named', () => {
      const count = zeros([])
      const total = zeros([3])
      const view = total.narrow(0, 0, 2)
      const f = compile((x: Tensor) => {
        count.assign(count.add(1))
        total.assign(total.add(x))
        return total.mul(10)
      })
      expect(f(tensor([1, 2, 3])).toArray()).toEqual([10, 20, 30])
      expect(f(tensor([1, 0, 0])).toArray()).toEqual([20, 20, 30])
      expect(count.item()).toBe(2)
      expect(total.toArray()).toEqual([2, 2, 3])
      expect(view.toArray(), 'a view sees it').toEqual([2, 2])
    })
    test('changes from outside are seen by the next call', () => {
      const w = tensor([1, 2])
      const f = compile((x: Tensor) => x.mul(w))
      expect(f(ones([2])).toArray()).toEqual([1, 2])
      w.assign(tensor([5, 6]))
      expect(f(ones([2])).toArray()).toEqual([5, 6])
      expect(f.traces).toBe(1)
    })
    test('parameters, optimizer state and a changing learning rate: as eager, traced once', () => {
      const run = (compiled: boolean) => {
        manualSeed(3)
        const model = mlp([6, 5, 3], () => new nn.Tanh())
        const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 })
        const body = (x: Tensor, y: Tensor) => {
          const loss = crossEntropy(model.forward(x), y)
          optimizer.zeroGrad()
          loss.backward()
          optimizer.step()
          return loss.detach()
        }
        const step = compiled ? compile(body) : body
        const losses: number[] = []
        for (let i = 0; i < 6; i++) {
          optimizer.lr = 0.1 / (i + 1)
          const x = normal([4, 6])
          losses.push(step(x, arange(4, { dtype: 'int32' }).remainder(3)).item())
        }
        if ('traces' in step) expect(step.traces).toBe(1)
        return [...losses, ...model.parameters().flatMap((p) => [...p.toTypedArray()])]
      }
      const eager = run(false)
      run(true).forEach((v, i) => {
        expect(v).toBeCloseTo(eager[i]!, 5)
      })
    })
    test('gradients accumulate over calls when nobody clears them', () => {
      const w = tensor([1, 2], { requiresGrad: true })
      const f = compile((x: Tensor) => w.mul(x).sum().backward())
      f(tensor([3, 4]))
      expect(w.grad!.toArray()).toEqual([3, 4])
      f(tensor([1, 1]))
      f(tensor([1, 1]))
      expect(w.grad!.toArray()).toEqual([5, 6])
    })
    test('gradients that the function clears itself are kept only when asked for', () => {
      for (const keepGrads of [false, true]) {
        const w = tensor([1, 2], { requiresGrad: true })
        const f = compile(
          (x: Tensor) => {
            w.grad = null
            w.mul(x).sum().backward()
          },
          { keepGrads },
        )
        f(tensor([3, 4]))
        f(tensor([5, 6]))
        expect(w.grad?.toArray() ?? null).toEqual(keepGrads ? [5, 6] : null)
      }
    })
  })

  describe('random numbers', () => {
    test('a compiled program draws what eager calls draw, call after call', () => {
      const draw = () => [uniform([3]), normal([2]), permutation(5)] as const
      const three = (f: () => readonly Tensor[]) => {
        manualSeed(11)
        return [f(), f(), f()].map((list) => list.map((t) => t.toArray()))
      }
      const eager = three(draw)
      expect(three(compile(draw))).toEqual(eager)
      expect(eager[0]).not.toEqual(eager[1])
    })
    test('eager and compiled draws share one stream', () => {
      const f = compile(() => uniform([2]))
      manualSeed(5)
      const mixed = [uniform([2]), f(), uniform([2]), f()].map((t) => t.toArray())
      manualSeed(5)
      expect(Array.from({ length: 4 }, () => uniform([2]).toArray())).toEqual(mixed)
    })
  })

  describe('what cannot be compiled is refused, and says so', () => {
    const x = () => tensor([1, 2])
    test.each<[string, (t: Tensor) => unknown]>([
      ['item', (t) => (t.sum().item() > 0 ? t : t.neg())],
      ['toArray', (t) => t.toArray()],
      ['nonzero', (t) => nonzero(t)],
      ['allclose', (t) => t.allclose(t)],
    ])('reading a value by %s', (_name, f) => {
      expect(() => compile(f)(x())).toThrow(
        /a value cannot be read while compile traces the function.*where\(\)/,
      )
    })
    test('a promise', () => {
      const f = compile(async (t: Tensor) => t.mul(2)) as (t: Tensor) => unknown
      expect(() => f(x())).toThrow(/must be synchronous; got a promise/)
    })
    test('a tensor of another trace', () => {
      let kept: Tensor | undefined
      compile((t: Tensor) => {
        kept = t.mul(2)
        return t
      })(x())
      expect(() => compile((t: Tensor) => t.add(kept!))(x())).toThrow(
        /made while tracing lives only in the program.*Return it/,
      )
    })
    test('errors inside come through as they are, and the next call works', () => {
      let bad = true
      const f = compile((t: Tensor) => (bad ? t.reshape([3]) : t.mul(2)))
      expect(() => f(x())).toThrow(/\[reshape\] the 2 elements/)
      bad = false
      expect(f(x()).toArray()).toEqual([2, 4])
      expect(x().mul(2).toArray(), 'eager calls work too').toEqual([2, 4])
    })
    test('instead: where', () => {
      const f = compile((t: Tensor) => where(t.sum().gt(0), t, t.neg()))
      expect(f(tensor([-1, -2])).toArray()).toEqual([1, 2])
    })
  })
})

describe('explain', () => {
  beforeEach(() => setBackend('native'))

  test('says what a program reads, changes and gives, its kernels, shapes, flops, bytes, what was fused', () => {
    const w = ones([8, 16])
    const calls = zeros([])
    const f = compile((x: Tensor) => {
      calls.assign(calls.add(1))
      return softmax(x.matmul(w).mul(2).add(1), 1)
    })
    f(ones([4, 8]))
    f(ones([2, 8]))
    const text = f.explain()
    expect(text).toContain('program 1 of 2, backend native')
    expect(text).toMatch(/reads {3}float32\[4, 8\], float32\[8, 16\]/)
    expect(text).toMatch(/updates float32\[\]/)
    expect(text).toMatch(/gives {3}float32\[4, 16\]/)
    expect(text).toMatch(/1\.02 kFLOP +\d+ B +matmul 4×8 by 8×16/)
    expect(text).toMatch(/fused 4×16 +mul add max sub exp sum reciprocal mul \(softmax\)/)
    expect(text).toMatch(/\d instructions, \d\.\d\d kFLOP, \d+ bytes of working memory/)
  })
  test('nothing yet before the first call, and nothing after free', () => {
    const f = compile((x: Tensor) => x.mul(2))
    expect(f.explain()).toBe('')
    f(ones([2]))
    expect(f.explain()).not.toBe('')
    f.free()
    expect(f.explain()).toBe('')
    expect(f(ones([2])).toArray(), 'a call after free traces anew').toEqual([2, 2])
  })
})
