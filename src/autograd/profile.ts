/** Where the time and the memory of a step go: by operation and by layer. */
import { bytesOf } from '../core/dtype.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { ended, state, withState } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { hooks } from './backward.js'

/** One operation that ran, or one step of the backward pass. */
export interface ProfileEvent {
  /** `linear`, or `linear backward`. */
  op: string
  /** The module path, `Net.fc`; '' outside of modules. */
  layer: string
  /** Milliseconds since the profile began. */
  start: number
  /** Milliseconds that it took, with the operations inside of it. */
  duration: number
  /** Milliseconds without those inside. */
  self: number
  /** Bytes of its results. */
  bytes: number
}
/** All events of one operation or layer together, for one run. */
export interface ProfileRow {
  name: string
  calls: number
  /** Milliseconds, without operations inside. */
  time: number
  /** Of the time of all. */
  share: number
  /** Bytes of all results. */
  bytes: number
}
export interface ProfileOptions {
  /** Runs that are measured; the figures are of one. */
  runs?: number
  /** Runs before that, in which programs are made. */
  warmup?: number
}
const names: OptionNames<ProfileOptions> = { runs: true, warmup: true }

export class Profile {
  readonly events: readonly ProfileEvent[]
  /** Milliseconds of one run. */
  readonly time: number
  private readonly runs: number
  constructor(events: readonly ProfileEvent[], time: number, runs: number) {
    this.events = events
    this.time = time
    this.runs = runs
  }
  /** By operation, the longest first. */
  byOperation(): ProfileRow[] {
    return this.rows((e) => e.op)
  }
  /** By layer, the longest first. */
  byLayer(): ProfileRow[] {
    return this.rows((e) => e.layer || '(outside of modules)')
  }
  private rows(nameOf: (e: ProfileEvent) => string): ProfileRow[] {
    const rows = new Map<string, ProfileRow>()
    const total = this.events.reduce((t, e) => t + e.self, 0)
    for (const e of this.events) {
      const name = nameOf(e)
      const row = rows.get(name) ?? { name, calls: 0, time: 0, share: 0, bytes: 0 }
      row.calls += 1 / this.runs
      row.time += e.self / this.runs
      row.bytes += e.bytes / this.runs
      row.share += total > 0 ? e.self / total : 0
      rows.set(name, row)
    }
    return [...rows.values()].sort((a, b) => b.time - a.time)
  }
  /** Two tables: time, share, calls and memory by operation and by layer. */
  toString(): string {
    const table = (title: string, rows: readonly ProfileRow[]) => {
      const width = Math.max(title.length, ...rows.map((r) => r.name.length))
      const head = `${title.padEnd(width)}        ms      %   calls       KB`
      return [
        head,
        ...rows.map((r) =>
          [
            r.name.padEnd(width),
            r.time.toFixed(3).padStart(10),
            (100 * r.share).toFixed(1).padStart(7),
            `${Math.round(r.calls * 10) / 10}`.padStart(8),
            (r.bytes / 1024).toFixed(1).padStart(9),
          ].join(''),
        ),
      ].join('\n')
    }
    return `${table('operation', this.byOperation())}\n\n${table('layer', this.byLayer())}`
  }
  /** The events as Chrome's trace format, for chrome://tracing, Perfetto or the profiler of the browser. */
  chromeTrace(): string {
    const traceEvents = this.events.map(({ op, layer, start, duration, bytes }) => ({
      name: op,
      cat: op.endsWith(' backward') ? 'backward' : 'forward',
      ph: 'X',
      ts: Math.round(start * 1e6) / 1e3,
      dur: Math.round(duration * 1e6) / 1e3,
      pid: 1,
      tid: 1,
      args: { layer, bytes },
    }))
    return JSON.stringify({ traceEvents, displayTimeUnit: 'ms' })
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

const sizeInBytes = (tensors: readonly Tensor[]) =>
  tensors.reduce((n, t) => n + t.size * bytesOf(t.dtype), 0)

/**
 * Runs a step and measures every operation: how long it took, which layer asked for it, how much memory its results
 * take. Compiled functions run eagerly, so that their operations can be told apart; compiled they are faster, since
 * operations are then fused, but the shares show what costs. PyTorch: torch.profiler.
 * @throws ValueError when the step is async or an option is not known
 * @example profile(() => ones([64]).exp().sum()).byOperation().map((r) => r.name).sort() // ['exp', 'full', 'sum']
 */
export function profile(step: () => unknown, options: ProfileOptions = {}): Profile {
  const { runs = 1, warmup = 1 } = checkOptions('profile', options, names)
  const events: ProfileEvent[] = []
  const open: { op: string; layer: string; start: number; inner: number }[] = []
  let zero = 0
  let last = 0
  const now = () => performance.now() - zero
  const add = (event: ProfileEvent) => {
    events.push(event)
    const around = open[open.length - 1]
    if (around) around.inner += event.duration
    last = event.start + event.duration
  }
  const watcher = {
    begin(op: string) {
      open.push({ op, layer: state.call?.layer ?? '', start: now(), inner: 0 })
    },
    end(outputs: readonly Tensor[]) {
      const { op, layer, start, inner } = open.pop()!
      const duration = now() - start
      add({ op, layer, start, duration, self: duration - inner, bytes: sizeInBytes(outputs) })
    },
  }
  const before = hooks.afterNode
  const measured = () => {
    hooks.afterNode = (node, grads, cts) => {
      before?.(node, grads, cts)
      // From the end of what came before: the gradient rule runs as one program.
      const start = last
      const duration = now() - start
      const bytes = sizeInBytes(grads.filter((g): g is Tensor => g !== null && g !== undefined))
      add({
        op: `${node.op.name} backward`,
        layer: node.call?.layer ?? '',
        start,
        duration,
        self: duration,
        bytes,
      })
    }
    try {
      withState('profile', watcher, () => ended('profile', step()))
    } finally {
      hooks.afterNode = before
    }
  }
  for (let i = 0; i < warmup; i++) measured()
  events.length = 0
  zero = performance.now()
  last = 0
  for (let i = 0; i < runs; i++) measured()
  return new Profile(events, now() / runs, runs)
}
