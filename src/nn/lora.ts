/** Low-rank changes of models that are frozen otherwise. */
import { kinds, readArguments } from '../core/options.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { ValueError } from '../core/errors.js'
import { add, mul } from '../ops/arithmetic.js'
import { matmul } from '../ops/linalg.js'
import { linear } from '../ops/linear.js'
import type { Tensor } from '../ops/tensor.js'
import { parameter } from './common.js'
import { Dropout } from './dropout.js'
import * as init from './init.js'
import { Linear } from './layers.js'
import { Module, Parameter } from './module.js'
import { QuantizedLinear } from './quantized.js'
import { replaceModules } from './replace.js'

export interface LoRAOptions {
  /** Rank of the change. 8 unless given. */
  rank?: number
  /** The change is multiplied by alpha / rank. Twice the rank unless given. */
  alpha?: number
  /** Of the change's input, in training. */
  dropout?: number
}
const ranges = { rank: kinds.count, alpha: kinds.number, dropout: kinds.number }

/**
 * y = W x + b + alpha/rank · B A x with W and b frozen: A (rank, in) starts from random values and B (out, rank) from 0, so
 * that at first nothing is changed. The base may be a QuantizedLinear. Source: https://arxiv.org/abs/2106.09685.
 *
 * Shapes: x (..., in), result (..., out).
 * @example new LoRALinear(new Linear(4, 3), { rank: 2 }).forward(zeros([1, 4])).shape // [1, 3]
 */
export class LoRALinear extends Module {
  base: Linear<boolean> | QuantizedLinear
  loraA: Parameter
  loraB: Parameter
  dropout: Dropout
  readonly scaling: number
  constructor(base: Linear<boolean> | QuantizedLinear, options: LoRAOptions = {}) {
    super()
    const { rank = 8, alpha = 2 * rank, dropout = 0 } = readArguments<LoRAOptions & { base: object }>('LoRALinear', [base, options], { base: { rule: 'a Linear or QuantizedLinear', holds: (v) => v instanceof Linear || v instanceof QuantizedLinear } }, 1, ranges) // biome-ignore format: a line
    const [out, inner] = base instanceof Linear ? (base.weight.shape as [number, number]) : [base.outFeatures, base.inFeatures] // biome-ignore format: a line
    this.base = base
    base.requireGrad(false)
    this.loraA = parameter([rank, inner])
    init.kaimingUniform(this.loraA, { a: Math.sqrt(5) })
    this.loraB = parameter([out, rank])
    this.dropout = new Dropout(dropout)
    this.scaling = alpha / rank
  }
  override forward(x: Tensor): Tensor {
    const low = linear(this.dropout.forward(x), this.loraA) // (..., rank)
    return add(this.base.forward(x), mul(linear(low, this.loraB), this.scaling))
  }
  /** One Linear that computes the same. */
  merge(): Linear<boolean> {
    const { base } = this
    const weight = base instanceof Linear ? base.weight : base.dequantize()
    const [out, inner] = weight.shape as [number, number]
    const made = new Linear<boolean>(inner, out, { bias: base.bias !== null })
    const change = mul(matmul(this.loraB.detach(), this.loraA.detach()), this.scaling)
    made.weight = new Parameter(add(weight.detach(), change).contiguous())
    made.bias = base.bias
    return made
  }
  override describe(): string {
    return `rank=${this.loraA.shape[0]}, scaling=${this.scaling}`
  }
}

interface ModelOptions extends LoRAOptions {
  /** Which layers get a change, by their path in the model; all unless given. */
  targets?: (path: string) => boolean
}
const names: OptionNames<ModelOptions> = { rank: true, alpha: true, dropout: true, targets: true }

/**
 * Freezes a model and puts a LoRALinear in the place of its Linear (and QuantizedLinear) layers, in place: only the changes are
 * trained. `mergeLora` makes ordinary layers of them again. Gives the model.
 * @throws ValueError when no layer is chosen
 * @example
 * const model = lora(new Sequential(new Linear(8, 8), new ReLU(), new Linear(8, 2)), { rank: 2 })
 * model.parameters().filter((p) => p.requiresGrad).length // 4
 */
export function lora<M extends Module>(model: M, options: ModelOptions = {}): M {
  const { targets = () => true, ...how } = checkOptions('lora', options, names)
  const chosen = new Map<Module, LoRALinear>()
  model.requireGrad(false)
  replaceModules(model, (m, path) => {
    if (!(m instanceof QuantizedLinear || m.constructor === Linear) || !targets(path)) return undefined // biome-ignore format: a line
    const made = new LoRALinear(m as Linear<boolean> | QuantizedLinear, how)
    chosen.set(m, made)
    return made
  })
  if (chosen.size === 0)
    throw new ValueError({
      op: 'lora',
      rule: 'at least one Linear layer must be chosen',
      got: 'none',
      fix: 'targets gets paths such as bert.encoder.layer.0.attention.self.query.',
    })
  return model
}
/** Makes one Linear of each LoRALinear, in place; all parameters are trained again. Gives the model. */
export function mergeLora<M extends Module>(model: M): M {
  replaceModules(model, (m) => (m instanceof LoRALinear ? m.merge() : undefined))
  return model.requireGrad(true)
}
