/** What runs in the threads of a loader, in Node: makes the dataset from its module, then batches as asked. */
import { type MessagePort, workerData } from 'node:worker_threads'
import type { BackendName } from '../backends/backend.js'
import { backend, setBackend } from '../backends/registry.js'
import { NablaError } from '../core/errors.js'
import { Tensor } from '../ops/tensor.js'
import '../tensor/methods.js'
import '../tensor/moreMethods.js'
import { callExport, collate, type Dataset } from './dataset.js'
import { makeBatch } from './loader.js'
import { state } from '../ops/state.js'
import { ANSWERS, type Answer, ENDED, type Packed, type Request } from './prefetch.js'

const data = workerData as {
  port: MessagePort
  module: string
  name: string
  args: unknown[]
  shared: Int32Array
  backend: BackendName
}

function pack(value: unknown, transfer: ArrayBuffer[]): Packed {
  if (value instanceof Tensor) {
    // A copy, since the tensor's own memory may belong to the backend.
    const array = value.toStored().slice()
    transfer.push(array.buffer as ArrayBuffer)
    return { tensor: array, dtype: value.dtype, shape: value.shape }
  }
  if (Array.isArray(value)) return { list: value.map((v) => pack(v, transfer)) }
  if (
    typeof value === 'object' &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype
  )
    return { object: Object.entries(value).map(([k, v]) => [k, pack(v, transfer)]) }
  return { plain: value }
}

function answer(a: Answer, transfer: ArrayBuffer[] = []): void {
  data.port.postMessage(a, transfer)
  Atomics.add(data.shared, ANSWERS, 1)
  Atomics.notify(data.shared, ANSWERS)
}

function failed(id: number, error: unknown): void {
  const e = error instanceof Error ? error : new Error(String(error))
  answer({
    id,
    error: {
      name: e.name,
      message: e.message,
      stack: e.stack ?? '',
      ...(e instanceof NablaError && { complaint: e.complaint, path: e.path }),
    },
  })
}

process.on('exit', () => {
  Atomics.add(data.shared, ENDED, 1)
  Atomics.add(data.shared, ANSWERS, 1)
  Atomics.notify(data.shared, ANSWERS)
})

// A function, since a CommonJS module (dist/cjs) cannot wait at its top.
async function serve(): Promise<void> {
  try {
    state.backend = backend
    setBackend(data.backend)
    const dataset = await callExport<Dataset<unknown>>(data.module, data.name, data.args)
    data.port.on('message', ({ id, left, ...job }: Request) => {
      if (Atomics.load(left, 0) === 1) return
      try {
        const transfer: ArrayBuffer[] = []
        answer({ id, batch: pack(makeBatch(dataset, job, collate), transfer) }, transfer)
      } catch (error) {
        failed(id, error)
      }
    })
  } catch (error) {
    // Without a dataset no batch will come.
    failed(-1, error)
  }
}
void serve()
