/** fit and recipes on several ranks: as one process, and what is saved and resumed. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { implementations, type Ran, ranks } from './run.js'

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-fit-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
const list = (ran: Ran, name: string, rank = 0) => {
  expect(ran.code, ran.stderr).toBe(0)
  return ran.ranks[rank]![name] as number[]
}
function close(a: readonly number[], b: readonly number[], within: number): void {
  expect(a).toHaveLength(b.length)
  for (const [i, v] of a.entries()) expect(Math.abs(v - b[i]!), `${i}`).toBeLessThan(within)
}
const one = (folder: string, ...args: string[]) => ranks(undefined, 1, ['fit.mjs', folder, ...args])
const command = join(import.meta.dirname, '../../dist/cli/main.js')

describe.each(implementations)('over $name', (mpi) => {
  const run = (n: number, folder: string, ...args: string[]) =>
    ranks(mpi, n, ['fit.mjs', folder, ...args])

  test.each([
    [['adam']],
    [['accumulate', 'sgd', 'eager']],
    [['norm', 'sgd']],
    [['zero']],
    [['lbfgs', 'epochs=1']],
  ])('three ranks are one process, with a last batch of one row: %s', async (args) => {
    const folder = scratch()
    const [whole, parts] = [await one(folder, ...args), await run(3, folder, ...args)]
    const within = args.includes('lbfgs') ? 1e-3 : 1e-5
    close(list(parts, 'losses'), list(whole, 'losses'), within)
    close(list(parts, 'valLoss'), list(whole, 'valLoss'), args.includes('lbfgs') ? 0.1 : 1e-5)
    expect(list(parts, 'accuracy')).toEqual(list(whole, 'accuracy'))
    expect(new Set(parts.ranks.map((r) => r.weights)).size).toBe(1)
    if (!args.includes('zero')) return
    // Each rank has a part of the state.
    const sizes = parts.ranks.map((r) => Number(r.state))
    expect(sizes.reduce((a, b) => a + b)).toBe(Number(whole.ranks[0]!.state))
    expect(Math.max(...sizes)).toBeLessThan(Number(whole.ranks[0]!.state))
  })

  test.each([[[]], [['zero']]])(
    'a checkpoint goes on: same ranks, same bits; other ranks, same losses %s',
    async (args) => {
      const folder = scratch()
      const own = [...args, 'dropout', 'sgd'].filter((a) => !(a === 'sgd' && args.length > 0))
      const whole = await run(2, scratch(), ...own, 'epochs=4')
      const half = await run(2, folder, ...own, 'epochs=2')
      expect(list(half, 'losses')).toEqual(list(whole, 'losses').slice(0, 2))
      const bytes = readFileSync(join(folder, 'state.safetensors'))
      expect(bytes.length).toBeGreaterThan(1000)
      const same = await run(2, folder, ...own, 'epochs=4', 'resume')
      expect(list(same, 'losses')).toEqual(list(whole, 'losses'))
      expect(same.ranks.map((r) => r.weights)).toEqual(whole.ranks.map((r) => r.weights))

      const plain = own.filter((a) => a !== 'dropout')
      const other = scratch()
      const straight = await one(scratch(), ...plain, 'epochs=4')
      await run(3, other, ...plain, 'epochs=2')
      const resumed = await one(other, ...plain.filter((a) => a !== 'zero'), 'epochs=4', 'resume')
      close(list(resumed, 'losses'), list(straight, 'losses'), 1e-5)
    },
  )

  test('a rank that stops stops all at one step', async () => {
    const ran = await run(3, scratch(), 'stop')
    const steps = new Set(list(ran, 'steps') && ran.ranks.map((r) => r.steps))
    expect(steps).toEqual(new Set([7]))
    expect(ran.ranks.map((r) => r.stopped)).toEqual([
      'another rank has stopped',
      'rank 1 has had enough',
      'another rank has stopped',
    ])
  })

  test('a loss that is not finite on one rank stops the step on all', async () => {
    const ran = await run(2, scratch(), 'nan')
    expect(ran.code).not.toBe(0)
    expect(ran.stderr).toMatch(/finite/)
    expect(ran.stderr).toMatch(/at step 4 \(epoch 1, batch 4\)/)
  })

  test('local SGD: weights are averaged now and then, and are one at the end', async () => {
    const ran = await run(3, scratch(), 'local', 'sgd')
    const losses = list(ran, 'losses')
    expect(losses.at(-1)).toBeLessThan(losses[0]!)
    expect(new Set(ran.ranks.map((r) => r.weights)).size).toBe(1)
  })

  test('a recipe: the first rank alone prints and saves', async () => {
    const [alone, together] = [scratch(), scratch()]
    const args = ['train', 'logistic', '--quick', '--json', '--out']
    const single = await ranks(undefined, 1, [command, ...args, join(alone, 'run')])
    const ran = await ranks(mpi, 2, [command, ...args, join(together, 'run')])
    expect(ran.code, ran.stderr).toBe(0)
    const events = (r: Ran) =>
      r.stdout
        .split('\n')
        .filter(Boolean)
        .map((l) => JSON.parse(l))
    expect(events(ran).map((e) => e.event)).toEqual(events(single).map((e) => e.event))
    const losses = (r: Ran) =>
      events(r)
        .filter((e) => e.event === 'epoch')
        .map((e) => e.loss)
    close(losses(ran), losses(single), 1e-5)
    expect(existsSync(join(together, 'run/metrics.jsonl'))).toBe(true)
    expect(existsSync(join(together, 'run-2'))).toBe(false)
  })
})
