import {
  checkpoint,
  compile,
  type Compiled,
  gradients,
  manualSeed,
  noGrad,
  rand,
  randn,
  relu,
  type Tensor,
  tensor,
} from 'nabla'
import * as nn from 'nabla/nn'
import { describe, expect, test } from 'vitest'

type Wrap = (f: (x: Tensor) => Tensor, x: Tensor) => Tensor
const plainly: Wrap = (f, x) => f(x)
const again: Wrap = (f, x) => checkpoint(f, x)
const bits = (t: Tensor | null | undefined) => t && [...(t.toTypedArray() as Iterable<number>)]

/** Blocks with dropout, each wrapped; the loss and all gradients of two steps. */
function train(wrap: Wrap, compiled: boolean, width = 16, depth = 3, rows = 8) {
  manualSeed(7)
  const layers = Array.from({ length: depth }, () => new nn.Linear(width, width))
  const x = randn([rows, width])
  const inner: Wrap = (f, t) => wrap((u) => wrap(f, u), t)
  const params = layers.flatMap((l) => l.parameters())
  const step = (input: Tensor) => {
    let y = input
    for (const [i, layer] of layers.entries())
      y = (i === 0 ? inner : wrap)((t) => {
        const kept = rand(t.shape).gt(0.2).to('float32')
        return relu(layer.forward(t).mul(kept)).tanh().exp()
      }, y)
    for (const p of params) p.grad = null
    const loss = y.square().mean()
    loss.backward()
    return loss
  }
  const run = compiled ? compile(step, { keepGrads: true }) : step
  const seen = []
  for (let i = 0; i < 2; i++) seen.push(bits(run(x)), ...params.map((p) => bits(p.grad)))
  return { seen, next: bits(rand([2])), run: run as Compiled<[Tensor], Tensor> }
}

describe.each([false, true])('checkpoint, compiled: %s', (compiled) => {
  test('gives the same bits, and the generator stands where it would have', () => {
    const a = train(plainly, compiled)
    const b = train(again, compiled)
    expect(b.seen).toEqual(a.seen)
    expect(b.next).toEqual(a.next)
  })

  test('running statistics move once', () => {
    const stats = [plainly, again].map((wrap) => {
      manualSeed(1)
      const layer = new nn.Linear(3, 3)
      const mean = tensor([0, 0, 0])
      const step = (x: Tensor) => {
        const y = wrap((t) => {
          const z = layer.forward(t)
          noGrad(() => mean.assign(mean.mul(0.9).add(z.mean(0).mul(0.1))))
          return z.sigmoid()
        }, x)
        y.sum().backward()
        return y.sum()
      }
      ;(compiled ? compile(step) : step)(randn([4, 3]))
      return bits(mean)
    })
    expect(stats[1]).toEqual(stats[0])
  })
})

test('several results, inputs with a history, second order', () => {
  const x = tensor([0.5, -1, 2], { requiresGrad: true })
  const f = (wrap: boolean) => {
    const h = x.square()
    const body = (a: Tensor) => [a.exp(), a.mul(x)] as const
    const [u, v] = wrap ? checkpoint(body, h) : body(h)
    const y = u.sum().add(v.sum())
    const [g] = gradients(y, [x], [], { createGraph: true })
    const [gg] = gradients(g!.square().sum(), [x])
    return [bits(y), bits(g), bits(gg)]
  }
  expect(f(true)).toEqual(f(false))
})

test('in a program the second computation is not merged with the first, and less memory is needed', () => {
  const memory = (run: Compiled<[Tensor], Tensor>) =>
    Number(/(\d+) bytes of working memory/.exec(run.explain())![1])
  const [width, depth, rows] = [64, 12, 256]
  const kept = memory(train(plainly, true, width, depth, rows).run)
  const recomputed = memory(train(again, true, width, depth, rows).run)
  expect(recomputed).toBeLessThan(0.6 * kept)
})

test('without gradients it is the function itself', () => {
  expect(noGrad(() => checkpoint((x) => x.add(1), tensor([1]))).requiresGrad).toBe(false)
  expect(checkpoint((x) => x.add(1), tensor([1])).requiresGrad).toBe(false)
})
