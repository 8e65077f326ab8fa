/** Numbers over steps, for a chart. */

/** Every second point goes when there are more than `most`: the curve keeps its form. */
export function thin(lists: Readonly<Record<string, number[]>>, most = 600): void {
  for (const list of Object.values(lists))
    if (list.length > most) list.splice(0, list.length, ...list.filter((_, i) => i % 2 === 0))
}
