/** scan and whileLoop: compiled they give what the plain loop gives; k training steps in one call the bits of k calls. */
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { availableBackends, backend, type BackendName } from '../../src/index.js'
import {
  bernoulli,
  compile,
  crossEntropy,
  GradError,
  gradients,
  hostCall,
  manualSeed,
  noGrad,
  normal,
  ones,
  rand,
  randint,
  scan,
  setBackend,
  setNumThreads,
  ShapeError,
  symbolicTrace,
  type Tensor,
  tensor,
  TraceError,
  ValueError,
  vmap,
  whileLoop,
  zeros,
} from '../../src/index.js'
import * as nn from '../../src/nn/index.js'
import { Adam, SGD } from '../../src/optim/index.js'

const before = backend().name
afterAll(() => setBackend(before))
const list = (t: Tensor) => [...t.toTypedArray()].map(Number)
/** Equal to the bit. */
const same = (a: readonly Tensor[], b: readonly Tensor[]) => {
  expect(a.map((t) => t.shape)).toEqual(b.map((t) => t.shape))
  a.forEach((t, i) => {
    expect(list(t)).toEqual(list(b[i]!))
  })
}
const close = (a: readonly Tensor[], b: readonly Tensor[], tolerance = 1e-4) => {
  expect(a.map((t) => t.shape)).toEqual(b.map((t) => t.shape))
  a.forEach((t, i) => {
    const other = list(b[i]!)
    list(t).forEach((v, j) => {
      expect(Math.abs(v - other[j]!)).toBeLessThanOrEqual(tolerance * (1 + Math.abs(v)))
    })
  })
}

describe.each(availableBackends().map((name) => [name]))('%s', (name: BackendName) => {
  beforeEach(() => setBackend(name))

  test('carries of any tree, stacks, both directions', () => {
    const f = (xs: { a: Tensor; b: Tensor }, reverse: boolean) =>
      scan(
        ({ n, list: [m] }, { a, b }) =>
          [{ n: n.add(1), list: [m.add(a.mul(b))] as [Tensor] }, [m, { a: a.sub(n) }]] as const,
        { n: 0, list: [zeros([2])] } as unknown as { n: Tensor; list: [Tensor] },
        xs,
        { reverse },
      )
    const xs = { a: rand([5, 2]), b: rand([5, 2]) }
    for (const reverse of [false, true]) {
      const [carry, [m, { a }]] = f(xs, reverse)
      const [carry2, [m2, { a: a2 }]] = compile(f)(xs, reverse)
      close([carry.n, carry.list[0], m, a], [carry2.n, carry2.list[0], m2, a2], 1e-6)
      expect(carry.n.item()).toBe(5)
      expect(m.shape).toEqual([5, 2])
    }
    // What is carried may be swapped.
    const fibonacci = (length: number) =>
      scan(
        ([a, b]: [Tensor, Tensor]) => [[b, a.add(b)] as [Tensor, Tensor], a] as const,
        [0, 1],
        null,
        { length },
      )[1]
    expect(list(compile(fibonacci)(10))).toEqual([0, 1, 1, 2, 3, 5, 8, 13, 21, 34])
    expect(list(fibonacci(10))).toEqual([0, 1, 1, 2, 3, 5, 8, 13, 21, 34])
    // Of no steps.
    for (const g of [fibonacci, compile(fibonacci)]) expect(g(0).shape).toEqual([0])
  })

  test('types, slices that do not begin at 8 bytes, captured views', () => {
    const w = tensor([1, 2, 3, 4, 5, 6, 7])
    const part = w.slice([[3, 6]])
    const f = (xs: Tensor, i: Tensor, m: Tensor) =>
      scan(
        (c: Tensor, [x, k, on]: [Tensor, Tensor, Tensor]) => {
          const next = c.add(x.mul(part).where(on, x)).add(k.to('float32'))
          return [next, [next.sum(), on.logicalNot(), k.mul(2)] as const] as const
        },
        zeros([3]),
        [xs, i, m] as [Tensor, Tensor, Tensor],
      )
    const args = [
      rand([5, 3]),
      tensor([1, 2, 3, 4, 5], { dtype: 'int32' }),
      tensor([true, false, true, true, false]),
    ] as const
    const [a, b] = [f(...args), compile(f)(...args)]
    close([a[0], ...a[1]], [b[0], ...b[1]], 1e-6)
  })

  test('scan in scan, while in scan, scan in while', () => {
    const f = (x: Tensor) => {
      const [c, rows] = scan(
        (c: Tensor, row: Tensor) => {
          const [inner, partial] = scan((s: Tensor, v: Tensor) => [s.add(v), s] as const, c, row)
          const small = whileLoop(
            (v: Tensor) => v.abs().gt(1),
            (v: Tensor) => v.mul(0.5),
            inner,
          )
          return [small, partial] as const
        },
        1,
        x,
      )
      const last = whileLoop(
        ([n]: [Tensor, Tensor]) => n.lt(3),
        ([n, v]: [Tensor, Tensor]): [Tensor, Tensor] => [
          n.add(1),
          scan((s: Tensor, r: Tensor) => [s.add(r.mean()), null] as const, v, x)[0],
        ],
        [0, c],
      )
      return [c, rows, last[1]] as const
    }
    const x = normal([4, 3])
    close([...f(x)], [...compile(f)(x)], 1e-5)
  })

  test('whileLoop stops by its condition, also before the first step', () => {
    const f = (x: Tensor) =>
      whileLoop(
        (v: Tensor) => v.lt(100),
        (v: Tensor) => v.mul(3),
        x,
      )
    const g = compile(f)
    for (const x of [1, 50, 200]) expect(g(tensor(x)).item()).toBe(f(tensor(x)).item())
    expect(g.traces).toBe(1)
    const x = tensor(2, { requiresGrad: true })
    for (const h of [() => f(x).backward(), compile(() => f(x).backward())])
      expect(h).toThrow(GradError)
    expect(() =>
      whileLoop(
        (v: Tensor) => v,
        (v: Tensor) => v,
        x,
      ),
    ).toThrow(/bool scalar/)
    expect(() => vmap(f)(ones([2]))).toThrow(TraceError)
  })

  test('gradients, first and second, to the first carry, slices and captured tensors', () => {
    manualSeed(1)
    const w = normal([3, 3]).mul(0.5)
    const b = normal([3])
    const xs = normal([4, 2, 3])
    const h0 = normal([2, 3])
    const scale = tensor(0.7)
    for (const t of [w, b, xs, h0, scale]) t.requiresGrad = true
    const all = [w, b, xs, h0, scale]
    // `outside` is computed of what wants a gradient, and captured; zeros that become dependent are carried.
    const loss = (reverse: boolean) => {
      const outside = scale.square()
      const [[h, total], ys] = scan(
        ([h, total]: [Tensor, Tensor], x: Tensor) => {
          const next = h.matmul(w).add(x.mul(outside)).add(b).tanh()
          return [[next, total.add(next.sum())] as [Tensor, Tensor], next.square()] as const
        },
        [h0, 0],
        xs,
        { reverse },
      )
      return h.sum().add(ys.mul(ys).mean()).add(total.mul(0.1))
    }
    for (const reverse of [false, true]) {
      const first = () => gradients(loss(reverse), all) as Tensor[]
      close(first(), compile(first)())
      const second = () => {
        const gs = gradients(loss(reverse), all, [], { createGraph: true }) as Tensor[]
        const sum = gs.map((g) => g.square().sum()).reduce((p, q) => p.add(q))
        return gradients(sum, all) as Tensor[]
      }
      close(second(), compile(second)(), 2e-3)
    }
    // Through a loop in a loop.
    const nested = () => {
      const [c] = scan(
        (c: Tensor, x: Tensor) =>
          [
            scan((s: Tensor, r: Tensor) => [s.mul(w.sum()).add(r.sin()), null] as const, c, x)[0],
            null,
          ] as const,
        h0.sum(),
        xs.sum(2),
      )
      return gradients(c, [w, xs, h0]) as Tensor[]
    }
    close(nested(), compile(nested)())
    // One tensor in several places counts each time.
    const twice = () => {
      const x = h0.sum()
      const [[p, q]] = scan(
        ([p, q]: [Tensor, Tensor], v: Tensor) =>
          [[p.mul(x).add(v), q] as [Tensor, Tensor], null] as const,
        [x, x],
        tensor([1, 2]),
      )
      return gradients(p.add(q.mul(3)), [h0]) as Tensor[]
    }
    close(twice(), compile(twice)())
  })

  /** A model with all that a step writes: moments, running statistics, the random generator. */
  const training = () => {
    manualSeed(3)
    const model = new nn.Sequential(
      new nn.Linear(2, 4),
      new nn.BatchNorm1d(4),
      new nn.Tanh(),
      new nn.Dropout(0.5),
      new nn.Linear(4, 2),
    )
    const optimizer = new Adam(model.parameters(), { lr: 0.05 })
    const xs = rand([6, 10, 2])
    const ys = randint(0, 2, [6, 10])
    manualSeed(5)
    const step = (x: Tensor, y: Tensor) => {
      const loss = crossEntropy(model.forward(x) as Tensor, y)
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      return loss
    }
    const state = () => [
      ...model.parameters(),
      ...model.namedBuffers().map(([, t]) => t),
      ...[...optimizer.state.values()].flatMap((s) => Object.values(s)),
    ]
    return { step, xs, ys, state, model, optimizer }
  }

  test('k training steps in one call give the bits of k calls', () => {
    const a = training()
    const step = compile(a.step)
    const losses = Array.from({ length: 6 }, (_, i) => step(a.xs.at(i), a.ys.at(i)).item())
    const after = rand([3])
    const b = training()
    const epoch = compile(
      (xs: Tensor, ys: Tensor) =>
        scan((_: null, [x, y]: [Tensor, Tensor]) => [null, b.step(x, y)] as const, null, [
          xs,
          ys,
        ] as [Tensor, Tensor])[1],
    )
    expect(list(epoch(b.xs, b.ys))).toEqual(losses)
    same(b.state(), a.state())
    same([rand([3])], [after])
    // Again, with the same program.
    const more = epoch(b.xs, b.ys)
    manualSeed(5)
    expect(epoch.traces).toBe(1)
    expect(more.shape).toEqual([6])
    expect(epoch.explain()).toMatch(name === 'reference' ? /= loop\(/ : /loop 6 times/)
  })

  test('gradients that add up over steps, that are kept, and that are cleared at the end', () => {
    const make = () => {
      const p = tensor([1, -2], { requiresGrad: true })
      const optimizer = new SGD([p], { lr: 0.1, momentum: 0.9 })
      return { p, optimizer }
    }
    const xs = tensor([
      [1, 2],
      [3, 4],
      [0.5, -1],
    ])
    const add = ({ p }: ReturnType<typeof make>) =>
      scan(
        (_: null, x: Tensor) => {
          p.mul(x).square().sum().backward()
          return [null, null] as const
        },
        null,
        xs,
      )
    for (const early of [false, true]) {
      const [a, b] = [make(), make()]
      if (early) for (const { p } of [a, b]) p.sum().backward()
      add(a)
      compile(() => add(b))()
      close([a.p.grad!], [b.p.grad!], 1e-6)
    }
    const last = ({ p, optimizer }: ReturnType<typeof make>) =>
      scan(
        (_: null, x: Tensor) => {
          p.mul(x).square().sum().backward()
          optimizer.step()
          optimizer.zeroGrad()
          return [null, null] as const
        },
        null,
        xs,
      )
    const [a, b] = [make(), make()]
    last(a)
    compile(() => last(b))()
    close([a.p], [b.p], 1e-6)
    expect([a.p.grad, b.p.grad]).toEqual([null, null])
    const kept = ({ p, optimizer }: ReturnType<typeof make>) =>
      scan(
        (_: null, x: Tensor) => {
          optimizer.zeroGrad()
          p.mul(x).square().sum().backward()
          optimizer.step()
          return [null, null] as const
        },
        null,
        xs,
      )
    const [c, d] = [make(), make()]
    kept(c)
    compile(() => kept(d), { keepGrads: true })()
    close([c.p, c.p.grad!], [d.p, d.p.grad!], 1e-6)
    // A gradient that only the first step finds.
    const e = make()
    e.p.sum().backward()
    expect(() => compile(() => last(e))()).toThrow(/zeroGrad/)
  })

  test('the gradient computes random numbers and what is assigned again as they were', () => {
    const w = tensor([0.5, -0.5, 2], { requiresGrad: true })
    const count = zeros([3])
    const xs = rand([4, 3])
    const f = () => {
      const [s] = scan(
        (s: Tensor, x: Tensor) => {
          noGrad(() => count.assign(count.add(1)))
          return [s.add(bernoulli(0.5, [3]).mul(w).mul(x).mul(count.add(0))), null] as const
        },
        zeros([3]),
        xs,
      )
      return gradients(s.square().sum(), [w]) as Tensor[]
    }
    manualSeed(7)
    const [g] = f()
    expect(list(count)).toEqual([4, 4, 4])
    count.assign(zeros([3]))
    manualSeed(7)
    const compiled = compile(f)
    close([g!], compiled())
    expect(list(count)).toEqual([4, 4, 4])
  })

  test('small kernels give in a loop, where they are written down once, the bits of single calls', () => {
    manualSeed(4)
    // Rows of every width beside a vector's, operands of each layout and type, sums of each axis, products of each order.
    for (const [m, k, n] of [
      [1, 1, 1],
      [2, 3, 1],
      [1, 5, 4],
      [10, 2, 4],
      [7, 9, 3],
      [30, 8, 8],
      [5, 33, 17],
    ] as const) {
      const [w, bias, other, flags] = [
        normal([n, k]),
        normal([n]),
        normal([m]),
        rand([m, n]).gt(0.5),
      ]
      const whole = randint(-9, 9, [m, n])
      const body = (x: Tensor, state: Tensor) => {
        const y = x.matmul(w.transpose(0, 1)).add(bias)
        const z = y.tanh().mul(other.unsqueeze(1)).where(flags, y.square())
        const soft = z.softmax(1)
        const back = soft.transpose(0, 1).matmul(x)
        const least = y.minimum(whole).sum(1).add(y.amax(1)).sub(z.amin(0).sum())
        const more = state.add(back.matmul(x.transpose(0, 1)).mean(0)).sub(back.sum())
        return [
          more,
          [
            z,
            soft.sum(0),
            least,
            y.gt(z),
            whole.add(y.gt(0)).floorDivide(2),
            y.prod(1),
            y.mul(z).sum(),
          ],
        ] as const
      }
      const xs = normal([6, m, k])
      const single = compile(body)
      let state = zeros([m])
      const parts = Array.from({ length: 6 }, (_, i) => {
        const [next, out] = single(xs.at(i), state)
        state = next
        return out
      })
      const [last, outs] = compile((xs: Tensor) =>
        scan((s: Tensor, x: Tensor) => body(x, s), zeros([m]), xs),
      )(xs)
      same([last], [state])
      outs.forEach((out, j) => {
        parts.forEach((part, i) => {
          same([out.at(i)], [part[j]!])
        })
      })
    }
  })

  test('a step whose gradients are not finite changes nothing in a loop, and the others what they change one by one', () => {
    for (const [width, make] of [
      [8, (p: Tensor[]) => new SGD(p, { lr: 0.1 })],
      [8, (p: Tensor[]) => new SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 0.01 })],
      [4, (p: Tensor[]) => new Adam(p, { lr: 0.1 })],
      [6, (p: Tensor[]) => new SGD(p, { lr: 0.1 })],
    ] as const) {
      const build = () => {
        manualSeed(3)
        const model = new nn.Sequential(
          new nn.Linear(2, width),
          new nn.Tanh(),
          new nn.Linear(width, width),
          new nn.Sigmoid(),
          new nn.Linear(width, 1),
        )
        const optimizer = make(model.parameters())
        optimizer.nonFiniteGradients = 'skip'
        const step = (x: Tensor, y: Tensor) => {
          const loss = model.forward(x).sub(y).square().mean()
          optimizer.zeroGrad()
          loss.backward()
          optimizer.step()
          return loss
        }
        const state = () => [
          ...model.parameters(),
          ...[...optimizer.state.values()].flatMap((s) => Object.values(s)),
        ]
        return { step, state }
      }
      manualSeed(8)
      const [good, ys] = [normal([7, 5, 2]), normal([7, 5, 1])]
      const bad = tensor([0, 0, Number.NaN, 0, Number.POSITIVE_INFINITY, 0, 0])
      const xs = good.add(bad.reshape([7, 1, 1]))
      const [a, b, c] = [build(), build(), build()]
      const single = compile(a.step)
      for (let i = 0; i < 7; i++) single(xs.at(i), ys.at(i))
      compile((xs: Tensor, ys: Tensor) =>
        scan((_: null, [x, y]: [Tensor, Tensor]) => [null, b.step(x, y)] as const, null, [
          xs,
          ys,
        ] as [Tensor, Tensor]),
      )(xs, ys)
      same(b.state(), a.state())
      const without = compile(c.step)
      for (const i of [0, 1, 3, 5, 6]) without(good.at(i), ys.at(i))
      same(b.state(), c.state())
    }
  })

  test('a choice by one flag between a new value and the old one, which others read as well', () => {
    const flags = tensor([1, 0, 1, 0, 1, 1]).gt(0)
    for (const n of [1, 8, 30]) {
      manualSeed(2)
      const xs = normal([6, n])
      const body = (state: Tensor, x: Tensor, flag: Tensor) => {
        const made = state.mul(0.5).add(x)
        const next = made.where(flag, state)
        return [next, [made.sum(), next.mul(2), x.where(flag, state)]] as const
      }
      const states = () => [zeros([n]), zeros([n])] as const
      const [a, b] = states()
      const single = compile((x: Tensor, flag: Tensor) => {
        const [next, outs] = body(a, x, flag)
        a.assign(next)
        return outs
      })
      const parts = Array.from({ length: 6 }, (_, i) => single(xs.at(i), flags.at(i)))
      const outs = compile(
        (xs: Tensor, flags: Tensor) =>
          scan(
            (_: null, [x, flag]: [Tensor, Tensor]) => {
              const [next, outs] = body(b, x, flag)
              b.assign(next)
              return [null, outs] as const
            },
            null,
            [xs, flags] as [Tensor, Tensor],
          )[1],
      )(xs, flags)
      same([b], [a])
      outs.forEach((out, j) => {
        parts.forEach((part, i) => {
          same([out.at(i)], [part[j]!])
        })
      })
    }
  })

  test('an index out of range in a step stops the loop and is named', () => {
    const table = rand([4, 2])
    const f = compile((ix: Tensor) =>
      scan((s: Tensor, i: Tensor) => [s.add(table.take(i).sum()), s] as const, 0, ix),
    )
    const good = tensor([[0], [3]], { dtype: 'int32' })
    f(good)
    expect(() => f(tensor([[0], [9]], { dtype: 'int32' }))).toThrow(/index.*got 9/)
    f(good)
  })
})

test('threads give the same bits', () => {
  for (const name of availableBackends().filter((n) => n !== 'reference')) {
    setBackend(name)
    manualSeed(2)
    const w = normal([64, 64]).mul(0.1)
    const xs = normal([5, 96, 64])
    const f = compile(() =>
      scan(
        (h: Tensor, x: Tensor) => [h.matmul(w).add(x).tanh(), h.mean()] as const,
        zeros([96, 64]),
        xs,
      ),
    )
    const { threads } = backend()
    setNumThreads(1)
    const one = f()
    setNumThreads(2)
    const two = f()
    setNumThreads(threads)
    same([one[0], one[1]], [two[0], two[1]])
  }
})

test('vmap over a scan, and a body that calls the host, have the steps one after the other', () => {
  const f = (x: Tensor) => scan((s: Tensor, v: Tensor) => [s.add(v), s.mul(v)] as const, 0, x)[1]
  const xs = rand([3, 4])
  const want = [0, 1, 2].map((i) => f(xs.at(i)))
  for (const g of [vmap(f), compile(vmap(f))])
    close(
      want,
      [0, 1, 2].map((i) => g(xs).at(i)),
      1e-6,
    )
  const seen: number[] = []
  const told = (x: Tensor) =>
    scan(
      (s: Tensor, v: Tensor) => {
        hostCall({ name: 'see', start: ([t]) => void seen.push(Number(t!.data()[0])) }, [s])
        return [s.add(v), null] as const
      },
      0,
      x,
    )[0]
  expect(compile(told)(tensor([1, 2, 3])).item()).toBe(6)
  expect(seen).toEqual([0, 1, 3])
})

test('errors say what is wrong', () => {
  const f = (s: Tensor, x: Tensor) => [s.add(x), null] as const
  expect(() => scan(f, zeros([1]), ones([3, 2]))).toThrow(ShapeError)
  expect(() => compile(() => scan(f, zeros([1]), ones([3, 2])))()).toThrow(
    /float32\[2\] where it gets float32\[1\]/,
  )
  expect(() => scan(f, 0, null as never)).toThrow(ValueError)
  expect(() => scan(f, 0, tensor(1))).toThrow(/axis 0/)
  expect(() => scan(f, 0, ones([3]), { length: 2 })).toThrow(/2 slices/)
  expect(() => scan(((s: Tensor) => s) as never, 0, ones([3]))).toThrow(/list of two/)
  expect(() => scan(f, 0, ones([3]), { lenght: 2 } as never)).toThrow(/length/)
  let leaked: Tensor | undefined
  const g = compile(() => {
    scan(
      (s: Tensor, x: Tensor) => {
        leaked = s.mul(x)
        return [s, null] as const
      },
      0,
      ones([2]),
    )
    return leaked!.add(1)
  })
  expect(g).toThrow(TraceError)
})

test('the calls of a body are in the call graph once', () => {
  const w = rand([2, 2])
  const graph = symbolicTrace(
    (xs: Tensor) =>
      scan((h: Tensor, x: Tensor) => [h.matmul(w).add(x), null] as const, zeros([2]), xs)[0],
    ones([3, 2]),
  )
  const names = [...graph.all()].map((c) => c.name)
  expect(names.filter((n) => n === 'add')).toHaveLength(1)
})
