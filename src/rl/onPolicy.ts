/** Agents that learn from what their present policy has just done. */
import { compile } from '../compile/compile.js'
import { checkOptions } from '../core/options.js'
import { logSoftmax } from '../ops/activation.js'
import { neg, sub } from '../ops/arithmetic.js'
import { log } from '../ops/functions.js'
import { gather } from '../ops/indexing.js'
import { reshape } from '../ops/broadcast.js'
import { argmax } from '../ops/reduce.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { uniform } from '../tensor/random.js'
import {
  Agent,
  type AgentOptions,
  agentNames,
  type EnvironmentLike,
  demand,
  demandWhole,
  type LearnOptions,
} from './agent.js'
import { ActorCritic } from './policies.js'

/** Of each row the number of the column that is named: (N, A) and (N) to (N). */
export const picked = (table: Tensor, columns: Tensor): Tensor => {
  const n = columns.shape[0]!
  return reshape(gather(table, 1, reshape(columns, [n, 1])), [n])
}
/** Actions drawn from logits (N, A) by the Gumbel-max trick: argmax (logit − ln(−ln u)). */
export function sampleActions(logits: Tensor, generator: Agent['generator']): Tensor {
  const u = uniform(logits.shape, 0, 1, { generator })
  return argmax(sub(logits, log(neg(log(u)))), 1)
}

/**
 * Generalized advantage estimation: δₜ = rₜ + γ (1 − endₜ) Vₜ₊₁ − Vₜ and Aₜ = δₜ + γ λ (1 − endₜ) Aₜ₊₁ (Schulman et al.,
 * 2016). Lists hold steps by worlds, row by row; `ends` is 1 where the next step belongs to another episode, `last` are the
 * values after the last step. The returns are A + V. Where an episode was cut off, add γ V(last observation) to its reward.
 * @example
 * const lists = { rewards: [1, 1], values: [0.5, 0.5], ends: [0, 1], last: [9] }
 * generalizedAdvantages(lists, { gamma: 0.5, lambda: 0.5 }) // [0.875, 0.5]
 */
export function generalizedAdvantages(
  lists: Record<'rewards' | 'values' | 'ends' | 'last', ArrayLike<number>>,
  discounts: { gamma: number; lambda: number },
): Float32Array {
  const op = 'generalizedAdvantages'
  const { rewards, values, ends, last } = checkOptions(op, lists, [
    'rewards',
    'values',
    'ends',
    'last',
  ])
  const { gamma, lambda } = checkOptions(op, discounts, ['gamma', 'lambda'])
  const n = last.length
  const out = new Float32Array(rewards.length)
  for (let i = 0; i < n; i++) {
    let advantage = 0
    let next = last[i]!
    for (let t = rewards.length / n - 1; t >= 0; t--) {
      const k = t * n + i
      const goesOn = 1 - ends[k]!
      const delta = rewards[k]! + gamma * next * goesOn - values[k]!
      advantage = delta + gamma * lambda * goesOn * advantage
      out[k] = advantage
      next = values[k]!
    }
  }
  return out
}

export interface OnPolicyOptions extends AgentOptions {
  /** Steps of each world between two updates. */
  nSteps?: number
  /** λ of generalized advantage estimation. */
  gaeLambda?: number
}
export const onPolicyNames = { ...agentNames, nSteps: true, gaeLambda: true } as const

/** Experience of one round, steps by worlds. */
export interface Rollout {
  observations: Float32Array
  actions: Int32Array
  logProbs: Float32Array
  values: Float32Array
  advantages: Float32Array
  returns: Float32Array
}

/** Collects rounds of experience and lets `update` learn from each. */
export abstract class OnPolicyAgent extends Agent {
  readonly policy: ActorCritic
  readonly nSteps: number
  readonly gaeLambda: number
  private readonly choose: (x: Tensor) => [Tensor, Tensor, Tensor]
  private readonly rollout: Rollout
  private readonly rewards: Float32Array
  private readonly ends: Uint8Array

  constructor(
    env: EnvironmentLike,
    options: OnPolicyOptions,
    defaults: { nSteps: number; gaeLambda: number },
  ) {
    super(env, options)
    const {
      hidden = [64, 64],
      nSteps = defaults.nSteps,
      gaeLambda = defaults.gaeLambda,
    } = checkOptions(this.name, options, onPolicyNames)
    demandWhole(this.name, 'nSteps', nSteps)
    demand(this.name, 'gaeLambda', gaeLambda, 0, 1)
    this.nSteps = nSteps
    this.gaeLambda = gaeLambda
    const { features, actionSpace, numEnvs } = this.env
    const policy = new ActorCritic(features, actionSpace.n, hidden, this.generator)
    this.policy = policy
    this.choose = compile((x: Tensor) =>
      noGrad(() => {
        const [logits, values] = policy.forward(x)
        const actions = sampleActions(logits, this.generator)
        return [actions, picked(logSoftmax(logits, 1), actions), values] as [Tensor, Tensor, Tensor]
      }),
    )
    const n = nSteps * numEnvs
    this.rollout = {
      observations: new Float32Array(n * features),
      actions: new Int32Array(n),
      logProbs: new Float32Array(n),
      values: new Float32Array(n),
      advantages: new Float32Array(n),
      returns: new Float32Array(n),
    }
    this.rewards = new Float32Array(n)
    this.ends = new Uint8Array(n)
  }
  protected override scores(x: Tensor): Tensor {
    return this.policy.actor.forward(x) as Tensor
  }
  private valuesOf(observations: Float32Array): Float32Array {
    return noGrad(() => this.policy.value(this.observed(observations)).toTypedArray<Float32Array>())
  }

  /** Acts `nSteps` times in every world. */
  private collect(): Rollout {
    const { rollout, rewards, ends, env, gamma, gaeLambda } = this
    const { numEnvs, features } = env
    for (let t = 0; t < this.nSteps; t++) {
      const k = t * numEnvs
      rollout.observations.set(this.observations, k * features)
      const [actions, logProbs, values] = this.choose(this.observed())
      const chosen = actions.toTypedArray<Int32Array>()
      rollout.actions.set(chosen, k)
      rollout.logProbs.set(logProbs.toTypedArray<Float32Array>(), k)
      rollout.values.set(values.toTypedArray<Float32Array>(), k)
      const step = this.act(chosen)
      for (let i = 0; i < numEnvs; i++) {
        let reward = step.rewards[i]!
        // What was cut off would have gone on: its value belongs to the reward.
        if (step.truncated[i] && !step.terminated[i]) {
          const final = step.finalObservations.subarray(i * features, (i + 1) * features)
          reward += gamma * this.valuesOf(final)[0]!
        }
        rewards[k + i] = reward
        ends[k + i] = step.terminated[i]! | step.truncated[i]!
      }
    }
    const last = this.valuesOf(this.observations)
    const { values } = rollout
    rollout.advantages.set(
      generalizedAdvantages({ rewards, values, ends, last }, { gamma, lambda: gaeLambda }),
    )
    for (let k = 0; k < values.length; k++) rollout.returns[k] = rollout.advantages[k]! + values[k]!
    return rollout
  }

  /** Learns from a round; `remaining` is the part of the training that remains. */
  protected abstract update(rollout: Rollout, remaining: number): Record<string, number>

  override learn({ steps, onUpdate }: LearnOptions): this {
    demandWhole(`${this.name}.learn`, 'steps', steps)
    const first = this.steps
    while (this.steps - first < steps) {
      const rollout = this.collect()
      const remaining = Math.max(0, 1 - (this.steps - first) / steps)
      const measures = this.update(rollout, remaining)
      if (onUpdate?.(this.progress(measures)) === false) break
    }
    return this
  }
}
