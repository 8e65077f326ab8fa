/** Worlds whose state is a few numbers: written once, run alone or many at a time. */
import {
  type Environment,
  type Info,
  type ResetOptions,
  requireAction,
  requireEpisode,
  seedOf,
  type StepResult,
} from './environment.js'
import { RandomStream } from './random.js'
import type { Box, Discrete } from './spaces.js'

/** The laws of a world: what one step does to the numbers at `at` of a list of states. */
export interface Dynamics {
  readonly id: string
  readonly observationSpace: Box
  readonly actionSpace: Discrete
  /** Steps after which an episode is cut off. */
  readonly maxEpisodeSteps: number
  readonly rewardThreshold: number
  /** Numbers of a state. */
  readonly size: number
  /** The reward of the last `advance`. */
  reward: number
  /** Writes a first state. */
  begin(state: Float64Array, at: number, random: RandomStream): void
  /** Goes on by one step; true where the episode ends. */
  advance(state: Float64Array, at: number, action: number): boolean
  /** Writes what the agent sees. */
  observe(state: Float64Array, at: number, out: Float32Array, to: number): void
  render(state: Float64Array): string
  draw(state: Float64Array): string
  readonly frameSize: readonly [number, number]
}

/** One world of given laws as an environment. */
export class DynamicsEnvironment implements Environment<Float32Array> {
  readonly dynamics: Dynamics
  /** Numbers of the present state, which may be read and set. */
  readonly state: Float64Array
  private random = new RandomStream(0)
  private steps = 0
  private running = false

  constructor(dynamics: Dynamics) {
    this.dynamics = dynamics
    this.state = new Float64Array(dynamics.size)
  }
  get id(): string {
    return this.dynamics.id
  }
  get rewardThreshold(): number {
    return this.dynamics.rewardThreshold
  }
  get observationSpace(): Box {
    return this.dynamics.observationSpace
  }
  get actionSpace(): Discrete {
    return this.dynamics.actionSpace
  }
  private observed(): Float32Array {
    const out = new Float32Array(this.observationSpace.low.length)
    this.dynamics.observe(this.state, 0, out, 0)
    return out
  }
  reset(options: ResetOptions = {}): [Float32Array, Info] {
    const seed = seedOf(`${this.id}.reset`, options)
    if (seed !== undefined) this.random = new RandomStream(seed)
    this.dynamics.begin(this.state, 0, this.random)
    this.steps = 0
    this.running = true
    return [this.observed(), {}]
  }
  step(action: number): StepResult<Float32Array> {
    const { dynamics } = this
    requireAction(dynamics.id, dynamics.actionSpace, action)
    requireEpisode(dynamics.id, this.running)
    const terminated = dynamics.advance(this.state, 0, action)
    const truncated = ++this.steps >= dynamics.maxEpisodeSteps
    this.running = !terminated && !truncated
    return [this.observed(), dynamics.reward, terminated, truncated, {}]
  }
  render(): string {
    return this.dynamics.render(this.state)
  }
  draw(): string {
    return this.dynamics.draw(this.state)
  }
  get frameSize(): readonly [number, number] {
    return this.dynamics.frameSize
  }
}
