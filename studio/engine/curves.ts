/** Curves over steps that keep their form and stay short. */

const MOST = 600

export type Curves<K extends string> = Record<'step' | K, number[]>

/** Adds a point; every second point goes when there are too many. The same step again adds nothing. */
export function record<K extends string>(
  curves: Curves<K>,
  step: number,
  values: Readonly<Record<K, number>>,
): void {
  if (curves.step.at(-1) === step) {
    // Other weights have been opened at this step: what is known of them stands for what was.
    for (const [name, v] of Object.entries<number>(values))
      if (Number.isFinite(v)) curves[name as K].splice(-1, 1, v)
    return
  }
  for (const [name, v] of Object.entries<number>({ ...values, step }))
    curves[name as K | 'step'].push(v)
  if (curves.step.length > MOST)
    for (const list of Object.values<number[]>(curves))
      list.splice(0, list.length, ...list.filter((_, i) => i % 2 === 0))
}
