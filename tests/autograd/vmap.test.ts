/** vmap with gradients, nested, compiled, and what it refuses. */
import {
  compile,
  crossEntropy,
  grad,
  gradients,
  jacobian,
  normal,
  ones,
  rand,
  stack,
  type Tensor,
  tensor,
  vmap,
} from 'nabla'
import * as nn from 'nabla/nn'
import { describe, expect, test } from 'vitest'

const apart = (a: Tensor, b: Tensor) => {
  expect(a.shape).toEqual(b.shape)
  return a.sub(b).abs().amax().item()
}

describe('vmap', () => {
  const [w, x, y] = [normal([3, 2]), normal([5, 3]), normal([5, 2])]
  const loss = (w: Tensor, x: Tensor, y: Tensor) => x.matmul(w).tanh().sub(y).square().sum()
  test('of grad gives the gradient of each example, compiled too', () => {
    const each = vmap(grad(loss) as (...t: Tensor[]) => Tensor[], [null, 0, 0])
    const want = stack(
      [0, 1, 2, 3, 4].map((i) => (grad(loss)(w, x.select(0, i), y.select(0, i)) as Tensor[])[0]!),
    )
    expect(apart(each(w, x, y)[0]!, want)).toBeLessThan(1e-5)
    const compiled = compile((...t: Tensor[]) => each(...t))
    expect(apart(compiled(w, x, y)[0]!, want)).toBeLessThan(1e-5)
  })
  test('can be differentiated, by what is mapped, what is not, and what is captured; twice', () => {
    const inner = (x: Tensor, y: Tensor) => loss(own, x, y)
    const own = w.add(0)
    own.requiresGrad = true
    const run = (many: boolean) => {
      const a = x.add(0)
      a.requiresGrad = true
      const losses = many
        ? vmap(inner)(a, y)
        : stack([0, 1, 2, 3, 4].map((i) => inner(a.select(0, i), y.select(0, i))))
      const first = gradients(losses.square().sum(), [a, own], [], {
        createGraph: true,
      }) as Tensor[]
      const second = gradients(first[0]!.square().sum().add(first[1]!.square().sum()), [a, own])
      return [losses, ...first, ...(second as Tensor[])]
    }
    const [got, want] = [run(true), run(false)]
    got.forEach((g, i) => {
      expect(apart(g, want[i]!)).toBeLessThan(2e-3)
    })
  })
  test('nested, with axes in and out', () => {
    const [a, b] = [normal([4, 3]), normal([5, 3])]
    const dot = (p: Tensor, q: Tensor) => p.mul(q).sum()
    const all = vmap((p: Tensor, q: Tensor) => vmap(dot, [null, 0])(p, q), [0, null])(a, b)
    expect(apart(all, a.matmul(b.transpose(0, 1)))).toBeLessThan(1e-5)
    const out = vmap((p: Tensor) => p.mul(2), 1, 1)(a)
    expect(apart(out, a.mul(2))).toBe(0)
    expect(vmap((p: Tensor) => p.mul(2), -1, -1)(a).shape).toEqual([4, 3])
    const tree = vmap((o: { p: Tensor }) => ({ q: [o.p.sum()], k: 1, one: ones([2]) }))({ p: a })
    expect(tree.q[0]!.shape).toEqual([4])
    expect(tree.one.shape).toEqual([4, 2])
    expect(tree.k).toBe(1)
  })
  test('of a model: the gradient of each example sums to that of the batch', () => {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 2, 3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(8, 3),
    )
    const [images, labels] = [normal([4, 1, 6, 6]), tensor([0, 2, 1, 1], { dtype: 'int32' })]
    const names = model.namedParameters().map(([name]) => name)
    const one = (weights: Tensor[], image: Tensor, label: Tensor) =>
      crossEntropy(
        nn.functionalCall(
          model,
          Object.fromEntries(names.map((n, i) => [n, weights[i]!])),
          image.unsqueeze(0),
        ) as Tensor,
        label.unsqueeze(0),
      )
    const slopes = (...all: Tensor[]) => {
      const [image, label, ...weights] = all
      return grad((...ws: Tensor[]) => one(ws, image!, label!))(...weights) as Tensor[]
    }
    const weights = model.parameters().map((p) => p.add(0).detach())
    const each = vmap(slopes, [0, 0, ...weights.map(() => null)])(images, labels, ...weights)
    const whole = crossEntropy(model.forward(images), labels, { reduction: 'sum' })
    whole.backward()
    model.parameters().forEach((p, i) => {
      expect(apart(each[i]!.sum(0), p.grad!)).toBeLessThan(1e-4)
    })
  })
  test('agrees with jacobian', () => {
    const f = (v: Tensor) => v.matmul(w).exp()
    const v = normal([3])
    const rows = vmap((ct: Tensor) => {
      const z = v.add(0)
      z.requiresGrad = true
      return gradients(f(z), [z], [ct])[0]!
    })(
      tensor([
        [1, 0],
        [0, 1],
      ]),
    )
    expect(apart(rows, jacobian(f, v) as Tensor)).toBeLessThan(1e-5)
  })
  test('says what it refuses', () => {
    const id = (t: Tensor) => t
    expect(() => vmap((a: Tensor, b: Tensor) => a.add(b))(ones([2]), ones([3]))).toThrow(
      /one number of examples.*2 and 3/s,
    )
    expect(() => vmap(id)(tensor(1))).toThrow(/must have the axis 0/)
    expect(() => vmap(id, null)(ones([2]))).toThrow(/an argument must hold a tensor/)
    expect(() => vmap(id, [0, 0])(ones([2]))).toThrow(/inDims has an entry for each argument/)
    expect(() => vmap((t: Tensor) => t.mul(t.sum().item()))(ones([2]))).toThrow(/cannot be read/)
    expect(() => vmap((t: Tensor) => t.add(rand([1])))(ones([2]))).toThrow(/random/)
  })
})
