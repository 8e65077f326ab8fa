/** Learning without labels: two views of one picture shall have codes that are nearer to each other than to those of others. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { kinds, readOptions } from '../core/options.js'
import { div, where } from '../ops/arithmetic.js'
import { swap } from '../ops/broadcast.js'
import { eq } from '../ops/compare.js'
import { concat } from '../ops/join.js'
import { matmul } from '../ops/linalg.js'
import { crossEntropy } from '../ops/loss/index.js'
import { normalize } from '../ops/nans.js'
import type { Tensor } from '../ops/tensor.js'
import { arange } from '../tensor/creation.js'

/**
 * The normalized, temperature-scaled cross-entropy of SimCLR (Chen and others, A Simple Framework for Contrastive Learning, 2020). Row i of `a`
 * and row i of `b` are codes of two views of the same example; with all 2N codes brought to length 1,
 * ℓᵢ = −log exp(zᵢ·zⱼ / temperature) / Σ_{k ≠ i} exp(zᵢ·zₖ / temperature), where j is the other view of i; the mean over all 2N. (N, D) to a scalar.
 * @throws ShapeError for different shapes and other ranks, ValueError for a temperature that is not above 0
 * @example ntXentLoss(tensor([[1, 0], [0, 1]]), tensor([[2, 0], [0, 3]])) // 0.2395
 */
export function ntXentLoss(a: Tensor, b: Tensor, options: { temperature?: number } = {}): Tensor {
  const op = 'ntXentLoss'
  const { temperature = 0.5 } = readOptions<{ temperature?: number }>(op, [options], {
    temperature: kinds.number,
  })
  if (a.rank !== 2 || !sameShape(a.shape, b.shape) || a.shape[0] === 0)
    throw new ShapeError({
      op,
      rule: 'the codes of both views are (N, D), N above 0',
      got: `${show(a.shape)} and ${show(b.shape)}`,
    })
  if (!(temperature > 0))
    throw new ValueError({ op, rule: 'the temperature must be above 0', got: `${temperature}` })
  const n = a.shape[0]!
  const z = normalize(concat([a, b], 0), { p: 2, axis: 1 })
  const near = div(matmul(z, swap(z)), temperature)
  const at = arange(0, 2 * n, 1, { dtype: 'int32' })
  const itself = eq(at.reshape([2 * n, 1]), at.reshape([1, 2 * n]))
  return crossEntropy(where(itself, Number.NEGATIVE_INFINITY, near), at.add(n).remainder(2 * n))
}
