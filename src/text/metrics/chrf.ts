/** chrF and chrF++ (Popović, 2015 and 2017) with the numbers of sacreBLEU. */
import { checkOptions, type OptionNames } from '../../core/options.js'
import { checkPairs, listOf, type References } from './bleu.js'
import { wordsOf } from './tokenize.js'

export interface ChrfOptions {
  /** Characters of the longest n-gram; 6 when not given. */
  charOrder?: number
  /** Words of the longest n-gram: 0 when not given, 2 is chrF++. */
  wordOrder?: number
  /** How much more recall counts than precision; 2 when not given. */
  beta?: number
  lowercase?: boolean
  /** Keeps white space in the n-grams of characters. */
  whitespace?: boolean
  /** Counts all orders, as the authors' program does; off when not given. */
  epsSmoothing?: boolean
}
const names: OptionNames<ChrfOptions> = {
  charOrder: true,
  wordOrder: true,
  beta: true,
  lowercase: true,
  whitespace: true,
  epsSmoothing: true,
}
const marks = new Set('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~')

/** Words with the mark at their end, or else at their beginning, by itself. */
function splitMarks(text: string): string[] {
  return wordsOf(text).flatMap((word) => {
    const chars = [...word]
    if (chars.length === 1) return [word]
    if (marks.has(chars.at(-1)!)) return [chars.slice(0, -1).join(''), chars.at(-1)!]
    return marks.has(chars[0]!) ? [chars[0]!, chars.slice(1).join('')] : [word]
  })
}
function count(items: readonly string[], n: number, between: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i + n <= items.length; i++) {
    const key = items.slice(i, i + n).join(between)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}
const total = (counts: ReadonlyMap<string, number>): number => {
  let n = 0
  for (const c of counts.values()) n += c
  return n
}

/** For each order: n-grams of the hypothesis, of the reference, and of both. */
type Statistics = number[]

function scoreOf(statistics: Statistics, beta: number, eps: boolean): number {
  const least = 1e-16
  const factor = beta ** 2
  const orders = statistics.length / 3
  let sum = 0
  let precision = 0
  let recall = 0
  let used = 0
  for (let k = 0; k < orders; k++) {
    const [hypothesis, reference, match] = statistics.slice(3 * k, 3 * k + 3) as [
      number,
      number,
      number,
    ]
    const p = hypothesis > 0 ? match / hypothesis : least
    const r = reference > 0 ? match / reference : least
    const denominator = factor * p + r
    sum += denominator > 0 ? ((1 + factor) * p * r) / denominator : least
    if (hypothesis > 0 && reference > 0) {
      precision += p
      recall += r
      used++
    }
  }
  if (eps) return (100 * sum) / orders
  if (used === 0 || precision + recall === 0) return 0
  precision /= used
  recall /= used
  return (100 * (1 + factor) * precision * recall) / (factor * precision + recall)
}

/**
 * chrF of translations: the F-score of n-grams of characters, of words too when `wordOrder` is above 0 (chrF++: 2). From 0 to 100.
 * Of several references the best one counts for each sentence.
 * @throws ValueError for lists of different lengths
 * @example corpusChrf(['a b c'], ['abc']) // 100
 */
export function corpusChrf(
  hypotheses: readonly string[],
  references: References,
  options: ChrfOptions = {},
): number {
  const o = checkOptions('corpusChrf', options, names)
  const { charOrder = 6, wordOrder = 0, beta = 2, epsSmoothing = false } = o
  checkPairs('corpusChrf', hypotheses, references)
  const prepare = (text: string): Map<string, number>[] => {
    const t = o.lowercase ? text.toLowerCase() : text
    const chars = [...(o.whitespace ? t : wordsOf(t).join(''))]
    const words = wordOrder > 0 ? splitMarks(t) : []
    return [
      ...Array.from({ length: charOrder }, (_, k) => count(chars, k + 1, '')),
      ...Array.from({ length: wordOrder }, (_, k) => count(words, k + 1, ' ')),
    ]
  }
  const sums: Statistics = new Array(3 * (charOrder + wordOrder)).fill(0)
  hypotheses.forEach((hypothesis, i) => {
    const own = prepare(hypothesis)
    let best = -1
    let chosen: Statistics = []
    for (const reference of listOf(references[i]!)) {
      const statistics = prepare(reference).flatMap((other, k) => {
        let match = 0
        for (const [key, n] of own[k]!) match += Math.min(n, other.get(key) ?? 0)
        return [other.size > 0 ? total(own[k]!) : 0, total(other), match]
      })
      const score = scoreOf(statistics, beta, epsSmoothing)
      if (score > best) [best, chosen] = [score, statistics]
    }
    chosen.forEach((n, k) => {
      sums[k]! += n
    })
  })
  return scoreOf(sums, beta, epsSmoothing)
}
/** chrF of one sentence. */
export const sentenceChrf = (
  hypothesis: string,
  reference: string | readonly string[],
  options: ChrfOptions = {},
): number => corpusChrf([hypothesis], [reference], options)
