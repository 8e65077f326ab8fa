import { hostCall } from '../ops/host.js'
import { fromData, type Tensor } from '../ops/tensor.js'
import { replaying } from '../ops/trace.js'
import { format } from './print.js'

/**
 * Prints the values of a tensor, also in the middle of a compiled program, where `console.log` would print once, while
 * the function is traced. Gives the tensor itself. A segment that is computed a second time (`checkpoint`) prints once.
 * @param label stands before the values
 * @param write gets the text; `console.log` unless given
 * @example debugPrint(tensor([1, 2]), 'x', () => {}) // [1, 2]
 */
export function debugPrint(
  x: Tensor,
  label = '',
  write: (text: string) => void = (text) => console.log(text),
): Tensor {
  if (replaying()) return x
  const start: Parameters<typeof hostCall>[0]['start'] = ([a]) => {
    const t = fromData(a!.data().slice(), a!.shape, a!.dtype)
    write(`${label && `${label}: `}${format(t)}`)
    t.dispose()
  }
  hostCall({ name: 'print', start }, [x])
  return x
}
