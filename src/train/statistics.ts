/** Norms of gradients, weights and activations by layer: they tell vanishing from exploding. */
import { pow } from '../core/math.js'
import { gradients } from '../autograd/backward.js'
import { asNumbers, isFloat } from '../core/dtype.js'
import { checkOptions } from '../core/options.js'
import { crossEntropy } from '../ops/loss/index.js'
import { Tensor } from '../ops/tensor.js'
import {
  type AnyModel,
  type Batch,
  callLoss,
  callModel,
  type LossFunction,
  splitBatch,
} from './evaluate.js'
import { untouched } from './untouched.js'

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

/** The statistics of one tensor, in float64. */
export function statisticsOf(name: string, t: Tensor): LayerStatistics {
  const v = asNumbers(t.toTypedArray())
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
  // The mean of the squares less the square of the mean would lose all digits where the mean is large.
  let spread = 0
  for (const x of v) spread += (x - mean) * (x - mean)
  return {
    name,
    rms: Math.sqrt(squares / n),
    mean,
    std: Math.sqrt(spread / n),
    min,
    max,
    zeros: zeros / n,
  }
}

/** One look at how numbers flow through a network: forward through its layers, and back as gradients. */
export interface Inspection {
  /** Outputs of the innermost modules, in the order in which they ran. */
  activations: LayerStatistics[]
  /** Gradient of the loss with respect to the output of each layer with weights, in the same order. */
  errors: LayerStatistics[]
  /** Gradient of the loss by each parameter. */
  gradients: LayerStatistics[]
  verdict: GradientVerdict
  /** Mean factor by which the error changes from a layer to the one before it. */
  factor: number
}

interface Named {
  name: string
  t: Tensor
}
/** The tensors that an `Inspection` tells about. */
export interface Flow {
  activations: Named[]
  errors: Named[]
  gradients: Named[]
}

/**
 * Runs a batch forward and back in evaluation mode, and nothing of the model changes: the mode of every module,
 * gradients, running statistics and the random generator are afterwards as they were.
 */
export function flowOf<Out = Tensor>(
  op: string,
  model: AnyModel<Out>,
  batch: Batch,
  loss: LossFunction<Out>,
  inputs?: number,
): Flow {
  const [xs, ys] = splitBatch(op, batch, inputs)
  const outputs: { name: string; weighted: boolean; t: Tensor }[] = []
  const stops = [...model.namedModules()]
    .filter(([, m]) => m.namedChildren().next().done)
    .map(([path, m]) =>
      m.onForward((_m, _inputs, out) => {
        if (out instanceof Tensor && isFloat(out.dtype))
          outputs.push({
            name: path || m.constructor.name,
            weighted: m.parameters().some((p) => p.rank > 1),
            t: out,
          })
      }),
    )
  const look = (): Flow => {
    model.eval()
    const value = callLoss(loss as LossFunction<never>, callModel(model, xs), ys)
    const params = model.namedParameters().filter(([, p]) => p.requiresGrad)
    const layers = outputs.filter((o) => o.weighted && o.t.requiresGrad)
    const found = gradients(value, [...params.map(([, p]) => p), ...layers.map((o) => o.t)])
    const list = (names: string[], from: number) =>
      names.flatMap((name, i) => (found[from + i] ? [{ name, t: found[from + i]! }] : []))
    return {
      activations: outputs,
      errors: list(
        layers.map((o) => o.name),
        params.length,
      ),
      gradients: list(
        params.map(([name]) => name),
        0,
      ),
    }
  }
  try {
    return untouched(model, look)
  } finally {
    for (const stop of stops) stop()
  }
}

/**
 * Statistics of a batch that runs forward and back in evaluation mode; nothing of the model changes by it, nor does the
 * random generator.
 */
export function inspectGradients<Out = Tensor>(
  model: AnyModel<Out>,
  batch: Batch,
  loss: LossFunction<Out> = crossEntropy as unknown as LossFunction<Out>,
  options: { inputs?: number | undefined } = {},
): Inspection {
  const { inputs } = checkOptions('inspectGradients', options, ['inputs'])
  const flow = flowOf('inspectGradients', model, batch, loss, inputs)
  const told = (list: readonly Named[]) => list.map(({ name, t }) => statisticsOf(name, t))
  const errors = told(flow.errors)
  return {
    activations: told(flow.activations),
    errors,
    gradients: told(flow.gradients),
    ...gradientVerdict(errors),
  }
}

export type GradientVerdict = 'vanishing' | 'exploding' | 'healthy'

/**
 * What the errors of a network's layers do on the way from the last one (last of the list) to the first. Less than a
 * hundredth arrives: vanishing; more than a hundredfold, or values that are not finite: exploding. `factor` is the mean
 * change by layer, (rms first / rms last)^(1/(n−1)).
 */
export function gradientVerdict(errors: readonly LayerStatistics[]): {
  verdict: GradientVerdict
  factor: number
} {
  if (errors.some((s) => !Number.isFinite(s.rms)))
    return { verdict: 'exploding', factor: Number.POSITIVE_INFINITY }
  const first = errors[0]?.rms ?? 0
  const last = errors[errors.length - 1]?.rms ?? 0
  if (first === 0 || last === 0) return { verdict: 'vanishing', factor: 0 }
  const whole = first / last
  return {
    verdict: whole < 0.01 ? 'vanishing' : whole > 100 ? 'exploding' : 'healthy',
    factor: pow(whole, 1 / Math.max(1, errors.length - 1)),
  }
}
