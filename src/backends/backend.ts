import type { DType, TypedArray } from '../core/dtype.js'
import type { Graph } from './ir.js'
import type { Plan } from './lower/plan.js'

export type BackendName = 'reference' | 'native' | 'wasm'

/** A run of elements owned by a backend; tensors look at it through shape, strides and offset. */
export interface Storage {
  readonly backend: Backend
  readonly dtype: DType
  /** In elements. */
  readonly length: number
  /** A copy of `count` elements from `offset` on, by default all. */
  read(offset?: number, count?: number): Promise<TypedArray>
  /** The same at once. A backend whose memory is far away throws and says so. */
  readNow(offset?: number, count?: number): TypedArray
  /** Overwrites the elements from `offset` on with those given, or with what a function writes into an array of all. */
  write(from: TypedArray | ((to: TypedArray) => void), offset?: number): void
  /** The number at `count` places, by default all. */
  fill(value: number, offset?: number, count?: number): void
  /** Gives the memory back now instead of at garbage collection; every later use is an error. */
  free(): void
}

export interface Source {
  readonly plan: Plan
  readonly load: (part: Plan, graph: Graph) => Executable
}

/** A graph made ready to run. */
export interface Executable {
  /**
   * One synchronous run. `inputs[i]` backs input i from element `offsets[i]` on (0 when not given), so that
   * one program serves every place of a storage; `outputs[j]` receives the j-th output that has no `into`,
   * contiguous, from its element 0 on. Throws IndexError when an index is out of range.
   */
  run(inputs: readonly Storage[], outputs: readonly Storage[], offsets?: readonly number[]): void
  /** The same in a worker; the inputs are read before it returns. Without it `run` serves. */
  runLater?(
    inputs: readonly Storage[],
    outputs: readonly Storage[],
    offsets: readonly number[],
  ): Promise<void>
  /** The program as readable text, where no plan tells it (`source`). */
  explain?(): string
  /** The steps that it runs, and how some of them become a program of their own: what measures them needs it. */
  readonly source?: Source
  /** Bytes of working memory, which the programs of a family share. */
  readonly arenaBytes: number
  /** Releases the program and its working memory. */
  free(): void
}

export interface Backend {
  readonly name: BackendName
  readonly dtypes: readonly DType[]
  /** Contents are undefined: the caller writes every element. */
  alloc(dtype: DType, length: number): Storage
  /** Takes the array over when it can, otherwise copies it. */
  from(dtype: DType, data: TypedArray): Storage
  /**
   * `family`: programs made with the same object never run at once and share their working memory, which is then as
   * large as the largest of them needs. With `brief: true` each may run once and never again: much memory is given back between runs,
   * and `source` is not kept.
   */
  compile(graph: Graph, family?: object): Executable
  /** Instruction set, threads, versions: what `nabla info` prints. */
  info(): Record<string, string | number>
  threads: number
}
