/** Data-parallel training: N ranks with batches of B are one process with N · B, over Open MPI and MPICH. */
import { beforeAll, describe, expect, test } from 'vitest'
import { implementations, joined, jobOf, type Ran, ranks } from './run.js'

const losses = (ran: Ran, rank = 0) => ran.ranks[rank]?.losses as number[]
const weights = (ran: Ran) => new Set(ran.ranks.map((r) => r.weights))
function close(a: readonly number[], b: readonly number[], within: number): void {
  expect(a).toHaveLength(b.length)
  for (const [i, v] of a.entries()) expect(Math.abs(v - b[i]!), `${i}`).toBeLessThan(within)
}
/** What is trained, by how many ranks: each number of ranks is started once, and once more for the bits. */
const jobs = {
  2: [
    ['mlp', '16'],
    ['mlp', '16', 'eager'],
    // Adam's first steps make differences of the last bit large, where batch norm makes a gradient 0.
    ['images', '16', 'sync', 'sgd'],
    ['mlp', '16', 'half'],
    ['mlp', '16', 'unused'],
    ['mlp', '16', 'unused', 'eager'],
  ],
  3: [
    ['mlp', '18', 'sgd', 'accumulate'],
    ['mlp', '18'],
    ['mlp', '16', 'join'],
    ['images', '16', 'join', 'divide', 'eager'],
  ],
} as const
const started = new Map<string, Promise<Ran>>()
function once(key: string, start: () => Promise<Ran>): Promise<Ran> {
  let ran = started.get(key)
  if (!ran) {
    ran = start()
    started.set(key, ran)
  }
  return ran
}
/** What one process is asked for, with all rows. */
const plain = [
  ['mlp', '16', 'plain'],
  ['mlp', '16', 'eager', 'plain'],
  ['images', '16', 'sync', 'sgd', 'plain'],
  ['mlp', '18', 'sgd', 'accumulate', 'plain'],
]
async function one(...args: string[]): Promise<Ran> {
  const ran = await once('one', () => ranks(undefined, 1, ['train.mjs', ...joined(plain)]))
  expect(ran.code, ran.stderr).toBe(0)
  return jobOf(
    ran,
    plain.findIndex((p) => p.join() === [...args, 'plain'].join()),
  )
}
beforeAll(() => one('mlp', '16').then(() => {}), 120_000)

describe.each(implementations)('over $name', (mpi) => {
  const all = (n: 2 | 3, again = '') =>
    once(`${mpi.name} ${n} ${again}`, () => ranks(mpi, n, ['train.mjs', ...joined(jobs[n])]))
  async function run(n: 2 | 3, ...args: string[]): Promise<Ran> {
    const ran = await all(n)
    expect(ran.code, ran.stderr).toBe(0)
    const job = jobOf(
      ran,
      jobs[n].findIndex((j) => j.join() === args.join()),
    )
    expect(job.ranks).toHaveLength(n)
    return job
  }

  test.each([
    [2, 'mlp', ['16']],
    [2, 'mlp', ['16', 'eager']],
    [3, 'mlp', ['18', 'sgd', 'accumulate']],
    [2, 'images', ['16', 'sync', 'sgd']],
  ] as const)('%i ranks are one process: %s %s', async (n, kind, args) => {
    const [whole, parts] = [await one(kind, ...args), await run(n, kind, ...args)]
    expect(losses(whole)).toHaveLength(20)
    close(losses(parts), losses(whole), 1e-5)
    expect(weights(parts).size).toBe(1)
    const [a, b] = [parts, whole].map((r) => r.ranks[0]!.stats as number[])
    close(a!, b!, 1e-5)
  })

  // Of three ranks: in which order their numbers are added depends on the form of the operation, which no timing may choose.
  test.each([2, 3] as const)('the same run of %i ranks twice gives the same bits', async (n) => {
    const [a, b] = [await all(n), await all(n, 'again')]
    expect(b.code, b.stderr).toBe(0)
    for (const i of jobs[n].keys()) {
      const [x, y] = [jobOf(a, i), jobOf(b, i)]
      expect(losses(x).length).toBeGreaterThan(0)
      expect(losses(x)).toEqual(losses(y))
      expect(weights(x)).toEqual(weights(y))
    }
  })

  test('gradients in bfloat16', async () => {
    const [whole, parts] = [await one('mlp', '16'), await run(2, 'mlp', '16', 'half')]
    expect(weights(parts).size).toBe(1)
    close(losses(parts), losses(whole), 5e-3)
    expect(losses(parts)).not.toEqual(losses(whole))
  })

  test.each([[[]], [['eager']]])('parameters that only some ranks use, %s', async (how) => {
    const ran = await run(2, 'mlp', '16', 'unused', ...how)
    expect(weights(ran).size).toBe(1)
    expect(losses(ran).at(-1)).toBeLessThan(losses(ran)[0]! - 0.3)
  })

  test.each([[['mlp', '16', 'join']], [['images', '16', 'join', 'divide', 'eager']]])(
    'ranks with other numbers of batches end with the same weights: %s',
    async (args) => {
      const ran = await run(3, ...args)
      expect(weights(ran).size).toBe(1)
      expect(ran.ranks.map((r) => (r.losses as number[]).length)).toEqual([6, 3, 3])
    },
  )
})
