import {
  evaluatePolicy,
  make,
  makeVector,
  PPO,
  qLearning,
  tdPrediction,
  valueIteration,
} from 'nabla/rl'

// #region world
const env = make('FrozenLake-v1')
const [state] = env.reset({ seed: 1 })
const [next, reward, terminated, truncated] = env.step(2) // left 0, down 1, right 2, up 3
console.log(state, next, reward, terminated, truncated) //> 0 0 0 false false
console.log(env.render())
//> @ F F F
//> F H F H
//> F F F H
//> H F F G
// #endregion world

// #region td
const grid = make('GridWorld-v0')
const best = valueIteration(grid.transitions, { gamma: 0.99 })
const values = tdPrediction(grid, best.policy, { episodes: 20000, lr: 0.01, gamma: 0.99, seed: 1 })
console.log(best.values[0].toFixed(2), values[0].toFixed(2)) //> 0.82 0.81
console.log(grid.showPolicy(best.actionValues))
//> → → → G
//> ↑ # ↑ H
//> ↑ ← ↑ ←
// #endregion td

// #region q
const q = qLearning(env, { episodes: 20000, lr: 0.05, epsilon: [1, 0.05], seed: 2 })
const actor = { predict: (observation) => q.policy(observation) }
console.log(evaluatePolicy(actor, env, { episodes: 1000, seed: 5 }).mean > 0.6) //> true
// #endregion q

// #region ppo
const agent = new PPO('CartPole-v1', {
  numEnvs: 8,
  nSteps: 32,
  batchSize: 256,
  gaeLambda: 0.8,
  gamma: 0.98,
  lr: 1e-3,
  seed: 1,
})
agent.learn({ steps: 30000 })
console.log(evaluatePolicy(agent, make('CartPole-v1')).mean > 150) //> true
// #endregion ppo

// #region vector
const envs = makeVector('CartPole-v1', { numEnvs: 4 })
console.log(envs.reset({ seed: 1 }).length) //> 16
const { rewards } = envs.step([0, 1, 0, 1])
console.log([...rewards]) //> [ 1, 1, 1, 1 ]
// #endregion vector
