/** What the recipes of `nabla train` share: options, progress, the saved run, pictures, the check of the result. */
import { join } from 'node:path'
import type { BackendName } from '../backends/backend.js'
import { backend, setBackend, setNumThreads } from '../backends/registry.js'
import { TrainingError } from '../core/errors.js'
import { appendBytes, saveTensors, writeAtomic } from '../io/files.js'
import { manualSeed } from '../tensor/random.js'
import type { Batch, BatchSource, Model } from '../train/evaluate.js'
import { predictions } from '../train/evaluate.js'
import { type Callback, type EpochLog, type FitOptions, fit, type Trainer } from '../train/fit.js'
import { ConfusionMatrix } from '../train/metrics.js'
import { drawCurve, drawImages, type Progress, progress } from './terminal.js'
import '../index.js'

export interface RecipeOptions {
  epochs: number
  batchSize: number
  lr: number
  seed: number
  /** Only the first n training examples: a quick look, whose result is not checked. */
  limit?: number
  /** A folder with the data, for those who have it elsewhere. */
  data?: string
  backend?: BackendName
  threads?: number
  out?: string
  json?: boolean
}

/** A bound that a measure must keep. */
export type Bound = { atLeast: number } | { atMost: number }

/** A network on real data: what `nabla train NAME` runs, a file of examples/ each. */
export interface Recipe {
  name: string
  /** One line for the list of recipes. */
  about: string
  /** Options unless given. */
  defaults: { epochs: number; batchSize: number; lr: number }
  /** What must come out of a run with these options. */
  expect: Record<string, Bound>
  /** Trains, and gives its measures by name. */
  run(s: Session): Promise<Record<string, number>> | Record<string, number>
}

const percent = (v: number) => `${(100 * v).toFixed(2)} %`
const number = (v: number) =>
  Number.isInteger(v) ? v.toLocaleString('en') : v.toPrecision(4).replace(/\.?0+$/, '')

/** One run of a recipe: its options, and where what happens is told and kept. */
export class Session {
  readonly options: RecipeOptions
  /** The run's folder: configuration, metrics as JSON lines, weights, pictures. */
  readonly folder: string
  private readonly log: string

  constructor(name: string, options: RecipeOptions) {
    this.options = options
    const stamp = new Date().toISOString().replace(/[:.]/g, '-').slice(0, 19)
    this.folder = options.out ?? join('runs', `${name}-${stamp}`)
    this.log = join(this.folder, 'metrics.jsonl')
    if (options.backend) setBackend(options.backend)
    if (options.threads) setNumThreads(options.threads)
    manualSeed(options.seed)
    const { out, ...kept } = options
    const config = { task: name, ...kept, backend: backend().info() }
    writeAtomic(join(this.folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
    writeAtomic(this.log, '')
    this.emit({ event: 'start', ...config })
  }

  /** A line for people. */
  say(text = ''): void {
    if (!this.options.json) process.stdout.write(`${text}\n`)
  }
  /** A line for programs, and for the run's metrics. */
  emit(event: object): void {
    const line = `${JSON.stringify(event)}\n`
    appendBytes(this.log, new TextEncoder().encode(line))
    if (this.options.json) process.stdout.write(line)
  }

  /** Trains with a live bar for each epoch; epochs come from the options unless given. */
  train(
    title: string,
    model: Model,
    given: Omit<FitOptions, 'epochs'> & { epochs?: number },
  ): Trainer {
    const { epochs = this.options.epochs, callbacks = [], ...rest } = given
    const { json = false } = this.options
    this.say(`\n${title}: ${model.parameterCount().toLocaleString('en')} parameters`)
    const digits = `${epochs}`.length
    let bar: Progress | undefined
    const describe = (m: { loss: number; accuracy?: number }) =>
      `loss ${m.loss.toFixed(4)}${m.accuracy === undefined ? '' : `  accuracy ${percent(m.accuracy)}`}`
    const show: Callback = {
      onBatchEnd: (_t, b) => {
        if (json) return
        bar ??= progress(`epoch ${`${b.epoch + 1}`.padStart(digits)}/${epochs}`, b.batches)
        if (b.batch % 8 !== 0 && b.batch !== b.batches) return
        const rate = Math.round(b.samples / b.seconds).toLocaleString('en')
        bar.update(b.batch, `${describe({ ...b, loss: b.meanLoss })}  ${rate} samples/s`)
      },
      onEpochEnd: (_t, e) => {
        this.emit({ event: 'epoch', run: title, ...e })
        bar?.end(`${describe(e)}${validation(e)}  ${e.seconds.toFixed(1)} s`)
        bar = undefined
      },
    }
    const validation = (e: EpochLog) =>
      e.valLoss === undefined
        ? ''
        : `  validation ${e.valLoss.toFixed(4)}${e.valAccuracy === undefined ? '' : ` ${percent(e.valAccuracy)}`}`
    const trainer = fit(model, { ...rest, epochs, callbacks: [show, ...callbacks] })
    if (trainer.stopped) this.say(`stopped: ${trainer.stopped}`)
    return trainer
  }

  /** Classifies test data: prints the confusion matrix and gives it. */
  test(model: Model, data: BatchSource, classes: number): ConfusionMatrix {
    const truth: number[] = []
    const watched: BatchSource = {
      length: data.length,
      *from(epoch: number, start: number): Generator<Batch> {
        const source = data.from(epoch, start)
        for (let next = source.next(); !next.done; next = source.next()) {
          for (const label of next.value[1]!.toTypedArray()) truth.push(label)
          yield next.value
        }
      },
    }
    const answers = predictions(model, watched).argmax(1).toTypedArray()
    const matrix = new ConfusionMatrix(classes).add(truth, answers)
    this.say(`\nconfusion matrix of the ${truth.length.toLocaleString('en')} test examples`)
    this.say(matrix.toString())
    return matrix
  }

  /** A curve in the terminal. */
  curve(title: string, values: readonly number[]): void {
    this.say(`\n${title}`)
    this.say(drawCurve(values))
  }
  /** Small gray images (0 to 1) in the terminal. */
  images(images: Parameters<typeof drawImages>[0]): void {
    this.say(drawImages(images))
  }

  /** Writes a picture (SVG text or PNG bytes) into the run's folder. */
  async picture(file: string, content: string | Uint8Array | Promise<string>): Promise<void> {
    const path = join(this.folder, file)
    writeAtomic(path, await content)
    this.say(`picture ${path}`)
  }

  /** Saves the weights into the run's folder. */
  save(model: Model, file = 'model.safetensors'): void {
    saveTensors(join(this.folder, file), model.stateDict(), { model: model.constructor.name })
  }
}

const holds = (v: number, b: Bound) => ('atLeast' in b ? v >= b.atLeast : v <= b.atMost)
const told = (b: Bound) =>
  'atLeast' in b ? `at least ${number(b.atLeast)}` : `at most ${number(b.atMost)}`

/**
 * Runs a recipe and checks its result where the options are its own.
 * @throws TrainingError for a result that is not what the recipe promises
 */
export async function runRecipe(recipe: Recipe, given: Partial<RecipeOptions> = {}): Promise<void> {
  const begin = performance.now()
  const options: RecipeOptions = { seed: 1, ...recipe.defaults, ...given }
  const own = recipe.defaults
  const checked =
    options.limit === undefined &&
    options.epochs >= own.epochs &&
    options.batchSize === own.batchSize &&
    options.lr === own.lr
  const s = new Session(recipe.name, options)
  s.say(recipe.about)
  const measures = await recipe.run(s)
  const seconds = (performance.now() - begin) / 1000
  s.say('')
  const failures: string[] = []
  for (const [name, v] of Object.entries(measures)) {
    const bound = recipe.expect[name]
    const ok = !bound || holds(v, bound)
    if (!ok) failures.push(`${name} ${number(v)}, ${told(bound!)}`)
    s.say(`${name.padEnd(24)} ${number(v)}${bound && checked ? `  (${told(bound)})` : ''}`)
  }
  s.say(`${seconds.toFixed(1)} s, saved in ${s.folder}`)
  const facts = backend().info()
  s.emit({
    event: 'end',
    ...measures,
    seconds,
    backend: facts.backend,
    threads: facts.threads,
    checked,
    out: s.folder,
  })
  if (checked && failures.length > 0)
    throw new TrainingError({
      op: recipe.name,
      rule: 'the run must reach what the recipe promises',
      got: failures.join('; '),
      fix: 'Another seed may do; if not, something is broken.',
    })
}
