// What bench/studio.mjs times, in Node or in a worker of a page: the playground's steps, in turn with those of another one.
import { manualSeed, ready, setBackend, setNumThreads } from 'nabla'
// Programs run as in Node, where every method is there.
import 'nabla/methods'
import { build } from '../studio/pages/playground.program.js'

const nets = [
  { layers: [4, 2], batch: 10, aim: 2 },
  { layers: [8, 8, 8], batch: 10, aim: 10 },
  { layers: [8, 8, 8, 8, 8, 8], batch: 30, aim: 25 },
]
const CHUNK = 512

/** Milliseconds of one measurement: a page's clock may tell tenths of one only. */
const LEAST = 25

/** Seconds of a step of `f`, which takes so many in one call. */
function time(f) {
  const start = performance.now()
  for (let calls = 1; ; calls++) {
    f(CHUNK)
    const took = performance.now() - start
    if (took >= LEAST) return took / 1000 / (calls * CHUNK)
  }
}

/** `other` is TensorFlow Playground's nn.ts as a module. Gives a line for each network. */
export async function compare(other, rounds) {
  await ready()
  setBackend('wasm')
  setNumThreads(1)
  return nets.map((net) => line(net, other, rounds))
}

function line({ layers, batch, aim }, other, rounds) {
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
  // In turns, and the best of each: others may use the machine, and at first V8 has not optimized.
  for (let i = 0; i < rounds; i++) {
    mine = Math.min(mine, time(run))
    if (theirs) their = Math.min(their, time(theirs))
  }
  const name = `2-${layers.join('-')}-1, batch ${batch}`
  const beside = theirs
    ? `; TensorFlow Playground ${Math.round(1 / their).toLocaleString('en')}: ${(their / mine).toFixed(1)} times (aim ${aim})`
    : ''
  return `${name.padEnd(28)} ${Math.round(1 / mine).toLocaleString('en')} steps a second${beside}`
}
