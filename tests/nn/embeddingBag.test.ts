/** Gradients by frequency: PyTorch 1.13 takes the count of another row where an index occurs twice (docs/decisions/0003). */
import { embeddingBag, tensor, zeros } from 'nabla'
import { expect, test } from 'vitest'

test('scaleGradByFreq: each row gets its gradients divided by how often its own index occurs', () => {
  for (let n = 0; n < 5 ** 4; n++) {
    const index = [0, 1, 2, 3].map((k) => Math.floor(n / 5 ** k) % 5)
    const weight = zeros([5, 1])
    weight.requiresGrad = true
    const places = tensor([index.slice(0, 2), index.slice(2)], { dtype: 'int32' })
    embeddingBag(places, weight, { mode: 'sum', scaleGradByFreq: true }).sum().backward()
    const want = [0, 1, 2, 3, 4].map((row) => (index.includes(row) ? 1 : 0))
    expect(weight.grad!.flatten().toArray(), `${index}`).toEqual(want)
  }
})
