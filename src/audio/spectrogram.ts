/** What frequencies a sound has over time, and the sound of it. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { type Kind, kinds, oneOf, orNull, type PlacesOr, readOptions } from '../core/options.js'
import { istft, stft } from '../fft/stft.js'
import { complex } from '../fft/transforms.js'
import { add, div, mul, sub } from '../ops/arithmetic.js'
import { reshape, sum } from '../ops/broadcast.js'
import { pow } from '../ops/elementwise.js'
import { sqrt, square } from '../ops/functions.js'
import { pad as padded } from '../ops/join.js'
import { unsqueeze } from '../ops/movement.js'
import { narrow } from '../ops/slice.js'
import { Tensor } from '../ops/tensor.js'
import { ones } from '../tensor/creation.js'
import { rand } from '../tensor/random.js'
import { Constant, magnitude, packed, requireAxes, requirePairs } from './common.js'
import { hannWindow } from './windows.js'

/** The parts of a Fourier transform over time that forward and inverse share. */
export interface FourierOptions {
  /** Zeros put before and after the signal; 0 when not given. */
  pad?: number
  /** What each frame is multiplied by, (winLength); a Hann window when not given. */
  window?: Tensor | null
  /** Length of a transform; 400 when not given. */
  nFft?: number
  /** From one frame to the next; half of winLength when not given. */
  hopLength?: number | null
  /** Length of a frame; nFft when not given. */
  winLength?: number | null
  /** true and 'window' divide by the root of the window's energy, 'frameLength' by √nFft. */
  normalized?: boolean | 'window' | 'frameLength'
  /** Frame t has its middle at t · hopLength; true when not given. */
  center?: boolean
  /** How the signal goes on beyond its ends when frames are centered; 'reflect' when not given. */
  padMode?: 'reflect' | 'constant' | 'replicate' | 'circular'
  /** The ⌊nFft/2⌋ + 1 frequencies that real signals need, or all nFft; true when not given. */
  onesided?: boolean
}
export interface SpectrogramOptions extends FourierOptions {
  /** 2 (when not given) gives power, 1 magnitude, null complex pairs. */
  power?: number | null
}

const tensorKind: Kind = { rule: 'a tensor', holds: (v) => v instanceof Tensor }
const normalizedKind: Kind = {
  rule: "true, false, 'window' or 'frameLength'",
  holds: (v) => typeof v === 'boolean' || v === 'window' || v === 'frameLength',
}
/** torchaudio's order. */
const [front, back] = [
  {
    pad: kinds.size,
    window: orNull(tensorKind),
    nFft: kinds.count,
    hopLength: orNull(kinds.count),
    winLength: orNull(kinds.count),
  },
  {
    normalized: normalizedKind,
    center: kinds.flag,
    padMode: oneOf('reflect', 'constant', 'replicate', 'circular'),
    onesided: kinds.flag,
  },
]
export const spectrogramKinds = { ...front, power: orNull(kinds.number), ...back }
const inverseKinds = { length: orNull(kinds.count), ...front, ...back }
const griffinKinds = {
  window: front.window,
  nFft: kinds.count,
  hopLength: front.hopLength,
  winLength: front.winLength,
  power: kinds.number,
  nIter: kinds.size,
  momentum: kinds.number,
  length: orNull(kinds.count),
  randInit: kinds.flag,
}

function lengthsOf(op: string, o: FourierOptions, x: Tensor) {
  const { nFft = 400 } = o
  const winLength = o.winLength ?? nFft
  if (winLength > nFft)
    throw new ValueError({
      op,
      rule: `winLength lies from 1 to nFft, ${nFft}`,
      got: `${winLength}`,
    })
  const hopLength = o.hopLength ?? Math.max(1, Math.floor(winLength / 2))
  const window = o.window ?? Constant.of(hannWindow(winLength, { dtype: 'float64' })).like(x)
  return { nFft, winLength, hopLength, window }
}
const byWindow = (o: FourierOptions) => o.normalized === true || o.normalized === 'window'
const energy = (window: Tensor) => sqrt(sum(square(window)))

/** @throws ValueError unless it is a number above 0, or null */
export function requirePower(op: string, power: number | null): void {
  if (power !== null && !(power > 0))
    throw new ValueError({ op, rule: 'power is above 0, or null for pairs', got: `${power}` })
}

/**
 * |X|^power of the windowed Fourier transforms X of a signal, see `fft.stft`; with power null X itself, as pairs.
 *
 * Shapes: x (..., time) to (..., frequencies, frames), pairs with an axis of 2 more. The numbers are those of
 * torchaudio.functional.spectrogram; the defaults those of its class Spectrogram.
 * @throws ShapeError for a signal that is too short; ValueError for lengths that do not fit
 * @example audio.spectrogram(tensor([1, 1, 1, 1]), { nFft: 2, window: tensor([1, 1]), hopLength: 2, center: false }) // [[4, 4], [0, 0]]
 */
export function spectrogram(x: Tensor, ...rest: PlacesOr<SpectrogramOptions>): Tensor {
  const op = 'spectrogram'
  const o = readOptions<SpectrogramOptions>(op, rest, spectrogramKinds)
  requireAxes(op, x, 'time')
  const { pad = 0, power = 2, center = true, padMode = 'reflect', onesided = true } = o
  requirePower(op, power)
  const { nFft, winLength, hopLength, window } = lengthsOf(op, o, x)
  const time = x.shape[x.rank - 1]! + 2 * pad
  const side = Math.floor(nFft / 2)
  const least = center ? (padMode === 'reflect' ? side + 1 : 1) : nFft
  if (time < least)
    throw new ShapeError({
      op,
      rule: `a signal for nFft ${nFft} has at least ${least} samples`,
      got: show(x.shape),
      fix: 'Make nFft smaller, or pad the signal.',
    })
  const spectra = packed(pad > 0 ? padded(x, [pad, pad]) : x, 1, (rows) =>
    stft(rows, nFft, {
      hopLength,
      winLength,
      window,
      center,
      padMode,
      normalized: o.normalized === 'frameLength',
      onesided,
    }),
  )
  const scaled = byWindow(o) ? div(spectra, energy(window)) : spectra
  return power === null ? scaled : magnitude(scaled, power)
}

export interface InverseSpectrogramOptions extends FourierOptions {
  /** Samples of the result; as many as the frames give when not given. */
  length?: number | null
}
/**
 * The signal of a complex spectrogram (pairs), the inverse of `spectrogram` with power null.
 *
 * Shapes: (..., frequencies, frames, 2) to (..., time). torchaudio.functional.inverse_spectrogram.
 * @throws ShapeError for what has no pairs
 * @example
 * const o = { nFft: 4, hopLength: 2 }
 * audio.inverseSpectrogram(audio.spectrogram(tensor([1, 2, 3, 4]), { ...o, power: null }), o) // [1, 2, 3, 4]
 */
export function inverseSpectrogram(
  x: Tensor,
  ...rest: PlacesOr<InverseSpectrogramOptions>
): Tensor {
  const op = 'inverseSpectrogram'
  const o = readOptions<InverseSpectrogramOptions>(op, rest, inverseKinds)
  requirePairs(op, x)
  const { pad = 0, length = null, center = true, onesided = true } = o
  const { nFft, winLength, hopLength, window } = lengthsOf(op, o, x)
  const z = byWindow(o) ? mul(x, energy(window)) : x
  return packed(z, 3, (rows) => {
    const y = istft(rows, nFft, {
      hopLength,
      winLength,
      window,
      center,
      normalized: o.normalized === 'frameLength',
      onesided,
      length: length === null ? null : length + 2 * pad,
    })
    return length !== null && pad > 0 ? narrow(y, 1, pad, length) : y
  })
}

export interface GriffinLimOptions
  extends Pick<FourierOptions, 'window' | 'nFft' | 'hopLength' | 'winLength'> {
  /** The power of the given spectrogram; 2 when not given. */
  power?: number
  /** How many times; 32 when not given. */
  nIter?: number
  /** From 0 (as in 1984) to below 1, faster; 0.99 when not given. */
  momentum?: number
  /** Samples of the result. */
  length?: number | null
  /** Phases begin at random (true when not given) or at 0. */
  randInit?: boolean
}
/**
 * A signal whose spectrogram is near to the given one, which has no phases: phases and signal are computed in turn
 * (Griffin and Lim, 1984; with momentum Perraudin and others, 2013).
 *
 * Shapes: (..., ⌊nFft/2⌋ + 1, frames) to (..., time). torchaudio.functional.griffinlim.
 * @throws ValueError for a momentum outside [0, 1)
 * @example audio.griffinLim(tensor([[4, 4, 4], [0, 0, 0]]), { nFft: 2, hopLength: 1, window: tensor([1, 1]), power: 1, randInit: false }) // [2, 2]
 */
export function griffinLim(x: Tensor, ...rest: PlacesOr<GriffinLimOptions>): Tensor {
  const op = 'griffinLim'
  const o = readOptions<GriffinLimOptions>(op, rest, griffinKinds)
  requireAxes(op, x, 'frequencies', 'frames')
  const { power = 2, nIter = 32, momentum = 0.99, length = null, randInit = true } = o
  if (!(momentum >= 0 && momentum < 1))
    throw new ValueError({ op, rule: 'momentum lies in [0, 1)', got: `${momentum}` })
  if (!(power > 0)) throw new ValueError({ op, rule: 'power is above 0', got: `${power}` })
  const { nFft, winLength, hopLength, window } = lengthsOf(op, o, x)
  const frames = { hopLength, winLength, window }
  const share = momentum / (1 + momentum)
  return packed(x, 2, (rows) => {
    const sizes = unsqueeze(power === 1 ? rows : pow(rows, 1 / power), rows.rank)
    const draw = () => rand(rows.shape, { dtype: rows.dtype })
    let angles = randInit
      ? complex(draw(), draw())
      : complex(ones(rows.shape, { dtype: rows.dtype }))
    let before: Tensor | undefined
    const signal = () => istft(mul(sizes, angles), nFft, { ...frames, length })
    for (let i = 0; i < nIter; i++) {
      const rebuilt = stft(signal(), nFft, frames)
      const next = before && share > 0 ? sub(rebuilt, mul(before, share)) : rebuilt
      const size = add(magnitude(next, 1), 1e-16)
      angles = div(next, reshape(size, [...size.shape, 1]))
      before = rebuilt
    }
    return signal()
  })
}
