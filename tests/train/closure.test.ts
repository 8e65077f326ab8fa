/** Optimizers that compute the loss several times in a step: fit gives them the closure. */
import { crossEntropy, manualSeed, normal, randint, type Tensor, tensor } from 'nabla'
import { DataLoader, TensorDataset } from 'nabla/data'
import * as nn from 'nabla/nn'
import { LBFGS } from 'nabla/optim'
import { fit, fitAsync } from 'nabla/train'
import { expect, test } from 'vitest'

const mse = (out: Tensor, y: Tensor) => out.sub(y).square().mean()
const bits = (m: nn.Module) => m.parameters().map((p) => p.toArray())
function linear(seed = 1) {
  manualSeed(seed)
  const x = normal([32, 3])
  const y = x.matmul(tensor([[1], [-2], [3]])).add(0.5)
  const model = new nn.Linear(3, 1)
  const optimizer = new LBFGS(model.parameters(), { lineSearchFn: 'strongWolfe' })
  return {
    x,
    y,
    model,
    optimizer,
    data: new DataLoader(new TensorDataset(x, y), { batchSize: 32 }),
  }
}

test.each([true, false])('LBFGS in fit is LBFGS by hand, compiled %s', (compiled) => {
  const { model, optimizer, data } = linear()
  const { history } = fit(model, {
    data,
    optimizer,
    loss: mse,
    epochs: 3,
    compiled,
    verbose: false,
  })
  expect(history[0]!.loss).toBeGreaterThan(0.1)
  expect(history[2]!.loss).toBeLessThan(1e-6)
  expect(model.weight.toArray()).toEqual([[1, -2, 3].map((w) => expect.closeTo(w, 3))])

  const other = linear()
  for (let i = 0; i < 3; i++)
    other.optimizer.step(() => {
      other.optimizer.zeroGrad()
      const loss = mse(other.model.forward(other.x), other.y)
      loss.backward()
      return loss
    })
  bits(other.model)
    .flat(3)
    .forEach((v, i) => {
      expect(bits(model).flat(3)[i]).toBeCloseTo(v as number, 4)
    })
})
test('labels, accuracy, penalty and fitAsync', async () => {
  manualSeed(2)
  const model = new nn.Sequential(new nn.Linear(4, 8), new nn.Tanh(), new nn.Linear(8, 3))
  const data = new DataLoader(new TensorDataset(normal([24, 4]), randint(0, 3, [24])), {
    batchSize: 24,
  })
  const optimizer = new LBFGS(model.parameters())
  const options = { data, optimizer, loss: crossEntropy, epochs: 4, verbose: false }
  const penalty = (m: typeof model) => m.parameters()[0]!.square().sum().mul(1e-4)
  const { history } = await fitAsync(model, { ...options, penalty })
  expect(history[3]!.loss).toBeLessThan(history[0]!.loss)
  expect(history[3]!.accuracy).toBeGreaterThan(0.5)
})
test('what cannot be is refused, and nothing has changed', () => {
  const { model, optimizer, x } = linear()
  const y = tensor(new Float32Array(32).fill(Number.NaN), { shape: [32, 1] })
  const data = new DataLoader(new TensorDataset(x, y), { batchSize: 16 })
  const before = bits(model)
  const options = { data, optimizer, loss: mse, epochs: 1, verbose: false }
  expect(() => fit(model, { ...options, accumulate: 2 })).toThrow('accumulate must be 1')
  expect(() => fit(model, options)).toThrow(/finite/)
  expect(bits(model)).toEqual(before)
})
