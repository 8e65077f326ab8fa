/** Training runs on the disk, for `nabla studio RUNS`: what they were made with, and their curves; also as they grow. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join, relative } from 'node:path'
import { decodeEvents } from '../train/tensorboard.js'
import type { Handler } from './studio.js'

export interface RunCurves {
  /** Its folder, from the folder of the runs. */
  name: string
  settings: Record<string, string>
  curves: Record<string, { step: number[]; value: number[] }>
}

/** How deep below the folder of the runs a run may lie. */
const DEPTH = 4
const isEvents = (file: string) => file.includes('.tfevents.')

/** The folders with files of a run, and these files. */
function runFolders(base: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const look = (folder: string, depth: number) => {
    const files: string[] = []
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory() && depth < DEPTH) look(path, depth + 1)
      else if (entry.isFile() && (entry.name === 'metrics.jsonl' || isEvents(entry.name)))
        files.push(path)
    }
    if (files.length > 0) found.set(folder, files.sort())
  }
  look(base, 0)
  return found
}

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

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** One run. Lines and records that cannot be read, such as one that is being written, are left out. */
export function readRun(base: string, folder: string, files: readonly string[]): RunCurves {
  const config = join(folder, 'config.json')
  const settings = existsSync(config) ? flat(readJson(config)) : {}
  const curves: RunCurves['curves'] = {}
  const add = (tag: string, step: number, value: number) => {
    curves[tag] ??= { step: [], value: [] }
    const { step: steps, value: values } = curves[tag]
    // A resumed run has steps again: the later ones count.
    while (steps.length > 0 && steps.at(-1)! >= step) {
      steps.pop()
      values.pop()
    }
    steps.push(step)
    values.push(value)
  }
  for (const file of files)
    if (isEvents(file))
      for (const { step, scalars } of decodeEvents(readFileSync(file)).events)
        for (const [tag, value] of Object.entries(scalars)) add(tag, step, value)
    else
      for (const line of readFileSync(file, 'utf8').split('\n')) {
        let log: Record<string, unknown>
        try {
          log = JSON.parse(line)
        } catch {
          continue
        }
        const step = log?.epoch ?? log?.step
        if (typeof step !== 'number') continue
        for (const [tag, value] of Object.entries(log))
          if (typeof value === 'number' && tag !== 'epoch' && tag !== 'step') add(tag, step, value)
      }
  return { name: relative(base, folder) || '.', settings, curves }
}

/** All runs below a folder; read anew only when their files have changed. */
export class Runs {
  private readonly base: string
  private readonly known = new Map<string, { print: string; run: RunCurves }>()
  constructor(base: string) {
    this.base = base
  }
  /** Looks at the disk; gives the runs that are new or have grown. */
  changed(): RunCurves[] {
    const fresh: RunCurves[] = []
    const folders = runFolders(this.base)
    for (const [folder, files] of folders) {
      const print = files.map((f) => `${f} ${statSync(f).size} ${statSync(f).mtimeMs}`).join('\n')
      if (this.known.get(folder)?.print === print) continue
      const run = readRun(this.base, folder, files)
      this.known.set(folder, { print, run })
      fresh.push(run)
    }
    for (const folder of this.known.keys()) if (!folders.has(folder)) this.known.delete(folder)
    return fresh
  }
  all(): RunCurves[] {
    this.changed()
    return [...this.known.values()].map((k) => k.run).sort((a, b) => a.name.localeCompare(b.name))
  }
}

/** `/runs/all.json`, and `/runs/events`: each run that has grown, as a server-sent event, looked for once in `every` ms. */
export function serveRuns(base: string, every = 1000): { handler: Handler; close: () => void } {
  const runs = new Runs(base)
  const open = new Set<ServerResponse>()
  const timer = setInterval(() => {
    if (open.size === 0) return
    for (const run of runs.changed())
      for (const response of open) response.write(`data: ${JSON.stringify(run)}\n\n`)
  }, every)
  timer.unref()
  return {
    handler(request, response, path) {
      if (path === '/runs/all.json') {
        response.writeHead(200, {
          'content-type': 'application/json; charset=utf-8',
          'cache-control': 'no-store',
        })
        response.end(JSON.stringify(runs.all()))
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
