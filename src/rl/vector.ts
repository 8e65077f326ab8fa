/** Many worlds of a kind that go on together, for algorithms that want much experience. */
import { ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import type { Dynamics } from './dynamics.js'
import { type Environment, type ResetOptions, seedOf } from './environment.js'
import { dynamicsOf, make } from './make.js'
import { RandomStream } from './random.js'
import { type Discrete, featuresOf, type Space, writeFeatures } from './spaces.js'

/** What a step of all worlds gives. The lists are used again by the next step: copy what must last. */
export interface VectorStep {
  /** (N, features), the first of the next episode where one has ended. */
  readonly observations: Float32Array
  readonly rewards: Float32Array
  /** 1 where an episode ended by the rules of its world. */
  readonly terminated: Uint8Array
  /** 1 where an episode was cut off by its limit of steps. */
  readonly truncated: Uint8Array
  /** (N, features): the last observation of episodes that ended in this step; only their rows mean something. */
  readonly finalObservations: Float32Array
  /** Sum of rewards of the episodes that ended in this step; only their places mean something. */
  readonly returns: Float64Array
  /** Steps of the episodes that ended in this step; only their places mean something. */
  readonly lengths: Int32Array
}

export interface VectorOptions {
  /** Worlds, 1 unless given. */
  numEnvs?: number
}

/**
 * Worlds side by side. An episode that ends begins anew within the same step (Gymnasium's `AutoresetMode.SAME_STEP`).
 * Observations are rows of numbers; one of n things is a row of n with a single 1.
 */
export interface VectorEnvironment {
  readonly numEnvs: number
  readonly observationSpace: Space
  readonly actionSpace: Discrete
  /** Numbers of an observation. */
  readonly features: number
  readonly id: string
  readonly rewardThreshold: number | undefined
  /** Begins all episodes. World i has a stream of random numbers of its own, of the seed and i. */
  reset(options?: ResetOptions): Float32Array
  /** Does one action in each world. @throws ValueError for actions that are not one of the space for each */
  step(actions: ArrayLike<number>): VectorStep
}

/** What both kinds of vectors have: the lists, the sums of rewards, the checks. */
abstract class Vector implements VectorEnvironment {
  readonly numEnvs: number
  readonly observationSpace: Space
  readonly actionSpace: Discrete
  readonly features: number
  readonly id: string
  readonly rewardThreshold: number | undefined
  protected readonly result: VectorStep
  protected readonly sums: Float64Array
  protected readonly steps: Int32Array
  protected running = false

  constructor(
    about: {
      id?: string
      observationSpace: Space
      actionSpace: Discrete
      rewardThreshold?: number
    },
    n: number,
  ) {
    this.numEnvs = n
    this.observationSpace = about.observationSpace
    this.actionSpace = about.actionSpace
    this.features = featuresOf(about.observationSpace)
    this.id = about.id ?? 'environment'
    this.rewardThreshold = about.rewardThreshold
    this.result = {
      observations: new Float32Array(n * this.features),
      rewards: new Float32Array(n),
      terminated: new Uint8Array(n),
      truncated: new Uint8Array(n),
      finalObservations: new Float32Array(n * this.features),
      returns: new Float64Array(n),
      lengths: new Int32Array(n),
    }
    this.sums = new Float64Array(n)
    this.steps = new Int32Array(n)
  }
  abstract reset(options?: ResetOptions): Float32Array
  abstract step(actions: ArrayLike<number>): VectorStep

  protected check(actions: ArrayLike<number>): void {
    const { id: op, numEnvs, actionSpace } = this
    if (!this.running)
      throw new ValueError({
        op,
        rule: 'episodes must be running',
        got: 'none',
        fix: 'Call reset() first.',
      })
    if (actions.length !== numEnvs)
      throw new ValueError({
        op,
        rule: `there must be ${numEnvs} actions`,
        got: `${actions.length}`,
      })
    const n = actionSpace.n
    for (let i = 0; i < numEnvs; i++) {
      const a = actions[i]!
      if (!(a >= 0 && a < n && Number.isInteger(a)))
        throw new ValueError({
          op,
          rule: `an action is a whole number from 0 to ${n - 1}`,
          got: `${a}`,
        })
    }
  }
  /** Books what happened in world i; true when its episode is over. */
  protected book(i: number, reward: number, terminated: boolean, truncated: boolean): boolean {
    const { result, sums, steps } = this
    result.rewards[i] = reward
    result.terminated[i] = terminated ? 1 : 0
    result.truncated[i] = truncated ? 1 : 0
    sums[i] = sums[i]! + reward
    if (!terminated && !truncated) return false
    result.returns[i] = sums[i]!
    result.lengths[i] = steps[i]!
    sums[i] = 0
    steps[i] = 0
    return true
  }
}

/** Worlds of given laws: their states lie in one list. */
class DynamicsVector extends Vector {
  private readonly dynamics: Dynamics
  private readonly state: Float64Array
  private randoms: RandomStream[] = []

  constructor(dynamics: Dynamics, n: number) {
    super(dynamics, n)
    this.dynamics = dynamics
    this.state = new Float64Array(n * dynamics.size)
  }
  override reset(options: ResetOptions = {}): Float32Array {
    const { dynamics, features, state, result, numEnvs } = this
    const given = seedOf(`${dynamics.id}.reset`, options)
    if (given !== undefined || this.randoms.length === 0)
      this.randoms = Array.from({ length: numEnvs }, (_, i) => new RandomStream(given ?? 0, i))
    for (let i = 0; i < numEnvs; i++) {
      dynamics.begin(state, i * dynamics.size, this.randoms[i]!)
      dynamics.observe(state, i * dynamics.size, result.observations, i * features)
    }
    this.steps.fill(0)
    this.sums.fill(0)
    this.running = true
    return result.observations
  }
  override step(actions: ArrayLike<number>): VectorStep {
    this.check(actions)
    const { dynamics, features, state, result, numEnvs, steps } = this
    const { size, maxEpisodeSteps } = dynamics
    for (let i = 0; i < numEnvs; i++) {
      const at = i * size
      const terminated = dynamics.advance(state, at, actions[i]!)
      const truncated = ++steps[i]! >= maxEpisodeSteps
      if (this.book(i, dynamics.reward, terminated, truncated)) {
        dynamics.observe(state, at, result.finalObservations, i * features)
        dynamics.begin(state, at, this.randoms[i]!)
      }
      dynamics.observe(state, at, result.observations, i * features)
    }
    return result
  }
}

/** Any worlds, one after the other. */
class ListVector extends Vector {
  private readonly envs: readonly Environment[]

  private begun = false
  constructor(envs: readonly Environment[]) {
    super(envs[0]!, envs.length)
    this.envs = envs
  }
  override reset(options: ResetOptions = {}): Float32Array {
    const { observations } = this.result
    const given = seedOf('VectorEnvironment.reset', options)
    const seed = given ?? (this.begun ? undefined : 0)
    this.begun = true
    this.envs.forEach((env, i) => {
      const [o] = env.reset(seed === undefined ? {} : { seed: seed + i })
      writeFeatures(this.observationSpace, o, observations, i * this.features)
    })
    this.steps.fill(0)
    this.sums.fill(0)
    this.running = true
    return observations
  }
  override step(actions: ArrayLike<number>): VectorStep {
    this.check(actions)
    const { observationSpace: space, features, result, steps } = this
    this.envs.forEach((env, i) => {
      const [o, reward, terminated, truncated] = env.step(actions[i]!)
      steps[i]!++
      writeFeatures(space, o, result.observations, i * features)
      if (!this.book(i, reward, terminated, truncated)) return
      result.finalObservations.set(
        result.observations.subarray(i * features, (i + 1) * features),
        i * features,
      )
      writeFeatures(space, env.reset()[0], result.observations, i * features)
    })
    return result
  }
}

/**
 * Several worlds of a name, or of a function that makes one.
 * @throws ValueError for a name that there is not, and a number of worlds that is no whole number from 1
 * @example
 * const envs = makeVector('CartPole-v1', { numEnvs: 8 })
 * envs.reset({ seed: 1 }).length // 32
 */
export function makeVector(
  what: string | (() => Environment),
  options: VectorOptions = {},
): VectorEnvironment {
  const { numEnvs = 1 } = checkOptions('makeVector', options, { numEnvs: true })
  if (!Number.isInteger(numEnvs) || numEnvs < 1)
    throw new ValueError({
      op: 'makeVector',
      rule: 'numEnvs must be a whole number from 1',
      got: `${numEnvs}`,
    })
  const laws = typeof what === 'string' ? dynamicsOf(what) : undefined
  if (laws) return new DynamicsVector(laws, numEnvs)
  const one = typeof what === 'string' ? () => make(what) : what
  return new ListVector(Array.from({ length: numEnvs }, one))
}
