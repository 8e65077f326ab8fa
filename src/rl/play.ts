/** Watching and measuring an agent. */
import { ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { el } from '../plot/svg.js'
import type { Environment, Observation } from './environment.js'

/** Whatever chooses actions: an agent, or `{ predict: (observation) => action }`. */
export interface Actor {
  predict(observation: Observation, options?: { deterministic?: boolean }): number
}

/** One episode as it was played. */
export interface Played {
  return: number
  length: number
  terminated: boolean
  /** States as text, where the environment can render. */
  texts: string[]
  /** States as pictures, where the environment can draw. */
  frames: string[]
}

export interface PlayOptions {
  seed?: number
  deterministic?: boolean
  /** Ends an episode that goes on for longer, 10,000 steps unless given. */
  maxSteps?: number
  /** Called with each state as text. */
  onFrame?: (text: string) => void
}

/**
 * Plays one episode.
 * @throws ValueError for an action that the environment does not have
 * @example play({ predict: () => 1 }, make('CartPole-v1'), { seed: 1 }).terminated // true
 */
export function play(actor: Actor, env: Environment, options: PlayOptions = {}): Played {
  const given = checkOptions('play', options, {
    seed: true,
    deterministic: true,
    maxSteps: true,
    onFrame: true,
  })
  const { seed, deterministic = true, maxSteps = 10_000, onFrame } = given
  const played: Played = { return: 0, length: 0, terminated: false, texts: [], frames: [] }
  const look = () => {
    const text = env.render?.()
    if (text) {
      played.texts.push(text)
      onFrame?.(text)
    }
    const frame = env.draw?.()
    if (frame) played.frames.push(frame)
  }
  let [observation] = env.reset(seed === undefined ? {} : { seed })
  look()
  for (let over = false; !over && played.length < maxSteps; ) {
    const [next, reward, terminated, truncated] = env.step(
      actor.predict(observation, { deterministic }),
    )
    observation = next
    played.return += reward
    played.length++
    played.terminated = terminated
    over = terminated || truncated
    look()
  }
  return played
}

/** Returns of several episodes. */
export interface Evaluation {
  mean: number
  /** Of all, divided by their number. */
  std: number
  returns: number[]
  lengths: number[]
}

/**
 * Plays episodes with seeds from `seed` on and gives the mean return.
 * @throws ValueError unless there is a whole number of episodes
 */
export function evaluatePolicy(
  actor: Actor,
  env: Environment,
  options: { episodes?: number; seed?: number; deterministic?: boolean } = {},
): Evaluation {
  const given = checkOptions('evaluatePolicy', options, {
    episodes: true,
    seed: true,
    deterministic: true,
  })
  const { episodes = 10, seed = 0, deterministic = true } = given
  if (!Number.isInteger(episodes) || episodes < 1)
    throw new ValueError({
      op: 'evaluatePolicy',
      rule: 'episodes must be a whole number from 1',
      got: `${episodes}`,
    })
  const blind: Environment = {
    observationSpace: env.observationSpace,
    actionSpace: env.actionSpace,
    reset: (o) => env.reset(o),
    step: (a) => env.step(a),
  }
  const list = Array.from({ length: episodes }, (_, i) =>
    play(actor, blind, { seed: seed + i, deterministic }),
  )
  const returns = list.map((e) => e.return)
  const mean = returns.reduce((a, b) => a + b, 0) / episodes
  const std = Math.sqrt(returns.reduce((a, b) => a + (b - mean) ** 2, 0) / episodes)
  return { mean, std, returns, lengths: list.map((e) => e.length) }
}

/**
 * Frames as one animated SVG picture, which plays again and again.
 * @throws ValueError without frames
 */
export function animate(
  frames: readonly string[],
  [width, height]: readonly [number, number],
  options: { fps?: number; title?: string } = {},
): string {
  const { fps = 30, title = 'an episode' } = checkOptions('animate', options, {
    fps: true,
    title: true,
  })
  if (frames.length === 0)
    throw new ValueError({
      op: 'animate',
      rule: 'there must be frames',
      got: 'none',
      fix: 'The environment needs a draw() and a frameSize.',
    })
  const seconds = frames.length / fps
  // The last one stays for a second.
  const total = seconds + 1
  const time = (i: number) => (i / fps / total).toFixed(5)
  const layers = frames.map((frame, i) => {
    const [from, to] = [time(i), i === frames.length - 1 ? '1' : time(i + 1)]
    const values = i === 0 ? 'inline;none' : 'none;inline;none'
    const keyTimes = i === 0 ? `0;${to}` : `0;${from};${to}`
    // Where nothing moves, the last frame shows.
    return el(
      'g',
      i === frames.length - 1 ? {} : { display: 'none' },
      frame,
      el('animate', {
        attributeName: 'display',
        values,
        keyTimes,
        dur: `${total.toFixed(3)}s`,
        calcMode: 'discrete',
        repeatCount: 'indefinite',
      }),
    )
  })
  return el(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height },
    el('title', {}, title),
    el('rect', { width, height, fill: '#fff' }),
    ...layers,
  )
}
