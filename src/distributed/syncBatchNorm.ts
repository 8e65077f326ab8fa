/** Batch normalization by the statistics of the batches of all ranks. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { showValue } from '../core/options.js'
import { inside, Module, prepare } from '../nn/module.js'
import { BatchNorm1d, BatchNorm2d, BatchNorm3d } from '../nn/norm.js'
import { add, div, mul, sub } from '../ops/arithmetic.js'
import { assign } from '../ops/assign.js'
import { reshape, sum } from '../ops/broadcast.js'
import { toType } from '../ops/define.js'
import { rsqrt, square } from '../ops/functions.js'
import { concat } from '../ops/join.js'
import { narrow } from '../ops/slice.js'
import { batchNorm } from '../ops/norm.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { full } from '../tensor/creation.js'
import { allGather } from './functional.js'
import { isInitialized, type ProcessGroup, theWorld } from './world.js'

/**
 * As BatchNorm, in training by mean and variance over the batches of all ranks, of any sizes: N ranks with batches of B
 * normalize as one process with N · B. Ranks exchange 2 C + 1 numbers forward, as many backward. Shapes: (N, C, ...).
 * PyTorch: torch.nn.SyncBatchNorm.
 */
export class SyncBatchNorm<A extends boolean = true, T extends boolean = true> extends BatchNorm1d<
  A,
  T
> {
  processGroup: ProcessGroup | undefined

  override forward(x: Tensor): Tensor {
    if (x.rank < 2)
      throw new ShapeError({
        op: 'SyncBatchNorm',
        rule: 'x must be (N, C, ...)',
        got: show(x.shape),
      })
    const { runningMean, runningVar, weight, bias, training, eps } = this
    const momentum = this.step()
    const group = isInitialized() ? (this.processGroup ?? theWorld('SyncBatchNorm').all) : undefined
    if (!training || !group || group.size === 1)
      return batchNorm(x, runningMean, runningVar, weight, bias, { training, momentum, eps })
    const channels = x.shape[1]!
    const axes = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]))
    const count = x.size / channels
    const wide = toType(x, 'float32')
    const along = (t: Tensor) => reshape(t, [1, channels, ...x.shape.slice(2).map(() => 1)])
    const ownMean = div(sum(wide, axes), count)
    const ownSquares = sum(square(sub(wide, along(ownMean))), axes)
    // By the rule of Chan, Golub and LeVeque (1983), which loses no digits.
    const all = allGather(concat([ownMean, ownSquares, full([1], count)]), group)
    const [means, squares, counts] = [
      narrow(all, 1, 0, channels),
      narrow(all, 1, channels, channels),
      narrow(all, 1, 2 * channels, 1),
    ]
    const total = sum(counts)
    const mean = div(sum(mul(means, counts), 0), total)
    const apart = sum(mul(counts, square(sub(means, mean))), 0)
    const variance = div(add(sum(squares, 0), apart), total)
    if (runningMean && runningVar)
      noGrad(() => {
        const unbiased = mul(variance, div(total, sub(total, 1)))
        for (const [kept, now] of [
          [runningMean, mean],
          [runningVar, unbiased],
        ] as const)
          assign(kept, add(kept, mul(sub(now.detach(), kept), momentum)))
      })
    let y = mul(sub(wide, along(mean)), along(rsqrt(add(variance, eps))))
    if (weight) y = mul(y, along(weight))
    if (bias) y = add(y, along(bias))
    return toType(y, x.dtype)
  }

  /**
   * Makes every BatchNorm in a module one of these, in place: parameters and buffers stay the same tensors.
   * PyTorch: convert_sync_batchnorm.
   * @throws ValueError unless it is a module
   */
  static convertSyncBatchnorm<M extends Module>(module: M, processGroup?: ProcessGroup): M {
    if (!(module instanceof Module))
      throw new ValueError({
        op: 'convertSyncBatchnorm',
        rule: 'the first argument must be a module',
        got: showValue(module),
      })
    for (const m of module.modules()) {
      if (m instanceof SyncBatchNorm) continue
      if (!(m instanceof BatchNorm1d || m instanceof BatchNorm2d || m instanceof BatchNorm3d))
        continue
      Object.setPrototypeOf(m, SyncBatchNorm.prototype)
      prepare(m, m[inside])
      ;(m as unknown as SyncBatchNorm).processGroup = processGroup
    }
    return module
  }
}
