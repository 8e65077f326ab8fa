/** Learning with a table: one number for each state, or for each state and action. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import type { Environment } from './environment.js'
import { best, type Transitions } from './grid.js'
import { RandomStream } from './random.js'
import { Discrete } from './spaces.js'

export interface TabularOptions {
  /** 1,000 unless given. */
  episodes?: number
  /** α, 0.1 unless given. */
  lr?: number
  /** Discount γ, 0.99 unless given. */
  gamma?: number
  seed?: number
}
export interface ControlOptions extends TabularOptions {
  /** Probability of an action at random; the second value is reached at the last episode. 0.1 unless given. */
  epsilon?: number | readonly [first: number, last: number]
  /** Value of a pair that was never tried, 0 unless given. */
  initialValue?: number
}
const predictionNames: OptionNames<TabularOptions> = {
  episodes: true,
  lr: true,
  gamma: true,
  seed: true,
}
const controlNames: OptionNames<ControlOptions> = {
  ...predictionNames,
  epsilon: true,
  initialValue: true,
}

function statesOf(op: string, env: Environment): number {
  if (!(env.observationSpace instanceof Discrete))
    throw new ValueError({
      op,
      rule: 'the observations of the environment must be Discrete',
      got: String(env.observationSpace),
      fix: 'Cut its numbers into intervals with discretize(env, { bins }), or use DQN or PPO.',
    })
  return env.observationSpace.n
}

/** @throws ValueError for options outside of their bounds */
function settings(op: string, options: ControlOptions) {
  const {
    episodes = 1000,
    lr = 0.1,
    gamma = 0.99,
    seed = 0,
    epsilon = 0.1,
    initialValue = 0,
  } = options
  const demand = (ok: boolean, rule: string, got: unknown) => {
    if (!ok) throw new ValueError({ op, rule, got: String(got) })
  }
  demand(
    Number.isInteger(episodes) && episodes >= 1,
    'episodes must be a whole number from 1',
    episodes,
  )
  demand(lr > 0 && lr <= 1, 'lr must be above 0 and at most 1', lr)
  demand(gamma >= 0 && gamma <= 1, 'gamma must be from 0 to 1', gamma)
  const [first, last] = typeof epsilon === 'number' ? [epsilon, epsilon] : epsilon
  demand(first >= 0 && first <= 1 && last >= 0 && last <= 1, 'epsilon must be from 0 to 1', epsilon)
  return { episodes, lr, gamma, seed, first, last, initialValue }
}

/** @throws ValueError for a reward that is not finite, with its place */
function finite(op: string, reward: number, episode: number, step: number): number {
  if (!Number.isFinite(reward))
    throw new ValueError({
      op,
      rule: 'rewards must be finite numbers',
      got: `${reward} in episode ${episode + 1}, step ${step + 1}`,
    })
  return reward
}

/** A policy for a table: the action of a state. */
export type TabularPolicy = (state: number, random: RandomStream) => number

/**
 * Values of the states under a policy, by TD(0): after each step V(s) goes down the gradient of the quadratic loss
 * ½ (r + γ V(s′) − V(s))² with the target held fixed, V(s) ← V(s) + α (r + γ V(s′) − V(s)); V is 0 where an episode
 * terminates (Sutton, "Learning to predict by the methods of temporal differences", 1988).
 * @throws ValueError for an environment whose observations are not Discrete, options out of bounds, rewards that are not finite
 * @example
 * const corridor = new GridWorld({ map: ['S.G'] })
 * tdPrediction(corridor, () => 2, { episodes: 200, lr: 0.5, gamma: 0.5 }) // [0.5, 1, 0]
 */
export function tdPrediction(
  env: Environment<number>,
  policy: TabularPolicy,
  options: TabularOptions = {},
): Float64Array {
  const op = 'tdPrediction'
  const values = new Float64Array(statesOf(op, env))
  const { episodes, lr, gamma, seed } = settings(op, checkOptions(op, options, predictionNames))
  const random = new RandomStream(seed, 1)
  for (let episode = 0; episode < episodes; episode++) {
    let [state] = env.reset(episode === 0 ? { seed } : {})
    for (let step = 0, over = false; !over; step++) {
      const [next, reward, terminated, truncated] = env.step(policy(state, random))
      const target = finite(op, reward, episode, step) + (terminated ? 0 : gamma * values[next]!)
      values[state] = values[state]! + lr * (target - values[state]!)
      state = next
      over = terminated || truncated
    }
  }
  return values
}

/** What control by a table gives. */
export interface TabularResult {
  /** Q, states by actions. */
  values: Float64Array
  /** Sum of rewards of each episode. */
  returns: Float64Array
  /** Steps of each episode. */
  lengths: Int32Array
  /** The best action of a state. */
  policy: (state: number) => number
}

type Control = (env: Environment<number>, options?: ControlOptions) => TabularResult

/** Control by a table; `after` is the value of the state that follows, under the action that will be taken there. */
function control(
  op: string,
  after: (values: Float64Array, state: number, action: number, actions: number) => number,
): Control {
  return (env, options = {}) => {
    const states = statesOf(op, env)
    const given = settings(op, checkOptions(op, options, controlNames))
    const { episodes, lr, gamma, seed, first, last, initialValue } = given
    const actions = env.actionSpace.n
    const values = new Float64Array(states * actions).fill(initialValue)
    const returns = new Float64Array(episodes)
    const lengths = new Int32Array(episodes)
    const random = new RandomStream(seed, 1)
    let epsilon = first
    const act = (state: number) =>
      random.uniform() < epsilon ? random.integer(actions) : best(values, state, actions)
    for (let episode = 0; episode < episodes; episode++) {
      if (episodes > 1) epsilon = first + ((last - first) * episode) / (episodes - 1)
      let [state] = env.reset(episode === 0 ? { seed } : {})
      let action = act(state)
      for (let over = false; !over; lengths[episode]!++) {
        const [next, reward, terminated, truncated] = env.step(action)
        finite(op, reward, episode, lengths[episode]!)
        const following = act(next)
        const target = reward + (terminated ? 0 : gamma * after(values, next, following, actions))
        const at = state * actions + action
        values[at] = values[at]! + lr * (target - values[at]!)
        returns[episode]! += reward
        state = next
        action = following
        over = terminated || truncated
      }
    }
    return { values, returns, lengths, policy: (state) => best(values, state, actions) }
  }
}

/**
 * SARSA: Q(s, a) ← Q(s, a) + α (r + γ Q(s′, a′) − Q(s, a)) with the action a′ that will be taken, so that it learns what
 * its own exploring policy is worth (Rummery and Niranjan, "On-line Q-learning using connectionist systems", 1994).
 * @throws ValueError for an environment whose observations are not Discrete, options out of bounds, rewards that are not finite
 * @example
 * const corridor = new GridWorld({ map: ['S.G'] })
 * sarsa(corridor, { episodes: 500, lr: 0.5, gamma: 0.5, epsilon: [1, 0] }).policy(0) // 2
 */
export const sarsa: Control = control('sarsa', (q, state, action, n) => q[state * n + action]!)

/**
 * Q-learning: Q(s, a) ← Q(s, a) + α (r + γ max Q(s′, ·) − Q(s, a)), which learns the best policy whatever is tried (Watkins,
 * "Learning from delayed rewards", 1989). The action of the next step is chosen before the update, as in SARSA.
 * @throws ValueError for an environment whose observations are not Discrete, options out of bounds, rewards that are not finite
 * @example
 * const corridor = new GridWorld({ map: ['S.G'] })
 * qLearning(corridor, { episodes: 500, lr: 0.5, gamma: 0.5, epsilon: 1 }).values.slice(0, 4) // [0.25, 0.25, 0.5, 0.25]
 */
export const qLearning: Control = control(
  'qLearning',
  (q, state, _action, n) => q[state * n + best(q, state, n)]!,
)

/**
 * The exact values of a world whose table of transitions is known: V(s) = maxₐ Σ p (r + γ V(s′)), repeated until nothing
 * changes by more than `tolerance` (Bellman, 1957).
 * @throws ValueError unless gamma is from 0 to 1
 * @example valueIteration(new GridWorld({ map: ['S.G'] }).transitions, { gamma: 0.5 }).values // [0.5, 1, 0]
 */
export function valueIteration(
  transitions: Transitions,
  options: { gamma?: number; tolerance?: number; maxSweeps?: number } = {},
): { values: Float64Array; actionValues: Float64Array; policy: (state: number) => number } {
  const op = 'valueIteration'
  const names = { gamma: true, tolerance: true, maxSweeps: true }
  const { gamma = 0.99, tolerance = 1e-12, maxSweeps = 100_000 } = checkOptions(op, options, names)
  settings(op, { gamma })
  const actions = transitions[0]?.length ?? 0
  const values = new Float64Array(transitions.length)
  const actionValues = new Float64Array(transitions.length * actions)
  for (let sweep = 0, change = 1; change > tolerance && sweep < maxSweeps; sweep++) {
    change = 0
    transitions.forEach((list, s) => {
      list.forEach((outcomes, a) => {
        let q = 0
        for (const { probability, next, reward, terminated } of outcomes)
          q += probability * (reward + (terminated ? 0 : gamma * values[next]!))
        actionValues[s * actions + a] = q
      })
      const v = actionValues[s * actions + best(actionValues, s, actions)]!
      change = Math.max(change, Math.abs(v - values[s]!))
      values[s] = v
    })
  }
  return { values, actionValues, policy: (state) => best(actionValues, state, actions) }
}
