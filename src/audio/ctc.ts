/** Labels of the probabilities that a network trained with ctcLoss gives. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, kinds, type OptionNames } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'

export interface CtcDecodeOptions {
  /** The class that stands for no label; 0 when not given. */
  blank?: number
  /** How many frames of each example count; all when not given. */
  inputLengths?: readonly number[]
}
const names: OptionNames<CtcDecodeOptions> = { blank: true, inputLengths: true }

/** The frames of each example: (T, N, C), or (T, C) for one. */
function examples(op: string, logProbs: Tensor, o: CtcDecodeOptions) {
  const shape = logProbs.rank === 2 ? [logProbs.shape[0]!, 1, logProbs.shape[1]!] : logProbs.shape
  const [time, n, classes] = shape as [number, number, number]
  if (shape.length !== 3 || classes < 1)
    throw new ShapeError({ op, rule: 'logProbs is (T, N, C) or (T, C)', got: show(logProbs.shape) })
  const { blank = 0, inputLengths = Array.from({ length: n }, () => time) } = o
  if (!(Number.isInteger(blank) && blank >= 0 && blank < classes))
    throw new ValueError({ op, rule: `blank is a class from 0 to ${classes - 1}`, got: `${blank}` })
  if (inputLengths.length !== n || inputLengths.some((l) => !(kinds.size.holds(l) && l <= time)))
    throw new ValueError({
      op,
      rule: `inputLengths are ${n} whole numbers from 0 to ${time}`,
      got: show(inputLengths),
    })
  const data = logProbs.toTypedArray() as ArrayLike<number>
  return inputLengths.map((length, i) => ({
    blank,
    classes,
    length,
    at: (t: number, c: number) => data[(t * n + i) * classes + c]!,
  }))
}

/**
 * The likeliest class of each frame, repeats as one, blanks left out (Graves and others, 2006).
 *
 * Shapes: logProbs (T, N, C) or (T, C); a list of labels for each of the N examples.
 * @throws ShapeError, ValueError @example audio.ctcGreedyDecode(tensor([[0.1, 0.9], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])) // [[1, 1]]
 */
export function ctcGreedyDecode(logProbs: Tensor, options: CtcDecodeOptions = {}): number[][] {
  const op = 'ctcGreedyDecode'
  const list = examples(op, logProbs, checkOptions(op, options, names))
  return list.map(({ blank, classes, length, at }) => {
    const labels: number[] = []
    let last = blank
    for (let t = 0; t < length; t++) {
      let best = 0
      for (let c = 1; c < classes; c++) if (at(t, c) > at(t, best)) best = c
      if (best !== blank && best !== last) labels.push(best)
      last = best
    }
    return labels
  })
}

export interface CtcBeamOptions extends CtcDecodeOptions {
  /** Prefixes that are kept from frame to frame; 10 when not given. */
  beamWidth?: number
  /** How many answers; 1 when not given. */
  topPaths?: number
}
export interface CtcPath {
  labels: number[]
  /** ln of the probability of all alignments that were kept. */
  logProb: number
}
const NEVER = Number.NEGATIVE_INFINITY
const addLogs = (a: number, b: number): number => {
  if (a === NEVER) return b
  if (b === NEVER) return a
  return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)))
}

/** A prefix of labels with the probabilities of its alignments, by how they end. */
interface Prefix {
  labels: readonly number[]
  inBlank: number
  inLabel: number
}

/**
 * The likeliest lists of labels: alignments that give the same labels count together, `beamWidth` prefixes are kept (prefix beam
 * search; Hannun and others, 2014). It finds what the greedy way misses where a label's probability lies on many alignments.
 *
 * Shapes: logProbs (T, N, C) or (T, C), natural logarithms; for each of the N examples its paths, the likeliest first.
 * @throws ShapeError, ValueError
 * @example audio.ctcBeamSearch(tensor([[0.6, 0.4], [0.6, 0.4]]).log())[0][0].labels // [1]
 */
export function ctcBeamSearch(logProbs: Tensor, options: CtcBeamOptions = {}): CtcPath[][] {
  const op = 'ctcBeamSearch'
  const {
    beamWidth = 10,
    topPaths = 1,
    ...rest
  } = checkOptions<CtcBeamOptions>(op, options, {
    ...names,
    beamWidth: true,
    topPaths: true,
  })
  if (!kinds.count.holds(beamWidth) || !kinds.count.holds(topPaths) || topPaths > beamWidth)
    throw new ValueError({
      op,
      rule: 'beamWidth and topPaths are whole numbers from 1 up, topPaths at most beamWidth',
      got: `${beamWidth} and ${topPaths}`,
    })
  const total = (p: Prefix) => addLogs(p.inBlank, p.inLabel)
  return examples(op, logProbs, rest).map(({ blank, classes, length, at }) => {
    let beam: Prefix[] = [{ labels: [], inBlank: 0, inLabel: NEVER }]
    for (let t = 0; t < length; t++) {
      const next = new Map<string, Prefix>()
      const of = (labels: readonly number[]): Prefix => {
        const key = labels.join()
        const found = next.get(key) ?? { labels, inBlank: NEVER, inLabel: NEVER }
        next.set(key, found)
        return found
      }
      for (const p of beam) {
        const last = p.labels.at(-1)
        const same = of(p.labels)
        same.inBlank = addLogs(same.inBlank, total(p) + at(t, blank))
        for (let c = 0; c < classes; c++) {
          if (c === blank) continue
          const longer = of([...p.labels, c])
          // A label twice needs a blank between; without one it is the same label going on.
          longer.inLabel = addLogs(longer.inLabel, (c === last ? p.inBlank : total(p)) + at(t, c))
          if (c === last) same.inLabel = addLogs(same.inLabel, p.inLabel + at(t, c))
        }
      }
      beam = [...next.values()].sort((a, b) => total(b) - total(a)).slice(0, beamWidth)
    }
    return beam.slice(0, topPaths).map((p) => ({ labels: [...p.labels], logProb: total(p) }))
  })
}
