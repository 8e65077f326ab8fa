/** Windows: what the pieces of a signal are multiplied by before their Fourier transforms. */
import { ValueError } from '../core/errors.js'
import { kinds, type PlacesOr, readOptions } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor, type TensorOptions } from '../tensor/creation.js'

export interface WindowOptions extends Pick<TensorOptions, 'dtype'> {
  /** Goes on where it begins, as Fourier transforms see it: window(n + 1) without its last number. True when not given. */
  periodic?: boolean
}
/** A window by its length. */
export type WindowFunction = (windowLength: number, ...rest: PlacesOr<WindowOptions>) => Tensor

/** A window of a function of the place, 0 to 1. */
const windowOf =
  (op: string, f: (at: number) => number): WindowFunction =>
  (n, ...rest) => {
    const { periodic = true, dtype = 'float32' } = readOptions<WindowOptions>(
      op,
      rest,
      { periodic: kinds.flag },
      { dtype: kinds.text },
    )
    if (!kinds.size.holds(n))
      throw new ValueError({ op, rule: `windowLength is ${kinds.size.rule}`, got: `${n}` })
    const last = periodic ? n : n - 1
    const data = Float64Array.from({ length: n }, (_, k) => (n === 1 ? 1 : f(k / last)))
    return tensor(data, { dtype })
  }
const cosine = (k: number, at: number) => Math.cos(2 * Math.PI * k * at)

/** w[k] = (1 − cos(2πk/n)) / 2. torch.hann_window. @example audio.hannWindow(4) // [0, 0.5, 1, 0.5] */
export const hannWindow: WindowFunction = windowOf('hannWindow', (at) => 0.5 - 0.5 * cosine(1, at))
/** w[k] = 0.54 − 0.46 cos(2πk/n). torch.hamming_window. @example audio.hammingWindow(2) // [0.08, 1] */
export const hammingWindow: WindowFunction = windowOf(
  'hammingWindow',
  (at) => 0.54 - 0.46 * cosine(1, at),
)
/** w[k] = 0.42 − 0.5 cos(2πk/n) + 0.08 cos(4πk/n). torch.blackman_window. @example audio.blackmanWindow(2) // [0, 1] */
export const blackmanWindow: WindowFunction = windowOf(
  'blackmanWindow',
  (at) => 0.42 - 0.5 * cosine(1, at) + 0.08 * cosine(2, at),
)
/** w[k] = 1 − |2k/n − 1|. torch.bartlett_window. @example audio.bartlettWindow(4) // [0, 0.5, 1, 0.5] */
export const bartlettWindow: WindowFunction = windowOf(
  'bartlettWindow',
  (at) => 1 - Math.abs(2 * at - 1),
)
