import { decode } from 'fast-png'
import { relu, tanh, tensor } from 'nabla'
import {
  functionChart,
  imageGrid,
  layerChart,
  learningCurves,
  lineChart,
  matrixChart,
} from 'nabla/plot'
import { expect, test } from 'vitest'

/** How many points the paths of an SVG's lines have. */
const points = (svg: string) =>
  [...svg.matchAll(/<path[^>]* d="(M[^"]*)"/g)].map((m) => m[1]!.split(/[ML]/).length - 1)

test('learning curves draw training and validation with as many points as epochs', async () => {
  const history = Array.from({ length: 12 }, (_, i) => ({
    loss: 1 / (i + 1),
    valLoss: 1.2 / (i + 1),
  }))
  const svg = await learningCurves(history, { title: 'a & b' })
  expect(svg).toMatch(/^<svg /)
  expect(svg).toContain('xmlns="http://www.w3.org/2000/svg"')
  expect(svg).toContain('>validation<')
  expect(svg).toContain('a &amp; b')
  expect(points(svg).filter((n) => n === 12)).toHaveLength(2)
  const alone = await learningCurves(history.map(({ loss }) => ({ loss })))
  expect(alone).not.toContain('validation')
})

test('numbers that cannot be drawn leave gaps', async () => {
  const svg = await lineChart({ a: [1, Number.NaN, 0, 2, 3, 4] }, { logY: true })
  expect(svg).not.toContain('NaN')
  await expect(async () => lineChart({})).rejects.toThrow('there must be a line')
})

test('a matrix shows each count', async () => {
  const svg = await matrixChart([
    [41, 2],
    [0, 57],
  ])
  for (const n of ['41', '2', '57']) expect(svg).toContain(`>${n}<`)
})

test('functions with derivatives, and layers by size', async () => {
  for (const [name, f] of [
    ['tanh', tanh],
    ['relu', relu],
  ] as const) {
    const svg = await functionChart(name, f)
    expect(svg).toContain('>derivative<')
    expect(points(svg).filter((n) => n === 201).length).toBe(2)
  }
  const svg = await layerChart([
    { name: 'fc1', rms: 1e-6 },
    { name: 'fc2', rms: 0.1 },
  ])
  expect(svg).toContain('fc1')
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
})
