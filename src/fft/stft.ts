/** The spectra of a signal over time, and the signal of them. */
import { add, div, mul } from '../ops/arithmetic.js'
import { expand, permute, reshape } from '../ops/broadcast.js'
import { lt } from '../ops/compare.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { type Kind, kinds, oneOf, orNull, type PlacesOr, readOptions } from '../core/options.js'
import { toType } from '../ops/define.js'
import { square } from '../ops/functions.js'
import { pad } from '../ops/join.js'
import { placed } from '../ops/movement.js'
import { within } from '../ops/segments.js'
import { narrow, unfold } from '../ops/slice.js'
import { Tensor } from '../ops/tensor.js'
import { checkFloats } from '../ops/window.js'
import { ones } from '../tensor/creation.js'
import { complex, fft, ifft, imag, irfft, real, rfft } from './transforms.js'

const tensorOrNull = orNull({ rule: 'a tensor', holds: (v) => v instanceof Tensor } satisfies Kind)

interface FrameOptions {
  /** From one frame to the next; a quarter of nFft, rounded down, unless given. */
  hopLength?: number | null
  /** The window's length; nFft unless given. */
  winLength?: number | null
  /** What each frame is multiplied by, (winLength), in the middle of nFft places; ones unless given. */
  window?: Tensor | null
  /** Frame t has its middle, not its beginning, at t · hopLength. */
  center?: boolean
  /** The transforms are divided by √nFft. */
  normalized?: boolean
  /** The ⌊nFft/2⌋ + 1 frequencies that real signals need, or all nFft. */
  onesided?: boolean | null
}
export interface StftOptions extends FrameOptions {
  /** How the signal goes on beyond its ends when frames are centered. */
  padMode?: 'reflect' | 'constant' | 'replicate' | 'circular'
}
export interface IstftOptions extends FrameOptions {
  /** The length of the signal: cut, or filled up with zeros. */
  length?: number | null
  /** Gives pairs, not the real parts; with all frequencies only. */
  returnComplex?: boolean
}

/** Lengths and the window, filled up to nFft on both sides. */
function frames(op: string, nFft: number, o: FrameOptions, like: Tensor) {
  const hop = o.hopLength ?? Math.floor(nFft / 4)
  const win = o.winLength ?? nFft
  if (!(hop > 0)) throw new ValueError({ op, rule: 'hopLength must be above 0', got: `${hop}` })
  if (!(win > 0 && win <= nFft))
    throw new ValueError({ op, rule: `winLength lies from 1 to nFft, ${nFft}`, got: `${win}` })
  const given = o.window ?? ones([win], { dtype: like.dtype })
  if (given.rank !== 1 || given.size !== win)
    throw new ShapeError({ op, rule: `the window is a vector of ${win}`, got: show(given.shape) })
  const left = Math.floor((nFft - win) / 2)
  const window = win === nFft ? given : pad(given, [left, nFft - win - left])
  return { hop, window }
}
const frameKinds = {
  hopLength: orNull(kinds.count),
  winLength: orNull(kinds.count),
  window: tensorOrNull,
  center: kinds.flag,
}

/**
 * The Fourier transforms of windows that move over a signal: y[f, t] = Σₖ w[k] x[t·hop + k] exp(−2πi fk/n).
 *
 * Shapes: x (L) or (B, L), result (.., frequencies, frames, 2): pairs of real and imaginary parts.
 * https://pytorch.org/docs/stable/generated/torch.stft.html
 * @throws ShapeError for another shape, or a signal shorter than nFft; ValueError for lengths that do not fit
 * @example fft.stft(tensor([1, 2, 3, 4]), 2, { hopLength: 2, center: false }) // [[[3, 0], [7, 0]], [[-1, 0], [-1, 0]]]
 */
export function stft(x: Tensor, nFft: number, ...rest: PlacesOr<StftOptions>): Tensor {
  const op = 'stft'
  const o = readOptions<StftOptions>(op, rest, {
    ...frameKinds,
    padMode: oneOf('reflect', 'constant', 'replicate', 'circular'),
    normalized: kinds.flag,
    onesided: orNull(kinds.flag),
  })
  checkFloats(op, x)
  if (x.rank < 1 || x.rank > 2)
    throw new ShapeError({ op, rule: 'x is a signal (L) or several (B, L)', got: show(x.shape) })
  const { hop, window } = frames(op, nFft, o, x)
  const rows = reshape(x, [-1, x.shape[x.rank - 1]!])
  const [batch] = rows.shape as [number]
  const side = Math.floor(nFft / 2)
  const signal =
    (o.center ?? true)
      ? reshape(
          pad(reshape(rows, [1, ...rows.shape]), [side, side], { mode: o.padMode ?? 'reflect' }),
          [batch, -1],
        )
      : rows
  if (!(nFft > 0 && nFft <= signal.shape[1]!))
    throw new ShapeError({
      op,
      rule: `nFft lies from 1 to the signal's length, ${signal.shape[1]}`,
      got: `${nFft}`,
    })
  const parts = mul(unfold(signal, 1, nFft, hop), window)
  const norm = { norm: o.normalized ? 'ortho' : 'backward' } as const
  const y = (o.onesided ?? true) ? rfft(parts, norm) : fft(complex(parts), norm)
  const spectra = permute(y, [0, 2, 1, 3])
  return x.rank === 1 ? reshape(spectra, spectra.shape.slice(1)) : spectra
}

/** Frames (B, T, n) added up where they lie, hop places apart. */
function overlapped(parts: Tensor, hop: number): Tensor {
  const [batch, count, n] = parts.shape as [number, number, number]
  const v = { shape: parts.shape, offset: [0, 0], axes: [[[0, 1]], [[1, hop]], [[1, 1]]] } as const
  return placed(parts, v, [batch, n + hop * (count - 1)])
}

/**
 * The signal whose windowed transforms come nearest to those given: the inverse of `stft`, frames added up and divided by
 * the sum of the squared windows. Griffin and Lim, 1984.
 *
 * Shapes: x (frequencies, frames, 2) or (B, frequencies, frames, 2), result (L) or (B, L).
 * https://pytorch.org/docs/stable/generated/torch.istft.html
 * @throws ShapeError for another shape; ValueError for lengths that do not fit; IndexError where squared windows add up to 0
 * @example fft.istft(fft.stft(tensor([1, 2, 3, 4]), 2, { hopLength: 1 }), 2, { hopLength: 1 }) // [1, 2, 3, 4]
 */
export function istft(x: Tensor, nFft: number, ...rest: PlacesOr<IstftOptions>): Tensor {
  const op = 'istft'
  const o = readOptions<IstftOptions>(op, rest, {
    ...frameKinds,
    normalized: kinds.flag,
    onesided: orNull(kinds.flag),
    length: orNull(kinds.count),
    returnComplex: kinds.flag,
  })
  checkFloats(op, x)
  if ((x.rank !== 3 && x.rank !== 4) || x.shape[x.rank - 1] !== 2)
    throw new ShapeError({
      op,
      rule: 'x is (frequencies, frames, 2) or (B, frequencies, frames, 2)',
      got: show(x.shape),
    })
  const spectra = x.rank === 3 ? reshape(x, [1, ...x.shape]) : x
  const [, frequencies, count] = spectra.shape as [number, number, number]
  const onesided = o.onesided ?? frequencies !== nFft
  const needed = onesided ? Math.floor(nFft / 2) + 1 : nFft
  if (frequencies !== needed)
    throw new ShapeError({
      op,
      rule: `nFft ${nFft} has ${needed} frequencies${onesided ? '' : ', as onesided is false'}`,
      got: `${frequencies}`,
    })
  if (o.returnComplex && onesided)
    throw new ValueError({ op, rule: 'returnComplex needs all frequencies: onesided false' })
  const { hop, window } = frames(op, nFft, o, x)
  const norm = o.normalized ? 'ortho' : 'backward'
  const lines = permute(spectra, [0, 2, 1, 3])
  /** Frames as signals: the real ones, or real and imaginary parts one after the other. */
  // As in PyTorch a real signal is made of the first half of the frequencies, whatever the other half is.
  const half = narrow(lines, 2, 0, Math.floor(nFft / 2) + 1)
  const signals = o.returnComplex
    ? [real, imag].map((part) => part(ifft(lines, { norm })))
    : [irfft(half, { n: nFft, norm })]
  const center = o.center ?? true
  const total = nFft + hop * (count - 1)
  const from = center ? Math.floor(nFft / 2) : 0
  const to = o.length
    ? Math.min(from + o.length, total)
    : center
      ? total - Math.floor(nFft / 2)
      : total
  const squares = overlapped(expand(square(window), [1, count, nFft]), hop)
  const cut = (t: Tensor) => narrow(t, 1, from, Math.max(0, to - from))
  const weight = cut(squares)
  const nowhere = within(
    toType(lt(weight, 1e-11), 'int32'),
    0,
    1,
    'a place where the squared windows add up to 0',
  )
  const divisor = add(weight, toType(nowhere, weight.dtype))
  const parts = signals.map((s) => {
    const y = div(cut(overlapped(mul(s, window), hop)), divisor)
    const short = (o.length ?? 0) - y.shape[1]!
    return short > 0 ? pad(y, [0, short]) : y
  })
  const y = o.returnComplex ? complex(parts[0]!, parts[1]) : parts[0]!
  return x.rank === 3 ? reshape(y, y.shape.slice(1)) : y
}
