/** ROUGE (Lin, 2004): how much of a summary stands in the reference. */
import { checkOptions } from '../../core/options.js'
import { checkPairs, listOf, type References } from './bleu.js'

/** Precision, recall and their harmonic mean, from 0 to 1. */
export interface RougeScore {
  precision: number
  recall: number
  f: number
}
export interface RougeScores {
  rouge1: RougeScore
  rouge2: RougeScore
  /** By the longest common subsequence. */
  rougeL: RougeScore
}
export interface RougeOptions {
  /** Words of a text; those of letters a to z and digits, in lower case, when not given: other scripts need one. */
  tokenize?: (text: string) => string[]
}
const english = (text: string): string[] => text.toLowerCase().match(/[a-z0-9]+/g) ?? []
const scoreOf = (match: number, own: number, reference: number): RougeScore => {
  const precision = own > 0 ? match / own : 0
  const recall = reference > 0 ? match / reference : 0
  return { precision, recall, f: match > 0 ? (2 * precision * recall) / (precision + recall) : 0 }
}
function byNgrams(own: readonly string[], reference: readonly string[], n: number): RougeScore {
  const grams = (words: readonly string[]) => {
    const counts = new Map<string, number>()
    for (let i = 0; i + n <= words.length; i++) {
      const key = JSON.stringify(words.slice(i, i + n))
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return counts
  }
  const other = grams(reference)
  let match = 0
  for (const [key, c] of grams(own)) match += Math.min(c, other.get(key) ?? 0)
  return scoreOf(match, Math.max(0, own.length - n + 1), Math.max(0, reference.length - n + 1))
}
function longestCommon(a: readonly string[], b: readonly string[]): number {
  let above = new Int32Array(b.length + 1)
  for (const word of a) {
    const row = new Int32Array(b.length + 1)
    for (let j = 0; j < b.length; j++)
      row[j + 1] = word === b[j] ? above[j]! + 1 : Math.max(above[j + 1]!, row[j]!)
    above = row
  }
  return above[b.length]!
}

/**
 * ROUGE-1, ROUGE-2 and ROUGE-L of summaries, the mean over all; of several references the best by F counts.
 * @throws ValueError for lists of different lengths
 * @example rouge(['the cat sat'], ['the cat sat down']).rouge1.recall // 0.75
 */
export function rouge(
  hypotheses: readonly string[],
  references: References,
  options: RougeOptions = {},
): RougeScores {
  const { tokenize = english } = checkOptions('rouge', options, ['tokenize'])
  checkPairs('rouge', hypotheses, references)
  const zero = (): RougeScore => ({ precision: 0, recall: 0, f: 0 })
  const sums: RougeScores = { rouge1: zero(), rouge2: zero(), rougeL: zero() }
  hypotheses.forEach((hypothesis, i) => {
    const own = tokenize(hypothesis)
    const all = listOf(references[i]!).map((text): RougeScores => {
      const other = tokenize(text)
      return {
        rouge1: byNgrams(own, other, 1),
        rouge2: byNgrams(own, other, 2),
        rougeL: scoreOf(longestCommon(own, other), own.length, other.length),
      }
    })
    for (const kind of ['rouge1', 'rouge2', 'rougeL'] as const) {
      const best = all.map((s) => s[kind]).reduce((a, b) => (b.f > a.f ? b : a))
      for (const part of ['precision', 'recall', 'f'] as const) sums[kind][part] += best[part]
    }
  })
  for (const score of Object.values(sums) as RougeScore[])
    for (const part of ['precision', 'recall', 'f'] as const)
      score[part] /= Math.max(1, hypotheses.length)
  return sums
}
