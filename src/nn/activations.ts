/** Activation functions as modules. */
import * as f from '../ops/activation.js'
import { relu, sigmoid, tanh } from '../ops/functions.js'
import type { Tensor } from '../ops/tensor.js'
import { full } from '../tensor/creation.js'
import { rrelu } from '../tensor/dropout.js'
import { Module, Parameter } from './module.js'

/** A module of a function without state; options go to the function. */
function moduleOf<O>(name: string, call: (x: Tensor, o: O) => Tensor) {
  const made = class extends Module {
    private readonly options: O
    constructor(options: O = {} as O) {
      super()
      this.options = options
    }
    override forward(x: Tensor): Tensor {
      return call(x, this.options)
    }
    override describe(): string {
      return Object.entries(this.options as object)
        .map(([k, v]) => `${k}=${v}`)
        .join(', ')
    }
  }
  Object.defineProperty(made, 'name', { value: name })
  return made as new (
    options?: O,
  ) => Module & { forward(x: Tensor): Tensor }
}
type None = Record<never, never>

export const Sigmoid = moduleOf<None>('Sigmoid', (x) => sigmoid(x))
export const Tanh = moduleOf<None>('Tanh', (x) => tanh(x))
export const ReLU = moduleOf<None>('ReLU', (x) => relu(x))
export const ReLU6 = moduleOf<None>('ReLU6', (x) => f.relu6(x))
export const LeakyReLU = moduleOf<{ negativeSlope?: number }>('LeakyReLU', (x, o) =>
  f.leakyRelu(x, o),
)
export const ELU = moduleOf<{ alpha?: number }>('ELU', (x, o) => f.elu(x, o))
export const SELU = moduleOf<None>('SELU', (x) => f.selu(x))
export const CELU = moduleOf<{ alpha?: number }>('CELU', (x, o) => f.celu(x, o))
export const GELU = moduleOf<{ approximate?: 'none' | 'tanh' }>('GELU', (x, o) => f.gelu(x, o))
export const SiLU = moduleOf<None>('SiLU', (x) => f.silu(x))
export const Mish = moduleOf<None>('Mish', (x) => f.mish(x))
export const Softplus = moduleOf<{ beta?: number; threshold?: number }>('Softplus', (x, o) =>
  f.softplus(x, o),
)
export const Softsign = moduleOf<None>('Softsign', (x) => f.softsign(x))
export const Hardtanh = moduleOf<{ minVal?: number; maxVal?: number }>('Hardtanh', (x, o) =>
  f.hardtanh(x, o),
)
export const Hardswish = moduleOf<None>('Hardswish', (x) => f.hardswish(x))
export const Hardsigmoid = moduleOf<None>('Hardsigmoid', (x) => f.hardsigmoid(x))
export const LogSigmoid = moduleOf<None>('LogSigmoid', (x) => f.logsigmoid(x))
export const Tanhshrink = moduleOf<None>('Tanhshrink', (x) => f.tanhshrink(x))
export const Softshrink = moduleOf<{ lambda?: number }>('Softshrink', (x, o) => f.softshrink(x, o))
export const Hardshrink = moduleOf<{ lambda?: number }>('Hardshrink', (x, o) => f.hardshrink(x, o))
export const Threshold = moduleOf<{ threshold?: number; value?: number }>('Threshold', (x, o) =>
  f.threshold(x, o),
)
export const GLU = moduleOf<{ axis?: number }>('GLU', (x, o) => f.glu(x, o.axis))
type Along = { axis?: number; temperature?: number }
export const Softmax = moduleOf<Along>('Softmax', (x, { axis = -1, ...o }) => f.softmax(x, axis, o))
export const LogSoftmax = moduleOf<Along>('LogSoftmax', (x, { axis = -1, ...o }) =>
  f.logSoftmax(x, axis, o),
)
export const Softmin = moduleOf<Along>('Softmin', (x, { axis = -1, ...o }) => f.softmin(x, axis, o))
/** Softmax over the channels of (N, C, H, W) or (C, H, W). */
export const Softmax2d = moduleOf<{ temperature?: number }>('Softmax2d', (x, o) =>
  f.softmax(x, -3, o),
)

/** ReLU with a learned slope below 0: one, or one a channel. */
export class PReLU extends Module {
  weight: Parameter
  constructor(count = 1, { init = 0.25 }: { init?: number } = {}) {
    super()
    this.weight = new Parameter(full([count], init))
  }
  override forward(x: Tensor): Tensor {
    return f.prelu(x, this.weight)
  }
}

/** Leaky ReLU whose slope is drawn from U(lower, upper) for each element in training, their mean in evaluation. */
export class RReLU extends Module {
  private readonly lower: number
  private readonly upper: number
  constructor({ lower = 1 / 8, upper = 1 / 3 }: { lower?: number; upper?: number } = {}) {
    super()
    this.lower = lower
    this.upper = upper
  }
  override forward(x: Tensor): Tensor {
    const { lower, upper, training } = this
    return rrelu(x, { lower, upper, training })
  }
}
