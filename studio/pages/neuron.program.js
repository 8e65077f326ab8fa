// @ts-check
import { linspace, manualSeed, tensor } from 'nabla'
import * as nn from 'nabla/nn'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ f: string, a: number, temperature: number, w1: number, w2: number, b: number, x1: number, x2: number, seed: number, scores: number[] }} Settings */

/** The activation function that the settings name. @param {Settings} s @returns {{ forward(z: Tensor): Tensor }} */
export function activation({ f, a, temperature }) {
  switch (f) {
    case 'sigmoid':
      return new nn.Sigmoid()
    case 'tanh':
      return new nn.Tanh()
    case 'relu':
      return new nn.ReLU()
    case 'leaky':
      return new nn.LeakyReLU({ negativeSlope: a })
    case 'prelu':
      return new nn.PReLU({ init: a })
    case 'rrelu':
      return new nn.RReLU({ lower: a / 2, upper: a * 1.5 })
    case 'elu':
      return new nn.ELU({ alpha: a * 4 })
    case 'gelu':
      return new nn.GELU()
    default:
      return new nn.Softmax({ axis: -1, temperature })
  }
}

/** The curve of an activation function, and its derivative by the gradient. @param {Settings} s */
export function curve(s) {
  const z = linspace(-5, 5, 401, { requiresGrad: true })
  const y = activation(s).forward(z)
  y.sum().backward()
  return { z, y, slope: /** @type {Tensor} */ (z.grad) }
}

/** z = w · x + b and y = f(z), for one x or for many, (2) or (n, 2). @param {Settings} s @param {Tensor} x */
export function neuron(s, x) {
  const z = x.matmul(tensor([s.w1, s.w2])).add(s.b)
  return { z, y: activation(s).forward(z) }
}

/** Scores as probabilities; a temperature above 1 makes them more alike. @param {Settings} s */
export const probabilities = (s) => activation({ ...s, f: 'softmax' }).forward(tensor(s.scores))

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  if (s.f === 'softmax') return console.log('probabilities', probabilities(s).toArray())
  const z = tensor([neuron(s, tensor([s.x1, s.x2])).z.item()], { requiresGrad: true })
  const y = activation(s).forward(z)
  y.sum().backward()
  console.log('z', z.item(), 'y', y.item(), 'dy/dz', z.grad?.item())
}
