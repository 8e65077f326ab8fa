/** `nabla predict`: one example through a saved run. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { FileError, NablaError, show, ValueError } from '../core/errors.js'
import { sizeOf } from '../core/shape.js'
import type { Module } from '../nn/module.js'
import { decodeImage } from '../core/image.js'
import { loadTensors, readBytes } from '../io/files.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import type { SavedRun } from '../train/run.js'
import type { GenerateOptions } from '../models/generate.js'
import type { Answers, Finder } from './recipe.js'
import { loadAnswers, loadClassifier, loadFinder } from './recipes.js'
import { drawImages } from './terminal.js'
import { noGrad } from '../ops/state.js'
import '../index.js'

/**
 * A PNG or JPEG as gray values from 0 to 1, light strokes on dark ground, averaged down (or repeated up) to the size
 * that is wanted.
 */
export function readImage(path: string, wanted: { height: number; width: number }): Float32Array {
  const { width, height, data } = decodeImage(readBytes(path), { mode: 'RGBA', name: path })
  // Transparent parts are ground.
  const gray = Float32Array.from(
    { length: width * height },
    (_, i) => ((data[4 * i]! + data[4 * i + 1]! + data[4 * i + 2]!) / 3) * data[4 * i + 3]!,
  )
  // Dark strokes on a light background are inverted; the corners show the background.
  const corners = [0, width - 1, (height - 1) * width, height * width - 1]
  const ground = corners.reduce((s, c) => s + gray[c]!, 0) / 4
  if (ground > 0.5) for (let i = 0; i < gray.length; i++) gray[i] = 1 - gray[i]!
  const out = new Float32Array(wanted.height * wanted.width)
  for (let y = 0; y < wanted.height; y++)
    for (let x = 0; x < wanted.width; x++) {
      const y0 = Math.floor((y * height) / wanted.height)
      const y1 = Math.max(y0 + 1, Math.floor(((y + 1) * height) / wanted.height))
      const x0 = Math.floor((x * width) / wanted.width)
      const x1 = Math.max(x0 + 1, Math.floor(((x + 1) * width) / wanted.width))
      let s = 0
      for (let v = y0; v < y1; v++) for (let u = x0; u < x1; u++) s += gray[v * width + u]!
      out[y * wanted.width + x] = s / ((y1 - y0) * (x1 - x0))
    }
  return out
}

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

/** Writes the answer to a text as it comes. @throws FileError for files of the run that are missing or damaged */
async function answerText(
  path: string,
  saved: SavedRun,
  { model: make, answer }: Answers,
  tensors: Record<string, Tensor>,
  text: string,
  { json, ...options }: GenerateOptions & { json?: boolean },
): Promise<void> {
  const config = saved.config as never
  const model = withWeights(path, saved, () => make(config), tensors)
  const read = (file: string) => new TextDecoder().decode(readBytes(join(dirname(path), file)))
  let whole = ''
  for await (const part of answer(model, { text, config, options, read })) {
    whole += part
    if (!json) process.stdout.write(part)
  }
  process.stdout.write(json ? `${JSON.stringify({ text: whole })}\n` : '\n')
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
  const own = /^\d+$/.test(image) && !existsSync(image)
  const pixels = own ? example(Number(image)) : readImage(image, { height, width })
  const x = tensor(pixels, { shape: [1, 1, height, width] })
  const { found, words } = noGrad(() => find(model, x))
  if (!json) process.stdout.write(`${drawImages([{ pixels, height, width, caption: '' }])}\n`)
  process.stdout.write(`${json ? JSON.stringify(found) : words}\n`)
}

export interface PredictOptions {
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
 * picture; or its answer to a text.
 * @throws FileError, ValueError for runs that do none of this, and those that are damaged
 */
export async function predict(run: string, image: string, options: PredictOptions): Promise<void> {
  const path = weightsOf(run)
  const { tensors, metadata } = loadTensors(path)
  const saved = readRun(path, metadata.run)
  const { task, input } = saved
  const own = saved.network !== undefined
  const { data: _, model: __, tokens: maxNewTokens, json, ...rest } = options
  const writing = { ...rest, ...(maxNewTokens !== undefined && { maxNewTokens }) }
  const answers = own || input ? undefined : await loadAnswers(task)
  const odd = Object.keys(writing)
  if (odd.length > 0 && (!answers || answers.judges))
    throw new ValueError({
      op: 'predict',
      rule: `${odd.join(', ')} are for runs that write`,
      got: `one of ${task}, which does not`,
    })
  if (answers)
    return answerText(path, saved, answers, tensors, image, { ...writing, ...(json && { json }) })
  const finder = own || input ? undefined : await loadFinder(task)
  if (finder) return findThings(path, saved, finder, tensors, image, json ?? false)
  const classifier = input && !own ? await loadClassifier(task) : undefined
  if (!input || !(classifier || own))
    throw new ValueError({
      op: 'predict',
      rule: 'the run must classify images, find things in them, or answer texts',
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
  else if (classifier && /^\d+$/.test(image) && !existsSync(image)) {
    const { test } = classifier.images({ ...(options.data && { folder: options.data }) })
    const i = Number(image)
    if (i >= test.length)
      throw new ValueError({
        op: 'predict',
        rule: `a test index lies from 0 to ${test.length - 1}`,
        got: image,
      })
    if (test.height !== input.height || test.width !== input.width)
      throw new ValueError({
        op: 'predict',
        rule: `images must be ${input.height}x${input.width}, as those of the training`,
        got: `${test.height}x${test.width}`,
      })
    pixels = Float32Array.from(test.image(i), (v) => v / 255)
    truth = test.labels[i]
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
