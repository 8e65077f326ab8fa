/** Texts made worse on purpose, for models that learn to mend them. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { where } from '../ops/arithmetic.js'
import { eq, ge, logicalAnd, logicalNot, logicalOr, lt } from '../ops/compare.js'
import type { Tensor } from '../ops/tensor.js'
import { full } from '../tensor/creation.js'
import { rand, randint } from '../tensor/random.js'

export interface MaskOptions {
  /** The id that hides a token. */
  maskId: number
  vocabSize: number
  /** Ids that stay: padding, start and end. */
  keep?: readonly number[]
  /** How many of the others are to be guessed. 0.15 unless given. */
  probability?: number
}
const maskNames: OptionNames<MaskOptions> = {
  maskId: true,
  vocabSize: true,
  keep: true,
  probability: true,
}
/** What cross entropy leaves out when nothing else is said. */
const IGNORED = -100

function requireShare(op: string, name: string, p: number): void {
  if (!(p >= 0 && p <= 1))
    throw new ValueError({ op, rule: `${name} must be from 0 to 1`, got: `${p}` })
}

/**
 * Tokens to be guessed, as BERT has them: of 15 %, 80 % become `maskId`, 10 % any token and 10 % stay. Labels are the true
 * tokens there and −100 elsewhere. Drawn from the generator, also inside of a compiled function: each call draws anew.
 *
 * Shapes: ids, inputs and labels (N, L) int32. Source: https://arxiv.org/abs/1810.04805.
 * @throws ValueError for a probability out of range
 */
export function maskTokens(ids: Tensor, options: MaskOptions): { inputs: Tensor; labels: Tensor } {
  const op = 'maskTokens'
  const { maskId, vocabSize, keep = [], probability = 0.15 } = checkOptions(op, options, maskNames)
  requireShare(op, 'probability', probability)
  let chosen = lt(rand(ids.shape), probability)
  const kept = keep.map((id) => eq(ids, id))
  if (kept.length > 0) chosen = logicalAnd(chosen, logicalNot(kept.reduce((a, b) => logicalOr(a, b)))) // biome-ignore format: a line
  const way = rand(ids.shape)
  const any = randint(0, vocabSize, ids.shape)
  const other = where(lt(way, 0.8), full(ids.shape, maskId, { dtype: 'int32' }), where(ge(way, 0.9), any, ids)) // biome-ignore format: a line
  return {
    inputs: where(chosen, other, ids),
    labels: where(chosen, ids, full(ids.shape, IGNORED, { dtype: 'int32' })),
  }
}

export interface NoiseOptions {
  /** Shares of tokens that are left out, change places with the next one, get a random one before them, become `maskId`. */
  deletion?: number
  swap?: number
  insertion?: number
  masking?: number
  maskId?: number
  /** Random tokens are from this id on, below `vocabSize`. */
  firstId?: number
  vocabSize?: number
}
const noiseNames: OptionNames<NoiseOptions> = {
  deletion: true,
  swap: true,
  insertion: true,
  masking: true,
  maskId: true,
  firstId: true,
  vocabSize: true,
}

/**
 * A list of ids with noise: each is left out, swapped with the next, preceded by a random one or hidden, with the given
 * probabilities. `random` gives numbers from 0 to 1.
 * @throws ValueError for shares that are no probabilities, and where an id is needed that is not given
 * @example corruptTokens([5, 6, 7], { masking: 1, maskId: 4 }, () => 0) // [4, 4, 4]
 */
export function corruptTokens(
  ids: ArrayLike<number>,
  options: NoiseOptions,
  random: () => number,
): number[] {
  const op = 'corruptTokens'
  const { deletion = 0, swap = 0, insertion = 0, masking = 0, maskId, firstId = 0, vocabSize } = checkOptions(op, options, noiseNames) // biome-ignore format: a line
  for (const [name, p] of Object.entries({ deletion, swap, insertion, masking }))
    requireShare(op, name, p)
  if (masking > 0 && maskId === undefined)
    throw new ValueError({ op, rule: 'masking needs maskId', got: 'none' })
  if (insertion > 0 && vocabSize === undefined)
    throw new ValueError({ op, rule: 'insertion needs vocabSize', got: 'none' })
  const list = Array.from(ids)
  for (let i = 0; i + 1 < list.length; i++)
    if (random() < swap) {
      ;[list[i], list[i + 1]] = [list[i + 1]!, list[i]!]
      i++
    }
  return list.flatMap((id) => {
    const now = random() < deletion ? [] : random() < masking ? [maskId!] : [id]
    return random() < insertion
      ? [firstId + Math.floor(random() * (vocabSize! - firstId)), ...now]
      : now
  })
}
