import { hostArray, sideBySide } from '../backends/host.js'
import { hosted } from '../backends/hosted.js'
import { hostCalls } from '../backends/lower/hostCalls.js'
import { endCall, type HostArray, type HostCall } from '../backends/ir.js'
import type { DType } from '../core/dtype.js'
import { extras } from '../core/extras.js'
import { type Shape, sizeOf } from '../core/shape.js'
import { contiguous } from './movement.js'
import { state } from './state.js'
import { backendOf, onStorage, type Tensor } from './tensor.js'
import { prim } from './trace.js'

/**
 * Work of the host on tensors, eagerly or in the middle of a compiled program: a print, a mark of a profile, a message
 * to another process. `call.start` gets the inputs and the memory of the outputs, whose shapes and types `gives` names.
 * It may return a function: a program then goes on with what does not depend on the outputs, and calls that function
 * before they are read; it must have written them when it returns. Calls start in the order of the program. There is no
 * gradient through it.
 * @example hostCall({ name: 'twice', start: ([x], [y]) => y.data().set(x.data().map((v) => 2 * v)) }, [tensor([1, 2])], [{ shape: [2], dtype: 'float32' }])[0] // [2, 4]
 */
export function hostCall(
  call: HostCall,
  inputs: readonly Tensor[],
  gives: readonly { shape: Shape; dtype: DType }[] = [],
): Tensor[] {
  Object.assign(extras, { hosted, hostCalls })
  if (state.recorder) {
    const first = prim({ op: 'host', call, gives }, inputs)
    return gives.map((_, i) => (i === 0 ? first : prim({ op: 'output', index: i }, [first])))
  }
  const backend = backendOf(call.name, inputs)
  const made = gives.map(({ shape, dtype }) => {
    const t = onStorage(backend.alloc(dtype, sizeOf(shape)), shape)
    state.scope?.push(t)
    return t
  })
  if (!call.together) {
    endCall(call.start(inputs.map(readable), made.map(readable)))
    return made
  }
  const given = sideBySide(inputs, call.name)
  inputs.forEach((t, i) => {
    given[i]!.data().set(readable(t).data())
  })
  const results = sideBySide(made, call.name)
  endCall(call.start(given, results))
  made.forEach((t, i) => {
    t.storage!.write(results[i]!.data())
  })
  return made
}

/** The elements in row-major order; where they do not lie so, copied when they are asked for. */
function readable(t: Tensor): HostArray {
  const { shape, dtype } = t
  return {
    shape,
    dtype,
    data() {
      const from = t.isContiguous ? t : contiguous(t)
      return hostArray(from.storage!).subarray(from.offset, from.offset + sizeOf(shape))
    },
  }
}
