/** Batches made ahead on other threads, given in order. */
import { canStartThreads, startThread, type Thread } from '#host'
import * as errors from '../core/errors.js'
import { tensor } from '../tensor/creation.js'
import type { TypedArray } from '../core/dtype.js'
import { backend } from '../backends/registry.js'
import type { Origin } from './dataset.js'

/** The examples of a batch and the key of what is drawn while it is made. */
export interface Job {
  indices: ArrayLike<number>
  key: readonly [number, number]
}

/** A batch on its way between threads: tensors as typed arrays. */
export type Packed =
  | { tensor: TypedArray; shape: readonly number[] }
  | { list: Packed[] }
  | { object: [string, Packed][] }
  | { plain: unknown }

export interface WorkerError {
  name: string
  message: string
  stack: string
  complaint?: errors.Complaint
}
export type Answer = { id: number; batch: Packed } | { id: number; error: WorkerError }

export function unpack(p: Packed): unknown {
  if ('tensor' in p)
    return tensor(p.tensor, {
      shape: p.shape,
      ...(p.tensor instanceof Float64Array && { dtype: 'float64' }),
    })
  if ('list' in p) return p.list.map(unpack)
  if ('object' in p) return Object.fromEntries(p.object.map(([k, v]) => [k, unpack(v)]))
  return p.plain
}

/** The words that threads and caller share: answers posted so far, and threads that have ended. */
export const ANSWERS = 0
export const ENDED = 1

/** Threads that make batches, kept from epoch to epoch. */
export class Prefetcher {
  static readonly possible = canStartThreads
  private readonly threads: Thread[]
  private readonly shared = new Int32Array(new SharedArrayBuffer(8))
  private readonly ahead: number
  private readonly timeout: number
  private readonly origin: Origin
  private posted = 0
  /** Batches that are asked for and not given yet; what comes for others is of an iteration that was left. */
  private readonly wanted = new Map<number, Answer | undefined>()
  private broken: WorkerError | undefined

  constructor(origin: Origin, count: number, ahead: number, timeout: number) {
    this.origin = origin
    this.ahead = ahead
    this.timeout = timeout
    const { module, name, args } = origin
    const data = { module, name, args, shared: this.shared, backend: backend().name }
    this.threads = Array.from({ length: count }, () =>
      startThread(new URL('./worker.js', import.meta.url), data),
    )
  }

  /** The batches of the jobs in their order; the threads take turns. */
  *run(jobs: readonly Job[]): Generator<unknown, void, undefined> {
    const ids: number[] = []
    const limit = this.threads.length * this.ahead
    try {
      for (let next = 0; next < jobs.length; next++) {
        while (ids.length < Math.min(jobs.length, next + limit))
          ids.push(this.post(jobs[ids.length]!))
        const answer = this.wait(ids[next]!)
        if ('error' in answer) throw this.rebuilt(answer.error, jobs[next])
        // The thread goes on with the next one while this one is used.
        if (ids.length < jobs.length) ids.push(this.post(jobs[ids.length]!))
        yield unpack(answer.batch)
      }
    } finally {
      for (const id of ids) this.wanted.delete(id)
    }
  }

  private post(job: Job): number {
    const id = this.posted++
    this.wanted.set(id, undefined)
    this.threads[id % this.threads.length]!.post({ id, ...job })
    return id
  }

  private wait(id: number): Answer {
    const until = performance.now() + this.timeout * 1000
    for (;;) {
      // Read before looking: what is posted after that wakes the wait.
      const seen = Atomics.load(this.shared, ANSWERS)
      for (const t of this.threads)
        for (let a = t.receive() as Answer | undefined; a; a = t.receive() as Answer | undefined)
          if ('error' in a && a.id < 0) this.broken = a.error
          else if (this.wanted.has(a.id)) this.wanted.set(a.id, a)
      if (this.broken) throw this.rebuilt(this.broken)
      const found = this.wanted.get(id)
      if (found) {
        this.wanted.delete(id)
        return found
      }
      const left = until - performance.now()
      const ended = Atomics.load(this.shared, ENDED) > 0
      if (ended || left <= 0)
        throw new errors.TrainingError({
          op: 'DataLoader',
          rule: ended
            ? 'workers must not end by themselves'
            : `a batch must be made within ${this.timeout} s`,
          got: `no answer from ${this.origin.name} of ${this.origin.module}`,
          fix: `${ended ? '' : 'Raise the timeout; '}workers: 0 shows what happens.`,
        })
      Atomics.wait(this.shared, ANSWERS, seen, Math.min(left, 1000))
    }
  }

  /** An error of another thread as one of this thread, of the same class. */
  private rebuilt(e: WorkerError, job?: Job): Error {
    const classes = errors as unknown as Record<string, unknown>
    const kind =
      e.complaint && (classes[e.name] as (new (c: errors.Complaint) => Error) | undefined)
    const error = kind ? new kind(e.complaint!) : new Error(e.message)
    const which = job ? ` for examples ${Array.from(job.indices).join(', ')}` : ''
    error.cause = `in a worker${which}: ${e.stack}`
    return error
  }

  stop(): void {
    for (const t of this.threads) t.stop()
  }
}
