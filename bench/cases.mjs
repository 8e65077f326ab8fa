/**
 * Every case of `npm run bench`, in one table. To add one: an entry here, whose `nabla` gives the function that is
 * timed, and, unless one does already, a function in torch_side.py under the name `torch` that does the same work
 * for the same `args`.
 *
 * `goal` is the least ratio torch_ms / nabla_ms by backend; a backend that has one is run by default.
 * `flops` of one call adds GFLOP/s. `measure`: 'time' (the default), 'start' (a process from its start to the end of
 * the first call), 'first' (in a process of its own the first call, later ones, the peak memory), 'compile' (from the call of a new compiled function to its loaded program), 'grow' (memory that `calls` calls leave behind), 'digits' (an epoch of `npm start`).
 */
import { classicCases } from './classic.mjs'
import { languageCases } from './language.mjs'
import { graphCases } from './graphs.mjs'
import { linalgCases } from './linalg.mjs'
import { random, values } from './numbers.mjs'

const leaf = (lib, shape, scale) => {
  const x = random(lib, shape, scale)
  x.requiresGrad = true
  return x
}
const labels = ({ nabla }, n, classes) =>
  nabla.tensor(Int32Array.from({ length: n }, (_, i) => (i * 7) % classes))

/** One training step; `eager` leaves `compile` away. */
function trainStep({ nabla }, model, optimizer, loss, { eager = false, silent = false } = {}) {
  const step = (x, y) => {
    const l = loss(model.forward(x), y)
    optimizer.zeroGrad()
    l.backward()
    optimizer.step()
    return silent ? undefined : l
  }
  return eager ? step : nabla.compile(step)
}

// ---- reinforcement learning ----

/** The passes over one round of CartPole; nothing is learned, so that every call does the same. */
function ppo({ rl }, { envs, steps, hidden, epochs, batch }) {
  const n = envs * steps
  const agent = new rl.PPO('CartPole-v1', {
    numEnvs: envs,
    nSteps: steps,
    hidden: [hidden, hidden],
    nEpochs: epochs,
    batchSize: batch,
    lr: 1e-12,
  })
  const rollout = {
    observations: values(4 * n),
    actions: Int32Array.from({ length: n }, (_, i) => i % 2),
    logProbs: new Float32Array(n).fill(-0.7),
    values: values(n),
    advantages: values(n),
    returns: values(n),
  }
  return () => void agent.update(rollout, 1)
}

/** Whole trainings of CartPole, to 475 over the last 100 episodes: five seeds in turn. */
function cartPole({ rl }) {
  let seed = 0
  return () => {
    seed = (seed % 5) + 1
    const agent = new rl.PPO('CartPole-v1', {
      numEnvs: 8,
      nSteps: 32,
      batchSize: 256,
      nEpochs: 20,
      gamma: 0.98,
      gaeLambda: 0.8,
      lr: rl.linearSchedule(1e-3),
      clipRange: rl.linearSchedule(0.2),
      seed,
    })
    let best = 0
    const onUpdate = ({ meanReturn, episodes }) => {
      if (episodes >= 100) best = meanReturn
      return best < 475
    }
    agent.learn({ steps: 120_000, onUpdate })
    if (best < 475) throw new Error(`seed ${seed} ends at ${best}`)
  }
}
/** A million steps of many worlds. */
function worlds({ rl }, { id, envs }) {
  const env = rl.makeVector(id, { numEnvs: envs })
  env.reset({ seed: 1 })
  const actions = new Int32Array(envs)
  return () => {
    for (let t = 0; t < 1e6 / envs; t++) {
      for (let i = 0; i < envs; i++) actions[i] = (t + i) & 1
      env.step(actions)
    }
  }
}

// ---- matmul ----

/** form: n as it is, t transposed; 'nt' is A·Bᵀ. */
function matmul(lib, { m, n, k, form = 'nn', batch = 0 }) {
  const lead = batch ? [batch] : []
  const a = random(lib, form[0] === 'n' ? [...lead, m, k] : [...lead, k, m])
  const b = random(lib, form[1] === 'n' ? [...lead, k, n] : [...lead, n, k])
  const x = form[0] === 'n' ? a : a.transpose(-1, -2)
  const y = form[1] === 'n' ? b : b.transpose(-1, -2)
  return () => x.matmul(y).dispose()
}
const product = (name, args, more = {}) => ({
  name: `matmul ${name}`,
  args,
  torch: 'matmul',
  nabla: matmul,
  flops: 2 * args.m * args.n * args.k * (args.batch || 1),
  goal: { native: 1 },
  ...more,
})
const square = (n, form, more) => product(`${n} ${form}`, { m: n, n, k: n, form }, more)

// ---- training steps ----

// Rates so small that the one batch is never learned by heart: gradients that vanish would end in denormal numbers,
// which are slow to compute with and do not come up in training.
const course = {
  sizes: [784, 16, 16, 10],
  activation: 'sigmoid',
  optimizer: 'SGD',
  lr: 1e-3,
  batch: 64,
}
const wide = {
  sizes: [784, 256, 128, 10],
  activation: 'relu',
  optimizer: 'Adam',
  lr: 1e-7,
  batch: 128,
}
function mlp(lib, { sizes, activation, optimizer, lr, batch }, options) {
  const { nn, optim, models, nabla } = lib
  const layer = { sigmoid: nn.Sigmoid, relu: nn.ReLU }[activation]
  const model = models.mlp(sizes, () => new layer())
  const step = trainStep(
    lib,
    model,
    new optim[optimizer](model.parameters(), { lr }),
    nabla.crossEntropy,
    options,
  )
  const x = random(lib, [batch, sizes[0]])
  const y = labels(lib, batch, sizes.at(-1))
  return () => step(x, y)
}

// ---- recurrent networks: rows of a digit as steps ----

/** The last step's state, classified: layers of `hidden` over `steps` steps of `inputs` numbers. */
function recurrent(lib, { kind, layers, hidden, batch, steps, inputs, lr }) {
  const { nn, optim, nabla } = lib
  const layer = new nn[kind](inputs, hidden, { numLayers: layers, batchFirst: true })
  const head = new nn.Linear(hidden, 10)
  const optimizer = new optim.SGD([...layer.parameters(), ...head.parameters()], {
    lr,
    momentum: 0.9,
  })
  const forward = (x) => head.forward(layer.forward(x)[0].slice([null, -1]))
  const step = trainStep(lib, { forward }, optimizer, nabla.crossEntropy)
  const x = random(lib, [batch, steps, inputs])
  const y = labels(lib, batch, 10)
  return () => step(x, y)
}
/** The step of an optimizer alone, with a gradient that stays. */
function update(lib, { kind, size, lr }) {
  const p = leaf(lib, [size])
  p.grad = random(lib, [size])
  const optimizer = new lib.optim[kind]([p], { lr })
  return () => optimizer.step()
}
const sequence = (kind, layers, ratio) => ({
  name: `step ${kind.toLowerCase()}`,
  torch: 'recurrent',
  args: { kind, layers, hidden: 128, batch: 64, steps: 28, inputs: 28, lr: 1e-4 },
  nabla: recurrent,
  goal: { native: ratio, wasm: 0.35 },
})

// ---- convolutional networks on 28x28 pictures ----

function lenet({ nn }) {
  const act = () => new nn.Sigmoid()
  return new nn.Sequential(
    new nn.Conv2d(1, 6, 5, { padding: 2 }), act(), new nn.AvgPool2d(2),
    new nn.Conv2d(6, 16, 5), act(), new nn.AvgPool2d(2), new nn.Flatten(),
    new nn.Linear(400, 120), act(), new nn.Linear(120, 84), act(), new nn.Linear(84, 10),
  ) // biome-ignore format: a stage a line
}
function twoConvolutions({ nn }) {
  const act = () => new nn.ReLU()
  return new nn.Sequential(
    new nn.Conv2d(1, 16, 3, { padding: 1 }), act(), new nn.MaxPool2d(2),
    new nn.Conv2d(16, 32, 3, { padding: 1 }), act(), new nn.MaxPool2d(2), new nn.Flatten(), new nn.Dropout(0.25),
    new nn.Linear(1568, 120), act(), new nn.Linear(120, 84), act(), new nn.Linear(84, 10),
  ) // biome-ignore format: a stage a line
}
function pictures(lib, model, { lr, momentum, batch }) {
  const step = trainStep(
    lib,
    model,
    new lib.optim.SGD(model.parameters(), { lr, momentum }),
    lib.nabla.crossEntropy,
  )
  const [x, y] = [random(lib, [batch, 1, 28, 28]), labels(lib, batch, 10)]
  return () => step(x, y)
}

/** DCGAN's step: discriminator on real and generated pictures, then the generator. */
function dcgan(lib, { batch, width, lr }) {
  const { models, optim } = lib
  const generator = new models.DCGANGenerator({ ngf: width })
  const discriminator = new models.DCGANDiscriminator({ ndf: width })
  const adam = (m) => new optim.Adam(m.parameters(), { lr, betas: [0.5, 0.999] })
  const step = models.ganStep({
    generator,
    discriminator,
    optimizerG: adam(generator),
    optimizerD: adam(discriminator),
  })
  const real = random(lib, [batch, 1, 28, 28])
  return () => step(real)[0]
}

// ---- operations, forward and backward ----

/** y = f(x, ...leaves), of shape `out`, and the gradients of all of them from a given one of y. */
function forwardBackward(lib, f, shape, leaves = [], out = shape) {
  const { nabla } = lib
  const inputs = [leaf(lib, shape, 2), ...leaves]
  const ct = random(lib, out)
  const run = nabla.compile((t) => {
    const y = f(...inputs)
    return [y, ...nabla.gradients(y, inputs, [t])]
  })
  return () => {
    for (const t of run(ct)) t.dispose()
  }
}
/** Pictures of another size. */
const interpolate = (lib, { mode, shape, size }) =>
  forwardBackward(
    lib,
    (x) => lib.nabla.interpolate(x, { mode, size }),
    shape,
    [],
    [...shape.slice(0, 2), ...size],
  )

// ---- compile time ----

/** A language model of GPT's kind whose layers are composed from plain operations, and its training step. */
function gpt(lib, { layers, dim, heads, length, batch, vocabulary, optimizer, lr }) {
  const { nabla, nn, optim } = lib
  class Block extends nn.Module {
    norm1 = new nn.LayerNorm(dim)
    norm2 = new nn.LayerNorm(dim)
    qkv = new nn.Linear(dim, 3 * dim)
    out = new nn.Linear(dim, dim)
    up = new nn.Linear(dim, 4 * dim)
    down = new nn.Linear(4 * dim, dim)
    forward(x) {
      const parts = this.qkv.forward(this.norm1.forward(x))
      const split = parts.reshape([batch, length, 3, heads, dim / heads]).permute([2, 0, 3, 1, 4])
      const [q, k, v] = [0, 1, 2].map((i) => split.select(0, i))
      const at = nabla.arange(0, length)
      const later = nabla.gt(at.reshape([1, length]), at.reshape([length, 1]))
      const scores = q.matmul(k.transpose(-1, -2)).mul((dim / heads) ** -0.5)
      const mixed = nabla.where(later, -1e9, scores).softmax(-1).matmul(v)
      const y = x.add(this.out.forward(mixed.permute([0, 2, 1, 3]).reshape([batch, length, dim])))
      return y.add(this.down.forward(nabla.gelu(this.up.forward(this.norm2.forward(y)))))
    }
  }
  class Model extends nn.Module {
    tokens = new nn.Embedding(vocabulary, dim)
    places = new nn.Embedding(length, dim)
    blocks = new nn.Sequential(...Array.from({ length: layers }, () => new Block()))
    norm = new nn.LayerNorm(dim)
    head = new nn.Linear(dim, vocabulary)
    forward(x) {
      const at = nabla.arange(0, length).to('int32')
      const h = this.blocks.forward(this.tokens.forward(x).add(this.places.forward(at)))
      return this.head.forward(this.norm.forward(h)).reshape([batch * length, vocabulary])
    }
  }
  const model = new Model()
  const own = new optim[optimizer](model.parameters(), { lr })
  const x = labels(lib, batch * length, vocabulary).reshape([batch, length])
  const y = labels(lib, batch * length, vocabulary)
  return () => {
    const step = trainStep(lib, model, own, nabla.crossEntropy)
    return [() => step(x, y), step]
  }
}
const compiling = (layers) => ({
  name: `compile gpt ${layers}`,
  measure: 'compile',
  args: {
    layers, dim: 64, heads: 4, length: 32, batch: 2, vocabulary: 256, optimizer: 'AdamW', lr: 1e-3,
  }, // biome-ignore format: short
  nabla: gpt,
})

/** The gradient comes from a given one of the looked-up vectors. */
function embedding(lib, { count, dim, shape }) {
  const { nabla } = lib
  const weight = leaf(lib, [count, dim])
  const size = shape.reduce((a, b) => a * b, 1)
  const index = nabla
    .tensor(Int32Array.from({ length: size }, (_, i) => (i * 7919) % count))
    .reshape(shape)
  const run = nabla.compile((ct) => {
    const y = nabla.embedding(index, weight)
    return [y, ...nabla.gradients(y, [weight], [ct])]
  })
  const ct = random(lib, [...shape, dim])
  return () => {
    for (const t of run(ct)) t.dispose()
  }
}
const operation = (name, torch, nabla, more = {}) => ({
  name,
  torch,
  args: { shape: [4096, 1024] },
  nabla,
  goal: { native: 2 },
  ...more,
})

export const cases = [
  ...[512, 1024, 2048].flatMap((n) =>
    ['nn', 'nt', 'tn'].map((form) =>
      square(
        n,
        form,
        n === 1024 && form === 'nn'
          ? { goal: { native: 1, wasm: 0 }, goalGflops: { wasm: { 20: 20, 26: 40 } } }
          : {},
      ),
    ),
  ),
  product('64x784x16', { m: 64, k: 784, n: 16 }),
  product('128x256x128', { m: 128, k: 256, n: 128 }),
  product('64 of 64x64', { m: 64, k: 64, n: 64, batch: 64 }),
  { name: 'step mlp', torch: 'mlp', args: course, nabla: mlp, goal: { native: 4, wasm: 1 } },
  { name: 'step adam', torch: 'mlp', args: wide, nabla: mlp, goal: { native: 2 } },
  {
    name: 'step eager',
    torch: 'mlp',
    args: course,
    nabla: (lib, args) => mlp(lib, args, { eager: true }),
    goal: { native: 1 },
  },
  {
    name: 'adam 25 million',
    torch: 'update',
    args: { kind: 'Adam', size: 25_000_000, lr: 1e-7 },
    nabla: update,
    goal: { native: 2 },
  },
  {
    name: 'sgd 25 million',
    torch: 'update',
    args: { kind: 'SGD', size: 25_000_000, lr: 1e-7 },
    nabla: update,
  },
  sequence('RNN', 2, 1.8),
  sequence('LSTM', 1, 1.6),
  sequence('GRU', 1, 1.4),
  {
    name: 'step lenet',
    torch: 'lenet',
    args: { lr: 1e-3, momentum: 0, batch: 32 },
    nabla: (lib, args) => pictures(lib, lenet(lib), args),
    goal: { native: 3, wasm: 0.35 },
  },
  {
    name: 'step cnn',
    torch: 'two_convolutions',
    args: { lr: 1e-3, momentum: 0.9, batch: 64 },
    nabla: (lib, args) => pictures(lib, twoConvolutions(lib), args),
    goal: { native: 2, wasm: 0.35 },
  },
  {
    name: 'step dcgan',
    torch: 'dcgan',
    args: { batch: 64, width: 64, lr: 1e-6 },
    nabla: dcgan,
    goal: { native: 1.8 },
  },
  operation(
    'conv2d',
    'conv2d',
    (lib, { shape, weight }) =>
      forwardBackward(lib, (x, w, b) => lib.nabla.conv2d(x, w, b, { padding: 1 }), shape, [
        leaf(lib, weight),
        leaf(lib, weight.slice(0, 1)),
      ]),
    {
      args: { shape: [32, 64, 28, 28], weight: [64, 64, 3, 3] },
      flops: 3 * 2 * 32 * 28 * 28 * 64 * 64 * 9,
      goal: { native: 1.1 },
    },
  ),
  operation(
    'max pool',
    'max_pool',
    (lib, { shape }) =>
      forwardBackward(lib, (x) => lib.nabla.maxPool2d(x, 2), shape, [], [64, 16, 14, 14]),
    { args: { shape: [64, 16, 28, 28] }, goal: { native: 1.5 } },
  ),
  ...[
    ['bilinear', [8, 64, 56, 56], 2],
    ['bicubic', [8, 64, 56, 56], 2],
    ['nearest', [8, 64, 56, 56], 1.6],
    ['area', [8, 64, 56, 56], 0.43],
    ['trilinear', [2, 16, 16, 28, 28], 2],
    ['linear', [8, 64, 3136], 2],
  ].map(([mode, shape, scale]) =>
    operation(`interpolate ${mode}`, 'interpolate', interpolate, {
      args: { mode, shape, size: shape.slice(2).map((n) => Math.floor(n * scale)) },
      goal: { native: 1 },
    }),
  ),
  operation('softmax', 'softmax', (lib, { shape }) =>
    forwardBackward(lib, (x) => x.softmax(-1), shape),
  ),
  operation('layer norm', 'layer_norm', (lib, { shape }) => {
    const last = shape.slice(-1)
    return forwardBackward(lib, (x, w, b) => lib.nabla.layerNorm(x, last, w, b), shape, [
      leaf(lib, last),
      leaf(lib, last),
    ])
  }),
  operation(
    'batch norm',
    'batch_norm',
    (lib, { shape }) => {
      const c = [shape[1]]
      const running = [lib.nabla.zeros(c), lib.nabla.ones(c)]
      return forwardBackward(
        lib,
        (x, w, b) => lib.nabla.batchNorm(x, ...running, w, b, { training: true }),
        shape,
        [leaf(lib, c), leaf(lib, c)],
      )
    },
    { args: { shape: [32, 64, 28, 28] }, goal: { native: 1.5 } },
  ),
  operation(
    'group norm',
    'group_norm',
    (lib, { shape, groups }) => {
      const c = [shape[1]]
      return forwardBackward(lib, (x, w, b) => lib.nabla.groupNorm(x, groups, w, b), shape, [
        leaf(lib, c),
        leaf(lib, c),
      ])
    },
    { args: { shape: [32, 64, 28, 28], groups: 8 }, goal: undefined },
  ),
  operation(
    'dropout',
    'dropout',
    (lib, { shape, p }) => forwardBackward(lib, (x) => lib.nabla.dropout(x, p), shape),
    { args: { shape: [4096, 1024], p: 0.5 }, goal: { native: 1.5 } },
  ),
  operation('gelu', 'gelu', (lib, { shape }) =>
    forwardBackward(lib, (x) => lib.nabla.gelu(x), shape),
  ),
  operation('chain of 10', 'chain', (lib, { shape }) =>
    forwardBackward(
      lib,
      (x) => x.mul(1.1).add(0.3).sigmoid().mul(x).tanh().sub(x).square().mul(0.5).neg().exp(),
      shape,
    ),
  ),
  {
    name: 'embedding',
    torch: 'embedding',
    args: { count: 10_000, dim: 256, shape: [64, 128] },
    nabla: embedding,
    goal: { native: 1.5 },
  },
  {
    name: 'ppo update',
    torch: 'ppo',
    args: { envs: 4, steps: 128, hidden: 64, epochs: 10, batch: 128 },
    nabla: ppo,
    goal: { native: 5 },
  },
  { name: 'CartPole by PPO to 475', nabla: cartPole, goalMs: 4000 },
  {
    name: 'a million steps of CartPole',
    nabla: worlds,
    args: { id: 'CartPole-v1', envs: 64 },
    goalMs: 1000 / 15,
  },
  ...classicCases,
  ...languageCases,
  ...graphCases,
  ...linalgCases,
  ...[2, 6, 12, 24, 48, 96].map(compiling),
  { name: 'startup', torch: 'mlp', args: wide, nabla: mlp, measure: 'start', goalMs: 250 },
  {
    name: 'memory of 10,000 eager steps',
    measure: 'grow',
    args: course,
    nabla: (lib, args) => mlp(lib, args, { eager: true }),
    calls: 10_000,
    goalMb: 100,
  },
  {
    name: 'memory of a compiled step',
    measure: 'grow',
    args: course,
    nabla: (lib, args) => mlp(lib, args, { silent: true }),
    calls: 10_000,
    goalBytes: 0,
  },
  { name: 'digits epoch', measure: 'digits', goalMs: 250 },
]
