/** Spectrograms with parts left out or faster: what a network should not depend on. */
import { ValueError } from '../core/errors.js'
import { checkOptions, kinds, readOptions } from '../core/options.js'
import { add, div, mul, sub, where } from '../ops/arithmetic.js'
import { reshape } from '../ops/broadcast.js'
import { ge, logicalAnd, lt } from '../ops/compare.js'
import { atan2 } from '../ops/elementwise.js'
import { cos, floor, round, sin } from '../ops/functions.js'
import { indexSelect } from '../ops/indexing.js'
import { concat, pad, stack } from '../ops/join.js'
import { cumsum } from '../ops/scan.js'
import { narrow, select } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { rand } from '../tensor/random.js'
import { magnitude, numbers, packed, requireAxes, requirePairs } from './common.js'

export interface MaskOptions {
  /** What stands in the mask; 0 when not given. */
  maskValue?: number
  /** The mask covers at most this part of the axis; 1 when not given. */
  p?: number
  /** Another mask for each example (all axes but the last two); false when not given. */
  iid?: boolean
}
const maskKinds = { maskValue: kinds.number, p: kinds.number, iid: kinds.flag }

/** A stretch of random place and length, below `most`, of the axis -1 or -2 is filled. */
function masked(op: string, x: Tensor, maskParam: number, axis: -1 | -2, o: MaskOptions): Tensor {
  const { maskValue = 0, p = 1, iid = false } = o
  requireAxes(op, x, 'frequencies', 'frames')
  if (!kinds.size.holds(maskParam))
    throw new ValueError({ op, rule: `maskParam is ${kinds.size.rule}`, got: `${maskParam}` })
  if (!(p >= 0 && p <= 1)) throw new ValueError({ op, rule: 'p lies in [0, 1]', got: `${p}` })
  const n = x.shape[x.rank + axis]!
  const most = p === 1 ? maskParam : Math.min(maskParam, Math.floor(n * p))
  if (most < 1) return x
  const lead = iid ? [...x.shape.slice(0, -2), 1, 1] : [1, 1]
  const draw = () => rand(lead, { dtype: x.dtype })
  const length = mul(draw(), most)
  const from = floor(mul(draw(), sub(n, length)))
  const to = add(from, floor(length))
  const places = reshape(numbers(x, [...Array(n).keys()]), axis === -1 ? [1, n] : [n, 1])
  return where(logicalAnd(ge(places, from), lt(places, to)), maskValue, x)
}

/**
 * A random stretch of time is filled: length uniform in [0, maskParam), place uniform (SpecAugment; Park and others, 2019).
 * torchaudio.functional.mask_along_axis on the last axis.
 *
 * Shapes: (..., frequencies, frames) to the same.
 * @throws ValueError for a maskParam below 0 and p outside [0, 1] @example audio.timeMasking(tensor([[1, 1]]), 1) // [[1, 1]]
 */
export const timeMasking = (x: Tensor, maskParam: number, options: MaskOptions = {}): Tensor =>
  masked('timeMasking', x, maskParam, -1, readOptions('timeMasking', [options], maskKinds))
/**
 * A random stretch of frequencies is filled; see timeMasking.
 * @throws ValueError for a maskParam below 0 and p outside [0, 1] @example audio.frequencyMasking(tensor([[1], [1]]), 1) // [[1], [1]]
 */
export const frequencyMasking = (x: Tensor, maskParam: number, options: MaskOptions = {}): Tensor =>
  masked(
    'frequencyMasking',
    x,
    maskParam,
    -2,
    readOptions('frequencyMasking', [options], maskKinds),
  )

const TURN = 2 * Math.PI
const angle = (z: Tensor) => atan2(select(z, z.rank - 1, 1), select(z, z.rank - 1, 0))

/**
 * A phase vocoder: frames `rate` times as far apart, their sizes between those of the neighbours, their phases going on as they
 * did. The pitch stays. `phaseAdvance` (frequencies, 1) is how far each frequency turns from frame to frame.
 *
 * Shapes: pairs (..., frequencies, frames, 2) to (..., frequencies, ⌈frames / rate⌉, 2). torchaudio.functional.phase_vocoder.
 * @throws ValueError for a rate that is not above 0, ShapeError for what has no pairs
 * @example audio.phaseVocoder(tensor([[[1, 0], [2, 0], [3, 0]]]), 2, tensor([[0]])) // [[[1, 0], [3, 0]]]
 */
export function phaseVocoder(x: Tensor, rate: number, phaseAdvance: Tensor): Tensor {
  const op = 'phaseVocoder'
  requirePairs(op, x)
  if (!(rate > 0 && Number.isFinite(rate)))
    throw new ValueError({ op, rule: 'rate is above 0', got: `${rate}` })
  if (rate === 1) return x
  const frames = x.shape[x.rank - 2]!
  const steps = Array.from({ length: Math.ceil(frames / rate) }, (_, i) => i * rate)
  return packed(x, 3, (z) => {
    const longer = pad(z, [0, 0, 0, 2])
    const at = (more: number) =>
      indexSelect(
        longer,
        2,
        numbers(
          x,
          steps.map((s) => Math.floor(s) + more),
          'int32',
        ),
      )
    const [z0, z1] = [at(0), at(1)]
    const alphas = numbers(
      x,
      steps.map((s) => s % 1),
    )
    const turned = sub(sub(angle(z1), angle(z0)), phaseAdvance)
    const phase = add(sub(turned, mul(round(div(turned, TURN)), TURN)), phaseAdvance)
    const first = angle(narrow(z, 2, 0, 1))
    const all = cumsum(concat([first, narrow(phase, 2, 0, steps.length - 1)], 2), 2)
    const size = add(mul(alphas, magnitude(z1, 1)), mul(sub(1, alphas), magnitude(z0, 1)))
    return stack([mul(size, cos(all)), mul(size, sin(all))], -1)
  })
}

export interface TimeStretchOptions {
  /** From one frame of the spectrogram to the next; frequencies − 1 (half of winLength) when not given. */
  hopLength?: number | null
}
/**
 * A complex spectrogram that is over `rate` times sooner, at the same pitch; see phaseVocoder.
 *
 * Shapes: pairs (..., frequencies, frames, 2) to (..., frequencies, ⌈frames / rate⌉, 2).
 * @throws ValueError, ShapeError as phaseVocoder @example audio.timeStretch(tensor([[[1, 0], [2, 0]], [[1, 0], [2, 0]]]), 2).shape // [2, 1, 2]
 */
export function timeStretch(x: Tensor, rate: number, options: TimeStretchOptions = {}): Tensor {
  const op = 'timeStretch'
  requirePairs(op, x)
  const { hopLength } = checkOptions(op, options, ['hopLength'])
  const bins = x.shape[x.rank - 3]!
  const hop = hopLength ?? Math.max(1, bins - 1)
  const advance = numbers(
    x,
    Array.from({ length: bins }, (_, k) => (Math.PI * hop * k) / Math.max(1, bins - 1)),
  )
  return phaseVocoder(x, rate, reshape(advance, [bins, 1]))
}
