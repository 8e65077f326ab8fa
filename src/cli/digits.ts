/** `nabla train digits`: the course's network on all of MNIST. */
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { BackendName } from '../backends/backend.js'
import { backend, setBackend, setNumThreads } from '../backends/registry.js'
import { FileError } from '../core/errors.js'
import { DataLoader } from '../data/loader.js'
import { mnist } from '../data/mnist.js'
import { saveTensors, writeAtomic } from '../io/files.js'
import { mlp } from '../models/mlp.js'
import type { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/trace.js'
import { manualSeed } from '../tensor/random.js'
import { ConfusionMatrix } from '../train/metrics.js'
import type { Batch } from '../train/evaluate.js'
import { type Callback, fit } from '../train/fit.js'
import { type ActivationName, activations, type OptimizerName, optimizers } from './choices.js'
import { drawCurve, drawImages, type Progress, progress } from './terminal.js'
import '../index.js'

export interface DigitsOptions {
  hidden: number[]
  activation: ActivationName
  epochs: number
  batchSize: number
  lr?: number
  optimizer: OptimizerName
  seed: number
  backend?: BackendName
  threads?: number
  data?: string
  out?: string
  json?: boolean
}

const percent = (v: number) => `${(100 * v).toFixed(2)} %`

export function trainDigits(options: DigitsOptions): void {
  const begin = performance.now()
  if (options.backend) setBackend(options.backend)
  if (options.threads) setNumThreads(options.threads)
  const { hidden, json = false } = options
  const say = (text = '') => {
    if (!json) process.stdout.write(`${text}\n`)
  }
  const emit = (event: object) => {
    if (json) process.stdout.write(`${JSON.stringify(event)}\n`)
  }
  const { train, test, original } = mnist({ ...(options.data && { folder: options.data }) })

  manualSeed(options.seed)
  const sizes = [train.height * train.width, ...hidden, 10]
  const model = mlp(sizes, activations[options.activation])
  const choice = optimizers[options.optimizer]
  const lr = options.lr ?? choice.lr
  const optimizer = choice.make(model.parameters(), lr)
  const parameters = model.parameterCount()
  const facts = backend().info()
  const config = {
    task: 'digits',
    sizes,
    activation: options.activation,
    optimizer: options.optimizer,
    lr,
    epochs: options.epochs,
    batchSize: options.batchSize,
    seed: options.seed,
    parameters,
    originalData: original,
    backend: facts,
  }
  const stamp = new Date().toISOString().replace(/[:.]/g, '-').slice(0, 19)
  const folder = options.out ?? join('runs', `digits-${stamp}`)
  writeAtomic(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
  const metrics = join(folder, 'metrics.jsonl')
  writeAtomic(metrics, '')
  const log = (entry: object) => {
    try {
      mkdirSync(folder, { recursive: true })
      appendFileSync(metrics, `${JSON.stringify(entry)}\n`)
    } catch (error) {
      throw new FileError(
        { op: 'digits', rule: `${metrics} must be writable`, got: (error as Error).message },
        { cause: error },
      )
    }
  }

  say(
    `${sizes.join('-')} ${options.activation}, ${parameters.toLocaleString('en')} parameters, ${options.optimizer} lr ${lr}`,
  )
  say(
    `${train.length.toLocaleString('en')} training and ${test.length.toLocaleString('en')} test images${original ? '' : ' (not the original files of MNIST)'}, backend ${facts.backend}, ${facts.threads} threads`,
  )
  emit({ event: 'start', ...config })

  const data = new DataLoader<Batch>(train, {
    batchSize: options.batchSize,
    shuffle: true,
    seed: options.seed,
  })
  const losses: number[] = []
  let bar: Progress
  const show: Callback = {
    onEpochStart(_t, epoch) {
      if (!json)
        bar = progress(`epoch ${`${epoch + 1}`.padStart(2)}/${options.epochs}`, train.length)
    },
    onBatchEnd(_t, b) {
      losses.push(b.loss)
      if (json) return
      if (b.batch % 16 === 0 || b.batch === b.batches)
        bar.update(
          b.samples,
          `loss ${b.meanLoss.toFixed(4)}  accuracy ${percent(b.accuracy ?? 0)}  ${Math.round(b.samples / b.seconds).toLocaleString('en')} samples/s`,
        )
    },
    onEpochEnd(_t, e) {
      log(e)
      emit({ event: 'epoch', ...e })
      if (!json)
        bar.end(
          `loss ${e.loss.toFixed(4)}  accuracy ${percent(e.accuracy ?? 0)}  ${Math.round(e.samplesPerSecond).toLocaleString('en')} samples/s  ${e.seconds.toFixed(2)} s`,
        )
    },
  }
  fit(model, { data, optimizer, epochs: options.epochs, callbacks: [show] })

  model.eval()
  const answers = classify(model, new DataLoader<Batch>(test, { batchSize: 1000 }))
  const confusion = new ConfusionMatrix(10).add(test.labels, answers.labels)
  const accuracy = confusion.accuracy()
  const seconds = (performance.now() - begin) / 1000
  saveTensors(join(folder, 'model.safetensors'), model.stateDict(), {
    config: JSON.stringify(config),
  })
  log({ testAccuracy: accuracy, seconds })

  if (!json) {
    say('\nloss of each step')
    say(drawCurve(losses))
    say('\nconfusion matrix of the test images')
    say(confusion.toString())
    say('\na few test digits and what the network says')
    say(
      drawImages(
        pick(test.labels, answers.labels).map((i) => ({
          pixels: Array.from(test.image(i), (v) => v / 255),
          width: test.width,
          height: test.height,
          caption: `${answers.labels[i]} (${Math.round(100 * answers.confidence[i]!)} %)${answers.labels[i] === test.labels[i] ? '' : `, is ${test.labels[i]}`}`,
        })),
      ),
    )
    say(`\ntest accuracy ${percent(accuracy)}  in ${seconds.toFixed(2)} s, saved in ${folder}`)
  }
  emit({
    event: 'end',
    parameters,
    testAccuracy: accuracy,
    seconds,
    backend: facts.backend,
    threads: facts.threads,
    out: folder,
  })
}

/** Most probable class and its probability for every example. */
export function classify(
  model: { forward(x: Tensor): Tensor },
  data: DataLoader<Batch>,
): { labels: number[]; confidence: number[] } {
  const labels: number[] = []
  const confidence: number[] = []
  for (const [x] of data) {
    const [p, i] = noGrad(() => model.forward(x!).softmax(1).max(1))
    labels.push(...(i.toTypedArray() as Int32Array))
    confidence.push(...(p.toTypedArray() as Float32Array))
  }
  return { labels, confidence }
}

/** Two that are right and one that is wrong. */
function pick(truth: ArrayLike<number>, said: ArrayLike<number>): number[] {
  const right: number[] = []
  const wrong: number[] = []
  for (let i = 0; i < said.length; i++) (said[i] === truth[i] ? right : wrong).push(i)
  return [...right.slice(0, 2), ...wrong.slice(0, 1)]
}
