/** Options that are not known are refused: no function takes an object apart without looking at its names. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as nabla from 'nabla'
import * as models from 'nabla/models'
import * as nn from 'nabla/nn'
import * as rl from 'nabla/rl'
import * as text from 'nabla/text'
import * as train from 'nabla/train'
import { describe, expect, test } from 'vitest'
import { registry } from '../../src/ops/define.js'
import { maker } from '../laws/make.js'
import { sources, src } from './sources.js'

const rooms = [
  ...[
    'ops',
    'tensor',
    'autograd',
    'compile',
    'nn',
    'models',
    'optim',
    'text',
    'audio',
    'graph',
    'rl',
  ],
  ...[
    'classic',
    'stats',
    'data',
    'vision',
    'io',
    'plot',
    'train',
    'linalg',
    'special',
    'fft',
    'masked',
  ],
]

describe('options are read by checkOptions, readOptions or readArguments', () => {
  const files = sources.filter((f) => rooms.includes(f.split('/')[0]!))
  test.each(files)('%s', (file) => {
    const text = readFileSync(join(src, file), 'utf8')
    // `{ a = 1, b }: Type = {}` as a parameter takes what it knows and leaves the rest in silence.
    const found = [...text.matchAll(/\{[^{}()]*\}: (?:[^=(),]|,(?!\n))+ = \{\}/g)].map((m) => m[0])
    // What only this house calls.
    const internal = [
      '{ float = false }: { float?: boolean } = {}',
      '{ maxBytes, sizeOf }: UnpackOptions = {}',
      '{ together, before, alone = copyAll }: StepOptions = {}',
      '{ side = 0, rows = false }: { side?: number; rows?: boolean } = {}',
    ]
    // With the rest in a variable, that is looked at.
    const left = found.filter((f) => !internal.includes(f) && !f.includes('...'))
    expect(left).toEqual([])
  })
})

type Call = (...args: unknown[]) => unknown
const isOptions = (v: unknown) =>
  typeof v === 'object' && v !== null && Object.getPrototypeOf(v) === Object.prototype

describe('operations refuse unknown names among their options', () => {
  const withOptions = [...registry].flatMap(([name, op]) => {
    const samples = [op.spec.example!(maker(1) as never)[0], ...op.spec.samples!(maker(1) as never)]
    const args = samples.find((list) => isOptions(list.at(-1)))
    return args && name in nabla && name !== 'viewed'
      ? [[name, op as unknown as Call, args] as const]
      : []
  })
  test.each(withOptions)('%s', (_, op, args) => {
    expect(() => op(...args.slice(0, -1), { ...(args.at(-1) as object), colour: 1 })).toThrow(
      /the options are .*; got colour/,
    )
  })
})

describe('functions refuse unknown names among their options', () => {
  const { tensor, ones, zeros } = nabla
  const x = ones([2, 2])
  const image = ones([1, 1, 4, 4])
  const kernel = ones([1, 1, 2, 2])
  const labels = tensor([0, 1], { dtype: 'int32' })
  const w = () => new nn.Parameter(ones([2, 2]))
  const calls: Record<string, (o: never) => unknown> = {
    sum: (o) => nabla.sum(x, 0, o),
    max: (o) => nabla.max(x, 0, o),
    median: (o) => nabla.median(x, 0, o),
    quantile: (o) => nabla.quantile(x, 0.5, 0, o),
    std: (o) => x.std(0, o),
    topk: (o) => x.topk(1, 0, o),
    sort: (o) => x.sort(0, o),
    bucketize: (o) => nabla.bucketize(x, tensor([1]), o),
    softmin: (o) => nabla.softmin(x, 0, o),
    conv2d: (o) => nabla.conv2d(image, kernel, null, o),
    convTranspose2d: (o) => nabla.convTranspose2d(image, kernel, null, o),
    maxPool2d: (o) => nabla.maxPool2d(image, 2, o),
    avgPool2d: (o) => nabla.avgPool2d(image, 2, o),
    lpPool2d: (o) => nabla.lpPool2d(image, 2, 2, o),
    maxUnpool2d: (o) => nabla.maxUnpool2d(image, image.int(), 2, o),
    globalAvgPool: (o) => nabla.globalAvgPool(image, o),
    adaptiveMaxPool2d: (o) => nabla.adaptiveMaxPool2d(image, 2, o),
    interpolate: (o) => nabla.interpolate(image, o),
    pad: (o) => nabla.pad(x, [1, 1], o),
    meshgrid: (o) => nabla.meshgrid([tensor([1])], o),
    batchNorm: (o) => nabla.batchNorm(image, null, null, null, null, o),
    instanceNorm: (o) => nabla.instanceNorm(image, null, null, o),
    embedding: (o) => nabla.embedding(labels, x, o),
    embeddingBag: (o) => nabla.embeddingBag(labels.reshape([1, 2]), x, o),
    dropout: (o) => nabla.dropout(x, 0.5, o),
    rrelu: (o) => nabla.rrelu(x, o),
    crossEntropy: (o) => nabla.crossEntropy(x, labels, o),
    nllLoss: (o) => nabla.nllLoss(x, labels, o),
    mseLoss: (o) => nabla.mseLoss(x, x, o),
    huberLoss: (o) => nabla.huberLoss(x, x, o),
    tripletMarginLoss: (o) => nabla.tripletMarginLoss(x, x, x, o),
    binaryCrossEntropyWithLogits: (o) => nabla.binaryCrossEntropyWithLogits(x, x, o),
    addmm: (o) => nabla.addmm(x, x, x, o),
    tensor: (o) => tensor([1], o),
    zeros: (o) => zeros([1], o),
    zerosLike: (o) => nabla.zerosLike(x, o),
    arange: (o) => nabla.arange(3, o),
    linspace: (o) => nabla.linspace(0, 1, 3, o),
    eye: (o) => nabla.eye(2, 2, o),
    uniform: (o) => nabla.uniform([2], 0, 1, o),
    randn: (o) => nabla.randn([2], o),
    rand: (o) => nabla.rand([2], o),
    randint: (o) => nabla.randint(0, 2, [2], o),
    permutation: (o) => nabla.permutation(3, o),
    multinomial: (o) => nabla.multinomial(x, 1, o),
    bernoulli: (o) => nabla.bernoulli(0.5, [2], o),
    allclose: (o) => nabla.allclose(x, x, o),
    gradCheck: (o) => nabla.gradCheck((t) => t.sum(), [x], o),
    backward: (o) => w().sum().backward(null, o),
    gradients: (o) => {
      const p = w()
      return nabla.gradients(p.sum(), [p], [], o)
    },
    compile: (o) => nabla.compile(() => 1, o),
    setPrintOptions: (o) => nabla.setPrintOptions(o),
    'nn.clipGradNorm': (o) => nn.clipGradNorm([w()], 1, o),
    'nn.padSequence': (o) => nn.padSequence([x], o),
    'nn.packPaddedSequence': (o) => nn.packPaddedSequence(x, [2, 2], o),
    'nn.padPackedSequence': (o) => nn.padPackedSequence(nn.packSequence([x]), o),
    'nn.packSequence': (o) => nn.packSequence([x], o),
    'nn.unpadSequence': (o) => nn.unpadSequence(x, [1, 1], o),
    'nn.init.heNormal': (o) => nn.init.heNormal(w(), o),
    'nn.init.heUniform': (o) => nn.init.heUniform(w(), o),
    'nn.init.xavierUniform': (o) => nn.init.xavierUniform(w(), 1, o),
    'nn.init.orthogonal': (o) => nn.init.orthogonal(w(), 1, o),
    'nn.init.fromSaved': (o) => nn.init.fromSaved(new nn.Linear(1, 1), {}, o),
    'nn.Embedding.fromPretrained': (o) => nn.Embedding.fromPretrained(x, o),
    'nn.ResidualBlock': (o) => new nn.ResidualBlock(new nn.Linear(1, 1), o),
    'nn.BasicBlock': (o) => new nn.BasicBlock(2, 2, o),
    'models.ConvNet': (o) => new models.ConvNet(o),
    'models.ResNet': (o) => new models.ResNet(o),
    'models.RowReader': (o) => new models.RowReader('lstm', o),
    'nn.alibi': (o) => nn.alibi(1, 2, o),
    'train.Accuracy': (o) => new train.Accuracy(o),
    'train.Precision': (o) => new train.Precision(o),
    'train.Recall': (o) => new train.Recall(o),
    'train.F1': (o) => new train.F1(o),
    'train.TopKAccuracy': (o) => new train.TopKAccuracy(1, o),
    'train.serializeCheckpoint': (o) =>
      train.serializeCheckpoint({ model: new nn.Linear(1, 1) }, null, o),
    'train.inspectGradients': (o) =>
      train.inspectGradients(new nn.Linear(2, 2), [x, labels], nabla.crossEntropy, o),
    'text.WordPiece': (o) => new text.WordPiece(new Map(), o),
    'text.Bpe': (o) => new text.Bpe(new Map(), [], o),
    'text.DecodeStream': (o) => new text.DecodeStream(text.trainCharacters(['a']), o),
    'rl.generalizedAdvantages': (o) =>
      rl.generalizedAdvantages({ rewards: [], values: [], ends: [], last: [] }, o),
    loadStateDict: (o) => new nn.Linear(1, 1).loadStateDict({}, o),
  }
  test.each(Object.entries(calls))('%s', (_, call) => {
    expect(() => call({ colour: 1 } as never)).toThrow(/the options are .*; got colour/)
  })
})

describe('values by place as in PyTorch', () => {
  const { tensor, ones } = nabla
  const x = tensor([
    [1, 5],
    [3, 2],
  ])
  const image = nabla.arange(16).reshape([1, 1, 4, 4])
  const same = (a: nabla.Tensor, b: nabla.Tensor) => {
    expect(a.shape).toEqual(b.shape)
    expect(a.toArray()).toEqual(b.toArray())
  }
  test('keepdim, descending, largest, training, weight', () => {
    same(x.sum(1, true), x.sum(1, { keepdim: true }))
    same(x.argmax(1, true), x.argmax(1, { keepdim: true }))
    same(x.max(1, true)[0], x.max(1, { keepdim: true })[0])
    same(x.sort(1, true)[0], x.sort(1, { descending: true })[0])
    same(x.topk(1, 1, false)[0], x.topk(1, 1, { largest: false })[0])
    same(nabla.dropout(x, 0.5, false), x)
    const labels = tensor([0, 1], { dtype: 'int32' })
    const weight = tensor([1, 3])
    same(nabla.crossEntropy(x, labels, weight), nabla.crossEntropy(x, labels, { weight }))
  })
  test('pools, convolutions and padding', () => {
    const pool = nabla.maxPool2d as unknown as (...args: unknown[]) => nabla.Tensor
    same(pool(image, 3, 1, 1), pool(image, 3, { stride: 1, padding: 1 }))
    same(pool(image, 2, 1), pool(image, 2, { stride: 1 }))
    same(nabla.avgPool2d(image, 2, 1), nabla.avgPool2d(image, 2, { stride: 1 }))
    const k = ones([1, 1, 2, 2])
    same(
      nabla.conv2d(image, k, null, 2, 1),
      nabla.conv2d(image, k, null, { stride: 2, padding: 1 }),
    )
    same(
      nabla.convTranspose2d(image, k, null, 2, 1, 1),
      nabla.convTranspose2d(image, k, null, { stride: 2, padding: 1, outputPadding: 1 }),
    )
    same(nabla.pad(x, [1, 1], 'constant', 7), nabla.pad(x, [1, 1], { value: 7 }))
    expect(() => x.sum(1, 5 as never)).toThrow(/keepdim must be true or false; got 5/)
    expect(() => nabla.maxPool2d(image, 2, 'x' as never)).toThrow(/stride must be/)
  })
})
