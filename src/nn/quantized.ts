/** Weights of few bits for models that are done with training. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { add } from '../ops/arithmetic.js'
import { toType } from '../ops/define.js'
import {
  dequantized,
  PANEL,
  type QuantizedForm,
  quantizedMatmul,
  quantizedRows,
  type QuantizedParts,
  quantizedShapes,
} from '../ops/quantized.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor, zeros as zerosOf } from '../tensor/creation.js'
import { noGrad } from '../ops/state.js'
import { Embedding } from './embedding.js'
import { Linear } from './layers.js'
import { Module, Parameter } from './module.js'
import { replaceModules } from './replace.js'

export interface QuantizeOptions {
  /** Of a weight: 8, 4, or 16 for bfloat16. 8 unless given. */
  bits?: 4 | 8 | 16
  /** How many consecutive inputs of an output have one scale: a multiple of 8 up to 256. 64 unless given. */
  groupSize?: number
  /** true: weights are s (c − 2^(bits−1)). false: each group has a zero point of its own, for weights that lean to one side. */
  symmetric?: boolean
}
const optionNames: OptionNames<QuantizeOptions> = { bits: true, groupSize: true, symmetric: true }
interface ModelOptions extends QuantizeOptions {
  /** Are embeddings replaced too? One that gives the logits as well is kept once. false unless given. */
  embeddings?: boolean
  /** Which layers are left as they are, by their path in the model. */
  skip?: (path: string, layer: Module) => boolean
}
const modelNames: OptionNames<ModelOptions> = { ...optionNames, embeddings: true, skip: true }

/** One group: its scale and zero point, and whether they are better than others. */
interface Scale {
  scale: number
  zero: number
}
function errorOf({ scale, zero }: Scale, w: Float32Array, top: number): number {
  let sum = 0
  for (const x of w) {
    const c = code(x, scale, zero, top)
    sum += (x - scale * (c - zero)) ** 2
  }
  return sum
}
function code(x: number, scale: number, zero: number, top: number): number {
  if (scale === 0) return zero
  const c = Math.round(x / scale) + zero
  return c < 0 ? 0 : Math.min(c, top)
}
function scaleOf(w: Float32Array, bits: number, symmetric: boolean): Scale {
  let [lo, hi] = [0, 0]
  for (const x of w) {
    lo = Math.min(x, lo)
    hi = Math.max(x, hi)
  }
  const top = 2 ** bits - 1
  const middle = 2 ** (bits - 1)
  if (!symmetric) {
    const scale = Math.fround((hi - lo) / top)
    return { scale, zero: scale === 0 ? 0 : Math.min(top, Math.max(0, Math.round(-lo / scale))) }
  }
  const far = hi > -lo ? hi : lo
  const even = { scale: Math.fround(Math.abs(far) / (middle - 1)), zero: middle }
  if (bits === 8) return even
  // Of 16 codes none is to be lost: the largest magnitude as −8 steps, even if the other side must be cut to 7.
  const whole = { scale: Math.fround(far / -middle), zero: middle }
  return errorOf(whole, w, top) < errorOf(even, w, top) ? whole : even
}

/**
 * A weight (out, in) as codes of few bits, laid as the kernels read them (kernels/quantized.h): panels of 32 outputs, in
 * them words of consecutive inputs, 32 words side by side.
 *
 * Shapes: codes (⌈out/32⌉, words, 32, 4) uint8, or (⌈out/32⌉, words, 32, 2) bfloat16 for 16 bits; scales and zeros
 * (⌈out/32⌉, ⌈in/groupSize⌉, 32).
 * @throws ValueError for weights that are not finite, and options out of range
 */
export function quantizeWeight(
  weight: Tensor,
  options: QuantizeOptions = {},
): { parts: QuantizedParts; form: QuantizedForm } {
  const op = 'quantizeWeight'
  const { bits = 8, groupSize = 64, symmetric = true } = checkOptions(op, options, optionNames)
  if (weight.rank !== 2)
    throw new ShapeError({ op, rule: 'weight must be (out, in)', got: show(weight.shape) })
  const [out, inner] = weight.shape as [number, number]
  const form = { bits, groupSize, inFeatures: inner, outFeatures: out }
  const shapes = quantizedShapes(op, form)
  const data = toType(weight.detach(), 'float32').contiguous().toTypedArray() as Float32Array
  if (!data.every(Number.isFinite))
    throw new ValueError({ op, rule: 'weights must be finite', got: 'NaN or Infinity' })
  const [, words] = shapes.codes as [number, number]
  const per = 32 / bits
  const place = (n: number, k: number) =>
    (Math.floor(n / PANEL) * words + Math.floor(k / per)) * PANEL + (n % PANEL)
  const count = shapes.codes.reduce((a, b) => a * b, 1)
  if (bits === 16) {
    const laid = new Float32Array(count)
    for (let n = 0; n < out; n++)
      for (let k = 0; k < inner; k++) laid[2 * place(n, k) + (k % 2)] = data[n * inner + k]!
    const codes = toType(tensor(laid, { shape: shapes.codes }), 'bfloat16')
    return { parts: { codes, scales: null, zeros: null }, form }
  }
  const codes = new Uint8Array(count)
  const [, groups] = shapes.scales as [number, number]
  const scales = new Float32Array(shapes.scales.reduce((a, b) => a * b, 1))
  const zeros = new Uint8Array(scales.length)
  const top = 2 ** bits - 1
  for (let n = 0; n < out; n++)
    for (let g = 0; g < groups; g++) {
      const from = g * groupSize
      const w = data.subarray(n * inner + from, n * inner + Math.min(inner, from + groupSize))
      const { scale, zero } = scaleOf(w, bits, symmetric)
      const at = (Math.floor(n / PANEL) * groups + g) * PANEL + (n % PANEL)
      scales[at] = scale
      zeros[at] = zero
      for (let i = 0; i < w.length; i++) {
        const k = from + i
        const c = code(w[i]!, scale, zero, top)
        const word = 4 * place(n, k)
        if (bits === 8) codes[word + (k % 4)] = c
        else codes[word + Math.floor((k % 8) / 2)]! |= c << (4 * (k % 2))
      }
    }
  const parts = {
    codes: tensor(codes, { shape: shapes.codes, dtype: 'uint8' }),
    scales: tensor(scales, { shape: shapes.scales }),
    zeros: symmetric ? null : tensor(zeros, { shape: shapes.scales, dtype: 'uint8' }),
  }
  return { parts, form }
}

/**
 * An affine map whose weight has few bits; it takes the place of a Linear that is done with training. Its codes are buffers,
 * saved and loaded like others; the bias stays a parameter. Gradients reach its input.
 *
 * Shapes: x (..., in), result (..., out). @throws ValueError for other bits and groups
 * @example QuantizedLinear.from(new Linear(16, 3), { bits: 4 }).forward(zeros([2, 16])).shape // [2, 3]
 */
export class QuantizedLinear extends Module {
  codes: Tensor
  scales: Tensor | null
  zeros: Tensor | null
  bias: Parameter | null
  readonly inFeatures: number
  readonly outFeatures: number
  readonly bits: 4 | 8 | 16
  readonly groupSize: number

  /** One of zeros, for `loadStateDict`. */
  constructor(
    inFeatures: number,
    outFeatures: number,
    options: QuantizeOptions & { bias?: boolean } = {},
  ) {
    super()
    const op = 'QuantizedLinear'
    const { bits = 8, groupSize = 64, symmetric = true, bias = true } = checkOptions(op, options, { ...optionNames, bias: true }) // biome-ignore format: a line
    const shapes = quantizedShapes(op, { bits, groupSize, inFeatures, outFeatures })
    const few = bits < 16
    this.inFeatures = inFeatures
    this.outFeatures = outFeatures
    this.bits = bits
    this.groupSize = groupSize
    const buffer = (name: string, there: boolean, shape: number[], dtype: 'uint8' | 'float32' | 'bfloat16') => this.registerBuffer(name, there ? zerosOf(shape, { dtype }) : null) // biome-ignore format: a line
    this.codes = buffer('codes', true, shapes.codes, few ? 'uint8' : 'bfloat16')!
    this.scales = buffer('scales', few, shapes.scales, 'float32')
    this.zeros = buffer('zeros', few && !symmetric, shapes.scales, 'uint8')
    this.bias = bias ? new Parameter(zerosOf([outFeatures])) : null
  }
  /** The same map as that of a layer, or of a weight (out, in) and a bias. */
  static from(
    layer: { weight: Tensor; bias?: Tensor | null },
    options: QuantizeOptions = {},
  ): QuantizedLinear {
    const { parts, form } = quantizeWeight(layer.weight, options)
    const { bias = null } = layer
    const made = new QuantizedLinear(form.inFeatures, form.outFeatures, {
      ...options,
      bias: bias !== null,
    })
    made.registerBuffer('codes', parts.codes)
    made.registerBuffer('scales', parts.scales)
    made.registerBuffer('zeros', parts.zeros)
    if (bias) made.bias = bias instanceof Parameter ? bias : new Parameter(bias.detach())
    return made
  }
  /** The weight (out, in) that the codes stand for. */
  dequantize(): Tensor {
    return dequantized(this, this)
  }
  override forward(x: Tensor): Tensor {
    const { codes, scales, zeros, bits, groupSize, inFeatures, outFeatures } = this
    const form = { bits, groupSize, inFeatures, outFeatures }
    const y = quantizedMatmul(x, { codes, scales, zeros }, form)
    return this.bias ? add(y, this.bias) : y
  }
  override describe(): string {
    const { inFeatures, outFeatures, bits, groupSize, bias, zeros } = this
    const kind = bits === 16 ? 'bfloat16' : `bits=${bits}, groupSize=${groupSize}${zeros ? ', symmetric=false' : ''}` // biome-ignore format: a line
    return `${inFeatures}, ${outFeatures}, ${kind}${bias ? '' : ', bias=false'}`
  }
}

/**
 * Vectors looked up by number in a matrix of few bits, that of a QuantizedLinear, which may give the logits as well.
 *
 * Shapes: numbers (...) int32, result (..., embeddingDim). @throws IndexError for numbers that it has no vector of
 * @example new QuantizedEmbedding(QuantizedLinear.from(new Linear(16, 10), { bits: 4 })).forward(tensor([3, 9], { dtype: 'int32' })).shape // [2, 16]
 */
export class QuantizedEmbedding extends Module {
  table: QuantizedLinear
  constructor(table: QuantizedLinear) {
    super()
    this.table = table
  }
  override forward(ids: Tensor): Tensor {
    return quantizedRows(ids, this.table, this.table)
  }
}

/** A module that is an affine map but no Linear, or that has one beside its fields, says how it is quantized. */
export interface Quantizable {
  /** A weight (out, in) and bias, of which a QuantizedLinear is made in the module's place. */
  asLinear?(): { weight: Tensor; bias: Tensor | null }
  /** Weights (out, in) that another layer owns, by the fields that may hold a layer to be used instead. */
  tiedLinears?(): Record<string, Tensor>
}

/**
 * Replaces the Linear layers of a model by QuantizedLinear, in place, for generating: weights of 8 or 4 bits by groups, or
 * bfloat16. Embeddings, normalizations and what a layer multiplies by itself (the projections before the heads of
 * MultiheadAttention) stay. Gives the model. A model made anew and quantized by the same options loads its state.
 * `perplexity` of nabla/models says what is lost. PyTorch: torchao's quantize_ with weight-only configurations.
 * @throws ValueError for options out of range, and weights that are not finite
 * @example
 * const model = new Sequential(new Linear(32, 64), new ReLU(), new Linear(64, 8))
 * quantize(model, { bits: 4, groupSize: 32 }).forward(zeros([1, 32])).shape // [1, 8]
 */
export function quantize<M extends Module>(model: M, options: ModelOptions = {}): M {
  const {
    skip = () => false,
    embeddings = false,
    ...how
  } = checkOptions('quantize', options, modelNames)
  const root = affine(model)
  if (root)
    throw new ValueError({
      op: 'quantize',
      rule: 'the model must hold its layers',
      got: `one ${model.constructor.name}`,
      fix: 'QuantizedLinear.from(layer) gives the layer itself.',
    })
  // A matrix that several layers share is shared afterwards too.
  const made = new Map<Tensor, QuantizedLinear>()
  const of = (map: { weight: Tensor; bias?: Tensor | null }): QuantizedLinear => {
    const old = map.bias ? undefined : made.get(map.weight)
    const now = old ?? noGrad(() => QuantizedLinear.from(map, how))
    if (!map.bias) made.set(map.weight, now)
    return now
  }
  for (const [path, m] of [...model.namedModules()]) {
    const { tiedLinears } = m as Quantizable
    for (const [field, weight] of Object.entries(tiedLinears?.call(m) ?? {}))
      if (!skip(path ? `${path}.${field}` : field, m))
        (m as unknown as Record<string, unknown>)[field] = of({ weight })
  }
  replaceModules(model, (m, path) => {
    if (skip(path, m)) return undefined
    if (embeddings && m.constructor === Embedding && (m as Embedding).options.maxNorm == null)
      return new QuantizedEmbedding(of({ weight: (m as Embedding).weight }))
    const map = affine(m)
    return map && of(map)
  })
  return model
}
const affine = (m: Module): { weight: Tensor; bias: Tensor | null } | undefined =>
  m.constructor === Linear ? (m as Linear) : (m as Quantizable).asLinear?.()
