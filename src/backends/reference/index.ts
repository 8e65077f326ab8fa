/**
 * The reference backend: every primitive as the plainest loops, in double precision, one node after the other. It is
 * the oracle of the fast backends, and the place to read what a primitive means.
 */
import { type DType, dtypes, newArray, type TypedArray } from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'
import { show, sizeOf } from '../../core/shape.js'
import type { Backend, Executable, Storage } from '../backend.js'
import { fillHost, type HostStorage, hostArray, readHost, sideBySide, writeHost } from '../host.js'
import { endCall, type Graph, type HostArray, type Loop, type Node, type Prim } from '../ir.js'
import { outputsOf, type Typed } from '../prims.js'
import { compute } from './compute.js'
import { each, place } from './coordinates.js'

class ArrayStorage implements HostStorage {
  readonly backend: Backend
  readonly dtype: DType
  readonly length: number
  private data: TypedArray | undefined
  constructor(backend: Backend, dtype: DType, data: TypedArray) {
    this.backend = backend
    this.dtype = dtype
    this.length = data.length
    this.data = data
  }
  array(): TypedArray {
    if (!this.data)
      throw new BackendError({ op: 'tensor', rule: 'the tensor has been disposed of' })
    return this.data
  }
  async read(offset?: number, count?: number): Promise<TypedArray> {
    return readHost(this, offset, count)
  }
  readNow(offset?: number, count?: number): TypedArray {
    return readHost(this, offset, count)
  }
  write(from: TypedArray | ((to: TypedArray) => void), offset?: number): void {
    writeHost(this, from, offset)
  }
  fill(value: number, offset?: number, count?: number): void {
    fillHost(this, value, offset, count)
  }
  free(): void {
    this.data = undefined
  }
}

/** What a loop gives: the last values of what it carries, and the stacks. */
function runLoop(loop: Loop, given: readonly TypedArray[]): TypedArray[] {
  const { inputs, nodes, outputs, carried, scanned, count, reverse } = loop
  const body = {
    inputs: [...inputs],
    nodes: [...nodes],
    outputs: outputs.map((node) => ({ node })),
  }
  let carry = given.slice(0, carried)
  const stacks = outputs
    .slice(carried)
    .map((n) => newArray(n.dtype, (count ?? 0) * sizeOf(n.shape)))
  for (let step = 0; count === undefined ? carry[carried - 1]![0] : step < count; step++) {
    const i = reverse ? count! - 1 - step : step
    const args = given.map((data, k) => {
      if (k < carried) return carry[k]!
      const size = sizeOf(inputs[k]!.shape)
      return k < carried + scanned ? data.slice(i * size, (i + 1) * size) : data
    })
    const made = runGraph(body, args)
    carry = made.slice(0, carried)
    stacks.forEach((to, s) => {
      to.set(made[carried + s]! as never, i * made[carried + s]!.length)
    })
  }
  return [...carry, ...stacks]
}

/** What a graph gives for inputs, without backends and storages: for tests. */
export function runGraph(
  graph: Graph,
  inputs: readonly TypedArray[],
  offsets: readonly number[] = [],
): TypedArray[] {
  const values = new Map<Node, TypedArray>()
  const several = new Map<Node, TypedArray[]>()
  for (const n of graph.nodes) {
    const { prim } = n
    if (prim.op === 'host') {
      const array = ({ shape, dtype }: Typed, data: TypedArray): HostArray => ({
        shape,
        dtype,
        data: () => data,
      })
      const { call } = prim
      const [from, to] = call.together
        ? [sideBySide(n.inputs, call.name), sideBySide(prim.gives, call.name)]
        : [n.inputs, outputsOf(n)].map((list) =>
            list.map((o) => array(o, newArray(o.dtype, sizeOf(o.shape)))),
          )
      n.inputs.forEach((x, i) => {
        from![i]!.data().set(values.get(x)!)
      })
      endCall(call.start(from!, to!.slice(0, prim.gives.length)))
      const outputs = to!.map((o) => o.data())
      several.set(n, outputs)
      values.set(n, outputs[0]!)
      continue
    }
    if (prim.op === 'loop') {
      const made = runLoop(
        prim.loop,
        n.inputs.map((x) => values.get(x)!),
      )
      const empty = newArray(n.dtype, 0)
      several.set(n, [empty, ...made])
      values.set(n, empty)
      continue
    }
    if (prim.op === 'output') {
      values.set(n, several.get(n.inputs[0]!)![prim.index]!)
      continue
    }
    const args = n.inputs.map((x) => values.get(x)!)
    const outputs = compute(n, args, inputs, offsets)
    if (outputs.length > 1) several.set(n, outputs)
    values.set(n, outputs[0]!)
  }
  return graph.outputs.map((o) => values.get(o.node)!)
}

function explain(graph: Graph): string {
  const number = new Map(graph.nodes.map((n, i) => [n, i]))
  const lines = graph.nodes.map((n, i) => {
    const fn = 'fn' in n.prim ? ` ${n.prim.fn}` : ''
    const args = n.inputs.map((x) => `%${number.get(x)}`).join(', ')
    return `%${i} = ${n.prim.op}${fn}(${args})  ${n.dtype}${show(n.shape)}  ${n.label}`
  })
  return lines.join('\n')
}

/** Writes a value over an input, where its elements lie. */
function store(value: TypedArray, input: Node, to: TypedArray, first: number): void {
  const { strides, offset } = input.prim as Extract<Prim, { op: 'input' }>
  each(input.shape, (at, i) => {
    to[first + offset + place(at, strides)] = value[i]!
  })
}

class ReferenceExecutable implements Executable {
  private readonly graph: Graph
  readonly arenaBytes = 0
  constructor(graph: Graph) {
    this.graph = graph
  }
  run(
    inputs: readonly Storage[],
    outputs: readonly Storage[],
    offsets: readonly number[] = [],
  ): void {
    const arrays = inputs.map(hostArray)
    const values = runGraph(this.graph, arrays, offsets)
    let next = 0
    this.graph.outputs.forEach(({ into }, i) => {
      const value = values[i]!
      if (into === undefined) outputs[next++]!.write(value)
      else store(value, this.graph.inputs[into]!, arrays[into]!, offsets[into] ?? 0)
    })
  }
  explain(): string {
    return explain(this.graph)
  }
  free(): void {}
}

let instance: Backend | undefined

/** Plain loops over JavaScript arrays. */
export function referenceBackend(): Backend {
  if (instance) return instance
  const backend: Backend = {
    name: 'reference',
    dtypes,
    alloc: (dtype, length) => new ArrayStorage(backend, dtype, newArray(dtype, length)),
    from: (dtype, data) => new ArrayStorage(backend, dtype, data),
    compile: (graph) => new ReferenceExecutable(graph),
    info: () => ({ backend: 'reference', threads: 1 }),
    threads: 1,
  }
  instance = backend
  return backend
}
