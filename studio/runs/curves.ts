/** Curves of many runs brought together. */
import type { Curve, RunCurves, RunGrowth } from '../../src/cli/runTypes.js'

/** The run after it has grown; undefined when something before is missing. */
export function grown(before: RunCurves | undefined, growth: RunGrowth): RunCurves | undefined {
  const curves: Record<string, Curve> = {}
  for (const [tag, { keep, step, value }] of Object.entries(growth.curves)) {
    const old = before?.curves[tag] ?? { step: [], value: [] }
    if (old.step.length < keep) return undefined
    curves[tag] = {
      step: [...old.step.slice(0, keep), ...step],
      value: [...old.value.slice(0, keep), ...value],
    }
  }
  return { name: growth.name, settings: growth.settings, curves }
}

/**
 * An exponential moving average without the bias towards its start, as TensorBoard smooths. Numbers that are not finite
 * stay out of it.
 */
export function smooth(values: readonly number[], weight: number): number[] {
  if (weight === 0) return [...values]
  let last = 0
  let sum = 0
  return values.map((v) => {
    if (!Number.isFinite(v)) return v
    last = last * weight + (1 - weight) * v
    sum = sum * weight + (1 - weight)
    return last / sum
  })
}

/**
 * Curves over one axis, null where a curve has no point. Where there are more than `most` steps, the axis has pieces of one
 * width, and each curve its least and greatest number in each piece, in the order in which they come: no peak is lost.
 */
export function align(
  curves: readonly { readonly step: readonly number[]; readonly value: readonly number[] }[],
  most = Number.POSITIVE_INFINITY,
): { step: number[]; values: (number | null)[][] } {
  const all = new Set<number>()
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { step } of curves)
    for (const s of step) {
      if (all.size <= most) all.add(s)
      if (s < low) low = s
      if (s > high) high = s
    }
  if (all.size > most) return pieces(curves, low, high, Math.floor(most / 2))
  const step = [...all].sort((a, b) => a - b)
  const place = new Map(step.map((s, i) => [s, i]))
  const values = curves.map((c) => {
    const row: (number | null)[] = new Array(step.length).fill(null)
    c.step.forEach((s, i) => {
      const v = c.value[i]!
      row[place.get(s)!] = Number.isFinite(v) ? v : null
    })
    return row
  })
  return { step, values }
}

function pieces(
  curves: readonly { readonly step: readonly number[]; readonly value: readonly number[] }[],
  low: number,
  high: number,
  count: number,
): { step: number[]; values: (number | null)[][] } {
  const width = (high - low) / count
  // Two places in each piece; the very last one is the end, which curves are read by.
  const step = Array.from({ length: 2 * count }, (_, i) =>
    i === 2 * count - 1 ? high : low + (i / 2 + 0.25) * width,
  )
  const values = curves.map((c) => {
    const row: (number | null)[] = new Array(2 * count).fill(null)
    const first = new Array<number>(count).fill(-1)
    const second = new Array<number>(count).fill(-1)
    for (let i = 0; i < c.step.length; i++) {
      const v = c.value[i]!
      if (!Number.isFinite(v)) continue
      const p = Math.min(count - 1, Math.floor((c.step[i]! - low) / width))
      if (first[p]! < 0 || v < c.value[first[p]!]!) first[p] = i
      if (second[p]! < 0 || v > c.value[second[p]!]!) second[p] = i
    }
    for (let p = 0; p < count; p++) {
      const [a, b] = [first[p]!, second[p]!]
      if (a < 0) continue
      row[2 * p] = c.value[Math.min(a, b)]!
      row[2 * p + 1] = c.value[Math.max(a, b)]!
    }
    // Its last number is what a reader looks for.
    const end = c.value.findLastIndex((v) => Number.isFinite(v))
    if (end >= 0) {
      const p = Math.min(count - 1, Math.floor((c.step[end]! - low) / width))
      row[2 * p + 1] = c.value[end]!
    }
    return row
  })
  return { step, values }
}

/** The settings that are not the same in all runs; all of them when there is one run only. */
export function differing(runs: readonly Pick<RunCurves, 'settings'>[]): string[] {
  const names = [...new Set(runs.flatMap((r) => Object.keys(r.settings)))]
  if (runs.length < 2) return names
  return names.filter((n) => new Set(runs.map((r) => r.settings[n])).size > 1)
}
