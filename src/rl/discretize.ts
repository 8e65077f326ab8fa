/** Numbers cut into intervals, so that a table can be learned. */
import { ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import type { Environment } from './environment.js'
import { Box, Discrete } from './spaces.js'

export interface DiscretizeOptions {
  /** Intervals of each number, or one for all; 20 unless given. */
  bins?: number | readonly number[]
  /** Bounds in place of the space's own, which may be infinite. */
  low?: readonly number[]
  high?: readonly number[]
}

/**
 * An environment whose observation is the number of the cell in which the numbers of another lie; what is outside of the
 * bounds belongs to the outermost cells.
 * @throws ValueError for observations that are not numbers, and for bounds that are not finite
 * @example discretize(make('MountainCar-v0'), { bins: 10 }).observationSpace.n // 100
 */
export function discretize(
  env: Environment<Float32Array>,
  options: DiscretizeOptions = {},
): Environment<number> & { readonly observationSpace: Discrete } {
  const op = 'discretize'
  const space = env.observationSpace
  if (!(space instanceof Box))
    throw new ValueError({ op, rule: 'the observations must be numbers, Box', got: String(space) })
  const given = checkOptions(op, options, { bins: true, low: true, high: true })
  const { bins = 20, low = [...space.low], high = [...space.high] } = given
  const counts = typeof bins === 'number' ? low.map(() => bins) : bins
  const n = space.low.length
  if (low.length !== n || high.length !== n || counts.length !== n)
    throw new ValueError({
      op,
      rule: `bins, low and high must have ${n} entries`,
      got: `${counts.length}, ${low.length} and ${high.length}`,
    })
  low.forEach((l, i) => {
    const ok = high[i]! - l < 1e30 && high[i]! > l && Number.isInteger(counts[i]) && counts[i]! >= 1
    if (!ok)
      throw new ValueError({
        op,
        rule: 'each number needs finite bounds and a whole number of bins from 1',
        got: `${counts[i]} bins from ${l} to ${high[i]} for number ${i}`,
        fix: 'Give low and high.',
      })
  })
  const cell = (o: Float32Array) => {
    let index = 0
    for (let i = 0; i < n; i++) {
      const k = Math.floor(((o[i]! - low[i]!) / (high[i]! - low[i]!)) * counts[i]!)
      index = index * counts[i]! + Math.min(Math.max(k, 0), counts[i]! - 1)
    }
    return index
  }
  return {
    observationSpace: new Discrete(counts.reduce((a, b) => a * b, 1)),
    actionSpace: env.actionSpace,
    ...(env.id !== undefined && { id: env.id }),
    ...(env.rewardThreshold !== undefined && { rewardThreshold: env.rewardThreshold }),
    reset(o) {
      const [x, info] = env.reset(o)
      return [cell(x), info]
    },
    step(action) {
      const [x, ...rest] = env.step(action)
      return [cell(x), ...rest]
    },
    render: () => env.render?.() ?? '',
    draw: () => env.draw?.() ?? '',
    ...(env.frameSize && { frameSize: env.frameSize }),
  }
}
