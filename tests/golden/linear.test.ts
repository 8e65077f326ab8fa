import { gradients, linear, type Tensor } from 'nabla'
import { expect, test } from 'vitest'
import { expectClose, golden, revive } from './fixture.js'

test.each(golden('linear'))('linear, $name', (c) => {
  const { inputs, out, ct, grads } = revive(c) as {
    inputs: [Tensor, Tensor, Tensor?]
    out: Tensor
    ct: Tensor
    grads: Tensor[]
  }
  for (const t of inputs) t!.requiresGrad = true
  const y = linear(...inputs)
  expectClose(y, out)
  const got = gradients(y, inputs as Tensor[], [ct])
  expect(got.length).toBe(grads.length)
  got.forEach((g, i) => {
    expectClose(g!, grads[i]!, 1e-4, `gradient ${i}`)
  })
})
