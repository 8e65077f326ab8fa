/** The step that A2C and PPO share: their losses differ in the part of the policy alone. */
import { clipGradNorm } from '../nn/clip.js'
import { Adam } from '../optim/adam.js'
import { logSoftmax } from '../ops/activation.js'
import { add, mul, neg, sub } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { exp } from '../ops/functions.js'
import { mseLoss } from '../ops/loss/index.js'
import { mean } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { at, type Schedule } from './agent.js'
import { type OnPolicyOptions, onPolicyNames, picked } from './onPolicy.js'
import type { ActorCritic } from './policies.js'

export interface ActorCriticOptions extends OnPolicyOptions {
  /** Learning rate of Adam: 7e-4 for A2C, 3e-4 for PPO unless given. */
  lr?: Schedule
  /** Weight of the entropy, 0 unless given. */
  entCoef?: number
  /** Weight of the loss of the values, 0.5 unless given. */
  vfCoef?: number
  /** Bound of the norm of all gradients, 0.5 unless given. */
  maxGradNorm?: number
}
export const actorCriticNames = {
  ...onPolicyNames,
  lr: true,
  entCoef: true,
  vfCoef: true,
  maxGradNorm: true,
} as const

/**
 * One step of Adam down policyLoss + vfCoef mean (V − R)² − entCoef · entropy; `policyLoss` makes the first of the
 * ln π(a|s) of the actions taken. Gives policyLoss, mean (V − R)² and the entropy.
 */
export function stepOf(
  policy: ActorCritic,
  { lr = 3e-4, entCoef = 0, vfCoef = 0.5, maxGradNorm = 0.5 }: ActorCriticOptions,
) {
  const parameters = policy.parameters()
  const optimizer = new Adam(parameters, { lr: at(lr, 1), eps: 1e-5 })
  const step = (
    x: Tensor,
    actions: Tensor,
    returns: Tensor,
    policyLoss: (logProbs: Tensor) => Tensor,
  ): Tensor[] => {
    const [logits, values] = policy.forward(x)
    const logs = logSoftmax(logits, 1)
    const own = policyLoss(picked(logs, actions))
    const valueLoss = mseLoss(values, returns)
    let loss = add(own, mul(valueLoss, vfCoef))
    const entropy = neg(mean(sum(mul(exp(logs), logs), 1)))
    if (entCoef !== 0) loss = sub(loss, mul(entropy, entCoef))
    optimizer.zeroGrad()
    loss.backward()
    clipGradNorm(parameters, maxGradNorm)
    optimizer.step()
    return [own, valueLoss, entropy]
  }
  return { optimizer, step }
}

/** What `stepOf` gave, by name. */
export function measuresOf(list: readonly Tensor[]): Record<string, number> {
  const [policyLoss, valueLoss, entropy] = list.map((t) => t.item())
  return { policyLoss: policyLoss!, valueLoss: valueLoss!, entropy: entropy! }
}
