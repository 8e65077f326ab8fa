import { manualSeed, type Tensor } from 'nabla'
import { type Curves, record } from '../engine/curves.js'
import { loadMnist } from '../engine/mnist.js'
import { plane } from '../engine/plane.js'
import type { Session, Tools } from '../engine/session.js'
import { build, reached, type Settings, spots } from './gan.program.js'

/** Pixels of each side of the field, which spans -3 to 3. */
const SIDE = 40
const HALF = 3
export interface Frame {
  losses: [d: number, g: number]
  history: Curves<'d' | 'g'>
  /** x, y of each point, or the pixels of each digit from 0 to 1. */
  real: Float32Array
  made: Float32Array
  /** How real each place is held, from -1 to 1; empty for digits. */
  field: Float32Array
  /** The plane goes from -half to half. */
  half: number
  /** How real generated and real data are held, on average, from 0 to 1; null for a critic, whose score has no unit. */
  belief: { made: number; real: number } | null
  spots: { reached: number; all: number } | null
}

const floats = (t: Tensor) => t.toTypedArray<Float32Array>()
const mean = (t: Tensor) => t.sigmoid().mean().item()

export async function create(s: Settings, tools: Tools): Promise<Session<Frame>> {
  const isDigits = s.data === 'digits'
  const digits = isDigits
    ? (await loadMnist(tools, { shape: [1, 28, 28], mean: 0.5, std: 0.5 })).train
    : null
  manualSeed(s.seed)
  const { model, some, step, samples, believes } = build(s, digits)
  const shown = (t: Tensor) => floats(isDigits ? t.add(1).div(2) : t)
  const places = plane(SIDE, HALF)
  const middles = spots(s)
  let losses: Frame['losses'] = [Number.NaN, Number.NaN]
  let steps = 0
  const history: Frame['history'] = { step: [], d: [], g: [] }
  /** Odds as they are; the scores of a critic beside their middle. */
  const field = (): Float32Array => {
    const scores = believes(places)
    if (s.loss === 'gan') return floats(scores.sigmoid().mul(2).sub(1))
    const beside = scores.sub(scores.mean())
    return floats(beside.div(beside.abs().amax().add(1e-6)))
  }
  return {
    fixed: { real: shown(some) },
    model,
    advance(n) {
      for (let i = 0; i < n; i++) {
        losses = step()
        if (++steps % 4 === 0) record(history, steps, { d: losses[0], g: losses[1] })
      }
      return n
    },
    frame() {
      const made = samples()
      return {
        losses,
        history,
        made: shown(made),
        half: HALF,
        field: isDigits ? new Float32Array(0) : field(),
        belief:
          s.loss === 'gan' ? { made: mean(believes(made)), real: mean(believes(some)) } : null,
        spots:
          middles.length > 0
            ? { reached: reached(middles, made.toArray() as number[][]), all: middles.length }
            : null,
      }
    },
  }
}
