import {
  AnomalyError,
  compile,
  defineOp,
  detectAnomaly,
  GradError,
  gradCheck,
  mul,
  relu,
  softmax,
  type Tensor,
  tensor,
  where,
} from 'nabla'
import * as nn from 'nabla/nn'
import { describe, expect, test } from 'vitest'

class Net extends nn.Module {
  first = new nn.Linear(2, 3)
  second = new nn.Linear(3, 1)
  override forward(x: Tensor): Tensor {
    return this.second.forward(relu(this.first.forward(x)))
  }
}

describe('detectAnomaly', () => {
  test('names the layer and the operation of the first NaN', () => {
    const net = new Net()
    net.second.weight.assign(tensor([[1, Number.NaN, 1]]))
    const x = tensor([[1, 2]])
    expect(net.forward(x).item()).toBeNaN()
    expect(() => detectAnomaly(() => net.forward(x))).toThrow(AnomalyError)
    expect(() => detectAnomaly(() => net.forward(x))).toThrow(
      /^Net\.second: \[linear\].*operand 1 has NaN already/,
    )
  })

  test('an infinity of finite numbers is one, a mask is not', () => {
    expect(() => detectAnomaly(() => tensor([0]).log())).toThrow(/\[log\].*1 infinite of 1/)
    const masked = () =>
      softmax(where(tensor([true, false]), tensor([1, 2]), Number.NEGATIVE_INFINITY))
    expect([...detectAnomaly(masked).toTypedArray()]).toEqual([1, 0])
  })

  test('names where a gradient goes wrong, while the result is finite', () => {
    class Root extends nn.Module {
      override forward(x: Tensor): Tensor {
        return x.sqrt()
      }
    }
    const net = new nn.Sequential(new Root())
    const x = tensor([0, 4], { requiresGrad: true })
    expect(() => detectAnomaly(() => net.forward(x).sum().backward())).toThrow(
      /^Sequential\.0: \[sqrt\] the gradient of operand 0 must be finite; got 1 infinite of 2/,
    )
  })

  test('compiled functions run eagerly inside, and as programs again after', () => {
    const f = compile((x: Tensor) => x.div(0).mul(0))
    expect(() => detectAnomaly(() => f(tensor([1])))).toThrow(/\[div\]/)
    expect(f.traces).toBe(0)
    expect(f(tensor([1])).item()).toBeNaN()
    expect(f.traces).toBe(1)
  })

  test('gives the result when all is well', () => {
    const net = new Net()
    const x = tensor([[1, 2]])
    const loss = detectAnomaly(() => {
      const y = net.forward(x).sum()
      y.backward()
      return y.item()
    })
    expect(loss).toBe(net.forward(x).sum().item())
  })
})

describe('gradCheck', () => {
  const wrong = defineOp({
    name: 'wrongCube',
    formula: 'y = x³',
    args: (x: Tensor) => ({ inputs: [x], attrs: {} }),
    forward: ([x]) => mul(mul(x!, x!), x!),
    vjp: (ct, [x]) => [mul(ct, mul(x!, x!))],
    example: (m) => [[m.of([2])], [8]],
    samples: (m) => [[m.float([2])]],
  })
  test('passes what is right and names what is wrong', () => {
    const inputs = [tensor([[1, 2]]), tensor([[0.5], [-1]])]
    expect(gradCheck((a, b) => a!.matmul(b!).sin(), inputs)).toBe(true)
    expect(() => gradCheck((x) => wrong(x!), [tensor([2])])).toThrow(GradError)
    expect(() => gradCheck((x) => wrong(x!), [tensor([2])])).toThrow(/input 0.*4.*differences/)
    expect(() => gradCheck((x) => x!.detach(), [tensor([2])])).toThrow(/depend on the inputs/)
  })
  test('integers are passed on, outside tensors of another type are refused', () => {
    const index = tensor([1, 0], { dtype: 'int32' })
    expect(gradCheck((x, i) => x!.indexSelect(0, i!).square(), [tensor([1, 2]), index])).toBe(true)
  })
})
