/** What the recipes of `nabla train` share: options, progress, the saved run, pictures, the check of the result. */
import { existsSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { BackendName } from '../backends/backend.js'
import { backend, setBackend, setNumThreads } from '../backends/registry.js'
import { crc32 } from '../core/crc.js'
import { FileError, TrainingError, ValueError } from '../core/errors.js'
import { grouped } from '../core/text.js'
import { type Dataset, Subset } from '../data/dataset.js'
import type { ImageOptions } from '../data/images.js'
import type { ImageSets, MnistOptions } from '../data/mnist.js'
import { shuffled } from '../data/samplers.js'
import { parseChecked, serializeChecked } from '../io/checksum.js'
import { readBytes } from '../io/files.js'
import { appendBytes, isSilent, silence, writeAtomic } from '../train/files.js'
import type { GenerateOptions } from '../models/generate.js'
import type { Module } from '../nn/module.js'
import type { Tensor } from '../ops/tensor.js'
import { manualSeed } from '../tensor/random.js'
import { PeriodicCheckpoint } from '../train/callbacks.js'
import {
  type AnyModel,
  type BatchSource,
  type Model,
  nonFiniteState,
  predictions,
} from '../train/evaluate.js'
import {
  ANOTHER_RANK,
  type Callback,
  type FitOptions,
  fitAsync,
  type Trainer,
} from '../train/fit.js'
import { ConfusionMatrix } from '../data/measures.js'
import { ProgressBars } from '../train/progress.js'
import { Histograms } from '../train/histograms.js'
import { RunRecord, saveConfusion, tryToWrite } from '../train/record.js'
import { claimFolder, type SavedRun } from '../train/run.js'
import { Interrupted, onInterrupt } from './interrupt.js'
import { drawCurve, drawImages } from './terminal.js'
import '../index.js'

export type { SavedRun } from '../train/run.js'

export interface RecipeOptions extends SessionOptions {
  batchSize: number
  lr: number
  /** `2/5`: the second of five parts of the training data is what is tested on, the other four are trained on. */
  fold?: string
  /** Options that only this recipe has, as text. */
  own?: Readonly<Record<string, string>>
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

/** What the answer to a text may use. */
export interface Question<Config = never> {
  text: string
  /** What was saved with the weights. */
  config: Config
  /** How the answer is written, as `nabla predict` was told. */
  options: GenerateOptions
  /** A text file of the run's folder. @throws FileError when it is not there */
  read: (file: string) => string
}
/** What a recipe declares whose runs answer texts: `nabla predict RUN "text"`. */
export interface Answers<M extends Module = Module, Config = never> {
  /** The network, of the configuration that is saved with its weights. */
  model(config: Config): M
  /** The answer is a judgement, not written token by token: options of writing are refused. */
  judges?: true
  /** The answer, in parts as they come. */
  answer(model: M, question: Question<Config>): AsyncIterable<string> | Iterable<string>
}

/** What a recipe declares whose runs find things in pictures: `nabla predict RUN picture.png`. */
export interface Finder<M extends Module = Module, Config = never> {
  /** Pictures become gray, light on dark ground, of this size. */
  height: number
  width: number
  /** The network, of the configuration that is saved with its weights. */
  model(config: Config): M
  /** The pixels of test picture number i. */
  example(i: number): Float32Array
  /** What is found in a picture (1, 1, height, width): as plain data for `--json`, and in words. */
  find(model: M, x: Tensor): { found: object; words: string }
}

/** What a recipe declares whose runs make pictures: `nabla predict RUN picture.png`. */
export interface Painter<M extends Module = Module, Config = never> {
  /** Pictures are gray, 0 to 1, of this size; files become light on dark ground. */
  height: number
  width: number
  /** The images of which test pictures are; without them the runs take no picture, but a number from which chance follows. */
  images?: Classifier['images']
  /** What is done to a test picture before the run sees it, such as noise. */
  spoil?(x: Tensor): Tensor
  /** The network, of the configuration that is saved with its weights. */
  model(config: Config): M
  /** Pictures (N, ...) by name, the first of them what the run makes of x, (1, 1, height, width). */
  paint(model: M, x: Tensor | undefined): Record<string, Tensor>
}

interface Defaults {
  readonly epochs?: number
  readonly batchSize?: number
  readonly lr?: number
}

/** A network on real data: what `nabla train NAME` runs, a file of examples/ each. */
export interface Recipe {
  name: string
  /** One line for the list of recipes. */
  about: string
  /** Options unless given. What is left out here is no option of the recipe: who gives it is told so. */
  defaults: Defaults
  /** What is otherwise unless given, by the options of its own. */
  defaultsOf?(own: Readonly<Record<string, string>>): Defaults
  /** Always learns from all its data: `--limit` is no option of it. */
  whole?: true
  /** Options of `--quick`; 2,000 training examples once unless given. */
  quick?: Partial<Pick<RecipeOptions, 'epochs' | 'batchSize' | 'lr' | 'limit'>>
  /** How many trainings of the same length a run makes, for the time left; 1 unless given. */
  trainings?: number
  /**
   * Options that only this recipe has: `--NAME TEXT`. A run with others than the defaults is not checked. Where the default is a
   * number from 1 up without a fraction, values are such numbers; `real`: or others.
   */
  options?: Readonly<Record<string, { about: string; default: string; real?: true }>>
  /** What `--data` names, for recipes without `classifier` that read data from a file or folder. */
  data?: string
  /** What must come out of a run with these options. */
  expect: Record<string, Bound>
  /** Recipes with one have runs that `nabla predict` can use. */
  classifier?: Classifier
  /** Recipes with this have runs to which `nabla predict` can say a text. */
  answers?: Answers
  /** Recipes with this have runs that find things in pictures. */
  finder?: Finder
  /** Recipes with this have runs that make pictures. */
  painter?: Painter
  /** Trains, and returns its measures by name. */
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
  /** The short form: few examples, whose result is not checked. */
  quick?: boolean
  /** Histograms of weights and gradients by layer after every n-th epoch, for `nabla studio`. */
  histograms?: number
  /** The folder of a stopped run to continue. */
  resume?: string
}

/** The parts of a fold: which images they hold does not depend on the seed of the run. */
function folded(sets: ImageSets, fold: string): ImageSets {
  const [, part, parts] = /^(\d+)\/(\d+)$/.exec(fold) ?? []
  const [k, n] = [Number(part), Number(parts)]
  if (!(n >= 2 && k >= 1 && k <= n))
    throw new ValueError({
      op: 'train',
      rule: 'a fold is written k/n, such as 2/5, k from 1 to n',
      got: fold,
    })
  const order = shuffled(sets.train.length, 0)
  const [from, to] = [k - 1, k].map((v) => Math.round((v * order.length) / n)) as [number, number]
  return {
    ...sets,
    train: sets.train.subset([...order.subarray(0, from), ...order.subarray(to)]),
    test: sets.train.subset(order.subarray(from, to)),
  }
}

/** Files and folders of a run. */
const CONFIG = 'config.json'
const METRICS = 'metrics.jsonl'
const CHECKPOINTS = 'checkpoints'

const sumOf = (config: object) =>
  crc32(new TextEncoder().encode(JSON.stringify(config)))
    .toString(16)
    .padStart(8, '0')

/** The options with which a run was started. @throws FileError for a folder without a run, and a changed configuration */
export function readConfig(folder: string): { task: string; options: SessionOptions } {
  const path = join(folder, CONFIG)
  const refuse = (rule: string, got: string, fix?: string): never => {
    throw new FileError({ op: 'resume', rule, got, ...(fix && { fix }) })
  }
  if (!existsSync(path)) refuse(`${folder} must hold a run`, `no ${CONFIG}`)
  let config: Record<string, unknown> = {}
  try {
    config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  } catch {
    refuse(`${path} must be JSON`, 'something else', 'The file is damaged.')
  }
  const { checksum, ...rest } = config
  if (checksum !== sumOf(rest))
    refuse(
      `${path} must be as it was written`,
      'another content',
      'Its checksum does not fit: it was changed or is damaged.',
    )
  return rest as unknown as { task: string; options: SessionOptions }
}

type Ranks = typeof import('../distributed/index.js')
/** Joins the other ranks where a launcher has started several: the first one prints and saves. */
export async function joinRanks(): Promise<Ranks | undefined> {
  const { isAlone, launcher } = await import('../distributed/library.js')
  if (isAlone(launcher())) return undefined
  const ranks = await import('../distributed/index.js')
  if (!ranks.isInitialized()) ranks.initProcessGroup()
  if (ranks.getRank() > 0) silence()
  return ranks
}

/** One run: its backend, its output and its folder. */
export class Session<O extends SessionOptions = RecipeOptions> {
  readonly options: O
  private place: string
  private readonly trainings: number
  /** Trainings so far, this one included. */
  private training = 0
  /** Writes the state at the end of the training before: only one that follows needs it. */
  private finished: (() => void) | undefined
  private readonly task: string
  private readonly classifier: Classifier | undefined
  private sets: ImageSets | undefined
  private readonly began = performance.now()
  /** Where several ranks train. */
  private readonly ranks: Ranks | undefined

  constructor(task: string, options: O, classifier?: Classifier, trainings = 1, ranks?: Ranks) {
    this.ranks = ranks
    this.task = task
    this.options = options
    this.classifier = classifier
    this.trainings = trainings
    const stamp = new Date().toISOString().replace(/[:.]/g, '-').slice(0, 19)
    this.place = options.resume ?? options.out ?? join('runs', `${task}-${stamp}`)
    if (options.backend) setBackend(options.backend)
    if (options.threads) setNumThreads(options.threads)
    manualSeed(options.seed)
  }
  /** The run's folder: configuration, metrics as JSON lines, weights, pictures. Its own from `begin` on. */
  get folder(): string {
    return this.place
  }

  /**
   * Writes the configuration: the run's folder is there from now on. Where the folder that was asked for holds a run, this
   * one gets a folder beside it.
   */
  begin(config: object): void {
    const info = backend().info()
    const whole = { task: this.task, ...config, backend: info }
    if (this.options.resume !== undefined) {
      this.goOn()
      return
    }
    const wanted = this.place
    const { json, resume, ...kept } = this.options
    // A resumed run needs the same backend and threads for the same bits.
    const options = { ...kept, backend: info.backend, threads: info.threads, out: undefined }
    const entry = JSON.parse(JSON.stringify({ ...whole, options })) as object
    const text = JSON.stringify({ ...entry, checksum: sumOf(entry) }, null, 2)
    this.place = claimFolder(wanted, CONFIG, `${text}\n`)
    if (this.place !== wanted)
      this.say(`${wanted} already holds a run: this one is saved in ${this.place}`)
    writeAtomic(join(this.folder, METRICS), '')
    this.emit({ event: 'start', ...whole })
  }
  /** Prepares the folder of a resumed run: metrics after its last checkpoint are removed, since those steps run again. */
  private goOn(): void {
    const list = Array.from({ length: this.trainings + 1 }, (_, k) =>
      this.checkpointPath(k + 1),
    ).filter(existsSync)
    if (list.length === 0 && existsSync(join(this.folder, METRICS))) {
      const text = readFileSync(join(this.folder, METRICS), 'utf8')
      if (text.includes('"event":"end"'))
        throw new ValueError({
          op: 'resume',
          rule: 'the run must have been stopped before its end',
          got: `${this.folder}, which is finished`,
        })
    }
    const path = join(this.folder, METRICS)
    const newest = list.at(-1)
    let bytes = 0
    if (newest) {
      const { metadata } = parseChecked(readBytes(newest))
      const { extra } = JSON.parse(metadata.checkpoint ?? '{}') as {
        extra?: { callbacks?: { events?: { bytes?: number } } }
      }
      bytes = extra?.callbacks?.events?.bytes ?? 0
    }
    if (!isSilent() && existsSync(path) && statSync(path).size > bytes && bytes > 0)
      truncateSync(path, bytes)
    this.say(
      newest
        ? `continuing the run in ${this.folder}`
        : `the run in ${this.folder} has no checkpoint yet: it starts from the beginning`,
    )
    if (!newest) writeAtomic(path, '')
    this.emit({ event: 'resume', task: this.task })
  }
  private checkpointPath(k: number): string {
    return join(this.folder, CHECKPOINTS, k === 1 ? 'model.safetensors' : `model-${k}.safetensors`)
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
    if (!isSilent()) rmSync(join(this.folder, CHECKPOINTS), { recursive: true, force: true })
  }
  /** Since the run began. */
  get seconds(): number {
    return (performance.now() - this.began) / 1000
  }

  /** A line for people. */
  say(text = ''): void {
    if (!this.options.json && !isSilent()) process.stdout.write(`${text}\n`)
  }
  /** A line for programs, and for the run's metrics. */
  emit(event: object): void {
    const line = `${JSON.stringify(event)}\n`
    appendBytes(join(this.folder, 'metrics.jsonl'), new TextEncoder().encode(line))
    if (this.options.json && !isSilent()) process.stdout.write(line)
  }

  /**
   * The images of the recipe's classifier, as it wants them, from the folder that the options name.
   * @throws ValueError for a recipe without a classifier, FileError where the images cannot be read
   */
  load(): ImageSets {
    const { classifier } = this
    if (!classifier)
      throw new ValueError({ op: this.task, rule: 'a recipe that loads images has a classifier' })
    const { data, fold }: SessionOptions & { fold?: string } = this.options
    const sets = classifier.images({ ...(data && { folder: data }), ...classifier.input })
    this.sets = fold === undefined ? sets : folded(sets, fold)
    return this.sets
  }

  /** The dataset, or as many of its first examples as `limit` says. */
  limited<T>(data: Dataset<T>): Dataset<T> {
    const { limit } = this.options
    return limit === undefined
      ? data
      : new Subset(
          data,
          Int32Array.from({ length: Math.min(limit, data.length) }, (_, i) => i),
        )
  }
  /**
   * Trains with a live bar for each epoch; epochs come from the options unless given. A checkpoint is written after every
   * epoch, every half minute and at Ctrl-C; a resumed run continues from it.
   * @throws Interrupted at Ctrl-C, when the run has been saved
   */
  async train<Out = Tensor>(
    title: string,
    model: AnyModel<Out>,
    given: Omit<FitOptions<Out>, 'epochs'> & { epochs?: number },
  ): Promise<Trainer> {
    const { epochs = this.options.epochs, callbacks = [], ...rest } = given
    this.finished?.()
    this.finished = undefined
    const path = this.checkpointPath(++this.training)
    const here = this.options.resume !== undefined && existsSync(path)
    // Other machines may not see the folder: the first rank reads it for all.
    const goesOn = this.ranks ? this.ranks.broadcastObject(here) : here
    this.say(`\n${title}, ${grouped(model.parameterCount())} parameters`)
    const metrics = join(this.folder, METRICS)
    const events: Callback = {
      name: 'events',
      onEpochEnd: (_t, e) => this.emit({ event: 'epoch', run: title, ...e }),
      state: () => ({ bytes: existsSync(metrics) ? statSync(metrics).size : 0 }),
    }
    const others = Math.max(0, this.trainings - this.training)
    // What `nabla studio` shows of the run; of several trainings the last one's graph stays.
    const record = new RunRecord(() => this.folder)
    const { histograms } = this.options
    const watching =
      histograms === undefined ? [] : [new Histograms(this.folder, { every: histograms })]
    const bars = this.options.json || isSilent() ? [] : [new ProgressBars({ others })]
    const periodic = new PeriodicCheckpoint(path, { epochs: 1, seconds: 30 })
    const asked = onInterrupt()
    const stop = (t: Trainer) => {
      periodic.write(t, '')
      t.stop('interrupted')
    }
    // The last epoch's state is written when another training follows.
    const writer: Callback = {
      name: 'writer',
      last: true,
      onTrainStart: () => periodic.onTrainStart(),
      onBatchEnd: (t, log) =>
        t.agree(asked.signal !== undefined) ? stop(t) : periodic.onBatchEnd(t, log),
      onEpochEnd: (t, log) => {
        if (t.agree(asked.signal !== undefined) && log.epoch + 1 < epochs) stop(t)
        else if (log.epoch + 1 < epochs && !t.stopped) periodic.onEpochEnd(t, log)
        else {
          const bytes = t.checkpoint()
          this.finished = () => writeAtomic(path, bytes)
        }
      },
    }
    try {
      const trainer = await fitAsync(model, {
        ...rest,
        epochs,
        verbose: false,
        callbacks: [events, ...bars, ...callbacks, record, ...watching, writer],
        ...(goesOn && { resume: path }),
      })
      const signal = asked.signal ?? (trainer.stopped === ANOTHER_RANK ? 'SIGTERM' : undefined)
      if (signal) {
        ;(this.finished as (() => void) | undefined)?.()
        throw new Interrupted(
          signal,
          `stopped after step ${trainer.step}, saved in ${this.folder}. Continue with: nabla train --resume ${this.folder}`,
        )
      }
      if (trainer.stopped) this.say(`stopped: ${trainer.stopped}`)
      const { loss = 0, valLoss = 0 } = trainer.history.at(-1) ?? {}
      this.demandFinite('the losses of the last epoch', [loss, valLoss])
      return trainer
    } finally {
      asked.release()
    }
  }

  /** @throws TrainingError for values that are not finite: a run that diverged is not saved */
  demandFinite(what: string, values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++)
      if (!Number.isFinite(values[i]))
        throw new TrainingError({
          op: this.task,
          rule: `${what} must be finite numbers`,
          got: `${values[i]}`,
          fix: 'Lower the learning rate.',
        })
  }

  /** Classifies test data by the largest output: prints the confusion matrix, and returns it with all outputs. */
  test(
    model: Model,
    data: BatchSource,
    labels: ArrayLike<number>,
  ): { matrix: ConfusionMatrix; outputs: Tensor } {
    const outputs = predictions(model, data)
    this.demandFinite('the outputs for the test examples', outputs.toTypedArray() as Float32Array)
    const answers = outputs.argmax(1).toTypedArray<Int32Array>()
    const matrix = new ConfusionMatrix(outputs.shape[1]!).add(labels, answers)
    const images = this.sets?.test
    tryToWrite(() =>
      saveConfusion(this.folder, labels, answers, {
        classes: images?.classes ?? Array.from({ length: outputs.shape[1]! }, (_, i) => `${i}`),
        ...(images?.labels === labels && { images }),
      }),
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
    model: Module,
    { file = 'model.safetensors', config = {} }: { file?: string; config?: object } = {},
  ): void {
    const bad = nonFiniteState(model)
    if (bad !== undefined)
      throw new TrainingError({
        op: 'save',
        rule: 'the weights must be finite numbers',
        got: `${bad} that is not`,
        fix: 'Lower the learning rate.',
      })
    const run: SavedRun = { task: this.task, config }
    if (this.sets) {
      const { height, width, classes } = this.sets.train
      const { shape = [height * width], mean = 0, std = 1 } = this.classifier?.input ?? {}
      run.input = { height, width, shape, mean, std }
      if (classes) run.classes = classes
    }
    writeAtomic(
      join(this.folder, file),
      serializeChecked(model.stateDict(), { run: JSON.stringify(run) }),
    )
  }
}

const holds = (v: number, b: Bound) => ('atLeast' in b ? v >= b.atLeast : v <= b.atMost)
const told = (b: Bound) =>
  'atLeast' in b ? `at least ${number(b.atLeast)}` : `at most ${number(b.atMost)}`

/** Options that not every recipe has, and why one may not. */
const optional: Readonly<
  Record<
    'data' | 'fold' | 'limit' | 'epochs' | 'batchSize' | 'lr',
    (r: Recipe) => string | undefined
  >
> = {
  data: (r) => (r.classifier || r.data !== undefined ? undefined : 'brings its own data'),
  fold: (r) =>
    r.classifier ? undefined : 'classifies no images, of which parts could be left out',
  limit: (r) => (r.whole ? 'always learns from all its data' : undefined),
  epochs: (r) => (r.defaults.epochs === undefined ? 'has no epochs' : undefined),
  batchSize: (r) => (r.defaults.batchSize === undefined ? 'has no batches' : undefined),
  lr: (r) => (r.defaults.lr === undefined ? 'has no learning rate' : undefined),
}
/** Its name on the command line. */
export const flagOf = (name: string) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`

/** Whether the recipe has this option. */
export const hasOption = (recipe: Recipe, name: string): boolean =>
  !Object.hasOwn(optional, name) || optional[name as keyof typeof optional](recipe) === undefined

/** @throws ValueError for an option that the recipe does not have: a run with others than were asked for is no answer */
export function requireOptionsOf(
  op: string,
  recipe: Recipe,
  given: { readonly [K in keyof typeof optional]?: unknown },
): void {
  for (const [name, why] of Object.entries(optional)) {
    const value = given[name as keyof typeof optional]
    const reason = value === undefined ? undefined : why(recipe)
    if (reason !== undefined)
      throw new ValueError({
        op,
        rule: `${recipe.name} ${reason}`,
        got: `${flagOf(name)} ${value}`,
        fix: `Leave ${flagOf(name)} out.`,
      })
  }
}

/**
 * Runs a recipe and checks its result where the options are its own.
 * @throws TrainingError when the result misses the bounds of the recipe
 */
export async function runRecipe(recipe: Recipe, given: Partial<RecipeOptions> = {}): Promise<void> {
  // A resumed run has all options that it was started with.
  if (given.resume === undefined) requireOptionsOf('train', recipe, given)
  const short = given.quick ? { epochs: 1, limit: 2000, ...recipe.quick } : {}
  const { options: named = {} } = recipe
  const own = Object.fromEntries(
    Object.entries(named).map(([name, o]) => [name, given.own?.[name] ?? o.default]),
  )
  const defaults = { ...recipe.defaults, ...recipe.defaultsOf?.(own) }
  // What it does not have it does not look at.
  const options = { seed: 1, ...defaults, ...short, ...given, own } as RecipeOptions
  const checked =
    !options.quick &&
    options.limit === undefined &&
    options.fold === undefined &&
    (defaults.epochs === undefined || options.epochs >= defaults.epochs) &&
    options.batchSize === defaults.batchSize &&
    options.lr === defaults.lr &&
    Object.entries(named).every(([name, o]) => own[name] === o.default)
  const ranks = await joinRanks()
  const s = new Session(recipe.name, options, recipe.classifier, recipe.trainings, ranks)
  const { out, resume, ...config } = options
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
  for (const [name, v] of Object.entries(measures)) s.demandFinite(name, [v])
  s.end({ ...measures, checked })
  if (checked && failures.length > 0)
    throw new TrainingError({
      op: recipe.name,
      rule: 'the run must reach the bounds of the recipe',
      got: failures.join('; '),
      fix: 'Another seed may do; if not, something is broken.',
    })
}
