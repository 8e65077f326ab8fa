/** Comparison of numbers in any tree, relative to the larger of 1 and their size. */
import { Tensor } from 'nabla'
import { expect } from 'vitest'

export function near(got: unknown, want: unknown, tolerance: number, what: string): void {
  if (got instanceof Tensor) near(got.toArray(), want, tolerance, what)
  else if (typeof want === 'number') {
    if (Object.is(got, want)) return
    if (!(Math.abs((got as number) - want) <= tolerance * Math.max(1, Math.abs(want))))
      expect.fail(`${what}: got ${got}, want ${want}`)
  } else {
    const list = Array.from(got as ArrayLike<unknown>)
    expect(list.length, what).toBe((want as unknown[]).length)
    ;(want as unknown[]).forEach((w, i) => {
      near(list[i], w, tolerance, `${what}[${i}]`)
    })
  }
}
