/** What is easily written and would go wrong in silence: operators, scopes with async functions, typed arrays, memory. */
import {
  checkpoint,
  compile,
  type DType,
  detectAnomaly,
  Generator,
  gradCheck,
  keep,
  noGrad,
  normal,
  ones,
  setBackend,
  type Tensor,
  tensor,
  tidy,
  ValueError,
  valueAndGrad,
  withGenerator,
} from 'nabla'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { afterEach, describe, expect, test } from 'vitest'

afterEach(() => {
  setBackend('native')
})

describe('operators of JavaScript', () => {
  const t = tensor(0.5) as unknown as number
  test.each<[string, () => unknown]>([
    ['t > 0.4', () => t > 0.4],
    ['t <= 0.4', () => t <= 0.4],
    ['t + 1', () => t + 1],
    ['"loss " + t', () => 'loss '.concat('') + t],
    ['1 - t', () => 1 - t],
    ['-t', () => -t],
    // biome-ignore lint/suspicious/noDoubleEquals: the trap itself
    ['t == 1', () => t == 1],
    ['Number(t)', () => Number(t)],
    ['Math.max(t, 1)', () => Math.max(t, 1)],
    ['t > 1 in a template', () => `${t > 1}`],
    ['isNaN(t)', () => Number.isNaN(+t)],
    ['parameter * 2', () => (new nn.Parameter(ones([1])) as unknown as number) * 2],
    ['Date(t)', () => new Date(t)],
  ])('%s names item()', (_, f) => {
    expect(f).toThrow(/loss\.item\(\) gives the number/)
    expect(f).toThrow(ValueError)
  })
  test('a tensor prints, and is compared by identity', () => {
    expect(`${tensor([1, 2])}`).toBe('tensor([1., 2.])')
    const a = tensor([1])
    // biome-ignore lint/suspicious/noDoubleEquals: the operator is what is tested
    expect((a as unknown) == null || (a as unknown) == (tensor([1]) as unknown)).toBe(false)
  })
})

describe('scopes are synchronous', () => {
  const x = tensor([1, 2])
  const scopes: Record<string, (f: () => never) => unknown> = {
    noGrad,
    tidy,
    detectAnomaly,
    withGenerator: (f) => withGenerator(new Generator(1), f),
    checkpoint: (f) => checkpoint(f as (x: Tensor) => never, tensor([1], { requiresGrad: true })),
    valueAndGrad: (f) => valueAndGrad(f as (x: Tensor) => never)(x),
    gradCheck: (f) => gradCheck(f as (x: Tensor) => never, [x]),
    compile: (f) => compile(f)(),
    'optimizer.step': (f) => {
      const w = new nn.Parameter(ones([1]))
      return new optim.SGD([w], { lr: 0.1 }).step(f)
    },
  }
  test.each(Object.entries(scopes))(
    '%s refuses async functions and generators',
    async (name, scope) => {
      let after = false
      const late = async () => {
        await null
        after = true
        return x
      }
      expect(() => scope(late as never)).toThrow(/must be synchronous.*got a promise/)
      expect(() => scope(function* () {} as never), name).toThrow(/got a generator/)
      const fails = async () => {
        throw new Error('later')
      }
      // The failure of what was refused is not an unhandled one.
      expect(() => scope(fails as never)).toThrow(/Await first, outside/)
      await new Promise((done) => setTimeout(done, 5))
      expect(after).toBe(true)
      expect(tensor([1], { requiresGrad: true }).mul(2).requiresGrad).toBe(true)
    },
  )
})

describe('typed arrays keep their numbers', () => {
  const cases: [string, ArrayLike<number | bigint>, DType, number[]][] = [
    ['Uint8Array', Uint8Array.of(0, 128, 255), 'uint8', [0, 128, 255]],
    ['Uint8ClampedArray', Uint8ClampedArray.of(0, 128, 255), 'uint8', [0, 128, 255]],
    ['Int8Array', Int8Array.of(-128, 127), 'int8', [-128, 127]],
    ['Int16Array', Int16Array.of(-32768, 32767), 'int32', [-32768, 32767]],
    ['Uint16Array', Uint16Array.of(0, 65535), 'int32', [0, 65535]],
    ['Int32Array', Int32Array.of(-(2 ** 31), 2 ** 31 - 1), 'int32', [-(2 ** 31), 2 ** 31 - 1]],
    ['Uint32Array', Uint32Array.of(0, 2 ** 32 - 1), 'int64', [0, 2 ** 32 - 1]],
    ['BigInt64Array', BigInt64Array.of(-5n, 7n), 'int64', [-5, 7]],
    ['BigUint64Array', BigUint64Array.of(5n, 7n), 'int64', [5, 7]],
    ['Float32Array', Float32Array.of(0.5, -2), 'float32', [0.5, -2]],
    ['Float64Array', Float64Array.of(0.5, -2), 'float64', [0.5, -2]],
  ]
  test.each(cases)('%s', (_, data, dtype, numbers) => {
    const t = tensor(data as Uint8Array)
    expect(t.dtype).toBe(dtype)
    expect(t.toArray()).toEqual(numbers)
    expect(tensor(data as Uint8Array, { dtype: 'float32' }).toArray()).toEqual(
      numbers.map(Math.fround),
    )
    expect(tensor(data as Uint8Array, { dtype: 'bool' }).toArray()).toEqual(
      numbers.map((v) => v !== 0),
    )
    expect(tensor(data as Uint8Array, { shape: [1, numbers.length] }).shape).toEqual([
      1,
      numbers.length,
    ])
  })
  test('float64 keeps its bits', () => {
    setBackend('reference')
    const values = [0.1, Math.PI, 1e300, -0, Number.NaN, 5e-324]
    expect(tensor(values, { dtype: 'float64' }).toArray()).toEqual(values)
    expect(tensor(Float64Array.from(values), { dtype: 'float64' }).toArray()).toEqual(values)
  })
  test('numbers that do not fit are refused', () => {
    const big = /int32 must be able to hold the numbers; got/
    expect(() => tensor(Uint32Array.of(2 ** 31), { dtype: 'int32' })).toThrow(big)
    expect(() => tensor(BigInt64Array.of(2n ** 40n), { dtype: 'int32' })).toThrow(big)
    expect(() => tensor(BigUint64Array.of(2n ** 63n))).toThrow(/int64 must be able to hold/)
    expect(() => tensor(Int32Array.of(256), { dtype: 'uint8' })).toThrow(/uint8 must be able/)
    expect(() => tensor([-129], { dtype: 'int8' })).toThrow(/int8 must be able/)
    expect(() => tensor([3e9], { dtype: 'int32' })).toThrow(big)
    expect(() => tensor([Number.NaN], { dtype: 'int32' })).toThrow(big)
    expect(() => tensor(Float32Array.of(1e10), { dtype: 'int32' })).toThrow(big)
    expect(() => tensor(new DataView(new ArrayBuffer(4)) as never)).toThrow(/typed arrays are/)
    expect(tensor([1.7, -1.7], { dtype: 'int32' }).toArray()).toEqual([1, -1])
  })
  test('options that there are none of', () => {
    expect(() => tensor([1], { requires_grad: true } as never)).toThrow(
      'Did you mean requiresGrad?',
    )
    expect(() => ones([1], { dType: 'int32' } as never)).toThrow('Did you mean dtype?')
    expect(() => tensor([1], { dtype: 'float' } as never)).toThrow(/dtype must be/)
    expect(() => ones([1], 'int32' as never)).toThrow(/options are an object/)
  })
})

describe('tidy', () => {
  const disposed = (t: Tensor) => {
    try {
      t.toArray()
      return false
    } catch {
      return true
    }
  }
  test('what is returned survives, anywhere in a tree; the rest is given back', () => {
    let lost: Tensor | undefined
    class Pair {
      a: Tensor
      constructor(a: Tensor) {
        this.a = a
      }
    }
    const got = tidy(() => {
      lost = ones([4])
      const x = ones([2])
      return {
        list: [x.add(1)],
        map: new Map([['k', x.add(2)]]),
        set: new Set([x.add(3)]),
        pair: new Pair(x.add(4)),
        view: x.add(5).reshape([2, 1]),
        n: 5,
      }
    })
    expect(disposed(lost!)).toBe(true)
    expect(got.list[0]!.toArray()).toEqual([2, 2])
    expect(got.map.get('k')!.toArray()).toEqual([3, 3])
    expect([...got.set][0]!.toArray()).toEqual([4, 4])
    expect(got.pair.a.toArray()).toEqual([5, 5])
    expect(got.view.toArray()).toEqual([[6], [6]])
    expect(tidy(() => 7)).toBe(7)
  })
  test('tidy in tidy: what the inner one returns belongs to the outer one', () => {
    let inner: Tensor | undefined
    const outer = tidy(() => {
      inner = tidy(() => ones([2]).add(1))
      return inner.mul(2)
    })
    expect(outer.toArray()).toEqual([4, 4])
    expect(disposed(inner!)).toBe(true)
  })
  test('after an error everything is given back', () => {
    let lost: Tensor | undefined
    expect(() =>
      tidy(() => {
        lost = ones([2])
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(disposed(lost!)).toBe(true)
  })
  test('tensors from outside, views of them, and what keep names stay', () => {
    const x = ones([2])
    let kept: Tensor | undefined
    tidy(() => {
      x.reshape([2, 1]).add(1)
      kept = keep(x.add(1))
    })
    expect(x.toArray()).toEqual([1, 1])
    expect(kept!.toArray()).toEqual([2, 2])
  })
  test('a loss that is returned can be walked backward', () => {
    const w = tensor([3], { requiresGrad: true })
    const loss = tidy(() => w.square().exp().log().add(1).sum())
    loss.backward()
    expect(w.grad!.toArray()).toEqual([6])
    const again = tidy(() => checkpoint((x) => x.square().mul(2), w.mul(1)).sum())
    again.backward()
    expect(w.grad!.toArray()).toEqual([18])
  })
  test.each([false, true])('training inside of it, compiled %s', (compiled) => {
    let model: nn.Linear | undefined
    let optimizer: optim.Adam | undefined
    const x = normal([8, 3])
    const step = () => {
      const loss = model!.forward(x).square().mean()
      optimizer!.zeroGrad()
      loss.backward()
      optimizer!.step()
      return loss
    }
    const losses: number[] = []
    let run = step
    for (let i = 0; i < 4; i++) {
      const loss = tidy(() => {
        if (!model) {
          model = new nn.Linear(3, 2)
          optimizer = new optim.Adam(model.parameters(), { lr: 0.1 })
          if (compiled) run = compile(step)
        }
        return run()
      })
      losses.push(loss.item())
    }
    expect(losses[3]).toBeLessThan(losses[0]!)
    for (const p of model!.parameters()) expect(disposed(p)).toBe(false)
  })
  test('inside of compile it changes nothing', () => {
    const f = compile((x: Tensor) => tidy(() => x.add(1).mul(2)))
    expect(f(ones([2])).toArray()).toEqual([4, 4])
  })
})

describe('names and values from elsewhere', () => {
  const t = ones([2, 2]) as unknown as Record<string, (...a: unknown[]) => unknown>
  test.each([
    ['half', 'float16'],
    ['long', 'int64'],
    ['byte', 'uint8'],
    ['double', 'float64'],
    ['torch.float', 'float32'],
  ])('the dtype %s is answered with %s', (name, meant) => {
    expect(() => tensor([1], { dtype: name as DType })).toThrow(`Did you mean ${meant}?`)
    expect(() => t.to!(name)).toThrow(`Did you mean ${meant}?`)
  })
  test('methods and properties of PyTorch and of numbers say what to write', () => {
    expect(() => t.long!()).toThrow("x.to('int64')")
    expect(() => t.half!()).toThrow("x.to('float16')")
    expect(() => t.toFixed!(2)).toThrow('x.item().toFixed')
    for (const name of ['T', 'mT', 'device', 'grad_fn'])
      expect(() => t[name]).toThrow(`no property ${name} here. Write x.`)
  })
  test('values that are no numbers say what to write', () => {
    const make = (v: unknown) => () => tensor(v as number)
    expect(make([ones([2]), ones([2])])).toThrow('stack(list)')
    expect(make(new ArrayBuffer(8))).toThrow('new Float32Array(buffer)')
    expect(make(['1'])).toThrow('Number(text)')
    expect(make(new Set([1]))).toThrow('got a Set')
  })
  test('JSON has the numbers, not the memory', () => {
    expect(JSON.stringify({ loss: tensor(0.5), y: tensor([[1, 2]]) })).toBe(
      '{"loss":0.5,"y":[[1,2]]}',
    )
  })
  test('a disposed tensor says so', () => {
    const x = ones([2])
    x.dispose()
    expect(() => x.add(1)).toThrow('disposed')
    expect(() => x.toArray()).toThrow('can no longer be used')
  })
})
