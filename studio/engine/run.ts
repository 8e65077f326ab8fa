/** The page's side of its worker. */
import { batch, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { FromWorker, ToWorker, Trouble } from './session.js'

type FrameMessage = Extract<FromWorker, { type: 'frame' }>

export interface Run<Frame extends object> {
  readonly frame: ReadonlySignal<Frame | undefined>
  readonly steps: ReadonlySignal<number>
  readonly perSecond: ReadonlySignal<number>
  readonly running: ReadonlySignal<boolean>
  readonly trains: ReadonlySignal<boolean>
  readonly ended: ReadonlySignal<boolean>
  /** Its weights may be kept, saved and opened again. */
  readonly keeps: ReadonlySignal<boolean>
  readonly trouble: ReadonlySignal<{ kind: Trouble; message: string } | undefined>
  readonly progress: ReadonlySignal<{ what: string; part: number } | undefined>
  /** The most steps a second; infinity for as many as there can be. */
  readonly speed: Signal<number>
  play(on: boolean): void
  step(n?: number): void
  /** Begins anew with these settings; with files of the user instead of those of the site. */
  reset(settings: object, files?: Record<string, Uint8Array>): void
  /** Has the session take new settings over, which begins anew when it cannot. */
  change(settings: object): void
  ask<T>(name: string, ...args: unknown[]): Promise<T>
  close(): void
}

export function startRun<Frame extends object>(
  page: string,
  settings: object,
  atFirst = Number.POSITIVE_INFINITY,
): Run<Frame> {
  const frame = signal<Frame | undefined>(undefined)
  const steps = signal(0)
  const perSecond = signal(0)
  const running = signal(false)
  const trains = signal(false)
  const ended = signal(false)
  const keeps = signal(false)
  const trouble = signal<{ kind: Trouble; message: string } | undefined>(undefined)
  const progress = signal<{ what: string; part: number } | undefined>(undefined)
  const speed = signal(atFirst)

  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
  const say = (message: ToWorker) => worker.postMessage(message)
  const waiting = new Map<number, { done: (v: unknown) => void; failed: (e: Error) => void }>()
  let questions = 0
  let fixed = {}
  const fail = (kind: Trouble, message: string) => {
    batch(() => {
      trouble.value = { kind, message }
      running.value = false
      progress.value = undefined
    })
  }
  worker.onerror = (event) => {
    event.preventDefault()
    fail(event.message ? 'other' : 'files', event.message || 'worker')
  }
  const show = (data: FrameMessage) =>
    batch(() => {
      frame.value = { ...fixed, ...(data.frame as Frame) }
      steps.value = data.steps
      perSecond.value = data.perSecond
      trains.value = data.trains
      ended.value = data.ended
      keeps.value = data.keeps
      if (data.ended) running.value = false
      progress.value = undefined
    })
  /** A frame that came while the page trains: the next refresh of the screen shows it. */
  let held: FrameMessage | undefined
  const refresh = () => {
    // The worker makes the next one meanwhile.
    say({ type: 'drawn' })
    const now = held
    held = undefined
    if (now) show(now)
  }
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.type === 'fixed') {
      fixed = data.fixed
      // A frame of what was before does not go with it.
      held = undefined
    } else if (data.type === 'frame') {
      // One that is waiting will ask for the next.
      const waits = held !== undefined
      held = undefined
      if (running.value && !data.ended) held = data
      else show(data)
      if (!waits) requestAnimationFrame(refresh)
    } else if (data.type === 'progress') progress.value = { what: data.what, part: data.part }
    else if (data.type === 'trouble') fail(data.kind, data.message)
    else {
      const { done, failed } = waiting.get(data.id)!
      waiting.delete(data.id)
      if (data.error === undefined) done(data.value)
      else failed(new Error(data.error))
    }
  }
  const open = (values: object, files?: Record<string, Uint8Array>) => {
    trouble.value = undefined
    say({ type: 'open', page, settings: values, ...(files && { files }) })
  }
  open(settings)
  const tellSpeed = () => say({ type: 'run', on: running.value, perSecond: speed.value })
  const follow = speed.subscribe(tellSpeed)

  return {
    frame,
    steps,
    perSecond,
    running,
    trains,
    ended,
    keeps,
    trouble,
    progress,
    speed,
    play(on) {
      running.value = on
      tellSpeed()
    },
    step(n = 1) {
      running.value = false
      tellSpeed()
      say({ type: 'step', n })
    },
    reset: open,
    change: (values) => say({ type: 'change', settings: values }),
    ask: <T>(name: string, ...args: unknown[]) =>
      new Promise<T>((done, failed) => {
        const id = ++questions
        waiting.set(id, { done: done as (v: unknown) => void, failed })
        say({ type: 'ask', id, name, args })
      }),
    close() {
      follow()
      worker.terminate()
    },
  }
}
