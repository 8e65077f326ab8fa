/** The part of a data set that a rank sees in an epoch. */
import { ValueError } from '../core/errors.js'
import { kinds, readArguments } from '../core/options.js'
import { requireSeed, type Sampler, shuffled } from '../data/samplers.js'
import { theWorld } from './world.js'

export interface DistributedSamplerOptions {
  /** How many ranks share the data; all unless given. */
  numReplicas?: number
  /** Which of them this is. */
  rank?: number
  /** Another order in each epoch, the same on all ranks; on unless given. */
  shuffle?: boolean
  seed?: number
  /** Leaves out what does not divide by the ranks; else some examples come twice, so that all have as many. */
  dropLast?: boolean
}
const places = {
  numReplicas: kinds.count,
  rank: kinds.size,
  shuffle: kinds.flag,
  seed: kinds.size,
  dropLast: kinds.flag,
}

/**
 * Every `numReplicas`-th example from the `rank`-th on, in an order that follows from seed and epoch: all ranks together see
 * each example once. A DataLoader tells the epoch; `setEpoch` sets it for loops without one.
 * PyTorch: torch.utils.data.DistributedSampler.
 * @throws ValueError for a rank that does not exist
 * @example new DistributedSampler(5, { numReplicas: 2, rank: 1, shuffle: false }).indices(0) // [1, 3, 0]
 */
export class DistributedSampler implements Sampler {
  readonly length: number
  private readonly from: number
  private readonly options: Required<DistributedSamplerOptions>
  private fixed: number | undefined

  constructor(
    dataset: number | { readonly length: number },
    ...args: [
      numReplicas?: number | DistributedSamplerOptions,
      ...rest: (number | boolean | DistributedSamplerOptions | undefined)[],
    ]
  ) {
    const op = 'DistributedSampler'
    const o = readArguments<DistributedSamplerOptions>(op, args, places)
    const numReplicas = o.numReplicas ?? theWorld(op).all.size
    const rank = o.rank ?? theWorld(op).all.rank
    const { shuffle = true, seed = 0, dropLast = false } = o
    requireSeed(op, seed)
    if (rank >= numReplicas)
      throw new ValueError({ op, rule: `rank must be below ${numReplicas}`, got: `${rank}` })
    this.from = typeof dataset === 'number' ? dataset : dataset.length
    this.options = { numReplicas, rank, shuffle, seed, dropLast }
    const share = this.from / numReplicas
    this.length = dropLast ? Math.floor(share) : Math.ceil(share)
  }

  /** The epoch that counts from now on, whatever the loader says. PyTorch: set_epoch. */
  setEpoch(epoch: number): void {
    this.fixed = epoch
  }

  indices(epoch: number): Int32Array {
    const { numReplicas, rank, shuffle, seed } = this.options
    const { from, length } = this
    const order = shuffle ? shuffled(from, seed, this.fixed ?? epoch) : undefined
    return Int32Array.from({ length }, (_, k) => {
      const i = (rank + k * numReplicas) % Math.max(1, from)
      return order ? order[i]! : i
    })
  }
}
