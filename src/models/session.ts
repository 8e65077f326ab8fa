/** A model with its cache and its program, which generation runs step by step. */
import { compile } from '../compile/compile.js'
import { indexSelect } from '../ops/indexing.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor, zeros } from '../tensor/creation.js'
import type { CausalModel, KeyValueCache } from './decoder.js'

/** Lengths in steps of this, so that few programs serve all prompts. */
const BUCKET = 16
export const rounded = (n: number) => Math.ceil(n / BUCKET) * BUCKET

const anew = new WeakMap<CausalModel, (tokens: Tensor, place: Tensor) => Tensor>()
/** The logits after a text, computed without a cache. Texts of similar lengths share a program: 16 tokens, 32, 48, 64, 96, 128, 192, 256. */
export function logitsAfter(model: CausalModel, text: readonly number[]): Float32Array {
  const step = Math.max(BUCKET, 2 ** Math.ceil(Math.log2(text.length)) / 4)
  const width = Math.min(Math.ceil(text.length / step) * step, model.maxLength)
  // No token sees those after it.
  const row = [...text, ...new Array<number>(width - text.length).fill(0)]
  let run = anew.get(model)
  if (!run) {
    run = compile((tokens: Tensor, place: Tensor) =>
      noGrad(() => model.forward(tokens, { logitsToKeep: place })),
    )
    anew.set(model, run)
  }
  return numbersOf(run(ints(row, [1, width]), ints([text.length - 1], [1])))
}
/** A copy of logits, which are as long as the vocabulary; their own memory serves the next ones. */
function numbersOf(logits: Tensor): Float32Array {
  const data = logits.contiguous().toTypedArray() as Float32Array
  logits.dispose()
  return data
}

/** The last sessions of each model that have ended, as many as RESTING: short and long texts may come in turn. */
const resting = new WeakMap<CausalModel, Session[]>()
const RESTING = 2

/**
 * A model with its cache, for sequences of which all stand at the same column; what is short has padding at the left.
 * Tokens after `start` in the cache are not seen: going back is to continue from an earlier one.
 */
export class Session {
  private readonly model: CausalModel
  private readonly cache: KeyValueCache
  private padding: Tensor
  private readonly step: (tokens: Tensor, start: Tensor, padding: Tensor, keep: number) => Tensor

  /** One that is at rest, with its programs, or a new one. */
  static of(model: CausalModel, padding: readonly number[], capacity: number): Session {
    const all = resting.get(model) ?? []
    const at = all.findIndex(
      ({ cache }) => cache.batch === padding.length && cache.capacity === capacity,
    )
    if (at < 0) return new Session(model, padding, capacity)
    const old = all.splice(at, 1)[0]!
    old.padding = ints(padding, [padding.length])
    // Weights of 0 do not hide a NaN that was left there. One after the other: all at once they would be a second cache.
    noGrad(() => {
      for (const t of old.cache.tensors()) {
        const none = zeros(t.shape)
        t.assign(none)
        none.dispose()
      }
    })
    return old
  }
  private constructor(model: CausalModel, padding: readonly number[], capacity: number) {
    this.model = model
    this.cache = model.makeCache(padding.length, capacity)
    this.padding = ints(padding, [padding.length])
    const { cache } = this
    this.step = compile((tokens: Tensor, start: Tensor, pad: Tensor, logitsToKeep: number) =>
      noGrad(() => model.forward(tokens, { cache, start, padding: pad, logitsToKeep })),
    )
  }
  /** Logits of each of the tokens, or of the last ones, which are written to the cache from `start` on: by sequence, by place. */
  run(tokens: readonly (readonly number[])[], start: number, last = false): Float32Array[][] {
    const [N, L] = [tokens.length, tokens[0]!.length]
    const each = last ? 1 : L
    const logits = this.step(ints(tokens.flat(), [N, L]), ints([start], [1]), this.padding, each)
    const V = logits.shape[2]!
    const data = numbersOf(logits)
    return tokens.map((_, n) =>
      Array.from({ length: each }, (_, i) =>
        data.subarray((n * each + i) * V, (n * each + i + 1) * V),
      ),
    )
  }
  /** The next of the same sizes may have it. */
  rest(): void {
    resting.set(this.model, [this, ...(resting.get(this.model) ?? [])].slice(0, RESTING))
  }
  /** Sequence n goes on from what sequence order[n] was. */
  reorder(order: readonly number[]): void {
    if (order.every((from, n) => from === n)) return
    const index = ints(order, [order.length])
    noGrad(() => {
      for (const t of this.cache.tensors()) t.assign(indexSelect(t, 0, index))
    })
  }
}
export const ints = (values: readonly number[], shape: readonly number[]): Tensor =>
  tensor(Int32Array.from(values), { shape: [...shape] })
