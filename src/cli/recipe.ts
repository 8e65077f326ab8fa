/** What the recipes of `nabla train` share: options, progress, the saved run, pictures, the check of the result. */
import { join } from 'node:path'
import type { BackendName } from '../backends/backend.js'
import { backend, setBackend, setNumThreads } from '../backends/registry.js'
import { TrainingError, ValueError } from '../core/errors.js'
import { grouped } from '../core/text.js'
import { type Dataset, Subset } from '../data/dataset.js'
import type { ImageOptions } from '../data/images.js'
import type { ImageSets, MnistOptions } from '../data/mnist.js'
import { appendBytes, saveTensors, writeAtomic } from '../io/files.js'
import type { Tensor } from '../ops/tensor.js'
import { manualSeed } from '../tensor/random.js'
import { type BatchSource, type Model, predictions } from '../train/evaluate.js'
import { type Callback, type FitOptions, fit, type Trainer } from '../train/fit.js'
import { ConfusionMatrix } from '../train/metrics.js'
import { ProgressBars } from '../train/progress.js'
import { drawCurve, drawImages } from './terminal.js'
import '../index.js'

export interface RecipeOptions extends SessionOptions {
  batchSize: number
  lr: number
}

/** A bound that a measure must keep. */
export type Bound = { atLeast: number } | { atMost: number }

/**
 * What a recipe that classifies images declares, once for its training and for `nabla predict`.
 * @example { images: mnist, input: { mean: 0.13, std: 0.31 }, model: ({ hidden }) => mlp([784, hidden, 10], relu) }
 */
export interface Classifier {
  /** Reads the images: `mnist`, `fashionMnist`, or a function like them. */
  images: (options: MnistOptions) => ImageSets
  /** Shape of one example; y = (pixel / 255 − mean) / std. */
  input?: Pick<ImageOptions, 'shape' | 'mean' | 'std'>
  /** The network, (N, ...shape) to (N, classes) logits, of the configuration that is saved with its weights. */
  model: (config: never) => Model
}

/** What is saved beside the weights, as JSON under `run`. */
export interface SavedRun {
  task: string
  /** What the classifier's `model` was called with. */
  config: object
  /** Missing where the run classifies no images. */
  input?: { height: number; width: number; shape: readonly number[]; mean: number; std: number }
  classes?: readonly string[]
}

/** A network on real data: what `nabla train NAME` runs, a file of examples/ each. */
export interface Recipe {
  name: string
  /** One line for the list of recipes. */
  about: string
  /** Options unless given. */
  defaults: { epochs: number; batchSize: number; lr: number }
  /** What must come out of a run with these options. */
  expect: Record<string, Bound>
  /** Recipes with one have runs that `nabla predict` can use. */
  classifier?: Classifier
  /** Trains, and gives its measures by name. */
  run(s: Session): Promise<Record<string, number>> | Record<string, number>
}

const number = (v: number) =>
  Number.isInteger(v) ? grouped(v) : v.toPrecision(4).replace(/\.?0+$/, '')

/** What the runs of all commands have in common. */
export interface SessionOptions {
  epochs: number
  seed: number
  /** Only the first n training examples: a quick look, whose result is not checked. */
  limit?: number
  backend?: BackendName
  threads?: number
  /** A folder with the data, for those who have it elsewhere. */
  data?: string
  out?: string
  json?: boolean
}

/** One run: where to compute, and where what happens is told and kept. */
export class Session<O extends SessionOptions = RecipeOptions> {
  readonly options: O
  /** The run's folder: configuration, metrics as JSON lines, weights, pictures. */
  readonly folder: string
  private readonly task: string
  private readonly classifier: Classifier | undefined
  private sets: ImageSets | undefined
  private readonly began = performance.now()

  constructor(task: string, options: O, classifier?: Classifier) {
    this.task = task
    this.options = options
    this.classifier = classifier
    const stamp = new Date().toISOString().replace(/[:.]/g, '-').slice(0, 19)
    this.folder = options.out ?? join('runs', `${task}-${stamp}`)
    if (options.backend) setBackend(options.backend)
    if (options.threads) setNumThreads(options.threads)
    manualSeed(options.seed)
  }

  /** Writes the configuration: the run's folder is there from now on. */
  begin(config: object): void {
    const whole = { task: this.task, ...config, backend: backend().info() }
    writeAtomic(join(this.folder, 'config.json'), `${JSON.stringify(whole, null, 2)}\n`)
    writeAtomic(join(this.folder, 'metrics.jsonl'), '')
    this.emit({ event: 'start', ...whole })
  }
  /** The last line of metrics and of `--json`. */
  end(measures: object): void {
    const { backend: name, threads } = backend().info()
    this.emit({
      event: 'end',
      ...measures,
      seconds: this.seconds,
      backend: name,
      threads,
      out: this.folder,
    })
  }
  /** Since the run began. */
  get seconds(): number {
    return (performance.now() - this.began) / 1000
  }

  /** A line for people. */
  say(text = ''): void {
    if (!this.options.json) process.stdout.write(`${text}\n`)
  }
  /** A line for programs, and for the run's metrics. */
  emit(event: object): void {
    const line = `${JSON.stringify(event)}\n`
    appendBytes(join(this.folder, 'metrics.jsonl'), new TextEncoder().encode(line))
    if (this.options.json) process.stdout.write(line)
  }

  /**
   * The images of the recipe's classifier, as it wants them, from the folder that the options name.
   * @throws ValueError for a recipe without a classifier, FileError where the images cannot be read
   */
  load(): ImageSets {
    const { classifier } = this
    if (!classifier)
      throw new ValueError({ op: this.task, rule: 'a recipe that loads images has a classifier' })
    const { data } = this.options
    this.sets = classifier.images({ ...(data && { folder: data }), ...classifier.input })
    return this.sets
  }

  /** The dataset, or as many of its first examples as `limit` says. */
  limited<T>(data: Dataset<T>): Dataset<T> {
    const { limit } = this.options
    return limit === undefined
      ? data
      : new Subset(
          data,
          Int32Array.from({ length: limit }, (_, i) => i),
        )
  }
  /** Trains with a live bar for each epoch; epochs come from the options unless given. */
  train(
    title: string,
    model: Model,
    given: Omit<FitOptions, 'epochs'> & { epochs?: number },
  ): Trainer {
    const { epochs = this.options.epochs, callbacks = [], ...rest } = given
    this.say(`\n${title}, ${grouped(model.parameterCount())} parameters`)
    const events: Callback = {
      onEpochEnd: (_t, e) => this.emit({ event: 'epoch', run: title, ...e }),
    }
    const bars = this.options.json ? [] : [new ProgressBars()]
    const trainer = fit(model, {
      ...rest,
      epochs,
      verbose: false,
      callbacks: [events, ...bars, ...callbacks],
    })
    if (trainer.stopped) this.say(`stopped: ${trainer.stopped}`)
    return trainer
  }

  /** Classifies test data by the largest output: prints the confusion matrix, gives it with all outputs. */
  test(
    model: Model,
    data: BatchSource,
    labels: ArrayLike<number>,
  ): { matrix: ConfusionMatrix; outputs: Tensor } {
    const outputs = predictions(model, data)
    const matrix = new ConfusionMatrix(outputs.shape[1]!).add(
      labels,
      outputs.argmax(1).toTypedArray(),
    )
    this.say(`\nconfusion matrix of the ${grouped(labels.length)} test examples`)
    this.say(matrix.toString())
    return { matrix, outputs }
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

  /** Saves the weights into the run's folder, and with them what `nabla predict` must know; `config` made the model. */
  save(
    model: Model,
    { file = 'model.safetensors', config = {} }: { file?: string; config?: object } = {},
  ): void {
    const run: SavedRun = { task: this.task, config }
    if (this.sets) {
      const { height, width, classes } = this.sets.train
      const { shape = [height * width], mean = 0, std = 1 } = this.classifier?.input ?? {}
      run.input = { height, width, shape, mean, std }
      if (classes) run.classes = classes
    }
    saveTensors(join(this.folder, file), model.stateDict(), { run: JSON.stringify(run) })
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
  const options: RecipeOptions = { seed: 1, ...recipe.defaults, ...given }
  const own = recipe.defaults
  const checked =
    options.limit === undefined &&
    options.epochs >= own.epochs &&
    options.batchSize === own.batchSize &&
    options.lr === own.lr
  const s = new Session(recipe.name, options, recipe.classifier)
  const { out, ...config } = options
  s.begin(config)
  s.say(recipe.about)
  const measures = await recipe.run(s)
  s.say('')
  const failures: string[] = []
  for (const [name, v] of Object.entries(measures)) {
    const bound = recipe.expect[name]
    const ok = !bound || holds(v, bound)
    if (!ok) failures.push(`${name} ${number(v)}, ${told(bound!)}`)
    s.say(`${name.padEnd(24)} ${number(v)}${bound && checked ? `  (${told(bound)})` : ''}`)
  }
  s.say(`${s.seconds.toFixed(1)} s, saved in ${s.folder}`)
  s.end({ ...measures, checked })
  if (checked && failures.length > 0)
    throw new TrainingError({
      op: recipe.name,
      rule: 'the run must reach what the recipe promises',
      got: failures.join('; '),
      fix: 'Another seed may do; if not, something is broken.',
    })
}
