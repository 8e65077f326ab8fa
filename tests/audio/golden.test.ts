/** torchaudio's numbers; see tests/golden/topics/audio.py. */
import { grad, type Tensor } from 'nabla'
import * as audio from 'nabla/audio'
import { describe, expect, test } from 'vitest'
import { expectClose, golden, revive } from '../golden/fixture.js'

const cases = golden('audio')
const of = (kind: string) => cases.filter((c) => c.name.startsWith(kind))
type Found = Record<string, never> & { x: Tensor; out: Tensor; o: never; args: never[] }
const read = (c: unknown) => revive(c) as Found

const windows: Record<string, audio.WindowFunction> = {
  hann: audio.hannWindow,
  hamming: audio.hammingWindow,
  blackman: audio.blackmanWindow,
  bartlett: audio.bartlettWindow,
}

test('windows', () => {
  for (const c of of('window')) {
    const { window, n, periodic, out } = read(c)
    expectClose(windows[window]!(n, { periodic }), out, 1e-6, c.name)
  }
})

test.each(of('resample'))('$name', (c) => {
  const { x, orig, new: to, o, out } = read(c)
  expectClose(audio.resample(x, orig, to, o), out, 2e-6)
  const layer = new audio.Resample(orig, to, o)
  expectClose(layer.forward(x), out, 2e-6)
})

test.each(of('spectrogram'))('$name', (c) => {
  const { x, out, grad: slope, back, o } = read(c) as Found & { back?: Tensor; grad: Tensor }
  const { window, ...rest } = o as { window?: string }
  const options = { ...rest, ...(window && { window: windows[window]!(32) }) }
  expectClose(audio.spectrogram(x, options), out, 2e-5)
  const { window: _, ...layer } = { ...options, windowFn: windows[window ?? 'hann']! }
  expectClose(new audio.Spectrogram(layer).forward(x), out, 2e-5)
  const dx = grad((v: Tensor) => audio.spectrogram(v, options).square().sum())(x)
  expectClose(dx, slope, 2e-4, 'gradient')
  if (!back) return
  const { power: _power, ...inverse } = options as { power?: null }
  expectClose(audio.inverseSpectrogram(out, { ...inverse, length: 120 }), back, 1e-5)
})

test.each(of('filters'))('$name', (c) => {
  const { args, o, out } = read(c)
  const [nFreqs, fMin, fMax, nMels, rate] = args as number[]
  // torchaudio computes them in float32.
  expectClose(audio.melscaleFbanks(nFreqs!, fMin!, fMax!, nMels!, rate!, o), out, 2e-5)
})

test.each(of('decibels'))('$name', (c) => {
  const { x, o, out } = read(c)
  expectClose(audio.amplitudeToDB(x, o), out, 1e-5)
})

test('amplitudes of decibels', () => {
  const { x, out } = read(of('amplitudes')[0])
  expectClose(audio.DBToAmplitude(x, 2, 0.5), out, 1e-5)
})

test.each(of('dct'))('$name', (c) => {
  const { args, out } = read(c)
  const [n, m, norm] = args as unknown as [number, number, null]
  expectClose(audio.createDct(n, m, norm), out, 5e-6)
})

test.each(of('deltas'))('$name', (c) => {
  const { x, o, out } = read(c)
  expectClose(audio.computeDeltas(x, o), out, 1e-5)
  expectClose(new audio.ComputeDeltas(o).forward(x), out, 1e-5)
})

describe('layers', () => {
  test.each(of('layer'))('$name $o', (c) => {
    const { x, o, out } = read(c)
    const layer = c.name.endsWith('MFCC') ? new audio.MFCC(o) : new audio.MelSpectrogram(o)
    expectClose(layer.forward(x), out, 1e-4)
    // Windows and filters follow from the options: nothing of them is saved, nothing trained.
    expect(Object.keys(layer.stateDict())).toEqual([])
    if (c.name.endsWith('MelSpectrogram')) expectClose(audio.melSpectrogram(x, o), out, 1e-4)
  })
})

test.each(of('vocoder'))('$name', (c) => {
  const { x, rate, out } = read(c)
  expectClose(audio.timeStretch(x, rate, { hopLength: 16 }), out, 2e-4)
  expectClose(new audio.TimeStretch({ hopLength: 16, nFreq: 17 }).forward(x, rate), out, 2e-4)
})

test.each(of('griffinLim'))('$name', (c) => {
  const { x, o, out } = read(c)
  expectClose(audio.griffinLim(x, o), out, 1e-3)
})

test('gain', () => {
  const { x, out } = read(of('gain')[0])
  expectClose(audio.gain(x, 6), out, 1e-6)
})
