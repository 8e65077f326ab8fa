/** Names of options that are not known are refused, and the name that was meant is found. */
import { ValueError } from 'nabla'
import { describe, expect, test } from 'vitest'
import { checkOptions, kinds, type OptionNames, readArguments } from '../../src/core/options.js'
import { editDistance } from '../../src/core/editDistance.js'
import { suggest } from '../../src/core/suggest.js'

interface LoaderOptions {
  batchSize?: number
  shuffle?: boolean
  workers?: number
}
const known: OptionNames<LoaderOptions> = { batchSize: true, shuffle: true, workers: true }

describe('suggest', () => {
  test.each([
    ['batch_size', 'batchSize'],
    ['batchsize', 'batchSize'],
    ['BatchSize', 'batchSize'],
    ['num_workers', 'workers'],
    ['suffle', 'shuffle'],
    ['batch', 'batchSize'],
  ])('%s means %s', (name, want) => {
    expect(suggest(name, Object.keys(known))).toBe(want)
  })
  test('dim is axis or axes, learning_rate is lr, patiance is patience', () => {
    expect(suggest('dim', ['axes', 'keepdim'])).toBe('axes')
    expect(suggest('learning_rate', ['lr', 'momentum'])).toBe('lr')
    expect(suggest('patiance', ['monitor', 'patience'])).toBe('patience')
  })
  test('what is near nothing has no suggestion', () => {
    expect(suggest('colour', Object.keys(known))).toBeUndefined()
    expect(suggest('p', ['lr', 'eps'])).toBeUndefined()
  })
  test('letters changed, added, left out, exchanged', () => {
    expect(editDistance('abc', 'abd')).toBe(1)
    expect(editDistance('abc', 'abcd')).toBe(1)
    expect(editDistance('abc', 'acb')).toBe(1)
    expect(editDistance('', 'abc')).toBe(3)
    expect(editDistance('kitten', 'sitting')).toBe(3)
  })
})

describe('checkOptions', () => {
  test('gives known options back, and {} for none', () => {
    const given = { batchSize: 3 }
    expect(checkOptions('DataLoader', given, known)).toBe(given)
    expect(checkOptions<LoaderOptions>('DataLoader', undefined, known)).toEqual({})
  })
  test('refuses an unknown one with the name that was meant', () => {
    expect(() => checkOptions('DataLoader', { batch_size: 3 } as LoaderOptions, known)).toThrow(
      '[DataLoader] the options are batchSize, shuffle, workers; got batch_size. Did you mean batchSize?',
    )
  })
  test.each([5, 'x', [1], new Float32Array(2)])('%s is no object of options', (value) => {
    expect(() => checkOptions('DataLoader', value as LoaderOptions, known)).toThrow(ValueError)
  })
  test('what PyTorch has and nabla needs not is explained', () => {
    expect(() => checkOptions('ReLU', { inplace: true } as object, {} as never)).toThrow(
      /no options; got inplace. Operations give new tensors/,
    )
  })
})

describe('readArguments', () => {
  type Conv = { inside: number; kernel: number; stride?: number; bias?: boolean; extra?: number }
  const read = (...args: unknown[]) =>
    readArguments<Conv>(
      'Conv',
      args,
      { inside: kinds.count, kernel: kinds.count, stride: kinds.count, bias: kinds.flag },
      2,
      { extra: kinds.number },
    )
  test('by place, by name, and both', () => {
    expect(read(1, 5, 2, false)).toEqual({ inside: 1, kernel: 5, stride: 2, bias: false })
    expect(read(1, 5, { bias: false })).toEqual({ inside: 1, kernel: 5, bias: false })
    expect(read(1, { kernel: 5, extra: 3 })).toEqual({ inside: 1, kernel: 5, extra: 3 })
    expect(read(1, 5, undefined, false)).toEqual({ inside: 1, kernel: 5, bias: false })
    expect(read(1, 5, 2, { bias: undefined })).toEqual({ inside: 1, kernel: 5, stride: 2 })
  })
  test.each([
    [[1], 'kernel must be given'],
    [
      [1, 5, 2, false, 7],
      'the arguments are inside, kernel, stride, bias; got 5, the last of them 7',
    ],
    [[1, 5, 2, { stride: 3 }], 'an argument may be given once; got stride twice'],
    [[1, 5, { strides: 3 }], 'Did you mean stride?'],
    [[1, 5, 2, 1], 'bias must be true or false; got 1'],
    [['a', 5], "inside must be a whole number from 1 up; got 'a'"],
  ])('%j is refused', (args, message) => {
    expect(() => read(...args)).toThrow(message)
  })
})
