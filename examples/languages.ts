/**
 * Which of five languages is spoken: telephone prompts as mel spectrograms, read by a convolutional and by a recurrent network.
 * Each language has one voice here (English and Spanish the same person), so that a network may learn the voices as well as the
 * languages; `--voices FOLDER` tests on others: WAV files named LANGUAGE-anything.wav, such as espeak-ng makes.
 */
import { concat, Generator, maxPool2d, permutation, relu, type Tensor, tensor } from 'nabla'
import {
  amplitudeToDB,
  asteriskPrompts,
  frequencyMasking,
  MelSpectrogram,
  melToHz,
  type PromptLanguage,
  readWav,
  resample,
  timeMasking,
} from 'nabla/audio'
import { DataLoader, TensorDataset } from 'nabla/data'
import { BatchNorm2d, Conv2d, GRU, Linear, Module } from 'nabla/nn'
import { Adam, OneCycleLR } from 'nabla/optim'
import { learningCurves, matrixChart, spectrogramChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const LANGUAGES: readonly PromptLanguage[] = ['en', 'es', 'fr', 'it', 'ru']
const RATE = 8000
/** Samples of an example, 1.5 seconds, and what its spectrogram is made of. */
const LENGTH = 12000
const MELS = 40
const FRAMES = { nFft: 400, hopLength: 200 }

/** (N, 1, 40, 61) to (N, 5): three convolutions, then the mean over all places. */
class Convolutional extends Module {
  conv1 = new Conv2d(1, 16, { kernelSize: 3, padding: 1 })
  conv2 = new Conv2d(16, 32, { kernelSize: 3, padding: 1 })
  conv3 = new Conv2d(32, 64, { kernelSize: 3, padding: 1 })
  norm1 = new BatchNorm2d(16)
  norm2 = new BatchNorm2d(32)
  norm3 = new BatchNorm2d(64)
  fc = new Linear(64, LANGUAGES.length)
  override forward(x: Tensor): Tensor {
    x = maxPool2d(relu(this.norm1.forward(this.conv1.forward(x))), 2)
    x = maxPool2d(relu(this.norm2.forward(this.conv2.forward(x))), 2)
    x = relu(this.norm3.forward(this.conv3.forward(x)))
    return this.fc.forward(x.mean([2, 3]))
  }
}
/** (N, 1, 40, 61) to (N, 5): a GRU in both directions reads the frames, then the mean over time. */
class Recurrent extends Module {
  gru = new GRU(MELS, 48, { batchFirst: true, bidirectional: true })
  fc = new Linear(96, LANGUAGES.length)
  override forward(x: Tensor): Tensor {
    const [states] = this.gru.forward(x.select(1, 0).transpose(1, 2))
    return this.fc.forward(states.mean(1))
  }
}

/** A list in another order, the same for every seed of the run. */
const mix = <T>(list: readonly T[], seed: number): T[] =>
  Array.from(
    permutation(list.length, { generator: new Generator(seed) }).toTypedArray<Int32Array>(),
    (i) => list[i]!,
  )

/** At most `most` stretches of LENGTH samples, the loudest first; a short sound is followed by silence. */
function stretches(samples: Float32Array, most: number): Float32Array[] {
  const count = Math.max(1, Math.floor(samples.length / LENGTH))
  const all = Array.from({ length: count }, (_, i) => {
    const x = new Float32Array(LENGTH)
    x.set(samples.subarray(i * LENGTH, (i + 1) * LENGTH))
    return { x, energy: x.reduce((sum, v) => sum + v * v, 0) }
  })
  return all
    .sort((a, b) => b.energy - a.energy)
    .slice(0, most)
    .map((s) => s.x)
}

const mel = new MelSpectrogram({ sampleRate: RATE, ...FRAMES, nMels: MELS, fMin: 50 })
/** Decibels of mel spectrograms (N, 1, 40, 61), each with mean 0 and deviation 1: how loud it is tells nothing. */
function features(sounds: readonly Float32Array[]): Tensor {
  const parts: Tensor[] = []
  for (let i = 0; i < sounds.length; i += 256) {
    const some = sounds.slice(i, i + 256)
    const x = new Float32Array(some.length * LENGTH)
    some.forEach((s, k) => void x.set(s, k * LENGTH))
    const db = amplitudeToDB(mel.forward(tensor(x, { shape: [some.length, 1, LENGTH] })), {
      topDb: 60,
    })
    const from = db.sub(db.mean([2, 3], { keepdim: true }))
    const deviation = from.square().mean([2, 3], { keepdim: true }).add(1e-6).sqrt()
    parts.push(from.div(deviation))
  }
  return concat(parts, 0)
}
function dataset(files: readonly { path: string; language: PromptLanguage }[], most: number) {
  const sounds: Float32Array[] = []
  const labels: number[] = []
  for (const { path, language } of files) {
    const { waveform, sampleRate } = readWav(path)
    const x = resample(waveform.mean(0), sampleRate, RATE).toTypedArray<Float32Array>()
    for (const s of stretches(x, most)) {
      sounds.push(s)
      labels.push(LANGUAGES.indexOf(language))
    }
  }
  return { data: new TensorDataset(features(sounds), tensor(labels, { dtype: 'int32' })), labels }
}

export default {
  name: 'languages',
  about: 'which of five languages is spoken, by mel spectrograms of telephone prompts',
  defaults: { epochs: 8, batchSize: 64, lr: 0.004 },
  quick: { epochs: 2, limit: 600 },
  trainings: 2,
  options: {
    voices: {
      about: 'a folder of WAV files LANGUAGE-anything.wav, other voices to test on',
      default: '',
    },
  },
  expect: { convolutional: { atLeast: 0.9 }, recurrent: { atLeast: 0.93 } },
  async run(s) {
    const { batchSize, lr, seed, epochs, limit, data: folder, own } = s.options
    const prompts = asteriskPrompts(folder ? { folder } : {})
    // What is said is the same in all languages: a fifth of the sayings, with all their voices, is for the test.
    const sayings = [...new Set(prompts.map((p) => p.name))].sort()
    const order = mix(sayings, 0)
    const held = new Set(order.slice(0, Math.round(sayings.length / 5)))
    const mixed = mix(prompts, 1)
    const train = dataset(mixed.filter((p) => !held.has(p.name)).slice(0, limit), 3)
    const test = dataset(mixed.filter((p) => held.has(p.name)).slice(0, limit), 1)
    s.say(
      `${train.labels.length} stretches of 1.5 s to train on, ${test.labels.length} of other sayings to test on`,
    )
    const others = own?.voices
      ? dataset(
          readdirSync(own.voices)
            .filter((f) => /^(en|es|fr|it|ru)-.*\.wav$/.test(f))
            .map((f) => ({
              path: join(own.voices!, f),
              language: f.slice(0, 2) as PromptLanguage,
            })),
          1,
        )
      : undefined
    for (const [i, name] of LANGUAGES.entries()) {
      const at = test.labels.indexOf(i)
      if (at < 0) continue
      const [lo, hi] = [50, RATE / 2].map((f) => 2595 * Math.log10(1 + f / 700)) as [number, number]
      await s.picture(
        `spectrogram-${name}.svg`,
        spectrogramChart(test.data.tensors[0]!.select(0, at).select(0, 0), {
          sampleRate: RATE,
          hopLength: FRAMES.hopLength,
          frequencies: Array.from({ length: MELS }, (_, k) =>
            melToHz(lo + ((hi - lo) * (k + 1)) / (MELS + 1)),
          ),
          title: `${name}: mel spectrogram, standardized dB`,
        }),
      )
    }
    const measures: Record<string, number> = {}
    for (const [name, model] of [
      ['convolutional', new Convolutional()],
      ['recurrent', new Recurrent()],
    ] as const) {
      const loader = new DataLoader(train.data, { batchSize, shuffle: true, seed })
      const testData = new DataLoader(test.data, { batchSize: 256 })
      const optimizer = new Adam(model.parameters(), { lr })
      const { history } = await s.train(`${name} network`, model, {
        data: loader,
        validation: testData,
        optimizer,
        schedule: new OneCycleLR(optimizer, lr, { epochs, stepsPerEpoch: loader.length }),
        scheduleEvery: 'step',
        clipNorm: 5,
        transform: (x: Tensor) =>
          frequencyMasking(timeMasking(x, 24, { iid: true }), 8, { iid: true }),
      })
      const { matrix } = s.test(model, testData, test.labels)
      measures[name] = matrix.accuracy()
      await s.picture(
        `confusion-${name}.svg`,
        matrixChart(matrix.counts, {
          names: LANGUAGES,
          title: `${name}, other sayings`,
          width: 560,
        }),
      )
      await s.picture(
        `accuracy-${name}.svg`,
        learningCurves(history, { measure: 'accuracy', title: name }),
      )
      s.save(model, { file: `${name}.safetensors` })
      if (others) {
        const found = s.test(model, new DataLoader(others.data, { batchSize: 256 }), others.labels)
        measures[`${name}OtherVoices`] = found.matrix.accuracy()
      }
    }
    s.say(
      'Each language has one voice here, so a network can tell the voice instead of the language. --voices FOLDER tests on others.',
    )
    return measures
  },
} satisfies Recipe
