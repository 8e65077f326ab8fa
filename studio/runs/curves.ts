/** Curves of many runs brought together. */

export interface RunCurves {
  name: string
  settings: Record<string, string>
  curves: Record<string, { step: number[]; value: number[] }>
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

/** At most `most` points, the last one among them: a screen has no room for more. */
export function thin<T>(list: readonly T[], most: number): T[] {
  if (list.length <= most) return [...list]
  const stride = (list.length - 1) / (most - 1)
  return Array.from({ length: most }, (_, i) => list[Math.round(i * stride)]!)
}

/** Steps of all curves together, and each curve over them, null where it has no point. */
export function align(curves: readonly { step: readonly number[]; value: readonly number[] }[]): {
  step: number[]
  values: (number | null)[][]
} {
  const step = [...new Set(curves.flatMap((c) => c.step))].sort((a, b) => a - b)
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

/** The settings that are not the same in all runs; all of them when there is one run only. */
export function differing(runs: readonly RunCurves[]): string[] {
  const names = [...new Set(runs.flatMap((r) => Object.keys(r.settings)))]
  if (runs.length < 2) return names
  return names.filter((n) => new Set(runs.map((r) => r.settings[n])).size > 1)
}
