// `node bench/losses.mjs [ROOT]`: the first 20 losses of the training steps, bit by bit, of the build under ROOT (this
// one by default). `node bench/losses.mjs ROOT --against OTHER` compares two builds: a cut of the compiler must not
// move a bit, or its note says which kernel did.
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const own = fileURLToPath(new URL('..', import.meta.url))
const [root = own, flag, other] = process.argv.slice(2)

/** Losses as hexadecimal floats, by case. */
async function losses(folder) {
  const load = (file) => import(pathToFileURL(resolve(folder, 'dist', file)).href)
  const [nabla, nn, optim, models] = await Promise.all(
    ['index.js', 'nn/index.js', 'optim/index.js', 'models/index.js'].map(load),
  )
  const { cases } = await import(pathToFileURL(resolve(own, 'bench/cases.mjs')).href)
  const steps = cases.filter((c) => c.losses ?? c.name.startsWith('step '))
  const result = {}
  for (const c of steps) {
    nabla.manualSeed(1)
    const step = c.nabla(
      { nabla, nn, optim, models },
      { ...c.args, ...('lr' in c.args && { lr: 0.01 }) },
    )
    const list = new Float32Array(20).map(() => step().item())
    result[c.name] = [...new Uint32Array(list.buffer)].map((w) => w.toString(16).padStart(8, '0'))
  }
  return result
}

if (flag === '--against') {
  const [ours, theirs] = [root, other].map((folder) => {
    const { stdout, status } = spawnSync('node', [fileURLToPath(import.meta.url), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
    })
    if (status !== 0) process.exit(1)
    return JSON.parse(stdout)
  })
  const float = (word) => new Float32Array(Uint32Array.of(Number.parseInt(word, 16)).buffer)[0]
  for (const [name, list] of Object.entries(ours)) {
    const before = theirs[name]
    const worst = Math.max(...list.map((w, i) => Math.abs(float(w) / float(before[i]) - 1)))
    const equal = list.every((w, i) => w === before[i])
    console.log(
      `${name.padEnd(20)} ${equal ? 'equal' : `differ, at most ${worst.toExponential(1)}`}`,
    )
    if (!(worst <= 1e-6)) process.exitCode = 1
  }
} else console.log(JSON.stringify(await losses(root)))
