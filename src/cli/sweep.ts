/** `nabla sweep`: a recipe with many settings, several runs at a time, each a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { FileError, TrainingError, ValueError } from '../core/errors.js'
import { pow } from '../core/math.js'
import { writeAtomic } from '../io/files.js'
import { parallelChart } from '../plot/parallel.js'
import { Generator } from '../tensor/random.js'
import '../index.js'
import { Interrupted, onInterrupt } from './interrupt.js'
import { type Bound, flagOf, hasOption, type Recipe, requireOptionsOf } from './recipe.js'
import { loadRecipe } from './recipes.js'

export interface SweepOptions {
  try?: readonly string[]
  random?: number
  halving?: number
  folds?: number
  metric?: string
  seed: number
  epochs?: number
  limit?: number
  quick?: boolean
  data?: string
  backend?: string
  threads: number
  jobs?: number
  out?: string
  resume?: string
  json?: boolean
}

type Setting = Readonly<Record<string, number | string>>
/** The values of one option: a list, or a range to draw from. */
type Values =
  | { name: string; list: (number | string)[] }
  | { name: string; from: number; to: number; log: boolean; whole: boolean }

/** Options of every recipe that can be tried, by the names of the command line. */
const common = { lr: 'lr', 'batch-size': 'batchSize', epochs: 'epochs', seed: 'seed' } as const

const refuse = (rule: string, got: string, fix?: string): never => {
  throw new ValueError({ op: 'sweep', rule, got, ...(fix && { fix }) })
}

/** @throws ValueError for an option that the recipe does not have, and values that are none */
function readValues(text: string, recipe: Recipe): Values {
  const [, name = '', right = ''] =
    /^([^=]+)=(.+)$/.exec(text) ??
    refuse('--try is written name=values', text, 'For example: --try lr=0.1,0.01')
  const can = [
    ...Object.entries(common).flatMap(([flag, o]) => (hasOption(recipe, o) ? [flag] : [])),
    ...Object.keys(recipe.options ?? {}),
  ]
  if (!can.includes(name)) refuse(`options that can be tried are ${can.join(', ')}`, name)
  const numeric = name in common
  const whole = numeric && name !== 'lr'
  const number = (v: string) => {
    const n = Number(v)
    return v.trim() !== '' && Number.isFinite(n) && n > 0 && (!whole || Number.isInteger(n))
      ? n
      : refuse(`${name} must be ${whole ? 'whole numbers' : 'numbers'} above 0`, v)
  }
  const range = /^(.+)\.\.(.+)$/.exec(right)
  if (numeric && range) {
    const [from, to] = [number(range[1]!), number(range[2]!)]
    if (!(from < to)) refuse('a range goes from the lower to the higher number', right)
    return { name, from, to, log: !whole, whole }
  }
  return { name, list: right.split(',').map((v) => (numeric ? number(v) : v)) }
}

/** All combinations, the last option changing fastest. */
function grid(values: readonly Values[]): Setting[] {
  let settings: Setting[] = [{}]
  for (const v of values) {
    const list =
      'list' in v
        ? v.list
        : refuse(
            'a grid needs values, not a range',
            `${v.name}=${v.from}..${v.to}`,
            'Say how many settings to draw: --random 20.',
          )
    settings = settings.flatMap((s) => list.map((value) => ({ ...s, [v.name]: value })))
  }
  return settings
}

/** Settings at random: from a range uniformly, of a learning rate uniformly in its logarithm. */
function draw(values: readonly Values[], count: number, seed: number): Setting[] {
  const bits = new Generator(seed)
    .bits([Math.max(1, count * values.length)])
    .toTypedArray<Int32Array>()
  return Array.from({ length: count }, (_, k) =>
    Object.fromEntries(
      values.map((v, i) => {
        const u = (bits[k * values.length + i]! >>> 0) / 2 ** 32
        if ('list' in v) return [v.name, v.list[Math.floor(u * v.list.length)]!]
        const x = v.log
          ? v.from * pow(v.to / v.from, u)
          : v.from + u * (v.to - v.from + (v.whole ? 1 : 0))
        return [v.name, v.whole ? Math.floor(x) : Number(x.toPrecision(4))]
      }),
    ),
  )
}

/** One run to make. */
interface Trial {
  /** Number of the setting, from 1. */
  id: number
  setting: Setting
  epochs: number | undefined
  fold: string | undefined
  folder: string
}

/** The last line of a finished run, undefined for one that has not ended. */
function ended(folder: string): Record<string, number> | undefined {
  const path = join(folder, 'metrics.jsonl')
  if (!existsSync(path)) return undefined
  for (const line of readFileSync(path, 'utf8').trimEnd().split('\n').reverse()) {
    try {
      const entry = JSON.parse(line) as { event?: string } & Record<string, number>
      if (entry.event === 'end') return entry
    } catch {
      // The line that was being written when the run was stopped.
    }
  }
  return undefined
}

/** The command line of a run. */
function argumentsOf(recipe: string, t: Trial, o: SweepOptions): string[] {
  if (existsSync(join(t.folder, 'config.json'))) return ['train', '--resume', t.folder, '--json']
  const flags: [string, unknown][] = [
    ['seed', o.seed],
    ['epochs', t.epochs],
    ['limit', o.limit],
    ['data', o.data],
    ['backend', o.backend],
    ['fold', t.fold],
    ['out', t.folder],
    ...Object.entries(t.setting).filter(([name]) => name !== 'epochs' || t.epochs === undefined),
    ['threads', o.threads],
  ]
  // What was said last counts: a setting before the defaults of the sweep.
  const last = new Map(flags.filter(([, v]) => v !== undefined))
  return [
    'train',
    recipe,
    ...[...last].flatMap(([name, v]) => [`--${name}`, `${v}`]),
    ...(o.quick ? ['--quick'] : []),
    '--json',
  ]
}

interface Result {
  id: number
  setting: Setting
  epochs: number | undefined
  value: number
  /** Standard deviation over the folds. */
  deviation: number | undefined
  seconds: number
}

const FILE = 'sweep.json'

/** Trains a recipe with many settings; `command` is the file of the nabla command, `said` the options that were given. @throws ValueError for options that do not fit, TrainingError when no run has ended */
export async function sweep(
  name: string,
  given: SweepOptions,
  command: string,
  said: readonly string[] = [],
): Promise<void> {
  let options = given
  if (given.resume !== undefined) {
    const others = said.filter((o) => !['resume', 'jobs', 'json'].includes(o))
    if (others.length > 0)
      refuse(
        'a sweep that is continued keeps the options with which it began',
        others.map(flagOf).join(', '),
        'Leave them out, or begin another sweep.',
      )
    const path = join(given.resume, FILE)
    if (!existsSync(path))
      throw new FileError({
        op: 'sweep',
        rule: `${given.resume} must hold a sweep`,
        got: `no ${FILE}`,
      })
    const saved = JSON.parse(readFileSync(path, 'utf8')) as {
      recipe: string
      options: SweepOptions
    }
    if (saved.recipe !== name)
      refuse(`the sweep in ${given.resume} is one of ${saved.recipe}`, name)
    options = {
      ...saved.options,
      jobs: given.jobs ?? saved.options.jobs,
      out: given.resume,
      json: given.json,
    } as SweepOptions
  }
  if (name === 'digits')
    refuse(
      'digits has options of its own and cannot be searched',
      name,
      'softmax, lenet and convnet learn the same digits.',
    )
  const recipe = await loadRecipe(name, 'sweep')
  requireOptionsOf('sweep', recipe, {
    data: options.data,
    limit: options.limit,
    epochs: options.epochs,
  })
  const values = (options.try ?? []).map((text) => readValues(text, recipe))
  if (values.length === 0)
    refuse('there must be something to try', 'nothing', 'For example: --try lr=0.1,0.01')
  const names = values.map((v) => v.name)
  const twice = names.find((n, i) => names.indexOf(n) !== i)
  if (twice) refuse('an option is tried once', `${twice} twice`)
  const metric = options.metric ?? Object.keys(recipe.expect)[0]!
  const known: Bound | undefined = recipe.expect[metric]
  const highest =
    'atLeast' in (known ?? (/loss|error/i.test(metric) ? { atMost: 0 } : { atLeast: 0 }))
  if (options.folds && !recipe.classifier)
    refuse('cross-validation needs a recipe that classifies images', name)
  if (options.halving && !hasOption(recipe, 'epochs'))
    refuse('successive halving needs a recipe with epochs', name)
  if (options.halving && names.includes('epochs'))
    refuse('successive halving chooses the epochs', '--try epochs')

  const settings = options.random ? draw(values, options.random, options.seed) : grid(values)
  const stamp = new Date().toISOString().replace(/[:.]/g, '-').slice(0, 19)
  const out = options.out ?? join('runs', `sweep-${name}-${stamp}`)
  if (given.resume === undefined && existsSync(join(out, FILE)))
    refuse(
      'the folder must not hold a sweep',
      out,
      `Continue it with: nabla sweep ${name} --resume ${out}`,
    )
  mkdirSync(out, { recursive: true })
  writeAtomic(
    join(out, FILE),
    `${JSON.stringify({ recipe: name, options: { ...options, out: undefined } }, null, 2)}\n`,
  )

  const say = (text = '') => {
    if (!options.json) process.stdout.write(`${text}\n`)
  }
  const emit = (event: object) => {
    if (options.json) process.stdout.write(`${JSON.stringify(event)}\n`)
  }
  const jobs = options.jobs ?? Math.max(1, Math.floor(availableParallelism() / options.threads))
  say(
    `${settings.length} settings of ${name}, ${jobs} at a time with ${options.threads} ${options.threads === 1 ? 'thread' : 'threads'} each; the ${highest ? 'highest' : 'lowest'} ${metric} is best`,
  )

  const asked = onInterrupt()
  const running = new Set<ChildProcess>()
  const trialsOf = (id: number, setting: Setting, epochs: number | undefined): Trial[] =>
    Array.from({ length: options.folds ?? 1 }, (_, k) => ({
      id,
      setting,
      epochs,
      fold: options.folds ? `${k + 1}/${options.folds}` : undefined,
      folder: join(
        out,
        `${`${id}`.padStart(3, '0')}${epochs === undefined ? '' : `-epochs-${epochs}`}${options.folds ? `-fold-${k + 1}` : ''}`,
      ),
    }))

  /** Runs one trial in a process; its last line, or why there is none. */
  const run = (t: Trial): Promise<Record<string, number> | string> => {
    const before = ended(t.folder)
    if (before) return Promise.resolve(before)
    return new Promise((done) => {
      const child = spawn(process.execPath, [command, ...argumentsOf(name, t, options)], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      running.add(child)
      let errors = ''
      child.stderr.on('data', (text) => {
        errors += text
      })
      child.on('close', () => {
        running.delete(child)
        // A run that misses the bounds of its recipe has ended as well: its measures are there.
        done(ended(t.folder) ?? (errors.trim().split('\n')[0] || 'no result'))
      })
    })
  }

  const results = new Map<number, Result>()
  const failures: string[] = []
  const compare = (a: Result, b: Result) => (highest ? b.value - a.value : a.value - b.value)

  /** All runs of some settings, as many at a time as there are jobs. */
  const round = async (ids: readonly number[], epochs: number | undefined): Promise<void> => {
    const queue = ids.flatMap((id) => trialsOf(id, settings[id - 1]!, epochs))
    const ends = new Map<number, Record<string, number>[]>()
    const work = async () => {
      for (let t = queue.shift(); t && !asked.signal; t = queue.shift()) {
        const end = await run(t)
        if (asked.signal) return
        if (typeof end === 'string' || !Number.isFinite(end[metric])) {
          const why =
            typeof end === 'string'
              ? end
              : `it has no ${metric}; it has ${Object.keys(end).join(', ')}`
          failures.push(`${told(t.setting)}: ${why}`)
          say(`${`${t.id}`.padStart(4)}  ${told(t.setting)}  failed: ${why}`)
          emit({ event: 'failure', id: t.id, setting: t.setting, why })
          continue
        }
        const list = ends.get(t.id) ?? []
        list.push(end)
        ends.set(t.id, list)
        if (list.length < (options.folds ?? 1)) continue
        const found = list.map((e) => e[metric]!)
        const value = found.reduce((a, b) => a + b, 0) / found.length
        const deviation = options.folds
          ? Math.sqrt(found.reduce((a, v) => a + (v - value) ** 2, 0) / (found.length - 1))
          : undefined
        const seconds = list.reduce((a, e) => a + e.seconds!, 0)
        results.set(t.id, { id: t.id, setting: t.setting, epochs, value, deviation, seconds })
        say(`${`${t.id}`.padStart(4)}  ${told(t.setting)}  ${metric} ${value.toPrecision(4)}`)
        emit({
          event: 'trial',
          id: t.id,
          setting: t.setting,
          epochs,
          [metric]: value,
          deviation,
          seconds,
        })
      }
    }
    await Promise.all(Array.from({ length: Math.min(jobs, queue.length) }, work))
    if (asked.signal) {
      for (const child of running) child.kill('SIGTERM')
      throw new Interrupted(
        asked.signal,
        `stopped, saved in ${out}. Continue with: nabla sweep ${name} --resume ${out}`,
      )
    }
  }

  try {
    const all = settings.map((_, i) => i + 1)
    if (options.halving) {
      const eta = options.halving
      const most = options.epochs ?? recipe.defaults.epochs!
      const rungs = Math.min(
        Math.floor(Math.log(settings.length) / Math.log(eta) + 1e-9),
        Math.floor(Math.log(most) / Math.log(eta) + 1e-9),
      )
      let left = all
      for (let k = rungs; k >= 0; k--) {
        const epochs = Math.max(1, Math.round(most / pow(eta, k)))
        say(`\n${left.length} settings, ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}`)
        await round(left, epochs)
        const ranked = left.flatMap((id) => results.get(id) ?? []).sort(compare)
        if (k > 0)
          left = ranked.slice(0, Math.max(1, Math.ceil(left.length / eta))).map((r) => r.id)
      }
    } else await round(all, options.epochs)
  } finally {
    asked.release()
  }

  // Of successive halving those that went furthest come first.
  const ranked = [...results.values()].sort(
    (a, b) => (b.epochs ?? 0) - (a.epochs ?? 0) || compare(a, b),
  )
  const winner = ranked[0]
  if (!winner)
    throw new TrainingError({
      op: 'sweep',
      rule: 'at least one run must end',
      got: `${failures.length} failures, the first: ${failures[0]}`,
    })
  const halved = options.halving !== undefined
  const columns = [
    ...names,
    ...(halved ? ['epochs'] : []),
    metric,
    ...(options.folds ? ['±'] : []),
    'seconds',
  ]
  const cells = ranked.map((r) => [
    ...names.map((n) => `${r.setting[n]}`),
    ...(halved ? [`${r.epochs}`] : []),
    r.value.toPrecision(5),
    ...(options.folds ? [r.deviation!.toPrecision(2)] : []),
    r.seconds.toFixed(1),
  ])
  const widths = columns.map((c, i) => Math.max(c.length, ...cells.map((row) => row[i]!.length)))
  const line = (row: readonly string[]) => row.map((c, i) => c.padStart(widths[i]!)).join('  ')
  say(`\n${line(columns)}`)
  for (const row of cells) say(line(row))
  const picture = join(out, 'parallel.svg')
  writeAtomic(
    picture,
    parallelChart(
      ranked.map((r) => ({
        ...r.setting,
        ...(halved && { epochs: r.epochs! }),
        [metric]: r.value,
      })),
      { title: `${name}: ${metric}`, log: ['lr'] },
    ),
  )
  writeAtomic(
    join(out, 'results.json'),
    `${JSON.stringify({ metric, results: ranked, failures }, null, 2)}\n`,
  )
  say(
    `\npicture ${picture}\nbest: ${told(winner.setting)}, ${metric} ${winner.value.toPrecision(5)}; saved in ${out}`,
  )
  emit({ event: 'end', metric, best: winner, failures: failures.length, out })
}

const told = (setting: Setting) =>
  Object.entries(setting)
    .map(([name, v]) => `${name} ${v}`)
    .join(', ')
