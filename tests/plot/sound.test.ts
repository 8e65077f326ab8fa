import { zeros } from 'nabla'
import { spectrogramChart, waveformChart } from 'nabla/plot'
import { expect, test } from 'vitest'

const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map((m) => m[1]!)

test.each([
  [129, 1000],
  [3, 4],
  [40, 94],
])('a spectrogram of %i x %i has names along both axes', (n, m) => {
  const svg = spectrogramChart(zeros([n, m]).add(1), {
    sampleRate: 8000,
    hopLength: 80,
    title: 'a',
  })
  const found = texts(svg)
  expect(found).toContain('seconds')
  expect(found).toContain('Hz')
  const step = Math.ceil(m / 8)
  for (let t = 0; t < m; t += step) expect(found).toContain(`${Number((t / 100).toFixed(2))}`)
  const rows = Math.ceil(n / 8)
  for (let i = 0; i < n; i += rows) expect(found).toContain(`${Math.round((i * 4000) / (n - 1))}`)
  expect(found).not.toContain('')
})

test('the lowest frequency is at the bottom', () => {
  const svg = spectrogramChart([[1], [0]])
  const y = (color: string) => Number(new RegExp(`y="([\\d.]+)"[^>]*fill="${color}"`).exec(svg)![1])
  expect(y('rgb\\(68,1,84\\)')).toBeLessThan(y('rgb\\(253,231,37\\)'))
  expect(() => spectrogramChart([[1], [0]], { frequencies: [1] })).toThrow(
    /each of the 2 rows; got 1/,
  )
})

test('a waveform of many samples keeps its peak', () => {
  const x = new Float32Array(50000)
  x[12345] = 1
  x[30001] = -1
  const flat = new Float32Array(50000)
  const path = (v: Float32Array) => waveformChart(v, { sampleRate: 8000 })
  expect(texts(path(x))).toContain('seconds')
  expect(texts(path(x))).toContain('1.0')
  expect(path(x).length).toBeLessThan(60000)
  expect(path(flat)).not.toBe(path(x))
})
