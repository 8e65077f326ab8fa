/** Batches made ahead on other threads, given in order. */
import { canStartThreads, startThread, type Thread } from '#host'
import { backend } from '../backends/registry.js'
import type { DType, TypedArray } from '../core/dtype.js'
import * as errors from '../core/errors.js'
import { fromData } from '../ops/tensor.js'
import type { Origin } from './dataset.js'

/** The examples of a batch and the key of its random numbers. */
export interface Job {
  indices: ArrayLike<number>
  key: readonly [number, number]
}

/** A job as it is sent to a thread. `left` is shared with the iteration: 1 when nobody waits for its batches any more. */
export interface Request extends Job {
  id: number
  left: Int32Array
}

/** A batch as it is sent between threads: tensors as typed arrays, as they are stored. */
export type Packed =
  | { tensor: TypedArray; dtype: DType; shape: readonly number[] }
  | { list: Packed[] }
  | { object: [string, Packed][] }
  | { plain: unknown }

export interface WorkerError {
  name: string
  message: string
  stack: string
  complaint?: errors.Complaint
  /** Where it happened: the example. */
  path?: string
}
export type Answer = { id: number; batch: Packed } | { id: number; error: WorkerError }

function unpack(p: Packed): unknown {
  if ('tensor' in p) return fromData(p.tensor, p.shape, p.dtype)
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
  /** Batches that were requested and not yet returned; others belong to an iteration that was stopped early. */
  private readonly wanted = new Map<number, Answer | undefined>()
  /** Why a thread could not make its dataset. */
  private broken: WorkerError | undefined
  /** The count of answers before `take` last looked. */
  private seen = 0

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

  /** The batches of the jobs in their order. Blocks while a batch is not there yet. */
  *run(jobs: readonly Job[]): Generator<unknown, void, undefined> {
    for (const [id, job] of this.queue(jobs)) {
      const until = performance.now() + this.timeout * 1000
      let answer = this.take(id)
      // An answer posted after the count was read wakes the wait at once.
      for (; !answer; answer = this.take(id))
        Atomics.wait(this.shared, ANSWERS, this.seen, this.patience(until))
      yield this.open(answer, job)
    }
  }

  /** The same, while other events run. */
  async *runAsync(jobs: readonly Job[]): AsyncGenerator<unknown, void, undefined> {
    for (const [id, job] of this.queue(jobs)) {
      const until = performance.now() + this.timeout * 1000
      let answer = this.take(id)
      for (; !answer; answer = this.take(id)) {
        this.patience(until)
        await new Promise((done) => setTimeout(done, 1))
      }
      yield this.open(answer, job)
    }
  }

  /** Sends jobs ahead to the threads in turn, and yields them with their numbers one by one. */
  private *queue(jobs: readonly Job[]): Generator<[number, Job], void, undefined> {
    const ids: number[] = []
    const left = new Int32Array(new SharedArrayBuffer(4))
    try {
      for (const [next, job] of jobs.entries()) {
        const ahead = next + 1 + this.threads.length * this.ahead
        while (ids.length < Math.min(jobs.length, ahead)) {
          const id = this.posted++
          ids.push(id)
          this.wanted.set(id, undefined)
          const request: Request = { id, left, ...jobs[ids.length - 1]! }
          this.threads[id % this.threads.length]!.post(request)
        }
        yield [ids[next]!, job]
      }
    } finally {
      // Threads skip what was requested ahead of an iteration that ended early.
      Atomics.store(left, 0, 1)
      for (const id of ids) this.wanted.delete(id)
    }
  }

  /** The answer to a job if it is there. */
  private take(id: number): Answer | undefined {
    this.seen = Atomics.load(this.shared, ANSWERS)
    for (const t of this.threads)
      for (let a = t.receive() as Answer | undefined; a; a = t.receive() as Answer | undefined)
        if ('error' in a && a.id < 0) this.broken = a.error
        else if (this.wanted.has(a.id)) this.wanted.set(a.id, a)
    if (this.broken) throw this.rebuilt(this.broken)
    const found = this.wanted.get(id)
    if (found) this.wanted.delete(id)
    return found
  }

  /** Milliseconds to wait now. @throws TrainingError when no batch can come any more */
  private patience(until: number): number {
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
    return Math.min(left, 1000)
  }

  private open(answer: Answer, job: Job): unknown {
    if ('error' in answer) throw this.rebuilt(answer.error, job)
    return unpack(answer.batch)
  }

  /** An error of another thread as one of this thread, of the same class. */
  private rebuilt(e: WorkerError, job?: Job): Error {
    const classes = errors as unknown as Record<string, unknown>
    const kind =
      e.complaint &&
      (classes[e.name] as (new (c: errors.Complaint) => errors.NablaError) | undefined)
    const error = kind ? new kind(e.complaint!) : new Error(e.message)
    if (error instanceof errors.NablaError && e.path) error.addPath(e.path)
    const which = job ? ` for examples ${Array.from(job.indices).join(', ')}` : ''
    error.cause = `in a worker${which}: ${e.stack}`
    return error
  }

  stop(): void {
    for (const t of this.threads) t.stop()
  }
}
