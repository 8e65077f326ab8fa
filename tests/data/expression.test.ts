/** Formulas that people type. */
import { ValueError } from 'nabla'
import { parseExpression } from 'nabla/data'
import { describe, expect, test } from 'vitest'

describe('formulas', () => {
  test.each([
    ['1 + 2 * 3', 7],
    ['2 ^ 3 ^ 2', 512],
    ['2 ** -1', 0.5],
    ['-x^2', -9],
    ['(-x)^2', 9],
    ['1 - -x^2 * 2', 19],
    ['2^-x^2', 2 ** -9],
    ['-2^-1^2', -0.5],
    ['(1 + x) / 2', 2],
    ['sin(pi / 2) + cos(0)', 2],
    ['max(1, x, 2) - min(4, 5)', -1],
    ['x > 2 ? 10 : 20', 10],
    ['relu(-x) + sigmoid(0)', 0.5],
    ['7 % 4', 3],
    ['1e-3 * x', 0.003],
    ['log(e)', 1],
  ])('%s', (text, want) => {
    expect(parseExpression(text)({ x: 3 })).toBeCloseTo(want, 12)
  })
  test('several variables', () => {
    expect(parseExpression('a * b - c', ['a', 'b', 'c'])({ a: 2, b: 3, c: 1 })).toBe(5)
  })
  test.each([
    ['sin(', /must be a formula/],
    ['x +', /must be a formula/],
    ['', /one formula/],
    ['x y', /several parts/],
    ['y + 1', /made of x, numbers.*got y/s],
    ['sine(x)', /Do you mean sin\?/],
    ['x.constructor', /a MemberExpression/],
    ['constructor(1)', /got constructor/],
    ['this', /a ThisExpression/],
    ['"a"', /values are numbers/],
    ['sin()', /needs a number/],
    ['x = 3', /./],
    ['[1, 2]', /a ArrayExpression/],
  ])('%s is refused', (text, message) => {
    expect(() => parseExpression(text)).toThrow(ValueError)
    expect(() => parseExpression(text)).toThrow(message)
  })
})
