/** The pictures of a training run and of its parts, made of the charts. */
import { sum } from '../ops/broadcast.js'
import { gradients } from '../autograd/backward.js'
import type { Tensor } from '../ops/tensor.js'
import { linspace } from '../tensor/creation.js'
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import { chartOptions } from './axes.js'
import { barChart, type ChartOptions, lineChart } from './charts.js'
import { requireList } from './common.js'

export interface CurveOptions extends Omit<ChartOptions, 'logX'> {
  /** 'loss' when not given. */
  measure?: string
}
export interface FunctionChartOptions extends ChartOptions {
  /** The first x; -4 when not given. */
  from?: number
  /** The last x; 4 when not given. */
  to?: number
}
const curveOptions: OptionNames<CurveOptions & { logX?: boolean }> = {
  ...chartOptions,
  measure: true,
}
const functionOptions: OptionNames<FunctionChartOptions> = { ...chartOptions, from: true, to: true }

/** A row of `fit`'s history. */
type Epoch = Record<string, number | undefined>

/**
 * A measure of training and its counterpart on validation data over the epochs: 'loss' is drawn with 'valLoss' where
 * there is one.
 */
export function learningCurves(history: readonly Epoch[], given: CurveOptions = {}): string {
  const { measure = 'loss', ...options } = checkOptions('learningCurves', given, curveOptions)
  const validation = `val${measure[0]!.toUpperCase()}${measure.slice(1)}`
  requireList('learningCurves', 'the history is a list of epochs: fit(...).history', history)
  const of = (key: string) => history.map((h) => h[key] ?? Number.NaN)
  return lineChart(
    {
      training: of(measure),
      ...(history.some((h) => h[validation] !== undefined) && { validation: of(validation) }),
    },
    { x: 'epoch', y: measure, ...options },
  )
}

/** The root mean square of each layer's numbers, as bars on a logarithmic axis. */
export function layerChart(
  layers: readonly { name: string; rms: number }[],
  options: Omit<ChartOptions, 'logX'> = {},
): string {
  requireList('layerChart', 'layers are a list of { name, rms }', layers)
  return barChart(Object.fromEntries(layers.map((l) => [l.name, l.rms])), {
    y: 'root mean square',
    logY: true,
    ...options,
  })
}

/** A function of one number and its derivative (by back propagation) over a range. */
export function functionChart(
  name: string,
  f: (x: Tensor) => Tensor,
  given: FunctionChartOptions = {},
): string {
  const { from = -4, to = 4, ...options } = checkOptions('functionChart', given, functionOptions)
  if (typeof f !== 'function')
    throw new ValueError({
      op: 'functionChart',
      rule: "a name and a function are needed: functionChart('tanh', (x) => x.tanh())",
      got: showValue(f),
    })
  const x = linspace(from, to, 201)
  x.requiresGrad = true
  const y = f(x)
  const [slope] = gradients(sum(y), [x])
  const list = (t: Tensor | null | undefined) => Array.from(t!.toTypedArray())
  return lineChart(
    { [name]: { x: list(x), y: list(y) }, derivative: { x: list(x), y: list(slope) } },
    { title: name, x: 'x', ...options },
  )
}
