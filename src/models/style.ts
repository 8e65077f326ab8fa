/** Style transfer: what a picture shows by the features of a network, how it is painted by their Gram matrices. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { Conv2d } from '../nn/conv.js'
import * as init from '../nn/init.js'
import { Module } from '../nn/module.js'
import { ModuleList } from '../nn/containers.js'
import { div } from '../ops/arithmetic.js'
import { reshape, swap } from '../ops/broadcast.js'
import { relu } from '../ops/functions.js'
import { matmul } from '../ops/linalg.js'
import { avgPool2d } from '../ops/pool.js'
import type { Tensor } from '../ops/tensor.js'

/**
 * How much each pair of channels goes together over a picture (Gatys, Ecker and Bethge, A Neural Algorithm of Artistic Style, 2015):
 * G = F Fᵀ / (C·H·W), F being the features as (C, H·W). (N, C, H, W) to (N, C, C).
 * @throws ShapeError for another rank or no features
 * @example gramMatrix(tensor([[[[1, 2]], [[3, 4]]]])) // [[[1.25, 2.75], [2.75, 6.25]]]
 */
export function gramMatrix(features: Tensor): Tensor {
  if (features.rank !== 4 || features.size === 0)
    throw new ShapeError({
      op: 'gramMatrix',
      rule: 'features are (N, C, H, W), and there are some',
      got: show(features.shape),
    })
  const [n, c, h, w] = features.shape as [number, number, number, number]
  const flat = reshape(features, [n, c, h * w])
  return div(matmul(flat, swap(flat)), c * h * w)
}

export interface RandomFeaturesOptions {
  /** Channels of each stage, the first at full size, each further one at half the size before; [32, 64, 96, 128] unless given. */
  channels?: readonly number[]
}
const names: OptionNames<RandomFeaturesOptions> = { channels: true }

/**
 * Convolutions of 3x3 random filters that are never trained, with ReLU and average pooling between them. Gram matrices of such
 * features describe textures about as well as those of a trained network (Ustyuzhaninov and others, What does it take to generate natural
 * textures?, 2017), and need no file of weights. The filters are orthogonal, so that no direction is described twice.
 *
 * Shapes: (N, 3, H, W) to a list of features, (N, channels[i], H / 2ⁱ, W / 2ⁱ).
 * @throws ValueError for no channels, ShapeError for pictures without three channels or too small for the stages
 */
export class RandomFeatures extends Module {
  stages: ModuleList<Conv2d>
  constructor(options: RandomFeaturesOptions = {}) {
    super()
    const { channels = [32, 64, 96, 128] } = checkOptions('RandomFeatures', options, names)
    if (channels.length === 0 || !channels.every((c) => Number.isInteger(c) && c > 0))
      throw new ValueError({
        op: 'RandomFeatures',
        rule: 'channels are whole numbers above 0, at least one',
        got: `[${channels.join(', ')}]`,
      })
    this.stages = new ModuleList(
      channels.map((c, i) => {
        const conv = new Conv2d(i === 0 ? 3 : channels[i - 1]!, c, 3, {
          padding: 1,
          paddingMode: 'reflect',
        })
        init.orthogonal(conv.weight, Math.SQRT2)
        init.zeros(conv.bias)
        return conv
      }),
    )
    this.requireGrad(false)
  }
  override forward(x: Tensor): Tensor[] {
    const least = 2 ** this.stages.length
    if (x.rank !== 4 || x.shape[1] !== 3 || x.shape[2]! < least || x.shape[3]! < least)
      throw new ShapeError({
        op: 'RandomFeatures',
        rule: `pictures are (N, 3, H, W), each side at least ${least}`,
        got: show(x.shape),
      })
    const list: Tensor[] = []
    let h = x
    for (const conv of this.stages) {
      h = relu(conv.forward(list.length === 0 ? h : avgPool2d(h, 2)))
      list.push(h)
    }
    return list
  }
}
