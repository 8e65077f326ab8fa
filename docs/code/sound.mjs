import { writeFileSync } from 'node:fs'
import { compile, manualSeed, tensor } from 'nabla'
import {
  amplitudeToDB,
  ctcGreedyDecode,
  frequencyMasking,
  fromWav,
  MelSpectrogram,
  MFCC,
  resample,
  spectrogram,
  timeMasking,
  toWav,
} from 'nabla/audio'
import { spectrogramChart, waveformChart } from 'nabla/plot'

// #region wav
// One second of a tone that rises from 200 to 3,000 Hz.
const rate = 8000
const rising = Float32Array.from({ length: rate }, (_, n) => {
  const t = n / rate
  return 0.5 * Math.sin(2 * Math.PI * (200 * t + 1400 * t * t))
})
const bytes = toWav(tensor(rising), rate, { bitsPerSample: 16 })
const sound = fromWav(bytes)
console.log(bytes.length, sound.sampleRate, sound.waveform.shape) //> 16044 8000 [ 1, 8000 ]
// #endregion wav

// #region cut
try {
  fromWav(bytes.subarray(0, 1000))
} catch (error) {
  console.log(error.message.split('; ')[1]) //> got 956. The file is cut off: copy it again, or { partial: true } gives what is there.
}
console.log(fromWav(bytes.subarray(0, 1000), { partial: true }).frames) //> 478
// #endregion cut

// #region resample
console.log(resample(sound.waveform, 8000, 16000).shape) //> [ 1, 16000 ]
// #endregion resample

// #region spectrogram
const x = sound.waveform.select(0, 0)
const power = spectrogram(x, { nFft: 256, hopLength: 128 })
console.log(power.shape) //> [ 129, 63 ]
// The strongest frequency after 0.16, 0.48 and 0.8 seconds.
const strongest = power.argmax(0).toArray()
console.log([10, 30, 50].map((t) => strongest[t] * (rate / 256))) //> [ 656.25, 1531.25, 2437.5 ]
// #endregion spectrogram
writeFileSync(
  'pictures/sound-spectrogram.svg',
  spectrogramChart(amplitudeToDB(power, { topDb: 80 }), { sampleRate: rate, hopLength: 128 }),
)
writeFileSync(
  'pictures/sound-waveform.svg',
  waveformChart(x.narrow(0, 0, 800), { sampleRate: rate }),
)

// #region mel
const mel = new MelSpectrogram({ sampleRate: rate, nFft: 256, nMels: 40 })
console.log(mel.forward(x).shape) //> [ 40, 63 ]
const mfcc = new MFCC({ sampleRate: rate, nMfcc: 13, melkwargs: { nFft: 256, nMels: 40 } })
console.log(mfcc.forward(x).shape) //> [ 13, 63 ]
// #endregion mel

// #region mask
manualSeed(1)
const augment = compile((s) => frequencyMasking(timeMasking(s, 20), 10))
const zeros = () => augment(mel.forward(x)).eq(0).sum().item()
const [first, second] = [zeros(), zeros()]
console.log(first !== second) //> true
// #endregion mask

// #region ctc
// Frames of the classes blank, 1 and 2: 1 1 blank 1 2.
const frames = tensor([1, 1, 0, 1, 2].map((k) => [0, 1, 2].map((c) => (c === k ? 0.8 : 0.1))))
console.log(ctcGreedyDecode(frames.log())) //> [ [ 1, 1, 2 ] ]
// #endregion ctc
