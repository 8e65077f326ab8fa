/** Dropout layers: random in training, the identity in evaluation. */
import * as f from '../tensor/dropout.js'
import { ValueError } from '../core/errors.js'
import type { Tensor } from '../ops/tensor.js'
import { Module } from './module.js'

abstract class DropoutLayer extends Module {
  protected abstract readonly drop: typeof f.dropout
  readonly p: number
  constructor(p = 0.5) {
    super()
    if (!(p >= 0 && p <= 1))
      throw new ValueError({ op: new.target.name, rule: 'p must lie in [0, 1]', got: `${p}` })
    this.p = p
  }
  override forward(x: Tensor): Tensor {
    return this.drop(x, this.p, { training: this.training })
  }
  override describe(): string {
    return `p=${this.p}`
  }
}
/** Each element 0 with probability p in training, else scaled by 1/(1 − p); see dropout. */
export class Dropout extends DropoutLayer {
  protected override readonly drop = f.dropout
}
/** Whole channels dropped. Shapes: (N, C, L) or (C, L). */
export class Dropout1d extends DropoutLayer {
  protected override readonly drop = f.dropout1d
}
/** Whole channels dropped. Shapes: (N, C, H, W) or (C, H, W). */
export class Dropout2d extends DropoutLayer {
  protected override readonly drop = f.dropout2d
}
/** Whole channels dropped. Shapes: (N, C, D, H, W) or (C, D, H, W). */
export class Dropout3d extends DropoutLayer {
  protected override readonly drop = f.dropout3d
}
/** Dropout for nets of SELU, which keeps mean 0 and variance 1; see alphaDropout. */
export class AlphaDropout extends DropoutLayer {
  protected override readonly drop = f.alphaDropout
}
/** AlphaDropout of whole channels. Shapes: (N, C, ...). */
export class FeatureAlphaDropout extends DropoutLayer {
  protected override readonly drop = f.featureAlphaDropout
}
