import { manualSeed, type Tensor } from 'nabla'
import { chunks } from '../engine/chunks.js'
import { type Curves, record } from '../engine/curves.js'
import type { Session } from '../engine/session.js'
import { build, type Settings } from './recurrent.program.js'

export type CellName = 'rnn' | 'lstm' | 'gru'
export interface Frame {
  losses: number[]
  history: Curves<CellName>
  /** By cell: how much the last loss depends on each input, the last one first. */
  reach: number[][]
  /** Of the chosen cell: units in rows, steps in columns. */
  inside: { name: string; data: Float32Array }[]
  /** What is read, what is to be said after each step, and what is said; numbers for a series. */
  read: string[]
  want: string[]
  said: string[]
  waves: { want: number[]; said: number[] } | null
  written: string
}

const floats = (t: Tensor) => [...t.toTypedArray<Float32Array>()]

export function create(s: Settings): Session<Frame> {
  manualSeed(s.seed)
  const { model, symbols, run, reach, inside, example, answer, write } = build(s)
  let losses = [Number.NaN, Number.NaN, Number.NaN]
  let steps = 0
  const history: Frame['history'] = { step: [], rnn: [], lstm: [], gru: [] }
  const series = s.task === 'series'
  const names = (ids: Tensor) => Array.from(ids.toTypedArray(), (i) => symbols[i]!)
  return {
    fixed: {
      read: series ? [] : names(example.x.argmax(1)),
      want: series ? [] : names(example.y),
    },
    model,
    advance: chunks(
      (k) => {
        losses = run(k)
        steps += k
        const [rnn, lstm, gru] = losses as [number, number, number]
        record(history, steps, { rnn, lstm, gru })
      },
      [8, 1],
    ),
    frame() {
      const said = answer()
      return {
        losses,
        history,
        reach: reach().map((g) => g.reverse()),
        inside: Object.entries(inside()).map(([name, t]) => ({
          name,
          data: t.transpose(0, 1).contiguous().toTypedArray<Float32Array>(),
        })),
        said: series ? [] : names(said.argmax(1)),
        waves: series ? { want: floats(example.y), said: floats(said) } : null,
        written: s.task === 'text' ? write(120) : '',
      }
    },
  }
}
