/** Dropout layers: random in training, the identity in evaluation. */
import { ValueError } from '../core/errors.js'
import { kinds, readArguments } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import * as f from '../tensor/dropout.js'
import { Module } from './module.js'

const places = { p: kinds.number, inplace: kinds.inplace }

interface DropoutLayer extends Module {
  /** The probability; when it changes, a compiled function is traced again. */
  p: number
  forward(x: Tensor): Tensor
}
const layerOf = (
  name: string,
  drop: typeof f.dropout,
): (new (
  p?: number | { p?: number },
) => DropoutLayer) =>
  class extends Module {
    p: number
    constructor(...args: unknown[]) {
      super()
      const { p = 0.5 } = readArguments<{ p?: number }>(name, args, places)
      if (!(p >= 0 && p <= 1))
        throw new ValueError({ op: name, rule: 'p must lie in [0, 1]', got: `${p}` })
      this.p = p
    }
    override forward(x: Tensor): Tensor {
      return drop(x, this.p, { training: this.training })
    }
    override describe(): string {
      return `p=${this.p}`
    }
  }
/** Each element 0 with probability p in training, else scaled by 1/(1 − p); see dropout. */
export class Dropout extends layerOf('Dropout', f.dropout) {}
/** Whole channels dropped. Shapes: (N, C, L) or (C, L). */
export class Dropout1d extends layerOf('Dropout1d', f.dropout1d) {}
/** Whole channels dropped. Shapes: (N, C, H, W) or (C, H, W). */
export class Dropout2d extends layerOf('Dropout2d', f.dropout2d) {}
/** Whole channels dropped. Shapes: (N, C, D, H, W) or (C, D, H, W). */
export class Dropout3d extends layerOf('Dropout3d', f.dropout3d) {}
/** Dropout for nets of SELU, which keeps mean 0 and variance 1; see alphaDropout. */
export class AlphaDropout extends layerOf('AlphaDropout', f.alphaDropout) {}
/** AlphaDropout of whole channels. Shapes: (N, C, ...). */
export class FeatureAlphaDropout extends layerOf('FeatureAlphaDropout', f.featureAlphaDropout) {}
