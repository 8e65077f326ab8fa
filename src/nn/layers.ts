/** Layers that hold one affine map. */
import { kinds, readArguments } from '../core/options.js'
import { bilinear, linear } from '../ops/linear.js'
import type { Tensor } from '../ops/tensor.js'
import { type BiasOption, biasPlace, type Unless, uniformParameter, unless } from './common.js'
import { Module, type Parameter } from './module.js'

export * from './containers.js'

const linearPlaces = { inFeatures: kinds.size, outFeatures: kinds.size, ...biasPlace }

/**
 * y = x Wᵀ + b. x (..., in), result (..., out). Initial values U(±1/√in). `bias` is null when it is switched off.
 * @example new Linear(2, 3).forward(zeros([4, 2])).shape // [4, 3]
 */
export class Linear<B extends boolean = true> extends Module {
  weight: Parameter
  bias: Unless<B>
  constructor(inFeatures: number, outFeatures: number, bias?: B | BiasOption<B>)
  constructor(...args: unknown[]) {
    super()
    const {
      inFeatures,
      outFeatures,
      bias = true,
    } = readArguments<{
      inFeatures: number
      outFeatures: number
      bias?: boolean
    }>('Linear', args, linearPlaces, 2)
    const bound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0
    this.weight = uniformParameter([outFeatures, inFeatures], bound)
    this.bias = unless<B, Parameter>(bias, () => uniformParameter([outFeatures], bound))
  }
  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias)
  }
  override describe(): string {
    const [out, inner] = this.weight.shape
    return `${inner}, ${out}${this.bias ? '' : ', bias=false'}`
  }
}

const bilinearPlaces = {
  in1Features: kinds.count,
  in2Features: kinds.count,
  outFeatures: kinds.count,
  ...biasPlace,
}

/** y = aᵀ W b + c. */
export class Bilinear<B extends boolean = true> extends Module {
  weight: Parameter
  bias: Unless<B>
  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    bias?: B | BiasOption<B>,
  )
  constructor(...args: unknown[]) {
    super()
    const {
      in1Features,
      in2Features,
      outFeatures,
      bias = true,
    } = readArguments<{
      in1Features: number
      in2Features: number
      outFeatures: number
      bias?: boolean
    }>('Bilinear', args, bilinearPlaces, 3)
    const bound = 1 / Math.sqrt(in1Features)
    this.weight = uniformParameter([outFeatures, in1Features, in2Features], bound)
    this.bias = unless<B, Parameter>(bias, () => uniformParameter([outFeatures], bound))
  }
  override forward(a: Tensor, b: Tensor): Tensor {
    return bilinear(a, b, this.weight, this.bias)
  }
  override describe(): string {
    const [out, in1, in2] = this.weight.shape
    return `${in1}, ${in2}, ${out}${this.bias ? '' : ', bias=false'}`
  }
}
