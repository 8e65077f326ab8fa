// nabla's side of `npm run bench`: makes and times what run.mjs asks for, a line of JSON each way. A process of its
// own, so that backend, threads and version of Node are what it was started with. See torch_side.py. With `--of DIR` the
// nabla of another checkout does the work of these same cases (it takes --experimental-import-meta-resolve).
import { createInterface } from 'node:readline'
import { instructionsOf } from './bound.mjs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cases } from './cases.mjs'
import { clocks, measure } from './measure.mjs'

const at = process.argv.indexOf('--of')
const home =
  at < 0 ? import.meta.url : pathToFileURL(join(process.argv[at + 1], 'package.json')).href
/** A room of nabla; undefined where the other checkout has none of this name. */
async function room(name) {
  let url
  try {
    url = import.meta.resolve(name, home)
  } catch (error) {
    if (at < 0) throw error
    return undefined
  }
  return await import(url)
}
const rooms = ['nn', 'optim', 'models', 'rl', 'classic', 'graph', 'linalg', 'fft']
const nabla = await room('nabla')
const lib = { nabla }
for (const name of rooms) lib[name] = await room(`nabla/${name}`)

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const find = (name) => cases.find((c) => c.name === name)
const build = ({ name, args }) => find(name).nabla(lib, args)
const MB = 2 ** 20

/** With `--cpu` the time of the processor. */
const now = clocks[process.argv.includes('--cpu') ? 'cpu' : 'wall']

/** What calls leave behind, and the bytes of tensors that each of them asks for. */
function grow(f, calls) {
  for (let i = 0; i < 200; i++) f()
  const backend = nabla.backend()
  const { alloc } = backend
  let elements = 0
  backend.alloc = (dtype, length) => {
    elements += length
    return alloc.call(backend, dtype, length)
  }
  const before = process.memoryUsage.rss()
  for (let i = 0; i < calls; i++) f()
  backend.alloc = alloc
  return {
    mb: (process.memoryUsage.rss() - before) / MB,
    bytes: Math.round((4 * elements) / calls),
  }
}

/** Milliseconds from the call of a new compiled function to its loaded program: its first call without a later one. */
function compiling(make, rounds) {
  const times = []
  for (let i = 0; i < rounds; i++) {
    const [run, compiled] = make()
    const [first, later] = [0, 1].map(() => {
      const start = now()
      run()
      return now() - start
    })
    times.push(first - later)
    compiled.free()
  }
  return { first: times[0], ms: times.sort((a, b) => a - b)[times.length >> 1] }
}

const once = process.argv.indexOf('--once')
if (once > 0) {
  const request = JSON.parse(process.argv[once + 1])
  const run = build(request)
  const times = []
  for (let i = 0; i < request.calls; i++) {
    const start = now()
    run()?.item()
    times.push(now() - start)
  }
  const [first, ...later] = times
  answer({
    first,
    later: later.sort((a, b) => a - b)[later.length >> 1],
    mb: process.resourceUsage().maxRSS / 1024,
  })
} else {
  let f
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    try {
      if (request.make) {
        f = undefined
        f = build(request.make)
        f()
        answer({ version: process.versions.node, ...nabla.backend().info() })
      } else if (request.bound) answer(instructionsOf(nabla.profile, f, request.bound))
      else if (request.compile) answer(compiling(f, request.compile))
      else if (request.grow) answer(grow(f, request.grow))
      else answer({ ms: measure(f, request.time, now) })
    } catch (error) {
      answer({ error: error.stack })
    }
  }
}
