import { compile } from '../compile/compile.js'
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { clipGradNorm } from '../nn/clip.js'
import type { Sequential } from '../nn/layers.js'
import { Adam } from '../optim/adam.js'
import { add, mul } from '../ops/arithmetic.js'
import { assign } from '../ops/assign.js'
import { smoothL1Loss } from '../ops/loss/index.js'
import { amax, argmax } from '../ops/reduce.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import {
  Agent,
  type AgentOptions,
  agentNames,
  at,
  demand,
  demandWhole,
  type EnvironmentLike,
  type LearnOptions,
  type Schedule,
} from './agent.js'
import { picked } from './onPolicy.js'
import { valueNetwork } from './policies.js'
import type { RandomStream } from './random.js'

/** Steps of the past: a ring, whose oldest are overwritten. */
export class ReplayBuffer {
  readonly capacity: number
  readonly features: number
  private readonly observations: Float32Array
  private readonly following: Float32Array
  private readonly actions: Int32Array
  private readonly rewards: Float32Array
  private readonly ends: Uint8Array
  private next = 0
  private count = 0

  /** @throws ValueError for a capacity that is no whole number from 1 */
  constructor(capacity: number, features: number) {
    demandWhole('ReplayBuffer', 'capacity', capacity)
    this.capacity = capacity
    this.features = features
    this.observations = new Float32Array(capacity * features)
    this.following = new Float32Array(capacity * features)
    this.actions = new Int32Array(capacity)
    this.rewards = new Float32Array(capacity)
    this.ends = new Uint8Array(capacity)
  }
  /** Steps that are kept now. */
  get length(): number {
    return this.count
  }
  /** `terminated` says that nothing follows; where an episode was only cut off, something would have. */
  add(
    observation: Float32Array,
    action: number,
    reward: number,
    following: Float32Array,
    terminated: boolean,
  ): void {
    const k = this.next
    this.observations.set(observation, k * this.features)
    this.following.set(following, k * this.features)
    this.actions[k] = action
    this.rewards[k] = reward
    this.ends[k] = terminated ? 1 : 0
    this.next = (k + 1) % this.capacity
    this.count = Math.min(this.count + 1, this.capacity)
  }
  /**
   * Steps at random, each as likely as another, with replacement: observations (n, features), actions, rewards, what
   * followed (n, features), 1 where the episode goes on.
   * @throws ValueError while nothing is kept
   */
  sample(n: number, random: RandomStream): [Tensor, Tensor, Tensor, Tensor, Tensor] {
    if (this.count === 0)
      throw new ValueError({ op: 'ReplayBuffer.sample', rule: 'there must be steps', got: 'none' })
    const { features: f } = this
    const x = new Float32Array(n * f)
    const y = new Float32Array(n * f)
    const actions = new Int32Array(n)
    const rewards = new Float32Array(n)
    const goesOn = new Float32Array(n)
    for (let i = 0; i < n; i++) {
      const k = random.integer(this.count)
      for (let j = 0; j < f; j++) {
        x[i * f + j] = this.observations[k * f + j]!
        y[i * f + j] = this.following[k * f + j]!
      }
      actions[i] = this.actions[k]!
      rewards[i] = this.rewards[k]!
      goesOn[i] = 1 - this.ends[k]!
    }
    const shape = [n, f]
    return [
      tensor(x, { shape }),
      tensor(actions),
      tensor(rewards),
      tensor(y, { shape }),
      tensor(goesOn),
    ]
  }
}

export interface DQNOptions extends AgentOptions {
  /** Learning rate of Adam, 1e-4 unless given. */
  lr?: Schedule
  /** Steps that are remembered, 1,000,000 unless given. */
  bufferSize?: number
  /** Steps at random before learning begins, 100 unless given. */
  learningStarts?: number
  /** Examples of an update, 32 unless given. */
  batchSize?: number
  /** Steps in the environment between two rounds of updates, 4 unless given. */
  trainFreq?: number
  /** Updates of a round, 1 unless given. */
  gradientSteps?: number
  /** Steps in the environment between two copies into the target network, 10,000 unless given. */
  targetUpdateInterval?: number
  /** Part of the training over which the share of actions at random falls, 0.1 unless given. */
  explorationFraction?: number
  /** The share at the end, 0.05 unless given. */
  explorationFinal?: number
  /** The action of the next state is chosen by the network that learns, and valued by the other (van Hasselt et al., 2016). False unless given. */
  double?: boolean
  /** Bound of the norm of all gradients, 10 unless given. */
  maxGradNorm?: number
}
const names: OptionNames<DQNOptions> = {
  ...agentNames,
  lr: true,
  bufferSize: true,
  learningStarts: true,
  batchSize: true,
  trainFreq: true,
  gradientSteps: true,
  targetUpdateInterval: true,
  explorationFraction: true,
  explorationFinal: true,
  double: true,
  maxGradNorm: true,
}
const defaults = {
  hidden: [64, 64] as readonly number[],
  lr: 1e-4 as Schedule,
  bufferSize: 1_000_000,
  learningStarts: 100,
  batchSize: 32,
  trainFreq: 4,
  gradientSteps: 1,
  targetUpdateInterval: 10_000,
  explorationFraction: 0.1,
  explorationFinal: 0.05,
  double: false,
  maxGradNorm: 10,
}

/**
 * Deep Q-learning (Mnih et al., 2015): Q(s, a) of a network goes towards r + γ max Q̂(s′, ·) by the smooth L1 loss, on
 * steps drawn from a memory, Q̂ being a copy of the network from some time ago. Defaults are those of Stable-Baselines3.
 * @throws ValueError for options out of bounds
 */
export class DQN extends Agent {
  readonly policy: Sequential
  readonly target: Sequential
  readonly optimizer: Adam
  readonly buffer: ReplayBuffer
  protected override readonly stochastic = false
  private readonly options: typeof defaults
  private readonly greedy: (x: Tensor) => Tensor
  private readonly train: (x: Tensor, a: Tensor, r: Tensor, y: Tensor, goesOn: Tensor) => Tensor
  private readonly copy: () => void

  constructor(env: EnvironmentLike, options: DQNOptions = {}) {
    super(env, options)
    const o = { ...defaults, ...checkOptions('DQN', options, names) }
    this.options = o
    for (const name of ['batchSize', 'trainFreq', 'gradientSteps', 'targetUpdateInterval'] as const)
      demandWhole('DQN', name, o[name])
    demandWhole('DQN', 'learningStarts', o.learningStarts, 0)
    demand('DQN', 'explorationFraction', o.explorationFraction, 0, 1)
    demand('DQN', 'explorationFinal', o.explorationFinal, 0, 1)
    const { features, actionSpace } = this.env
    this.buffer = new ReplayBuffer(o.bufferSize, features)
    const policy = valueNetwork(features, actionSpace.n, o.hidden, this.generator)
    const target = valueNetwork(features, actionSpace.n, o.hidden, this.generator)
    this.policy = policy
    this.target = target
    const parameters = policy.parameters()
    const optimizer = new Adam(parameters, { lr: at(o.lr, 1) })
    this.optimizer = optimizer
    const copies = target.parameters()
    this.copy = compile(() =>
      noGrad(() => {
        copies.forEach((t, i) => void assign(t, mul(parameters[i]!, 1)))
      }),
    )
    this.copy()
    this.greedy = compile((x: Tensor) => noGrad(() => argmax(policy.forward(x) as Tensor, 1)))
    const { gamma } = this
    this.train = compile((x: Tensor, a: Tensor, r: Tensor, y: Tensor, goesOn: Tensor) => {
      const wanted = noGrad(() => {
        const values = target.forward(y) as Tensor
        const next = o.double
          ? picked(values, argmax(policy.forward(y) as Tensor, 1))
          : amax(values, 1)
        return add(r, mul(mul(next, goesOn), gamma))
      })
      const loss = smoothL1Loss(picked(policy.forward(x) as Tensor, a), wanted)
      optimizer.zeroGrad()
      loss.backward()
      clipGradNorm(parameters, o.maxGradNorm)
      optimizer.step()
      return loss
    })
  }
  protected override scores(x: Tensor): Tensor {
    return this.policy.forward(x) as Tensor
  }

  override learn({ steps, onUpdate }: LearnOptions): this {
    demandWhole('DQN.learn', 'steps', steps)
    const { env, options: o, random, buffer } = this
    const { features: f, numEnvs, actionSpace } = env
    const first = this.steps
    const actions = new Int32Array(numEnvs)
    while (this.steps - first < steps) {
      const done = (this.steps - first) / steps
      const epsilon = Math.max(
        o.explorationFinal,
        1 - (1 - o.explorationFinal) * (done / o.explorationFraction || 1),
      )
      const before = this.observations.slice()
      const explores = Array.from(
        { length: numEnvs },
        () => this.steps < o.learningStarts || random.uniform() < epsilon,
      )
      const greedy = explores.every((e) => e)
        ? undefined
        : this.greedy(this.observed()).toTypedArray<Int32Array>()
      for (let i = 0; i < numEnvs; i++)
        actions[i] = explores[i] ? random.integer(actionSpace.n) : greedy![i]!
      const count = this.steps
      const step = this.act(actions)
      for (let i = 0; i < numEnvs; i++) {
        const over = step.terminated[i] || step.truncated[i]
        const list = over ? step.finalObservations : step.observations
        buffer.add(
          before.subarray(i * f, (i + 1) * f),
          actions[i]!,
          step.rewards[i]!,
          list.subarray(i * f, (i + 1) * f),
          step.terminated[i] === 1,
        )
      }
      const passed = (every: number) => Math.floor(this.steps / every) > Math.floor(count / every)
      if (passed(o.targetUpdateInterval)) this.copy()
      if (this.steps <= o.learningStarts || !passed(o.trainFreq)) continue
      this.optimizer.lr = at(o.lr, 1 - done)
      let loss: Tensor | undefined
      for (let k = 0; k < o.gradientSteps; k++)
        loss = this.train(...buffer.sample(o.batchSize, random))
      if (onUpdate?.(this.progress({ loss: loss!.item(), epsilon })) === false) break
    }
    return this
  }
}
