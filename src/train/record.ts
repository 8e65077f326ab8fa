/** What a run folder tells `nabla studio` beside its metrics: the graph of the model, the use of the machine, confusions. */
import { processUse } from '#host'
import { FileError, ShapeError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { ConfusionMatrix } from '../data/measures.js'
import type { Callback, Trainer } from './callback.js'
import { splitBatch } from './evaluate.js'
import { appendBytes, writeAtomic } from './files.js'
import { plotModel } from './plotModel.js'

export const GRAPH = 'graph.svg'
export const SYSTEM = 'system.jsonl'
export const CONFUSION = 'confusion.json'

/** A line in SYSTEM. */
export interface SystemUse {
  /** Since training began. */
  seconds: number
  /** Cores at work: 2 for two that never rest. */
  cores: number
  /** MiB. */
  memory: number
}

/** The model of a training as a picture, layer by layer; its parts where it has too many. */
function graphOf(t: Trainer): string | undefined {
  if (!t.lastBatch) return undefined
  const [xs] = splitBatch('graph', t.lastBatch, t.inputs)
  const one = xs.map((x) => x.detach().narrow(0, 0, 1))
  for (const depth of [undefined, 2, 1])
    try {
      return plotModel(t.model, one, depth === undefined ? {} : { depth })
    } catch {
      // Too many boxes, or a model that takes no single example: a training goes on without its picture.
    }
  return undefined
}

/** What is only to be looked at: a disk without room for it costs no training. */
export function tryToWrite(f: () => void): void {
  try {
    f()
  } catch (error) {
    if (!(error instanceof FileError)) throw error
  }
}

/** Writes the graph of the model after the first epoch, and the use of processor and memory about once in a second. */
export class RunRecord implements Callback {
  private readonly folder: () => string
  private readonly start = performance.now()
  private before = { time: performance.now(), cpu: processUse()?.cpu ?? 0 }
  private drawn = false
  constructor(folder: () => string) {
    this.folder = folder
  }
  private look(least: number): void {
    const now = performance.now()
    const passed = (now - this.before.time) / 1000
    if (passed < least) return
    const use = processUse()
    if (!use) return
    const round = (v: number, digits: number) => Number(v.toFixed(digits))
    const line: SystemUse = {
      seconds: round((now - this.start) / 1000, 2),
      cores: round((use.cpu - this.before.cpu) / passed, 3),
      memory: round(use.memory / 2 ** 20, 1),
    }
    this.before = { time: now, cpu: use.cpu }
    const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`)
    tryToWrite(() => appendBytes(`${this.folder()}/${SYSTEM}`, bytes))
  }
  onBatchEnd(): void {
    this.look(1)
  }
  onEpochEnd(t: Trainer): void {
    this.look(this.drawn ? 0.2 : 0)
    if (this.drawn) return
    this.drawn = true
    const svg = graphOf(t)
    if (svg !== undefined) tryToWrite(() => writeAtomic(`${this.folder()}/${GRAPH}`, svg))
  }
}

/** An example behind a cell. */
export interface ConfusedExample {
  /** Its place among the examples. */
  index: number
  text?: string
  /** Gray from 0 to 255, row by row, as base64. */
  pixels?: string
}
/** What CONFUSION holds. */
export interface Confusion {
  classes: readonly string[]
  /** Rows are true classes, columns predicted ones. */
  counts: readonly (readonly number[])[]
  /** By `row,column`. */
  examples: Readonly<Record<string, readonly ConfusedExample[]>>
  width?: number
  height?: number
}
export interface ConfusionOptions {
  /** Names of the classes; their numbers unless given. */
  classes?: readonly string[]
  /** The examples as pictures: pixels from 0 to 255, row by row. */
  images?: { width: number; height: number; image(i: number): ArrayLike<number> }
  /** The examples as texts. */
  text?: (i: number) => string
  /** The most examples behind a cell; 8 unless given. */
  most?: number
}
const confusionOptions: OptionNames<ConfusionOptions> = {
  classes: true,
  images: true,
  text: true,
  most: true,
}

/**
 * Writes a confusion matrix with the examples behind each cell into the folder of a run, for `nabla studio`.
 * @throws ShapeError unless there is a prediction for each label
 * @example saveConfusion('runs/mine', labels, answers, { classes: ['cat', 'dog'], text: (i) => texts[i] })
 */
export function saveConfusion(
  folder: string,
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: ConfusionOptions = {},
): void {
  const {
    classes,
    images,
    text,
    most = 8,
  } = checkOptions('saveConfusion', options, confusionOptions)
  let count = classes?.length ?? 0
  for (const list of [truth, predicted])
    for (let i = 0; i < list.length; i++) count = Math.max(count, list[i]! + 1)
  const matrix = new ConfusionMatrix(Math.max(1, count)).add(truth, predicted)
  if (classes && classes.length < count)
    throw new ShapeError({
      op: 'saveConfusion',
      rule: 'every class must have its name',
      got: `${classes.length} names for ${count} classes`,
    })
  const examples: Record<string, ConfusedExample[]> = {}
  for (let i = 0; i < truth.length; i++) {
    const cell = `${truth[i]},${predicted[i]}`
    examples[cell] ??= []
    if (examples[cell].length >= most) continue
    const pixels = images && Uint8Array.from(images.image(i))
    examples[cell].push({
      index: i,
      ...(text && { text: text(i) }),
      ...(pixels && { pixels: base64(pixels) }),
    })
  }
  const found: Confusion = {
    classes: classes ?? Array.from({ length: count }, (_, i) => `${i}`),
    counts: matrix.counts,
    examples,
    ...(images && { width: images.width, height: images.height }),
  }
  writeAtomic(`${folder}/${CONFUSION}`, JSON.stringify(found))
}
const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes))
