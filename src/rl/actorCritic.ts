import { compile } from '../compile/compile.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { clipGradNorm } from '../nn/clip.js'
import { Adam } from '../optim/adam.js'
import { logSoftmax } from '../ops/activation.js'
import { add, mul, neg, sub } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { exp } from '../ops/functions.js'
import { mseLoss } from '../ops/loss/index.js'
import { mean } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { at, type EnvironmentLike, type Schedule } from './agent.js'
import { logProbabilities, OnPolicyAgent, type OnPolicyOptions, type Rollout } from './onPolicy.js'

export interface A2COptions extends OnPolicyOptions {
  /** Learning rate of Adam, 7e-4 unless given. */
  lr?: Schedule
  /** Weight of the entropy, 0 unless given. */
  entCoef?: number
  /** Weight of the loss of the values, 0.5 unless given. */
  vfCoef?: number
  /** Bound of the norm of all gradients, 0.5 unless given. */
  maxGradNorm?: number
}
const names: OptionNames<A2COptions> = {
  lr: true,
  entCoef: true,
  vfCoef: true,
  maxGradNorm: true,
  numEnvs: true,
  hidden: true,
  gamma: true,
  seed: true,
  nSteps: true,
  gaeLambda: true,
}

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
    const given = checkOptions('A2C', options, names)
    const { lr = 7e-4, entCoef = 0, vfCoef = 0.5, maxGradNorm = 0.5, ...rest } = given
    super(env, rest, { nSteps: 5, gaeLambda: 1 })
    this.lr = lr
    const { policy } = this
    const parameters = policy.parameters()
    const optimizer = new Adam(parameters, { lr: at(lr, 1), eps: 1e-5 })
    this.optimizer = optimizer
    this.train = compile((x: Tensor, actions: Tensor, advantages: Tensor, returns: Tensor) => {
      const [logits, values] = policy.forward(x)
      const logs = logSoftmax(logits, 1)
      const policyLoss = neg(mean(mul(logProbabilities(logs, actions), advantages)))
      const valueLoss = mseLoss(values, returns)
      let loss = add(policyLoss, mul(valueLoss, vfCoef))
      const entropy = neg(mean(sum(mul(exp(logs), logs), 1)))
      if (entCoef !== 0) loss = sub(loss, mul(entropy, entCoef))
      optimizer.zeroGrad()
      loss.backward()
      clipGradNorm(parameters, maxGradNorm)
      optimizer.step()
      return [policyLoss, valueLoss, entropy]
    })
  }

  protected override update(rollout: Rollout, remaining: number): Record<string, number> {
    const { features } = this.env
    this.optimizer.lr = at(this.lr, remaining)
    const n = rollout.actions.length
    const measures = this.train(
      tensor(rollout.observations.slice(), { shape: [n, features] }),
      tensor(rollout.actions.slice()),
      tensor(rollout.advantages.slice()),
      tensor(rollout.returns.slice()),
    )
    const [policyLoss, valueLoss, entropy] = measures.map((t) => t.item())
    return { policyLoss: policyLoss!, valueLoss: valueLoss!, entropy: entropy! }
  }
}
