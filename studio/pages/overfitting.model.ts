import { manualSeed } from 'nabla'
import { chunks } from '../engine/chunks.js'
import { type Curves, record } from '../engine/curves.js'
import type { Session } from '../engine/session.js'
import { build, isOwn, type Settings, truth } from './overfitting.program.js'

export interface Frame {
  x: Float32Array
  /** Of the sine; no one knows it of a table of one's own. */
  truth: Float32Array
  answer: Float32Array
  train: { x: Float32Array; y: Float32Array }
  validation: { x: Float32Array; y: Float32Array }
  errors: { train: number; validation: number }
  best: { step: number; validation: number }
  history: Curves<'train' | 'validation'>
}

export function create(s: Settings): Session<Frame> {
  manualSeed(s.seed)
  const { grid, run, errors, answer, train, validation } = build(s)
  const floats = (p: typeof train) => ({
    x: p.x.toTypedArray<Float32Array>(),
    y: p.y.toTypedArray<Float32Array>(),
  })
  let steps = 0
  const first = errors()
  const best = { step: 0, validation: first.validation }
  const history: Frame['history'] = {
    step: [0],
    train: [first.train],
    validation: [first.validation],
  }
  let since = 0
  const look = () => {
    const now = errors()
    record(history, steps, now)
    if (now.validation < best.validation)
      Object.assign(best, { step: steps, validation: now.validation })
    since = steps - best.step
  }
  const advance = chunks(
    (k) => {
      run(k)
      steps += k
      look()
    },
    [32, 8, 1],
  )
  return {
    fixed: {
      x: grid.toTypedArray<Float32Array>(),
      truth: isOwn(s) ? new Float32Array() : truth(grid).toTypedArray<Float32Array>(),
      train: floats(train),
      validation: floats(validation),
    },
    advance(n) {
      if (!s.stop) return advance(n)
      // Early stopping: 400 steps without a better validation error are enough.
      let taken = 0
      while (taken < n && since < 400) taken += advance(Math.min(32, n - taken))
      return taken
    },
    frame: () => ({
      answer: answer(grid).toTypedArray<Float32Array>(),
      errors: { train: history.train.at(-1)!, validation: history.validation.at(-1)! },
      best: { ...best },
      history,
    }),
  }
}
