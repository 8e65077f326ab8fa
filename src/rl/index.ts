/** Reinforcement learning: worlds with Gymnasium's interface, learning by tables and by networks. */
export { Acrobot } from './acrobot.js'
export { A2C, type A2COptions } from './actorCritic.js'
export {
  Agent,
  type AgentOptions,
  type EnvironmentLike,
  type LearnOptions,
  linearSchedule,
  type Progress,
  type Schedule,
} from './agent.js'
export { CartPole } from './cartPole.js'
export { discretize, type DiscretizeOptions } from './discretize.js'
export { DQN, type DQNOptions, ReplayBuffer } from './dqn.js'
export { type Dynamics, DynamicsEnvironment } from './dynamics.js'
export type { Environment, Info, Observation, ResetOptions, StepResult } from './environment.js'
export {
  cliffWalking,
  frozenLake,
  type FrozenLakeOptions,
  type GridOptions,
  GridWorld,
  gridWorld,
  type Transition,
  type Transitions,
} from './grid.js'
export { type EnvironmentId, environmentIds, make } from './make.js'
export { MountainCar } from './mountainCar.js'
export {
  generalizedAdvantages,
  OnPolicyAgent,
  type OnPolicyOptions,
  type Rollout,
} from './onPolicy.js'
export {
  type Actor,
  animate,
  type Evaluation,
  evaluatePolicy,
  type Played,
  play,
  type PlayOptions,
} from './play.js'
export { ActorCritic } from './policies.js'
export { PPO, type PPOOptions } from './ppo.js'
export { RandomStream } from './random.js'
export { discountedReturns, Reinforce, type ReinforceOptions } from './reinforce.js'
export { Box, Discrete, type Space } from './spaces.js'
export {
  type ControlOptions,
  qLearning,
  sarsa,
  type TabularOptions,
  type TabularPolicy,
  type TabularResult,
  tdPrediction,
  valueIteration,
} from './tabular.js'
export {
  makeVector,
  type VectorEnvironment,
  type VectorOptions,
  type VectorStep,
} from './vector.js'
