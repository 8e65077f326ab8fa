/** Frequencies as ears tell them apart, decibels, cepstra. */
import { pow as power } from '../core/math.js'
import { ValueError } from '../core/errors.js'
import { kinds, oneOf, orNull, type PlacesOr, readOptions } from '../core/options.js'
import { add, div, mul, sub } from '../ops/arithmetic.js'
import { permute, reshape, sum } from '../ops/broadcast.js'
import { conv1d } from '../ops/conv.js'
import { clamp, maximum, pow } from '../ops/elementwise.js'
import { log, log10 } from '../ops/functions.js'
import { pad } from '../ops/join.js'
import { matmul } from '../ops/linalg.js'
import { amax } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { numbers, requireAxes } from './common.js'

/** 'htk': 2595 log₁₀(1 + f/700) (O'Shaughnessy); 'slaney': straight below 1 kHz, logarithmic above (Auditory Toolbox). */
export type MelScaleName = 'htk' | 'slaney'

const SLANEY = { step: 200 / 3, from: 1000, log: Math.log(6.4) / 27 }
/**
 * Mels of a frequency in Hz. @throws ValueError for an unknown scale
 * @example audio.hzToMel(1000, 'slaney') // 15
 */
export function hzToMel(hz: number, melScale: MelScaleName = 'htk'): number {
  requireScale('hzToMel', melScale)
  if (melScale === 'htk') return 2595 * Math.log10(1 + hz / 700)
  const { step, from, log: part } = SLANEY
  return hz < from ? hz / step : from / step + Math.log(hz / from) / part
}
/** The frequency in Hz of mels. @throws ValueError for an unknown scale @example audio.melToHz(15, 'slaney') // 1000 */
export function melToHz(mels: number, melScale: MelScaleName = 'htk'): number {
  requireScale('melToHz', melScale)
  if (melScale === 'htk') return 700 * (power(10, mels / 2595) - 1)
  const { step, from, log: part } = SLANEY
  return mels < from / step ? mels * step : from * Math.exp(part * (mels - from / step))
}
function requireScale(op: string, melScale: string): void {
  if (melScale !== 'htk' && melScale !== 'slaney')
    throw new ValueError({ op, rule: "melScale is 'htk' or 'slaney'", got: `${melScale}` })
}

export interface FilterBankOptions {
  /** 'slaney' divides each filter by its width in Hz; null (when not given) leaves 1 at its top. */
  norm?: 'slaney' | null
  /** 'htk' when not given. */
  melScale?: MelScaleName
}
const even = (from: number, to: number, n: number) =>
  Array.from({ length: n }, (_, i) => (n === 1 ? from : from + ((to - from) * i) / (n - 1)))

/**
 * A filter bank: triangles that begin, rise and end at neighbours among `nMels` + 2 frequencies at equal distances in mels.
 * A spectrogram (..., nFreqs, frames) is filtered by a product with its transpose. torchaudio.functional.melscale_fbanks.
 *
 * Shape: (nFreqs, nMels).
 * @throws ValueError for counts below 1, and frequencies that do not go up
 * @example audio.melscaleFbanks(5, 0, 4, 1, 8) // [[0], [0.50071], [0.99858], [0.49929], [0]]
 */
export function melscaleFbanks(
  nFreqs: number,
  fMin: number,
  fMax: number,
  nMels: number,
  sampleRate: number,
  ...rest: PlacesOr<FilterBankOptions>
): Tensor {
  const op = 'melscaleFbanks'
  const { norm = null, melScale = 'htk' } = readOptions<FilterBankOptions>(op, rest, {
    norm: orNull(oneOf('slaney')),
    melScale: oneOf('htk', 'slaney'),
  })
  for (const [name, v] of Object.entries({ nFreqs, nMels, sampleRate }))
    if (!kinds.count.holds(v))
      throw new ValueError({ op, rule: `${name} is ${kinds.count.rule}`, got: `${v}` })
  if (!(fMin >= 0 && fMin < fMax))
    throw new ValueError({ op, rule: '0 ≤ fMin < fMax', got: `${fMin} and ${fMax}` })
  const all = even(0, Math.floor(sampleRate / 2), nFreqs)
  const points = even(hzToMel(fMin, melScale), hzToMel(fMax, melScale), nMels + 2).map((m) =>
    melToHz(m, melScale),
  )
  const data = all.flatMap((f) =>
    Array.from({ length: nMels }, (_, m) => {
      const [a, b, c] = points.slice(m, m + 3) as [number, number, number]
      const height = Math.max(0, Math.min((f - a) / (b - a), (c - f) / (c - b)))
      return norm === 'slaney' ? (height * 2) / (c - a) : height
    }),
  )
  return tensor(data, { shape: [nFreqs, nMels], dtype: 'float32' })
}

/** Frequencies or mels times a matrix (from, to): (..., from, frames) to (..., to, frames). */
export function filtered(x: Tensor, bank: Tensor): Tensor {
  return matmul(permute(bank, [1, 0]), x)
}

export interface DecibelOptions {
  /** 10 (when not given) for power, 20 for amplitude. */
  multiplier?: number
  /** Smaller numbers count as this; 1e-10 when not given. */
  amin?: number
  /** log₁₀ of the reference; 0 when not given. */
  dbMultiplier?: number
  /** Nothing lies further below the largest number, of each example; null (when not given): no bound. */
  topDb?: number | null
}
/**
 * Decibels: multiplier · (log₁₀ max(x, amin) − dbMultiplier), at least the largest of the example − topDb.
 *
 * An example is what the last three axes hold, (channel, frequencies, frames), or all of x where it has no more.
 * torchaudio.functional.amplitude_to_DB.
 * @throws ValueError for an amin or topDb that is not above 0
 * @example audio.amplitudeToDB(tensor([1, 10, 0]), { topDb: 30 }) // [0, 10, -20]
 */
export function amplitudeToDB(x: Tensor, ...rest: PlacesOr<DecibelOptions>): Tensor {
  const op = 'amplitudeToDB'
  const {
    multiplier = 10,
    amin = 1e-10,
    dbMultiplier = 0,
    topDb = null,
  } = readOptions<DecibelOptions>(op, rest, {
    multiplier: kinds.number,
    amin: kinds.number,
    dbMultiplier: kinds.number,
    topDb: orNull(kinds.number),
  })
  requireAxes(op, x)
  if (!(amin > 0)) throw new ValueError({ op, rule: 'amin is above 0', got: `${amin}` })
  if (topDb !== null && !(topDb >= 0))
    throw new ValueError({ op, rule: 'topDb is 0 or more', got: `${topDb}` })
  const db = sub(mul(log10(clamp(x, amin, null)), multiplier), multiplier * dbMultiplier)
  if (topDb === null || x.size === 0) return db
  const axes = [...x.shape.keys()].slice(-3)
  return maximum(db, sub(amax(db, axes, { keepdim: true }), topDb))
}
/**
 * The inverse of amplitudeToDB: ref · (10^(x/10))^power, power 1 for power and 0.5 for amplitudes.
 * torchaudio.functional.DB_to_amplitude.
 * @example audio.DBToAmplitude(tensor([0, 20]), 1, 0.5) // [1, 10]
 */
export const DBToAmplitude = (x: Tensor, ref: number, power: number): Tensor =>
  mul(pow(10, mul(x, 0.1 * power)), ref)

/**
 * The discrete cosine transform of type II as a matrix (nMels, nMfcc): cos(π/n (m + ½) k), times 2, or with 'ortho' such that
 * its columns are orthonormal. torchaudio.functional.create_dct.
 * @throws ValueError for counts below 1 @example audio.createDct(2, 2, 'ortho') // [[0.7071, 0.7071], [0.7071, -0.7071]]
 */
export function createDct(nMfcc: number, nMels: number, norm: 'ortho' | null = null): Tensor {
  const op = 'createDct'
  for (const [name, v] of Object.entries({ nMfcc, nMels }))
    if (!kinds.count.holds(v))
      throw new ValueError({ op, rule: `${name} is ${kinds.count.rule}`, got: `${v}` })
  if (norm !== null && norm !== 'ortho')
    throw new ValueError({ op, rule: "norm is 'ortho' or null", got: `${norm}` })
  const data = Float64Array.from({ length: nMels * nMfcc }, (_, i) => {
    const [m, k] = [Math.floor(i / nMfcc), i % nMfcc]
    const v = Math.cos((Math.PI / nMels) * (m + 0.5) * k)
    return norm === null ? 2 * v : v * Math.sqrt((k === 0 ? 1 : 2) / nMels)
  })
  return tensor(data, { shape: [nMels, nMfcc], dtype: 'float32' })
}
/** ln(x + 1e-6), what MFCC takes instead of decibels with logMels. */
export const logMel = (x: Tensor): Tensor => log(add(x, 1e-6))

export interface DeltaOptions {
  /** Frames that a delta looks at, from 3 up; 5 when not given. */
  winLength?: number
  /** How the frames go on beyond the ends; 'replicate' when not given. */
  mode?: 'replicate' | 'constant' | 'reflect' | 'circular'
}
/**
 * How the numbers change over time: d[t] = Σₙ n (x[t+n] − x[t−n]) / (2 Σₙ n²), n from 1 to ⌊(winLength − 1)/2⌋.
 *
 * Shapes: (..., frequencies, frames) to the same. torchaudio.functional.compute_deltas.
 * @throws ValueError for a winLength below 3
 * @example audio.computeDeltas(tensor([[0, 1, 2, 3, 4]]), { winLength: 3 }) // [[0.5, 1, 1, 1, 0.5]]
 */
export function computeDeltas(x: Tensor, ...rest: PlacesOr<DeltaOptions>): Tensor {
  const op = 'computeDeltas'
  const { winLength = 5, mode = 'replicate' } = readOptions<DeltaOptions>(op, rest, {
    winLength: kinds.count,
    mode: kinds.text,
  })
  requireAxes(op, x, 'frames')
  if (winLength < 3)
    throw new ValueError({ op, rule: 'winLength is 3 or more', got: `${winLength}` })
  const n = Math.floor((winLength - 1) / 2)
  const frames = x.shape[x.rank - 1]!
  const rows = pad(reshape(x, [-1, 1, frames]), [n, n], { mode })
  const weights = reshape(
    numbers(
      x,
      Array.from({ length: 2 * n + 1 }, (_, i) => i - n),
    ),
    [1, 1, -1],
  )
  return reshape(div(conv1d(rows, weights), (n * (n + 1) * (2 * n + 1)) / 3), x.shape)
}

/**
 * y = 10^(gainDb / 20) x. torchaudio.functional.gain. @example audio.gain(tensor([1]), 20) // [10]
 */
export const gain = (x: Tensor, gainDb = 1): Tensor =>
  gainDb === 0 ? x : mul(x, power(10, gainDb / 20))

/**
 * y = x + a · noise, with a such that the energy of x is 10^(snr/10) times that of the noise: `snr` decibels, a number or one for each
 * waveform. torchaudio.functional.add_noise.
 *
 * Shapes: x and noise (..., time), snr a number or (...).
 * @example audio.addNoise(tensor([2, 0]), tensor([0, 1]), 0) // [2, 2]
 */
export function addNoise(x: Tensor, noise: Tensor, snr: Tensor | number): Tensor {
  requireAxes('addNoise', x, 'time')
  requireAxes('addNoise', noise, 'time')
  const axis = { axis: -1, keepdim: true } as const
  const energyOf = (t: Tensor) => sum(mul(t, t), axis.axis, { keepdim: true })
  const wanted =
    typeof snr === 'number'
      ? power(10, snr / 10)
      : pow(10, mul(reshape(snr, [...snr.shape, 1]), 0.1))
  const a = pow(div(energyOf(x), mul(energyOf(noise), wanted)), 0.5)
  return add(x, mul(noise, a))
}
