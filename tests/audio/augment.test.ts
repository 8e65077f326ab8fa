/** Augmentation, gradients, and what does not fit. */
import {
  compile,
  gradCheck,
  manualSeed,
  ones,
  rand,
  randn,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from 'nabla'
import * as audio from 'nabla/audio'
import { expect, test } from 'vitest'
import { expectClose } from '../golden/fixture.js'

const masks = [
  ['time', audio.timeMasking, -1],
  ['frequency', audio.frequencyMasking, -2],
] as const

test.each(masks)(
  '%s: one stretch below the most, the same for all or another for each',
  (_, mask, axis) => {
    manualSeed(3)
    const x = ones([6, 2, 30, 30])
    const rowsOf = (y: Tensor) => {
      // Along the axis; the other one must be constant.
      const lines = axis === -1 ? y.select(2, 0) : y.select(3, 0)
      const other = axis === -1 ? y.select(2, 29) : y.select(3, 29)
      expect(other.toArray()).toEqual(lines.toArray())
      return lines.reshape([12, 30]).toArray() as number[][]
    }
    const lengths = new Set<number>()
    for (let i = 0; i < 30; i++) {
      const rows = rowsOf(mask(x, 8, { maskValue: 7 }))
      expect(new Set(rows.map(String)).size).toBe(1)
      const text = rows[0]!.join('')
      expect(text).toMatch(/^1*7{0,7}1*$/)
      lengths.add((text.match(/7/g) ?? []).length)
    }
    expect(lengths.size).toBeGreaterThan(4)
    expect(Math.max(...lengths)).toBe(7)
    expect(new Set(rowsOf(mask(x, 8, { iid: true })).map(String)).size).toBeGreaterThan(6)
    // p bounds the part of the axis: below 0.1 · 30.
    for (let i = 0; i < 10; i++)
      expect(rowsOf(mask(x, 30, { p: 0.1 }))[0]!.filter((v) => v === 0).length).toBeLessThan(3)
    expect(mask(x, 0)).toBe(x)
    expect(() => mask(x, 3, { p: 2 })).toThrow(/p lies in \[0, 1\]; got 2/)
    expect(() => mask(x, -1)).toThrow(/maskParam/)
    expect(() => mask(ones([3]), 1)).toThrow(/\(\.\.\., frequencies, frames\); got \[3\]/)
  },
)

test('layers mask in training only, and draw anew in each call of a compiled function', () => {
  manualSeed(1)
  const layer = new audio.TimeMasking(20)
  const x = ones([4, 40])
  const f = compile((v: Tensor) => layer.forward(v))
  const seen = new Set(Array.from({ length: 8 }, () => f(x).toArray().toString()))
  expect(seen.size).toBeGreaterThan(4)
  layer.eval()
  expect(layer.forward(x)).toBe(x)
  expect(new audio.FrequencyMasking(2, { iid: true, maskValue: -80 }).forward(x).shape).toEqual([
    4, 40,
  ])
  expect(() => new audio.TimeMasking(undefined as never)).toThrow(/timeMaskParam must be given/)
})

test('gradients are those of finite differences', () => {
  manualSeed(0)
  const x = randn([16], { dtype: 'float64' })
  const o = { nFft: 8, hopLength: 4 }
  const z = audio.spectrogram(x, { ...o, power: null })
  const functions: Record<string, [(t: Tensor) => Tensor, Tensor]> = {
    resample: [(t) => audio.resample(t, 3, 2), x],
    power: [(t) => audio.spectrogram(t, o), x],
    magnitude: [(t) => audio.spectrogram(t, { ...o, power: 1 }), x],
    mel: [(t) => audio.melSpectrogram(t, { ...o, sampleRate: 8000, nMels: 3 }).sqrt(), x],
    mfcc: [
      (t) =>
        new audio.MFCC({
          sampleRate: 8000,
          nMfcc: 2,
          logMels: true,
          melkwargs: { ...o, nMels: 3 },
        }).forward(t),
      x,
    ],
    decibels: [(t) => audio.amplitudeToDB(t.square().add(0.1), { topDb: 3 }), x],
    stretch: [(t) => audio.timeStretch(t, 1.3, { hopLength: 4 }).square(), z],
    inverse: [(t) => audio.inverseSpectrogram(t, o), z],
    deltas: [(t) => audio.computeDeltas(t), x],
    noise: [(t) => audio.addNoise(t, t.flip(0).add(t), 3), x],
  }
  for (const [name, [f, at]] of Object.entries(functions))
    expect(
      gradCheck((t: Tensor) => f(t).sum(), [at]),
      name,
    ).toBe(true)
})

test('constants of layers are kept: within a trace, a tidy, for another type', () => {
  manualSeed(4)
  const x = randn([300])
  const layers = [
    new audio.MFCC({ sampleRate: 8000, nMfcc: 4, melkwargs: { nFft: 64, nMels: 8 } }),
    new audio.Resample(3, 2),
  ]
  for (const layer of layers) {
    const want = layer.forward(x.to('float64'))
    const traced = compile((v: Tensor) => layer.forward(v))
    for (const got of [traced(x), tidy(() => layer.forward(x)), layer.forward(x), traced(x)])
      expectClose(got, want.to('float32'), 1e-3)
  }
})

test('a silent signal has finite gradients', () => {
  const x = zeros([16], { requiresGrad: true })
  audio.spectrogram(x, { nFft: 8, power: 1 }).sum().backward()
  expect((x.grad!.toArray() as number[]).every((v) => v === 0)).toBe(true)
})

test('noise of so many decibels, one number or one for each', () => {
  manualSeed(2)
  const [x, noise] = [rand([3, 500]).sub(0.5), randn([3, 500])]
  const energy = (t: Tensor) => t.square().sum(-1).toArray() as number[]
  const snr = [0, 10, -5]
  const y = audio.addNoise(x, noise, tensor(snr))
  const [s, n] = [energy(x), energy(y.sub(x))]
  snr.forEach((want, i) => {
    expect(10 * Math.log10(s[i]! / n[i]!)).toBeCloseTo(want, 3)
  })
})

test('a pitch keeps its place when it is stretched, and a resampled tone its frequency', () => {
  const tone = tensor(
    Float32Array.from({ length: 4000 }, (_, t) => Math.sin((2 * Math.PI * 500 * t) / 8000)),
  )
  const o = { nFft: 256, hopLength: 64 }
  const peak = (t: Tensor, rate: number, n = 256) => {
    const s = audio.spectrogram(t, { nFft: n }).mean(-1).toArray() as number[]
    return (s.indexOf(Math.max(...s)) * rate) / n
  }
  const z = audio.timeStretch(audio.spectrogram(tone, { ...o, power: null }), 1.5, {
    hopLength: 64,
  })
  const faster = audio.inverseSpectrogram(z, o)
  expect(faster.size).toBeLessThan(2800)
  expect(peak(faster, 8000)).toBeCloseTo(500, 0)
  expect(peak(audio.resample(tone, 8000, 16000), 16000, 512)).toBeCloseTo(500, 0)
})

test('what does not fit says so', () => {
  const x = zeros([10])
  expect(() => audio.spectrogram(x)).toThrow(/nFft 400 has at least 201 samples; got \[10\]/)
  expect(() => audio.spectrogram(x, { nFft: 8, winLength: 9 })).toThrow(
    /winLength lies from 1 to nFft, 8/,
  )
  expect(() => audio.spectrogram(x, { nFft: 8, power: 0 })).toThrow(/power/)
  expect(() => audio.spectrogram(x, { nFFT: 8 } as never)).toThrow(/nFft/)
  expect(() => audio.spectrogram(tensor([1], { dtype: 'int32' }))).toThrow(/float type/)
  expect(() => audio.resample(x, 44100.5, 8000)).toThrow(/whole number of Hz/)
  expect(() => audio.resample(x, 44101, 48001)).toThrow(/common/)
  expect(() => audio.inverseSpectrogram(x)).toThrow(/pairs|frequencies/)
  expect(() => new audio.MelScale({ nStft: 5 }).forward(zeros([6, 2]))).toThrow(
    /nStft frequencies, 5; got 6/,
  )
  expect(() => new audio.MFCC({ nMfcc: 200 })).toThrow(/at most as many/)
  expect(() => new audio.MelScale({ fMin: 9000 })).toThrow(/fMin < fMax/)
  expect(() => audio.timeStretch(zeros([3, 4, 2]), 0)).toThrow(/rate is above 0/)
  expect(() => new audio.TimeStretch().forward(zeros([201, 4, 2]))).toThrow(/fixedRate/)
  expect(() => audio.griffinLim(zeros([5, 3]), { nFft: 8, momentum: 1 })).toThrow(/momentum/)
  expect(() => audio.hannWindow(-1)).toThrow(/windowLength/)
  expect(audio.hannWindow(0).shape).toEqual([0])
  expect(() => audio.asteriskPrompts({ folder: '/nowhere' })).toThrow(
    /apt-get install asterisk-core-sounds-en-wav .*asterisk-core-sounds-ru-wav/,
  )
})
