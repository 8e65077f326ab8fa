/** What all agents with networks have in common. */
import { ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import type { Module } from '../nn/module.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { Generator } from '../tensor/random.js'
import type { Environment, Observation } from './environment.js'
import { RandomStream } from './random.js'
import { writeFeatures } from './spaces.js'
import { makeVector, type VectorEnvironment, type VectorStep } from './vector.js'

/** A value that is fixed, or a function of the part of the training that remains, from 1 down to 0. */
export type Schedule = number | ((remaining: number) => number)
export const at = (s: Schedule, remaining: number): number =>
  typeof s === 'number' ? s : s(remaining)
/** A schedule that falls from a value to 0 in a straight line. */
export const linearSchedule =
  (first: number): Schedule =>
  (remaining) =>
    first * remaining

/** How an agent does, told while it learns. */
export interface Progress {
  /** Steps in the environment so far, of all worlds together. */
  steps: number
  /** Episodes that have ended. */
  episodes: number
  /** Mean return of the last 100 episodes, NaN before the first has ended. */
  meanReturn: number
  /** Measures of the last update: losses, entropy. */
  measures: Record<string, number>
}
export interface LearnOptions {
  /** Steps in the environment, of all worlds together. */
  steps: number
  /** Called after every update; false ends the training. */
  onUpdate?: (progress: Progress) => unknown
}

export interface AgentOptions {
  /** Worlds side by side, 1 unless given. Counts where the environment is given by name or by a function. */
  numEnvs?: number
  /** Sizes of the hidden layers. */
  hidden?: readonly number[]
  /** Discount, 0.99 unless given. */
  gamma?: number
  seed?: number
}
export const agentNames = { numEnvs: true, hidden: true, gamma: true, seed: true } as const

export type EnvironmentLike = string | (() => Environment) | VectorEnvironment

/** @throws ValueError unless the number is within the bounds */
export function demand(op: string, name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value <= high))
    throw new ValueError({
      op,
      rule: `${name} must be ${high === Number.POSITIVE_INFINITY ? `at least ${low}` : `from ${low} to ${high}`}`,
      got: `${value}`,
    })
}
/** @throws ValueError unless the number is whole and at least `low` */
export function demandWhole(op: string, name: string, value: number, low = 1): void {
  if (!Number.isInteger(value) || value < low)
    throw new ValueError({
      op,
      rule: `${name} must be a whole number from ${low}`,
      got: `${value}`,
    })
}

const LAST = 100

/** An agent that learns by acting. */
export abstract class Agent {
  readonly env: VectorEnvironment
  readonly gamma: number
  /** Returns of all episodes so far, in the order of their end. */
  readonly returns: number[] = []
  /** Number of steps taken at the end of each episode. */
  readonly endings: number[] = []
  /** The network whose weights are saved. */
  abstract readonly policy: Module
  protected readonly generator: Generator
  protected readonly random: RandomStream
  protected readonly name: string
  protected readonly seed: number
  private total = 0
  private current: Float32Array | undefined

  constructor(env: EnvironmentLike, { numEnvs = 1, gamma = 0.99, seed = 0 }: AgentOptions) {
    this.name = this.constructor.name
    demand(this.name, 'gamma', gamma, 0, 1)
    const vector =
      typeof env === 'string' || typeof env === 'function' ? makeVector(env, { numEnvs }) : env
    if (typeof vector?.numEnvs !== 'number')
      throw new ValueError({
        op: this.name,
        rule: 'the environment must be a name, a function that makes one, or a vector of makeVector',
        got: String(env),
        fix: 'Pass () => environment.',
      })
    this.env = vector
    this.gamma = gamma
    this.seed = seed
    this.generator = new Generator(seed)
    this.random = new RandomStream(seed, 1)
  }
  /** Steps in the environment so far. */
  get steps(): number {
    return this.total
  }
  /** Mean return of the last 100 episodes, NaN before the first has ended. */
  get meanReturn(): number {
    const last = this.returns.slice(-LAST)
    return last.length === 0 ? Number.NaN : last.reduce((a, b) => a + b, 0) / last.length
  }
  /** What all worlds show now. */
  protected get observations(): Float32Array {
    this.current ??= this.env.reset({ seed: this.seed })
    return this.current
  }
  /** The observations as a tensor of their own. */
  protected observed(data: Float32Array = this.observations): Tensor {
    return tensor(data.slice(), { shape: [data.length / this.env.features, this.env.features] })
  }
  /** Acts in all worlds and books what ends. @throws ValueError for what is not finite, with world and step */
  protected act(actions: ArrayLike<number>): VectorStep {
    const { env } = this
    const step = env.step(actions)
    this.current = step.observations
    this.total += env.numEnvs
    for (let i = 0; i < env.numEnvs; i++) {
      this.demandFinite('rewards', step.rewards, i, 1)
      this.demandFinite('observations', step.observations, i, env.features)
      if (step.terminated[i] || step.truncated[i]) {
        this.returns.push(step.returns[i]!)
        this.endings.push(this.total)
      }
    }
    return step
  }
  private demandFinite(what: string, list: Float32Array, i: number, each: number): void {
    for (let j = i * each; j < (i + 1) * each; j++)
      if (!Number.isFinite(list[j]))
        throw new ValueError({
          op: this.name,
          rule: `${what} of an environment must be finite numbers`,
          got: `${list[j]} from ${this.env.id}${this.env.numEnvs > 1 ? `, world ${i}` : ''}, after step ${this.total}`,
          fix: 'Its step() has computed something that is no number; the agent has not learned from it.',
        })
  }
  protected progress(measures: Record<string, number>): Progress {
    return {
      steps: this.total,
      episodes: this.returns.length,
      meanReturn: this.meanReturn,
      measures,
    }
  }

  /** The logits or values from which an action is chosen, (N, features) to (N, actions). */
  protected abstract scores(x: Tensor): Tensor
  /** Whether `scores` are logits, from which actions can be drawn. */
  protected readonly stochastic: boolean = true

  /** Goes on learning. @throws ValueError for a number of steps that is not whole */
  abstract learn(options: LearnOptions): this

  /**
   * The action for an observation: the one that scores highest, or one drawn by its probability.
   * @throws ValueError for an observation of another size
   */
  predict(observation: Observation, options: { deterministic?: boolean } = {}): number {
    const { deterministic = true } = checkOptions(`${this.name}.predict`, options, [
      'deterministic',
    ])
    const { features, observationSpace: space } = this.env
    const size = typeof observation === 'number' ? 1 : observation.length
    if (!(typeof observation === 'number' ? space.contains(observation) : size === features))
      throw new ValueError({
        op: `${this.name}.predict`,
        rule: `an observation is one of ${space}`,
        got: typeof observation === 'number' ? `${observation}` : `${size} numbers`,
      })
    const row = new Float32Array(features)
    writeFeatures(space, observation, row, 0)
    const scores = noGrad(() => this.scores(this.observed(row)).toTypedArray<Float32Array>())
    if (deterministic || !this.stochastic) return scores.indexOf(Math.max(...scores))
    const largest = Math.max(...scores)
    const weights = scores.map((v) => Math.exp(v - largest))
    const sum = weights.reduce((a, b) => a + b, 0)
    return this.random.choice(weights.map((w) => w / sum))
  }
}
