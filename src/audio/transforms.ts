/** The same as modules, with torchaudio's names and defaults. */
import { ShapeError, ValueError } from '../core/errors.js'
import { kinds, oneOf, orNull, readArguments } from '../core/options.js'
import { Module } from '../nn/module.js'
import type { Tensor } from '../ops/tensor.js'
import { frequencyMasking, type MaskOptions, timeMasking, timeStretch } from './augment.js'
import {
  amplitudeToDB,
  computeDeltas,
  createDct,
  type DeltaOptions,
  type FilterBankOptions,
  filtered,
  logMel,
  melscaleFbanks,
} from './mel.js'
import { Constant, requireAxes } from './common.js'
import { type ResampleOptions, resampleKinds, resampler } from './resample.js'
import {
  griffinLim,
  type GriffinLimOptions,
  spectrogram,
  type SpectrogramOptions,
  spectrogramKinds,
} from './spectrogram.js'
import { hannWindow, type WindowFunction } from './windows.js'

/** The window of a class is made by a function of its length. */
interface WindowFn {
  /** `hannWindow` when not given. */
  windowFn?: WindowFunction
}
export interface SpectrogramLayerOptions extends Omit<SpectrogramOptions, 'window'>, WindowFn {}

const { window: _, ...spectrogramRest } = spectrogramKinds
const layerKinds = {
  nFft: kinds.count,
  winLength: orNull(kinds.count),
  hopLength: orNull(kinds.count),
  pad: kinds.size,
  windowFn: kinds.function,
  power: spectrogramRest.power,
  normalized: spectrogramRest.normalized,
  center: kinds.flag,
  padMode: spectrogramRest.padMode,
  onesided: kinds.flag,
}
const bankKinds = { norm: orNull(oneOf('slaney')), melScale: oneOf('htk', 'slaney') }

/** The options as `spectrogram` takes them: the window is computed once. */
function prepared(o: SpectrogramLayerOptions): {
  options: SpectrogramOptions
  window: Constant
} {
  const { windowFn = hannWindow, ...rest } = o
  const nFft = o.nFft ?? 400
  const winLength = o.winLength ?? nFft
  const window = Constant.of(windowFn(winLength, { dtype: 'float64' }))
  return { options: { ...rest, nFft, winLength }, window }
}

/**
 * Waveforms (..., time) to spectrograms (..., frequencies, frames); see `spectrogram`. torchaudio.transforms.Spectrogram.
 * @example new audio.Spectrogram({ nFft: 64 }).forward(tensor(new Float32Array(320))).shape // [33, 11]
 */
export class Spectrogram extends Module {
  readonly #options: SpectrogramOptions
  readonly #window: Constant
  constructor(nFft?: number | SpectrogramLayerOptions, options?: SpectrogramLayerOptions)
  constructor(...args: unknown[]) {
    super()
    const { options, window } = prepared(readArguments('Spectrogram', args, layerKinds))
    this.#options = options
    this.#window = window
  }
  override forward(x: Tensor): Tensor {
    requireAxes('Spectrogram', x, 'time')
    return spectrogram(x, { ...this.#options, window: this.#window.like(x) })
  }
  override describe(): string {
    return `nFft=${this.#options.nFft}`
  }
}

export interface MelScaleOptions extends FilterBankOptions {
  /** 128 when not given. */
  nMels?: number
  /** Hz; 16,000 when not given. */
  sampleRate?: number
  /** Hz; 0 when not given. */
  fMin?: number
  /** Hz; half the rate when not given. */
  fMax?: number | null
  /** Frequencies of the spectrogram, ⌊nFft/2⌋ + 1; 201 when not given. */
  nStft?: number
}
/**
 * Spectrograms (..., nStft, frames) to mel frequencies (..., nMels, frames), by `melscaleFbanks`. torchaudio.transforms.MelScale.
 * @throws ShapeError for another number of frequencies
 * @example new audio.MelScale({ nMels: 20, nStft: 33 }).forward(zeros([33, 7])).shape // [20, 7]
 */
export class MelScale extends Module {
  readonly #bank: Constant
  readonly #nStft: number
  constructor(nMels?: number | MelScaleOptions, options?: MelScaleOptions)
  constructor(...args: unknown[]) {
    super()
    const {
      nMels = 128,
      sampleRate = 16000,
      fMin = 0,
      fMax,
      nStft = 201,
      norm = null,
      melScale = 'htk',
    } = readArguments<MelScaleOptions>('MelScale', args, {
      nMels: kinds.count,
      sampleRate: kinds.count,
      fMin: kinds.number,
      fMax: orNull(kinds.number),
      nStft: kinds.count,
      ...bankKinds,
    })
    const top = fMax ?? Math.floor(sampleRate / 2)
    this.#bank = Constant.of(
      melscaleFbanks(nStft, fMin, top, nMels, sampleRate, { norm, melScale }),
    )
    this.#nStft = nStft
  }
  override forward(x: Tensor): Tensor {
    requireAxes('MelScale', x, 'frequencies', 'frames')
    const [want, got] = [this.#nStft, x.shape[x.rank - 2]!]
    if (want !== got)
      throw new ShapeError({
        op: 'MelScale',
        rule: `the spectrogram has nStft frequencies, ${want}`,
        got: `${got}`,
        fix: 'nStft is ⌊nFft/2⌋ + 1.',
      })
    return filtered(x, this.#bank.like(x))
  }
}

export interface MelSpectrogramOptions
  extends Omit<SpectrogramLayerOptions, 'onesided'>,
    Omit<MelScaleOptions, 'nStft'> {
  power?: number
}
const melKinds = {
  sampleRate: kinds.count,
  nFft: kinds.count,
  winLength: orNull(kinds.count),
  hopLength: orNull(kinds.count),
  fMin: kinds.number,
  fMax: orNull(kinds.number),
  pad: kinds.size,
  nMels: kinds.count,
  windowFn: kinds.function,
  power: kinds.number,
  normalized: spectrogramRest.normalized,
  center: kinds.flag,
  padMode: spectrogramRest.padMode,
  ...bankKinds,
}

/**
 * Waveforms (..., time) to mel spectrograms (..., nMels, frames): Spectrogram, then MelScale.
 * torchaudio.transforms.MelSpectrogram.
 * @example new audio.MelSpectrogram({ sampleRate: 8000, nFft: 256, nMels: 40 }).forward(zeros([2, 8000])).shape // [2, 40, 63]
 */
export class MelSpectrogram extends Module {
  spectrogram: Spectrogram
  melScale: MelScale
  constructor(sampleRate?: number | MelSpectrogramOptions, options?: MelSpectrogramOptions)
  constructor(...args: unknown[]) {
    super()
    const o = readArguments<MelSpectrogramOptions>('MelSpectrogram', args, melKinds)
    const { sampleRate, fMin, fMax, nMels, norm, melScale, ...rest } = o
    const given = Object.fromEntries(
      Object.entries({ sampleRate, fMin, fMax, nMels, norm, melScale }).filter(
        ([, v]) => v !== undefined,
      ),
    )
    this.spectrogram = new Spectrogram(rest)
    this.melScale = new MelScale({ ...given, nStft: Math.floor((o.nFft ?? 400) / 2) + 1 })
  }
  override forward(x: Tensor): Tensor {
    return this.melScale.forward(this.spectrogram.forward(x))
  }
}
/**
 * The mel spectrogram of waveforms: `new MelSpectrogram(options).forward(x)`; the class keeps window and filters for the next call.
 * @example audio.melSpectrogram(zeros([800]), { sampleRate: 8000, nFft: 64, nMels: 10 }).shape // [10, 26]
 */
export const melSpectrogram = (x: Tensor, options: MelSpectrogramOptions = {}): Tensor =>
  new MelSpectrogram(options).forward(x)

export interface MFCCOptions {
  /** Hz; 16,000 when not given. */
  sampleRate?: number
  /** Coefficients that are kept; 40 when not given. */
  nMfcc?: number
  /** 2, the only one. */
  dctType?: number
  /** 'ortho' when not given. */
  norm?: 'ortho' | null
  /** ln(mel + 1e-6) instead of decibels (80 below the top); false when not given. */
  logMels?: boolean
  /** Options of the MelSpectrogram. */
  melkwargs?: MelSpectrogramOptions | null
}
/**
 * Mel-frequency cepstral coefficients: the cosine transform of the logarithms of a mel spectrogram; (..., time) to (..., nMfcc,
 * frames). torchaudio.transforms.MFCC.
 * @throws ValueError for more coefficients than mel frequencies, and a dctType that is not 2
 * @example new audio.MFCC({ sampleRate: 8000, nMfcc: 13 }).forward(zeros([8000])).shape // [13, 41]
 */
export class MFCC extends Module {
  melSpectrogram: MelSpectrogram
  readonly #dct: Constant
  readonly #logMels: boolean
  constructor(sampleRate?: number | MFCCOptions, options?: MFCCOptions)
  constructor(...args: unknown[]) {
    super()
    const op = 'MFCC'
    const {
      sampleRate = 16000,
      nMfcc = 40,
      dctType = 2,
      norm = 'ortho',
      logMels = false,
      melkwargs,
    } = readArguments<MFCCOptions>(op, args, {
      sampleRate: kinds.count,
      nMfcc: kinds.count,
      dctType: kinds.integer,
      norm: orNull(oneOf('ortho')),
      logMels: kinds.flag,
      melkwargs: kinds.any,
    })
    if (dctType !== 2) throw new ValueError({ op, rule: 'dctType is 2', got: `${dctType}` })
    const nMels = melkwargs?.nMels ?? 128
    if (nMfcc > nMels)
      throw new ValueError({
        op,
        rule: `there are at most as many coefficients as mel frequencies, ${nMels}`,
        got: `${nMfcc}`,
      })
    this.melSpectrogram = new MelSpectrogram({ sampleRate, ...melkwargs })
    this.#dct = Constant.of(createDct(nMfcc, nMels, norm))
    this.#logMels = logMels
  }
  override forward(x: Tensor): Tensor {
    const mel = this.melSpectrogram.forward(x)
    const logs = this.#logMels ? logMel(mel) : amplitudeToDB(mel, { topDb: 80 })
    return filtered(logs, this.#dct.like(x))
  }
}

export interface ResampleLayerOptions extends ResampleOptions {
  /** Hz; 16,000 when not given. */
  origFreq?: number
  /** Hz; 16,000 when not given. */
  newFreq?: number
}
/**
 * Waveforms at another sample rate; see `resample`. The filters are computed once. torchaudio.transforms.Resample.
 * @example new audio.Resample(44100, 16000).forward(zeros([2, 441])).shape // [2, 160]
 */
export class Resample extends Module {
  readonly #run: (x: Tensor) => Tensor
  constructor(origFreq?: number | ResampleLayerOptions, newFreq?: number, options?: ResampleOptions)
  constructor(...args: unknown[]) {
    super()
    const {
      origFreq = 16000,
      newFreq = 16000,
      ...rest
    } = readArguments<ResampleLayerOptions>('Resample', args, {
      origFreq: kinds.count,
      newFreq: kinds.count,
      resamplingMethod: resampleKinds.resamplingMethod,
      lowpassFilterWidth: resampleKinds.lowpassFilterWidth,
      rolloff: resampleKinds.rolloff,
      beta: resampleKinds.beta,
    })
    this.#run = resampler('Resample', origFreq, newFreq, rest)
  }
  override forward(x: Tensor): Tensor {
    return this.#run(x)
  }
}

/**
 * Power (or 'magnitude') to decibels; see `amplitudeToDB`. torchaudio.transforms.AmplitudeToDB.
 * @example new audio.AmplitudeToDB('magnitude').forward(tensor([1, 10])) // [0, 20]
 */
export class AmplitudeToDB extends Module {
  readonly #options: { multiplier: number; topDb: number | null }
  constructor(
    stype?: 'power' | 'magnitude' | { stype?: 'power' | 'magnitude'; topDb?: number | null },
    topDb?: number | null,
  )
  constructor(...args: unknown[]) {
    super()
    const { stype = 'power', topDb = null } = readArguments<{
      stype?: string
      topDb?: number | null
    }>('AmplitudeToDB', args, {
      stype: oneOf('power', 'magnitude'),
      topDb: orNull(kinds.number),
    })
    this.#options = { multiplier: stype === 'power' ? 10 : 20, topDb }
  }
  override forward(x: Tensor): Tensor {
    return amplitudeToDB(x, this.#options)
  }
}

const layerMask = (
  name: string,
  param: string,
  mask: (x: Tensor, maskParam: number, o: MaskOptions) => Tensor,
): (new (
  maskParam: number,
  options?: MaskOptions,
) => Module & { forward(x: Tensor): Tensor }) =>
  class extends Module {
    readonly #param: number
    readonly #options: MaskOptions
    constructor(...args: unknown[]) {
      super()
      const { [param]: most, ...rest } = readArguments<Record<string, unknown>>(
        name,
        args,
        { [param]: kinds.size, iid: kinds.flag, p: kinds.number },
        1,
        { maskValue: kinds.number },
      )
      this.#param = most as number
      this.#options = rest as MaskOptions
    }
    override forward(x: Tensor): Tensor {
      return this.training ? mask(x, this.#param, this.#options) : x
    }
    override describe(): string {
      return `${param}=${this.#param}`
    }
  }
/** Masks stretches of time in training, the identity in evaluation; see `timeMasking`. */
export class TimeMasking extends layerMask('TimeMasking', 'timeMaskParam', timeMasking) {}
/** Masks stretches of frequencies in training, the identity in evaluation; see `frequencyMasking`. */
export class FrequencyMasking extends layerMask(
  'FrequencyMasking',
  'freqMaskParam',
  frequencyMasking,
) {}

/** Complex spectrograms faster or slower at the same pitch; see `timeStretch`. torchaudio.transforms.TimeStretch. */
export class TimeStretch extends Module {
  readonly #hop: number | null
  readonly #rate: number | null
  constructor(
    options: { hopLength?: number | null; nFreq?: number; fixedRate?: number | null } = {},
  ) {
    super()
    const {
      hopLength = null,
      nFreq = 201,
      fixedRate = null,
    } = readArguments<typeof options>('TimeStretch', [options], {
      hopLength: orNull(kinds.count),
      nFreq: kinds.count,
      fixedRate: orNull(kinds.number),
    })
    this.#hop = hopLength ?? nFreq - 1
    this.#rate = fixedRate
  }
  override forward(x: Tensor, overridingRate?: number): Tensor {
    const rate = overridingRate ?? this.#rate
    if (rate === null)
      throw new ValueError({
        op: 'TimeStretch',
        rule: 'a rate is given to the class (fixedRate) or to forward',
        got: 'none',
      })
    return timeStretch(x, rate, { hopLength: this.#hop })
  }
}

/** How numbers change over time; see `computeDeltas`. torchaudio.transforms.ComputeDeltas. */
export class ComputeDeltas extends Module {
  readonly #options: DeltaOptions
  constructor(winLength?: number | DeltaOptions, mode?: DeltaOptions['mode'])
  constructor(...args: unknown[]) {
    super()
    this.#options = readArguments('ComputeDeltas', args, {
      winLength: kinds.count,
      mode: kinds.text,
    })
  }
  override forward(x: Tensor): Tensor {
    return computeDeltas(x, this.#options)
  }
}

/** Signals of spectrograms without phases; see `griffinLim`. torchaudio.transforms.GriffinLim. */
export class GriffinLim extends Module {
  readonly #options: GriffinLimOptions
  readonly #window: Constant
  constructor(options: Omit<GriffinLimOptions, 'window'> & WindowFn = {}) {
    super()
    const { windowFn = hannWindow, ...rest } = options
    const winLength = rest.winLength ?? rest.nFft ?? 400
    this.#options = { ...rest, winLength }
    this.#window = Constant.of(windowFn(winLength, { dtype: 'float64' }))
  }
  override forward(x: Tensor): Tensor {
    requireAxes('GriffinLim', x, 'frequencies', 'frames')
    return griffinLim(x, { ...this.#options, window: this.#window.like(x) })
  }
}
