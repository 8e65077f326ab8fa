/** Extents of a new tensor: a list, or numbers one by one as PyTorch takes them. */
import { bernoulli, empty, full, newOnes, newZeros, normal, ones, rand, randint, randn, tensor, uniform, zeros } from 'nabla' // biome-ignore format: names
import { expect, test } from 'vitest'

const free = { zeros, ones, empty, rand, randn }
test.each(Object.entries(free))('%s', (name, make) => {
  expect(make(2, 3).shape).toEqual([2, 3])
  expect(make([2, 3]).shape).toEqual([2, 3])
  expect(make(4).shape).toEqual([4])
  expect(make([]).shape).toEqual([])
  expect(make(...tensor([[1, 2]]).shape).shape).toEqual([1, 2])
  const wide = make(2, 1, { dtype: 'float64', requiresGrad: true })
  expect([wide.shape, wide.dtype, wide.requiresGrad]).toEqual([[2, 1], 'float64', true])
  expect(make([2], { dtype: 'float64' }).dtype).toBe('float64')
  expect(make([2], undefined).shape).toEqual([2])
  const wrong = make as (...args: unknown[]) => unknown
  expect(() => wrong()).toThrow(`${name}([]) makes a tensor of one value`)
  expect(() => wrong([2], {}, 3)).toThrow(`[${name}]`)
  expect(() => wrong([2], [3])).toThrow('options are an object')
  expect(() => wrong(2, -1)).toThrow(/extents must be whole numbers.*got \[2, -1\]/)
  expect(() => wrong(2, 1.5)).toThrow('extents must be whole numbers')
  expect(() => wrong('2')).toThrow("got ['2']")
  expect(() => wrong(2, 3, { dtyp: 'float64' })).toThrow('Did you mean dtype?')
})
test('beside another tensor', () => {
  const x = tensor([1], { dtype: 'float64' })
  expect(newZeros(x, 2, 3).shape).toEqual([2, 3])
  expect(newOnes(x, [2], { dtype: 'int32' }).dtype).toBe('int32')
  expect(newOnes(x, 1, 2).dtype).toBe('float64')
})
test('where numbers follow the shape it is one list, and the error says so', () => {
  const calls: [string, () => unknown][] = [
    ['full', () => full(2 as never, 3)],
    ['normal', () => normal(2 as never, 3)],
    ['uniform', () => uniform(2 as never, 3)],
    ['random', () => randint(0, 9, 2 as never)],
    ['uniform', () => bernoulli(0.5, 2 as never)],
  ]
  for (const [name, call] of calls)
    expect(call).toThrow(
      `[${name}] a shape is a list of numbers; got 2. A shape is one argument: [2`,
    )
})
