/** Differentiation as users meet it: backward, grad, gradients of gradients, detach, noGrad, and the check. */
import {
  type BackendName,
  detach,
  grad,
  gradCheck,
  gradients,
  mul,
  noGrad,
  ones,
  setBackend,
  type Tensor,
  tensor,
  valueAndGrad,
} from 'nabla'
import { beforeEach, describe, expect, test } from 'vitest'
import { registry } from '../../src/ops/define.js'

const cube = (x: Tensor) => x.mul(x).mul(x).sum()

describe.each<BackendName>(['reference', 'native', 'wasm'])('on %s', (backend) => {
  beforeEach(() => setBackend(backend))

  test('backward adds to grad, through both uses of a tensor', () => {
    const x = tensor([2, 3], { requiresGrad: true })
    x.mul(x).add(x).sum().backward()
    expect(x.grad!.toArray()).toEqual([5, 7])
    x.sum().backward()
    expect(x.grad!.toArray()).toEqual([6, 8])
  })
  test('grad and valueAndGrad of functions, one argument or several', () => {
    expect(grad(cube)(tensor([1, 2])).toArray()).toEqual([3, 12])
    const [value, [da, db]] = valueAndGrad((a: Tensor, b: Tensor) => a.mul(b).sum())(
      tensor([1, 2]),
      tensor([3, 4]),
    )
    expect([value.item(), da!.toArray(), db!.toArray()]).toEqual([11, [3, 4], [1, 2]])
  })
  test('gradients of gradients, three deep', () => {
    const first = grad(cube)
    const second = grad((x: Tensor) => first(x).sum())
    const third = grad((x: Tensor) => second(x).sum())
    const x = tensor([1, 2])
    expect(second(x).toArray()).toEqual([6, 12])
    expect(third(x).toArray()).toEqual([6, 6])
  })
  test('createGraph: a penalty on the gradient trains', () => {
    const x = tensor([1, 2], { requiresGrad: true })
    const [g] = gradients(cube(x), [x], [], { createGraph: true })
    g!.square().sum().backward()
    // d/dx (3x²)² = 36x³
    expect(x.grad!.toArray()).toEqual([36, 288])
  })
  test('detach cuts, noGrad records nothing', () => {
    const x = tensor([2], { requiresGrad: true })
    detach(x).mul(x).sum().backward()
    expect(x.grad!.toArray()).toEqual([2])
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false)
    expect(() =>
      noGrad(() => x.mul(2))
        .sum()
        .backward(),
    ).toThrow(/without history/)
  })
  test('what cannot be differentiated is refused, and says so', () => {
    const x = tensor([1, 2], { requiresGrad: true })
    expect(() => x.mul(2).backward()).toThrow(/only a tensor of one element.*loss\.mean/)
    const loss = x.square().sum()
    loss.backward()
    expect(() => loss.backward()).toThrow(/freed.*retainGraph/)
    const y = x.square()
    noGrad(() => x.assign(ones([2])))
    expect(() => y.sum().backward()).toThrow(/changed in place/)
    expect(() => tensor([1], { dtype: 'int32', requiresGrad: true })).toThrow(/only float/)
  })
})

describe('gradCheck', () => {
  beforeEach(() => setBackend('reference'))

  test('passes what is right, of several arguments, of second order', () => {
    const x = tensor([0.3, -1.2], { dtype: 'float64' })
    const w = tensor([0.7, 0.1], { dtype: 'float64' })
    expect(gradCheck((a: Tensor, b: Tensor) => a.mul(b).tanh(), [x, w])).toBe(true)
  })
  test('finds a wrong gradient, and says where', () => {
    const { spec } = registry.get('square')!
    const right = spec.vjp
    // Twice the right one.
    spec.vjp = (ct, [x]) => [mul(mul(ct as Tensor, x!), 4)]
    try {
      const x = tensor([0.3, -1.2], { dtype: 'float64' })
      expect(() => gradCheck((t: Tensor) => t.square(), [x])).toThrow(
        /gradient of input 0.* at element 0, where the differences give/,
      )
    } finally {
      spec.vjp = right
    }
  })
})
