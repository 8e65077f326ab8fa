/** Data-parallel training: N ranks with batches of B are one process with N · B, over Open MPI and MPICH. */
import { describe, expect, test } from 'vitest'
import { implementations, type Ran, ranks } from './run.js'

const losses = (ran: Ran, rank = 0) => ran.ranks[rank]?.losses as number[]
const weights = (ran: Ran) => new Set(ran.ranks.map((r) => r.weights))
function close(a: readonly number[], b: readonly number[], within: number): void {
  expect(a).toHaveLength(b.length)
  for (const [i, v] of a.entries()) expect(Math.abs(v - b[i]!), `${i}`).toBeLessThan(within)
}
const alone = new Map<string, Promise<Ran>>()
/** One process, with all rows. */
const one = (...args: string[]) => {
  const key = args.join()
  if (!alone.has(key)) alone.set(key, ranks(undefined, 1, ['train.mjs', ...args]))
  return alone.get(key)!
}

describe.each(implementations)('over $name', (mpi) => {
  const run = (n: number, ...args: string[]) => ranks(mpi, n, ['train.mjs', ...args])

  test.each([
    [2, 'mlp', ['16']],
    [2, 'mlp', ['16', 'eager']],
    [3, 'mlp', ['18', 'sgd', 'accumulate']],
    // Adam's first steps make differences of the last bit large, where batch norm makes a gradient 0.
    [2, 'images', ['16', 'sync', 'sgd']],
  ])('%i ranks are one process: %s %s', async (n, kind, args) => {
    const [whole, parts] = await Promise.all([
      one(kind, ...args, 'plain'),
      run(n, kind, ...args.filter((a) => a !== 'plain')),
    ])
    expect(whole.code, whole.stderr).toBe(0)
    expect(parts.code, parts.stderr).toBe(0)
    expect(losses(whole)).toHaveLength(20)
    close(losses(parts), losses(whole), 1e-5)
    expect(weights(parts).size).toBe(1)
    const [a, b] = [parts, whole].map((r) => r.ranks[0]!.stats as number[])
    close(a!, b!, 1e-5)
  })

  test('the same run twice gives the same bits', async () => {
    // Of three ranks: in which order their numbers are added depends on the form of the operation, which no timing may choose.
    for (const [n, ...args] of [
      [2, 'images', '12', 'sync', 'sgd'],
      [3, 'mlp', '18'],
    ] as const) {
      const [a, b] = [await run(n, ...args), await run(n, ...args)]
      expect(a.code, a.stderr).toBe(0)
      expect(losses(a)).toEqual(losses(b))
      expect(weights(a)).toEqual(weights(b))
    }
  })

  test('gradients in bfloat16', async () => {
    const [whole, parts] = [await one('mlp', '16', 'plain'), await run(2, 'mlp', '16', 'half')]
    expect(weights(parts).size, parts.stderr).toBe(1)
    close(losses(parts), losses(whole), 5e-3)
    expect(losses(parts)).not.toEqual(losses(whole))
  })

  test.each([['compiled'], ['eager']])('parameters that only some ranks use, %s', async (how) => {
    const ran = await run(2, 'mlp', '16', 'unused', how)
    expect(ran.code, ran.stderr).toBe(0)
    expect(weights(ran).size).toBe(1)
    expect(losses(ran).at(-1)).toBeLessThan(losses(ran)[0]! - 0.3)
  })

  test('ranks with other numbers of batches end with the same weights', async () => {
    for (const args of [
      ['mlp', '16', 'join'],
      ['images', '16', 'join', 'divide', 'eager'],
    ]) {
      const ran = await run(3, ...args)
      expect(ran.code, ran.stderr).toBe(0)
      expect(weights(ran).size).toBe(1)
      expect(ran.ranks.map((r) => (r.losses as number[]).length)).toEqual([6, 3, 3])
    }
  })
})
