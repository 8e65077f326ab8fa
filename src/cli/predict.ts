/** `nabla predict`: one example through a saved run. `nabla chat`: line after line. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { FileError, NablaError, ShapeError, show, ValueError } from '../core/errors.js'
import { sizeOf } from '../core/shape.js'
import type { Module } from '../nn/module.js'
import { loadTensors, readBytes } from '../io/files.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import type { SavedRun } from '../train/run.js'
import type { GenerateOptions } from '../models/generate.js'
import type { Answers, Finder, Painter } from './recipe.js'
import { numberOf, readImage, testImage } from './pictures.js'
import { loadAnswers, loadClassifier, loadFinder, loadPainter } from './recipes.js'
import { drawImages } from './terminal.js'
import { mseLoss } from '../ops/loss/index.js'
import { noGrad } from '../ops/state.js'
import { imageGrid } from '../plot/images.js'
import { manualSeed } from '../tensor/random.js'
import { writeAtomic } from '../train/files.js'
import '../index.js'

/** The file of weights that a run stands for. @throws FileError that says which there are */
function weightsOf(run: string): string {
  const own = join(run, 'model.safetensors')
  if (existsSync(own) || !existsSync(run)) return own
  if (!statSync(run).isDirectory()) return run
  const files = readdirSync(run).filter((name) => name.endsWith('.safetensors'))
  throw new FileError({
    op: 'predict',
    rule: `${run} must hold model.safetensors`,
    got: files.length > 0 ? files.join(', ') : 'no weights',
    fix:
      files.length > 0
        ? `Say which, such as ${join(run, files[0]!)}.`
        : 'Recipes that compare networks may save none.',
  })
}

const isCount = (n: unknown) => Number.isInteger(n) && (n as number) > 0

/** What was saved beside the weights. @throws FileError unless it is whole */
function readRun(path: string, text: string | undefined): SavedRun {
  let run: SavedRun | undefined
  try {
    run = JSON.parse(text ?? 'null') ?? undefined
  } catch {}
  const { input, classes, network } = run ?? {}
  const image = input?.height !== undefined
  const whole =
    typeof run?.task === 'string' &&
    typeof run.config === 'object' &&
    (network === undefined ||
      (typeof network.module === 'string' && typeof network.export === 'string' && input)) &&
    (input === undefined ||
      ((image || network !== undefined) &&
        Array.isArray(input.shape) &&
        [...(image ? [input.height, input.width] : []), ...input.shape].every(isCount) &&
        (!image || sizeOf(input.shape) === input.height! * input.width!) &&
        Number.isFinite(input.mean) &&
        input.std > 0)) &&
    (classes === undefined ||
      (Array.isArray(classes) && classes.every((c) => typeof c === 'string')))
  if (!whole)
    throw new FileError({
      op: 'predict',
      rule: `${path} must say which run it is of`,
      got: text === undefined ? 'nothing about a run' : text.slice(0, 80),
      fix: 'Was it saved by `nabla train`, or by RunFolder?',
    })
  return run!
}

/** The network that a module makes. @throws ValueError when it makes none */
async function madeBy(
  folder: string,
  { network, config }: SavedRun,
  given?: string,
): Promise<Network> {
  const file = given ?? resolve(folder, network!.module)
  const name = network?.export ?? 'default'
  const refuse = (got: string, cause?: unknown): never => {
    throw new ValueError(
      {
        op: 'predict',
        rule: `${file} must export ${name}, a function or class that makes the network`,
        got,
        ...(!given && { fix: 'Where the module lies elsewhere, say so: --model FILE.' }),
      },
      { cause },
    )
  }
  let made: unknown
  try {
    const module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>
    made = module[name]
  } catch (error) {
    refuse((error as Error).message.split('\n', 1)[0]!, error)
  }
  if (typeof made !== 'function')
    return refuse(made === undefined ? 'nothing of that name' : typeof made)
  const isClass = /^class\b/.test(Function.prototype.toString.call(made))
  const model = isClass
    ? new (made as new (config: object) => Network)(config)
    : await (made as (config: object) => Network)(config)
  if (typeof model?.forward !== 'function' || typeof model.loadStateDict !== 'function')
    refuse('what has no forward')
  return model
}
type Network = Module & { forward(x: Tensor): Tensor }

/** The network with the saved weights. @throws FileError when these do not fit it */
function withWeights<M extends Module>(
  path: string,
  { config }: SavedRun,
  make: () => M,
  tensors: Record<string, Tensor>,
): M {
  try {
    const model = make()
    model.loadStateDict(tensors)
    model.eval()
    return model
  } catch (error) {
    throw new FileError(
      {
        op: 'predict',
        rule: `the weights of ${path} must be those of its recipe's network`,
        got:
          error instanceof NablaError
            ? error.message
            : `the configuration ${JSON.stringify(config)}`,
        fix: 'Is it damaged, or has the recipe changed since?',
      },
      { cause: error },
    )
  }
}

/** Numbers on the command line, with commas between, or in a JSON file. */
function readNumbers(text: string, shape: readonly number[]): Float32Array {
  let list: unknown[]
  if (existsSync(text))
    try {
      list = [JSON.parse(readFileSync(text, 'utf8'))].flat(Number.POSITIVE_INFINITY)
    } catch {
      throw new FileError({
        op: 'predict',
        rule: `${text} must hold numbers as JSON`,
        got: 'something else',
      })
    }
  else list = text.split(',').map((n) => (n.trim() === '' ? Number.NaN : Number(n)))
  if (list.length !== sizeOf(shape) || !list.every(Number.isFinite))
    throw new ValueError({
      op: 'predict',
      rule: `an example of this run is ${sizeOf(shape)} numbers (${show(shape)})`,
      got: text.slice(0, 80),
      fix: 'Give them with commas between, or the name of a JSON file.',
    })
  return Float32Array.from(list as number[])
}

/** A run that answers texts, read once. @throws FileError for files of the run that are missing or damaged */
function answerer(
  path: string,
  saved: SavedRun,
  { model: make, answer }: Answers,
  tensors: Record<string, Tensor>,
  { json, ...options }: GenerateOptions & { json?: boolean },
): (text: string) => Promise<void> {
  const config = saved.config as never
  const model = withWeights(path, saved, () => make(config), tensors)
  const read = (file: string) => new TextDecoder().decode(readBytes(join(dirname(path), file)))
  /** Writes the answer as it comes. */
  return async (text) => {
    let whole = ''
    for await (const part of answer(model, { text, config, options, read })) {
      whole += part
      if (!json) process.stdout.write(part)
    }
    process.stdout.write(json ? `${JSON.stringify({ text: whole })}\n` : '\n')
  }
}

/** What the options say of how an answer is written. @throws ValueError for runs that write none */
function writingOf(
  op: string,
  { data: _, model: __, out: ___, tokens: maxNewTokens, json, ...rest }: PredictOptions,
  task: string,
  answers: Answers | undefined,
): GenerateOptions & { json?: boolean } {
  const writing = { ...rest, ...(maxNewTokens !== undefined && { maxNewTokens }) }
  const odd = Object.keys(writing)
  if (odd.length > 0 && (!answers || answers.judges))
    throw new ValueError({
      op,
      rule: `${odd.join(', ')} are for runs that write`,
      got: `one of ${task}, which does not`,
    })
  return { ...writing, ...(json && { json }) }
}

/**
 * Answers every line that is typed, until there are no more (Ctrl-D). A line that cannot be answered gets the reason, and the
 * next is read.
 * @throws FileError, ValueError for runs that answer no texts, and those that are damaged
 */
export async function chat(run: string, options: PredictOptions): Promise<void> {
  const path = weightsOf(run)
  const { tensors, metadata } = loadTensors(path)
  const saved = readRun(path, metadata.run)
  const { task, input, network } = saved
  const answers = network || input ? undefined : await loadAnswers(task)
  const writing = writingOf('chat', options, task, answers)
  if (!answers)
    throw new ValueError({
      op: 'chat',
      rule: 'the run must answer texts',
      got: `one of ${task}, which does not`,
      fix: `nabla predict ${run} takes what it knows.`,
    })
  const ask = answerer(path, saved, answers, tensors, writing)
  const { stdin } = process
  const lines = createInterface({ input: stdin })
  const prompt = () => {
    if (stdin.isTTY && !options.json) process.stdout.write('> ')
  }
  prompt()
  for await (const line of lines) {
    if (line.trim() !== '')
      try {
        await ask(line)
      } catch (error) {
        if (!(error instanceof ValueError || error instanceof ShapeError)) throw error
        process.stderr.write(`nabla: ${error.message}\n`)
      }
    prompt()
  }
}

/** Writes what a run finds in a picture: a file, or a test picture by its number. */
function findThings(
  path: string,
  saved: SavedRun,
  { height, width, model: make, example, find }: Finder,
  tensors: Record<string, Tensor>,
  image: string,
  json: boolean,
): void {
  const model = withWeights(path, saved, () => make(saved.config as never), tensors)
  const number = numberOf(image)
  const pixels = number !== undefined ? example(number) : readImage(image, { height, width })
  const x = tensor(pixels, { shape: [1, 1, height, width] })
  const { found, words } = noGrad(() => find(model, x))
  if (!json) process.stdout.write(`${drawImages([{ pixels, height, width, caption: '' }])}\n`)
  process.stdout.write(`${json ? JSON.stringify(found) : words}\n`)
}

/** Writes what a run makes of a picture, or of chance: into the terminal, and as a PNG file. */
function paintPictures(
  path: string,
  saved: SavedRun,
  { height, width, images, spoil, model: make, paint }: Painter,
  tensors: Record<string, Tensor>,
  given: string,
  { data, json, out = join(dirname(path), 'predicted.png') }: PredictOptions,
): void {
  const model = withWeights(path, saved, () => make(saved.config as never), tensors)
  const number = numberOf(given)
  if (!images && number === undefined)
    throw new ValueError({
      op: 'predict',
      rule: `runs of ${saved.task} make pictures by chance: they take a whole number, the seed`,
      got: given,
    })
  // What chance adds to a picture, or makes of nothing, follows from the number.
  manualSeed(number ?? 0)
  let x: Tensor | undefined
  if (images) {
    const pixels =
      number === undefined
        ? readImage(given, { height, width })
        : testImage(images, number, { folder: data, height, width }).pixels
    x = tensor(pixels, { shape: [1, 1, height, width] })
    if (spoil && number !== undefined) x = spoil(x)
  }
  const made = noGrad(() => paint(model, x))
  const list = Object.entries({ ...(x && { given: x }), ...made }).flatMap(([caption, t]) =>
    Array.from({ length: t.size / (height * width) }, (_, k) => ({
      ...{ height, width, caption },
      pixels: t
        .reshape([-1, height * width])
        .at(k)
        .toTypedArray() as Float32Array,
    })),
  )
  if (!list.every(({ pixels }) => pixels.every(Number.isFinite)))
    throw new FileError({
      op: 'predict',
      rule: `the pictures of ${path} must be finite numbers`,
      got: 'some that are not',
      fix: 'Its training has diverged: train it again with a lower learning rate.',
    })
  const all = Float32Array.from(list.flatMap(({ pixels }) => [...pixels]))
  writeAtomic(
    out,
    imageGrid(tensor(all, { shape: [list.length, height, width] }), { range: [0, 1] }),
  )
  const error = x && {
    meanSquaredError: mseLoss(Object.values(made)[0]!.reshape(x.shape), x).item(),
  }
  if (json) {
    process.stdout.write(`${JSON.stringify({ picture: out, pictures: list.length, ...error })}\n`)
    return
  }
  process.stdout.write(`${drawImages(list.slice(0, 3))}\npicture ${out}\n`)
}

export interface PredictOptions {
  /** Where the picture that a run makes is written; predicted.png in its folder unless given. */
  out?: string

  data?: string
  json?: boolean
  model?: string
  temperature?: number
  topK?: number
  topP?: number
  beams?: number
  /** The most tokens of an answer. */
  tokens?: number
  seed?: number
}

/**
 * Prints the classes that a saved run finds likeliest for a picture, or for a test image by its index; what it finds in a
 * picture, or makes of it; or its answer to a text.
 * @throws FileError, ValueError for runs that do none of this, and those that are damaged
 */
export async function predict(run: string, image: string, options: PredictOptions): Promise<void> {
  const path = weightsOf(run)
  const { tensors, metadata } = loadTensors(path)
  const saved = readRun(path, metadata.run)
  const { task, input } = saved
  const own = saved.network !== undefined
  const { json } = options
  const answers = own || input ? undefined : await loadAnswers(task)
  const writing = writingOf('predict', options, task, answers)
  if (answers) return answerer(path, saved, answers, tensors, writing)(image)
  const finder = own || input ? undefined : await loadFinder(task)
  if (finder) return findThings(path, saved, finder, tensors, image, json ?? false)
  const painter = own || input ? undefined : await loadPainter(task)
  if (painter) return paintPictures(path, saved, painter, tensors, image, options)
  const classifier = input && !own ? await loadClassifier(task) : undefined
  if (!input || !(classifier || own))
    throw new ValueError({
      op: 'predict',
      rule: 'the run must classify images, find things in them, make pictures, or answer texts',
      got: `one of ${task}, which does not`,
    })
  const made = own ? await madeBy(dirname(path), saved, options.model) : undefined
  const make = () => made ?? (classifier!.model(saved.config as never) as Network)
  const model = withWeights(path, saved, make, tensors)

  let pixels: Float32Array
  let truth: number | undefined
  const size =
    input.height === undefined ? undefined : { height: input.height, width: input.width! }
  if (!size) pixels = readNumbers(image, input.shape)
  else if (classifier && numberOf(image) !== undefined) {
    const place = { folder: options.data, ...size }
    ;({ pixels, truth } = testImage(classifier.images, numberOf(image)!, place))
  } else pixels = readImage(image, size)

  const x = tensor(
    pixels.map((v) => (v - input.mean) / input.std),
    { shape: [1, ...input.shape] },
  )
  const logits = noGrad(() => model.forward(x))
  const outputs = [...(logits.toTypedArray() as Float32Array)]
  if (!outputs.every(Number.isFinite))
    throw new FileError({
      op: 'predict',
      rule: `the outputs of the network of ${path} must be finite numbers`,
      got: `${outputs.find((v) => !Number.isFinite(v))}`,
      fix: 'Its training has diverged, or the file is damaged: train it again with a lower learning rate.',
    })
  if (own && !saved.classes) {
    // A quantity, or several.
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ outputs })}\n`
        : `${outputs.map((v) => v.toPrecision(6)).join('  ')}\n`,
    )
    return
  }
  const { classes = Array.from({ length: logits.shape[1] ?? 0 }, (_, i) => `${i}`) } = saved
  if (logits.rank !== 2 || logits.shape[1] !== classes.length)
    throw new FileError({
      op: 'predict',
      rule: `the network of ${path} must tell ${classes.length} classes apart`,
      got: `outputs of shape ${show(logits.shape)}`,
    })
  const p = [...(logits.softmax(1).toTypedArray() as Float32Array)]
  const label = p.indexOf(Math.max(...p))
  if (options.json) {
    const answer = {
      label,
      class: classes[label],
      probabilities: p,
      ...(truth !== undefined && { truth }),
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`)
    return
  }
  if (size) process.stdout.write(`${drawImages([{ pixels, ...size, caption: '' }])}\n`)
  const wide = Math.max(...classes.map((c) => c.length))
  const order = p.map((v, d) => [v, classes[d]!] as const).sort((a, b) => b[0] - a[0])
  for (const [v, name] of order.slice(0, 3))
    process.stdout.write(
      `${name.padEnd(wide)}  ${`${(100 * v).toFixed(1)} %`.padStart(7)}  ${'█'.repeat(Math.round(v * 40))}\n`,
    )
  if (truth !== undefined) process.stdout.write(`it is: ${classes[truth] ?? truth}\n`)
}
