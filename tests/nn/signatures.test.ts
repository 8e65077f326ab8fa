/** Arguments by place mean what they mean in PyTorch, by name they mean the same, and nothing else is taken. */
import { readFileSync } from 'node:fs'
import { ones, Tensor, ValueError } from 'nabla'
import * as nn from 'nabla/nn'
import { describe, expect, test } from 'vitest'

interface Parameter {
  name: string
  default?: unknown
  named?: boolean
}
/** torch.nn's own, by signatures.py. */
const { classes } = JSON.parse(
  readFileSync(new URL('../golden/data/signatures.json', import.meta.url), 'utf8'),
) as { classes: Record<string, Parameter[]> }

type Made = new (...args: unknown[]) => nn.Module
const ours = Object.entries(nn).filter(
  (e): e is [string, never] =>
    typeof e[1] === 'function' &&
    e[1].prototype instanceof nn.Module &&
    e[0] in classes &&
    !e[0].startsWith('Module'),
) as unknown as [string, Made][]

/** Names that differ in more than their case. */
const renamed: Record<string, string> = {
  dim: 'axis',
  start_dim: 'startAxis',
  end_dim: 'endAxis',
  unflattened_size: 'shape',
  lambd: 'lambda',
  _weight: 'weight',
}
const camel = (name: string) =>
  renamed[name] ?? name.replace(/_(\w)/g, (_, c: string) => c.toUpperCase())

/** A value that is not the default, for every parameter; a function where it depends on the class. */
const values: Record<string, unknown> = {
  activation: 'gelu',
  add_bias_kv: true,
  add_zero_attn: true,
  custom_decoder: () => new nn.TransformerDecoder(new nn.TransformerDecoderLayer(8, 2, 6), 1),
  custom_encoder: () => new nn.TransformerEncoder(new nn.TransformerEncoderLayer(8, 2, 6), 1),
  d_model: 8,
  decoder_layer: () => new nn.TransformerDecoderLayer(8, 2, 6),
  dim_feedforward: 6,
  embed_dim: 8,
  encoder_layer: () => new nn.TransformerEncoderLayer(8, 2, 6),
  kdim: 3,
  layer_norm_eps: 0.01,
  nhead: 2,
  norm: () => new nn.LayerNorm(8),
  norm_first: true,
  num_decoder_layers: 1,
  num_encoder_layers: 2,
  num_heads: 2,
  vdim: 5,
  affine: false,
  align_corners: true,
  alpha: 0.7,
  approximate: 'tanh',
  batch_first: true,
  beta: 0.5,
  bias: false,
  bidirectional: true,
  blank: 1,
  ceil_mode: true,
  count_include_pad: false,
  delta: 0.5,
  dilation: 2,
  dim: 0,
  distance_function: (a: Tensor, b: Tensor) => a.sub(b),
  divisor_override: 3,
  downscale_factor: 2,
  dropout: 0.25,
  elementwise_affine: false,
  embedding_dim: 3,
  end_dim: 2,
  eps: 0.01,
  full: true,
  groups: 2,
  hidden_size: 4,
  ignore_index: 3,
  in1_features: 3,
  in2_features: 4,
  in_channels: 4,
  in_features: 3,
  include_last_offset: true,
  init: 0.1,
  inplace: false,
  input_size: 3,
  kernel_size: 3,
  label_smoothing: 0.1,
  lambd: 0.4,
  log_input: false,
  log_target: true,
  lower: 0.2,
  margin: 0.3,
  max_norm: 2,
  max_val: 2,
  min_val: -2,
  momentum: 0.2,
  negative_slope: 0.3,
  nonlinearity: 'relu',
  norm_type: 3,
  normalized_shape: 4,
  num_channels: 4,
  num_embeddings: 5,
  num_features: 4,
  num_groups: 2,
  num_layers: 2,
  num_parameters: 3,
  out_channels: 4,
  out_features: 2,
  output_padding: 1,
  output_size: 2,
  p: 0.25,
  padding: 1,
  padding_idx: 1,
  proj_size: 2,
  recompute_scale_factor: true,
  reduction: 'sum',
  return_indices: true,
  scale_factor: 2,
  scale_grad_by_freq: true,
  size: null,
  sparse: false,
  start_dim: 0,
  stride: 2,
  swap: true,
  threshold: 0.2,
  track_running_stats: false,
  unflattened_size: [2, 2],
  upper: 0.4,
  upscale_factor: 2,
  value: 0.5,
  zero_infinity: true,
  // PyTorch has given these up; null is what is left of them.
  reduce: null,
  size_average: null,
}
const special: Record<string, Record<string, unknown>> = {
  Upsample: { mode: 'bilinear' },
  EmbeddingBag: { mode: 'sum' },
  ConvTranspose1d: { padding_mode: 'zeros' },
  ConvTranspose2d: { padding_mode: 'zeros' },
  ConvTranspose3d: { padding_mode: 'zeros' },
  Embedding: { _weight: () => ones([5, 3]) },
  MultiMarginLoss: { p: 2, weight: () => ones([3]) },
  TripletMarginLoss: { p: 3 },
}
const fallback: Record<string, unknown> = {
  padding_mode: 'reflect',
  weight: () => ones([3]),
  pos_weight: () => ones([3]),
  _weight: () => ones([5, 3]),
}
/** What nabla has no use for, and what PyTorch has given up. */
const dropped = new Set([
  'device',
  'dtype',
  'min_value',
  'max_value',
  'enable_nested_tensor',
  'mask_check',
])

function valueFor(name: string, p: Parameter): unknown {
  const v = special[name]?.[p.name] ?? (p.name in values ? values[p.name] : fallback[p.name])
  if (v === undefined) throw new Error(`${name}: give ${p.name} a value in the table`)
  return typeof v === 'function' && p.name !== 'distance_function' ? (v as () => unknown)() : v
}

/** What a module was made as: its text, its fields, the shapes of its tensors. */
function facts(m: nn.Module): unknown {
  const shown = (v: unknown): unknown => {
    if (v instanceof Tensor) return v.shape
    if (v instanceof nn.Module) return `${v}`
    return Array.isArray(v) ? v.map(shown) : v
  }
  const fields = Object.entries(m).map(([k, v]) => [k, shown(v)])
  return [`${m}`, fields, m.namedBuffers().map(([n, t]) => [n, t.shape])]
}

test('most classes of torch.nn are compared', () => {
  expect(ours.length).toBeGreaterThan(110)
})

describe.each(ours)('%s', (name, Class) => {
  const all = classes[name]!.filter((p) => !dropped.has(p.name))
  const places = all.filter((p) => !p.named)
  const first = places.findIndex((p) => 'default' in p)
  // Recurrent layers take *args: two are needed.
  const needed = ['RNN', 'LSTM', 'GRU'].includes(name) ? 2 : first < 0 ? places.length : first

  test('by place as by name, any number of them', () => {
    for (let n = needed; n <= places.length; n++) {
      const list = places.slice(0, n).map((p) => valueFor(name, p))
      const named = Object.fromEntries(places.slice(0, n).map((p, i) => [camel(p.name), list[i]]))
      const byPlace = new Class(...list)
      expect(facts(byPlace), `${n} arguments`).toEqual(facts(new Class(named)))
      // The last by name, the others by place.
      if (n > needed) {
        const last = camel(places[n - 1]!.name)
        const mixed = new Class(...list.slice(0, -1), { [last]: list[n - 1] })
        expect(facts(mixed), `${last} by name`).toEqual(facts(byPlace))
      }
    }
  })
  test('those that have names only', () => {
    const required = places.slice(0, needed).map((p) => valueFor(name, p))
    for (const p of all.filter((q) => q.named))
      expect(new Class(...required, { [camel(p.name)]: valueFor(name, p) })).toBeInstanceOf(Class)
  })
  test('unknown names, too many arguments and arguments of another kind are refused', () => {
    const required = places.slice(0, needed).map((p) => valueFor(name, p))
    expect(() => new Class(...required, { batch_size: 3 })).toThrow(ValueError)
    expect(() => new Class(...places.map((p) => valueFor(name, p)), 7)).toThrow(ValueError)
    expect(() => new Class(...places.map((p) => valueFor(name, p)), false, 'cpu')).toThrow(
      ValueError,
    )
    // Each in turn as a date, which no layer takes.
    places.forEach((p, i) => {
      const list = places.slice(0, i).map((q) => valueFor(name, q))
      expect(() => new Class(...list, new Date()), p.name).toThrow()
    })
    // PyTorch's spelling of each name finds ours.
    for (const p of all) {
      const own = camel(p.name)
      if (own === p.name || p.name.startsWith('_')) continue
      if (values[p.name] === null) continue
      expect(() => new Class(...required, { [p.name]: 1 }), p.name).toThrow(`Did you mean ${own}?`)
    }
  })
})

test('as course programs write them', () => {
  const lstm = new nn.LSTM(5, 6, 2)
  expect([lstm.numLayers, lstm.parameters().length]).toEqual([2, 8])
  const conv = new nn.Conv2d(1, 6, 5, 1, 2)
  expect(conv.forward(ones([1, 1, 8, 8])).shape).toEqual([1, 6, 8, 8])
  expect(new nn.Linear(1, 6, false).bias).toBeNull()
  expect(new nn.MaxPool2d(2, 2).forward(ones([1, 1, 4, 4])).shape).toEqual([1, 1, 2, 2])
  expect(new nn.MaxPool2d(3, 1).forward(ones([1, 1, 4, 4])).shape).toEqual([1, 1, 2, 2])
  expect(new nn.Dropout(0.3).p).toBe(0.3)
  expect(new nn.BatchNorm2d(6, 1e-3, 0.2).eps).toBe(1e-3)
  expect(() => new nn.ReLU(true as never)).toThrow(/inplace must be left out/)
  expect(() => new (nn.Linear as unknown as Made)(1)).toThrow(
    /\[Linear\] outFeatures must be given/,
  )
  expect(() => new nn.Linear(1, 6, 5 as never)).toThrow(/bias must be true or false; got 5/)
  expect(() => new nn.LSTM(5, 6, { num_layers: 2 } as never)).toThrow('Did you mean numLayers?')
  expect(() => new nn.Conv2d(1, 6, 5, { padding: 1, stride: 2, Dilation: 2 } as never)).toThrow(
    'Did you mean dilation?',
  )
})
