/** Two machines, which are network namespaces: the launchers' own way to other hosts, and a cable that is cut. */
import { describe, test } from 'vitest'
import { Hosts, whyNoHosts } from '../../bench/hosts.mjs'
import { implementations, ranks } from './run.js'

const why = whyNoHosts()
if (why) {
  // Where the machine does not allow it nothing can be installed that would help.
  const forbidden = /permitted|denied/i.test(why)
  if (!forbidden && process.env.NABLA_TEST_REQUIRE_ALL === '1') throw new Error(why)
  console.warn(`SKIPPED: tests of several machines need network namespaces: ${why}`)
}

describe.skipIf(why).concurrent.each(implementations)('two hosts over $name', (mpi) => {
  test('a cable that is cut ends the job on both; the checkpoint is whole', async (t) => {
    const { expect } = t
    const hosts = new Hosts()
    t.onTestFinished(() => hosts.remove())
    let cut = 0
    const told = (text: string) => {
      if (cut || !text.includes('goes on')) return
      cut = performance.now()
      hosts.cut()
    }
    // Each rank's end, while the launchers may still wait for each other.
    const ran = await ranks(mpi, 2, ['cut.mjs', hosts.folder], { hosts, told, timeout: 90_000 })
    const errors = hosts.names.map((_, i) => hosts.errors(i))
    expect(cut, ran.stderr + errors.join('')).toBeGreaterThan(0)
    expect((performance.now() - cut) / 1000).toBeLessThan(30)
    expect(ran.code).not.toBe(0)
    for (const [rank, text] of errors.entries())
      expect(text).toMatch(
        new RegExp(
          `rank ${1 - rank} of 2 has not been heard of for 15 s .*; rank ${rank} stops at step \\d+`,
        ),
      )
    // On the other host too.
    const ends = cut + 30_000
    let left: string[] = []
    do {
      left = hosts.names.flatMap((name) => hosts.programs(name))
      await new Promise((resolve) => setTimeout(resolve, 200))
    } while (left.length > 0 && performance.now() < ends)
    expect(left).toEqual([])
    const again = await ranks(undefined, 1, ['cut.mjs', hosts.folder, 'resume'])
    expect(again.code, again.stderr).toBe(0)
    expect(again.ranks[0]!.step).toBeGreaterThan(1)
    expect(again.ranks[0]!.loss).toBeLessThan(2)
  }, 120_000)

  test('a slow cable, 4 ms and 20 megabytes a second: the losses of one process', async (t) => {
    const { expect } = t
    const hosts = new Hosts({ latency: 0.004, rate: 20e6 })
    t.onTestFinished(() => hosts.remove())
    const whole = await ranks(undefined, 1, ['train.mjs', 'mlp', '16', 'plain'])
    const ran = await ranks(mpi, 2, ['train.mjs', 'mlp', '16'], {
      hosts,
      env: { NABLA_DEBUG: '1' },
      timeout: 90_000,
    })
    expect(ran.stderr + hosts.errors(0)).toContain('not all ranks are on one host')
    expect(ran.code, ran.stderr + hosts.errors(0) + hosts.errors(1)).toBe(0)
    // Every rank is sent the gradients of 279,305 weights in each of 20 steps, and waits twice 4 ms for them at least.
    for (const bytes of hosts.names.map((name) => hosts.received(name))) {
      expect(bytes).toBeGreaterThan(20 * 279_305 * 4)
      expect(ran.seconds).toBeGreaterThan(bytes / 20e6 + 20 * 2 * 0.004)
    }
    const [a, b] = [whole, ran].map((r) => r.ranks[0]!.losses as number[])
    expect(b).toHaveLength(20)
    for (const [i, loss] of b!.entries()) expect(Math.abs(loss - a![i]!)).toBeLessThan(1e-5)
    expect(new Set(ran.ranks.map((r) => r.weights)).size).toBe(1)
  }, 120_000)
})
