/** What compile freezes, when it traces again, and how one sees it. */
import { compile, dropout, manualSeed, noGrad, ones, rand, type Tensor, tensor } from 'nabla'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { describe, expect, test, vi } from 'vitest'

class Net extends nn.Module {
  fc = new nn.Linear(2, 2)
  drop = new nn.Dropout(0.5)
  layers = [new nn.Linear(2, 2)]
  list = new nn.ModuleList([new nn.Linear(2, 2)])
  named = new nn.ModuleDict({ a: new nn.Linear(2, 2), b: new nn.Linear(2, 2) })
  extra?: number = 1
  scale = 2
  settings = { shift: 1, more: [0] }
  byName = new Map<string, number>([['a', 1]])
  kept: Tensor | null = null
  calls = 0
  constructor() {
    super()
    this.eval()
  }
  override forward(x: Tensor): Tensor {
    this.calls++
    let y = this.drop.forward(this.fc.forward(x))
    for (const l of this.layers) y = l.forward(y)
    for (const l of this.list) y = l.forward(y)
    for (const [name, l] of this.named.entries()) y = l.forward(y).add(name.length)
    this.kept = y
    ;(this as { own?: number }).own = this.calls
    return y
      .mul(this.scale + ('extra' in this ? 1 : 0))
      .add(this.settings.shift + this.settings.more[0]! + this.byName.get('a')!)
  }
}

describe('a module that has changed is traced again', () => {
  const x = ones([3, 2])
  const changes: Record<string, (net: Net) => void> = {
    'a parameter': (n) => {
      n.fc.weight = new nn.Parameter(ones([2, 2]))
    },
    'a layer': (n) => {
      n.fc = new nn.Linear(2, 2)
    },
    'a layer in a list': (n) => {
      n.layers[0] = new nn.Linear(2, 2)
    },
    'a layer more in a list': (n) => {
      n.layers.push(new nn.Linear(2, 2))
    },
    'a layer of a ModuleList': (n) => {
      ;(n.list as unknown as nn.Module[])[0] = new nn.Linear(2, 2)
    },
    'a layer more in a ModuleList': (n) => {
      n.list.push(new nn.Linear(2, 2))
    },
    'a number': (n) => {
      n.scale = 3
    },
    'a number in an object': (n) => {
      n.settings.shift = 5
    },
    'a number in a list in an object': (n) => {
      n.settings.more[0] = 7
    },
    'a number in a Map': (n) => {
      n.byName.set('a', 9)
    },
    'a layer of a ModuleDict': (n) => {
      n.named.set('b', new nn.Linear(2, 2))
    },
    'the name of a layer of a ModuleDict': (n) => {
      const b = n.named.get('b')
      n.named.delete('b')
      n.named.set('longer', b)
    },
    'a field less': (n) => {
      delete n.extra
    },
    'a field more, of a layer': (n) => {
      Object.assign(n.fc, { extra: 1 })
    },
  }
  test.each(Object.entries(changes))('%s', (_, change) => {
    const net = new Net()
    const f = compile((t: Tensor) => net.forward(t))
    const eager = () => noGrad(() => net.forward(x)).toArray()
    // The program rounds otherwise where it multiplies and adds in one.
    const agree = () => {
      const [a, b] = [f(x).toArray() as number[][], eager() as number[][]]
      a.flat().forEach((v, k) => {
        expect(v).toBeCloseTo(b.flat()[k]!, 5)
      })
    }
    for (let i = 0; i < 3; i++) agree()
    expect(f.traces).toBe(1)
    change(net)
    for (let i = 0; i < 3; i++) agree()
    expect(f.traces).toBe(2)
    expect(f.explain()).toMatch(/traced again: .*Net.* has changed/)
  })
  test('the p of dropout', () => {
    const net = new Net().train()
    const f = compile((t: Tensor) => net.drop.forward(t))
    const big = ones([1000])
    const zeros = () => (f(big).toArray() as number[]).filter((v) => v === 0).length
    expect(zeros()).toBeGreaterThan(300)
    net.drop.p = 0
    expect(zeros()).toBe(0)
    expect(f.traces).toBe(2)
  })
  test('what the function itself changes is not watched', () => {
    const net = new Net()
    const f = compile((t: Tensor) => net.forward(t))
    for (let i = 0; i < 4; i++) f(x)
    expect(f.traces).toBe(1)
  })
  test('what changes at every call is named, and programs are bounded', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const net = new Net()
    const f = compile((t: Tensor) => net.forward(t))
    for (let i = 0; i < 20; i++) {
      net.scale = i
      const [a, b] = [f(x), noGrad(() => net.forward(x))]
      expect(a.sub(b).abs().amax().item()).toBeLessThan(1e-5)
    }
    expect(f.explain().match(/^program /gm)?.length).toBe(8)
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn.mock.calls[0]![0]).toMatch(/traced again and again, since Net\.scale changes/)
    warn.mockRestore()
  })
})

describe('debug compares with the function as it stands', () => {
  const x = tensor([1, 2])
  test('a number from outside', () => {
    let scale = 1
    const frozen = compile((t: Tensor) => t.mul(scale))
    const f = compile((t: Tensor) => t.mul(scale), { debug: true })
    expect(f(x).toArray()).toEqual([1, 2])
    frozen(x)
    scale = 1.00001
    expect(frozen(x).toArray()).toEqual([1, 2])
    expect(() => f(x)).toThrow(/at mul.*: traced the number 1, now the number 1\.00001.*rand\(\)/)
  })
  test('Math.random, and an if', () => {
    const f = compile((t: Tensor) => t.add(Math.random()), { debug: true })
    expect(() => f(x)).toThrow(/at add.*: traced the number 0\./)
    let way = true
    const g = compile((t: Tensor) => (way ? t.exp() : t.log()), { debug: true })
    g(x)
    way = false
    expect(() => g(x)).toThrow(/at log/)
  })
  test('with the path of the module', () => {
    let scale = 1
    class Inner extends nn.Module {
      override forward(t: Tensor): Tensor {
        return t.mul(scale)
      }
    }
    class Outer extends nn.Module {
      inner = new Inner()
      override forward(t: Tensor): Tensor {
        return this.inner.forward(t)
      }
    }
    const net = new Outer()
    const f = compile((t: Tensor) => net.forward(t), { debug: true })
    f(x)
    scale = 3
    expect(() => f(x)).toThrow(/at Outer\.inner\/mul/)
  })
  test('a number in plain arithmetic that only the result shows', () => {
    let bias = tensor([1, 1])
    const f = compile((t: Tensor) => t.add(bias), { debug: true })
    f(x)
    bias = tensor([5, 5])
    expect(() => f(x)).toThrow(/at the result, element 0: traced 2, now 6/)
  })
  test.each(['SGD', 'Adam'] as const)(
    'training with %s, batch norm and dropout is the same',
    (name) => {
      const train = (debug: boolean) => {
        manualSeed(4)
        const net = new nn.Sequential(
          // Without a bias: its gradient before batch norm is nothing but rounding.
          new nn.Linear(3, 8, false),
          new nn.BatchNorm1d(8),
          new nn.Dropout(0.5),
          new nn.Linear(8, 1),
        )
        const Chosen = name === 'SGD' ? optim.SGD : optim.Adam
        const optimizer = new Chosen(net.parameters(), { lr: 0.05 })
        const step = compile(
          (t: Tensor) => {
            const loss = net.forward(t).square().mean()
            optimizer.zeroGrad()
            loss.backward()
            optimizer.step()
            return { loss }
          },
          { debug },
        )
        const data = rand([16, 3])
        return Array.from({ length: 5 }, () => step(data).loss.item())
      }
      const [a, b] = [train(true), train(false)]
      a.forEach((v, i) => {
        expect(v).toBeCloseTo(b[i]!, 5)
      })
    },
  )
  test('random numbers of nabla are drawn once, not twice', () => {
    const f = compile((t: Tensor) => dropout(t, 0.5), { debug: true })
    const g = compile((t: Tensor) => dropout(t, 0.5))
    const big = ones([64])
    manualSeed(1)
    const a = [f(big).toArray(), f(big).toArray()]
    manualSeed(1)
    expect(a).toEqual([g(big).toArray(), g(big).toArray()])
  })
})
