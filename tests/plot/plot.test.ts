import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decode } from 'fast-png'
import { NablaError, relu, tanh, tensor, zeros } from 'nabla'
import * as plot from 'nabla/plot'
import { toPng } from 'nabla/vision'
import { dtypes } from '../../src/core/dtype.js'
import {
  annotatedImages,
  barChart,
  boxChart,
  functionChart,
  heatMapChart,
  histogramChart,
  imageGrid,
  layerChart,
  learningCurves,
  lineChart,
  matrixChart,
  saveChart,
  scatterChart,
  svgToPng,
} from 'nabla/plot'
import { afterAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-plot-'))
afterAll(() => rmSync(folder, { recursive: true }))
const range = (n: number) => Array.from({ length: n }, (_, i) => i)

/** How many points the paths of an SVG's lines have. */
const points = (svg: string) =>
  [...svg.matchAll(/<path[^>]* d="(M[^"]*)"/g)].map((m) => m[1]!.split(/[ML]/).length - 1)
/** What is written in a chart, without what shows under the pointer only. */
const words = (svg: string) =>
  [...svg.replace(/<title>[^<]*<\/title>/g, '').matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(
    (m) => m[1]!,
  )
/** Every number among the attributes. */
const coordinates = (svg: string) =>
  [...svg.matchAll(/ (?:d|x|y|cx|cy|width|height)="([^"]*)"/g)].flatMap((m) =>
    [...m[1]!.matchAll(/-?[\d.]+(?:e-?\d+)?|NaN|Infinity|undefined/g)].map((n) => Number(n[0])),
  )

test('learning curves draw training and validation with as many points as epochs', () => {
  const history = range(12).map((i) => ({ loss: 1 / (i + 1), valLoss: 1.2 / (i + 1) }))
  const svg = learningCurves(history, { title: 'a & b <c>' })
  expect(svg).toMatch(/^<svg /)
  expect(svg).toContain('xmlns="http://www.w3.org/2000/svg"')
  expect(words(svg)).toContain('validation')
  expect(svg).toContain('a &amp; b &lt;c&gt;')
  expect(points(svg).filter((n) => n === 12)).toHaveLength(2)
  // Epochs are whole numbers.
  expect(words(learningCurves(history.slice(0, 3)))).not.toContain('1.5')
  const alone = learningCurves(history.map(({ loss }) => ({ loss })))
  expect(alone).not.toContain('validation')
})

describe('whatever the numbers are, everything lies within the picture', () => {
  const awkward: Record<string, number[]> = {
    one: [0.5],
    constant: [3, 3, 3],
    zeros: [0, 0],
    none: [],
    'not finite': [Number.NaN, Number.POSITIVE_INFINITY, 2, Number.NEGATIVE_INFINITY, 4, 5],
    'only NaN': [Number.NaN, Number.NaN],
    offset: [1e6 + 0.1, 1e6 + 0.2, 1e6 + 0.3],
    tiny: [1e-30, 3e-30],
    huge: [-1.7e308, 1.7e308],
    close: [0.1, 0.1 + 2e-17, 0.1 + 4e-17],
    decades: [1e-12, 1, 1e12],
    'below zero': [-3, -1, 2],
    many: range(20_000).map((i) => Math.sin(i / 3000)),
  }
  const charts: Record<string, (v: number[], log: boolean) => string> = {
    line: (v, logY) =>
      lineChart({ a: v, b: v.map((x) => 2 * x) }, { logY, title: 't', x: 'x', y: 'y' }),
    scatter: (v, log) => scatterChart({ a: { x: v, y: v } }, { logY: log, logX: log }),
    bar: (v, logY) =>
      barChart(Object.fromEntries((v.length ? v.slice(0, 50) : [1]).map((x, i) => [`b${i}`, x])), {
        logY,
      }),
    histogram: (v, logY) => histogramChart([...v, 1, 2], { logY }),
    box: (v, logY) => boxChart({ a: v, b: [1, 2] }, { logY }),
    matrix: (v) => matrixChart(v.length ? [v.slice(0, 90)] : [[0]]),
    heat: (v) => heatMapChart(v.length ? [v] : [[0]], { values: true }),
  }
  test.each(Object.keys(charts))('%s', async (name) => {
    for (const [kind, values] of Object.entries(awkward))
      for (const log of [false, true]) {
        const svg = charts[name]!(values, log)
        const outside = coordinates(svg).filter((v) => !(v >= -1 && v <= 641))
        expect(outside.slice(0, 3), `${kind} log ${log}`).toEqual([])
        expect(words(svg).filter((w) => /undefined|null|^-?\d*\.\d{16,}/.test(w))).toEqual([])
      }
    expect((await svgToPng(charts[name]!(awkward.many!, false))).length).toBeGreaterThan(500)
  })
})

test('points have their labels beside them, one for each', () => {
  const labels = ['whale', 'sperm whale']
  const svg = scatterChart({ words: { x: [1, 2], y: [3, 4], labels } })
  expect(words(svg)).toEqual(expect.arrayContaining(labels))
  expect(() => scatterChart({ a: { x: [1, 2], y: [3, 4], labels: ['one'] } })).toThrow(
    'a label for each of its 2 points',
  )
  // A point that cannot be drawn has no label.
  const some = { x: [1, Number.NaN], y: [3, 4], labels }
  expect(words(scatterChart({ some }))).not.toContain('sperm whale')
})

test('numbers that cannot be drawn leave gaps, and single ones are dots', () => {
  const svg = lineChart({ a: [1, Number.NaN, 0, 2, 3, 4] }, { logY: true })
  expect(svg).not.toContain('NaN')
  expect(points(svg)).toContain(3)
  expect(svg).toMatch(/d="M[\d.,]+h0"/)
  expect(() => lineChart({})).toThrow('there must be a line')
  expect(() => lineChart({ a: { x: [1], y: [1, 2] } })).toThrow(
    'a must have as many x as y values; got 1 and 2',
  )
  expect(words(scatterChart({ a: { x: [1, Number.NaN], y: [1, 2] } }))).toContain(
    '1 not drawn (not finite or out of range)',
  )
})

test('many points stay a small text and keep their extremes', () => {
  const y = range(300_000).map((i) => (i === 123_456 ? 50 : Math.sin(i / 9000)))
  const svg = lineChart({ a: y })
  expect(svg.length).toBeLessThan(60_000)
  const tops = [...svg.matchAll(/[ML]([\d.]+),([\d.]+)/g)].map((m) => Number(m[2]))
  expect(Math.min(...tops)).toBeLessThan(20)
})

test('ticks tell numbers apart and are short', () => {
  const ticks = (v: number[], log = false) =>
    words(lineChart({ a: { x: v, y: [...v] } }, { logY: log }))
  expect(ticks([0, 1])).toEqual(expect.arrayContaining(['0.0', '0.2', '1.0']))
  expect(ticks([1e6, 1e6 + 1])).toContain('1,000,000.2')
  expect(ticks([0, 3e-9])).toContain('5e-10')
  expect(ticks([1e-4, 1], true)).toEqual(expect.arrayContaining(['1e-4', '0.1', '1']))
  expect(ticks([1e-3, 1e7], true).join()).not.toContain('0000000')
  for (const v of [
    [0, 0.3],
    [1e-7, 2e-7],
    [-5, 1e9],
    [3, 3.00001],
  ])
    expect(new Set(ticks(v, false).slice(0, 5)).size).toBe(5)
})

test('histograms count as numpy does', () => {
  const heights = (svg: string) => {
    const d = /<path d="(M[^"]*Z)"/.exec(svg)![1]!
    const bars = [...d.matchAll(/M([\d.]+),([\d.]+)V([\d.]+)H([\d.]+)V/g)].map(
      (m) => Number(m[2]) - Number(m[3]),
    )
    return bars.map((h) => h / Math.max(...bars))
  }
  // numpy.histogram([0, 1, 1, 2, 3, 3, 3, 4], 4) is [1, 2, 1, 4].
  const h = heights(histogramChart([0, 1, 1, 2, 3, 3, 3, 4], { bins: 4 }))
  for (const [i, want] of [0.25, 0.5, 0.25, 1].entries()) expect(h[i]).toBeCloseTo(want, 3)
  expect(words(histogramChart({ a: tensor([1, 2, 3]), b: [2] }, { density: true }))).toEqual(
    expect.arrayContaining(['density', 'a', 'b']),
  )
  expect(() => histogramChart([Number.NaN])).toThrow('there must be a finite value')
  expect(() => histogramChart([1], { bins: 0 })).toThrow(
    'bins must be a whole number from 1 to 1,000; got 0',
  )
})

test('boxes show quartiles, reach and what lies beyond', () => {
  const svg = boxChart({ a: [1, 2, 3, 4, 20] })
  // Quartiles 2, 3, 4; 20 lies beyond 4 + 1.5 · 2.
  expect([...svg.matchAll(/stroke="#d55e00"/g)]).toHaveLength(1)
  const box = /<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)" fill="#0072b2"/.exec(
    svg,
  )!
  const scale = Number(box[2]) / 2
  const median = Number(/d="M[\d.]+,([\d.]+)h[\d.]+" stroke="#222"/.exec(svg)![1])
  expect(median - Number(box[1])).toBeCloseTo(scale, 1)
})

describe('matrices', () => {
  test('a confusion matrix rounds its numbers and names its classes', () => {
    const svg = matrixChart(
      [
        [41, 1 / 3, 0.1 + 0.2],
        [0, 57_000, 1234.567],
        [1e-7, 2, 3],
      ],
      { names: ['a', 'b', 'c'] },
    )
    for (const n of ['41', '0.333', '0.3', '57,000', '1,235', '1e-7', 'predicted', 'true', 'b'])
      expect(words(svg)).toContain(n)
    const shares = matrixChart(
      tensor([
        [1, 3],
        [2, 2],
      ]),
      { normalize: 'true' },
    )
    expect(words(shares)).toEqual(expect.arrayContaining(['0.25', '0.75', '0.50']))
    expect(() => matrixChart([[1, 2], [3]])).toThrow('rows of one length')
    expect(() => matrixChart([[1]], { names: ['a', 'b'] })).toThrow(
      'a name for each of the 1 classes; got 2 names',
    )
  })

  test('a heat map has a bar of its colors, and gray where there is no number', () => {
    const svg = heatMapChart(
      [
        [0, 10],
        [Number.NaN, 5],
      ],
      { values: true },
    )
    expect(svg).toContain('fill="rgb(68,1,84)"')
    expect(svg).toContain('fill="rgb(253,231,37)"')
    expect(svg).toContain('fill="rgb(200,200,200)"')
    expect(words(svg)).toEqual(expect.arrayContaining(['10', 'NaN', '0', '2', '8']))
    expect(heatMapChart([[-1, 3]], { colors: 'diverging', range: [-3, 3] })).toContain(
      'rgb(178,24,43)',
    )
    const large = heatMapChart(range(100).map(() => range(100)))
    expect(large).toContain('data:image/png;base64,')
    expect(large.length).toBeLessThan(100_000)
    // @ts-expect-error not a scale
    expect(() => heatMapChart([[1]], { colors: 'jet' })).toThrow(
      'viridis, blues, diverging; got jet',
    )
  })
})

test('functions with derivatives, and layers by size', () => {
  for (const [name, f] of [
    ['tanh', tanh],
    ['relu', relu],
  ] as const) {
    const svg = functionChart(name, f)
    expect(words(svg)).toContain('derivative')
    expect(points(svg).filter((n) => n === 201).length).toBe(2)
  }
  const svg = layerChart([
    { name: 'fc1', rms: 1e-6 },
    { name: 'fc2', rms: 0.1 },
  ])
  expect(words(svg)).toContain('fc1')
})

test('unknown options are refused with the right name', () => {
  const wrong = { titel: 'x' } as object
  for (const f of [
    () => lineChart({ a: [1] }, wrong),
    () => scatterChart({ a: { x: [1], y: [1] } }, wrong),
    () => barChart({ a: 1 }, wrong),
    () => histogramChart([1], wrong),
    () => boxChart({ a: [1] }, wrong),
    () => matrixChart([[1]], wrong),
    () => heatMapChart([[1]], wrong),
    () => learningCurves([{ loss: 1 }], wrong),
    () => functionChart('tanh', tanh, wrong),
    () => layerChart([{ name: 'a', rms: 1 }], wrong),
  ])
    expect(f).toThrow('Did you mean title?')
  expect(() => imageGrid(tensor([[1]]), { column: 1 } as object)).toThrow('Did you mean columns?')
  expect(() => lineChart({ a: [1] }, { width: 3 })).toThrow(
    'from 100 to 10,000 pixels; got 3 x 400',
  )
})

describe('PNG', () => {
  test('of the size asked for, with readable text', async () => {
    const named = decode(await svgToPng(barChart({ wwwww: 1 }), { scale: 1 }))
    expect([named.width, named.height]).toEqual([640, 400])
    // Ink below the axis, where only the name of the bar stands.
    const ink = (png: typeof named) => {
      let n = 0
      for (let y = 382; y < 400; y++)
        for (let x = 300; x < 400; x++) if (png.data[(y * 640 + x) * png.channels]! < 128) n++
      return n
    }
    expect(ink(named)).toBeGreaterThan(40)
    expect(ink(decode(await svgToPng(barChart({ ' ': 1 }), { scale: 1 })))).toBe(0)
    expect(decode(await svgToPng(barChart({ a: 1 }))).width).toBe(1280)
    await expect(svgToPng('<p>')).rejects.toThrow('the text must be an SVG')
    await expect(svgToPng(barChart({ a: 1 }), { scale: 100 })).rejects.toThrow(
      'scale must lie from 0.1 to 10',
    )
  })

  test('files by the ending of their name', async () => {
    const svg = lineChart({ a: [1, 2] })
    await saveChart(join(folder, 'a.svg'), svg)
    expect(readFileSync(join(folder, 'a.svg'), 'utf8')).toBe(svg)
    await saveChart(join(folder, 'a.png'), svg, { scale: 1 })
    expect(decode(readFileSync(join(folder, 'a.png'))).width).toBe(640)
    await expect(saveChart(join(folder, 'a.jpg'), svg)).rejects.toThrow('must end in .svg or .png')
  })
})

test.each(dtypes)('tensors of %s are drawn', (dtype) => {
  const t = tensor(
    [
      [0, 1],
      [1, 0],
    ],
    { dtype },
  )
  const flat = tensor([0, 1, 1], { dtype })
  expect(lineChart({ a: flat })).toBe(lineChart({ a: [0, 1, 1] }))
  expect(histogramChart(flat)).toBe(histogramChart([0, 1, 1]))
  expect(heatMapChart(t)).toBe(
    heatMapChart([
      [0, 1],
      [1, 0],
    ]),
  )
  expect([...decode(imageGrid(t, { scale: 1, gap: 0 })).data]).toEqual([0, 255, 255, 0])
  expect([...decode(toPng(t)).data]).toEqual([0, 255, 255, 0])
})

test('images stand in a grid', () => {
  const png = decode(imageGrid(tensor([[[0, 1]], [[5, 3]]]), { scale: 2, gap: 1 }))
  expect([png.width, png.height, png.channels]).toEqual([11, 4, 1])
  const row = [...png.data.slice(11, 22)]
  expect(row).toEqual([90, 0, 0, 255, 255, 90, 255, 255, 0, 0, 90])
  const color = decode(
    imageGrid(tensor([[[[1]], [[0]], [[0.5]]]]), { scale: 1, gap: 0, range: [0, 1] }),
  )
  expect([...color.data]).toEqual([255, 0, 128])
  expect(() => imageGrid(tensor([1, 2]))).toThrow('[imageGrid]')
  expect(() => imageGrid(tensor([[1]]), { scale: 0 })).toThrow(
    'scale must be a whole number from 1; got 0',
  )
})

test('marks lie over their images', () => {
  const x = zeros([2, 1, 10, 20])
  const svg = annotatedImages(
    x,
    [
      [{ box: [1, 2, 11, 8], label: '<7>', color: 0 }, { points: [[4, 5]] }],
      [
        {
          points: [
            [0, 0],
            [20, 10],
          ],
          color: 'red',
          dashed: true,
        },
      ],
    ],
    { scale: 2, columns: 2, captions: ['one', 'two'], title: 'found' },
  )
  expect(svg.match(/<image/g)!.length).toBe(2)
  // The first image begins at (8, 32), the second 48 to the right of it.
  expect(svg).toContain('<rect x="10" y="36" width="20" height="12"')
  expect(svg).toContain('<circle cx="16" cy="42"')
  expect(svg).toContain('<polyline points="56,32 96,52"')
  for (const words of ['&lt;7&gt;', '>one<', '>two<', '>found<']) expect(svg).toContain(words)
  expect(annotatedImages(zeros([1, 3, 4, 4]), [[]])).toContain('<image')
  expect(() => annotatedImages(x, [[]])).toThrow('marks for each of the 2 images; got 1')
  expect(() => annotatedImages(zeros([2, 2, 4, 4]), [[], []])).toThrow('(N, 3, H, W)')
  expect(() => annotatedImages(x, [[{ box: [0, 0, Number.NaN, 1] }], []])).toThrow(
    'four finite numbers',
  )
  expect(() => annotatedImages(x, [[{}], []])).toThrow('or points of two')
  expect(() => annotatedImages(x, [[], []], { scale: 0 })).toThrow('scale is a number above 0')
})

test('data of another kind is refused in words', () => {
  const charts = Object.entries(
    plot as unknown as Record<string, (...args: unknown[]) => unknown>,
  ).filter(([name]) => /Chart$|Curves$/.test(name) && name !== 'saveChart')
  expect(charts.length).toBeGreaterThan(9)
  for (const [name, chart] of charts)
    for (const data of [undefined, null, 3, 'text', true, () => 1]) {
      let error: unknown
      try {
        chart(data)
      } catch (e) {
        error = e
      }
      expect(error, `${name} of ${String(data)}`).toBeInstanceOf(NablaError)
    }
})

test('regions of a classifier: one path a class, the points on it', () => {
  const points = { low: { x: [0, 1], y: [0, 0] }, high: { x: [0, 1], y: [1, 1] } }
  const svg = plot.boundaryChart((_x, y) => y.map((v) => +(v > 0.5)), points, { cells: 4 })
  const regions = [...svg.matchAll(/<path d="([^"]*)" fill="[^"]*" fill-opacity/g)].map(
    (m) => m[1]!,
  )
  // Two rows of four cells each, cells of a row joined.
  expect(regions.map((d) => d.split('Z').length - 1)).toEqual([2, 2])
  expect(() => plot.boundaryChart(() => [7], points)).toThrow('from 0 to 1; got 7')
  expect(() => plot.boundaryChart(undefined as never, points)).toThrow('classify is a function')
  expect(() => plot.boundaryChart(() => [0], { a: { x: [], y: [] } })).toThrow(
    'there must be points',
  )
})

test('parallel coordinates: a line for each row that has a value at the end', () => {
  const rows = [
    { lr: 0.1, kind: 'a', loss: 1 },
    { lr: 0.001, kind: 'b', loss: 2 },
    { lr: 0.01, kind: 'a', loss: Number.NaN },
  ]
  const svg = plot.parallelChart(rows, { log: ['lr'], height: 232, title: 'a title' })
  const lines = [...svg.matchAll(/<polyline points="([^"]*)"/g)].map((m) => m[1]!.split(' '))
  expect(lines.length).toBe(2)
  // On a logarithmic axis 0.01 lies in the middle; 0.1 at the top, 0.001 at the bottom.
  expect(lines.map((l) => l[0])).toEqual(['60,70', '60,202'])
  expect(() => plot.parallelChart([])).toThrow('rows with two or more columns')
})
