/** fit and recipes on several ranks: as one process, and what is saved and resumed. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { implementations, joined, jobOf, type Ran, ranks } from './run.js'

function made(): string {
  return mkdtempSync(join(tmpdir(), 'nabla-fit-'))
}
function scratch(): string {
  const folder = made()
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
const command = join(import.meta.dirname, '../../dist/cli/main.js')

/** Runs that are compared with one process. */
const kinds = [
  ['adam'],
  ['accumulate', 'sgd', 'eager'],
  ['norm', 'sgd'],
  ['zero'],
  ['lbfgs', 'epochs=1'],
]
/** What is stopped after two epochs of four and goes on: with random numbers where the bits are the same, without where they are not. */
const stopped = [
  { bits: ['dropout', 'sgd'], curve: ['sgd'] },
  { bits: ['zero', 'dropout'], curve: ['zero'] },
]
// One start of the processes for all that has so many of them.
const root = made()
afterAll(() => rmSync(root, { recursive: true, force: true }))
const at = (name: string) => join(root, name)
const jobsOf = (name: string, all: readonly string[][]) =>
  joined(all.map((args, i) => [at(`${name}${i}`), ...args]))
let alone: Ran
beforeAll(async () => {
  const all = [...kinds, ...stopped.map(({ curve }) => [...curve, 'epochs=4'])]
  alone = await ranks(undefined, 1, ['fit.mjs', ...jobsOf('alone', all)])
}, 120_000)

describe.each(implementations)('over $name', (mpi) => {
  const { key } = mpi
  let [three, two, resumed, other]: Ran[] = []
  beforeAll(async () => {
    const halves = stopped.map(({ curve }) => [...curve, 'epochs=2'])
    const more = [['stop'], ['local', 'sgd']]
    three = await ranks(mpi, 3, ['fit.mjs', ...jobsOf(`${key}3-`, [...kinds, ...halves, ...more])])
    const whole = stopped.map(({ bits }) => [...bits, 'epochs=4'])
    const half = stopped.map(({ bits }) => [...bits, 'epochs=2'])
    two = await ranks(mpi, 2, ['fit.mjs', ...jobsOf(`${key}2-`, [...whole, ...half])])
    // In other processes, from the folders of those.
    const goesOn = (folder: string, args: string[]) => [at(folder), ...args, 'epochs=4', 'resume']
    const same = stopped.map(({ bits }, i) => goesOn(`${key}2-${stopped.length + i}`, bits))
    resumed = await ranks(mpi, 2, ['fit.mjs', ...joined(same)])
    const fewer = stopped.map(({ curve }, i) =>
      goesOn(
        `${key}3-${kinds.length + i}`,
        curve.filter((a) => a !== 'zero'),
      ),
    )
    other = await ranks(undefined, 1, ['fit.mjs', ...joined(fewer)])
  }, 240_000)
  const run = (n: number, folder: string, ...args: string[]) =>
    ranks(mpi, n, ['fit.mjs', folder, ...args])

  test.each(kinds.map((args, i) => [args, i] as const))(
    'three ranks are one process, with a last batch of one row: %s',
    (args, i) => {
      const [whole, parts] = [jobOf(alone, i), jobOf(three!, i)]
      const within = args.includes('lbfgs') ? 1e-3 : 1e-5
      close(list(parts, 'losses'), list(whole, 'losses'), within)
      close(list(parts, 'valLoss'), list(whole, 'valLoss'), args.includes('lbfgs') ? 0.1 : 1e-5)
      expect(list(parts, 'accuracy')).toEqual(list(whole, 'accuracy'))
      expect(parts.ranks).toHaveLength(3)
      expect(new Set(parts.ranks.map((r) => r.weights)).size).toBe(1)
      if (!args.includes('zero')) return
      // Each rank has a part of the state.
      const sizes = parts.ranks.map((r) => Number(r.state))
      expect(sizes.reduce((a, b) => a + b)).toBe(Number(whole.ranks[0]!.state))
      expect(Math.max(...sizes)).toBeLessThan(Number(whole.ranks[0]!.state))
    },
  )

  test.each(stopped.map(({ bits }, i) => [bits, i] as const))(
    'a checkpoint goes on: same ranks, same bits; other ranks, same losses: %s',
    (_, i) => {
      const [whole, half, same] = [
        jobOf(two!, i),
        jobOf(two!, stopped.length + i),
        jobOf(resumed!, i),
      ]
      expect(list(half, 'losses')).toEqual(list(whole, 'losses').slice(0, 2))
      const bytes = readFileSync(join(at(`${key}2-${stopped.length + i}`), 'state.safetensors'))
      expect(bytes.length).toBeGreaterThan(1000)
      expect(list(same, 'losses')).toHaveLength(4)
      expect(list(same, 'losses')).toEqual(list(whole, 'losses'))
      expect(same.ranks.map((r) => r.weights)).toEqual(whole.ranks.map((r) => r.weights))

      const [straight, on] = [jobOf(alone, kinds.length + i), jobOf(other!, i)]
      expect(list(jobOf(three!, kinds.length + i), 'losses')).toHaveLength(2)
      close(list(on, 'losses'), list(straight, 'losses'), 1e-5)
    },
  )

  test('a rank that stops stops all at one step', () => {
    const ran = jobOf(three!, kinds.length + stopped.length)
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
  }, 90_000)

  test('local SGD: weights are averaged now and then, and are one at the end', () => {
    const ran = jobOf(three!, kinds.length + stopped.length + 1)
    const losses = list(ran, 'losses')
    expect(losses.at(-1)).toBeLessThan(losses[0]!)
    expect(ran.ranks).toHaveLength(3)
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
  }, 90_000)
})
