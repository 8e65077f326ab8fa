import { allclose, setBackend, tensor, unique, zeros } from 'nabla'
import { beforeAll, expect, test } from 'vitest'

beforeAll(() => setBackend('reference'))

// Numbers of torch.unique(x, return_inverse=True, return_counts=True).
test('unique: values in order, where each went, how often', () => {
  const { values, inverse, counts } = unique(
    tensor([
      [3, 1, 2],
      [1, 3, 3],
    ]),
  )
  expect(values.toArray()).toEqual([1, 2, 3])
  expect(inverse.toArray()).toEqual([
    [2, 0, 1],
    [0, 2, 2],
  ])
  expect(counts.toArray()).toEqual([2, 1, 3])
  expect([inverse.dtype, counts.dtype]).toEqual(['int32', 'int32'])
  expect(unique(tensor([2, 2, 1], { dtype: 'int32' })).values.dtype).toBe('int32')
  expect(unique(tensor([true, false, true])).values.toArray()).toEqual([false, true])
  expect(unique(zeros([0])).values.shape).toEqual([0])
})

test('allclose: absolute and relative tolerance, NaN, infinities', () => {
  const a = tensor([1, 100])
  expect(allclose(a, tensor([1 + 1e-7, 100.0005]))).toBe(true)
  expect(allclose(a, tensor([1, 100.01]))).toBe(false)
  expect(allclose(a, tensor([1, 100.01]), { rtol: 1e-3 })).toBe(true)
  expect(allclose(tensor([Number.NaN]), tensor([Number.NaN]))).toBe(false)
  expect(allclose(tensor([Number.NaN]), tensor([Number.NaN]), { equalNan: true })).toBe(true)
  const infinite = tensor([Number.POSITIVE_INFINITY])
  expect(allclose(infinite, infinite)).toBe(true)
  expect(allclose(infinite, tensor([1e30]))).toBe(false)
  expect(allclose(tensor([1]), infinite)).toBe(false)
  expect(allclose(tensor([1, 1]), tensor([1]))).toBe(true)
  expect(() => allclose(a, zeros([3]))).toThrow(/must broadcast/)
})
