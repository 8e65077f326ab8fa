// Training in a page: nabla beside tfjs in the same Chromium, in turn on the same work, both with WebAssembly and one thread.
// `node bench/page.mjs [--tfjs FOLDER] [--rounds N]`; FOLDER holds node_modules of @tensorflow/tfjs and its wasm backend; without
// it both are installed into a temporary folder. Ratios are what counts.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { importMap, inChromium, servePage } from './pageServer.mjs'

const { values } = parseArgs({
  options: {
    tfjs: { type: 'string' },
    rounds: { type: 'string', default: '7' },
  },
})
const VERSION = '4.22.0'

/** @type {Record<string, number>} Times as fast as the best of tfjs. */
const aims = { digits: 5, attention: 3.4, lenet: 5 }

/** What runs in the page. `steps` of `name` by nabla or a backend of tfjs; seconds of one step. */
const page = `
import * as n from 'nabla'
import * as nn from 'nabla/nn'
import { SGD } from 'nabla/optim'
import { build } from '/studio/pages/digits.program.js'
await n.ready()
n.setNumThreads(1)
n.manualSeed(1)
const LENGTH = 128, DIM = 32, HEADS = 8
const pixels = (count) => Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 251) / 251)
const classes = (count) => Int32Array.from({ length: count }, (_, i) => i % 10)
const seconds = (f, steps) => {
  const start = performance.now()
  f(steps)
  return (performance.now() - start) / 1000 / steps
}
const lenetLayers = () => new nn.Sequential(
  new nn.Conv2d(1, 6, 5, { padding: 2 }), new nn.Sigmoid(), new nn.AvgPool2d(2),
  new nn.Conv2d(6, 16, 5), new nn.Sigmoid(), new nn.AvgPool2d(2), new nn.Flatten(),
  new nn.Linear(400, 120), new nn.Sigmoid(), new nn.Linear(120, 84), new nn.Sigmoid(), new nn.Linear(84, 10))
/** A data set whose pictures are these numbers. */
const made = (count) => ({ length: count, batch: (index) => [
  n.tensor(pixels(index.length * 784)).reshape([index.length, 784]), n.tensor(classes(index.length), { dtype: 'int32' })] })
const digits = (batch, images) => build(
  { images, activation: 'sigmoid', optimizer: 'sgd', rate: 0.01, batch, seed: 1 }, { train: made(images), test: made(10) }).run
globalThis.mine = {
  digits: () => digits(64, 6400),
  epoch: () => digits(128, 60000),
  attention() {
    const [q, k, v] = [1, 2, 3].map(() => n.normal([1, HEADS, LENGTH, DIM]))
    for (const t of [q, k, v]) t.requiresGrad = true
    const step = n.compile(() => {
      for (const t of [q, k, v]) t.grad = null
      n.scaledDotProductAttention(q, k, v).sum().backward()
      return [q.grad, k.grad, v.grad]
    })
    return (count) => { for (let i = 0; i < count; i++) step()[2].toTypedArray() }
  },
  lenet() {
    const model = lenetLayers()
    const optimizer = new SGD(model.parameters(), { lr: 0.01 })
    const x = n.tensor(pixels(32 * 784)).reshape([32, 1, 28, 28])
    const y = n.tensor(classes(32), { dtype: 'int32' })
    const step = n.compile(() => {
      const loss = n.crossEntropy(model.forward(x), y)
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      return loss
    })
    return (count) => { let loss; for (let i = 0; i < count; i++) loss = step(); loss.item() }
  },
}
const dense = (x, w, b, last) => { const y = tf.add(tf.matMul(x, w), b); return last ? y : tf.sigmoid(y) }
const variables = (shapes) => shapes.flatMap(([i, o]) => [
  tf.variable(tf.randomNormal([i, o], 0, Math.sqrt(1 / i))), tf.variable(tf.zeros([o]))])
globalThis.theirs = {
  digits() {
    const w = variables([[784, 16], [16, 16], [16, 10]])
    // Batches that are there already.
    const batches = Array.from({ length: 20 }, () => [tf.tensor2d(pixels(64 * 784), [64, 784]),
      tf.oneHot(tf.tensor1d(classes(64), 'int32'), 10)])
    const optimizer = tf.train.sgd(0.01)
    let at = 0
    return (count) => {
      let loss
      for (let i = 0; i < count; i++) {
        loss?.dispose()
        loss = tf.tidy(() => {
          const [x, y] = batches[at]
          return optimizer.minimize(() => tf.losses.softmaxCrossEntropy(y,
            dense(dense(dense(x, w[0], w[1]), w[2], w[3]), w[4], w[5], true)), true)
        })
        at = (at + 1) % 20
      }
      loss.dataSync()
      loss.dispose()
    }
  },
  attention() {
    const [q, k, v] = [1, 2, 3].map(() => tf.randomNormal([HEADS, LENGTH, DIM]))
    const f = tf.grads((q, k, v) => tf.sum(tf.matMul(tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(DIM))), v)))
    return (count) => { for (let i = 0; i < count; i++) tf.tidy(() => f([q, k, v])[2].dataSync()) }
  },
  lenet() {
    const filters = [tf.variable(tf.randomNormal([5, 5, 1, 6], 0, 0.2)), tf.variable(tf.zeros([6])),
      tf.variable(tf.randomNormal([5, 5, 6, 16], 0, 0.1)), tf.variable(tf.zeros([16]))]
    const w = variables([[400, 120], [120, 84], [84, 10]])
    const x = tf.tensor4d(pixels(32 * 784), [32, 28, 28, 1])
    const y = tf.oneHot(tf.tensor1d(classes(32), 'int32'), 10)
    const optimizer = tf.train.sgd(0.01)
    return (count) => {
      let loss
      for (let i = 0; i < count; i++) {
        loss?.dispose()
        loss = tf.tidy(() => optimizer.minimize(() => {
          let h = tf.avgPool(tf.sigmoid(tf.add(tf.conv2d(x, filters[0], 1, 'same'), filters[1])), 2, 2, 'valid')
          h = tf.avgPool(tf.sigmoid(tf.add(tf.conv2d(h, filters[2], 1, 'valid'), filters[3])), 2, 2, 'valid')
          return tf.losses.softmaxCrossEntropy(y, dense(dense(dense(tf.reshape(h, [32, 400]), w[0], w[1]), w[2], w[3]), w[4], w[5], true))
        }, true))
      }
      loss.dataSync()
      loss.dispose()
    }
  },
}
const ready = {}
globalThis.turn = async (side, backend, name, steps) => {
  const key = side + backend + name
  if (side === 'theirs') {
    if (backend === 'wasm') tf.wasm.setThreadsCount(1)
    if (!(await tf.setBackend(backend))) throw new Error('no backend ' + backend)
    await tf.ready()
  }
  if (!ready[key]) {
    ready[key] = globalThis[side][name]()
    ready[key](2)
  }
  return seconds(ready[key], steps)
}
globalThis.loaded = true
`

const html = `<!doctype html>${importMap}
<script src="/tfjs/tfjs/dist/tf.min.js"></script><script src="/tfjs/tfjs-backend-wasm/dist/tf-backend-wasm.min.js"></script>
<script>tf.wasm.setWasmPaths('/tfjs/tfjs-backend-wasm/dist/')</script><script type="module">${page}</script>`

function install() {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-tfjs-'))
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  const names = [`@tensorflow/tfjs@${VERSION}`, `@tensorflow/tfjs-backend-wasm@${VERSION}`]
  const options = ['--no-audit', '--no-fund', '--ignore-scripts']
  const { status } = spawnSync('npm', ['install', ...options, ...names], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0) throw new Error('npm could not install tfjs')
  return folder
}

const folder = values.tfjs ?? install()
const server = await servePage(html, { '/tfjs/': join(folder, 'node_modules/@tensorflow') })
try {
  await inChromium(server.url, measure)
} finally {
  server.close()
  if (!values.tfjs) rmSync(folder, { recursive: true, force: true })
}

async function measure(tab) {
  await tab.waitForFunction(() => globalThis.loaded)
  const turn = (side, backend, name, steps) =>
    tab
      .evaluate((args) => globalThis.turn(...args), [side, backend, name, steps])
      .catch((e) => (side === 'mine' ? Promise.reject(e) : e.message.split('\n')[0]))
  const steps = { digits: 200, attention: 20, lenet: 10 }
  for (const [name, aim] of Object.entries(aims)) {
    const backends = name === 'lenet' ? ['wasm', 'cpu', 'webgl'] : ['wasm']
    const best = { mine: Number.POSITIVE_INFINITY }
    for (let i = 0; i < Number(values.rounds); i++) {
      best.mine = Math.min(best.mine, await turn('mine', '', name, steps[name]))
      for (const backend of backends) {
        if (typeof best[backend] === 'string') continue
        const took = await turn('theirs', backend, name, Math.ceil(steps[name] / 5))
        best[backend] =
          typeof took === 'string'
            ? took
            : Math.min(best[backend] ?? Number.POSITIVE_INFINITY, took)
      }
    }
    const ran = backends.filter((b) => typeof best[b] === 'number')
    for (const b of backends)
      console.log(
        `${name} tfjs ${b}: ${typeof best[b] === 'number' ? `${(best[b] * 1000).toFixed(2)} ms` : best[b]}`,
      )
    const fastest = Math.min(...ran.map((b) => best[b]))
    console.log(
      `${name}: nabla ${(best.mine * 1000).toFixed(3)} ms, ${(fastest / best.mine).toFixed(1)} times as fast (aim ${aim})`,
    )
  }
  let epoch = Number.POSITIVE_INFINITY
  const STEPS = Math.ceil(60_000 / 128)
  for (let i = 0; i < Number(values.rounds); i++)
    epoch = Math.min(epoch, (await turn('mine', '', 'epoch', STEPS)) * STEPS)
  console.log(`an epoch of 60,000 images in batches of 128: ${epoch.toFixed(3)} s (aim 0.3)`)
}
