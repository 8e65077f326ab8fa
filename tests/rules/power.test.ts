import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { power } from '../../src/core/math.js'
import { describe, expect, test } from 'vitest'
import { sources } from './sources.js'

test('whole and half exponents are products and a root, the same bits everywhere', () => {
  // V8 gives 0.6561000000000001 or 0.6561, by its version.
  expect(power(0.9, 4)).toBe(0.9 * 0.9 * (0.9 * 0.9))
  expect(power(0.5, 10)).toBe(1 / 1024)
  expect(power(2, -3)).toBe(1 / 8)
  expect(power(9, 0.5)).toBe(3)
  expect(power(4, -1.5)).toBe(1 / 8)
  expect(power(7, 0)).toBe(1)
  expect(power(0, 0.3)).toBe(0)
  expect(power(0, -0.3)).toBe(Number.POSITIVE_INFINITY)
  expect(power(-2, 3)).toBe(-8)
})
test('it is near what it stands for', () => {
  for (let i = 0; i < 2000; i++) {
    const x = 0.01 + (i % 97) / 40
    const y = ((i * 7919) % 400) / 20 - 10
    const want = x ** y
    expect(Math.abs(power(x, y) / want - 1)).toBeLessThan(1e-13)
  }
})
describe('optimizers, schedules and the training tools', () => {
  const files = sources.filter((f) => /(^|\/)(optim|train)\//.test(f))
  test.each(files)('%s takes no power from the engine', (file) => {
    const text = readFileSync(join(new URL('../../src', import.meta.url).pathname, file), 'utf8')
    const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')
    expect(code.replace('2 ** -23', '')).not.toMatch(/\*\*|Math\.pow/)
  })
})
