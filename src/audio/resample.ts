/** Another sample rate. */
import { ValueError } from '../core/errors.js'
import { kinds, oneOf, orNull, type PlacesOr, readOptions } from '../core/options.js'
import { grouped } from '../core/text.js'
import { reshape, permute } from '../ops/broadcast.js'
import { conv1d } from '../ops/conv.js'
import { pad } from '../ops/join.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { Constant, packed, requireAxes } from './common.js'

export interface ResampleOptions {
  /** How many zero crossings of the sinc to each side: more are sharper and slower. 6 when not given. */
  lowpassFilterWidth?: number
  /** Where the low-pass ends, as a part of half the lower rate; 0.99 when not given. */
  rolloff?: number
  /** What the sinc is multiplied by; 'sincInterpHann' when not given. */
  resamplingMethod?: 'sincInterpHann' | 'sincInterpKaiser'
  /** The form of the Kaiser window; 14.769656459379492 when not given. */
  beta?: number | null
}
export const resampleKinds = {
  lowpassFilterWidth: kinds.count,
  rolloff: kinds.number,
  resamplingMethod: oneOf('sincInterpHann', 'sincInterpKaiser'),
  beta: orNull(kinds.number),
}

/** The modified Bessel function of order 0, by its series: every term is positive. */
function bessel0(x: number): number {
  let [sum, term] = [1, 1]
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}
const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))

/** More numbers than this for the filters are refused: rates without a common divisor need one filter for each. */
const MOST = 2 ** 26

/** For each of the new places between two common ones a filter over the old samples; see torchaudio's resample. */
function filters(op: string, origFreq: number, newFreq: number, o: ResampleOptions) {
  for (const [name, v] of Object.entries({ origFreq, newFreq }))
    if (!(Number.isInteger(v) && v >= 1))
      throw new ValueError({
        op,
        rule: `${name} is a whole number of Hz from 1 up`,
        got: `${v}`,
        fix: 'Give a ratio of whole numbers.',
      })
  const common = divisor(origFreq, newFreq)
  const [from, to] = [origFreq / common, newFreq / common]
  const zeros = o.lowpassFilterWidth ?? 6
  const rolloff = o.rolloff ?? 0.99
  if (!(rolloff > 0 && rolloff <= 1))
    throw new ValueError({ op, rule: 'rolloff lies in (0, 1]', got: `${rolloff}` })
  const base = Math.min(from, to) * rolloff
  const width = Math.ceil((zeros * from) / base)
  const length = 2 * width + from
  if (to * length > MOST)
    throw new ValueError({
      op,
      rule: `the filters may have at most ${grouped(MOST)} numbers`,
      got: `${grouped(to * length)}, since ${origFreq} and ${newFreq} have only ${common} in common`,
      fix: 'Take rates with a larger common divisor, or resample in two steps.',
    })
  const kaiser = o.resamplingMethod === 'sincInterpKaiser'
  const beta = o.beta ?? 14.769656459379492
  const whole = bessel0(beta)
  const data = new Float64Array(to * length)
  for (let j = 0; j < to; j++)
    for (let i = 0; i < length; i++) {
      const at = ((i - width) / from - j / to) * base
      const t = Math.min(zeros, Math.max(-zeros, at))
      const window = kaiser
        ? bessel0(beta * Math.sqrt(1 - (t / zeros) ** 2)) / whole
        : Math.cos((t * Math.PI) / zeros / 2) ** 2
      const sinc = t === 0 ? 1 : Math.sin(t * Math.PI) / (t * Math.PI)
      data[j * length + i] = (sinc * window * base) / from
    }
  return { from, to, width, length, data }
}

/** A resampler of these rates, whose filters are computed once. */
export function resampler(
  op: string,
  origFreq: number,
  newFreq: number,
  options: ResampleOptions,
): (x: Tensor) => Tensor {
  const { from, to, width, length, data } = filters(op, origFreq, newFreq, options)
  const kernel = new Constant(data, [to, 1, length])
  return (x) => {
    requireAxes(op, x, 'time')
    if (from === to) return x
    const filter = kernel.like(x)
    const time = x.shape[x.rank - 1]!
    return packed(x, 1, (rows) => {
      const n = rows.shape[0]!
      const filled = pad(reshape(rows, [n, 1, time]), [width, width + from])
      const y = permute(conv1d(filled, filter, { stride: from }), [0, 2, 1])
      const all = reshape(y, [n, y.shape[1]! * to])
      return narrow(all, 1, 0, Math.ceil((to * time) / from))
    })
  }
}

/**
 * A signal at another sample rate: y[j] = Σᵢ x[i] · s · sinc(π b (i/f − j/g)) · w, f and g the rates, b = rolloff · min(f, g),
 * w a window over `lowpassFilterWidth` zeros of the sinc. torchaudio.functional.resample has the same numbers.
 *
 * Shapes: x (..., time) to (..., ⌈time · newFreq / origFreq⌉). Smith, Digital Audio Resampling.
 * @throws ValueError for rates that are no whole numbers
 * @example audio.resample(tensor([1, 1, 1, 1, 1, 1, 1, 1]), 2, 1).shape // [4]
 */
export function resample(
  x: Tensor,
  origFreq: number,
  newFreq: number,
  ...rest: PlacesOr<ResampleOptions>
): Tensor {
  const op = 'resample'
  return resampler(op, origFreq, newFreq, readOptions<ResampleOptions>(op, rest, resampleKinds))(x)
}
