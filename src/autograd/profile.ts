/** Where the time and the memory of a step go: by operation and by layer. */
import type { Executable } from '../backends/backend.js'
import { HostedExecutable } from '../backends/hosted.js'
import { callsOf, movedBy, stepText, workOf } from '../backends/lower/explain.js'
import type { PlanStep } from '../backends/lower/plan.js'
import { bytesOf } from '../core/dtype.js'
import { checkOptions, type OptionNames, requireFunction } from '../core/options.js'
import { ended, state, withState } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { hooks } from './backward.js'

/** One operation that ran, one step of the backward pass, or one instruction of a compiled function. */
export interface ProfileEvent {
  /** `linear`, or `linear backward`; of an instruction all that it computes: `relu + linear backward`. */
  op: string
  /** What an instruction is: `matmul 32×64 by 64×128 + bias`; '' for what runs by itself. */
  kernel: string
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
  /** Floating-point operations of an instruction; 0 of what runs by itself. */
  flops: number
  /** Bytes that an instruction reads and writes; 0 of what runs by itself. */
  moved: number
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
  /** Floating-point operations of the instructions. */
  flops: number
  /** Bytes that the instructions read and write. */
  moved: number
}
export interface ProfileOptions {
  /** Runs that are measured; the figures are of one. */
  runs?: number
  /** Runs before that, in which programs are made. */
  warmup?: number
  /**
   * Compiled functions run as their programs, and each instruction is measured; false: they run eagerly, so that
   * operations are told apart that a program fuses. On the reference backend, which has no instructions, they always do.
   */
  compiled?: boolean
}
const names: OptionNames<ProfileOptions> = { runs: true, warmup: true, compiled: true }

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
  /** By instruction of compiled functions, the longest first. */
  byKernel(): ProfileRow[] {
    return this.rows((e) => e.kernel || '(operations by themselves)')
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
      const row = rows.get(name) ?? {
        name,
        calls: 0,
        time: 0,
        share: 0,
        bytes: 0,
        flops: 0,
        moved: 0,
      }
      row.calls += 1 / this.runs
      row.time += e.self / this.runs
      row.bytes += e.bytes / this.runs
      row.flops += e.flops / this.runs
      row.moved += e.moved / this.runs
      row.share += total > 0 ? e.self / total : 0
      rows.set(name, row)
    }
    return [...rows.values()].sort((a, b) => b.time - a.time)
  }
  /** Tables of time, share, calls and memory: by operation, by layer, and by instruction where programs ran. */
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
    const tables = [table('operation', this.byOperation()), table('layer', this.byLayer())]
    if (this.events.some((e) => e.kernel)) tables.push(table('instruction', this.byKernel()))
    return tables.join('\n\n')
  }
  /** The events as Chrome's trace format, for chrome://tracing, Perfetto or the profiler of the browser. */
  chromeTrace(): string {
    const traceEvents = this.events.map(({ op, kernel, layer, start, duration, bytes }) => ({
      name: op,
      cat: op.endsWith(' backward') ? 'backward' : 'forward',
      ph: 'X',
      ts: Math.round(start * 1e6) / 1e3,
      dur: Math.round(duration * 1e6) / 1e3,
      pid: 1,
      tid: 1,
      args: { layer, bytes, ...(kernel && { kernel }) },
    }))
    return JSON.stringify({ traceEvents, displayTimeUnit: 'ms' })
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

const sizeInBytes = (tensors: readonly Tensor[]) =>
  tensors.reduce((n, t) => n + t.size * bytesOf(t.dtype), 0)

const MOST = 3
/** All different texts, the first few by name. */
function joined(texts: readonly string[]): string {
  const all = [...new Set(texts)].filter((t) => t !== '')
  return `${all.slice(0, MOST).join(' + ')}${all.length > MOST ? ` + ${all.length - MOST} more` : ''}`
}
const bytesGiven = (step: PlanStep): number =>
  step.kind === 'list'
    ? step.kernels.reduce((n, k) => n + bytesGiven(k), 0)
    : step.kind === 'loop'
      ? (step.count ?? 1) * step.body.steps.reduce((n, s) => n + bytesGiven(s), 0)
      : step.outputs.reduce((n, o) => n + (o ? o.buffer.bytes : 0), 0) + beside(step)

/** What the epilogue of a product writes that does not lie in the place of its result. */
const beside = (step: PlanStep): number =>
  step.kind === 'prim' && step.epilogue
    ? step.epilogue.outputs
        .filter((o) => o.buffer !== step.outputs[0]!.buffer)
        .reduce((n, o) => n + o.buffer.bytes, 0)
    : 0

/**
 * Runs a step and measures every operation: how long it took, which layer asked for it, how much memory its results
 * take. A compiled function runs as its program, instruction by instruction: what was fused is one event, and each has a
 * few microseconds more than within one run. PyTorch: torch.profiler.
 * @throws ValueError when the step is async or an option is not known
 * @example profile(() => ones([64]).exp().sum()).byOperation().map((r) => r.name).sort() // ['exp', 'full', 'sum']
 */
export function profile(step: () => unknown, options: ProfileOptions = {}): Profile {
  requireFunction('profile', step)
  const { runs = 1, warmup = 1, compiled = true } = checkOptions('profile', options, names)
  const programs = compiled && state.backend().name !== 'reference'
  const timed = new Map<Executable, HostedExecutable>()
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
      const bytes = sizeInBytes(outputs)
      add({
        op,
        kernel: '',
        layer,
        start,
        duration,
        self: duration - inner,
        bytes,
        flops: 0,
        moved: 0,
      })
    },
    run: programs
      ? (program: Executable, ...args: Parameters<Executable['run']>) => {
          const { source } = program
          if (!source) return program.run(...args)
          const [inputs, outputs, offsets] = args
          let own = timed.get(program)
          if (!own) {
            const backend = (inputs[0] ?? outputs[0])?.backend ?? state.backend()
            own = new HostedExecutable(source, backend, true)
            timed.set(program, own)
          }
          own.run(inputs, outputs, offsets, ([step], from, to) => {
            const duration = to - from
            const calls = callsOf(step!)
            add({
              op: joined(calls.map((c) => c.operation)),
              kernel: stepText(step!)[0],
              layer: joined(calls.map((c) => c.layer)),
              start: from - zero,
              duration,
              self: duration,
              bytes: bytesGiven(step!),
              flops: workOf(step!),
              moved: movedBy(step!),
            })
          })
        }
      : undefined,
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
        kernel: '',
        layer: node.call?.layer ?? '',
        start,
        duration,
        self: duration,
        bytes,
        flops: 0,
        moved: 0,
      })
    }
    try {
      withState('profile', watcher, () => ended('profile', step()))
    } finally {
      hooks.afterNode = before
    }
  }
  try {
    for (let i = 0; i < warmup; i++) measured()
    events.length = 0
    zero = performance.now()
    last = 0
    for (let i = 0; i < runs; i++) measured()
    return new Profile(events, now() / runs, runs)
  } finally {
    for (const program of timed.values()) program.free()
  }
}
