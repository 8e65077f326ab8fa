/** What models that write one token after the other have in common: a cache of keys and values, and what may see what. */
import { compile } from '../compile/compile.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { Module } from '../nn/module.js'
import { add, sub } from '../ops/arithmetic.js'
import { permute, reshape } from '../ops/broadcast.js'
import { ge, le, logicalAnd } from '../ops/compare.js'
import { maximum } from '../ops/elementwise.js'
import { indexCopy, indexSelect } from '../ops/indexing.js'
import { unsqueeze } from '../ops/movement.js'
import { narrow } from '../ops/slice.js'
import { noGrad, state } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { scaledDotProductAttention } from '../tensor/attention.js'
import { arange, zeros } from '../tensor/creation.js'

export interface CacheSizes {
  layers: number
  /** Heads of keys and values, and their width. */
  heads: number
  width: number
}

/** Keys and values of the tokens so far, layer by layer: (batch, heads, capacity, width). Rows are written in place. */
export class KeyValueCache {
  readonly keys: Tensor[]
  readonly values: Tensor[]
  readonly batch: number
  readonly capacity: number
  constructor(batch: number, capacity: number, { layers, heads, width }: CacheSizes) {
    const room = () => Array.from({ length: layers }, () => zeros([batch, heads, capacity, width]))
    this.batch = batch
    this.capacity = capacity
    this.keys = room()
    this.values = room()
  }
  /** All tensors of the cache. */
  tensors(): Tensor[] {
    return [...this.keys, ...this.values]
  }
}

export interface DecoderCall {
  cache?: KeyValueCache | null
  /** Where the first of the tokens stands, int32 (1): tokens before it are in the cache. 0 unless given. */
  start?: Tensor | null
  /** How many tokens at the left are padding, int32 (N). */
  padding?: Tensor | null
  /** Which tokens need logits: so many last ones, or those at the places of an int32 tensor (K). All unless given. */
  logitsToKeep?: number | Tensor | null
}

/** A model of the next token. */
export abstract class CausalModel extends Module {
  /** The longest sequence. */
  abstract readonly maxLength: number
  abstract readonly vocabSize: number
  /** Sizes of a cache for it. */
  abstract readonly cacheSizes: CacheSizes
  /** Logits (N, L, V) of what follows each of the tokens (N, L), int32; (N, K, V) where the call wants those of K tokens. */
  abstract override forward(tokens: Tensor, call?: DecoderCall): Tensor
  /** The model of sequence n alone, where sequences differ in more than their tokens. */
  sequence(_n: number): CausalModel {
    return this
  }
  /** A cache for `batch` sequences of at most `capacity` tokens. */
  makeCache(batch: number, capacity: number = this.maxLength): KeyValueCache {
    return new KeyValueCache(batch, capacity, this.cacheSizes)
  }
}

/** Where tokens stand, and which keys each of them sees. */
export interface Seen {
  /** Of each token, counted from the first that is no padding: int32 (L), or (N, L) with padding. */
  places: Tensor
  mask: Tensor | null
  /** By place in the sequence: int32 (L). */
  rows: Tensor
  call: DecoderCall
  /** In the last block, where the call does not want all logits: the tokens, along an axis, that it wants. */
  some?: (t: Tensor, axis: number) => Tensor
}

/** Reads the call for tokens (N, L). @throws ShapeError for more tokens than maxLength or than the cache has room for */
export function seenBy(op: string, tokens: Tensor, maxLength: number, call: DecoderCall): Seen {
  if (tokens.rank !== 2)
    throw new ShapeError({ op, rule: 'tokens must be (N, L)', got: show(tokens.shape) })
  const [N, L] = tokens.shape as [number, number]
  const { cache, start, padding } = call
  if (L > maxLength) throw new ShapeError({ op, rule: `at most ${maxLength} tokens`, got: `${L}` })
  if (cache && (cache.batch !== N || L > cache.capacity))
    throw new ShapeError({
      op,
      rule: `the cache is for ${cache.batch} sequences of ${cache.capacity} tokens`,
      got: `${N} of ${L}`,
    })
  if (start && !cache)
    throw new ValueError({ op, rule: 'start needs a cache, which has the tokens before it' })
  const first = arange(L, { dtype: 'int32' })
  const rows = start ? add(first, start) : first // (L)
  const left = padding ? reshape(padding, [N, 1]) : null
  const places = left ? maximum(sub(rows, left), 0) : rows // (L) or (N, L)
  const keys = cache ? arange(cache.capacity, { dtype: 'int32' }) : first // (S)
  let mask: Tensor | null = left ? reshape(ge(keys, left), [N, 1, 1, keys.size]) : null
  if (cache) {
    const past = reshape(le(keys, unsqueeze(rows, 1)), [1, 1, L, keys.size])
    mask = mask ? logicalAnd(past, mask) : past
  }
  return { places, mask, rows, call }
}

/**
 * Of what goes before the logits, (N, L, d), the part whose logits the call wants: (N, K, d); or of another axis. The logits of all
 * tokens of a prompt are many numbers that nobody reads.
 */
export function wanted(
  op: string,
  x: Tensor,
  { logitsToKeep: keep = null }: DecoderCall,
  axis = 1,
): Tensor {
  if (keep === null) return x
  if (typeof keep !== 'number') return indexSelect(x, axis, keep)
  const L = x.shape[axis]!
  if (!Number.isInteger(keep) || keep < 1 || keep > L)
    throw new ValueError({
      op,
      rule: `logitsToKeep must be a whole number from 1 to ${L}, the number of tokens`,
      got: `${keep}`,
    })
  return keep === L ? x : narrow(x, axis, L - keep, keep)
}

/** What block `layer` of `layers` sees: of the last one, tokens whose logits nobody wants are keys and values only. */
export function seenIn(op: string, layer: number, layers: number, seen: Seen): Seen {
  const { call, rows } = seen
  const { logitsToKeep: keep = null } = call
  if (layer < layers - 1 || keep === null || keep === rows.size) return seen
  return { ...seen, some: (t, axis) => wanted(op, t, call, axis) }
}

/** (N, L, heads · width) by head: (N, heads, L, width). */
export function byHead(x: Tensor, heads: number): Tensor {
  const [n, l, d] = x.shape as [number, number, number]
  // One token lies the same both ways.
  if (l === 1) return reshape(x, [n, heads, 1, d / heads])
  return permute(reshape(x, [n, l, heads, d / heads]), [0, 2, 1, 3])
}
/** Heads side by side again: (N, L, heads · width). */
export function sideBySide(y: Tensor): Tensor {
  const [n, h, l, d] = y.shape as [number, number, number, number]
  return reshape(l === 1 ? y : permute(y, [0, 2, 1, 3]), [n, l, h * d])
}

function writeRows(keys: Tensor, values: Tensor, rows: Tensor, k: Tensor, v: Tensor): void {
  noGrad(() => {
    keys.assign(indexCopy(keys, 2, rows, k))
    values.assign(indexCopy(values, 2, rows, v))
  })
}
let writeInPlace: typeof writeRows | undefined
/** Writes keys and values to the cache of the call; gives all that are there. */
export function remember(k: Tensor, v: Tensor, layer: number, cache: KeyValueCache, rows: Tensor) {
  const [keys, values] = [cache.keys[layer]!, cache.values[layer]!]
  // As a program of its own it writes these rows alone; operation by operation it would copy the cache.
  if (state.recorder) writeRows(keys, values, rows, k, v)
  else {
    writeInPlace ??= compile(writeRows)
    writeInPlace(keys, values, rows, k.detach(), v.detach())
  }
  return { k: keys, v: values }
}

/**
 * Causal attention by head; with a cache its rows are written first, and all that are there are seen. The last block's result has the
 * rows that the call wants.
 */
export function causalAttention(
  [q, k, v]: readonly [q: Tensor, k: Tensor, v: Tensor],
  layer: number,
  { rows, mask, call, some }: Seen,
  dropoutP = 0,
): Tensor {
  const options = { dropoutP, enableGqa: q.shape[1] !== k.shape[1] }
  const { cache } = call
  const all = cache ? remember(k, v, layer, cache, rows) : { k, v }
  if (!some)
    return scaledDotProductAttention(q, all.k, all.v, {
      ...options,
      attnMask: mask,
      isCausal: !cache,
    })
  // The mask of a call without a cache is that of padding, the same for all queries.
  const past = cache ? null : reshape(le(rows, unsqueeze(some(rows, 0), 1)), [1, 1, -1, rows.size])
  const attnMask = past ? (mask ? logicalAnd(past, mask) : past) : some(mask!, 2)
  return scaledDotProductAttention(some(q, 2), all.k, all.v, { ...options, attnMask })
}
