// @ts-check
import { manualSeed, normal, softmax, tensor } from 'nabla'
import { sinusoidalPositions } from 'nabla/nn'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ sentence: string, size: number, heads: number, scaled: boolean, mask: 'none' | 'causal', positions: boolean, seed: number }} Settings */

/** The words of a sentence; at most ten. @param {string} sentence */
export const wordsOf = (sentence) => {
  const found = sentence
    .trim()
    .split(/[\s,.，。]+/)
    .filter(Boolean)
  // Chinese is written without spaces.
  const words =
    found.length === 1 && /[\u4e00-\u9fff]/.test(found[0] ?? '') ? [...(found[0] ?? '')] : found
  return words.slice(0, 10)
}

/**
 * Attention step by step. The same word has the same vector; the matrices are random, as before training.
 * @param {Settings} s
 */
export function attention(s) {
  const words = wordsOf(s.sentence)
  const n = words.length
  manualSeed(s.seed)
  const distinct = [...new Set(words)]
  const table = normal([10, s.size])
  const vectors = table.at(
    tensor(
      words.map((w) => distinct.indexOf(w)),
      { dtype: 'int32' },
    ),
  )
  const positions = sinusoidalPositions(n, s.size)
  const x = s.positions ? vectors.add(positions) : vectors
  // Of the size that keeps the variance: 1 / sqrt(size).
  const matrix = () => normal([s.size, s.size]).mul(s.size ** -0.5)
  const [wq, wk, wv] = [matrix(), matrix(), matrix()]
  const [q, k, v] = [x.matmul(wq), x.matmul(wk), x.matmul(wv)]
  const width = s.size / s.heads
  /** (n, size) to (heads, n, width). @param {Tensor} t */
  const split = (t) => t.reshape([n, s.heads, width]).permute([1, 0, 2])
  const raw = split(q).matmul(split(k).transpose(1, 2))
  const scores = s.scaled ? raw.div(Math.sqrt(width)) : raw
  const future = tensor(
    Array.from({ length: n * n }, (_, i) => Number(i % n > Math.floor(i / n))),
  ).reshape([1, n, n])
  // A word may not look at those after it: their scores become minus infinity.
  const masked =
    s.mask === 'causal' ? scores.maskedFill(future.gt(0), Number.NEGATIVE_INFINITY) : scores
  const weights = softmax(masked, -1)
  const heads = weights.matmul(split(v))
  const output = heads.permute([1, 0, 2]).reshape([n, s.size])
  return {
    words,
    x,
    q,
    k,
    v,
    scores: masked,
    weights,
    heads,
    output,
    positions: sinusoidalPositions(64, 32),
  }
}

/** @param {Settings} s */
export function main(s) {
  const { words, weights, output } = attention(s)
  for (let h = 0; h < s.heads; h++)
    for (const [i, word] of words.entries())
      console.log(`head ${h + 1}: ${word} looks at`, weights.select(0, h).select(0, i).toArray())
  console.log('sum of the output', output.sum().item())
}
