import { manualSeed } from 'nabla'
import { chunks } from '../engine/chunks.js'
import { type Curves, record } from '../engine/curves.js'
import type { Session } from '../engine/session.js'
import { build, type Settings } from './seq2seq.program.js'

export interface Frame {
  /** With attention, without. */
  losses: number[]
  accuracy: number[]
  history: Curves<'looking' | 'blind'>
  source: string
  truth: string
  /** What is typed is no text of this task. */
  wrong: boolean
  answers: { free: string; forced: string }[]
  /** Where the decoder looks: steps of the target in rows, of the source in columns. */
  weights: Float32Array
}

/** Steps from test to test. */
const EVERY = 20
const examples = { reverse: '31415926', sort: '31415926', dates: '7 Mar 2021' }

export function create(settings: Settings): Session<Frame> {
  let s = settings
  manualSeed(s.seed)
  const { model, task, run, accuracy, answer } = build(s)
  let losses = [Number.NaN, Number.NaN]
  let right = accuracy()
  let steps = 0
  const point = () => ({ looking: right[0]!, blind: right[1]! })
  const history: Frame['history'] = { step: [], looking: [], blind: [] }
  record(history, 0, point())
  return {
    model,
    opened() {
      right = accuracy()
      record(history, steps, point())
    },
    advance: chunks(
      (k) => {
        losses = run(k)
        steps += k
        if (steps - history.step.at(-1)! < EVERY) return
        right = accuracy()
        record(history, steps, point())
      },
      [4, 1],
    ),
    change(next: Settings) {
      s = next
      return true
    },
    frame() {
      const typed = s.text === '' ? examples[s.task] : s.text
      const source = task.source(typed) ?? task.source(examples[s.task])!
      const answers = answer(source)
      return {
        losses,
        accuracy: right,
        history,
        source,
        truth: task.truth(source),
        wrong: task.source(typed) === undefined,
        answers: answers.map(({ free, forced }) => ({ free, forced })),
        weights: answers[0]!.weights!.contiguous().toTypedArray<Float32Array>(),
      }
    },
  }
}
