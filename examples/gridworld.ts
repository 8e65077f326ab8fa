/**
 * Learning with tables: values of a policy by TD(0), SARSA against Q-learning along a cliff, and Q-learning on ice, each
 * beside the exact values. An epoch is 1,000 episodes.
 */
import { heatMapChart, lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import {
  animate,
  evaluatePolicy,
  make,
  play,
  qLearning,
  sarsa,
  tdPrediction,
  valueIteration,
} from 'nabla/rl'

export default {
  name: 'gridworld',
  about: 'TD(0), SARSA and Q-learning on a grid, along a cliff and on a frozen lake',
  defaults: { epochs: 20, lr: 0.1 },
  whole: true,
  quick: { epochs: 1 },
  expect: {
    tdError: { atMost: 0.1 },
    cliffQLearning: { atLeast: -13 },
    cliffSarsa: { atLeast: -25 },
    lakeSuccess: { atLeast: 0.65 },
  },
  async run(s) {
    const { epochs, lr, seed } = s.options
    const episodes = 1000 * epochs

    const grid = make('GridWorld-v0')
    const exact = valueIteration(grid.transitions, { gamma: 0.99 })
    const values = tdPrediction(grid, exact.policy, { episodes, lr: lr / 10, gamma: 0.99, seed })
    // Squares that the policy does not visit keep their first value.
    const seen = [...values.keys()].filter((k) => values[k] !== 0)
    const tdError = Math.max(...seen.map((k) => Math.abs(values[k]! - exact.values[k]!)))
    s.say(`\nthe best policy of the grid, and its values by TD(0) after ${episodes} episodes`)
    s.say(grid.showPolicy(exact.actionValues))
    s.say(
      grid.show((k, square) =>
        'S.'.includes(square) ? values[k]!.toFixed(2) : square.padStart(4),
      ),
    )
    const rows = Array.from({ length: grid.rows }, (_, r) => [
      ...values.subarray(r * grid.columns, (r + 1) * grid.columns),
    ])
    await s.picture('values.svg', heatMapChart(rows, { title: 'values by TD(0)' }))

    const cliff = make('CliffWalking-v0')
    const options = { episodes: Math.min(episodes, 5000), lr, gamma: 1, epsilon: 0.1, seed }
    const learned = { 'Q-learning': qLearning(cliff, options), SARSA: sarsa(cliff, options) }
    const best: Record<string, number> = {}
    for (const [name, { values: q, policy }] of Object.entries(learned)) {
      const actor = { predict: (o: unknown) => policy(o as number) }
      const played = play(actor, cliff, { seed, maxSteps: 100 })
      best[name] = played.return
      s.say(`\n${name} along the cliff: return ${played.return}\n${cliff.showPolicy(q)}`)
      await s.picture(
        name === 'SARSA' ? 'sarsa.svg' : 'q-learning.svg',
        animate(played.frames, cliff.frameSize, { fps: 4, title: name }),
      )
    }
    const smooth = (list: Float64Array) =>
      Array.from({ length: Math.floor(list.length / 50) }, (_, i) => {
        const part = list.subarray(50 * i, 50 * i + 50)
        return part.reduce((a, b) => a + b, 0) / part.length
      })
    await s.picture(
      'cliff.svg',
      lineChart(
        Object.fromEntries(Object.entries(learned).map(([n, { returns }]) => [n, smooth(returns)])),
        {
          title: 'returns while learning, exploring one step in ten',
          x: '50 episodes',
          y: 'mean return',
        },
      ),
    )

    const lake = make('FrozenLake-v1')
    const q = qLearning(lake, { episodes, lr: lr / 2, gamma: 0.99, epsilon: [1, 0.05], seed })
    const success = (policy: (state: number) => number) =>
      evaluatePolicy({ predict: (o) => policy(o as number) }, lake, { episodes: 1000, seed }).mean
    const [lakeSuccess, possible] = [
      success(q.policy),
      success(valueIteration(lake.transitions).policy),
    ]
    s.say(
      `\nthe frozen lake: ${lakeSuccess} of the episodes reach the goal, ${possible} with exact values`,
    )
    s.say(lake.showPolicy(q.values))
    return {
      tdError,
      cliffQLearning: best['Q-learning']!,
      cliffSarsa: best.SARSA!,
      lakeSuccess,
    }
  },
} satisfies Recipe
