/** The folder of a run: what `nabla predict` needs lies beside the weights. */
import { relativePath } from '#host'
import { createFile } from './files.js'
import { TrainingError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { serializeChecked } from '../io/checksum.js'
import { appendBytes, writeAtomic } from './files.js'
import type { Callback, EpochLog, Trainer } from './callback.js'
import { countFrom } from './counts.js'
import { nonFiniteState } from './evaluate.js'
import { Histograms } from './histograms.js'
import { RunRecord } from './record.js'

/** The description of a run that is saved with its weights, as JSON under `run`. */
export interface SavedRun {
  /** The recipe; for a run of `RunFolder` its name. */
  task: string
  /** What the network was made with. */
  config: object
  /** The module that makes the network, from the run's folder; missing for recipes. */
  network?: { module: string; export: string }
  /** Missing where the recipe classifies no images. */
  input?: {
    shape: readonly number[]
    mean: number
    std: number
    /** Of images. */
    height?: number
    width?: number
  }
  classes?: readonly string[]
}

/**
 * Makes a file in a folder of its own: the one that is asked for, or, when that holds such a file already, the same with
 * -2, -3, ... after its name. Two processes never get the same one.
 */
export function claimFolder(folder: string, file: string, content: string): string {
  for (let n = 1; ; n++) {
    const own = n === 1 ? folder : `${folder.replace(/[/\\]$/, '')}-${n}`
    if (createFile(`${own}/${file}`, content)) return own
  }
}

export interface RunFolderOptions {
  /** The module that makes the network: `import.meta.url`, or a URL. Its default export unless `export` names another. */
  module: string | URL
  export?: string
  /** What the exported function (or class) was called with. */
  config?: object
  /** Shape of one example, and how its numbers are normalized: y = (x − mean) / std; for images their height and width. */
  input: { shape: readonly number[]; mean?: number; std?: number; height?: number; width?: number }
  /** Names of the classes. */
  classes?: readonly string[]
  /** Histograms of weights and gradients by layer after every n-th epoch, which `nabla studio` shows; none unless given. */
  histograms?: number
}
const runFolderOptions: OptionNames<RunFolderOptions> = {
  module: true,
  export: true,
  config: true,
  input: true,
  classes: true,
  histograms: true,
}

/**
 * Saves a run of your own as `nabla train` does: epochs as JSON lines, the graph of the model and the use of the machine for
 * `nabla studio`, and at the end the weights together with everything that `nabla predict` needs. A folder that holds a run already is left alone: this one gets one beside it (`folder` tells).
 * @example
 * fit(model, { ..., callbacks: [new RunFolder('runs/mine', { module: import.meta.url, input: { shape: [4] } })] })
 */
export class RunFolder implements Callback {
  readonly name = 'runFolder'
  readonly last = true
  folder: string
  private readonly options: RunFolderOptions
  private claimed = false
  private readonly record = new RunRecord(() => this.folder)
  private readonly histograms: number
  private histogram: Histograms | undefined

  /** @throws ValueError for options that are missing or do not exist */
  constructor(folder: string, options: RunFolderOptions) {
    this.options = checkOptions('RunFolder', options, runFolderOptions)
    const { shape } = options.input ?? {}
    if (!Array.isArray(shape) || !options.module)
      throw new ValueError({
        op: 'RunFolder',
        rule: 'module and input.shape must be given',
        got: Object.keys(options).join(', ') || 'nothing',
        fix: "new RunFolder('runs/mine', { module: import.meta.url, input: { shape: [28, 28] } })",
      })
    this.folder = folder
    const { histograms } = this.options
    this.histograms =
      histograms === undefined ? 0 : countFrom('RunFolder', 'histograms', histograms)
  }
  onTrainStart(t: Trainer): void {
    if (!this.claimed) this.claim(t)
    if (this.histograms > 0) {
      this.histogram = new Histograms(this.folder, { every: this.histograms })
      this.histogram.onTrainStart(t)
    }
  }
  private claim(t: Trainer): void {
    const { config = {} } = this.options
    const text = JSON.stringify(
      { task: t.model.constructor.name, ...config, epochs: t.epochs },
      null,
      2,
    )
    this.folder = claimFolder(this.folder, 'config.json', `${text}\n`)
    this.claimed = true
  }
  onBatchEnd(): void {
    this.record.onBatchEnd()
  }
  onEpochEnd(t: Trainer, log: EpochLog): void {
    const line = `${JSON.stringify({ event: 'epoch', ...log })}\n`
    appendBytes(`${this.folder}/metrics.jsonl`, new TextEncoder().encode(line))
    this.record.onEpochEnd(t)
    this.histogram?.onEpochEnd(t, log)
  }
  onTrainEnd(t: Trainer): void {
    const { module, input, classes, config = {} } = this.options
    const bad = nonFiniteState(t.model)
    if (bad !== undefined)
      throw new TrainingError({
        op: 'RunFolder',
        rule: 'the weights must be finite numbers',
        got: `${bad} that is not`,
      })
    const run: SavedRun = {
      task: t.model.constructor.name,
      config,
      network: {
        module: relativePath(this.folder, module),
        export: this.options.export ?? 'default',
      },
      input: { mean: 0, std: 1, ...input },
      ...(classes && { classes }),
    }
    const bytes = serializeChecked(t.model.stateDict(), { run: JSON.stringify(run) })
    writeAtomic(`${this.folder}/model.safetensors`, bytes)
  }
  /** A resumed run stays in its folder. */
  state(): unknown {
    return this.folder
  }
  restore(state: unknown): void {
    if (typeof state !== 'string')
      throw new ValueError({
        op: 'RunFolder.restore',
        rule: 'a state is a folder',
        got: `${state}`,
      })
    this.folder = state
    this.claimed = true
  }
}
