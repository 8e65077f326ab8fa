/** Sound: WAV, resampling, spectrograms, mel frequencies and cepstra with torchaudio's numbers, augmentation, microphones. */
export {
  frequencyMasking,
  type MaskOptions,
  phaseVocoder,
  timeMasking,
  timeStretch,
  type TimeStretchOptions,
} from './augment.js'
export * from './ctc.js'
export {
  addNoise,
  amplitudeToDB,
  computeDeltas,
  createDct,
  DBToAmplitude,
  type DecibelOptions,
  type DeltaOptions,
  type FilterBankOptions,
  gain,
  hzToMel,
  melscaleFbanks,
  type MelScaleName,
  melToHz,
} from './mel.js'
export * from './microphone.js'
export * from './prompts.js'
export { resample, type ResampleOptions } from './resample.js'
export {
  type FourierOptions,
  griffinLim,
  type GriffinLimOptions,
  inverseSpectrogram,
  type InverseSpectrogramOptions,
  spectrogram,
  type SpectrogramOptions,
} from './spectrogram.js'
export * from './transforms.js'
export * from './wav.js'
export * from './windows.js'
