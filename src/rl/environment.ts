/** The interface between an agent and its world, as in Gymnasium (Towers et al., 2024). */
import { ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import type { Discrete, Space } from './spaces.js'

/** What an environment tells beside observation and reward. */
export type Info = Record<string, unknown>
export type Observation = number | ArrayLike<number>

/** Observation, reward, whether the episode ended by the rules of the world (terminated) or by a limit on its length (truncated), and the rest. */
export type StepResult<O> = [
  observation: O,
  reward: number,
  terminated: boolean,
  truncated: boolean,
  info: Info,
]

/** What `reset` takes. */
export interface ResetOptions {
  /** A new stream of random numbers; without one the present stream goes on. */
  seed?: number
}

/**
 * A world in which an agent acts: write a class with these members and every algorithm of this module runs on it.
 * @example
 * const env = make('CartPole-v1')
 * let [observation] = env.reset({ seed: 1 })
 * const [next, reward, terminated, truncated] = env.step(0)
 */
export interface Environment<O extends Observation = Observation> {
  readonly observationSpace: Space
  readonly actionSpace: Discrete
  /** The name under which `make` finds it. */
  readonly id?: string
  /** The mean return over 100 episodes at which the world counts as solved. */
  readonly rewardThreshold?: number
  /** Begins an episode. */
  reset(options?: ResetOptions): [observation: O, info: Info]
  /** Does an action. @throws ValueError for an action outside of the space, and before `reset` or after the end of an episode */
  step(action: number): StepResult<O>
  /** The present state as text for a terminal. */
  render?(): string
  /** The present state as a picture, in the units of `frameSize`. */
  draw?(): string
  readonly frameSize?: readonly [width: number, height: number]
}

/** The seed that `reset` was given. @throws ValueError for options that are none: a misspelt seed would be lost in silence */
export const seedOf = (op: string, options: ResetOptions | undefined): number | undefined =>
  checkOptions(op, options, ['seed']).seed

/** @throws ValueError for an action that the space does not have */
export function requireAction(op: string, space: Discrete, action: unknown): void {
  if (!space.contains(action))
    throw new ValueError({
      op,
      rule: `an action is a whole number from 0 to ${space.n - 1}`,
      got: String(action),
    })
}

/** @throws ValueError when there is no episode to go on with */
export function requireEpisode(op: string, running: boolean): void {
  if (!running)
    throw new ValueError({
      op,
      rule: 'an episode must be running',
      got: 'none: it has not begun, or it has ended',
      fix: 'Call reset() first.',
    })
}
