import { manualSeed, tensor } from 'nabla'
import { chunks } from '../engine/chunks.js'
import { type Curves, record } from '../engine/curves.js'
import { loadMnist, type Sample, samplesOf } from '../engine/mnist.js'
import type { Session, Tools } from '../engine/session.js'
import { build, MAP, type Settings } from './autoencoder.program.js'
import { centered } from './digits.program.js'

/** Sides of the picture that is made of many. */
const MAP_SIDE = MAP * 28
/** Test digits with noise that are shown. */
const SHOWN = 7

export interface Frame {
  loss: number
  error: number
  history: Curves<'error'>
  /** x, y of each test digit on the plane of codes, and its class; empty for the denoiser. */
  codes: Float32Array
  labels: number[]
  /** The part of the plane where most codes lie. */
  x: [number, number]
  y: [number, number]
  /** What codes of a grid over that part become: one picture, row by row. */
  map: Float32Array
  drawn: number[]
  /** Its code, and the picture of the code that was chosen. */
  code: number[]
  decoded: Float32Array
  /** With noise: pictures one after the other; the drawn one first. */
  clean: Float32Array
  noisy: Float32Array
  restored: Float32Array
  samples: Sample[]
}

const none = new Float32Array(0)
/** Where all but a hundredth of the numbers lie on either side, and some room. */
function middle(values: Float32Array): [number, number] {
  const sorted = Float32Array.from(values).sort()
  const [low, high] = [0.01, 0.99].map((q) => sorted[Math.round(q * (sorted.length - 1))]!)
  const room = 0.08 * (high! - low!) + 1e-3
  return [low! - room, high! + room]
}
/** n pictures of 28x28 as one picture with MAP of them in a row. */
function tiled(pictures: Float32Array): Float32Array {
  const all = new Float32Array(MAP_SIDE * MAP_SIDE)
  for (let i = 0; i < pictures.length; i++) {
    const [n, row, column] = [Math.floor(i / 784), Math.floor((i % 784) / 28), i % 28]
    const [top, left] = [Math.floor(n / MAP) * 28, (n % MAP) * 28]
    all[(top + row) * MAP_SIDE + left + column] = pictures[i]!
  }
  return all
}

export async function create(settings: Settings, tools: Tools): Promise<Session<Frame>> {
  let s = settings
  const data = await loadMnist(tools)
  manualSeed(s.seed)
  const { model, labels, run, test, codes, encode, decode, noisy, grid } = build(s, data)
  const plane = s.net !== 'denoise'
  const samples = samplesOf(data.test, 12)
  let drawn = samples[0]!.ink
  /** The code under the pointer; the drawn picture's own when there is none. */
  let chosen: number[] | undefined
  let loss = Number.NaN
  let steps = 0
  const history: Frame['history'] = { step: [0], error: [test(s.noise)] }
  return {
    fixed: { samples, labels: plane ? [...labels.toTypedArray()] : [] },
    model,
    opened: () => record(history, steps, { error: test(s.noise) }),
    advance: chunks(
      (k) => {
        loss = run(k, s.noise)
        steps += k
        if (steps - history.step.at(-1)! >= 16) record(history, steps, { error: test(s.noise) })
      },
      [16, 4, 1],
    ),
    change(next: Settings) {
      s = next
      return true
    },
    frame() {
      const common = { loss, error: history.error.at(-1)!, history, drawn }
      const digits = [drawn, ...samples.slice(0, SHOWN).map(({ ink }) => ink)]
      if (!plane) {
        const clean = tensor(digits)
        const seen = noisy(clean, s.noise)
        return {
          ...common,
          codes: none,
          x: [0, 1],
          y: [0, 1],
          map: none,
          code: [],
          decoded: none,
          clean: clean.toTypedArray<Float32Array>(),
          noisy: seen.clamp(0, 1).toTypedArray<Float32Array>(),
          restored: decode(encode(seen)).toTypedArray<Float32Array>(),
        }
      }
      const all = codes().toTypedArray<Float32Array>()
      const x = middle(all.filter((_, i) => i % 2 === 0))
      const y = middle(all.filter((_, i) => i % 2 === 1))
      const code = chosen ?? [...encode(tensor([drawn])).toTypedArray()]
      return {
        ...common,
        codes: all,
        x,
        y,
        map: tiled(decode(grid(x, y)).toTypedArray<Float32Array>()),
        code,
        decoded: decode(tensor([code])).toTypedArray<Float32Array>(),
        clean: none,
        noisy: none,
        restored: none,
      }
    },
    ask: {
      draw(ink: number[], whole: boolean) {
        drawn = whole ? centered(ink) : [...ink]
        chosen = undefined
      },
      choose(x: number, y: number) {
        chosen = [x, y]
      },
    },
  }
}
