import { manualSeed } from 'nabla'
import { chunks } from '../engine/chunks.js'
import { type Curves, record } from '../engine/curves.js'
import type { Session } from '../engine/session.js'
import {
  blanksOf,
  filler,
  joined,
  promptOf,
  type Settings,
  wordsOf,
  writer,
} from './language-model.program.js'

export interface Frame {
  /** What the numbers of the vocabulary mean: characters, or words for the masked model. */
  names: string[]
  parameters: number
  loss: number
  history: Curves<'loss'>
  /** What was given, and the characters that the model has added, each with its probability when it was drawn. */
  prompt: string
  written: { character: number; probability: number }[]
  /** How probable each character is now: by the model, and after temperature, top-k and top-p. */
  next: { model: Float64Array; drawn: Float64Array } | null
  /** For the masked model: the text with its blanks, its words, and how probable each word is in each blank. */
  blanks: string
  words: string[]
  /** Words that the masked model reads at most. */
  most: number
  filled: { place: number; model: Float64Array }[]
}

export function create(settings: Settings): Session<Frame> {
  let s = settings
  manualSeed(s.seed)
  const write = s.model === 'gpt' ? writer(s) : undefined
  const fill = s.model === 'bert' ? filler(s) : undefined
  const { model, names, parameters, run } = (write ?? fill)!
  const history: Frame['history'] = { step: [], loss: [] }
  let loss = Number.NaN
  let written: Frame['written'] = []
  const now = () => promptOf(s) + written.map(({ character }) => names[character]).join('')
  return {
    fixed: { names, parameters, most: fill?.most ?? 0 },
    model,
    opened() {
      written = []
    },
    advance: chunks(
      (k) => {
        loss = run(k)
        record(history, (history.step.at(-1) ?? 0) + k, { loss })
      },
      [8, 1],
    ),
    frame: () => ({
      loss,
      history,
      prompt: promptOf(s),
      written,
      next: write?.next(now(), s) ?? null,
      blanks: joined(wordsOf(blanksOf(s))),
      words: wordsOf(blanksOf(s)),
      filled: fill?.fill(blanksOf(s)) ?? [],
    }),
    change(values: Settings) {
      if (values.prompt !== s.prompt) written = []
      s = values
      return true
    },
    ask: {
      write(count: number) {
        for (let i = 0; write && i < count; i++) {
          const text = now()
          const character = write.draw(text, s, 1000 * s.seed + written.length)
          const probability = write.next(text, s).drawn[character]!
          written = [...written, { character, probability }]
        }
      },
      back() {
        written = []
      },
    },
  }
}
