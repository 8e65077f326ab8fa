/** The table of layers: every module class of nabla/nn but the losses, with inputs and what must come out. */
import { normal, type Shape, tensor, type Tensor } from 'nabla'
import * as nn from 'nabla/nn'
import type { SampleMaker } from '../../src/ops/define.js'

export interface LayerEntry {
  make: () => nn.Module
  /** The arguments of forward. */
  inputs: (m: SampleMaker) => unknown[]
  /** The shape of the (first) result. */
  output: Shape
  parameters: number
  /** Draws random numbers in training, so that two calls differ. */
  random?: true
  /** Changes buffers in training, and evaluates by them. */
  statistics?: true
  /** Parameters that no gradient reaches, by name, each with its reason. */
  unreached?: Record<string, string>
  /** Inputs that forward must refuse with an error that names the layer; a null in place of x unless given. */
  bad?: (m: SampleMaker) => unknown[]
}

const layer = (
  make: () => nn.Module,
  x: Shape,
  output: Shape,
  parameters = 0,
  more: Partial<LayerEntry> = {},
): LayerEntry => ({ make, inputs: (m) => [m.float(x)], output, parameters, ...more })

/** x of this shape must be refused. */
const refuses = (...shape: number[]): Partial<LayerEntry> => ({ bad: (m) => [m.float(shape)] })

/** An elementwise activation. */
const activation = (make: () => nn.Module, more: Partial<LayerEntry> = {}) =>
  layer(make, [3, 4], [3, 4], 0, { bad: () => [null], ...more })

const statistics = { statistics: true } as const
const random = { random: true } as const
const ids = (...values: number[]) => tensor(values, { dtype: 'int32' })

/** A pooling layer of n axes: window 2, and a second configuration. */
function pooling(
  one: (more: boolean) => nn.Module,
  n: number,
  more: Shape,
  ...also: LayerEntry[]
): LayerEntry[] {
  const x = [2, 3, ...[7, 6, 5].slice(0, n)]
  const half = [3, 3, 2].slice(0, n)
  return [
    layer(() => one(false), x, [2, 3, ...half], 0, refuses(2, ...new Array(n + 3).fill(2))),
    layer(() => one(true), x.slice(1), [3, ...more], 0, refuses(3)),
    ...also,
  ]
}
const unpooling = (make: () => nn.Module, n: number): LayerEntry[] => [
  {
    make,
    inputs: (m) => {
      const shape = [1, 2, ...new Array<number>(n).fill(2)]
      const places = Array.from({ length: 2 ** n }, (_, i) => i * 2)
      return [m.float(shape), ids(...places, ...places).reshape(shape)]
    },
    output: [1, 2, ...new Array<number>(n).fill(4)],
    parameters: 0,
    bad: (m) => [m.float([1, 2, ...new Array(n).fill(2)]), m.int([1], 0, 1)],
  },
]
/** Pads and crops: x (1, 2, 5, 4, 3) cut to n axes, widths 1 and 2 on the last axis. */
function padding(make: (padding: number | number[]) => nn.Module, n: number): LayerEntry[] {
  const spatial = [5, 4, 3].slice(3 - n)
  const x = [1, 2, ...spatial]
  return [
    layer(() => make(1), x, [1, 2, ...spatial.map((m) => m + 2)], 0, refuses()),
    layer(
      () => make([1, 2, ...new Array<number>(2 * n - 2).fill(0)]),
      x,
      [1, 2, ...spatial.map((m, a) => (a === n - 1 ? m + 3 : m))],
      0,
      refuses(),
    ),
  ]
}
/** A recurrent cell of 3 inputs and 4 units with its state. */
const cell = (
  make: () => nn.Module,
  parameters: number,
  state: (m: SampleMaker) => unknown = (m) => m.float([2, 4]),
): LayerEntry => ({
  make,
  inputs: (m) => [m.float([2, 3]), state(m)],
  output: [2, 4],
  parameters,
  ...refuses(2, 4),
})

/** Parameters of layers of width 8 with 12 units inside. */
const attention = 4 * 64 + 4 * 8
const encoderLayer = attention + 2 * 96 + 20 + 2 * 16
const decoderLayer = encoderLayer + attention + 16
/** Attention of three queries on five keys, two sequences of width 8. */
const attends = (
  make: () => nn.Module,
  parameters: number,
  more: Partial<LayerEntry> = {},
): LayerEntry => ({
  make,
  inputs: (m) => [m.float([3, 2, 8]), m.float([5, 2, 8]), m.float([5, 2, 8])],
  output: [3, 2, 8],
  parameters,
  bad: (m) => [m.float([3, 2, 8]), m.float([5, 3, 8]), m.float([5, 3, 8])],
  ...more,
})
const decodes = (
  make: () => nn.Module,
  parameters: number,
  output: Shape = [3, 2, 8],
): LayerEntry => ({
  make,
  inputs: (m) => [m.float([3, 2, 8]), m.float([5, 2, 8])],
  output,
  parameters,
  random: true,
  bad: (m) => [m.float([3, 2, 4]), m.float([5, 2, 8])],
})

export const layers: Record<string, LayerEntry | LayerEntry[]> = {
  // ---- affine ----
  Linear: [
    layer(() => new nn.Linear(4, 3), [5, 4], [5, 3], 15, refuses(5, 3)),
    layer(() => new nn.Linear(4, 3, { bias: false }), [2, 3, 4], [2, 3, 3], 12, refuses(4, 1)),
  ],
  Bilinear: [
    {
      make: () => new nn.Bilinear(3, 4, 2),
      inputs: (m) => [m.float([5, 3]), m.float([5, 4])],
      output: [5, 2],
      parameters: 26,
      bad: (m) => [m.float([5, 4]), m.float([5, 4])],
    },
  ],

  // ---- convolution ----
  Conv1d: [
    layer(() => new nn.Conv1d(4, 6, 3), [2, 4, 7], [2, 6, 5], 78, refuses(2, 3, 7)),
    layer(
      () => new nn.Conv1d(4, 6, 3, { stride: 2, padding: 2, dilation: 2, groups: 2, bias: false }),
      [4, 7],
      [6, 4],
      36,
      refuses(2, 4, 2, 7),
    ),
    layer(
      () => new nn.Conv1d(2, 3, 3, { padding: 'same', paddingMode: 'circular' }),
      [2, 2, 6],
      [2, 3, 6],
      21,
      refuses(2, 3, 7),
    ),
  ],
  Conv2d: [
    layer(
      () => new nn.Conv2d(1, 16, { kernelSize: 3, padding: 1 }),
      [2, 1, 6, 5],
      [2, 16, 6, 5],
      160,
      refuses(2, 3, 6, 5),
    ),
    layer(
      () => new nn.Conv2d(4, 4, [3, 2], { stride: [2, 1], groups: 4, padding: [1, 0] }),
      [2, 4, 6, 5],
      [2, 4, 3, 4],
      28,
      refuses(2, 4, 6),
    ),
    layer(
      () => new nn.Conv2d(2, 3, 3, { padding: [1, 2], paddingMode: 'reflect' }),
      [1, 2, 4, 5],
      [1, 3, 4, 7],
      57,
      refuses(1, 2, 1, 5),
    ),
    layer(
      () => new nn.Conv2d(2, 3, 3, { paddingMode: 'replicate', padding: 'valid' }),
      [1, 2, 4, 5],
      [1, 3, 2, 3],
      57,
      refuses(1, 2, 2, 5),
    ),
  ],
  Conv3d: [
    layer(() => new nn.Conv3d(2, 3, 2), [1, 2, 3, 4, 3], [1, 3, 2, 3, 2], 51, refuses(1, 2, 3, 4)),
    layer(
      () => new nn.Conv3d(2, 4, [1, 2, 3], { groups: 2, padding: 'same' }),
      [1, 2, 3, 4, 3],
      [1, 4, 3, 4, 3],
      28,
      refuses(1, 3, 3, 4, 3),
    ),
  ],
  ConvTranspose1d: [
    layer(() => new nn.ConvTranspose1d(4, 3, 3), [2, 4, 5], [2, 3, 7], 39, refuses(2, 3, 5)),
    layer(
      () => new nn.ConvTranspose1d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
      [4, 5],
      [6, 10],
      42,
      refuses(2, 4, 5, 1),
    ),
  ],
  ConvTranspose2d: [
    layer(
      () => new nn.ConvTranspose2d(4, 3, { kernelSize: 2, stride: 2 }),
      [1, 4, 3, 2],
      [1, 3, 6, 4],
      51,
      refuses(1, 3, 3, 2),
    ),
    layer(
      () =>
        new nn.ConvTranspose2d(2, 3, [2, 3], { dilation: [1, 2], padding: [0, 1], bias: false }),
      [1, 2, 3, 2],
      [1, 3, 4, 4],
      36,
      refuses(1, 2, 3),
    ),
  ],
  ConvTranspose3d: [
    layer(
      () => new nn.ConvTranspose3d(2, 3, 2, { stride: 2 }),
      [1, 2, 2, 2, 1],
      [1, 3, 4, 4, 2],
      51,
      refuses(1, 2, 2, 2),
    ),
  ],

  // ---- pooling ----
  MaxPool1d: pooling(
    (o) => new nn.MaxPool1d(o ? 3 : 2, o ? { stride: 2, padding: 1 } : {}),
    1,
    [4],
  ),
  MaxPool2d: pooling((o) => new nn.MaxPool2d(2, o ? { stride: 1, dilation: 2 } : {}), 2, [5, 4], {
    ...layer(
      () => new nn.MaxPool2d(2, { returnIndices: true, ceilMode: true }),
      [1, 2, 5, 3],
      [1, 2, 3, 2],
    ),
    ...refuses(1, 2, 5, 3, 1),
  }),
  MaxPool3d: pooling((o) => new nn.MaxPool3d(2, o ? { ceilMode: true } : {}), 3, [4, 3, 3]),
  MinPool1d: pooling(
    (o) => new nn.MinPool1d(o ? 3 : 2, o ? { stride: 2, padding: 1 } : {}),
    1,
    [4],
  ),
  MinPool2d: pooling((o) => new nn.MinPool2d(2, o ? { stride: 1, dilation: 2 } : {}), 2, [5, 4]),
  MinPool3d: pooling((o) => new nn.MinPool3d(2, o ? { ceilMode: true } : {}), 3, [4, 3, 3]),
  AvgPool1d: pooling(
    (o) => new nn.AvgPool1d(o ? 3 : 2, o ? { stride: 2, padding: 1 } : {}),
    1,
    [4],
  ),
  AvgPool2d: pooling(
    (o) => new nn.AvgPool2d(2, o ? { ceilMode: true, countIncludePad: false, padding: 1 } : {}),
    2,
    [4, 4],
  ),
  AvgPool3d: pooling((o) => new nn.AvgPool3d(2, o ? { divisorOverride: 3 } : {}), 3, [3, 3, 2]),
  LPPool1d: pooling((o) => new nn.LPPool1d(2, 2, o ? { ceilMode: true } : {}), 1, [4]),
  LPPool2d: pooling((o) => new nn.LPPool2d(2, 2, o ? { stride: 1 } : {}), 2, [6, 5]),
  LPPool3d: pooling((o) => new nn.LPPool3d(2, 2, o ? { stride: 2 } : {}), 3, [3, 3, 2]),
  AdaptiveAvgPool1d: pooling((o) => new nn.AdaptiveAvgPool1d(o ? 4 : 3), 1, [4]),
  AdaptiveAvgPool2d: pooling((o) => new nn.AdaptiveAvgPool2d(o ? [2, null] : 3), 2, [2, 6]),
  AdaptiveAvgPool3d: pooling((o) => new nn.AdaptiveAvgPool3d(o ? 1 : [3, 3, 2]), 3, [1, 1, 1]),
  AdaptiveMaxPool1d: pooling((o) => new nn.AdaptiveMaxPool1d(o ? 4 : 3), 1, [4]),
  AdaptiveMaxPool2d: pooling((o) => new nn.AdaptiveMaxPool2d(o ? [2, null] : 3), 2, [2, 6], {
    ...layer(
      () => new nn.AdaptiveMaxPool2d(2, { returnIndices: true }),
      [1, 2, 3, 5],
      [1, 2, 2, 2],
    ),
    ...refuses(1, 2, 3, 5, 1),
  }),
  AdaptiveMaxPool3d: pooling((o) => new nn.AdaptiveMaxPool3d(o ? 1 : [3, 3, 2]), 3, [1, 1, 1]),
  MaxUnpool1d: unpooling(() => new nn.MaxUnpool1d(2), 1),
  MaxUnpool2d: unpooling(() => new nn.MaxUnpool2d(2), 2),
  MaxUnpool3d: unpooling(() => new nn.MaxUnpool3d(2), 3),
  GlobalAvgPool: [
    layer(() => new nn.GlobalAvgPool(), [2, 3, 4, 5], [2, 3], 0, refuses(2, 3)),
    layer(() => new nn.GlobalAvgPool({ keepdim: true }), [2, 3, 4], [2, 3, 1], 0, refuses(2)),
  ],
  GlobalMaxPool: layer(() => new nn.GlobalMaxPool(), [2, 3, 4, 5], [2, 3], 0, refuses(2, 3)),

  // ---- normalization ----
  BatchNorm1d: [
    layer(() => new nn.BatchNorm1d(3), [4, 3], [4, 3], 6, { ...statistics, ...refuses(4, 2) }),
    layer(() => new nn.BatchNorm1d(3, { momentum: null }), [4, 3, 5], [4, 3, 5], 6, {
      ...statistics,
      ...refuses(1, 3),
    }),
  ],
  BatchNorm2d: [
    layer(
      () => new nn.BatchNorm2d(3, { affine: false, eps: 1e-3 }),
      [2, 3, 4, 2],
      [2, 3, 4, 2],
      0,
      {
        ...statistics,
        ...refuses(2, 3, 4),
      },
    ),
    layer(
      () => new nn.BatchNorm2d(3, { trackRunningStats: false }),
      [2, 3, 4, 2],
      [2, 3, 4, 2],
      6,
      refuses(2, 4, 4, 2),
    ),
  ],
  BatchNorm3d: layer(() => new nn.BatchNorm3d(2), [2, 2, 3, 2, 2], [2, 2, 3, 2, 2], 4, {
    ...statistics,
    ...refuses(2, 2, 3, 2),
  }),
  LayerNorm: [
    layer(() => new nn.LayerNorm(4), [3, 4], [3, 4], 8, refuses(4, 3)),
    layer(
      () => new nn.LayerNorm([3, 4], { bias: false }),
      [2, 3, 4],
      [2, 3, 4],
      12,
      refuses(2, 4, 3),
    ),
    layer(
      () => new nn.LayerNorm(4, { elementwiseAffine: false }),
      [2, 3, 4],
      [2, 3, 4],
      0,
      refuses(3),
    ),
  ],
  RMSNorm: layer(() => new nn.RMSNorm(4), [3, 4], [3, 4], 4, refuses(4, 3)),
  GroupNorm: [
    layer(() => new nn.GroupNorm(2, 4), [2, 4, 3], [2, 4, 3], 8, refuses(2, 3, 3)),
    layer(() => new nn.GroupNorm(1, 4, { affine: false }), [2, 4], [2, 4], 0, refuses(2)),
  ],
  InstanceNorm1d: [
    layer(() => new nn.InstanceNorm1d(3), [2, 3, 5], [2, 3, 5], 0, refuses(2, 3, 5, 1)),
    layer(() => new nn.InstanceNorm1d(3, { affine: true }), [3, 5], [3, 5], 6, refuses(3)),
  ],
  InstanceNorm2d: layer(
    () => new nn.InstanceNorm2d(3, { affine: true, trackRunningStats: true }),
    [2, 3, 4, 2],
    [2, 3, 4, 2],
    6,
    { ...statistics, ...refuses(2, 3, 1, 1) },
  ),
  InstanceNorm3d: layer(
    () => new nn.InstanceNorm3d(2),
    [2, 2, 3, 2, 2],
    [2, 2, 3, 2, 2],
    0,
    refuses(2, 2, 3),
  ),

  // ---- dropout ----
  Dropout: layer(() => new nn.Dropout(0.3), [4, 5], [4, 5], 0, {
    ...random,
    bad: (m) => [m.int([3], 0, 2)],
  }),
  Dropout1d: layer(() => new nn.Dropout1d(), [4, 6, 3], [4, 6, 3], 0, { ...random, ...refuses(3) }),
  Dropout2d: layer(() => new nn.Dropout2d(), [4, 6, 3, 2], [4, 6, 3, 2], 0, {
    ...random,
    ...refuses(3, 2),
  }),
  Dropout3d: layer(() => new nn.Dropout3d(), [6, 2, 2, 2], [6, 2, 2, 2], 0, {
    ...random,
    ...refuses(3, 2, 2),
  }),
  AlphaDropout: layer(() => new nn.AlphaDropout(0.2), [4, 5], [4, 5], 0, {
    ...random,
    bad: (m) => [m.int([3], 0, 2)],
  }),
  FeatureAlphaDropout: layer(() => new nn.FeatureAlphaDropout(), [4, 5, 2], [4, 5, 2], 0, {
    ...random,
    bad: (m) => [m.int([3, 2], 0, 2)],
  }),

  // ---- lookups ----
  Embedding: [
    {
      make: () => new nn.Embedding(6, 3),
      inputs: (m) => [m.int([2, 4], 0, 6)],
      output: [2, 4, 3],
      parameters: 18,
      bad: () => [ids(6)],
    },
    {
      make: () => new nn.Embedding(6, 3, { paddingIdx: 2 }),
      inputs: () => [ids(1, 2, 2, 5)],
      output: [4, 3],
      parameters: 18,
      bad: (m) => [m.float([2])],
    },
    {
      make: () => new nn.Embedding(6, 3, { maxNorm: 1 }),
      inputs: () => [ids(1, 2, 2, 5)],
      output: [4, 3],
      parameters: 18,
      bad: (m) => [m.float([2])],
    },
    {
      make: () => nn.Embedding.fromPretrained(normal([6, 3])),
      inputs: () => [ids(1, 2)],
      output: [2, 3],
      parameters: 18,
      unreached: { weight: 'frozen' },
      bad: (m) => [m.float([2])],
    },
  ],
  EmbeddingBag: [
    {
      make: () => new nn.EmbeddingBag(6, 3),
      inputs: (m) => [m.int([2, 4], 0, 6)],
      output: [2, 3],
      parameters: 18,
      bad: (m) => [m.int([4], 0, 6)],
    },
    {
      make: () => new nn.EmbeddingBag(6, 3, { mode: 'max' }),
      inputs: (m) => [m.int([5], 0, 6), ids(0, 3)],
      output: [2, 3],
      parameters: 18,
      bad: (m) => [m.float([2])],
    },
    {
      make: () => new nn.EmbeddingBag(6, 3, { mode: 'sum' }),
      inputs: (m) => [m.int([5], 0, 6), ids(0, 3), m.float([5])],
      output: [2, 3],
      parameters: 18,
      bad: (m) => [m.int([5], 0, 6), ids(0, 3), m.float([4])],
    },
  ],

  // ---- containers and blocks ----
  Sequential: [
    layer(
      () => new nn.Sequential(new nn.Linear(4, 3), new nn.Tanh(), new nn.Linear(3, 2)),
      [5, 4],
      [5, 2],
      23,
      refuses(5, 3),
    ),
    layer(
      () => new nn.Sequential({ first: new nn.Linear(4, 3), act: new nn.ReLU() }),
      [5, 4],
      [5, 3],
      15,
      refuses(5, 3),
    ),
  ],
  ResidualBlock: [
    layer(() => new nn.ResidualBlock(new nn.Linear(3, 3)), [2, 3], [2, 3], 12, refuses(2, 4)),
    layer(
      () =>
        new nn.ResidualBlock(new nn.Linear(3, 2), {
          shortcut: new nn.Linear(3, 2, { bias: false }),
          activation: new nn.Tanh(),
        }),
      [2, 3],
      [2, 2],
      14,
      refuses(2, 4),
    ),
  ],
  BasicBlock: [
    layer(() => new nn.BasicBlock(2, 2), [2, 2, 4, 4], [2, 2, 4, 4], 80, {
      ...statistics,
      ...refuses(2, 3, 4, 4),
    }),
    layer(() => new nn.BasicBlock(2, 4, { stride: 2 }), [2, 2, 4, 5], [2, 4, 2, 3], 248, {
      ...statistics,
      ...refuses(2, 3, 4, 4),
    }),
  ],
  Bottleneck: layer(() => new nn.Bottleneck(4, 2, { stride: 2 }), [2, 4, 4, 4], [2, 8, 2, 2], 132, {
    ...statistics,
    ...refuses(2, 3, 4, 4),
  }),

  // ---- shapes ----
  Identity: layer(() => new nn.Identity(), [2, 3], [2, 3]),
  Flatten: [
    layer(() => new nn.Flatten(), [2, 3, 4], [2, 12], 0, refuses(2)),
    layer(() => new nn.Flatten(0, 1), [2, 3, 4], [6, 4], 0, refuses(2)),
  ],
  Unflatten: layer(() => new nn.Unflatten(1, [3, -1]), [2, 12], [2, 3, 4], 0, refuses(2, 5)),
  PixelShuffle: layer(
    () => new nn.PixelShuffle(2),
    [2, 8, 3, 2],
    [2, 2, 6, 4],
    0,
    refuses(2, 6, 3, 2),
  ),
  PixelUnshuffle: layer(
    () => new nn.PixelUnshuffle(2),
    [2, 2, 6, 4],
    [2, 8, 3, 2],
    0,
    refuses(2, 6, 3, 2),
  ),
  ChannelShuffle: layer(() => new nn.ChannelShuffle(2), [2, 6, 3], [2, 6, 3], 0, refuses(2, 5, 3)),
  Upsample: [
    layer(() => new nn.Upsample({ scaleFactor: 2 }), [1, 2, 3], [1, 2, 6], 0, refuses(2)),
    layer(
      () => new nn.Upsample({ size: [5, 4], mode: 'bilinear', alignCorners: true }),
      [1, 2, 3, 3],
      [1, 2, 5, 4],
      0,
      refuses(1, 2, 3),
    ),
    layer(
      () => new nn.Upsample({ scaleFactor: 1.5, mode: 'bicubic' }),
      [1, 2, 4, 3],
      [1, 2, 6, 4],
      0,
      refuses(1, 2, 3),
    ),
  ],
  ConstantPad1d: padding((p) => new nn.ConstantPad1d(p, 0.5), 1),
  ConstantPad2d: padding((p) => new nn.ConstantPad2d(p, 0.5), 2),
  ConstantPad3d: padding((p) => new nn.ConstantPad3d(p, 0.5), 3),
  ZeroPad1d: padding((p) => new nn.ZeroPad1d(p), 1),
  ZeroPad2d: padding((p) => new nn.ZeroPad2d(p), 2),
  ZeroPad3d: padding((p) => new nn.ZeroPad3d(p), 3),
  ReflectionPad1d: padding((p) => new nn.ReflectionPad1d(p), 1),
  ReflectionPad2d: padding((p) => new nn.ReflectionPad2d(p), 2),
  ReflectionPad3d: padding((p) => new nn.ReflectionPad3d(p), 3),
  ReplicationPad1d: padding((p) => new nn.ReplicationPad1d(p), 1),
  ReplicationPad2d: padding((p) => new nn.ReplicationPad2d(p), 2),
  ReplicationPad3d: padding((p) => new nn.ReplicationPad3d(p), 3),
  CircularPad1d: padding((p) => new nn.CircularPad1d(p), 1),
  CircularPad2d: padding((p) => new nn.CircularPad2d(p), 2),
  CircularPad3d: padding((p) => new nn.CircularPad3d(p), 3),

  // ---- activations ----
  Sigmoid: activation(() => new nn.Sigmoid()),
  Tanh: activation(() => new nn.Tanh()),
  ReLU: activation(() => new nn.ReLU()),
  ReLU6: activation(() => new nn.ReLU6()),
  LeakyReLU: activation(() => new nn.LeakyReLU({ negativeSlope: 0.2 })),
  ELU: activation(() => new nn.ELU({ alpha: 0.5 })),
  SELU: activation(() => new nn.SELU()),
  CELU: activation(() => new nn.CELU({ alpha: 2 })),
  GELU: [activation(() => new nn.GELU()), activation(() => new nn.GELU({ approximate: 'tanh' }))],
  SiLU: activation(() => new nn.SiLU()),
  Mish: activation(() => new nn.Mish()),
  Softplus: activation(() => new nn.Softplus({ beta: 2 })),
  Softsign: activation(() => new nn.Softsign()),
  Hardtanh: activation(() => new nn.Hardtanh({ minVal: -0.5 })),
  Hardswish: activation(() => new nn.Hardswish()),
  Hardsigmoid: activation(() => new nn.Hardsigmoid()),
  LogSigmoid: activation(() => new nn.LogSigmoid()),
  Tanhshrink: activation(() => new nn.Tanhshrink()),
  Softshrink: activation(() => new nn.Softshrink({ lambda: 0.7 })),
  Hardshrink: activation(() => new nn.Hardshrink()),
  Threshold: activation(() => new nn.Threshold({ threshold: 0.2, value: -1 })),
  GLU: layer(() => new nn.GLU(), [3, 4], [3, 2], 0, refuses(3, 3)),
  Softmax: activation(() => new nn.Softmax({ axis: 0, temperature: 2 })),
  Softmax2d: layer(() => new nn.Softmax2d(), [2, 3, 2, 2], [2, 3, 2, 2], 0, refuses(2, 2)),
  LogSoftmax: activation(() => new nn.LogSoftmax()),
  Softmin: activation(() => new nn.Softmin({ axis: 1, temperature: 0.5 })),
  PReLU: [
    layer(() => new nn.PReLU(), [3, 4], [3, 4], 1, { bad: () => [null] }),
    layer(() => new nn.PReLU(3, { init: 0.1 }), [2, 3, 4], [2, 3, 4], 3, refuses(2, 4, 4)),
  ],
  RReLU: layer(() => new nn.RReLU(), [3, 4], [3, 4], 0, { ...random, bad: () => [null] }),

  // ---- recurrent ----
  RNN: [
    layer(() => new nn.RNN(3, 4), [5, 2, 3], [5, 2, 4], 36, refuses(5, 2, 4)),
    layer(
      () => new nn.RNN(3, 4, { numLayers: 2, bidirectional: true, nonlinearity: 'relu' }),
      [5, 2, 3],
      [5, 2, 8],
      72 + 112,
      refuses(5, 2, 4),
    ),
  ],
  LSTM: [
    layer(
      () => new nn.LSTM(3, 4, { numLayers: 2, batchFirst: true, dropout: 0.5 }),
      [2, 5, 3],
      [2, 5, 4],
      144 + 160,
      { ...random, ...refuses(5, 2, 4) },
    ),
    layer(() => new nn.LSTM(3, 4, { bias: false }), [5, 2, 3], [5, 2, 4], 112, refuses(5, 2, 4)),
  ],
  GRU: layer(
    () => new nn.GRU(3, 4, { bidirectional: true }),
    [5, 2, 3],
    [5, 2, 8],
    216,
    refuses(5, 2, 4),
  ),
  RNNCell: cell(() => new nn.RNNCell(3, 4), 36),
  LSTMCell: cell(
    () => new nn.LSTMCell(3, 4),
    144,
    (m) => [m.float([2, 4]), m.float([2, 4])],
  ),
  GRUCell: cell(() => new nn.GRUCell(3, 4), 108),

  // ---- attention ----
  MultiheadAttention: [
    attends(() => new nn.MultiheadAttention(8, 2, { dropout: 0.25 }), 3 * 64 + 24 + 72, random),
    attends(
      () => new nn.MultiheadAttention(8, 4, { numKvHeads: 2, bias: false, addBiasKv: true }),
      16 * 8 + 8 + 64,
    ),
  ],
  TransformerEncoderLayer: layer(
    () => new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12 }),
    [5, 2, 8],
    [5, 2, 8],
    encoderLayer,
    { ...random, ...refuses(5, 2, 4) },
  ),
  TransformerDecoderLayer: decodes(
    () => new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 12, normFirst: true }),
    decoderLayer,
  ),
  TransformerEncoder: layer(
    () => new nn.TransformerEncoder(new nn.TransformerEncoderLayer(8, 2, 12), 2),
    [5, 2, 8],
    [5, 2, 8],
    2 * encoderLayer,
    { ...random, ...refuses(5, 2, 4) },
  ),
  TransformerDecoder: decodes(
    () => new nn.TransformerDecoder((_i) => new nn.TransformerDecoderLayer(8, 2, 12), 2),
    2 * decoderLayer,
  ),
  Transformer: decodes(
    () =>
      new nn.Transformer(8, 2, {
        numEncoderLayers: 1,
        numDecoderLayers: 1,
        dimFeedforward: 12,
        activation: 'gelu',
      }),
    encoderLayer + decoderLayer + 32,
    [5, 2, 8],
  ),
  SwiGLU: layer(() => new nn.SwiGLU(4, 6), [3, 4], [3, 4], 72, refuses(3, 3)),
  PositionalEncoding: layer(() => new nn.PositionalEncoding(4, 5, 0.25), [2, 3, 4], [2, 3, 4], 0, {
    ...random,
    ...refuses(2, 6, 4),
  }),
  LearnedPositions: layer(
    () => new nn.LearnedPositions(3, 4),
    [2, 3, 4],
    [2, 3, 4],
    12,
    refuses(2, 4, 4),
  ),
  RotaryEmbedding: [
    layer(
      () => new nn.RotaryEmbedding(4, { maxLen: 3 }),
      [2, 3, 4],
      [2, 3, 4],
      0,
      refuses(2, 4, 4),
    ),
    layer(() => new nn.RotaryEmbedding(4, { interleaved: true }), [3, 4], [3, 4], 0, refuses(2, 3)),
  ],
}

/** Classes that are no layers, or are made of one, each with its reason. */
export const exempt: Record<string, string> = {
  Module: 'the class of all of them',
  ModuleList: 'has no forward; tests/nn/containers.test.ts',
  ModuleDict: 'has no forward; tests/nn/containers.test.ts',
  AveragedModel: 'holds a copy of a model; tests/nn/copy.test.ts',
  QuantizedEmbedding: 'made of a QuantizedLinear; tests/nn/quantized.test.ts',
  QuantizedLinear: 'made of another layer, with codes; tests/nn/quantized.test.ts',
  LoRALinear: 'around another layer; tests/nn/quantized.test.ts',
}

/** All tensors of a result, in order. */
export function tensorsOf(value: unknown): Tensor[] {
  if (typeof value === 'object' && value !== null && 'dtype' in value) return [value as Tensor]
  return Array.isArray(value) ? value.flatMap(tensorsOf) : []
}
