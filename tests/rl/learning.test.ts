/** Learning in nabla/rl: tables against exact values, advantages by hand, agents that get better, errors that say what is wrong. */
import { manualSeed, tensor } from 'nabla'
import {
  A2C,
  animate,
  Discrete,
  DQN,
  discountedReturns,
  type Environment,
  evaluatePolicy,
  generalizedAdvantages,
  linearSchedule,
  make,
  makeVector,
  PPO,
  play,
  qLearning,
  ReplayBuffer,
  RandomStream,
  Reinforce,
  sarsa,
  tdPrediction,
  valueIteration,
} from 'nabla/rl'
import { describe, expect, test } from 'vitest'

describe('tables', () => {
  test('value iteration on the world of Russell and Norvig gives the values of their figure', () => {
    const { values, policy } = valueIteration(make('GridWorld-v0').transitions, { gamma: 1 })
    // Figure 17.3 of the third edition, where leaving a state costs 0.04 even into the goal, plus that 0.04.
    const figure = [0.812, 0.868, 0.918, 0, 0.762, 0, 0.66, 0, 0.705, 0.655, 0.611, 0.388]
    figure.forEach((v, s) => {
      if (v !== 0) expect(Math.abs(values[s]! - v - 0.04)).toBeLessThan(6e-4)
    })
    expect([0, 1, 2].map(policy)).toEqual([2, 2, 2])
  })
  test('TD(0) finds the values of a random walk: k/6 (Sutton and Barto, example 6.2)', () => {
    const walk: Environment<number> & { at: number } = {
      at: 3,
      observationSpace: new Discrete(7),
      actionSpace: new Discrete(2),
      reset() {
        this.at = 3
        return [3, {}]
      },
      step(a) {
        this.at += a === 1 ? 1 : -1
        return [this.at, this.at === 6 ? 1 : 0, this.at === 0 || this.at === 6, false, {}]
      },
    }
    const values = tdPrediction(walk, (_s, random) => random.integer(2), {
      episodes: 20_000,
      lr: 0.005,
      gamma: 1,
      seed: 3,
    })
    for (let s = 1; s <= 5; s++) expect(Math.abs(values[s]! - s / 6)).toBeLessThan(0.03)
  })
  test('Q-learning walks along the cliff, SARSA keeps away from it (Sutton and Barto, example 6.6)', () => {
    const env = make('CliffWalking-v0')
    const options = { episodes: 5000, lr: 0.1, gamma: 1, epsilon: 0.1, seed: 1 }
    const steps = (policy: (s: number) => number) =>
      play({ predict: (s) => policy(s as number) }, env, { seed: 1, maxSteps: 100 })
    const [q, s] = [qLearning(env, options), sarsa(env, options)]
    expect(steps(q.policy).return).toBe(-13)
    const safe = steps(s.policy).return
    expect(safe).toBeLessThan(-13)
    expect(safe).toBeGreaterThan(-30)
    const mean = (list: Float64Array) => list.slice(-500).reduce((a, b) => a + b, 0) / 500
    expect(mean(s.returns)).toBeGreaterThan(mean(q.returns))
  })
  test('Q-learning on the slippery lake comes near to what is possible', () => {
    const env = make('FrozenLake-v1')
    const exact = valueIteration(env.transitions, { gamma: 0.99 })
    const options = {
      episodes: 20_000,
      lr: 0.05,
      gamma: 0.99,
      epsilon: [1, 0.05] as const,
      seed: 2,
    }
    const q = qLearning(env, options)
    const score = (policy: (s: number) => number) =>
      evaluatePolicy({ predict: (s) => policy(s as number) }, env, { episodes: 1000, seed: 5 }).mean
    expect(score(q.policy)).toBeGreaterThan(0.9 * score(exact.policy))
    expect(qLearning(env, { ...options, episodes: 50 }).values).toEqual(
      qLearning(env, { ...options, episodes: 50 }).values,
    )
  })
  test('what cannot be learned by a table is refused', () => {
    expect(() => qLearning(make('CartPole-v1') as never)).toThrow(/discretize/)
    const lake = make('FrozenLake-v1')
    expect(() => sarsa(lake, { lr: 0 })).toThrow(/lr/)
    expect(() => sarsa(lake, { gamma: 1.5 })).toThrow(/gamma/)
    expect(() => qLearning(lake, { epsilon: -1 })).toThrow(/epsilon/)
    expect(() => qLearning(lake, { alpha: 1 } as never)).toThrow(/alpha/)
  })
})

test('generalized advantages by their definition, worlds side by side', () => {
  const random = new RandomStream(4)
  const [steps, n] = [7, 3]
  const list = (size = steps * n) =>
    Float64Array.from({ length: size }, () => random.uniform(-1, 1))
  const [rewards, values, last] = [list(), list(), list(n)]
  const ends = Array.from({ length: steps * n }, (_, k) => (k % 5 === 2 ? 1 : 0))
  const [gamma, lambda] = [0.9, 0.8]
  const got = generalizedAdvantages({ rewards, values, ends, last }, { gamma, lambda })
  for (let i = 0; i < n; i++)
    for (let t = 0; t < steps; t++) {
      let want = 0
      let weight = 1
      for (let u = t; u < steps; u++) {
        const k = u * n + i
        const next = ends[k] ? 0 : u + 1 < steps ? values[k + n]! : last[i]!
        want += weight * (rewards[k]! + gamma * next - values[k]!)
        if (ends[k]) break
        weight *= gamma * lambda
      }
      expect(got[t * n + i]!).toBeCloseTo(want, 5)
    }
  expect([...discountedReturns([1, 2, 3], 0.5)]).toEqual([2.75, 3.5, 3])
})

test('the replay buffer keeps the newest steps', () => {
  const buffer = new ReplayBuffer(3, 1)
  expect(() => buffer.sample(1, new RandomStream(1))).toThrow(/must be steps/)
  for (let k = 0; k < 5; k++)
    buffer.add(Float32Array.of(k), k, 10 * k, Float32Array.of(k + 1), k === 4)
  expect(buffer.length).toBe(3)
  const [x, actions, rewards, y, goesOn] = buffer.sample(50, new RandomStream(1))
  const rows = [x, actions, rewards, y, goesOn].map((t) => [...t.toTypedArray<Float32Array>()])
  expect(new Set(rows[0])).toEqual(new Set([2, 3, 4]))
  rows[0]!.forEach((v, i) => {
    expect(rows.slice(1).map((r) => r[i])).toEqual([v, 10 * v, v + 1, v === 4 ? 0 : 1])
  })
})

describe('agents with networks', () => {
  const fast = { gamma: 0.98, seed: 1 }
  test('PPO learns to balance, and the same seed gives the same bits', () => {
    const make1 = () =>
      new PPO('CartPole-v1', {
        ...fast,
        numEnvs: 8,
        nSteps: 32,
        batchSize: 256,
        nEpochs: 20,
        gaeLambda: 0.8,
        lr: linearSchedule(1e-3),
        clipRange: linearSchedule(0.2),
      })
    const agent = make1().learn({ steps: 25_000 })
    expect(agent.meanReturn).toBeGreaterThan(150)
    const [a, b] = [make1().learn({ steps: 1024 }), make1().learn({ steps: 1024 })]
    expect(a.returns).toEqual(b.returns)
    for (const [name, t] of Object.entries(a.policy.stateDict()))
      expect(t.toTypedArray()).toEqual(b.policy.stateDict()[name]!.toTypedArray())
  })
  test.each([
    [
      'A2C',
      () => new A2C('CartPole-v1', { ...fast, numEnvs: 8, nSteps: 16, gaeLambda: 0.95, lr: 2e-3 }),
      40_000,
    ],
    ['REINFORCE', () => new Reinforce('CartPole-v1', { ...fast, lr: 0.01 }), 30_000],
    [
      'DQN',
      () =>
        new DQN('CartPole-v1', {
          ...fast,
          hidden: [64, 64],
          lr: 2.3e-3,
          batchSize: 64,
          learningStarts: 1000,
          trainFreq: 64,
          gradientSteps: 32,
          targetUpdateInterval: 128,
          explorationFraction: 0.2,
          explorationFinal: 0.04,
          double: true,
        }),
      15_000,
    ],
  ] as const)('%s gets better', (_, make1, steps) => {
    const agent = make1()
    const first = agent.learn({ steps: 2000 }).meanReturn
    agent.learn({ steps })
    expect(agent.meanReturn).toBeGreaterThan(Math.max(80, 2.5 * first))
  })
  test('observations of one of n things are learned from as well', () => {
    const agent = new PPO(() => make('FrozenLake-v1'), {
      ...fast,
      numEnvs: 4,
      nSteps: 16,
      batchSize: 16,
      nEpochs: 2,
    })
    agent.learn({
      steps: 256,
      onUpdate: ({ measures }) => expect(measures.entropy).toBeGreaterThan(0),
    })
    expect([0, 1, 2, 3]).toContain(agent.predict(3))
    expect(() => agent.predict(16)).toThrow(/Discrete\(16\)/)
  })
  test('false from onUpdate ends the training; what has been learned goes into another agent', () => {
    const options = { ...fast, numEnvs: 2, nSteps: 8, batchSize: 16, nEpochs: 1 }
    const agent = new PPO('CartPole-v1', options)
    agent.learn({ steps: 10_000, onUpdate: ({ steps }) => steps < 64 })
    expect(agent.steps).toBe(64)
    manualSeed(0)
    const other = new PPO('CartPole-v1', { ...options, seed: 2 })
    other.policy.loadStateDict(agent.policy.stateDict())
    const x = tensor([[0.1, -0.2, 0.03, 0.4]])
    expect(other.policy.forward(x)[0].toArray()).toEqual(agent.policy.forward(x)[0].toArray())
  })
  test('an environment that gives NaN is named, with world and step', () => {
    const broken = () => {
      const env = make('CartPole-v1')
      let count = 0
      const step = env.step.bind(env)
      env.step = (a) => {
        const result = step(a)
        if (++count === 5) result[1] = Number.NaN
        return result
      }
      return env
    }
    const agent = new PPO(makeVector(broken, { numEnvs: 2 }), { nSteps: 8, batchSize: 16 })
    expect(() => agent.learn({ steps: 100 })).toThrow(
      /rewards of an environment must be finite numbers; got NaN from CartPole-v1, world 0, after step 10/,
    )
    const o = () => new PPO('CartPole-v1', { batch_size: 64 } as never)
    expect(o).toThrow(/batchSize/)
    expect(() => new DQN('CartPole-v1', { explorationFinal: 2 })).toThrow(/explorationFinal/)
    expect(() => new PPO(undefined as never)).toThrow(/name/)
    expect(() => new PPO('CartPole-v1', { seed: 1 }).predict([1, 2])).toThrow(/2 numbers/)
  })
})

test('an episode becomes one animated picture', () => {
  const env = make('CartPole-v1')
  const seen: string[] = []
  const played = play({ predict: () => 1 }, env, { seed: 1, onFrame: (text) => seen.push(text) })
  expect(played.length).toBe(played.return)
  expect(played.frames.length).toBe(played.length + 1)
  expect(seen).toEqual(played.texts)
  const svg = animate(played.frames, env.frameSize, { fps: 50 })
  expect(svg.match(/<animate /g)!.length).toBe(played.frames.length)
  expect(() => animate([], env.frameSize)).toThrow(/frames/)
})
