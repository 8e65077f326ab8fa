/**
 * The operations under test, and what the laws need of them. Laws run on the sources and, with NABLA_TEST_DIST, on the
 * built package: then 'nabla' is what is shipped, and samples come from the sources where the files for browsers have
 * none.
 */
import { availableBackends, type BackendName, operations } from 'nabla'
import { type Op, type OpSpec, registry, type Tensors } from '../../src/ops/define.js'
import '../../src/fft/index.js'
import '../../src/index.js'
import '../../src/linalg/index.js'
import '../../src/masked/index.js'
import '../../src/ops/quantized.js'
import '../../src/ops/sparse.js'
import '../../src/special/index.js'
import 'nabla/fft'
import 'nabla/graph'
import 'nabla/linalg'
import 'nabla/masked'
import 'nabla/nn'
import 'nabla/special'

/** The built files that the tests run on; undefined: the sources. */
export const built = process.env.NABLA_TEST_DIST as 'node' | 'browser' | undefined

export interface Tested {
  call: (...args: unknown[]) => Tensors
  spec: OpSpec
}

/** Every operation by name. */
export const tested: ReadonlyMap<string, Tested> = new Map(
  [...registry].map(([name, source]) => {
    const op = operations.get(name) as Op | undefined
    const call = (...args: unknown[]) => {
      if (!op) throw new Error(`${name} is not in the built package`)
      return op(...args)
    }
    return [name, { call, spec: { ...source.spec, ...op?.spec } as OpSpec }]
  }),
)

/** The backends besides the reference that must give its numbers. */
export const fastBackends: BackendName[] = built === 'browser' ? ['wasm'] : ['native', 'wasm']
export const backends: BackendName[] = ['reference', ...fastBackends]

export const isFloat = (dtype: string): boolean => dtype.startsWith('float')
export { availableBackends }
