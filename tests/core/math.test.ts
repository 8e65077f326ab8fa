/** xʸ: to the last bit against exact arithmetic, and nobody uses the engine's own. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'
import { describe, expect, test } from 'vitest'
import { pow } from '../../src/core/math.js'
import { sources, src } from '../rules/sources.js'

/** The float64 nearest to m · 2ᵉ, halves to even, for a whole m. */
function nearest(m: bigint, e: number): number {
  const bits = m.toString(2).length
  const drop = Math.max(bits - 53, -1074 - e)
  if (drop <= 0) return Number(m) * 2 ** e
  const cut = BigInt(drop)
  let q = m >> cut
  const rest = m - (q << cut)
  const half = 1n << (cut - 1n)
  if (rest > half || (rest === half && (q & 1n) === 1n)) q += 1n
  const k = e + drop
  return k < -1022 ? Number(q) * 2 ** (k + 100) * 2 ** -100 : Number(q) * 2 ** k
}
/** A float64 as a whole number times a power of two. */
function exact(x: number): [bigint, number] {
  let e = 0
  while (!Number.isInteger(x)) {
    x *= 2
    e--
  }
  return [BigInt(x), e]
}
function* numbers(n: number): Generator<number> {
  let s = 7
  for (let i = 0; i < n; i++) {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    yield s / 2 ** 32
  }
}

describe('pow', () => {
  test('is exact arithmetic rounded once, for whole exponents', () => {
    let wrong = 0
    let n = 0
    for (const u of numbers(400))
      for (const y of [3, 4, 5, 7, 10, 17, 33, 100]) {
        const x = 0.5 + u
        const [m, e] = exact(x)
        n++
        if (pow(x, y) !== nearest(m ** BigInt(y), e * y)) wrong++
      }
    expect(n).toBe(3200)
    expect(wrong).toBe(0)
  })
  test.each([
    [0.9, 4, 0.6561],
    [3, 5, 243],
    [10, 22, 1e22],
    [10, 15, 1e15],
    [-2, 3, -8],
    [-2, 4, 16],
    [2, -1074, 5e-324],
    [2, 1023, 2 ** 1023],
    [0.25, 0.5, 0.5],
    [27, 1 / 3, 3],
    [1.0000000001, 1e10, 2.7182820532347876],
  ])('%d to the power of %d is %d', (x, y, want) => {
    expect(pow(x, y)).toBe(want)
  })
  test('special values are those of JavaScript', () => {
    const special = [
      0,
      -0,
      1,
      -1,
      0.5,
      -0.5,
      2,
      -3,
      1e308,
      -1e308,
      5e-324,
      1 / 0,
      -1 / 0,
      Number.NaN,
    ]
    for (const x of special)
      for (const y of [...special, 3, 1e9, -1e9, 0.5, -0.5]) {
        const [got, want] = [pow(x, y), x ** y]
        const same = Object.is(got, want) || Math.abs(got - want) <= 1e-15 * Math.abs(want)
        expect(same, `${x} ** ${y}: ${got}, ${want}`).toBe(true)
      }
  })
  test('fractional exponents agree with the engine to a unit of the last place', () => {
    for (const u of numbers(2000)) {
      const [x, y] = [100 * u + 1e-3, 20 * u - 10]
      expect(Math.abs(pow(x, y) / x ** y - 1)).toBeLessThan(3e-16)
    }
  })
})

describe("nobody uses the engine's own power, whose last bit differs between versions", () => {
  const number = (node: { type: string; value?: unknown; argument?: unknown }): boolean =>
    (node.type === 'Literal' && /^(number|bigint)$/.test(typeof node.value)) ||
    (node.type === 'UnaryExpression' && number(node.argument as never))
  test.each(sources.filter((f) => f !== 'core/math.ts'))('%s', (file) => {
    const found: string[] = []
    const text = readFileSync(join(src, file), 'utf8')
    const visit = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      if (Array.isArray(node)) {
        node.forEach(visit)
        return
      }
      const n = node as Record<string, never> & { type?: string; start: number; end: number }
      const power =
        (n.type === 'BinaryExpression' && (n.operator as string) === '**') ||
        (n.type === 'AssignmentExpression' && (n.operator as string) === '**=')
      // x ** 2 and whole powers of 2 are exact in all of them (tests/training/versions.test.ts).
      // Whole numbers of any size have no rounding.
      const whole = (node: object) => 'bigint' in node
      const is2 = (node: { value?: unknown }) => node.value === 2
      if (
        power &&
        !(number(n.left!) && number(n.right!)) &&
        !is2(n.left!) &&
        !is2(n.right!) &&
        !whole(n.left!)
      )
        found.push(text.slice(n.start, n.end))
      if (n.type === 'MemberExpression' && text.slice(n.start, n.end) === 'Math.pow')
        found.push('Math.pow')
      for (const value of Object.values(n)) visit(value)
    }
    visit(parseSync(file, text).program)
    expect(found, 'pow of core/math.js has the same bits everywhere').toEqual([])
  })
})
