// Training of Transformers by WebAssembly in Node: nabla beside tfjs and jax-js, one thread, each in a process of its own of the
// same Node, in turn: `node bench/peers.mjs [NAME...] [--node 26] [--rounds N] [--seconds S] [--clock cpu] [--peers FOLDER]`. FOLDER holds
// node_modules of both; without it they are installed into a temporary folder. The models, data and initial values are the
// same, without dropout, and so must be the losses of the first steps.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gptSizes, small } from './language.mjs'
import { nodeOf, Side } from './sides.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peers: { type: 'string' },
    // cpu: where others work on the same machine.
    clock: { type: 'string', default: 'wall' },
    node: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
  },
})
const packages = ['@tensorflow/tfjs@4.22.0', '@tensorflow/tfjs-backend-wasm@4.22.0', '@jax-js/jax@0.1.25'] // biome-ignore format: a line
const cases = { 'encoder-decoder 128': ['encoderDecoder', small], 'gpt 256': ['gpt', gptSizes] }
/** Times as fast as the better of tfjs and jax-js. */
const AIM = 3.6
/** Losses of these first steps agree so far, relatively; the rate is one at which they fall. */
const [STEPS, RATE, TOLERANCE] = [4, 1e-3, 1e-3]
/** Timed at a rate at which nothing is learned by heart: gradients that vanish end in denormal numbers. */
const STILL = 1e-7

function install() {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-peers-'))
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  const { status } = spawnSync(
    'npm',
    ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages],
    { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' },
  )
  if (status !== 0) throw new Error('npm could not install the peers')
  return folder
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const digits = (x, n = 4) => Number(x.toPrecision(n))
const called = { nabla: 'nabla', wasm: 'tfjs_wasm', jax: 'jax_js', cpu: 'tfjs_cpu' }

async function compare(title, [name, args], side) {
  const kinds = ['nabla', 'wasm', 'jax']
  const sides = {}
  const row = { case: title }
  let ours
  for (const kind of kinds) {
    const s = side(kind)
    try {
      const first = await s.ask({
        make: { name, args, lr: RATE, steps: STEPS, shapes: ours?.shapes },
      })
      ours ??= first
      row.node ??= first.version
      const apart = Math.max(...first.losses.map((l, i) => Math.abs(l / ours.losses[i] - 1)))
      if (!(apart <= TOLERANCE))
        throw new Error(`losses ${first.losses} differ from nabla's ${ours.losses}`)
      await s.ask({ make: { name, args, lr: STILL, steps: 2, shapes: ours.shapes } })
      sides[kind] = s
    } catch (error) {
      if (kind === 'nabla') throw error
      row[`${called[kind]}_error`] = error.message.split('\n')[0]
      s.end()
      // The plain backend stands in where WebAssembly lacks an operation.
      if (kind === 'wasm') kinds.push('cpu')
    }
  }
  const times = Object.fromEntries(Object.keys(sides).map((k) => [k, []]))
  for (let i = -1; i < Number(values.rounds); i++)
    for (const [kind, s] of Object.entries(sides)) {
      const { ms } = await s.ask({ time: Number(values.seconds) })
      if (i >= 0) times[kind].push(ms)
    }
  for (const s of Object.values(sides)) s.end()
  const ms = Object.fromEntries(Object.entries(times).map(([k, list]) => [k, median(list)]))
  for (const [kind, value] of Object.entries(ms)) row[`${called[kind]}_ms`] = digits(value)
  const ratio = Math.min(...Object.keys(ms).filter((k) => k !== 'nabla').map((k) => ms[k])) / ms.nabla // biome-ignore format: a line
  return { ...row, losses: ours.losses.map((l) => digits(l, 5)), ratio: digits(ratio, 3), goal: AIM, reached: ratio >= AIM } // biome-ignore format: a line
}

const node = nodeOf(values.node)
const folder = values.peers ?? install()
try {
  const file = fileURLToPath(new URL('peers_side.mjs', import.meta.url))
  const env = { ...process.env, NABLA_BACKEND: 'wasm', NABLA_THREADS: '1' }
  for (const [title, of] of Object.entries(cases))
    if (positionals.length === 0 || positionals.some((p) => title.includes(p)))
      console.log(
        JSON.stringify(
          await compare(
            title,
            of,
            (kind) => new Side([[node, file, kind, folder, values.clock], env]),
          ),
        ),
      )
} finally {
  if (!values.peers) rmSync(folder, { recursive: true, force: true })
}
