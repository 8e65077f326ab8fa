/** Where a token stands: sinusoidal, learned and rotary positions, and attention with linear biases. */
import { pow as power } from '../core/math.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, kinds, readArguments } from '../core/options.js'
import { add, mul, sub } from '../ops/arithmetic.js'
import { reshape } from '../ops/broadcast.js'
import { indexSelect } from '../ops/indexing.js'
import { concat, stack } from '../ops/join.js'
import { unsqueeze } from '../ops/movement.js'
import { narrow, select } from '../ops/slice.js'
import { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { parameter } from './common.js'
import { Dropout } from './dropout.js'
import * as init from './init.js'
import { Module, type Parameter } from './module.js'

/** The angles pos / base^(2i/dim), in double precision: (length, dim/2) row by row. */
function angles(length: number, dim: number, base: number): Float64Array {
  const half = Math.ceil(dim / 2)
  const waves = Float64Array.from({ length: half }, (_, i) => power(base, (2 * i) / dim))
  return Float64Array.from(
    { length: length * half },
    (_, at) => Math.floor(at / half) / waves[at % half]!,
  )
}

/**
 * Sines and cosines of wavelengths from 2π to 20,000π: PE(pos, 2i) = sin(pos/10000^(2i/d)), PE(pos, 2i + 1) = cos of it.
 *
 * Shapes: result (length, dim). Source: https://arxiv.org/abs/1706.03762, 3.5.
 * @throws ValueError unless length and dim are whole numbers
 * @example sinusoidalPositions(2, 2) // [[0, 1], [0.8415, 0.5403]]
 */
export function sinusoidalPositions(length: number, dim: number, base = 10000): Tensor {
  checkSizes('sinusoidalPositions', { length, dim })
  const half = Math.ceil(dim / 2)
  const all = angles(length, dim, base)
  const data = Float32Array.from({ length: length * dim }, (_, at) => {
    const angle = all[Math.floor(at / dim) * half + ((at % dim) >> 1)]!
    return (at % dim) % 2 === 0 ? Math.sin(angle) : Math.cos(angle)
  })
  return tensor(data, { shape: [length, dim] })
}

function checkSizes(op: string, sizes: Record<string, number>): void {
  for (const [name, n] of Object.entries(sizes))
    if (!Number.isInteger(n) || n < 1)
      throw new ValueError({ op, rule: `${name} must be a whole number from 1 up`, got: `${n}` })
}

/** `length` rows from `offset` on. @throws ShapeError when there are not so many */
function rowsOf(op: string, table: Tensor, offset: number, length: number): Tensor {
  const most = table.shape[0]!
  if (offset < 0 || offset + length > most)
    throw new ShapeError({
      op,
      rule: `there are ${most} positions`,
      got: `positions ${offset} to ${offset + length - 1}`,
      fix: 'Make it with a larger maxLen, or shorten the sequence.',
    })
  return offset === 0 && length === most ? table : narrow(table, 0, offset, length)
}
/** Rows from a position on, or those at positions (L) or (N, L): (L, dim) or (N, L, dim). */
function rowsAt(op: string, table: Tensor, positions: number | Tensor, length: number): Tensor {
  if (!(positions instanceof Tensor)) return rowsOf(op, table, positions, length)
  const rows = indexSelect(table, 0, reshape(positions, [positions.size]))
  return reshape(rows, [...positions.shape, table.shape[1]!])
}
function requireRows(op: string, x: Tensor, dim: number): void {
  if (x.rank < 2 || x.shape[x.rank - 1] !== dim)
    throw new ShapeError({ op, rule: `x must be (..., L, ${dim})`, got: show(x.shape) })
}

/**
 * x plus sinusoidal positions, then dropout; see sinusoidalPositions. The table is the buffer `pe`, (1, maxLen, dModel),
 * and saved, as in most programs of PyTorch.
 *
 * Shapes: x and output (N, L, dModel) or (L, dModel).
 * @example new PositionalEncoding(4, 10, 0).forward(zeros([1, 2, 4])).shape // [1, 2, 4]
 */
export class PositionalEncoding extends Module {
  pe: Tensor
  dropout: Dropout
  constructor(dModel: number, maxLen = 5000, dropout = 0.1) {
    super()
    this.pe = this.registerBuffer(
      'pe',
      reshape(sinusoidalPositions(maxLen, dModel), [1, maxLen, dModel]),
    )
    this.dropout = new Dropout(dropout)
  }
  /** `positions`: that of the first row, or those of all rows as int32 (L), or (N, L). */
  override forward(x: Tensor, positions: number | Tensor = 0): Tensor {
    const [, most, dim] = this.pe.shape as [number, number, number]
    requireRows('PositionalEncoding', x, dim)
    const table = reshape(this.pe, [most, dim])
    const rows = rowsAt('PositionalEncoding', table, positions, x.shape[x.rank - 2]!)
    return this.dropout.forward(add(x, rows))
  }
  override describe(): string {
    return `${this.pe.shape[2]}, maxLen=${this.pe.shape[1]}`
  }
}

/**
 * x plus a learned vector for each position, N(0, 0.02²) at first as in GPT-2 and BERT.
 *
 * Shapes: x and output (N, L, dModel) or (L, dModel); weight (maxLen, dModel).
 * @throws ShapeError for a sequence longer than maxLen
 * @example new LearnedPositions(10, 4).forward(zeros([1, 2, 4])).shape // [1, 2, 4]
 */
export class LearnedPositions extends Module {
  weight: Parameter
  constructor(maxLen: number, dModel: number, std = 0.02) {
    super()
    checkSizes('LearnedPositions', { maxLen, dModel })
    this.weight = parameter([maxLen, dModel])
    init.normal(this.weight, 0, std)
  }
  /** `positions`: that of the first row, or those of all rows as int32 (L), or (N, L). */
  override forward(x: Tensor, positions: number | Tensor = 0): Tensor {
    requireRows('LearnedPositions', x, this.weight.shape[1]!)
    return add(x, rowsAt('LearnedPositions', this.weight, positions, x.shape[x.rank - 2]!))
  }
  override describe(): string {
    return `${this.weight.shape[0]}, ${this.weight.shape[1]}`
  }
}

export interface RotaryOptions {
  /** Wavelengths go from 2π to 2π · base. */
  base?: number
  maxLen?: number
  /** Pairs are (x0, x1), (x2, x3), ... as in the paper; otherwise (x0, x_(d/2)), ... as in Llama of Hugging Face. */
  interleaved?: boolean
}

/**
 * Rotates pairs of numbers of queries and keys by angles that grow with the position, so that their products depend on
 * the distance only.
 *
 * Shapes: x and output (..., L, dim), dim even. Source: https://arxiv.org/abs/2104.09864.
 * @throws ValueError for an odd dim; ShapeError for positions from maxLen on
 * @example new RotaryEmbedding(2, { maxLen: 4 }).forward(tensor([[1, 0], [1, 0]])) // [[1, 0], [0.5403, 0.8415]]
 */
export class RotaryEmbedding extends Module {
  cos: Tensor
  sin: Tensor
  readonly dim: number
  readonly interleaved: boolean
  constructor(dim: number, options?: RotaryOptions)
  constructor(...args: unknown[]) {
    super()
    const {
      dim,
      base = 10000,
      maxLen = 2048,
      interleaved = false,
    } = readArguments<RotaryOptions & { dim: number }>(
      'RotaryEmbedding',
      args,
      { dim: kinds.count },
      1,
      {
        base: kinds.number,
        maxLen: kinds.count,
        interleaved: kinds.flag,
      },
    )
    if (dim % 2 !== 0)
      throw new ValueError({ op: 'RotaryEmbedding', rule: 'dim must be even', got: `${dim}` })
    this.dim = dim
    this.interleaved = interleaved
    const all = angles(maxLen, dim, base)
    const table = (f: (x: number) => number) =>
      tensor(Float32Array.from(all, f), { shape: [maxLen, dim / 2] })
    this.cos = this.registerBuffer('cos', table(Math.cos), { persistent: false })
    this.sin = this.registerBuffer('sin', table(Math.sin), { persistent: false })
  }
  /** `positions`: that of the first row, or those of all rows as int32 (L), or (N, L) for x (N, heads, L, dim). */
  override forward(x: Tensor, positions: number | Tensor = 0): Tensor {
    requireRows('RotaryEmbedding', x, this.dim)
    const length = x.shape[x.rank - 2]!
    const rows = (t: Tensor) => {
      const at = rowsAt('RotaryEmbedding', t, positions, length)
      return at.rank === 3 ? unsqueeze(at, 1) : at // (N, 1, L, dim/2): for all heads alike
    }
    return rotate(x, rows(this.cos), rows(this.sin), this.interleaved)
  }
  override describe(): string {
    return `${this.dim}${this.interleaved ? ', interleaved=true' : ''}`
  }
}

/** Pairs (a, b) of the last axis turned to (a cos − b sin, b cos + a sin). */
function rotate(x: Tensor, cos: Tensor, sin: Tensor, interleaved: boolean): Tensor {
  const dim = x.shape[x.rank - 1]!
  const half = dim / 2
  if (!interleaved) {
    const [a, b] = [narrow(x, -1, 0, half), narrow(x, -1, half, half)]
    return concat([sub(mul(a, cos), mul(b, sin)), add(mul(b, cos), mul(a, sin))], x.rank - 1)
  }
  const pairs = reshape(x, [...x.shape.slice(0, -1), half, 2])
  const [a, b] = [select(pairs, -1, 0), select(pairs, -1, 1)]
  const turned = stack([sub(mul(a, cos), mul(b, sin)), add(mul(b, cos), mul(a, sin))], x.rank)
  return reshape(turned, x.shape)
}

/**
 * The slopes of attention with linear biases (ALiBi): 2^(−8/n), 2^(−16/n), ... for n heads; where n is no power of two,
 * those of the next lower power, then every second of the next higher one's.
 *
 * Source: https://arxiv.org/abs/2108.12409.
 * @example alibiSlopes(4) // [0.25, 0.0625, 0.015625, 0.00390625]
 */
export function alibiSlopes(heads: number): number[] {
  checkSizes('alibiSlopes', { heads })
  const ofPower = (n: number) => Array.from({ length: n }, (_, i) => power(2, (-8 * (i + 1)) / n))
  const lower = power(2, Math.floor(Math.log2(heads)))
  if (lower === heads) return ofPower(heads)
  const more = ofPower(2 * lower).filter((_, i) => i % 2 === 0)
  return [...ofPower(lower), ...more.slice(0, heads - lower)]
}

export interface AlibiOptions {
  /**
   * For causal attention (heads, 1, length) is enough: softmax does not see what is added to a whole row. Otherwise
   * (heads, length, length) with −slope · |i − j|.
   */
  causal?: boolean
}

/**
 * What attention with linear biases (ALiBi) adds to the scores, as a mask for scaledDotProductAttention.
 *
 * Source: https://arxiv.org/abs/2108.12409.
 * @example alibi(1, 3).shape // [1, 1, 3]
 */
export function alibi(heads: number, length: number, options: AlibiOptions = {}): Tensor {
  const { causal = true } = checkOptions('alibi', options, ['causal'])
  checkSizes('alibi', { heads, length })
  const slopes = alibiSlopes(heads)
  if (causal)
    return tensor(
      Float32Array.from(
        { length: heads * length },
        (_, at) => slopes[Math.floor(at / length)]! * ((at % length) - length + 1),
      ),
      { shape: [heads, 1, length] },
    )
  const plane = length * length
  return tensor(
    Float32Array.from({ length: heads * plane }, (_, at) => {
      const [i, j] = [Math.floor((at % plane) / length), at % length]
      return -slopes[Math.floor(at / plane)]! * Math.abs(i - j)
    }),
    { shape: [heads, length, length] },
  )
}
