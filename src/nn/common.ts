/** What layers share: parameters with initial values, options as text. */
import type { Shape } from '../core/shape.js'
import { zeros } from '../tensor/creation.js'
import { uniform } from '../tensor/random.js'
import { Parameter } from './module.js'

/** A parameter of zeros, to be initialized. */
export const parameter = (shape: Shape): Parameter => new Parameter(zeros(shape))
/** A parameter drawn from U(±bound), PyTorch's default. */
export const uniformParameter = (shape: Shape, bound: number): Parameter =>
  new Parameter(uniform(shape, -bound, bound))

export interface BiasOption {
  bias?: boolean
}

/** `kernelSize=3, padding=[1, 2]`: what was given, for printed models. */
export const showOptions = (options: object): string =>
  Object.entries(options)
    .filter(([, v]) => v !== undefined)
    .map(([k, v]) => `${k}=${Array.isArray(v) ? `[${v.join(', ')}]` : v}`)
    .join(', ')
