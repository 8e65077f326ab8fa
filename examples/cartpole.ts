/**
 * Balancing a pole (Barto, Sutton and Anderson, 1983): REINFORCE, actor-critic, DQN and PPO side by side, their curves,
 * and an episode of the best as a moving picture. An epoch is 10,000 steps in the world.
 */
import { lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import {
  A2C,
  type Agent,
  animate,
  DQN,
  evaluatePolicy,
  linearSchedule,
  make,
  PPO,
  play,
  Reinforce,
} from 'nabla/rl'

const id = 'CartPole-v1'

export default {
  name: 'cartpole',
  about: 'balancing a pole by REINFORCE, actor-critic, DQN and PPO, side by side',
  defaults: { epochs: 10, batchSize: 256, lr: 0.001 },
  quick: { epochs: 1 },
  expect: {
    ppoReturn: { atLeast: 450 },
    reinforceReturn: { atLeast: 100 },
    a2cReturn: { atLeast: 100 },
    dqnReturn: { atLeast: 100 },
  },
  async run(s) {
    const { epochs, batchSize, lr, seed, limit = 500 } = s.options
    const steps = epochs * 20 * limit
    const gamma = 0.98
    const agents: Record<string, () => Agent> = {
      reinforce: () => new Reinforce(id, { gamma: 0.99, lr: linearSchedule(0.01), seed }),
      a2c: () =>
        new A2C(id, {
          numEnvs: 8,
          nSteps: 16,
          gaeLambda: 0.95,
          gamma,
          lr: linearSchedule(2 * lr),
          seed,
        }),
      // The settings of Stable-Baselines3's collection, for half of the steps: it learns slowly, and not steadily.
      dqn: () =>
        new DQN(id, {
          hidden: [256, 256],
          lr: 2.3 * lr,
          batchSize: 64,
          bufferSize: 100_000,
          learningStarts: 1000,
          trainFreq: 256,
          gradientSteps: 128,
          targetUpdateInterval: 10,
          explorationFraction: 0.16,
          explorationFinal: 0.04,
          seed,
        }),
      ppo: () =>
        new PPO(id, {
          numEnvs: 8,
          nSteps: 32,
          batchSize,
          nEpochs: 20,
          gaeLambda: 0.8,
          gamma,
          lr: linearSchedule(lr),
          clipRange: linearSchedule(0.2),
          seed,
        }),
    }
    const measures: Record<string, number> = {}
    const curves: Record<string, { x: number[]; y: number[] }> = {}
    s.say(
      `\n${'algorithm'.padEnd(12)}${'mean return of 100 episodes'.padStart(30)}${'seconds'.padStart(10)}`,
    )
    for (const [name, create] of Object.entries(agents)) {
      const began = performance.now()
      const agent = create()
      const curve = { x: [] as number[], y: [] as number[] }
      let next = 0
      agent.learn({
        steps: name === 'dqn' ? steps / 2 : steps,
        onUpdate: ({ steps: now, meanReturn }) => {
          if (now < next || Number.isNaN(meanReturn)) return
          next = now + steps / 200
          curve.x.push(now)
          curve.y.push(meanReturn)
        },
      })
      const seconds = (performance.now() - began) / 1000
      const { mean } = evaluatePolicy(agent, make(id), { episodes: 100, seed: 1000 })
      measures[`${name}Return`] = mean
      curves[name] = curve
      s.say(`${name.padEnd(12)}${mean.toFixed(1).padStart(30)}${seconds.toFixed(1).padStart(10)}`)
      s.emit({ event: 'agent', name, mean, seconds })
      if (name !== 'ppo') continue
      s.save(agent.policy)
      const env = make(id)
      const { frames, texts, length } = play(agent, env, { seed: 7 })
      s.say(`\nthe pole after ${length} steps:\n${texts.at(-1)}`)
      await s.picture('episode.svg', animate(frames.slice(0, 300), env.frameSize, { fps: 50 }))
    }
    await s.picture(
      'returns.svg',
      lineChart(curves, {
        title: 'CartPole-v1',
        x: 'steps',
        y: 'mean return of the last 100 episodes',
      }),
    )
    return measures
  },
} satisfies Recipe
