/** The model of bench/scale.mjs, which predicts the efficiency on many nodes. */
import { describe, expect, test } from 'vitest'
import { bucketsOf, exchange, fitted, stepTime } from '../../bench/scale.mjs'

const MEGABYTE = 2 ** 20
describe('the model of scale', () => {
  const given = { compute: 0.3, megabytes: 100, latency: 1e-4, bandwidth: 1e9 }
  test('a ring of two sends all bytes once; a tree of eight three times each way', () => {
    expect(exchange('ring', 2, 1e6, 1e-3, 1e8)).toBeCloseTo(2e-3 + 1e-2, 12)
    expect(exchange('tree', 8, 1e6, 1e-3, 1e8)).toBeCloseTo(6 * (1e-3 + 1e-2), 12)
    expect(exchange('ring', 1, 1e6, 1e-3, 1e8)).toBe(0)
  })
  test('buckets: 1 megabyte first, then 25, all bytes', () => {
    expect(bucketsOf({ megabytes: 60 }).map((b) => b / MEGABYTE)).toEqual([1, 25, 25, 9])
  })
  test('what fits into backward is hidden but for the last bucket; what does not is waited for', () => {
    const buckets = Array.from({ length: 10 }, () => MEGABYTE)
    const one = exchange('ring', 2, MEGABYTE, 1e-4, 1e9)
    const fast = stepTime('ring', 2, { ...given, buckets })
    expect(fast).toBeCloseTo(given.compute + one, 12)
    const slow = { ...given, bandwidth: 1e6, buckets }
    const each = exchange('ring', 2, MEGABYTE, 1e-4, 1e6)
    // The first is full after a tenth of backward; then the cable is always busy.
    expect(stepTime('ring', 2, slow)).toBeCloseTo(0.1 + 0.02 + 10 * each, 9)
  })
  test('where both go on at once each may hold up the other', () => {
    const buckets = [MEGABYTE, MEGABYTE]
    const one = exchange('ring', 2, MEGABYTE, 1e-4, 5e7)
    const both = { ...given, bandwidth: 5e7, buckets, slowerCompute: 1.5, slowerExchange: 2 }
    // Backward has 0.1 s left when the first bucket is full: the exchange takes twice its time, in which it does 1 / 1.5 of that.
    const left = 0.1 - (2 * one) / 1.5
    expect(stepTime('ring', 2, both)).toBeCloseTo(0.2 + 2 * one + left + one, 12)
    // Computing for all of the exchange and longer is the worst that can come of it.
    const never = { ...both, slowerCompute: 1, slowerExchange: 1 }
    expect(stepTime('ring', 2, both)).toBeGreaterThan(stepTime('ring', 2, never))
  })
  test('alone there is no exchange; more nodes are never more efficient', () => {
    expect(stepTime('ring', 1, given)).toBeCloseTo(given.compute, 12)
    for (const kind of ['ring', 'tree'] as const)
      for (let n = 2; n <= 1024; n *= 2)
        expect(stepTime(kind, n, given)).toBeGreaterThanOrEqual(stepTime(kind, n / 2, given))
  })
  test('latency and bandwidth come back from times that follow them', () => {
    const times = [1e5, 1e6, 4e6].map((bytes) => ({
      bytes,
      seconds: exchange('ring', 2, bytes, 3e-4, 5e7),
    }))
    const { latency, bandwidth } = fitted(times)
    expect(latency).toBeCloseTo(3e-4, 9)
    expect(bandwidth / 5e7).toBeCloseTo(1, 6)
  })
})
