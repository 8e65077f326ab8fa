/** Advice for a function that is traced again and again. */
import { show } from '../core/errors.js'
import { showValue } from '../core/options.js'
import { partsOf } from '../core/tree.js'
import { Tensor } from '../ops/tensor.js'

/** So many traces are told of. */
const OFTEN = 16

type Described = readonly [place: string, what: string][]

/** The arguments as text, place by place. */
function describe(value: unknown, place: string): Described {
  if (value instanceof Tensor) {
    const layout = value.isContiguous ? '' : ` with strides [${value.strides}]`
    return [[place, `${value.dtype}${show(value.shape)}${layout}`]]
  }
  const parts = partsOf(value)
  if (!parts) return [[place, showValue(value)]]
  return parts.flatMap(([key, part]) => describe(part, `${place}.${key}`))
}

/** Tells once when a function is traced often, and why. */
class Retraces {
  private told = false
  /** Since the programs were last given up. */
  private since = 0
  private before: Described = []
  private readonly often: number

  constructor(most: number) {
    this.often = Math.min(OFTEN, most + 1)
  }

  /** One more; `reason` names what has changed that is no argument, and `surplus` how many programs that has cost. */
  add(args: readonly unknown[], reason: string | undefined, surplus: number): void {
    this.since++
    const now = args.flatMap((v, i) => describe(v, `argument ${i}`))
    const i = now.findIndex(
      ([place, what], k) => this.before[k]?.[0] !== place || this.before[k]?.[1] !== what,
    )
    const [place, what] = now[i] ?? []
    const was = this.before[i]
    this.before = now
    if (this.told) return
    if (surplus > 0) {
      this.tell(
        `is traced again and again${reason ? `, since ${reason} changes` : ''}. Pass what changes as an argument, or write it into a tensor with assign().`,
      )
    } else if (this.since >= this.often && place && was) {
      this.tell(
        `has been traced ${this.since} times: ${place} was ${was[1]} and is ${what} now. Every shape and every value that is no tensor has a program of its own. Pad to a few sizes (the option buckets), drop the last batch (dropLast), or pass numbers as tensors.`,
      )
    }
  }
  private tell(what: string): void {
    this.told = true
    console.warn(`nabla: a compiled function ${what}`)
  }

  restart(): void {
    this.since = 0
  }
}

export const retraces = (most: number) => new Retraces(most)
declare module '../core/extras.js' {
  interface Extras {
    retraces: typeof retraces
  }
}
