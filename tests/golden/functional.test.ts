/** Jacobians and products with them against torch.autograd.functional. */
import { compile, hessian, jacobian, jvp, logsumexp, softmax, type Tensor, vjp } from 'nabla'
import { describe, expect, test } from 'vitest'
import { golden, revive } from './fixture.js'

const functions: Record<string, (x: Tensor, w: Tensor) => Tensor | Tensor[]> = {
  tanh: (x, w) => x.matmul(w).tanh(),
  softmax: (x, w) => softmax(x, 1).mul(w.sum()),
  unused: (x) => x.exp().sum(),
  two: (x, w) => [x.square().sum(0), x.matmul(w).sin()],
  tanhSquare: (x, w) => x.matmul(w).tanh().pow(2).sum(),
  logsumexp: (x, w) => logsumexp(x.matmul(w), 1).sum(),
  cube: (x) => x.pow(3).sum(),
}
function close(got: unknown, want: unknown): void {
  if (Array.isArray(want)) {
    expect((got as unknown[]).length).toBe(want.length)
    want.forEach((w, i) => {
      close((got as unknown[])[i], w)
    })
    return
  }
  const [g, w] = [got as Tensor, want as Tensor]
  expect(g.shape).toEqual(w.shape)
  const [a, b] = [g.toTypedArray(), w.toTypedArray()]
  a.forEach((v, i) => {
    expect(Math.abs(v - b[i]!)).toBeLessThan(2e-6 * Math.max(1, Math.abs(b[i]!)))
  })
}

describe.each(golden('functional').map((c) => [c.name, c] as const))('%s', (name, plain) => {
  const f = functions[name]!
  const at = () => revive(plain) as Record<string, never>
  test.skipIf(!('vjp' in plain))('vjp, jvp and jacobian, compiled too', () => {
    const c = at()
    const inputs: Tensor[] = [c.x!, c.w!]
    const all = (x: Tensor, w: Tensor) => [
      vjp(f as never, [x, w], c.v!),
      jvp(f as never, [x, w], c.along!),
      jacobian(f as never, [x, w]),
    ]
    for (const run of [all, compile(all)])
      close(run(inputs[0]!, inputs[1]!), [[c.out, c.vjp], [c.out, c.jvp], c.jacobian])
  })
  test.skipIf(!('hessian' in plain))('hessian', () => {
    const c = at()
    close(hessian(f as never, [c.x!, c.w!] as Tensor[]), c.hessian)
    expect((hessian((x) => f(x, c.w!) as Tensor, c.x!) as Tensor).shape).toEqual([2, 3, 2, 3])
  })
})
