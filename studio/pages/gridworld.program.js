// @ts-check
import { cliffWalking, frozenLake, gridWorld, qLearning, sarsa, valueIteration } from 'nabla/rl'

/** @typedef {{ world: 'grid' | 'cliff' | 'lake', method: 'q' | 'sarsa', rate: number, gamma: number, epsilon: number, seed: number }} Settings */

/** @param {Settings} s */
export const make = ({ world }) =>
  world === 'grid' ? gridWorld() : world === 'cliff' ? cliffWalking() : frozenLake()

/** The values of every action on every square after so many episodes. @param {Settings} s @param {number} episodes */
export function learn(s, episodes) {
  const world = make(s)
  const options = { episodes, lr: s.rate, gamma: s.gamma, epsilon: s.epsilon, seed: s.seed }
  const { values, returns } = s.method === 'q' ? qLearning(world, options) : sarsa(world, options)
  return { values, returns }
}
/** The values that are to be found, from the rules of the world. @param {Settings} s */
export const exact = (s) => valueIteration(make(s).transitions, { gamma: s.gamma })

/** @param {Settings} s */
export function main(s) {
  const { values } = learn(s, 200)
  const best = exact(s).values
  console.log('the first square: learned', Math.max(...values.slice(0, 4)), 'exact', best[0])
  console.log(make(s).showPolicy(values))
}
