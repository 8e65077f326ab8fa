import { compile, crossEntropy, maxPool2d, relu, type Tensor, tensor } from 'nabla'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { expect, test } from 'vitest'
import { expectClose, golden, revive } from './fixture.js'

class Convolutional extends nn.Module {
  conv1 = new nn.Conv2d(1, 4, { kernelSize: 3, padding: 1 })
  norm = new nn.BatchNorm2d(4)
  conv2 = new nn.Conv2d(4, 6, { kernelSize: 3 })
  fc = new nn.Linear(6, 4)
  override forward(x: Tensor): Tensor {
    const y = maxPool2d(relu(this.norm.forward(this.conv1.forward(x))), 2)
    return this.fc.forward(maxPool2d(relu(this.conv2.forward(y)), 2).flatten(1))
  }
}
class Recurrent extends nn.Module {
  lstm = new nn.LSTM(3, 5, { numLayers: 2, batchFirst: true })
  fc = new nn.Linear(5, 4)
  override forward(x: Tensor): Tensor {
    const [y] = this.lstm.forward(x)
    return this.fc.forward(y.select(1, -1))
  }
}

type Net = nn.Module & { forward(x: Tensor): Tensor }
interface Setup {
  model: () => Net
  optimizer: (p: Tensor[]) => optim.Optimizer
  schedule: (o: optim.Optimizer) => optim.Scheduler
  clip?: number
  labelSmoothing?: number
}
const setups: Record<string, Setup> = {
  perceptron: {
    model: () => new nn.Sequential(new nn.Linear(6, 16), new nn.ReLU(), new nn.Linear(16, 4)),
    optimizer: (p) => new optim.Adam(p, { lr: 0.02, weightDecay: 0.01 }),
    schedule: (o) => new optim.StepLR(o, 6, { gamma: 0.5 }),
    labelSmoothing: 0.1,
  },
  convolutional: {
    model: () => new Convolutional(),
    optimizer: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 1e-3 }),
    schedule: (o) => new optim.CosineAnnealingLR(o, 20),
    clip: 1,
  },
  recurrent: {
    model: () => new Recurrent(),
    optimizer: (p) => new optim.RMSprop(p, { lr: 0.01, momentum: 0.5 }),
    schedule: (o) =>
      new optim.SequentialLR(
        o,
        [
          new optim.LinearLR(o, { startFactor: 0.1, totalIters: 4 }),
          new optim.ExponentialLR(o, 0.9),
        ],
        [4],
      ),
  },
}
interface Case {
  name: string
  xs: Tensor[]
  ys: Tensor[]
  start: Record<string, Tensor>
  losses: number[]
  rates: number[]
  end: Record<string, Tensor>
}

test.each(golden('training').flatMap((c) => [false, true].map((compiled) => ({ c, compiled }))))(
  '$c.name, compiled: $compiled: twenty losses as in PyTorch',
  ({ c, compiled }) => {
    const want = revive(c) as Case
    const setup = setups[want.name]!
    const model = setup.model()
    model.loadStateDict(want.start)
    const optimizer = setup.optimizer(model.parameters())
    const schedule = setup.schedule(optimizer)
    const body = (x: Tensor, y: Tensor) => {
      const loss = crossEntropy(model.forward(x), y, { labelSmoothing: setup.labelSmoothing ?? 0 })
      optimizer.zeroGrad()
      loss.backward()
      if (setup.clip) nn.clipGradNorm(model.parameters(), setup.clip)
      optimizer.step()
      return loss
    }
    const step = compiled ? compile(body) : body
    const rates: number[] = []
    const losses = want.losses.map((_, i) => {
      const loss = step(want.xs[i % 5]!, want.ys[i % 5]!).item()
      rates.push(optimizer.lr)
      schedule.step()
      return loss
    })
    expectClose(tensor(losses), tensor(want.losses), 1e-4, 'losses')
    expectClose(tensor(rates), tensor(want.rates), 1e-6, 'rates')
    const end = model.stateDict()
    for (const [name, t] of Object.entries(want.end)) expectClose(end[name]!, t, 1e-3, name)
    if ('traces' in step) expect(step.traces).toBe(1)
  },
)
