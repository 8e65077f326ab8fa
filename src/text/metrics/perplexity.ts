/** How surprised a language model is by a text. */
import { crossEntropy } from '../../ops/loss/classification.js'
import type { Tensor } from '../../ops/tensor.js'

/**
 * exp of the mean negative log-likelihood of the targets, without those that are `ignoreIndex`.
 * @param logits [..., classes]
 * @param targets [...], class indices
 * @example perplexity(zeros([2, 4]), tensor([1, 3])) // 4
 */
export function perplexity(logits: Tensor, targets: Tensor, ignoreIndex = -100): number {
  const classes = logits.shape.at(-1)!
  const flat = logits.reshape([-1, classes])
  return Math.exp(crossEntropy(flat, targets.reshape([-1]).to('int32'), { ignoreIndex }).item())
}

/**
 * Perplexity over many batches: sums of losses, not means of means.
 * @example
 * const p = new Perplexity()
 * p.update(2 * Math.log(8), 2)
 * p.value // 8
 */
export class Perplexity {
  private loss = 0
  private tokens = 0
  /** The sum of the negative log-likelihoods of so many tokens, in nats. */
  update(loss: number, tokens: number): void {
    this.loss += loss
    this.tokens += tokens
  }
  reset(): void {
    this.loss = 0
    this.tokens = 0
  }
  /** NaN before the first token. */
  get value(): number {
    return Math.exp(this.loss / this.tokens)
  }
  /** Bits for each of so many characters or bytes: to compare models with different tokens. */
  bitsPer(characters: number): number {
    return this.loss / Math.LN2 / characters
  }
}
