/** Activation functions as modules. */
import { inplace, integer, number } from '../core/kinds.js'
import { kinds, oneOf, orNull, type Places, readArguments } from '../core/options.js'
import * as f from '../ops/activation.js'
import { relu, sigmoid, tanh } from '../ops/functions.js'
import type { Tensor } from '../ops/tensor.js'
import { full } from '../tensor/creation.js'
import { rrelu } from '../tensor/dropout.js'
import { showOptions } from './common.js'
import { Module, Parameter } from './module.js'

const axis = orNull(integer)

/** A layer of a function without state. */
interface FunctionLayer<O> extends Module {
  /** What was given. */
  options: Partial<O>
  forward(x: Tensor): Tensor
}
/** Values by place, then the rest by name. */
type FunctionLayerClass<O> = new (
  ...args: (O[keyof O] | Partial<O> | undefined)[]
) => FunctionLayer<O>

/** The class of a function; `places` are its arguments in PyTorch's order. */
const layerOf = <O extends object>(
  name: string,
  call: (x: Tensor, o: Partial<O>) => Tensor,
  places: Places = { inplace },
  named: Places = {},
): FunctionLayerClass<O> =>
  class extends Module {
    options: Partial<O>
    constructor(...args: unknown[]) {
      super()
      const { inplace: _, ...options } = readArguments<{ inplace?: boolean }>(
        name,
        args,
        places,
        0,
        named,
      )
      this.options = options as Partial<O>
    }
    override forward(x: Tensor): Tensor {
      return call(x, this.options)
    }
    override describe(): string {
      return showOptions(this.options)
    }
  }
type None = Record<never, never>

export class Sigmoid extends layerOf<None>('Sigmoid', (x) => sigmoid(x), {}) {}
export class Tanh extends layerOf<None>('Tanh', (x) => tanh(x), {}) {}
export class ReLU extends layerOf<None>('ReLU', (x) => relu(x)) {}
export class ReLU6 extends layerOf<None>('ReLU6', (x) => f.relu6(x)) {}
type Slope = { negativeSlope: number }
export class LeakyReLU extends layerOf<Slope>('LeakyReLU', (x, o) => f.leakyRelu(x, o), {
  negativeSlope: number,
  inplace,
}) {}
type Alpha = { alpha: number }
export class ELU extends layerOf<Alpha>('ELU', (x, o) => f.elu(x, o), { alpha: number, inplace }) {}
export class SELU extends layerOf<None>('SELU', (x) => f.selu(x)) {}
export class CELU extends layerOf<Alpha>('CELU', (x, o) => f.celu(x, o), {
  alpha: number,
  inplace,
}) {}
export class GELU extends layerOf<{ approximate: 'none' | 'tanh' }>(
  'GELU',
  (x, o) => f.gelu(x, o),
  { approximate: oneOf('none', 'tanh') },
) {}
export class SiLU extends layerOf<None>('SiLU', (x) => f.silu(x)) {}
export class Mish extends layerOf<None>('Mish', (x) => f.mish(x)) {}
export class Softplus extends layerOf<{ beta: number; threshold: number }>(
  'Softplus',
  (x, o) => f.softplus(x, o),
  { beta: number, threshold: number },
) {}
export class Softsign extends layerOf<None>('Softsign', (x) => f.softsign(x), {}) {}
export class Hardtanh extends layerOf<{ minVal: number; maxVal: number }>(
  'Hardtanh',
  (x, o) => f.hardtanh(x, o),
  { minVal: number, maxVal: number, inplace },
) {}
export class Hardswish extends layerOf<None>('Hardswish', (x) => f.hardswish(x)) {}
export class Hardsigmoid extends layerOf<None>('Hardsigmoid', (x) => f.hardsigmoid(x)) {}
export class LogSigmoid extends layerOf<None>('LogSigmoid', (x) => f.logsigmoid(x), {}) {}
export class Tanhshrink extends layerOf<None>('Tanhshrink', (x) => f.tanhshrink(x), {}) {}
type Lambda = { lambda: number }
const lambda = { lambda: number }
export class Softshrink extends layerOf<Lambda>(
  'Softshrink',
  (x, o) => f.softshrink(x, o),
  lambda,
) {}
export class Hardshrink extends layerOf<Lambda>(
  'Hardshrink',
  (x, o) => f.hardshrink(x, o),
  lambda,
) {}
export class Threshold extends layerOf<{ threshold: number; value: number }>(
  'Threshold',
  (x, o) => f.threshold(x, o),
  { threshold: number, value: number, inplace },
) {}
export class GLU extends layerOf<{ axis: number | null }>(
  'GLU',
  (x, o) => f.glu(x, o.axis ?? undefined),
  { axis },
) {}
type Along = { axis: number | null; temperature: number }
const temperature = { temperature: number }
/** The last axis unless said otherwise. */
const along =
  (g: (x: Tensor, axis: number, o: f.SoftmaxOptions) => Tensor) =>
  (x: Tensor, { axis: a, ...o }: Partial<Along>) =>
    g(x, a ?? -1, o)
export class Softmax extends layerOf<Along>('Softmax', along(f.softmax), { axis }, temperature) {}
export class LogSoftmax extends layerOf<Along>(
  'LogSoftmax',
  along(f.logSoftmax),
  { axis },
  temperature,
) {}
export class Softmin extends layerOf<Along>('Softmin', along(f.softmin), { axis }, temperature) {}
/** Softmax over the channels of (N, C, H, W) or (C, H, W). */
export class Softmax2d extends layerOf<{ temperature: number }>(
  'Softmax2d',
  (x, o) => f.softmax(x, -3, o),
  {},
  temperature,
) {}

/** ReLU with a learned slope below 0: one, or one a channel. */
export class PReLU extends Module {
  weight: Parameter
  constructor(
    numParameters?: number | { numParameters?: number; init?: number },
    init?: number | { init?: number },
  )
  constructor(...args: unknown[]) {
    super()
    const { numParameters = 1, init = 0.25 } = readArguments<{
      numParameters?: number
      init?: number
    }>('PReLU', args, { numParameters: kinds.count, init: number })
    this.weight = new Parameter(full([numParameters], init))
  }
  override forward(x: Tensor): Tensor {
    return f.prelu(x, this.weight)
  }
  override describe(): string {
    return `numParameters=${this.weight.size}`
  }
}

interface Bounds {
  lower?: number
  upper?: number
}
/** Leaky ReLU whose slope is drawn from U(lower, upper) for each element in training, their mean in evaluation. */
export class RReLU extends Module {
  lower: number
  upper: number
  constructor(lower?: number | Bounds, upper?: number | Bounds)
  constructor(...args: unknown[]) {
    super()
    const places = { lower: number, upper: number, inplace }
    const { lower = 1 / 8, upper = 1 / 3 } = readArguments<Bounds>('RReLU', args, places)
    this.lower = lower
    this.upper = upper
  }
  override forward(x: Tensor): Tensor {
    const { lower, upper, training } = this
    return rrelu(x, { lower, upper, training })
  }
  override describe(): string {
    return showOptions({ lower: this.lower, upper: this.upper })
  }
}
