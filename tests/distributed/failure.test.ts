/** A rank that is killed, throws, ends, or hangs, ends the run on all ranks, with its number and step. */
import { describe, expect, test } from 'vitest'
import { implementations, ranks } from './run.js'

const long = process.env.NABLA_TEST_LONG === '1'
describe.each(implementations)('over $name', (mpi) => {
  const steps = long ? [3, 17, 40, 99] : [Math.floor(Math.random() * 60)]
  // Of the shells that watch the ranks the victim's may be the last to run.
  const late = process.platform === 'linux' ? [[20, 'late']] : []
  test.each([...steps.map((s) => [s, 'kill']), ...late])(
    'kill -9 at step %i: %s',
    async (step, how) => {
      const ran = await ranks(mpi, 3, ['killed.mjs', '1', `${step}`, `${how}`])
      expect(ran.code).not.toBe(0)
      expect(ran.seconds).toBeLessThan(30)
      expect(ran.stderr).toMatch(
        new RegExp(`rank 1 of 3 \\(host \\S+, process \\d+\\) died at step ${step}\\b`),
      )
      // The others tell it too, as far as the launcher lets them.
      expect(ran.stderr).toMatch(
        /rank [02] of 3 .*is ended .*at step \d+: rank 1 of 3 .* died at step/,
      )
    },
    60_000,
  )
  test.each([
    ['throw', /\[(allReduce|distributed)\] .*rank 1 of 3 failed at step 20: no more coffee/],
    ['exit', /\[(allReduce|distributed)\] .*rank 1 of 3 ended with exit code 3 at step 20/],
  ])(
    '%s',
    async (how, text) => {
      const ran = await ranks(mpi, 3, ['killed.mjs', '1', '20', how])
      expect(ran.code).not.toBe(0)
      expect(ran.seconds).toBeLessThan(30)
      expect(ran.stderr).toMatch(text)
    },
    60_000,
  )

  test('a rank that hangs is not heard of any more', async () => {
    const env = { NABLA_TEST_HEARTBEAT: '3' }
    const ran = await ranks(mpi, 3, ['killed.mjs', '1', '20', 'stop'], { env, timeout: 40_000 })
    expect(ran.code).not.toBe(0)
    expect(ran.stderr).toMatch(/rank 1 of 3 has not been heard of for 3 s .* at step 2[01]/)
  }, 60_000)
})
