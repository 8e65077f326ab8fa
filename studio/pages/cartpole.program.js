// @ts-check
import { compile, manualSeed, noGrad, tensor } from 'nabla'
import { CartPole, DynamicsEnvironment, evaluatePolicy, PPO } from 'nabla/rl'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ rate: number, gamma: number, clip: number, passes: number, hidden: number, seed: number }} Settings */

/** Steps of all eight worlds between two updates of the policy: one step of the page. */
export const ROUND = 256
/** Sides of the pictures of the policy, and how far they go: degrees, degrees a second. */
export const SIDE = 25
export const REACH = { angle: 12, turn: 120 }

/** One cart, whose state may be read. */
export const world = () => new DynamicsEnvironment(new CartPole())

/** An agent that learns by proximal policy optimization in eight worlds. @param {Settings} s */
export function build(s) {
  const agent = new PPO('CartPole-v1', {
    numEnvs: 8,
    nSteps: ROUND / 8,
    batchSize: ROUND,
    nEpochs: s.passes,
    gaeLambda: 0.8,
    gamma: s.gamma,
    lr: s.rate,
    clipRange: s.clip,
    hidden: [s.hidden, s.hidden],
    seed: s.seed,
  })
  // A cart in the middle at rest, whose pole leans and turns in all ways: row by row, the fastest turn first.
  const to = (/** @type {number} */ i, /** @type {number} */ most) => ((2 * i) / (SIDE - 1) - 1) * most * (Math.PI / 180) // biome-ignore format: a line
  const states = tensor(
    Array.from({ length: SIDE * SIDE }, (_, i) => [0, 0, to(i % SIDE, REACH.angle), -to(Math.floor(i / SIDE), REACH.turn)]),
  ) // biome-ignore format: a line
  const look = compile(() => {
    const [logits, values] = agent.policy.forward(states)
    return { right: logits.softmax(1).select(1, 1), values }
  })
  return {
    agent,
    /** The probability of a push to the right, and what the agent expects, in all those states. */
    look: () =>
      noGrad(() => {
        const { right, values } = look()
        return { right: numbers(right), values: numbers(values) }
      }),
    /** One episode of the policy of now, of the likelier pushes: place, speed, angle and turn one after the other. @param {number} seed */
    episode(seed) {
      const env = world()
      let [observation] = env.reset({ seed })
      const states = [...env.state]
      for (let over = false; !over; ) {
        const [next, , fallen, late] = env.step(agent.predict(observation))
        observation = next
        states.push(...env.state)
        over = fallen || late
      }
      return states
    },
  }
}
/** @param {Tensor} t */
const numbers = (t) => /** @type {Float32Array} */ (t.toTypedArray()).slice()

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { agent, episode } = build(s)
  for (let i = 0; i < 4; i++) {
    agent.learn({ steps: 5 * ROUND })
    console.log(
      `after ${agent.steps} steps: mean return of the last 100 episodes ${agent.meanReturn}`,
    )
  }
  console.log('pushes of an episode of this policy', episode(1).length / 4 - 1)
  console.log(
    'its mean return over ten',
    evaluatePolicy(agent, world(), { episodes: 10, seed: 1 }).mean,
  )
}
