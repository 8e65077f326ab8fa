/** profile: every operation once, with its layer, and a trace that Chrome reads. */
import { compile, normal, profile, randint, crossEntropy } from 'nabla'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { expect, test } from 'vitest'

class Net extends nn.Module {
  fc1 = new nn.Linear(64, 128)
  act = new nn.Tanh()
  fc2 = new nn.Linear(128, 10)
  override forward(x: ReturnType<typeof normal>) {
    return this.fc2.forward(this.act.forward(this.fc1.forward(x)))
  }
}

test.each([false, true])('a training step, compiled %s', (compiled) => {
  const net = new Net()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const [x, y] = [normal([32, 64]), randint(0, 10, [32])]
  const body = () => {
    const loss = crossEntropy(net.forward(x), y)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
  }
  const p = profile(compiled ? compile(body) : body, { runs: 3 })
  const rows = p.byOperation()
  const linear = rows.find((r) => r.name === 'linear')!
  expect(linear.calls).toBeCloseTo(2)
  expect(linear.bytes).toBeCloseTo(32 * (128 + 10) * 4)
  expect(rows.find((r) => r.name === 'linear backward')!.calls).toBeCloseTo(2)
  expect(rows.reduce((t, r) => t + r.share, 0)).toBeCloseTo(1)
  const layers = p.byLayer().map((r) => r.name)
  for (const name of ['Net.fc1', 'Net.act', 'Net.fc2']) expect(layers).toContain(name)
  // The parts are within the whole.
  const sum = rows.reduce((t, r) => t + r.time, 0)
  expect(sum).toBeGreaterThan(0)
  expect(sum).toBeLessThanOrEqual(p.time * 1.01)
  expect(`${p}`).toMatch(/operation .*ms .*\n[\s\S]*linear backward/)

  const { traceEvents } = JSON.parse(p.chromeTrace()) as {
    traceEvents: { name: string; ph: string; ts: number; dur: number; pid: number; tid: number }[]
  }
  expect(traceEvents.length).toBe(p.events.length)
  for (const e of traceEvents) {
    expect(e.ph).toBe('X')
    for (const v of [e.ts, e.dur, e.pid, e.tid]) expect(Number.isFinite(v) && v >= 0).toBe(true)
  }
})

test('what is inside of an operation is counted once', () => {
  const p = profile(() => normal([8, 8], 0, 1, {}).matmul(normal([8, 8])), { warmup: 0 })
  for (const e of p.events) expect(e.self).toBeLessThanOrEqual(e.duration + 1e-9)
  expect(p.byOperation().some((r) => r.name === 'bmm')).toBe(true)
})
test('refusals', () => {
  expect(() => profile(async () => {})).toThrow(/must be synchronous/)
  expect(() => profile(() => {}, { iterations: 2 } as never)).toThrow(
    /the options are runs, warmup/,
  )
})
