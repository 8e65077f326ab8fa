import { grad, ones, setBackend, setPrintOptions, type Tensor, tensor, zeros } from 'nabla'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { golden, revive } from '../golden/fixture.js'

beforeAll(() => setBackend('reference'))

describe('a tensor prints as in PyTorch', () => {
  test.each(golden('print'))('$name', (c) => {
    const { x, text } = revive(c) as { x: Tensor; text: string }
    // PyTorch's own integers have 64 bits and go without a type; nabla's have 32 and say so, as PyTorch's of 32 bits do.
    const want =
      x.dtype === 'int32' ? text.replace(/(, dtype=torch\.int64)?\)$/, ', dtype=int32)') : text
    const got = `${x}`
    expect(got.replace(/,\s+dtype=/, ', dtype=')).toBe(want.replaceAll('dtype=torch.', 'dtype='))
  })
})

test('what it stands on and where it comes from', () => {
  expect(`${ones([2], { dtype: 'float64' })}`).toBe('tensor([1., 1.], dtype=float64)')
  const x = tensor([1, 2], { requiresGrad: true })
  expect(`${x}`).toBe('tensor([1., 2.], requiresGrad=true)')
  expect(`${x.mul(2)}`).toBe('tensor([2., 4.], gradFn=<mul>)')
  expect(`${grad((t: Tensor) => t.square().sum())(x)}`).toContain('tensor([2., 4.]')
})

describe('options', () => {
  afterEach(() => setPrintOptions({ precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80 }))
  test('precision, threshold, edges', () => {
    setPrintOptions({ precision: 2, threshold: 5, edgeItems: 1 })
    expect(`${tensor([1.234, 2, 3, 4, 5, 6])}`).toBe('tensor([1.23,  ..., 6.00])')
  })
  test('line width', () => {
    setPrintOptions({ lineWidth: 20 })
    expect(`${zeros([6])}`).toBe('tensor([0., 0., 0., 0.,\n        0., 0.])')
  })
})
