/** Gradients by the second argument, where there is none by the first: PyTorch 1.13's numbers. */
import { GradError, gradients, segmentReduce, tensor } from 'nabla'
import * as special from 'nabla/special'
import { expect, test } from 'vitest'

test.each([
  ['igamma', special.igamma, 2, 1, 0.36787944],
  ['igammac', special.igammac, 2, 1, -0.36787944],
  ['zeta', special.zeta, 2, 1, -2.4041138],
] as const)('%s has a gradient by its second argument', (_, f, a, x, slope) => {
  const at = tensor([x], { requiresGrad: true })
  const y = f(tensor([a]), at)
  expect(gradients([y.sum()], [at])[0]!.item()).toBeCloseTo(slope, 5)
  expect(() => f(tensor([a], { requiresGrad: true }), at)).toThrow(GradError)
})

test('segments by offsets may leave a beginning and an end, but not go back', () => {
  const x = tensor([1, 2, 3, 4, 5])
  const by = (offsets: number[]) => ({ offsets: tensor(offsets, { dtype: 'int32' }), unsafe: true })
  expect(segmentReduce(x, 'sum', by([1, 3, 4])).toArray()).toEqual([5, 4])
  expect(segmentReduce(x, 'mean', by([2, 2, 5])).toArray()).toEqual([NaN, 4])
  expect(() => segmentReduce(x, 'sum', by([0, 4, 2])).toArray()).toThrow('a length must lie')
})
