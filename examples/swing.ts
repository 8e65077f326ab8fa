/**
 * Swinging up: a car that is too weak for its hill, by a table over intervals, and two links with a motor between them, by
 * PPO. An epoch is 1,000 episodes of the car and 20,000 steps of the links.
 */
import { lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import {
  animate,
  discretize,
  evaluatePolicy,
  linearSchedule,
  make,
  PPO,
  play,
  qLearning,
} from 'nabla/rl'

export default {
  name: 'swing',
  about: 'mountain car by Q-learning over intervals, acrobot by PPO',
  defaults: { epochs: 10, batchSize: 256, lr: 0.001 },
  quick: { epochs: 1 },
  expect: { carReturn: { atLeast: -160 }, acrobotReturn: { atLeast: -100 } },
  async run(s) {
    const { epochs, batchSize, lr, seed, limit = 1000 } = s.options
    const car = discretize(make('MountainCar-v0'), { bins: [40, 40] })
    const q = qLearning(car, {
      episodes: limit * epochs,
      lr: 0.1,
      gamma: 0.99,
      epsilon: [0.1, 0],
      seed,
    })
    const driver = { predict: (o: unknown) => q.policy(o as number) }
    const carReturn = evaluatePolicy(driver, car, { episodes: 100, seed: 1000 }).mean
    s.say(`\nmountain car: mean return ${carReturn.toFixed(1)}`)
    const drive = play(driver, car, { seed: 3 })
    s.say(drive.texts.at(-1))
    await s.picture('car.svg', animate(drive.frames, car.frameSize!, { title: 'mountain car' }))

    const agent = new PPO('Acrobot-v1', {
      numEnvs: 16,
      nSteps: 64,
      batchSize,
      nEpochs: 4,
      gaeLambda: 0.94,
      lr: linearSchedule(lr),
      seed,
    })
    const curve = { x: [] as number[], y: [] as number[] }
    agent.learn({
      steps: 20 * limit * epochs,
      onUpdate: ({ steps, meanReturn }) => {
        if (Number.isNaN(meanReturn)) return
        curve.x.push(steps)
        curve.y.push(meanReturn)
      },
    })
    const acrobot = make('Acrobot-v1')
    const acrobotReturn = evaluatePolicy(agent, acrobot, { episodes: 100, seed: 1000 }).mean
    s.say(`\nacrobot: mean return ${acrobotReturn.toFixed(1)}`)
    const swung = play(agent, acrobot, { seed: 3 })
    s.say(swung.texts.at(-1))
    await s.picture(
      'acrobot.svg',
      animate(swung.frames, acrobot.frameSize, { fps: 15, title: 'acrobot' }),
    )
    await s.picture(
      'returns.svg',
      lineChart({ PPO: curve }, { title: 'acrobot', x: 'steps', y: 'mean return of 100 episodes' }),
    )
    s.save(agent.policy)
    return { carReturn, acrobotReturn }
  },
} satisfies Recipe
