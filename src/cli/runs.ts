/** Training runs on the disk, for `nabla studio RUNS`: what they were made with, and their curves; also as they grow. */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import type { ServerResponse } from 'node:http'
import { basename, join, relative, sep } from 'node:path'
import { decodeEvents } from '../train/eventFile.js'
import { type Confusion, CONFUSION, GRAPH, SYSTEM } from '../train/record.js'
import { drawGraph } from '../train/plotModel.js'
import { graphBoxes } from '../train/graphDef.js'
import type { Curve, RunCurves, RunDetails, RunGrowth } from './runTypes.js'
import { sendFile } from './siteFiles.js'
import type { Handler } from './studio.js'

/** How deep below the folder of the runs a run may lie. */
const DEPTH = 4
const METRICS = 'metrics.jsonl'
const isEvents = (file: string) => file.includes('.tfevents.')
const PICTURE = /\.(png|jpe?g|gif|webp|svg)$/i

/** The folders with files of a run, and these files. One that goes away meanwhile is none. */
function runFolders(base: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const look = (folder: string, depth: number) => {
    const files: string[] = []
    for (const entry of listOr(folder)) {
      const path = join(folder, entry.name)
      if (entry.isDirectory() && depth < DEPTH) look(path, depth + 1)
      else if (entry.isFile() && ([METRICS, SYSTEM].includes(entry.name) || isEvents(entry.name)))
        files.push(path)
    }
    if (files.some((f) => basename(f) !== SYSTEM)) found.set(folder, files.sort())
  }
  look(base, 0)
  return found
}

/** What `f` finds on the disk; `none` for what went away meanwhile, or may not be read. */
function orElse<T>(f: () => T, none: T): T {
  try {
    return f()
  } catch {
    return none
  }
}
const listOr = (folder: string) => orElse(() => readdirSync(folder, { withFileTypes: true }), [])
const readOr = (file: string): Uint8Array => orElse(() => readFileSync(file), Buffer.alloc(0))
const modified = (file: string) => orElse(() => statSync(file).mtimeMs, 0)

/** A settings file as names and texts, lists and objects with dots between the names. */
function flat(
  value: unknown,
  name = '',
  into: Record<string, string> = {},
): Record<string, string> {
  if (value && typeof value === 'object' && !Array.isArray(value))
    for (const [k, v] of Object.entries(value)) flat(v, name ? `${name}.${k}` : k, into)
  else if (name !== '') into[name] = typeof value === 'string' ? value : JSON.stringify(value)
  return into
}

/** `nabla train` writes the options a second time, for who goes on with the run, and a checksum. */
function settingsOf(config: unknown): Record<string, string> {
  const { checksum: _, ...settings } = flat(config)
  for (const name of Object.keys(settings))
    if (name.startsWith('options.') && settings[name] === settings[name.slice('options.'.length)])
      delete settings[name]
  return settings
}

const readJson = (file: string): unknown =>
  orElse(() => JSON.parse(readFileSync(file, 'utf8')), undefined)

/** One file of a run, read on from where it had ended. Lines and records that are not whole yet wait; broken ones are left out. */
class RunFile {
  /** By the title of the training (of several in one run), then by tag. */
  readonly parts = new Map<string, Map<string, Curve>>()
  private readonly path: string
  private at = 0
  private seen: Pick<Stats, 'ino' | 'size' | 'mtimeMs'> | undefined
  constructor(path: string) {
    this.path = path
  }
  /** True when there was something new. */
  read(): boolean {
    try {
      return this.readOn(statSync(this.path))
    } catch {
      // It went away, or may not be read.
      return false
    }
  }
  private readOn(now: Stats): boolean {
    const { seen } = this
    if (seen && seen.ino === now.ino && seen.size === now.size && seen.mtimeMs === now.mtimeMs)
      return false
    // Another file, or a shorter one: what was read is void.
    if (seen && (seen.ino !== now.ino || now.size <= seen.size)) {
      this.parts.clear()
      this.at = 0
    }
    this.seen = now
    const bytes = new Uint8Array(Math.max(0, now.size - this.at))
    const file = openSync(this.path, 'r')
    try {
      readSync(file, bytes, 0, bytes.length, this.at)
    } finally {
      closeSync(file)
    }
    this.at += isEvents(basename(this.path)) ? this.readEvents(bytes) : this.readLines(bytes)
    return true
  }
  private readEvents(bytes: Uint8Array): number {
    const { events, length } = decodeEvents(bytes)
    for (const { step, scalars } of events)
      for (const [tag, value] of Object.entries(scalars)) this.add('', tag, step, value)
    return length
  }
  private readLines(bytes: Uint8Array): number {
    const end = bytes.lastIndexOf(10) + 1
    const system = basename(this.path) === SYSTEM
    for (const line of new TextDecoder().decode(bytes.subarray(0, end)).split('\n')) {
      let log: Record<string, unknown> | null
      try {
        log = JSON.parse(line)
      } catch {
        continue
      }
      const step = system ? log?.seconds : (log?.epoch ?? log?.step)
      if (!log || typeof step !== 'number') continue
      const title = typeof log.run === 'string' ? log.run : ''
      for (const [tag, value] of Object.entries(log)) {
        if (typeof value !== 'number') continue
        if (system) {
          if (tag === 'cores') this.add('', 'system/cores', step, value)
          else if (tag === 'memory') this.add('', 'system/memory (MiB)', step, value)
        } else if (tag !== 'epoch' && tag !== 'step') this.add(title, tag, step, value)
      }
    }
    return end
  }
  private add(title: string, tag: string, step: number, value: number): void {
    const part = this.parts.get(title) ?? new Map<string, Curve>()
    this.parts.set(title, part)
    const curve = part.get(tag) ?? { step: [], value: [] }
    part.set(tag, curve)
    put(curve, step, value)
  }
}

/** A resumed run has steps again: the later ones count. */
function put(curve: Curve, step: number, value: number): void {
  while (curve.step.length > 0 && curve.step.at(-1)! >= step) {
    curve.step.pop()
    curve.value.pop()
  }
  curve.step.push(step)
  curve.value.push(value)
}

/** The curves of all files of a run. */
function merged(files: readonly RunFile[]): Record<string, Curve> {
  const curves: Record<string, Curve> = {}
  for (const { parts } of files)
    for (const [title, part] of parts)
      for (const [tag, curve] of part) {
        const name = parts.size > 1 && title !== '' ? `${tag}: ${title}` : tag
        if (!Object.hasOwn(curves, name))
          curves[name] = { step: [...curve.step], value: [...curve.value] }
        else
          for (let i = 0; i < curve.step.length; i++)
            put(curves[name]!, curve.step[i]!, curve.value[i]!)
      }
  return curves
}

/** How many points at the start are the same. */
function common(a: Curve | undefined, b: Curve): number {
  if (!a) return 0
  const most = Math.min(a.step.length, b.step.length)
  let i = 0
  while (i < most && a.step[i] === b.step[i] && Object.is(a.value[i], b.value[i])) i++
  return i
}

const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name)

/** All runs below a folder, of which each look reads what is new. */
export class Runs {
  readonly base: string
  private readonly known = new Map<string, { files: Map<string, RunFile>; run: RunCurves }>()
  constructor(base: string) {
    this.base = base
  }
  /** Looks at the disk; gives how runs have grown, those that are new among them. */
  changed(): RunGrowth[] {
    const grown: RunGrowth[] = []
    const folders = runFolders(this.base)
    for (const [folder, paths] of folders) {
      const name = relative(this.base, folder).split(sep).join('/') || '.'
      const before = this.known.get(folder)
      const own = before ?? {
        files: new Map<string, RunFile>(),
        run: { name, settings: {}, curves: {} },
      }
      let fresh = before === undefined
      for (const path of own.files.keys()) if (!paths.includes(path)) fresh = own.files.delete(path)
      for (const path of paths) {
        const file = own.files.get(path) ?? new RunFile(path)
        own.files.set(path, file)
        if (file.read()) fresh = true
      }
      if (!fresh) continue
      const config = join(folder, 'config.json')
      const settings = existsSync(config) ? settingsOf(readJson(config)) : {}
      const files = [...own.files].sort(([a], [b]) => a.localeCompare(b)).map(([, f]) => f)
      const curves = merged(files)
      const growth: RunGrowth = { name, settings, curves: {} }
      for (const [tag, curve] of Object.entries(curves)) {
        const keep = common(own.run.curves[tag], curve)
        growth.curves[tag] = {
          keep,
          step: curve.step.slice(keep),
          value: curve.value.slice(keep),
        }
      }
      own.run = { name, settings, curves }
      this.known.set(folder, own)
      grown.push(growth)
    }
    for (const folder of this.known.keys()) if (!folders.has(folder)) this.known.delete(folder)
    return grown
  }
  /** As they were found by the last look. */
  get now(): RunCurves[] {
    return [...this.known.values()].map((k) => k.run).sort(byName)
  }
  all(): RunCurves[] {
    this.changed()
    return this.now
  }
  /** Undefined for a name that is none of a run. */
  details(name: string): RunDetails | undefined {
    const [folder, { files }] = [...this.known].find(([, k]) => k.run.name === name) ?? ['', {}]
    if (!files) return undefined
    const found: RunDetails = { name, histograms: {}, pictures: [] }
    const confusion = readJson(join(folder, CONFUSION)) as Confusion | undefined
    if (Array.isArray(confusion?.counts) && Array.isArray(confusion.classes) && confusion.examples)
      found.confusion = confusion
    const own = join(folder, GRAPH)
    const svg = new TextDecoder().decode(readOr(own))
    if (svg !== '') found.graph = svg
    const shown = new Set(this.known.keys())
    const look = (place: string, depth: number) => {
      for (const entry of listOr(place).sort((a, b) => a.name.localeCompare(b.name))) {
        const path = join(place, entry.name)
        // The pictures of a run inside of this one are its own.
        if (entry.isDirectory() && depth < 2 && !shown.has(path)) look(path, depth + 1)
        else if (entry.isFile() && PICTURE.test(entry.name) && path !== own) {
          const file = relative(this.base, path).split(sep).map(encodeURIComponent).join('/')
          const title = relative(folder, path).split(sep).join('/')
          found.pictures.push({ title, url: `./runs/file/${file}?${modified(path)}` })
        }
      }
    }
    look(folder, 0)
    this.readDetails(
      [...files.keys()].filter((f) => isEvents(basename(f))),
      found,
    )
    return found
  }
  private readDetails(files: readonly string[], found: RunDetails): void {
    const pictures = new Map<string, { title: string; url: string }[]>()
    for (const file of [...files].sort())
      for (const event of decodeEvents(readOr(file), { all: true }).events) {
        const { step } = event
        for (const [tag, histogram] of Object.entries(event.histograms ?? {})) {
          found.histograms[tag] ??= []
          const known = found.histograms[tag]
          while (known.length > 0 && known.at(-1)!.step >= step) known.pop()
          known.push({ step, ...histogram })
        }
        for (const [tag, { bytes }] of Object.entries(event.pictures ?? {})) {
          const url = `data:${kindOf(bytes)};base64,${Buffer.from(bytes).toString('base64')}`
          // The last ones are what a run has come to.
          pictures.set(
            tag,
            [...(pictures.get(tag) ?? []), { title: `${tag}, ${step}`, url }].slice(-3),
          )
        }
        const boxes = event.graph && graphBoxes(event.graph)
        if (boxes) found.graph = drawGraph(boxes)
      }
    found.pictures.push(...[...pictures.values()].flat())
    for (const [tag, rows] of Object.entries(found.histograms))
      found.histograms[tag] = spread(rows, 40)
  }
}
/** At most so many, over the whole list, the last one among them. */
function spread<T>(rows: readonly T[], most: number): T[] {
  if (rows.length <= most) return [...rows]
  return Array.from(
    { length: most },
    (_, i) => rows[Math.round((i * (rows.length - 1)) / (most - 1))]!,
  )
}
const kindOf = (bytes: Uint8Array) =>
  bytes[0] === 0xff ? 'image/jpeg' : bytes[0] === 0x47 ? 'image/gif' : 'image/png'

/**
 * `/runs/all.json`; `/runs/events`: how runs grow, as server-sent events, looked for once in `every` ms; `/runs/run.json?NAME`;
 * `/runs/file/...`: the pictures of the runs.
 */
export function serveRuns(base: string, every = 1000): { handler: Handler; close: () => void } {
  const runs = new Runs(base)
  const open = new Set<ServerResponse>()
  /** All who listen hear of what is new, whoever has asked. */
  const look = () => {
    for (const growth of runs.changed())
      for (const response of open) response.write(`data: ${JSON.stringify(growth)}\n\n`)
  }
  const timer = setInterval(() => {
    if (open.size > 0) look()
  }, every)
  timer.unref()
  const json = (response: ServerResponse, value: unknown) =>
    response
      .writeHead(200, {
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
      })
      .end(JSON.stringify(value))
  return {
    handler(request, response, path) {
      if (path === '/runs/all.json') {
        look()
        json(response, runs.now)
        return true
      }
      if (path === '/runs/run.json') {
        const [name = ''] = new URLSearchParams(request.url!.split('?')[1]).keys()
        look()
        const details = runs.details(name)
        json(response, details ?? null)
        return true
      }
      if (path.startsWith('/runs/file/') && PICTURE.test(path)) {
        sendFile({ '/runs/file/': base }, request, response)
        return true
      }
      if (path !== '/runs/events') return false
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
      })
      response.write(': the runs that grow\n\n')
      open.add(response)
      request.on('close', () => open.delete(response))
      return true
    },
    close() {
      clearInterval(timer)
      for (const response of open) response.end()
    },
  }
}
