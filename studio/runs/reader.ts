/**
 * The worker of the runs: hears from the server how they grow, and gives the page what fits on a screen. The page itself
 * never holds the millions of numbers that a hundred runs may have.
 */
import type { RunCurves, RunGrowth } from '../../src/cli/runTypes.js'
import { align, grown, smooth } from './curves.js'

/** What the page asks for. */
export interface Wish {
  /** Runs that are not shown. */
  hidden: readonly string[]
  weight: number
}
export interface ChartData {
  tag: string
  step: number[]
  curves: { name: string; data: (number | null)[] }[]
}
export type FromReader =
  | { type: 'runs'; runs: Pick<RunCurves, 'name' | 'settings'>[]; tags: string[] }
  | { type: 'chart'; chart: ChartData }
  | { type: 'missing' }

const say = (message: FromReader) => postMessage(message)
const runs = new Map<string, RunCurves>()
let wish: Wish = { hidden: [], weight: 0 }
/** Points on a screen, of all curves of a chart together and of one. */
const POINTS = 12_000
const [LEAST, MOST] = [80, 1200]

const sorted = () => [...runs.values()].sort((a, b) => a.name.localeCompare(b.name))

/** Each chart is a message of its own, so that the page draws them one at a time. */
function tell(only?: ReadonlySet<string>): void {
  const hidden = new Set(wish.hidden)
  const seen = sorted().filter((r) => !hidden.has(r.name))
  const tags = [...new Set(seen.flatMap((r) => Object.keys(r.curves)))].sort()
  say({
    type: 'runs',
    runs: sorted().map(({ name, settings }) => ({ name, settings })),
    tags,
  })
  for (const tag of tags) {
    if (only && !only.has(tag)) continue
    const of = seen.filter((r) => r.curves[tag])
    const most = Math.max(LEAST, Math.min(MOST, Math.floor(POINTS / of.length)))
    const { step, values } = align(
      of.map((r) => {
        const { step, value } = r.curves[tag]!
        return { step, value: smooth(value, wish.weight) }
      }),
      most,
    )
    say({
      type: 'chart',
      chart: { tag, step, curves: of.map((r, i) => ({ name: r.name, data: values[i]! })) },
    })
  }
}

const at = (file: string) => new URL(`../runs/${file}`, location.href)
const events = new EventSource(at('events'))
let loading = false
async function load(): Promise<void> {
  if (loading) return
  loading = true
  try {
    const response = await fetch(at('all.json'))
    if (!response.ok) throw new Error(`${response.status}`)
    const all = (await response.json()) as RunCurves[]
    runs.clear()
    for (const run of all) runs.set(run.name, run)
    tell()
  } catch {
    // What is known already stays on the screen.
    if (runs.size === 0) {
      say({ type: 'missing' })
      events.close()
    }
  } finally {
    loading = false
  }
}
// Whatever was missed while the connection was down comes with the whole.
events.onopen = () => void load()
events.onerror = () => {
  if (runs.size === 0) void load()
}
let fresh: Set<string> | undefined
events.onmessage = ({ data }: MessageEvent<string>) => {
  const growth = JSON.parse(data) as RunGrowth
  const now = grown(runs.get(growth.name), growth)
  if (!now) {
    void load()
    return
  }
  runs.set(now.name, now)
  const tags = Object.entries(growth.curves)
    .filter(([, c]) => c.step.length > 0)
    .map(([tag]) => tag)
  // Many runs that grow at once are drawn once.
  if (!fresh)
    setTimeout(() => {
      tell(fresh)
      fresh = undefined
    }, 50)
  fresh = new Set([...(fresh ?? []), ...tags])
}
addEventListener('message', ({ data }: MessageEvent<Wish>) => {
  wish = data
  if (runs.size > 0) tell()
})
