/** What names on the command line stand for. */
import * as nn from '../nn/index.js'
import * as optim from '../optim/index.js'
import type { Tensor } from '../ops/tensor.js'

export const activations = {
  sigmoid: () => new nn.Sigmoid(),
  tanh: () => new nn.Tanh(),
  relu: () => new nn.ReLU(),
  leakyRelu: () => new nn.LeakyReLU(),
  elu: () => new nn.ELU(),
  gelu: () => new nn.GELU(),
  silu: () => new nn.SiLU(),
} as const
export type ActivationName = keyof typeof activations

type Params = readonly Tensor[]
/** Each with a learning rate that suits small networks. */
export const optimizers = {
  adam: { lr: 0.005, make: (p: Params, lr: number) => new optim.Adam(p, { lr }) },
  adamw: { lr: 0.005, make: (p: Params, lr: number) => new optim.AdamW(p, { lr }) },
  sgd: { lr: 1, make: (p: Params, lr: number) => new optim.SGD(p, { lr }) },
  momentum: { lr: 0.1, make: (p: Params, lr: number) => new optim.SGD(p, { lr, momentum: 0.9 }) },
  rmsprop: { lr: 0.002, make: (p: Params, lr: number) => new optim.RMSprop(p, { lr }) },
  adagrad: { lr: 0.05, make: (p: Params, lr: number) => new optim.Adagrad(p, { lr }) },
} as const
export type OptimizerName = keyof typeof optimizers
