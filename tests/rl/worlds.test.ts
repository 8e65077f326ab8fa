/** The worlds of nabla/rl: their laws against independent equations, and what Gymnasium promises of an environment. */
import { readFileSync } from 'node:fs'
import { ValueError } from 'nabla'
import {
  type Dynamics,
  DynamicsEnvironment,
  discretize,
  environmentIds,
  GridWorld,
  make,
  makeVector,
  RandomStream,
} from 'nabla/rl'
import { describe, expect, test } from 'vitest'

const worlds = JSON.parse(readFileSync(new URL('worlds.json', import.meta.url), 'utf8')) as Record<
  string,
  Record<'states' | 'actions' | 'next' | 'rewards' | 'ends', string>
>
const floats = (text: string) =>
  new Float64Array(new Uint8Array(Buffer.from(text, 'base64')).buffer)

describe('500 states each go on as in the equations of the papers, float64 (make.py)', () => {
  test.each(Object.keys(worlds))('%s', (id) => {
    const { dynamics } = make(id as 'CartPole-v1')
    const w = worlds[id]!
    const [states, actions, next] = [floats(w.states), floats(w.actions), floats(w.next)]
    const [rewards, ends] = [floats(w.rewards), floats(w.ends)]
    const state = Float64Array.from(states)
    expect(actions.length).toBe(500)
    for (let i = 0; i < actions.length; i++) {
      const end = dynamics.advance(state, i * dynamics.size, actions[i]!)
      expect(end).toBe(ends[i] === 1)
      expect(dynamics.reward).toBe(rewards[i])
    }
    for (let k = 0; k < next.length; k++)
      expect(Math.abs(state[k]! - next[k]!)).toBeLessThan(1e-12 * Math.max(1, Math.abs(next[k]!)))
    expect(ends.some((e) => e === 1) && ends.some((e) => e === 0)).toBe(true)
  })
})

describe.each(environmentIds)('%s', (id) => {
  const episode = (seed: number) => {
    const env = make(id as string)
    const random = new RandomStream(seed, 9)
    const seen: unknown[] = [env.reset({ seed })[0]]
    for (let over = false; !over; ) {
      const [o, r, terminated, truncated] = env.step(env.actionSpace.sample(random))
      expect(env.observationSpace.contains(o) || id === 'CartPole-v1').toBe(true)
      seen.push([o, r, terminated, truncated])
      over = terminated || truncated
    }
    return { env, seen }
  }
  test('the same seed gives the same episode, another seed another', () => {
    expect(episode(3).seen).toEqual(episode(3).seen)
    expect(episode(3).seen).not.toEqual(episode(4).seen)
  })
  test('no step before reset, after the end, or of an action that there is not', () => {
    const env = make(id as string)
    expect(() => env.step(0)).toThrow(/Call reset\(\) first/)
    expect(() => episode(1).env.step(0)).toThrow(ValueError)
    env.reset({ seed: 1 })
    for (const wrong of [-1, env.actionSpace.n, 0.5, Number.NaN])
      expect(() => env.step(wrong)).toThrow(/an action is a whole number from 0 to/)
    expect(() => env.reset({ seed: -1 })).toThrow(/a seed is/)
  })
  test('it shows itself as text and as a picture', () => {
    const env = make(id as string)
    env.reset({ seed: 1 })
    expect(env.render!()).toMatch(/\S/)
    expect(env.draw!()).toMatch(/^<(rect|line|polyline|circle)/)
    expect(env.frameSize!.every((v) => v > 0)).toBe(true)
  })
  test('a vector of one world is that world, with a new episode in the step that ends one', () => {
    const [env, envs] = [make(id as string), makeVector(id, { numEnvs: 3 })]
    const random = new RandomStream(5, 9)
    const rows = envs.reset({ seed: 7 })
    expect(rows.length).toBe(3 * envs.features)
    let [observation] = env.reset({ seed: 7 })
    let sum = 0
    let length = 0
    let episodes = 0
    for (let k = 0; k < 1500; k++) {
      const actions = [0, 1, 2].map(() => env.actionSpace.sample(random))
      const step = envs.step(actions)
      const [o, reward, terminated, truncated] = env.step(actions[0]!)
      sum += reward
      length++
      expect([step.rewards[0], step.terminated[0], step.truncated[0]]).toEqual([
        Math.fround(reward),
        +terminated,
        +truncated,
      ])
      const row = (list: Float32Array) =>
        typeof o === 'number'
          ? list.subarray(0, envs.features).indexOf(1)
          : list.slice(0, envs.features)
      if (terminated || truncated) {
        expect(row(step.finalObservations)).toEqual(o)
        expect(step.returns[0]).toBeCloseTo(sum, 9)
        expect(step.lengths[0]).toBe(length)
        sum = length = 0
        episodes++
        ;[observation] = env.reset()
        expect(row(step.observations)).toEqual(observation)
      } else expect(row(step.observations)).toEqual(o)
    }
    expect(episodes).toBeGreaterThan(0)
  })
})

test('limits: episodes are cut off after as many steps as Gymnasium allows', () => {
  const steps = (id: string, action: number) => {
    const env = make(id)
    env.reset({ seed: 1 })
    for (let k = 1; ; k++) {
      const [, , terminated, truncated] = env.step(action)
      if (terminated || truncated) return [k, terminated, truncated]
    }
  }
  expect(steps('MountainCar-v0', 1)).toEqual([200, false, true])
  expect(steps('Acrobot-v1', 1)).toEqual([500, false, true])
  expect(steps('CliffWalking-v0', 0)).toEqual([1000, false, true])
})

test('a slippery lake goes as meant one time in three, and to each side likewise', () => {
  const lake = make('FrozenLake-v1')
  expect(lake.transitions[14]![2]).toEqual([
    { probability: 1 / 3, next: 14, reward: 0, terminated: false },
    { probability: 1 / 3, next: 15, reward: 1, terminated: true },
    { probability: 1 / 3, next: 10, reward: 0, terminated: false },
  ])
  const counts = new Map<number, number>()
  const env = new GridWorld({ map: ['...', '.S.', '...'], straight: 1 / 3 })
  env.reset({ seed: 1 })
  for (let k = 0; k < 3000; k++) {
    env.reset()
    const [o] = env.step(2)
    counts.set(o, (counts.get(o) ?? 0) + 1)
  }
  expect([...counts.keys()].sort()).toEqual([1, 5, 7])
  for (const n of counts.values()) expect(Math.abs(n - 1000)).toBeLessThan(100)
})

test('bad worlds are refused with what is wrong', () => {
  expect(() => make('CartPole-v2')).toThrow(/There are CartPole-v1/)
  expect(() => new GridWorld({ map: ['S.', 'G'] })).toThrow(/rows of one length/)
  expect(() => new GridWorld({ map: ['..', '.G'] })).toThrow(/must have a start/)
  expect(() => new GridWorld({ map: ['SG'], straight: 2 })).toThrow(/straight/)
  expect(() => new GridWorld({ map: ['SG'], wind: 1 } as never)).toThrow(/wind/)
  expect(() => makeVector('CartPole-v1', { numEnvs: 0 })).toThrow(/numEnvs/)
  const envs = makeVector('CartPole-v1', { numEnvs: 2 })
  expect(() => envs.step([0, 0])).toThrow(/reset/)
  envs.reset({ seed: 1 })
  expect(() => envs.step([0])).toThrow(/2 actions/)
  expect(() => envs.step([0, 2])).toThrow(/from 0 to 1/)
})

test('discretize: cells of a grid, the outermost for what lies outside', () => {
  const env = discretize(make('MountainCar-v0'), { bins: [3, 2] })
  expect(env.observationSpace.n).toBe(6)
  const [cell] = env.reset({ seed: 1 })
  expect(cell).toBe(2 * 1 + 1) // from -0.6 to -0.4 is the middle third, speed 0 the upper half
  expect(() => discretize(make('CartPole-v1'))).toThrow(/finite bounds/)
  expect(() => discretize(make('FrozenLake-v1') as never)).toThrow(/must be numbers/)
})

test('laws of your own run alone and side by side', () => {
  const drift: Dynamics = {
    ...make('MountainCar-v0').dynamics,
    id: 'Drift',
    size: 1,
    maxEpisodeSteps: 5,
    reward: 2,
    begin(s, at, random) {
      s[at] = random.uniform()
    },
    advance(s, at, a) {
      s[at]! += a
      return s[at]! > 100
    },
    observe(s, at, out, to) {
      out[to] = s[at]!
    },
    render: () => 'x',
    draw: () => '<g/>',
  } as Dynamics
  const env = new DynamicsEnvironment(drift)
  env.reset({ seed: 1 })
  expect(env.step(2).slice(1, 4)).toEqual([2, false, false])
})

test('reset: a misspelt seed is refused, and without one the present stream goes on', () => {
  const worlds = environmentIds.map((id) => make(id))
  for (const env of worlds) {
    expect(() => env.reset({ sead: 1 } as object), env.id!).toThrow('Did you mean seed?')
    expect(() => env.reset(3 as never), env.id!).toThrow('options are an object with seed; got 3')
  }
  const several = [
    () => makeVector('CartPole-v1', { numEnvs: 3 }),
    () => makeVector(() => make('CartPole-v1'), { numEnvs: 3 }),
    () => makeVector('FrozenLake-v1', { numEnvs: 3 }),
  ]
  for (const begin of several) {
    const envs = begin()
    expect(() => envs.reset({ random_state: 1 } as object)).toThrow('Did you mean seed?')
    const first = [...envs.reset({ seed: 5 })]
    const second = [...envs.reset()]
    expect([...envs.reset({ seed: 5 })]).toEqual(first)
    expect([...envs.reset()]).toEqual(second)
    if (envs.observationSpace.constructor.name === 'Box') expect(second).not.toEqual(first)
    expect([...begin().reset()]).toEqual([...begin().reset()])
  }
})
