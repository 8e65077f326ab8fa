/** Random tensors: the same bits everywhere, and the distributions that their names promise. */
import {
  type BackendName,
  bernoulli,
  Generator,
  manualSeed,
  multinomial,
  normal,
  permutation,
  rand,
  randint,
  randn,
  setBackend,
  type Tensor,
  tensor,
  uniform,
} from 'nabla'
import { beforeEach, describe, expect, test } from 'vitest'

const numbers = (t: Tensor) => [...t.toTypedArray()]
const mean = (list: number[]) => list.reduce((s, v) => s + v, 0) / list.length
const deviation = (list: number[]) => {
  const middle = mean(list)
  return Math.sqrt(mean(list.map((v) => (v - middle) ** 2)))
}
const N = 40_000

const draws = {
  uniform: () => uniform([7], -1, 3),
  rand: () => rand([5]),
  normal: () => normal([6], 2, 0.5),
  randn: () => randn([2, 3]),
  bernoulli: () => bernoulli(0.3, [20]),
  randint: () => randint(-5, 5, [20]),
  permutation: () => permutation(17),
  multinomial: () => multinomial(tensor([1, 2, 3, 4]), 3),
  'multinomial with replacement': () => multinomial(tensor([1, 2, 3, 4]), 9, { replacement: true }),
}

test.each(Object.entries(draws))(
  '%s: a seed gives the same numbers on every backend',
  (_n, draw) => {
    const [reference, native, wasm] = (['reference', 'native', 'wasm'] as const).map((backend) => {
      setBackend(backend)
      manualSeed(42)
      return numbers(draw())
    })
    native!.forEach((v, i) => {
      expect(v).toBeCloseTo(reference![i]!, 6)
    })
    wasm!.forEach((v, i) => {
      expect(v).toBeCloseTo(reference![i]!, 6)
    })
  },
)

describe.each<BackendName>(['reference', 'native', 'wasm'])('on %s', (backend) => {
  beforeEach(() => {
    setBackend(backend)
    manualSeed(1)
  })

  test('uniform: range, mean, spread', () => {
    const list = numbers(uniform([N], -1, 3))
    expect(Math.min(...list)).toBeGreaterThanOrEqual(-1)
    expect(Math.max(...list)).toBeLessThan(3)
    expect(mean(list)).toBeCloseTo(1, 1)
    expect(deviation(list)).toBeCloseTo(4 / Math.sqrt(12), 1)
  })
  test('normal: mean, deviation, share within one and two deviations', () => {
    const list = numbers(normal([N], 2, 0.5))
    expect(mean(list)).toBeCloseTo(2, 1)
    expect(deviation(list)).toBeCloseTo(0.5, 1)
    const within = (k: number) => list.filter((v) => Math.abs(v - 2) < k * 0.5).length / N
    expect(within(1)).toBeCloseTo(0.6827, 1)
    expect(within(2)).toBeCloseTo(0.9545, 1)
    expect(list.every(Number.isFinite)).toBe(true)
  })
  test('bernoulli: of a number and of a tensor of probabilities', () => {
    expect(mean(numbers(bernoulli(0.3, [N])))).toBeCloseTo(0.3, 1)
    expect(numbers(bernoulli(tensor([0, 1, 0, 1])))).toEqual([0, 1, 0, 1])
  })
  test('randint: every number as often', () => {
    const t = randint(-2, 3, [N])
    expect(t.dtype).toBe('int32')
    for (let v = -2; v < 3; v++)
      expect(numbers(t).filter((x) => x === v).length / N).toBeCloseTo(0.2, 1)
    expect(() => randint(3, 3, [1])).toThrow(/lo < hi/)
  })
  test('permutation: each once, in another order each time', () => {
    const [a, b] = [numbers(permutation(100)), numbers(permutation(100))]
    const all = Array.from({ length: 100 }, (_, i) => i)
    expect([...a].sort((x, y) => x - y)).toEqual(all)
    expect(a).not.toEqual(all)
    expect(a).not.toEqual(b)
  })
  test('multinomial: by weight with replacement, each once without', () => {
    const list = numbers(multinomial(tensor([1, 0, 3]), N, { replacement: true }))
    expect(list.filter((v) => v === 1).length).toBe(0)
    expect(list.filter((v) => v === 2).length / N).toBeCloseTo(0.75, 1)
    const drawn = numbers(multinomial(tensor([1, 5, 1, 1]), 4))
    expect([...drawn].sort()).toEqual([0, 1, 2, 3])
    expect(() => multinomial(tensor([1, 2]), 3)).toThrow(/at most 2 draws/)
  })
  test('generators are streams of their own, and their state can be kept', () => {
    const a = new Generator(7)
    const first = numbers(uniform([3], 0, 1, { generator: a }))
    uniform([100])
    const state = a.getState()
    const next = numbers(uniform([3], 0, 1, { generator: a }))
    a.setState(state)
    expect(numbers(uniform([3], 0, 1, { generator: a }))).toEqual(next)
    expect(numbers(uniform([3], 0, 1, { generator: new Generator(7) }))).toEqual(first)
    expect(next).not.toEqual(first)
    expect(() => new Generator(-1)).toThrow(/whole number from 0/)
  })
})

test('multinomial without replacement refuses what only indices of weight 0 could fill', () => {
  expect(() => multinomial(tensor([0, 1, 0]), 2)).toThrow(/weights above 0/)
  expect([...(multinomial(tensor([0, 1, 2]), 2).toTypedArray() as Int32Array)].sort()).toEqual([
    1, 2,
  ])
})
