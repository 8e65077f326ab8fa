import { compile } from '../compile/compile.js'
import { checkOptions } from '../core/options.js'
import type { Adam } from '../optim/adam.js'
import { mul, neg } from '../ops/arithmetic.js'
import { mean } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { type ActorCriticOptions, actorCriticNames, measuresOf, stepOf } from './actorCriticStep.js'
import { at, type EnvironmentLike, type Schedule } from './agent.js'
import { OnPolicyAgent, type Rollout } from './onPolicy.js'

export type A2COptions = ActorCriticOptions

/**
 * Advantage actor-critic (Mnih et al., 2016, in step rather than asynchronous): one step up
 * mean A ln π(a|s) − vfCoef mean (V − R)² + entCoef · entropy for each round, with generalized advantages. 5 steps a
 * round and λ 1 as in Stable-Baselines3, whose optimizer is RMSProp.
 * @throws ValueError for options out of bounds
 */
export class A2C extends OnPolicyAgent {
  readonly optimizer: Adam
  private readonly lr: Schedule
  private readonly train: (
    x: Tensor,
    actions: Tensor,
    advantages: Tensor,
    returns: Tensor,
  ) => Tensor[]

  constructor(env: EnvironmentLike, options: A2COptions = {}) {
    const {
      lr = 7e-4,
      entCoef,
      vfCoef,
      maxGradNorm,
      ...rest
    } = checkOptions('A2C', options, actorCriticNames)
    super(env, rest, { nSteps: 5, gaeLambda: 1 })
    this.lr = lr
    const { optimizer, step } = stepOf(this.policy, { lr, entCoef, vfCoef, maxGradNorm })
    this.optimizer = optimizer
    this.train = compile((x: Tensor, actions: Tensor, advantages: Tensor, returns: Tensor) =>
      step(x, actions, returns, (logs) => neg(mean(mul(logs, advantages)))),
    )
  }

  protected override update(rollout: Rollout, remaining: number): Record<string, number> {
    const { features } = this.env
    this.optimizer.lr = at(this.lr, remaining)
    const n = rollout.actions.length
    return measuresOf(
      this.train(
        tensor(rollout.observations.slice(), { shape: [n, features] }),
        tensor(rollout.actions.slice()),
        tensor(rollout.advantages.slice()),
        tensor(rollout.returns.slice()),
      ),
    )
  }
}
