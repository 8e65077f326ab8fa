/** What `nabla studio RUNS` sends of training runs, and its pages draw. */
import type { Confusion } from '../train/record.js'
import type { Histogram } from '../train/tensorboard.js'

export interface Curve {
  step: number[]
  value: number[]
}
export interface RunCurves {
  /** Its folder, from the folder of the runs. */
  name: string
  settings: Record<string, string>
  curves: Record<string, Curve>
}
/** How a run has grown: of each curve the first `keep` points stay, and these follow. */
export interface RunGrowth {
  name: string
  settings: Record<string, string>
  curves: Record<string, Curve & { keep: number }>
}
/** What is shown of one run alone. */
export interface RunDetails {
  name: string
  histograms: Record<string, ({ step: number } & Histogram)[]>
  pictures: { title: string; url: string }[]
  /** An SVG. */
  graph?: string
  confusion?: Confusion
}
