/** The runs that `nabla studio RUNS` reads: run folders, event files of any writer, and what is being written. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Runs, serveRuns } from '../../src/cli/runs.js'
import { serveStudio, studioPlaces } from '../../src/cli/studio.js'
import { decodeEvents } from '../../src/train/eventFile.js'
import { encodeEvents, encodeHistograms, encodeStart } from '../../src/train/tensorboard.js'
import { crc32c } from '../../src/core/crc.js'
import { graphBoxes } from '../../src/train/graphDef.js'
import { histogramOf } from '../../src/train/histograms.js'
import { saveConfusion } from '../../src/train/record.js'
import { align, differing, grown, smooth } from '../../studio/runs/curves.js'

const base = mkdtempSync(join(tmpdir(), 'nabla-runs-'))
afterAll(() => rmSync(base, { recursive: true, force: true }))

const join2 = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((p) => [...p]))
const bytesOf = (text: string) => [...new TextEncoder().encode(text)]
const size = (n: number): number[] => (n < 128 ? [n] : [(n % 128) + 128, ...size(n >> 7)])
/** A field of bytes of protocol buffers. */
const field = (n: number, data: readonly number[]) => [n * 8 + 2, ...size(data.length), ...data]
const doubles = (...list: number[]) => [...new Uint8Array(Float64Array.from(list).buffer)]
/** A record of another writer: field 4 is a graph, field 5 a summary. */
function record(step: number, number: 4 | 5, body: readonly number[]): Uint8Array {
  const data = Uint8Array.from([9, ...new Uint8Array(8), 16, step, ...field(number, body)])
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
const item = (tag: string, ...fields: number[][]) =>
  field(1, [...field(1, bytesOf(tag)), ...fields.flat()])
/** What TensorFlow 2 says a summary is for. */
const plugin = (name: string) => field(9, field(1, field(1, bytesOf(name))))
/** A float64 scalar as a tensor, as TensorFlow 2 writes it. */
const tensorRecord = (step: number, tag: string, value: number) =>
  record(step, 5, item(tag, field(8, [8, 2, ...field(4, doubles(value))])))

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

describe('histograms, pictures and graphs of event files', () => {
  const only = (bytes: Uint8Array) => decodeEvents(bytes, { all: true }).events[0]!
  test('numbers in bins: every finite one is in one of them', () => {
    expect(histogramOf([0, 1, 1, 3, Number.NaN, Number.POSITIVE_INFINITY], 3)).toEqual({
      edges: [0, 1, 2, 3],
      counts: [1, 2, 1],
    })
    expect(histogramOf([5, 5], 2).counts).toEqual([0, 2])
    expect(histogramOf([Number.NaN]).counts).toEqual([0])
  })
  test('histograms that are written are read', () => {
    const w = histogramOf(
      Array.from({ length: 1000 }, (_, i) => Math.sin(i)),
      30,
    )
    const found = only(encodeHistograms(3, { 'weights/0.weight': w }, 1))
    expect(found.step).toBe(3)
    expect(found.histograms).toEqual({ 'weights/0.weight': w })
    // Where only curves are asked for they are left out.
    expect(decodeEvents(encodeHistograms(3, { w }, 1)).events).toEqual([])
  })
  test("the old form with buckets that begin and end far outside, PyTorch's and TensorFlow 1's", () => {
    const numbers = [-1, 2, 5, 3, 7].flatMap((v, i) => [(i + 1) * 8 + 1, ...doubles(v)])
    const limits = field(6, doubles(-1.5, 0, 1.7e308))
    const found = only(
      record(1, 5, item('w', field(5, [...numbers, ...limits, ...field(7, doubles(0, 2, 3))]))),
    )
    expect(found.histograms).toEqual({ w: { edges: [-1, 0, 2], counts: [2, 3] } })
  })
  test('the new form: a tensor of left, right and count', () => {
    const content = field(4, doubles(0, 1, 4, 1, 2, 6))
    const found = only(record(1, 5, item('w', field(8, [8, 2, ...content]), plugin('histograms'))))
    expect(found.histograms).toEqual({ w: { edges: [0, 1, 2], counts: [4, 6] } })
    expect(found.scalars).toEqual({})
  })
  test('pictures of both forms', () => {
    const png = [0x89, 0x50, 0x4e, 0x47]
    const old = only(record(1, 5, item('p', field(4, [8, 5, 16, 7, ...field(4, png)]))))
    const tensor = [8, 7, ...['7', '5'].flatMap((v) => field(8, bytesOf(v))), ...field(8, png)]
    const now = only(record(1, 5, item('p', field(8, tensor), plugin('images'))))
    for (const { pictures } of [old, now])
      expect(pictures).toEqual({ p: { width: 7, height: 5, bytes: Uint8Array.from(png) } })
  })
  const node = (name: string, op: string, ...inputs: string[]) =>
    field(1, [
      ...field(1, bytesOf(name)),
      ...field(2, bytesOf(op)),
      ...inputs.flatMap((i) => field(3, bytesOf(i))),
    ])
  test('a graph: each box after its inputs, orders left out, scopes put together', () => {
    const { graph } = only(
      record(0, 4, [
        ...node('net/out', 'Add', 'net/mul:0', '^x'),
        ...node('net/mul', 'Mul', 'x', 'w'),
        ...node('x', 'Placeholder'),
        ...node('w', 'Variable'),
      ]),
    )
    expect(graphBoxes(graph!)!.map((b) => [b.name, b.from])).toEqual([
      ['x', []],
      ['w', []],
      ['net/mul', [0, 1]],
      ['net/out', [2]],
    ])
    expect(graphBoxes(graph!, 3)!.map((b) => [b.name, b.type, b.from])).toEqual([
      ['x', 'Placeholder', []],
      ['w', 'Variable', []],
      ['net', '2 operations', [0, 1]],
    ])
    expect(graphBoxes(new Uint8Array(0))).toBeUndefined()
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
  expect(runs.changed()).toEqual([
    { name: 'b', settings: {}, curves: { loss: { keep: 1, step: [20], value: [1] } } },
  ])
  // A line is read when it is whole, a file that has become shorter from its start.
  appendFileSync(join(base, 'a/metrics.jsonl'), '\n{"event":"epoch","epoch":3,')
  expect(runs.changed()[0]!.curves.loss).toEqual({ keep: 2, step: [], value: [] })
  appendFileSync(join(base, 'a/metrics.jsonl'), '"loss":0.05}\n')
  expect(runs.changed()[0]!.curves.loss).toEqual({ keep: 2, step: [3], value: [0.05] })
  writeFileSync(join(base, 'a/metrics.jsonl'), `${lines[0]}\n${lines[1]}\n`)
  expect(runs.changed()[0]!.curves.loss).toEqual({ keep: 1, step: [2], value: [0.5] })
})

test('several trainings in one run have curves of their own, and so has the use of the machine', () => {
  const folder = join(base, 'several/one')
  mkdirSync(folder, { recursive: true })
  const line = (run: string, epoch: number, loss: number) =>
    `${JSON.stringify({ event: 'epoch', run, epoch, loss })}\n`
  writeFileSync(
    join(folder, 'metrics.jsonl'),
    line('A', 0, 4) + line('A', 1, 3) + line('B', 0, 2) + line('B', 1, 1),
  )
  writeFileSync(join(folder, 'system.jsonl'), '{"seconds":1,"cores":1.5,"memory":200}\n')
  const [run] = new Runs(join(base, 'several')).all()
  expect(run!.curves).toEqual({
    'loss: A': { step: [0, 1], value: [4, 3] },
    'loss: B': { step: [0, 1], value: [2, 1] },
    'system/cores': { step: [1], value: [1.5] },
    'system/memory (MiB)': { step: [1], value: [200] },
  })
})

test('one run alone: histograms, pictures, graph, confusions with their examples', () => {
  const folder = join(base, 'details/one')
  mkdirSync(join(folder, 'plots'), { recursive: true })
  const w = { edges: [0, 1], counts: [5] }
  writeFileSync(
    join(folder, 'events.out.tfevents.1.x'),
    join2(
      ...[0, 1, 2, 1].map((step) => encodeHistograms(step, { w }, 0)),
      record(9, 5, item('p', field(4, [8, 1, 16, 1, ...field(4, [1])]))),
    ),
  )
  writeFileSync(join(folder, 'graph.svg'), '<svg/>')
  writeFileSync(join(folder, 'plots/a b.png'), 'x')
  saveConfusion(folder, [0, 1, 1, 1], [0, 0, 1, 0], {
    classes: ['cat', 'dog'],
    text: (i) => `text ${i}`,
    images: { width: 2, height: 1, image: (i) => [i, 255] },
    most: 1,
  })
  const runs = new Runs(join(base, 'details'))
  expect(runs.details('one')).toBeUndefined()
  runs.all()
  const found = runs.details('one')!
  expect(found.histograms.w!.map((r) => r.step)).toEqual([0, 1])
  expect(found.graph).toBe('<svg/>')
  expect(found.pictures.map((p) => p.title)).toEqual(['plots/a b.png', 'p, 9'])
  expect(found.pictures[0]!.url).toMatch(/^\.\/runs\/file\/one\/plots\/a%20b\.png\?/)
  expect(found.confusion!.counts).toEqual([
    [1, 0],
    [2, 1],
  ])
  expect(found.confusion!.examples['1,0']).toEqual([
    { index: 1, text: 'text 1', pixels: Buffer.from([1, 255]).toString('base64') },
  ])
  expect(() => saveConfusion(folder, [0, 2], [0, 1], { classes: ['a', 'b'] })).toThrow(
    '[saveConfusion] every class must have its name; got 2 names for 3 classes',
  )
})

describe('curves', () => {
  test('smoothing has no bias towards its start, and keeps what is not finite out', () => {
    expect(smooth([4, 4, 4], 0.9).map((v) => Number(v.toFixed(9)))).toEqual([4, 4, 4])
    expect(smooth([1, 3], 0.5)).toEqual([1, (1 * 0.25 + 3 * 0.5) / 0.75])
    expect(smooth([1, Number.NaN, 1], 0.5)).toEqual([1, Number.NaN, 1])
    expect(smooth([1, 2], 0)).toEqual([1, 2])
  })
  test('a curve that is longer than a screen is wide keeps its peaks, its end and its order', () => {
    const step = Array.from({ length: 10_000 }, (_, i) => i)
    const value = step.map((i) => (i === 4321 ? 1000 : i === 4322 ? -1000 : Math.sin(i / 500)))
    const other = { step: step.map((i) => i * 2 + 1), value: step.map(() => Number.NaN) }
    const { step: axis, values } = align([{ step, value }, other], 100)
    expect(axis).toHaveLength(100)
    expect(axis.at(-1)).toBe(19_999)
    expect(axis).toEqual([...axis].sort((a, b) => a - b))
    const [row, none] = values as [(number | null)[], (number | null)[]]
    expect(Math.max(...row.map(Number))).toBe(1000)
    expect(Math.min(...row.map(Number))).toBe(-1000)
    expect(row.indexOf(1000)).toBeLessThan(row.indexOf(-1000))
    expect(row.findLast((v) => v !== null)).toBe(value.at(-1))
    expect(none.every((v) => v === null)).toBe(true)
  })
  test('what a server tells of growth makes the curve; a piece too few is noticed', () => {
    const before = { name: 'a', settings: {}, curves: { x: { step: [1, 2], value: [5, 6] } } }
    const growth = (keep: number) => ({
      name: 'a',
      settings: {},
      curves: { x: { keep, step: [3], value: [7] } },
    })
    expect(grown(before, growth(1))!.curves.x).toEqual({ step: [1, 3], value: [5, 7] })
    expect(grown(before, growth(3))).toBeUndefined()
    expect(grown(undefined, growth(0))!.curves.x).toEqual({ step: [3], value: [7] })
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
    // Each at steps of its own, so that no two of a million are the same.
    const { step: all, values } = align(
      Array.from({ length: 100 }, (_, k) => ({
        step: step.map((i) => i + k / 100),
        value: smooth(value, 0.9),
      })),
      1200,
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
    expect(all.map((r) => r.name)).toEqual(['a', 'b', 'details/one', 'several/one'])
    const response = await fetch(`${running.url}runs/events`)
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const reader = response.body!.getReader()
    await reader.read()
    appendFileSync(join(base, 'a/metrics.jsonl'), '{"event":"epoch","epoch":4,"loss":0.05}\n')
    // Whoever asks for all of them meanwhile takes nothing away from those who listen.
    await fetch(`${running.url}runs/all.json`)
    const text = new TextDecoder().decode((await reader.read()).value)
    expect(JSON.parse(text.slice('data: '.length)).curves.loss).toEqual({
      keep: 2,
      step: [4],
      value: [0.05],
    })
    await reader.cancel()
  })
  test('one run, its pictures, and nothing else', async () => {
    const ask = (path: string) => fetch(`${running.url}runs/${path}`)
    const run = (await (await ask('run.json?details%2Fone')).json()) as {
      pictures: { url: string }[]
    }
    const picture = await fetch(new URL(run.pictures[0]!.url, running.url))
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/png'])
    for (const path of [
      'file/a/config.json',
      'file/a/metrics.jsonl',
      'file/..%2f..%2fx.png',
      'file/none.png',
    ])
      expect((await ask(path)).status, path).toBe(404)
    // Names that are none, and such as no name can be.
    for (const name of ['nothing', '%', '%E0%A4%A', ''])
      expect(await (await ask(`run.json?${name}`)).json(), name).toBe(null)
  })
})
