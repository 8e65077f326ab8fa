/** A model with its cache and its program, which generation runs step by step. */
import { compile } from '../compile/compile.js'
import { indexSelect } from '../ops/indexing.js'
import { narrow } from '../ops/slice.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor, zeros } from '../tensor/creation.js'
import type { CausalModel, KeyValueCache } from './decoder.js'

/** Lengths in steps of this, so that few programs serve all prompts. */
const BUCKET = 16
export const rounded = (n: number) => Math.ceil(n / BUCKET) * BUCKET

/** The last session of each model that has ended. */
const resting = new WeakMap<CausalModel, Session>()

/**
 * A model with its cache, for sequences of which all stand at the same column; what is short has padding at the left.
 * Tokens after `start` in the cache are not seen: going back is to continue from an earlier one.
 */
export class Session {
  private readonly model: CausalModel
  private readonly cache: KeyValueCache
  private padding: Tensor
  private readonly step: (tokens: Tensor, start: Tensor, padding: Tensor) => Tensor

  /** One that is at rest, with its programs, or a new one. */
  static of(model: CausalModel, padding: readonly number[], capacity: number): Session {
    const old = resting.get(model)
    if (old?.cache.batch !== padding.length || old.cache.capacity !== capacity)
      return new Session(model, padding, capacity)
    resting.delete(model)
    old.padding = ints(padding, [padding.length])
    // Weights of 0 do not hide a NaN that was left there.
    noGrad(() => {
      for (const t of old.cache.tensors()) t.assign(zeros(t.shape))
    })
    return old
  }
  private constructor(model: CausalModel, padding: readonly number[], capacity: number) {
    this.model = model
    this.cache = model.makeCache(padding.length, capacity)
    this.padding = ints(padding, [padding.length])
    const { cache } = this
    this.step = compile((tokens: Tensor, start: Tensor, pad: Tensor) =>
      noGrad(() => model.forward(tokens, { cache, start, padding: pad })),
    )
  }
  /** Logits of each of the tokens, written to the cache from `start` on: by sequence, by place. */
  run(tokens: readonly (readonly number[])[], start: number, last = false): Float32Array[][] {
    const [N, L] = [tokens.length, tokens[0]!.length]
    const logits = this.step(ints(tokens.flat(), [N, L]), ints([start], [1]), this.padding)
    const wanted = last && L > 1 ? narrow(logits, 1, L - 1, 1) : logits
    const each = wanted.shape[1]!
    const data = wanted.contiguous().toTypedArray() as Float32Array
    const V = wanted.shape[2]!
    return tokens.map((_, n) =>
      Array.from({ length: each }, (_, i) =>
        data.slice((n * each + i) * V, (n * each + i + 1) * V),
      ),
    )
  }
  /** The next of the same sizes may have it. */
  rest(): void {
    resting.set(this.model, this)
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
