/** What layers share: parameters with initial values, options as text. */
import { kinds } from '../core/options.js'
import type { Shape } from '../core/shape.js'
import { zeros } from '../tensor/creation.js'
import { uniform } from '../tensor/random.js'
import { Parameter } from './module.js'

/** A parameter of zeros, to be initialized. */
export const parameter = (shape: Shape): Parameter => new Parameter(zeros(shape))
/** A parameter drawn from U(±bound), PyTorch's default. */
export const uniformParameter = (shape: Shape, bound: number): Parameter =>
  new Parameter(uniform(shape, -bound, bound))

/** What a flag of a layer makes: there unless the flag is false, null then. */
export type Unless<Flag extends boolean, T = Parameter> = Flag extends true ? T : null
/** What `make` gives when the flag holds, else null. */
export const unless = <Flag extends boolean, T>(flag: boolean, make: () => T): Unless<Flag, T> =>
  (flag ? make() : null) as Unless<Flag, T>

export interface BiasOption<B extends boolean = boolean> {
  /** A learned shift; true unless said otherwise. */
  bias?: B
}
export const biasPlace = { bias: kinds.flag } as const

/** `kernelSize=3, padding=[1, 2]`: what was given, for printed models. */
export const showOptions = (options: object): string =>
  Object.entries(options)
    .filter(([, v]) => v !== undefined)
    .map(
      ([k, v]) =>
        `${k}=${Array.isArray(v) ? `[${v.join(', ')}]` : typeof v === 'function' ? v.name || 'function' : v}`,
    )
    .join(', ')
