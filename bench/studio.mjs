// Steps a second of the playground of nabla studio, by WebAssembly with one thread, as its worker takes them: many in one call.
// `node bench/studio.mjs`; with `--against nn.js` beside TensorFlow Playground's own code (tensorflow/playground, src/nn.ts, as
// JavaScript), in turn on the same points.
import { pathToFileURL } from 'node:url'
import { manualSeed, setBackend, setNumThreads } from 'nabla'
import { build } from '../studio/pages/playground.program.js'

setBackend('wasm')
setNumThreads(1)
const at = process.argv.indexOf('--against')
const other = at > 0 ? await import(pathToFileURL(process.argv[at + 1]).href) : undefined

const nets = [
  { layers: [4, 2], batch: 10, aim: 2 },
  { layers: [8, 8, 8], batch: 10, aim: 10 },
  { layers: [8, 8, 8, 8, 8, 8], batch: 30, aim: 25 },
]
const CHUNK = 512
const ROUNDS = 15

/** Seconds of a step of `f`, which takes `n`. */
function time(f, n) {
  const start = performance.now()
  f(n)
  return (performance.now() - start) / 1000 / n
}

for (const { layers, batch, aim } of nets) {
  manualSeed(1)
  const { run, train } = build({
    problem: 'classification',
    data: 'circle',
    noise: 0,
    train: 50,
    inputs: ['x1', 'x2'],
    layers,
    activation: 'tanh',
    optimizer: 'sgd',
    rate: 0.03,
    batch,
    penalty: 'none',
    strength: 0,
    seed: 1,
    drawn: [],
  })
  const x = train.x.toArray()
  const y = train.y.toArray().flat()
  let theirs
  if (other) {
    const { Activations, Errors, backProp, buildNetwork, forwardProp, updateWeights } = other
    const sizes = [2, ...layers, 1]
    const net = buildNetwork(sizes, Activations.TANH, Activations.TANH, null, ['x', 'y'])
    let row = 0
    theirs = (n) => {
      for (let i = 0; i < n; i++) {
        for (let b = 0; b < batch; b++, row = (row + 1) % y.length) {
          forwardProp(net, x[row])
          backProp(net, y[row], Errors.SQUARE)
        }
        updateWeights(net, 0.03, 0)
      }
    }
  }
  let [mine, their] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  run(CHUNK)
  theirs?.(CHUNK)
  // In turns, and the best of each: others may use the machine.
  for (let i = 0; i < ROUNDS; i++) {
    mine = Math.min(mine, time(run, CHUNK))
    if (theirs) their = Math.min(their, time(theirs, CHUNK))
  }
  const name = `2-${layers.join('-')}-1, batch ${batch}`
  const beside = theirs
    ? `; TensorFlow Playground ${Math.round(1 / their).toLocaleString('en')}: ${(their / mine).toFixed(1)} times (aim ${aim})`
    : ''
  console.log(
    `${name.padEnd(28)} ${Math.round(1 / mine).toLocaleString('en')} steps a second${beside}`,
  )
}
