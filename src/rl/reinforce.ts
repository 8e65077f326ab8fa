import { compile } from '../compile/compile.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { Adam } from '../optim/adam.js'
import { logSoftmax } from '../ops/activation.js'
import { mul } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import {
  Agent,
  type AgentOptions,
  agentNames,
  at,
  demandWhole,
  type EnvironmentLike,
  type LearnOptions,
  type Schedule,
} from './agent.js'
import { picked, sampleActions } from './onPolicy.js'
import { ActorCritic } from './policies.js'

export interface ReinforceOptions extends AgentOptions {
  /** Learning rate of Adam, 0.01 unless given. */
  lr?: Schedule
  /** Episodes of a step, 4 unless given. */
  episodesPerUpdate?: number
  /** Returns of a step with mean 0 and deviation 1, which takes the place of a baseline. True unless given. */
  normalizeReturns?: boolean
}
const names: OptionNames<ReinforceOptions> = {
  ...agentNames,
  lr: true,
  episodesPerUpdate: true,
  normalizeReturns: true,
}

/** Gₜ = rₜ + γ Gₜ₊₁ of an episode. @example discountedReturns([1, 1, 1], 0.5) // [1.75, 1.5, 1] */
export function discountedReturns(rewards: ArrayLike<number>, gamma: number): Float64Array {
  const out = new Float64Array(rewards.length)
  let g = 0
  for (let t = rewards.length - 1; t >= 0; t--) {
    g = rewards[t]! + gamma * g
    out[t] = g
  }
  return out
}

interface Episode {
  observations: Float32Array[]
  actions: number[]
  rewards: number[]
}

/**
 * REINFORCE (Williams, 1992): gradient ascent on Σₜ Gₜ ln π(aₜ|sₜ), by whole episodes.
 * @throws ValueError for options out of bounds
 */
export class Reinforce extends Agent {
  readonly policy: ActorCritic['actor']
  readonly optimizer: Adam
  private readonly lr: Schedule
  private readonly episodesPerUpdate: number
  private readonly normalizeReturns: boolean
  private readonly choose: (x: Tensor) => Tensor
  private readonly train: (x: Tensor, actions: Tensor, weights: Tensor) => Tensor
  private readonly open: Episode[]

  constructor(env: EnvironmentLike, options: ReinforceOptions = {}) {
    super(env, options)
    const given = checkOptions('Reinforce', options, names)
    const { lr = 0.01, episodesPerUpdate = 4, normalizeReturns = true, hidden = [64] } = given
    demandWhole('Reinforce', 'episodesPerUpdate', episodesPerUpdate)
    this.lr = lr
    this.episodesPerUpdate = episodesPerUpdate
    this.normalizeReturns = normalizeReturns
    const { features, actionSpace, numEnvs } = this.env
    const policy = new ActorCritic(features, actionSpace.n, hidden, this.generator).actor
    this.policy = policy
    const optimizer = new Adam(policy.parameters(), { lr: at(lr, 1), maximize: true })
    this.optimizer = optimizer
    this.choose = compile((x: Tensor) =>
      noGrad(() => sampleActions(policy.forward(x) as Tensor, this.generator)),
    )
    this.train = compile((x: Tensor, actions: Tensor, weights: Tensor) => {
      const logs = logSoftmax(policy.forward(x) as Tensor, 1)
      const objective = sum(mul(picked(logs, actions), weights))
      optimizer.zeroGrad()
      objective.backward()
      optimizer.step()
      return objective
    })
    this.open = Array.from({ length: numEnvs }, () => ({
      observations: [],
      actions: [],
      rewards: [],
    }))
  }
  protected override scores(x: Tensor): Tensor {
    return this.policy.forward(x) as Tensor
  }

  override learn({ steps, onUpdate }: LearnOptions): this {
    demandWhole('Reinforce.learn', 'steps', steps)
    const { env, open } = this
    const { features, numEnvs } = env
    const first = this.steps
    let finished: Episode[] = []
    while (this.steps - first < steps) {
      const before = this.observations.slice()
      const actions = this.choose(this.observed()).toTypedArray<Int32Array>()
      const step = this.act(actions)
      for (let i = 0; i < numEnvs; i++) {
        const episode = open[i]!
        episode.observations.push(before.slice(i * features, (i + 1) * features))
        episode.actions.push(actions[i]!)
        episode.rewards.push(step.rewards[i]!)
        if (!step.terminated[i] && !step.truncated[i]) continue
        finished.push(episode)
        open[i] = { observations: [], actions: [], rewards: [] }
      }
      if (finished.length < this.episodesPerUpdate) continue
      const remaining = Math.max(0, 1 - (this.steps - first) / steps)
      const measures = this.update(finished, remaining)
      finished = []
      if (onUpdate?.(this.progress(measures)) === false) break
    }
    return this
  }

  private update(episodes: readonly Episode[], remaining: number): Record<string, number> {
    this.optimizer.lr = at(this.lr, remaining)
    const weights = episodes.flatMap((e) => [...discountedReturns(e.rewards, this.gamma)])
    const n = weights.length
    if (this.normalizeReturns) {
      const mean = weights.reduce((a, b) => a + b, 0) / n
      const deviation = Math.sqrt(weights.reduce((a, b) => a + (b - mean) ** 2, 0) / n)
      for (let k = 0; k < n; k++) weights[k] = (weights[k]! - mean) / (deviation + 1e-8)
    }
    // A power of two serves many lengths with one program; what is added weighs 0.
    const size = 2 ** Math.ceil(Math.log2(Math.max(n, 16)))
    const { features } = this.env
    const x = new Float32Array(size * features)
    const actions = new Int32Array(size)
    const scaled = new Float32Array(size)
    let k = 0
    for (const e of episodes)
      e.observations.forEach((o, t) => {
        x.set(o, k * features)
        actions[k] = e.actions[t]!
        scaled[k] = weights[k]! / episodes.length
        k++
      })
    const objective = this.train(
      tensor(x, { shape: [size, features] }),
      tensor(actions),
      tensor(scaled),
    )
    return { objective: objective.item() }
  }
}
