/** What takes a function says so when it is given something else. */
import * as nabla from 'nabla'
import { compile, NablaError, ones, type Tensor } from 'nabla'
import { expect, test } from 'vitest'

const takers = [
  'autocast',
  'checkpoint',
  'compile',
  'detectAnomaly',
  'grad',
  'gradCheck',
  'hessian',
  'jacobian',
  'jvp',
  'noGrad',
  'profile',
  'symbolicTrace',
  'tidy',
  'valueAndGrad',
  'vjp',
  'vmap',
]
test.each(takers)('%s', (name) => {
  const f = (nabla as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!
  for (const wrong of [3, undefined, null, ones([2]), 'x'])
    try {
      f(wrong, ones([2]))
      expect.unreachable(`${name}(${String(wrong)})`)
    } catch (error) {
      expect(error).toBeInstanceOf(NablaError)
      expect((error as Error).message).toContain(`[${name}] the first argument is a function`)
    }
})
test('a tensor kept from a trace has no value', () => {
  let kept: Tensor | undefined
  compile((x: Tensor) => {
    kept = x.mul(2)
    return x
  })(ones([1]))
  expect(() => kept!.toArray()).toThrow('has no value outside of its program')
})
