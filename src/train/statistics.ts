/** Norms of gradients, weights and activations by layer: they tell vanishing from exploding. */
import type { Module } from '../nn/module.js'
import { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/trace.js'
import { isFloat } from '../core/dtype.js'

export interface LayerStatistics {
  /** Path of the parameter or module. */
  name: string
  /** Root of the mean square, so that layers of different sizes compare. */
  rms: number
  mean: number
  std: number
  min: number
  max: number
  /** Share of exact zeros: dead units of ReLU. */
  zeros: number
}

/** The statistics of one tensor. */
export function statisticsOf(name: string, t: Tensor): LayerStatistics {
  const v = t.toTypedArray() as Float32Array
  let sum = 0
  let squares = 0
  let zeros = 0
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (const x of v) {
    sum += x
    squares += x * x
    if (x === 0) zeros++
    // NaN makes both NaN.
    if (!(x >= min)) min = x
    if (!(x <= max)) max = x
  }
  const n = v.length
  const mean = sum / n
  return {
    name,
    rms: Math.sqrt(squares / n),
    mean,
    std: Math.sqrt(Math.max(0, squares / n - mean * mean)),
    min,
    max,
    zeros: zeros / n,
  }
}

/** Statistics of the gradients that the parameters hold now, first layer first; those without one are left out. */
export function gradientStatistics(model: Module): LayerStatistics[] {
  return model
    .namedParameters()
    .flatMap(([name, p]) => (p.grad ? [statisticsOf(name, p.grad)] : []))
}

/** Statistics of what every module without children gives for `x`, in the order of running. */
export function activationStatistics(
  model: Module & { forward(x: Tensor): unknown },
  x: Tensor,
): LayerStatistics[] {
  const list: LayerStatistics[] = []
  const stops = [...model.namedModules()]
    .filter(([, m]) => m.namedChildren().next().done)
    .map(([path, m]) =>
      m.onForward((_m, _inputs, out) => {
        if (out instanceof Tensor && isFloat(out.dtype))
          list.push(statisticsOf(path || m.constructor.name, out))
      }),
    )
  try {
    noGrad(() => model.forward(x))
  } finally {
    for (const stop of stops) stop()
  }
  return list
}

export type GradientVerdict = 'vanishing' | 'exploding' | 'healthy'

/**
 * What the gradients of a network's weights do on the way from the last layer (last of the list) to the first:
 * the mean factor by layer, (rms first / rms last)^(1/(n−1)), below 0.5 is called vanishing and above 2 exploding,
 * and so are a whole network's gradients of zero or of numbers that are not finite.
 */
export function gradientVerdict(weights: readonly LayerStatistics[]): {
  verdict: GradientVerdict
  factor: number
} {
  if (weights.some((s) => !Number.isFinite(s.rms)))
    return { verdict: 'exploding', factor: Number.POSITIVE_INFINITY }
  const first = weights[0]?.rms ?? 0
  const last = weights[weights.length - 1]?.rms ?? 0
  if (first === 0 || last === 0) return { verdict: 'vanishing', factor: 0 }
  const factor = (first / last) ** (1 / Math.max(1, weights.length - 1))
  return { verdict: factor < 0.5 ? 'vanishing' : factor > 2 ? 'exploding' : 'healthy', factor }
}
