// @ts-check
import { compile, linspace, manualSeed, scan } from 'nabla'
import { parseExpression } from 'nabla/data'
import * as nn from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { tensor } from 'nabla'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ text: string, neurons: number, activation: 'relu' | 'sigmoid' | 'tanh', rate: number, seed: number }} Settings */

/** @param {Settings} s */
export function build(s) {
  const x = linspace(-3, 3, 121).unsqueeze(1)
  const f = parseExpression(s.text)
  const y = tensor([...x.toTypedArray()].map((x) => f({ x }))).unsqueeze(1)
  const activation = { relu: nn.ReLU, sigmoid: nn.Sigmoid, tanh: nn.Tanh }[s.activation]
  const hidden = new nn.Sequential(new nn.Linear(1, s.neurons), new activation())
  const last = new nn.Linear(s.neurons, 1)
  const model = new nn.Sequential(hidden, last)
  const optimizer = new Adam(model.parameters(), { lr: s.rate })
  const loss = () => model.forward(x).sub(y).square().mean()
  const step = () => {
    const now = loss()
    optimizer.zeroGrad()
    now.backward()
    optimizer.step()
    return now
  }
  return {
    x,
    y,
    hidden,
    last,
    model,
    /** @type {(k: number) => Tensor} */
    run: compile((k) => scan(() => [null, step()], null, null, { length: k })[1]),
    loss: () => loss().item(),
    /** What each neuron adds to the sum: (points, neurons). */
    pieces: () => hidden.forward(x).mul(last.weight),
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { run, loss } = build(s)
  for (let i = 0; i < 4; i++) {
    run(500)
    console.log(`after ${(i + 1) * 500} steps: mean squared error`, loss())
  }
}
