/** Sound as a picture: its frequencies and its samples over time. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { type Matrix, type Numbers, numbersOf, rowsOf } from '../tensor/values.js'
import { type ChartOptions, lineChart } from './charts.js'
import { heatMapChart, type HeatMapOptions } from './matrices.js'

export interface SpectrogramChartOptions
  extends Omit<HeatMapOptions, 'columnNames' | 'rowNames' | 'values'> {
  /** Hz; with hopLength the columns are named in seconds, the rows in Hz; numbers of frames and rows when not given. */
  sampleRate?: number
  /** Samples from column to column. */
  hopLength?: number
  /** The frequency of each row in Hz, such as those of mel filters; at equal distances up to half the rate when not given. */
  frequencies?: readonly number[]
}
const names: OptionNames<SpectrogramChartOptions> = {
  title: true,
  x: true,
  y: true,
  width: true,
  height: true,
  colors: true,
  range: true,
  sampleRate: true,
  hopLength: true,
  frequencies: true,
}

/** Names at about `count` places among n, the values at them rounded; the others have none. */
function marks(values: readonly number[], count: number, digits: number): string[] {
  const step = Math.max(1, Math.ceil(values.length / count))
  return values.map((v, i) => (i % step === 0 ? `${Number(v.toFixed(digits))}` : ''))
}

/**
 * A spectrogram (frequencies, frames), the lowest frequency at the bottom: decibels show more than power.
 * @throws ShapeError for what is no matrix, ValueError for another number of frequencies
 * @example spectrogramChart([[0, -20], [-40, -60]], { sampleRate: 8000, hopLength: 128 }).slice(0, 4) // '<svg'
 */
export function spectrogramChart(matrix: Matrix, options: SpectrogramChartOptions = {}): string {
  const op = 'spectrogramChart'
  const { sampleRate, hopLength, frequencies, ...rest } = checkOptions(op, options, names)
  const rows = rowsOf(op, matrix)
  const [n, m] = [rows.length, rows[0]!.length]
  if (frequencies && frequencies.length !== n)
    throw new ValueError({
      op,
      rule: `there is a frequency for each of the ${n} rows`,
      got: `${frequencies.length}`,
    })
  const hz =
    frequencies ??
    (sampleRate !== undefined
      ? Array.from({ length: n }, (_, i) => (i * sampleRate) / 2 / Math.max(1, n - 1))
      : undefined)
  const timed = sampleRate !== undefined && hopLength !== undefined
  const columns = Array.from({ length: m }, (_, t) => (timed ? (t * hopLength) / sampleRate : t))
  return heatMapChart(rows.toReversed(), {
    x: timed ? 'seconds' : 'frame',
    y: hz ? 'Hz' : 'row',
    rowNames: marks(hz ?? Array.from({ length: n }, (_, i) => i), 8, 0).reverse(),
    columnNames: marks(columns, 8, 2),
    ...rest,
  })
}

export interface WaveformChartOptions extends Omit<ChartOptions, 'logX' | 'logY'> {
  /** Hz, for an axis in seconds. */
  sampleRate?: number
}
/**
 * Samples over time. More than 2,000 are drawn as the least and the largest of each stretch, so that no peak is lost.
 * @example waveformChart([0, 0.5, 0, -0.5], { sampleRate: 4 }).slice(0, 4) // '<svg'
 */
export function waveformChart(samples: Numbers, options: WaveformChartOptions = {}): string {
  const { sampleRate, ...rest } = options
  const values = numbersOf(samples)
  const stretch = Math.max(1, Math.ceil(values.length / 1000))
  const [x, y]: [number[], number[]] = [[], []]
  const put = (i: number) => {
    x.push(sampleRate === undefined ? i : i / sampleRate)
    y.push(values[i]!)
  }
  if (values.length <= 2000) for (let i = 0; i < values.length; i++) put(i)
  else
    for (let from = 0; from < values.length; from += stretch) {
      let [low, high] = [from, from]
      for (let i = from; i < Math.min(from + stretch, values.length); i++) {
        if (values[i]! < values[low]!) low = i
        if (values[i]! > values[high]!) high = i
      }
      for (const i of [Math.min(low, high), Math.max(low, high)]) put(i)
    }
  return lineChart(
    { sound: { x, y } },
    { x: sampleRate === undefined ? 'sample' : 'seconds', width: 760, height: 240, ...rest },
  )
}
