import { Generator, type Tensor, zeros } from 'nabla'
import { init } from 'nabla/nn'
import { expect, test } from 'vitest'
import { golden } from './fixture.js'

interface Case {
  name: string
  of?: init.Nonlinearity
  slope?: number
  gain?: number
  init?: 'heUniform' | 'heNormal' | 'xavierUniform' | 'xavierNormal'
  shape: number[]
  argument: never
  hi?: number
  std?: number
}
const makers = { ...init }

test.each(golden('init') as unknown as Case[])('$name', (c) => {
  if (c.of) {
    expect(init.gain(c.of, c.slope)).toBeCloseTo(c.gain!, 8)
    return
  }
  // The statistics of many draws.
  const draws = Array.from({ length: 40 }, (_, seed) => {
    const draw = makers[c.init!] as (t: Tensor, a: never, o: object) => Tensor
    const generator = new Generator(seed)
    const options =
      typeof c.argument === 'object' ? { ...(c.argument as object), generator } : c.argument
    return [
      ...(draw(zeros(c.shape), options as never, { generator }).toTypedArray() as Float32Array),
    ]
  }).flat()
  const mean = draws.reduce((a, b) => a + b, 0) / draws.length
  const std = Math.sqrt(draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length)
  const scale = c.std ?? c.hi! / Math.sqrt(3)
  expect(Math.abs(mean)).toBeLessThan(0.03 * scale)
  expect(Math.abs(std / scale - 1)).toBeLessThan(0.02)
  if (c.hi !== undefined) {
    const most = Math.max(...draws.map(Math.abs))
    expect(most).toBeLessThanOrEqual(c.hi * (1 + 1e-6))
    expect(most).toBeGreaterThan(0.99 * c.hi)
  }
})
