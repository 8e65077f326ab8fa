import { manualSeed, type Tensor } from 'nabla'
import { chunks } from '../engine/chunks.js'
import { type Curves, record } from '../engine/curves.js'
import type { Session } from '../engine/session.js'
import { build, numbersOf, type Settings } from './transformer.program.js'

export interface Frame {
  words: string[]
  parameters: number
  loss: number
  history: Curves<'loss'>
  source: string[]
  /** Whether what was typed is such a sentence; the one before stays when not. */
  understood: boolean
  /** With teacher forcing: what the decoder is given, what it should say, and how probable each word is for it. */
  given: string[]
  wanted: string[]
  taught: Float64Array[]
  /** What it says alone, and how probable each word was. */
  said: string[]
  written: Float64Array[]
  /** Of the encoder, of the decoder, and across: by layer, by head, row by row. */
  maps: Float32Array[][][]
  /** The shape of what each part gives. */
  shapes: Readonly<Record<string, readonly number[]>>
}

/** (layers, heads, places, places), as many rows and columns as there are words. */
const crop = (t: Tensor, rows: number, columns: number): Float32Array[][] =>
  Array.from({ length: t.shape[0]! }, (_, layer) =>
    Array.from({ length: t.shape[1]! }, (__, head) =>
      t
        .select(0, layer)
        .select(0, head)
        .narrow(0, 0, rows)
        .narrow(1, 0, columns)
        .contiguous()
        .toTypedArray<Float32Array>(),
    ),
  )

export function create(s: Settings): Session<Frame> {
  manualSeed(s.seed)
  const { model, run, teach, write, shapes, words, parameters } = build(s)
  const history: Frame['history'] = { step: [], loss: [] }
  let loss = Number.NaN
  let understood = numbersOf(s.source) !== null
  let numbers = numbersOf(s.source) ?? [1]
  let sizes = shapes(numbers)
  return {
    fixed: { words, parameters },
    model,
    advance: chunks(
      (k) => {
        loss = run(k)
        record(history, (history.step.at(-1) ?? 0) + k, { loss })
      },
      [8, 1],
    ),
    frame() {
      const { source, given, wanted, chances, maps } = teach(numbers)
      const { said, chances: written } = write(numbers)
      const [S, T] = [source.length, given.length]
      const [encoder, decoder, across] = maps as [Tensor, Tensor, Tensor]
      return {
        loss,
        history,
        source,
        understood,
        given,
        wanted,
        taught: chances,
        said,
        written,
        maps: [crop(encoder, S, S), crop(decoder, T, T), crop(across, T, S)],
        shapes: sizes,
      }
    },
    change({ source }: Settings) {
      const read = numbersOf(source)
      understood = read !== null
      numbers = read ?? numbers
      sizes = shapes(numbers)
      return true
    },
  }
}
