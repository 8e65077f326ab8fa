/** `step.async`: the numbers of `step`, in its order, without holding up the event loop. */
import {
  BackendError,
  compile,
  cumsum,
  embedding,
  IndexError,
  manualSeed,
  normal,
  ones,
  setBackend,
  softmax,
  type Tensor,
  tensor,
} from 'nabla'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'

function training() {
  manualSeed(1)
  const model = new nn.Sequential(
    new nn.Linear(8, 16),
    new nn.ReLU(),
    new nn.Dropout(0.2),
    new nn.Linear(16, 1),
  )
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 })
  const step = compile((x: Tensor, y: Tensor) => {
    const loss = model.forward(x).sub(y).square().mean()
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  })
  return { model, step }
}
const bits = (model: nn.Module) => model.parameters().map((p) => p.toArray())

describe.each(['native', 'wasm', 'reference'] as const)('on %s', (backend) => {
  beforeEach(() => setBackend(backend))
  afterAll(() => setBackend('native'))

  test('calls made at once give the losses and weights of calls one after the other', async () => {
    manualSeed(5)
    const [x, y] = [normal([16, 8]), normal([16, 1])]
    const one = training()
    const want = Array.from({ length: 8 }, () => one.step(x, y).item())
    const other = training()
    const got = await Promise.all(Array.from({ length: 8 }, () => other.step.async(x, y)))
    expect(got.map((t) => t.item())).toEqual(want)
    expect(bits(other.model)).toEqual(bits(one.model))
  })

  test('synchronous and asynchronous steps follow each other', async () => {
    manualSeed(5)
    const [x, y] = [normal([16, 8]), normal([16, 1])]
    const one = training()
    const want = Array.from({ length: 6 }, () => one.step(x, y).item())
    const other = training()
    const got: number[] = []
    for (let i = 0; i < 6; i++)
      got.push((await (i % 2 ? other.step(x, y) : other.step.async(x, y))).item())
    expect(got).toEqual(want)
  })

  test('weights changed in between reach the worker', async () => {
    const w = tensor([1, 2, 3])
    const f = compile((x: Tensor) => x.mul(w))
    const x = ones([3])
    for (let i = 0; i < 4; i++) expect((await f.async(x)).toArray()).toEqual([1, 2, 3])
    w.assign(tensor([4, 5, 6]))
    expect((await f.async(x)).toArray()).toEqual([4, 5, 6])
    w.storage!.fill(9, 0, 1)
    expect((await f.async(x)).toArray()).toEqual([9, 5, 6])
  })

  test('views, several results, and instructions of other files', async () => {
    const f = compile((x: Tensor) => [cumsum(x, 0), softmax(x, -1)])
    const x = tensor([0, 1, 2, 3, 4, 5]).narrow(0, 2, 3)
    const [sums, shares] = await f.async(x)
    expect(sums!.toArray()).toEqual([2, 5, 9])
    expect(shares!.toArray()).toEqual(softmax(x, -1).toArray())
  })

  test('an error of the run rejects, and the next call works', async () => {
    const f = compile((i: Tensor) => embedding(i, ones([3, 2])))
    const at = (i: number) => tensor([i], { dtype: 'int32' })
    await expect(f.async(at(7))).rejects.toThrow(IndexError)
    expect((await f.async(at(2))).toArray()).toEqual([[1, 1]])
  })

  test('200 predictions at once leave the event loop to others', async () => {
    const model = new nn.Sequential(new nn.Linear(64, 128), new nn.ReLU(), new nn.Linear(128, 10))
    model.eval()
    const predict = compile((x: Tensor) => model.forward(x))
    const inputs = Array.from({ length: 200 }, () => normal([16, 64]))
    const want = predict(inputs[0]!).toArray()
    await predict.async(inputs[0]!)
    /** The longest wait of the event loop until the work is done. */
    const longest = async (work: () => Promise<unknown>) => {
      let [worst, last, on] = [0, performance.now(), true]
      const turn = () => {
        const now = performance.now()
        worst = Math.max(worst, now - last)
        last = now
        if (on) setImmediate(turn)
      }
      setImmediate(turn)
      const start = performance.now()
      await work()
      on = false
      return { worst, took: performance.now() - start }
    }
    let results: Tensor[] = []
    let [least, idle] = [Infinity, Infinity]
    // Others use the machine too: the best of several tries counts, beside a loop that does nothing for as long.
    for (let i = 0; i < 12 && least > 10; i++) {
      const { worst, took } = await longest(async () => {
        results = await Promise.all(inputs.map((x) => predict.async(x)))
      })
      least = Math.min(least, worst)
      const rest = await longest(() => new Promise((done) => setTimeout(done, took)))
      idle = Math.min(idle, rest.worst)
    }
    expect(results[0]!.toArray()).toEqual(want)
    if (backend !== 'reference') expect(least).toBeLessThan(10 + idle)
  })
})

test('a tensor that an unfinished call changes is refused', async () => {
  setBackend('native')
  const size = 512
  const w = ones([size, size])
  const grow = compile((x: Tensor) => {
    let y = x
    for (let i = 0; i < 40; i++) y = y.matmul(x).mul(1 / size)
    w.assign(y)
    return y.sum()
  })
  const x = ones([size, size])
  grow(x)
  const call = grow.async(x)
  let problem: unknown
  while (!problem && (w.storage as unknown as { busy: number }).busy === 0)
    await new Promise((next) => setImmediate(next))
  try {
    w.toArray()
  } catch (error) {
    problem = error
  }
  await call
  expect(problem).toBeInstanceOf(BackendError)
  expect(String(problem)).toContain('Await the promise of step.async')
  expect(w.mean().item()).toBeCloseTo(1, 3)
})
