/** Twenty steps of the network of `npm start` on real digits: one function for every place where nabla runs. */
import { mnist } from '../../src/data/mnist.js'

export const STEPS = 20
const BATCH = 64

export interface Digits {
  /** Pixels from 0 to 255. */
  images: number[]
  labels: number[]
}

/** The first training images. */
export function digits(): Digits {
  const { train } = mnist()
  const images: number[] = []
  for (let i = 0; i < STEPS * BATCH; i++) images.push(...train.image(i))
  return { images, labels: [...train.labels.slice(0, STEPS * BATCH)] }
}

export interface Parts {
  nabla: typeof import('nabla')
  nn: typeof import('nabla/nn')
  optim: typeof import('nabla/optim')
  models: typeof import('nabla/models')
}

/**
 * The losses of the steps. It uses nothing from outside of itself, so that its text can be sent to a page. `compiled`
 * false runs the steps eagerly.
 */
export function twentySteps(
  { nabla, nn, optim, models }: Parts,
  { images, labels }: Digits,
  compiled: boolean,
): number[] {
  nabla.manualSeed(1)
  const model = models.mlp([784, 16, 16, 10], () => new nn.Sigmoid())
  const optimizer = new optim.SGD(model.parameters(), { lr: 1, momentum: 0.5 })
  const body = (x: import('nabla').Tensor, y: import('nabla').Tensor) => {
    const loss = nabla.crossEntropy(model.forward(x), y)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss.detach()
  }
  const step = compiled ? nabla.compile(body) : body
  const losses: number[] = []
  const batch = labels.length / 20
  for (let k = 0; k < 20; k++) {
    const pixels = images.slice(k * batch * 784, (k + 1) * batch * 784)
    const x = nabla.tensor(Float32Array.from(pixels, (v) => v / 255)).reshape([batch, 784])
    const y = nabla.tensor(Int32Array.from(labels.slice(k * batch, (k + 1) * batch)))
    losses.push(step(x, y).item())
  }
  return losses
}
