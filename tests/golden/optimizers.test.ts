import { compile, type Tensor, tensor, tanh } from 'nabla'
import * as optim from 'nabla/optim'
import { describe, expect, test } from 'vitest'
import { expectClose, golden, revive } from './fixture.js'

interface Case {
  name: string
  class: string
  groups: { of: number[]; options: object }[]
  options: object
  losses: number[]
  params: unknown[]
}
const [problem, ...cases] = golden('optimizers') as unknown as [object, ...Case[]]
const classes = new Map<string, unknown>(Object.entries(optim))
type Made = new (params: unknown, options: object) => optim.Optimizer

function setup(c: Case) {
  const { x, y, start } = revive(problem) as { x: Tensor; y: Tensor; start: Tensor[] }
  for (const p of start) p.requiresGrad = true
  const [w1, b1, w2] = start as [Tensor, Tensor, Tensor]
  const params =
    c.groups.length > 0
      ? c.groups.map(({ of, options }) => ({ params: of.map((i) => start[i]!), ...options }))
      : start
  const optimizer = new (classes.get(c.class) as Made)(params, c.options)
  const evaluate = () => {
    const loss = tanh(x.matmul(w1.t()).add(b1)).matmul(w2.t()).sub(y).square().mean()
    optimizer.zeroGrad()
    loss.backward()
    return loss
  }
  return { start, optimizer, evaluate }
}

describe.each(cases)('$name', (c) => {
  test.each([false, true])('ten losses, compiled: %s', (compiled) => {
    const { start, optimizer, evaluate } = setup(c)
    let step: () => Tensor
    if (optimizer instanceof optim.LBFGS) {
      const closure = compiled ? compile(evaluate, { keepGrads: true }) : evaluate
      step = () => optimizer.step(closure)
    } else {
      const whole = () => {
        const loss = evaluate()
        optimizer.step()
        return loss
      }
      step = compiled ? compile(whole) : whole
    }
    const losses = c.losses.map(() => step().item())
    expectClose(tensor(losses), tensor(c.losses), 2e-5, 'losses')
    ;(revive(c.params) as Tensor[]).forEach((p, i) => {
      expectClose(start[i]!, p, 1e-4, `parameter ${i}`)
    })
  })
})

test('every optimizer is among them', () => {
  const seen = new Set(cases.map((c) => c.class))
  for (const [name, value] of classes)
    if (typeof value === 'function' && value.prototype instanceof optim.Optimizer)
      expect(seen, name).toContain(name)
})
