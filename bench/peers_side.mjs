// One side of peers.mjs, a process of its own: `node peers_side.mjs nabla|wasm|cpu|jax FOLDER`. It makes a model with given initial
// values and trains it: a line of JSON each way, as nabla_side.mjs. wasm and cpu are backends of tfjs.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { encoderDecoder, gpt } from './language.mjs'
import { clocks, measure } from './measure.mjs'

const [kind, folder, clock] = process.argv.slice(2)
const EPS = 0.1

// ---- what every side starts from ----

/** Xavier's uniform values, the same for each parameter on every side; factors of norms 1, shifts 0. */
function initial(name, shape) {
  const n = shape.reduce((a, b) => a * b, 1)
  if (shape.length < 2) return new Float32Array(n).fill(/alpha$|ln_\w\.weight$/.test(name) ? 1 : 0)
  const most = Math.sqrt(6 / (shape[0] + shape[1]))
  let state = [...name].reduce((h, c) => (Math.imul(h, 31) + c.charCodeAt(0)) >>> 0, 7)
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 31 - 1) * most
  })
}
const tokens = (n, vocabulary) =>
  Int32Array.from({ length: n }, (_, i) => (i * 7919 + 13) % vocabulary)
const swapped = (data, [rows, columns]) =>
  Float32Array.from(
    { length: data.length },
    (_, i) => data[(i % rows) * columns + Math.floor(i / rows)],
  )

// ---- the models, once for both peers; o has the peer's operations, p its parameters by nabla's names ----

const heads = (o, x, [B, L, h, w]) => o.transpose(o.reshape(x, [B, L, h, w]), [0, 2, 1, 3])
function attend(o, [q, k, v], [B, L, h, w], mask) {
  const scores = o.scale(o.matmul(q, k, true), 1 / Math.sqrt(w)) // (B, h, L, L)
  const y = o.matmul(o.softmax(mask ? o.add(scores, mask) : scores), v)
  return o.reshape(o.transpose(y, [0, 2, 1, 3]), [B * L, h * w])
}
const layerNorm = (o, x, a, b, eps) => {
  const c = o.sub(x, o.mean(x))
  return o.add(o.mul(o.div(c, o.sqrt(o.shift(o.mean(o.mul(c, c)), eps))), a), b)
}
/** With the unbiased deviation, and eps outside of the root, as the course has it. */
const courseNorm = (o, x, a, b, d) => {
  const c = o.sub(x, o.mean(x))
  const deviation = o.sqrt(o.scale(o.mean(o.mul(c, c)), d / (d - 1)))
  return o.add(o.mul(o.div(c, o.shift(deviation, 1e-6)), a), b)
}
const gelu = (o, x) => {
  const inner = o.scale(o.add(x, o.scale(o.mul(x, o.mul(x, x)), 0.044715)), Math.sqrt(2 / Math.PI))
  return o.mul(o.scale(x, 0.5), o.shift(o.tanh(inner), 1))
}

function gptLogits(o, p, { tokens: ids, mask }, { d, h, N, length: L, batch: B }) {
  const size = [B, L, h, d / h]
  const norm = (x, name) => layerNorm(o, x, p[`${name}.weight`], p[`${name}.bias`], 1e-5)
  const dense = (x, name) => o.linear(x, p[`${name}.weight`], p[`${name}.bias`])
  const wte = p['transformer.wte.weight']
  // Sequences are as long as the table of positions.
  let x = o.add(o.reshape(o.embed(wte, ids), [B, L, d]), p['transformer.wpe.weight'])
  x = o.reshape(x, [B * L, d])
  for (let i = 0; i < N; i++) {
    const at = `transformer.h.${i}`
    const qkv = o.split(dense(norm(x, `${at}.ln_1`), `${at}.attn.c_attn`), 3)
    const y = attend(
      o,
      qkv.map((t) => heads(o, t, size)),
      size,
      mask,
    )
    x = o.add(x, dense(y, `${at}.attn.c_proj`))
    x = o.add(x, dense(gelu(o, dense(norm(x, `${at}.ln_2`), `${at}.mlp.c_fc`)), `${at}.mlp.c_proj`))
  }
  return o.matmul(norm(x, 'transformer.ln_f'), wte, true)
}

function translatorLogits(
  o,
  p,
  { tokens: ids, positions, mask },
  { d, h, N, length: L, batch: B },
) {
  const size = [B, L, h, d / h]
  const norm = (x, name) => courseNorm(o, x, p[`${name}.alpha`], p[`${name}.bias`], d)
  const weight = (x, name) => o.linear(x, p[`${name}.weight`])
  const attention = (x, y, name, hidden) => {
    const q = heads(o, weight(x, `${name}.w_q`), size)
    const [k, v] = ['w_k', 'w_v'].map((w) => heads(o, weight(y, `${name}.${w}`), size))
    return weight(attend(o, [q, k, v], size, hidden), `${name}.w_o`)
  }
  const feed = (x, name) => {
    const of = (i) => [p[`${name}.linear_${i}.weight`], p[`${name}.linear_${i}.bias`]]
    return o.linear(o.linear(x, ...of(1), 'relu'), ...of(2))
  }
  const embed = (name) => {
    const x = o.scale(o.embed(p[`${name}.embedding.weight`], ids), Math.sqrt(d))
    return o.reshape(o.add(o.reshape(x, [B, L, d]), positions), [B * L, d])
  }
  const stack = (side, x, parts) => {
    for (let i = 0; i < N; i++) {
      const at = `${side}.layers.${i}`
      parts(at).forEach((part, j) => {
        x = o.add(x, part(norm(x, `${at}.residual_connections.${j}.norm`)))
      })
    }
    return norm(x, `${side}.norm`)
  }
  const read = stack('encoder', embed('src_embed'), (at) => [
    (x) => attention(x, x, `${at}.self_attention_block`),
    (x) => feed(x, `${at}.feed_forward_block`),
  ])
  const y = stack('decoder', embed('tgt_embed'), (at) => [
    (x) => attention(x, x, `${at}.self_attention_block`, mask),
    (x) => attention(x, read, `${at}.cross_attention_block`),
    (x) => feed(x, `${at}.feed_forward_block`),
  ])
  return o.linear(y, p['projection_layer.proj.weight'], p['projection_layer.proj.bias'])
}
const models = { gpt: gptLogits, encoderDecoder: translatorLogits }

/** What does not learn, as [numbers, shape, type]. */
function constants({ d, vocabulary, length: L, batch: B }) {
  const ids = tokens(B * L, vocabulary)
  const labels = new Float32Array(B * L * vocabulary).fill(EPS / vocabulary)
  ids.forEach((t, i) => { labels[i * vocabulary + t] += 1 - EPS }) // biome-ignore format: a line
  const positions = Float32Array.from({ length: L * d }, (_, i) => {
    const j = i % d
    const angle = Math.floor(i / d) / 10000 ** ((j - (j % 2)) / d)
    return j % 2 ? Math.cos(angle) : Math.sin(angle)
  })
  return {
    tokens: [ids, [B * L], 'int32'],
    mask: [Float32Array.from({ length: L * L }, (_, i) => (i % L > i / L ? -1e9 : 0)), [L, L]],
    positions: [positions, [L, d]],
    labels: [labels, [B * L, vocabulary]],
  }
}
/** Parameters as [numbers, shape]; matrices of affine maps lie (in, out), as both peers want them. */
const parameters = (shapes) =>
  Object.entries(shapes).map(([name, shape]) => {
    const data = initial(name, shape)
    const turned = /(w_[qkvo]|linear_\d|proj)\.weight$/.test(name) && !/^transformer/.test(name)
    return [name, turned ? [swapped(data, shape), [shape[1], shape[0]]] : [data, shape]]
  })
const mapped = (object, f) => Object.fromEntries(Object.entries(object).map(([k, v]) => [k, f(v)]))

// ---- the sides: make(name, args, shapes, lr) gives a function that does a step and returns its loss ----

async function tfjs() {
  const require = createRequire(join(folder, 'package.json'))
  const tf = require('@tensorflow/tfjs')
  const wasm = require('@tensorflow/tfjs-backend-wasm')
  wasm.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`)
  wasm.setThreadsCount(1)
  if (!(await tf.setBackend(kind))) throw new Error(`tfjs has no backend ${kind} here`)
  await tf.ready()
  /** tfjs' own gradient of gather needs UnsortedSegmentSum, which its WebAssembly has not; scatterND adds up as well. */
  const embed = tf.customGrad((table, ids, save) => {
    save([ids])
    const grad = (dy, [seen]) => [
      tf.scatterND(tf.expandDims(seen, 1), dy, table.shape),
      tf.zerosLike(ids),
    ]
    return { value: tf.gather(table, ids), gradFunc: grad }
  })
  const o = {
    embed,
    linear: (a, b, bias, activation = 'linear') => tf.fused.matMul({ a, b, bias, activation }),
    matmul: (a, b, turned = false) => tf.matMul(a, b, false, turned),
    add: tf.add,
    sub: tf.sub,
    mul: tf.mul,
    div: tf.div,
    scale: tf.mul,
    shift: tf.add,
    sqrt: tf.sqrt,
    tanh: tf.tanh,
    softmax: (x) => tf.softmax(x),
    mean: (x) => tf.mean(x, -1, true),
    reshape: tf.reshape,
    transpose: tf.transpose,
    split: (x, n) => tf.split(x, n, -1),
  }
  return (name, args, shapes, lr) => {
    const made = ([data, shape, type = 'float32']) => tf.tensor(data, shape, type)
    const p = Object.fromEntries(parameters(shapes).map(([k, v]) => [k, tf.variable(made(v))]))
    const c = mapped(constants(args), made)
    const optimizer = tf.train.adam(lr, 0.9, 0.999, 1e-8)
    return () =>
      tf.tidy(() => {
        const loss = () => tf.losses.softmaxCrossEntropy(c.labels, models[name](o, p, c, args))
        return optimizer.minimize(loss, true).dataSync()[0]
      })
  }
}

async function jax() {
  const {
    init,
    defaultDevice,
    jit,
    nn,
    numpy: np,
    valueAndGrad,
  } = await import(pathToFileURL(join(folder, 'node_modules/@jax-js/jax/dist/index.js')).href)
  await init('wasm')
  defaultDevice('wasm')
  /** Operations take their arguments away; models use theirs more than once. */
  const kept = (f) => (...args) => f(...args.map((a) => a?.ref ?? a)) // biome-ignore format: a line
  const linear = (x, w, b, activation) => {
    const y = b ? np.matmul(x, w).add(b) : np.matmul(x, w)
    return activation ? nn.relu(y) : y
  }
  const turn = (x) => np.matrixTranspose(x)
  const o = mapped(
    {
      // Under jit the gradient of take must not come through views alone: see findings/jax-js-jit-take.sh.
      embed: (table, ids) => np.where(true, np.take(table, ids, 0), 0),
      linear,
      matmul: (a, b, turned) => np.matmul(a, turned ? turn(b) : b),
      add: np.add,
      sub: np.subtract,
      mul: np.multiply,
      div: np.divide,
      scale: np.multiply,
      shift: np.add,
      sqrt: np.sqrt,
      tanh: np.tanh,
      softmax: (x) => nn.softmax(x, -1),
      mean: (x) => np.mean(x, -1, { keepdims: true }),
      reshape: np.reshape,
      transpose: np.transpose,
      split: (x, n) => np.split(x, n, -1),
    },
    kept,
  )
  return (name, args, shapes, lr) => {
    const made = ([data, shape, dtype = 'float32']) => np.array(data, { shape, dtype })
    const fresh = () => Object.fromEntries(parameters(shapes).map(([k, v]) => [k, made(v)]))
    const zeros = () => mapped(fresh(), (x) => x.mul(0))
    const c = mapped(constants(args), made)
    const loss = (p, k) => {
      const logs = nn.logSoftmax(models[name](o, p, k, args), -1)
      // Row by row: a sum of millions in a line loses the small ones.
      return logs.mul(k.labels.ref).sum(-1).mean().mul(-1)
    }
    /** Adam, as PyTorch has it; rate and ε hold the corrections of both averages. */
    const step = jit((p, m, v, rate, eps, k) => {
      const [l, g] = valueAndGrad(loss)(
        mapped(p, (x) => x.ref),
        k,
      )
      const next = { p: {}, m: {}, v: {} }
      for (const key of Object.keys(p)) {
        next.m[key] = m[key].mul(0.9).add(g[key].ref.mul(0.1))
        next.v[key] = v[key].mul(0.999).add(g[key].ref.mul(g[key]).mul(0.001))
        const by = next.m[key].ref.div(np.sqrt(next.v[key].ref).add(eps.ref))
        next.p[key] = p[key].sub(by.mul(rate.ref))
      }
      return [l, next]
    })
    let at = { p: fresh(), m: zeros(), v: zeros() }
    let t = 0
    return () => {
      t++
      const root = Math.sqrt(1 - 0.999 ** t)
      const rate = np.array((lr * root) / (1 - 0.9 ** t))
      const keep = mapped(c, (x) => x.ref)
      const [l, next] = step(at.p, at.m, at.v, rate, np.array(1e-8 * root), keep)
      at = next
      return l.js()
    }
  }
}

async function own() {
  const lib = { nabla: await import('nabla'), models: await import('nabla/models'), optim: await import('nabla/optim') } // biome-ignore format: a line
  return (name, args, shapes, lr) => {
    const fill = (model) => {
      for (const [key, p] of model.namedParameters()) {
        shapes[key] = [...p.shape]
        p.assign(lib.nabla.tensor(initial(key, p.shape), { shape: p.shape }))
      }
    }
    const step = { gpt, encoderDecoder }[name](lib, { ...args, dropout: 0, lr, fill })
    return () => {
      const loss = step()
      const l = loss.item()
      loss.dispose()
      return l
    }
  }
}

const now = clocks[clock]
const make = await (kind === 'nabla' ? own : kind === 'jax' ? jax : tfjs)()
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
let step
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  try {
    if (request.make) {
      const { name, args, lr, shapes = {}, steps } = request.make
      step = undefined
      step = make(name, args, shapes, lr)
      answer({
        losses: Array.from({ length: steps }, () => step()),
        shapes,
        version: process.version,
      })
    } else answer({ ms: measure(step, request.time, now) })
  } catch (error) {
    answer({ error: error.stack })
  }
}
