/** BLEU (Papineni et al., 2002) with the numbers of sacreBLEU (Post, 2018). */
import { ValueError } from '../../core/errors.js'
import { checkOptions, type OptionNames } from '../../core/options.js'
import { type BleuTokenizer, bleuTokenizers } from './tokenize.js'

export interface BleuOptions {
  /** `'13a'` when not given; `'zh'` for Chinese, `'char'` for characters, `'none'` for texts that are split at spaces already. */
  tokenize?: BleuTokenizer | ((text: string) => string[])
  /** Before comparing; off when not given. */
  lowercase?: boolean
  /**
   * What stands for no match of an order: `'exp'` halves more for each, `'floor'` takes a value (0.1), `'add-k'` adds one (1) to
   * orders above 1.
   */
  smoothMethod?: 'exp' | 'floor' | 'add-k' | 'none'
  smoothValue?: number
  /** Words of the longest n-gram; 4 when not given. */
  maxNgramOrder?: number
  /** Leaves out the orders that the text is too short for. */
  effectiveOrder?: boolean
}
const names: OptionNames<BleuOptions> = {
  tokenize: true,
  lowercase: true,
  smoothMethod: true,
  smoothValue: true,
  maxNgramOrder: true,
  effectiveOrder: true,
}

/** A score with what it is made of. */
export interface BleuScore {
  /** From 0 to 100. */
  readonly score: number
  /** n-grams that match, and all, by order. */
  readonly counts: readonly number[]
  readonly totals: readonly number[]
  /** In percent, smoothed. */
  readonly precisions: readonly number[]
  readonly brevityPenalty: number
  readonly systemLength: number
  readonly referenceLength: number
  /** As sacreBLEU prints it. */
  toString(): string
}

/** One reference for each hypothesis, or several. */
export type References = readonly (string | readonly string[])[]

/** How often each n-gram of a list comes, up to an order. */
export function ngrams(words: readonly string[], order: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let n = 1; n <= order; n++)
    for (let i = 0; i + n <= words.length; i++) {
      const key = words.slice(i, i + n).join('\0')
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  return counts
}
const orderOf = (key: string): number => key.split('\0').length

export function checkPairs(
  op: string,
  hypotheses: readonly string[],
  references: References,
): void {
  if (hypotheses.length !== references.length)
    throw new ValueError({
      op,
      rule: 'there must be a reference, or a list of them, for each hypothesis',
      got: `${hypotheses.length} hypotheses and ${references.length} references`,
    })
  const empty = references.findIndex((r) => typeof r !== 'string' && r.length === 0)
  if (empty >= 0)
    throw new ValueError({
      op,
      rule: 'each hypothesis must have a reference',
      got: `none at ${empty}`,
    })
}
export const listOf = (reference: string | readonly string[]): readonly string[] =>
  typeof reference === 'string' ? [reference] : reference

/**
 * BLEU of translations: BP · exp((1/4) Σ log pₙ), where pₙ is the part of the hypotheses' n-grams that stand in a reference, and the
 * brevity penalty BP is exp(1 − r/c) where the hypotheses' length c is below the closest references' r. From 0 to 100.
 * @throws ValueError for lists of different lengths
 * @example corpusBleu(['The dog bit the man.'], [['The dog bit the man.', 'The dog had bit the man.']]).score // 100
 */
export function corpusBleu(
  hypotheses: readonly string[],
  references: References,
  options: BleuOptions = {},
): BleuScore {
  const o = checkOptions('corpusBleu', options, names)
  const { tokenize = '13a', lowercase = false, maxNgramOrder: order = 4 } = o
  checkPairs('corpusBleu', hypotheses, references)
  const split = typeof tokenize === 'function' ? tokenize : bleuTokenizers[tokenize]
  if (!split)
    throw new ValueError({
      op: 'corpusBleu',
      rule: `tokenize must be one of ${Object.keys(bleuTokenizers).join(', ')}, or a function`,
      got: `${tokenize}`,
    })
  const prepare = (text: string) => split((lowercase ? text.toLowerCase() : text).trimEnd())
  const counts: number[] = new Array(order).fill(0)
  const totals: number[] = new Array(order).fill(0)
  let systemLength = 0
  let referenceLength = 0
  hypotheses.forEach((hypothesis, i) => {
    const words = prepare(hypothesis)
    const most = new Map<string, number>()
    let closest = Number.POSITIVE_INFINITY
    for (const reference of listOf(references[i]!)) {
      const other = prepare(reference)
      const [now, before] = [
        Math.abs(other.length - words.length),
        Math.abs(closest - words.length),
      ]
      if (now < before || (now === before && other.length < closest)) closest = other.length
      for (const [key, n] of ngrams(other, order)) most.set(key, Math.max(n, most.get(key) ?? 0))
    }
    systemLength += words.length
    referenceLength += closest
    for (const [key, n] of ngrams(words, order)) {
      const k = orderOf(key) - 1
      totals[k]! += n
      counts[k]! += Math.min(n, most.get(key) ?? 0)
    }
  })
  return scoreOf(counts, totals, systemLength, referenceLength, o)
}

function scoreOf(
  counts: number[],
  totals: number[],
  systemLength: number,
  referenceLength: number,
  { smoothMethod = 'exp', smoothValue, effectiveOrder = false }: BleuOptions,
): BleuScore {
  const value = smoothValue ?? (smoothMethod === 'floor' ? 0.1 : 1)
  const brevityPenalty =
    systemLength >= referenceLength
      ? 1
      : systemLength > 0
        ? Math.exp(1 - referenceLength / systemLength)
        : 0
  const precisions: number[] = new Array(counts.length).fill(0)
  let score = 0
  if (counts.some((n) => n > 0)) {
    let halves = 1
    let used = counts.length
    for (let k = 0; k < counts.length; k++) {
      if (smoothMethod === 'add-k' && k > 0) {
        counts[k]! += value
        totals[k]! += value
      }
      if (totals[k] === 0) break
      if (effectiveOrder) used = k + 1
      if (counts[k]! > 0) precisions[k] = (100 * counts[k]!) / totals[k]!
      else if (smoothMethod === 'exp') {
        halves *= 2
        precisions[k] = 100 / (halves * totals[k]!)
      } else if (smoothMethod === 'floor') precisions[k] = (100 * value) / totals[k]!
    }
    const logs = precisions.slice(0, used).map((p) => (p === 0 ? -9999999999 : Math.log(p)))
    score = brevityPenalty * Math.exp(logs.reduce((sum, l) => sum + l, 0) / used)
  }
  return {
    score,
    counts,
    totals,
    precisions,
    brevityPenalty,
    systemLength,
    referenceLength,
    toString: () => {
      const ratio = referenceLength > 0 ? systemLength / referenceLength : 0
      return `BLEU = ${score.toFixed(2)} ${precisions.map((p) => p.toFixed(1)).join('/')} (BP = ${brevityPenalty.toFixed(3)} ratio = ${ratio.toFixed(3)} hyp_len = ${systemLength} ref_len = ${referenceLength})`
    },
  }
}

/**
 * BLEU of one sentence, without the orders that it is too short for.
 * @example sentenceBleu('the cat sat', 'the cat sat').score // 100
 */
export const sentenceBleu = (
  hypothesis: string,
  reference: string | readonly string[],
  options: BleuOptions = {},
): BleuScore => corpusBleu([hypothesis], [reference], { effectiveOrder: true, ...options })
