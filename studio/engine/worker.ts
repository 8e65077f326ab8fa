/** The worker: opens a page's session, takes its steps in slices that leave room for messages, and hands out frames. */
import { ready } from 'nabla'
// Programs run as in Node, where every method is there.
import 'nabla/methods'
import { ownAnswers } from './own.js'
import type { FromWorker, Model, Session, Tools, ToWorker, Trouble } from './session.js'

const models = import.meta.glob<Model<object, object>>('../pages/*.model.ts')
/**
 * How long a slice of training may take, in milliseconds: a picture that the page asks for waits for the slice at hand, and
 * must be there for the next of 60 frames a second.
 */
const SLICE = 6

const say = (message: FromWorker) => postMessage(message)
let session: Session<object> | undefined
let steps = 0
let on = false
let limit = Number.POSITIVE_INFINITY
/** The page has drawn the last frame and can take another. */
let wanted = true
let stale = true
let ended = false
/** Steps of the next slice, by how long the last one took. */
let next = 1
let perSecond = 0
let since = { time: 0, steps: 0 }
let opening = 0
let files: Record<string, Uint8Array> = {}

class DataError extends Error {}

/** As it is, or out of gzip, which a site of static files has. */
async function unpacked(bytes: Uint8Array, path: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Response(stream).arrayBuffer().then(
    (b) => new Uint8Array(b),
    () => {
      throw new DataError(path)
    },
  )
}

const tools: Tools = {
  async fetch(path, what) {
    const dropped = files[path]
    if (dropped) return unpacked(dropped, path)
    const response = await fetch(new URL(`../${path}`, location.href)).catch(() => undefined)
    if (!response?.ok || !response.body) throw new DataError(path)
    const total = Number(response.headers.get('content-length')) || 0
    const parts: Uint8Array[] = []
    let got = 0
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read()
      if (done) break
      parts.push(value)
      got += value.length
      if (total > 0 && what) tools.progress(what, got / total)
    }
    const bytes = new Uint8Array(got)
    let at = 0
    for (const p of parts) {
      bytes.set(p, at)
      at += p.length
    }
    return unpacked(bytes, path)
  },
  progress: (what, part) => say({ type: 'progress', what, part }),
}

function trouble(error: unknown): void {
  const message = error instanceof Error ? error.message : `${error}`
  const kinds: [Trouble, boolean][] = [
    ['policy', /wasm-unsafe-eval|WebAssembly is not/.test(message)],
    ['files', /must be readable at|Failed to fetch/.test(message)],
    ['data', error instanceof DataError || (error as Error)?.name === 'FileError'],
  ]
  on = false
  say({ type: 'trouble', kind: kinds.find(([, is]) => is)?.[0] ?? 'other', message })
}

function draw(): void {
  if (!session || !wanted || !stale) return
  wanted = false
  stale = false
  const frame = session.frame()
  say({
    type: 'frame',
    frame,
    steps,
    perSecond,
    trains: !!session.advance,
    ended,
    keeps: !!session.model,
  })
}

/** The number without its lower binary digits: sessions take powers of two in one call. */
function rounded(n: number): number {
  const unit = 2 ** Math.max(0, Math.floor(Math.log2(n)) - 2)
  return n - (n % unit)
}

/** Takes steps for one slice. */
function slice(): void {
  if (!on || !session?.advance) return
  const start = performance.now()
  if (start - since.time > 500) {
    if (since.time > 0) perSecond = ((steps - since.steps) * 1000) / (start - since.time)
    since = { time: start, steps }
  }
  // At a slow speed there is nothing to do yet.
  const due = Math.min(
    rounded(next),
    Math.floor(((start - began.time) * limit) / 1000) - (steps - began.steps),
  )
  if (due > 0) {
    const taken = session.advance(due)
    steps += taken
    stale = true
    if (taken < due) {
      on = false
      ended = true
    }
    const took = performance.now() - start
    // Slow changes: one slice that something else held up says little.
    if (due === rounded(next))
      next = Math.max(
        1,
        Math.min(
          1 << 20,
          Math.round(next * Math.min(2, Math.max(0.5, SLICE / Math.max(took, 0.1)))),
        ),
      )
  }
  draw()
}
let began = { time: 0, steps: 0 }

// A message to oneself comes after those that wait already; timers would wait for four milliseconds.
const channel = new MessageChannel()
let looping = false
function loop(): void {
  looping = false
  try {
    slice()
  } catch (error) {
    trouble(error)
  }
  again()
}
channel.port1.onmessage = loop
function again(): void {
  if (looping || !on) return
  looping = true
  if (limit < 500) setTimeout(loop, 8)
  else channel.port2.postMessage(0)
}

async function open(page: string, settings: object): Promise<void> {
  const mine = ++opening
  const load = models[`../pages/${page}.model.ts`]
  if (!load) throw new Error(`no page ${page}`)
  await ready()
  const { create } = await load()
  const made = await create(settings, tools)
  // A later call has overtaken this one.
  if (mine !== opening) return
  session = made
  say({ type: 'fixed', fixed: made.fixed ?? {} })
  steps = 0
  next = 1
  ended = false
  since = { time: 0, steps: 0 }
  began = { time: performance.now(), steps: 0 }
  stale = true
  // The picture of what was before is void: this frame need not wait for it.
  wanted = true
  draw()
  again()
}

async function change(page: string, settings: object): Promise<void> {
  if (session?.change?.(settings as never)) {
    stale = true
    draw()
  } else await open(page, settings)
}

let page = ''
addEventListener('message', async ({ data }: MessageEvent<ToWorker>) => {
  try {
    if (data.type === 'open') {
      page = data.page
      if (data.files) files = { ...files, ...data.files }
      await open(page, data.settings)
    } else if (data.type === 'change') await change(page, data.settings)
    else if (data.type === 'run') {
      on = data.on
      limit = data.perSecond
      began = { time: performance.now(), steps }
      since = { time: 0, steps }
      again()
    } else if (data.type === 'step') {
      const taken = session?.advance?.(data.n) ?? 0
      steps += taken
      ended = taken < data.n
      stale = true
      draw()
    } else if (data.type === 'drawn') {
      wanted = true
      draw()
    } else {
      const { id, name, args } = data
      try {
        const f = session?.ask?.[name] ?? (session && ownAnswers(page, session)[name])
        if (!f) throw new Error(`no answer to ${name}`)
        const value = await (f as (...args: unknown[]) => unknown)(...args)
        say({ type: 'answer', id, value })
        // A question may change what there is to see.
        stale = true
        draw()
      } catch (error) {
        say({ type: 'answer', id, error: error instanceof Error ? error.message : `${error}` })
      }
    }
  } catch (error) {
    trouble(error)
  }
})
