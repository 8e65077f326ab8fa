import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'

interface Run {
  orders: {
    epochs: unknown[][]
    rest: unknown[]
    state: { epoch: number; batch: number }[]
    half: unknown[]
    pairs: unknown[]
  }[]
  errors: [name: string, seen: number, kind: string, message: string, cause: string][]
  waits: { workers: number; waited: number; training: number }[]
}

// Threads run the built files, as users do: a worker cannot load TypeScript.
describe('threads of a loader', () => {
  const run = JSON.parse(
    execFileSync(process.execPath, ['tests/data/workers/run.mjs'], { encoding: 'utf8' }),
  ) as Run

  test('same seed, same order and bits for 0, 1 and 2 workers', () => {
    const [none, one, three] = run.orders
    expect(one).toEqual(none)
    expect(three).toEqual(none)
    expect(none!.epochs[0]).toHaveLength(6)
    expect(none!.epochs[0]).not.toEqual(none!.epochs[1])
  })

  test('a position that was saved goes on with the same batches', () => {
    for (const { epochs, rest, state } of run.orders) {
      expect(rest).toEqual(epochs[1]!.slice(2))
      expect(state[1]).toEqual({ epoch: 2, batch: 2 })
    }
  })

  test('errors arrive as what they are, after the batches before them', () => {
    const [failing, ending, endless, missing] = run.errors
    expect(failing!.slice(1, 4)).toEqual([
      2,
      'ValueError',
      'example 5: [failing] example 5 must not be read; got it',
    ])
    expect(failing![4]).toContain('examples 4, 5')
    expect(ending![3]).toContain('must not end by themselves')
    expect(endless![3]).toContain('within 0.5 s')
    expect(missing![3]).toContain('must export a dataset')
  })

  test('training does not wait for slow transforms', () => {
    const [inline, threads] = run.waits
    expect(inline!.waited).toBeGreaterThan(170)
    expect(threads!.waited).toBeLessThan(inline!.waited / 4)
  })
})

test('an iteration that is left early leaves no work behind, and the process ends', () => {
  const started = performance.now()
  const out = execFileSync(process.execPath, ['tests/data/workers/leave.mjs'], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect(JSON.parse(out)).toEqual({
    seen: [4, 4, 'in the loop', 4, 4],
    state: { epoch: 5, batch: 0 },
  })
  // All batches that are requested ahead would take 18 · 80 ms / 2 for each of the five iterations, beside the start.
  expect(performance.now() - started).toBeLessThan(30_000)
})
