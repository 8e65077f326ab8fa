import { compile } from '../compile/compile.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { shuffled } from '../data/samplers.js'
import type { Adam } from '../optim/adam.js'
import { add, div, mul, neg, sub } from '../ops/arithmetic.js'
import { maximum, minimum } from '../ops/elementwise.js'
import { exp } from '../ops/functions.js'
import { mean } from '../ops/reduce.js'
import { std } from '../ops/statistics.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { type ActorCriticOptions, actorCriticNames, measuresOf, stepOf } from './actorCriticStep.js'
import { at, demandWhole, type EnvironmentLike, type Schedule } from './agent.js'
import { OnPolicyAgent, type Rollout } from './onPolicy.js'

export interface PPOOptions extends ActorCriticOptions {
  /** Examples of a step of the optimizer, 64 unless given. */
  batchSize?: number
  /** Passes over a round, 10 unless given. */
  nEpochs?: number
  /** ε: how far the ratio of probabilities may go from 1 before its gradient is cut, 0.2 unless given. */
  clipRange?: Schedule
  /** Advantages of a batch with mean 0 and deviation 1. True unless given. */
  normalizeAdvantage?: boolean
}
const names: OptionNames<PPOOptions> = {
  ...actorCriticNames,
  batchSize: true,
  nEpochs: true,
  clipRange: true,
  normalizeAdvantage: true,
}
type Update = (
  x: Tensor,
  actions: Tensor,
  old: Tensor,
  advantages: Tensor,
  returns: Tensor,
  clip: Tensor,
) => Tensor[]

/**
 * Proximal policy optimization (Schulman et al., 2017): with r = π(a|s)/π_old(a|s) it climbs
 * mean min(r A, clip(r, 1 − ε, 1 + ε) A) − vfCoef mean (V − R)² + entCoef · entropy, several passes over each round.
 * Defaults are those of Stable-Baselines3.
 * @throws ValueError for options out of bounds
 * @example
 * const agent = new PPO('CartPole-v1', { numEnvs: 8, nSteps: 32, batchSize: 256, nEpochs: 20, lr: linearSchedule(1e-3), seed: 1 })
 * agent.learn({ steps: 100_000 }).meanReturn
 */
export class PPO extends OnPolicyAgent {
  readonly optimizer: Adam
  private readonly options: Required<Pick<PPOOptions, 'lr' | 'batchSize' | 'nEpochs' | 'clipRange'>>
  /** Passes over all rounds so far: each has an order of its own. */
  private passes = 0
  private readonly train: Update

  constructor(env: EnvironmentLike, options: PPOOptions = {}) {
    const {
      lr = 3e-4,
      batchSize = 64,
      nEpochs = 10,
      clipRange = 0.2,
      entCoef,
      vfCoef,
      maxGradNorm,
      normalizeAdvantage = true,
      ...rest
    } = checkOptions('PPO', options, names)
    super(env, rest, { nSteps: 2048, gaeLambda: 0.95 })
    demandWhole('PPO', 'batchSize', batchSize, 2)
    demandWhole('PPO', 'nEpochs', nEpochs)
    this.options = { lr, batchSize, nEpochs, clipRange }
    const { optimizer, step } = stepOf(this.policy, { lr, entCoef, vfCoef, maxGradNorm })
    this.optimizer = optimizer
    this.train = compile<Parameters<Update>, Tensor[]>((x, actions, old, given, returns, clip) => {
      const advantages = normalizeAdvantage
        ? div(sub(given, mean(given)), add(std(given), 1e-8))
        : given
      return step(x, actions, returns, (logs) => {
        const ratio = exp(sub(logs, old))
        const near = minimum(maximum(ratio, sub(1, clip)), add(1, clip))
        return neg(mean(minimum(mul(ratio, advantages), mul(near, advantages))))
      })
    })
  }

  protected override update(rollout: Rollout, remaining: number): Record<string, number> {
    const { batchSize, nEpochs, lr, clipRange } = this.options
    const { features } = this.env
    const n = rollout.actions.length
    this.optimizer.lr = at(lr, remaining)
    const range = at(clipRange, remaining)
    const clip = tensor(range)
    let measures: Tensor[] = []
    const batch = (rows: Int32Array | undefined) => {
      const pick = (list: Float32Array | Int32Array, each = 1) => {
        if (!rows) return list.slice()
        const out = new (list.constructor as Float32ArrayConstructor)(rows.length * each)
        for (let i = 0; i < rows.length; i++)
          for (let j = 0; j < each; j++) out[i * each + j] = list[rows[i]! * each + j]!
        return out
      }
      return [
        tensor(pick(rollout.observations, features), { shape: [rows?.length ?? n, features] }),
        tensor(pick(rollout.actions)),
        tensor(pick(rollout.logProbs)),
        tensor(pick(rollout.advantages)),
        tensor(pick(rollout.returns)),
        clip,
      ] as const
    }
    // Of a batch that is the whole round the order does not matter.
    const whole = batchSize >= n ? batch(undefined) : undefined
    for (let epoch = 0; epoch < nEpochs; epoch++) {
      if (whole) measures = this.train(...whole)
      else {
        const order = shuffled(n, this.seed, this.passes++)
        // A rest of one example has no deviation.
        for (let i = 0; i + 1 < n; i += batchSize)
          measures = this.train(...batch(order.subarray(i, Math.min(i + batchSize, n))))
      }
    }
    return { ...measuresOf(measures), lr: this.optimizer.lr }
  }
}
