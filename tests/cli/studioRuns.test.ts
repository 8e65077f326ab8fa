/** The runs that `nabla studio RUNS` reads: run folders, event files of any writer, and what is being written. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Runs, serveRuns } from '../../src/cli/runs.js'
import { serveStudio, studioPlaces } from '../../src/cli/studio.js'
import { decodeEvents, encodeEvents, encodeStart } from '../../src/train/tensorboard.js'
import { crc32c } from '../../src/core/crc.js'
import { align, differing, smooth, thin } from '../../studio/runs/curves.js'

const base = mkdtempSync(join(tmpdir(), 'nabla-runs-'))
afterAll(() => rmSync(base, { recursive: true, force: true }))

const join2 = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((p) => [...p]))
/** A record of another writer: a float64 scalar as a tensor, as TensorFlow 2 writes it. */
function tensorRecord(step: number, tag: string, value: number): Uint8Array {
  const text = [...new TextEncoder().encode(tag)]
  const field = (n: number, data: number[]) => [n * 8 + 2, data.length, ...data]
  const tensor = [8, 2, ...field(4, [...new Uint8Array(Float64Array.of(value).buffer)])]
  const item = [...field(1, text), ...field(8, tensor)]
  const data = Uint8Array.from([9, ...new Uint8Array(8), 16, step, ...field(5, field(1, item))])
  const mask = (b: Uint8Array) => {
    const c = crc32c(b)
    return (((c >>> 15) | (c << 17)) + 0xa282ead8) >>> 0
  }
  const out = new Uint8Array(16 + data.length)
  const view = new DataView(out.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, mask(out.subarray(0, 8)), true)
  out.set(data, 12)
  view.setUint32(12 + data.length, mask(data), true)
  return out
}

describe('event files', () => {
  const whole = join2(
    encodeStart(0, 1),
    encodeEvents(1, { 'train/loss': 0.5 }, 2),
    encodeEvents(300, { 'train/loss': 0.25, 'val/acc': 1 }, 3),
    tensorRecord(7, 'other', Math.PI),
  )
  const events = [
    { step: 1, time: 2, scalars: { 'train/loss': 0.5 } },
    { step: 300, time: 3, scalars: { 'train/loss': 0.25, 'val/acc': 1 } },
    { step: 7, time: 0, scalars: { other: Math.PI } },
  ]
  test('what is written is read', () => {
    expect(decodeEvents(whole)).toEqual({ events, length: whole.length })
  })
  test('every prefix gives the records that are whole', () => {
    for (let n = 0; n <= whole.length; n++) {
      const got = decodeEvents(whole.subarray(0, n))
      expect(got.length).toBeLessThanOrEqual(n)
      expect(got.events).toEqual(events.slice(0, got.events.length))
    }
  })
  test('a damaged byte ends what is read, and is no number', () => {
    for (let i = 0; i < whole.length; i++) {
      const broken = whole.slice()
      broken[i]! ^= 0x41
      const got = decodeEvents(broken)
      expect(got.events).toEqual(events.slice(0, got.events.length))
      expect(got.length).toBeLessThan(whole.length)
    }
  })
})

test('runs: settings and curves, resumed epochs once, broken lines left out, growth', () => {
  mkdirSync(join(base, 'a/deep'), { recursive: true })
  mkdirSync(join(base, 'b'))
  mkdirSync(join(base, 'empty'))
  writeFileSync(join(base, 'a/config.json'), '{"task":"digits","options":{"lr":0.1,"sizes":[2,3]}}')
  const lines = [1, 2, 3].map((epoch) => JSON.stringify({ event: 'epoch', epoch, loss: 1 / epoch }))
  writeFileSync(
    join(base, 'a/metrics.jsonl'),
    `${lines.join('\n')}\n{"event":"epoch","epoch":2,"loss":0.1}\n{"broken\n`,
  )
  writeFileSync(join(base, 'b/config.json'), 'no json')
  writeFileSync(join(base, 'b/events.out.tfevents.1.x'), encodeEvents(10, { loss: 2 }, 0))
  const runs = new Runs(base)
  expect(runs.all()).toEqual([
    {
      name: 'a',
      settings: { task: 'digits', 'options.lr': '0.1', 'options.sizes': '[2,3]' },
      curves: { loss: { step: [1, 2], value: [1, 0.1] } },
    },
    { name: 'b', settings: {}, curves: { loss: { step: [10], value: [2] } } },
  ])
  expect(runs.changed()).toEqual([])
  appendFileSync(join(base, 'b/events.out.tfevents.1.x'), encodeEvents(20, { loss: 1 }, 0))
  expect(runs.changed().map((r) => [r.name, r.curves.loss!.step])).toEqual([['b', [10, 20]]])
})

describe('curves', () => {
  test('smoothing has no bias towards its start, and keeps what is not finite out', () => {
    expect(smooth([4, 4, 4], 0.9).map((v) => Number(v.toFixed(9)))).toEqual([4, 4, 4])
    expect(smooth([1, 3], 0.5)).toEqual([1, (1 * 0.25 + 3 * 0.5) / 0.75])
    expect(smooth([1, Number.NaN, 1], 0.5)).toEqual([1, Number.NaN, 1])
    expect(smooth([1, 2], 0)).toEqual([1, 2])
  })
  test('thinning keeps both ends', () => {
    const list = Array.from({ length: 10_000 }, (_, i) => i)
    const few = thin(list, 100)
    expect([few.length, few[0], few.at(-1)]).toEqual([100, 0, 9999])
    expect(thin([1, 2], 5)).toEqual([1, 2])
  })
  test('runs of different steps share an axis', () => {
    expect(
      align([
        { step: [1, 3], value: [10, 30] },
        { step: [2, 3], value: [5, Number.NaN] },
      ]),
    ).toEqual({
      step: [1, 2, 3],
      values: [
        [10, null, 30],
        [null, 5, null],
      ],
    })
  })
  test('the table shows what differs', () => {
    const run = (name: string, settings: Record<string, string>) => ({ name, settings, curves: {} })
    expect(differing([run('a', { lr: '1', n: '2' }), run('b', { lr: '3', n: '2' })])).toEqual([
      'lr',
    ])
    expect(differing([run('a', { lr: '1' })])).toEqual(['lr'])
  })
  test('a hundred runs of ten thousand points are ready for the screen in half a second', () => {
    const step = Array.from({ length: 10_000 }, (_, i) => i)
    const value = step.map((i) => Math.sin(i / 500))
    const start = performance.now()
    const { step: all, values } = align(
      Array.from({ length: 100 }, () => ({
        step: thin(step, 1200),
        value: thin(smooth(value, 0.9), 1200),
      })),
    )
    expect([all.length, values.length]).toEqual([1200, 100])
    expect(performance.now() - start).toBeLessThan(500 * 4)
  })
})

describe('the server of runs', () => {
  let running: Awaited<ReturnType<typeof serveStudio>>
  let runs: ReturnType<typeof serveRuns>
  beforeAll(async () => {
    runs = serveRuns(base, 50)
    running = await serveStudio(studioPlaces(), 0, runs.handler)
  })
  afterAll(() => {
    runs?.close()
    running?.server.close()
  })
  test('all runs at once, and a run that grows as an event', async () => {
    const all = (await (await fetch(`${running.url}runs/all.json`)).json()) as { name: string }[]
    expect(all.map((r) => r.name)).toEqual(['a', 'b'])
    const response = await fetch(`${running.url}runs/events`)
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const reader = response.body!.getReader()
    await reader.read()
    appendFileSync(join(base, 'a/metrics.jsonl'), '{"event":"epoch","epoch":4,"loss":0.05}\n')
    const text = new TextDecoder().decode((await reader.read()).value)
    expect(JSON.parse(text.slice('data: '.length)).curves.loss.step).toEqual([1, 2, 4])
    await reader.cancel()
  })
})
