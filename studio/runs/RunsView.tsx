/** Training runs as they grow: side by side, or one alone. */
import type { RunCurves } from '../../src/cli/runTypes.js'
import { type Signal, signal, useSignal } from '@preact/signals'
import { useEffect, useId, useMemo, useRef } from 'preact/hooks'
import { Chart } from '../parts/Chart.js'
import { series } from '../parts/colors.js'
import { Scroll } from '../parts/Scroll.js'
import { linkTo, route } from '../shell/route.js'
import { t } from '../text.js'
import { differing } from './curves.js'
import { RunDetails } from './RunDetails.js'
import type { ChartData, FromReader, Wish } from './reader.js'
import { words } from './words.js'
import './runs.css'

const TEN = 10
export const runLink = (name: string) => linkTo('runs', `run=${encodeURIComponent(name)}`)

/** What the reader has told; each chart is a signal of its own, so that one is drawn at a time. */
interface Known {
  runs: Signal<readonly Pick<RunCurves, 'name' | 'settings'>[] | undefined>
  tags: Signal<readonly string[]>
  charts: Map<string, Signal<ChartData | undefined>>
  missing: Signal<boolean>
}
const chartOf = (known: Known, tag: string) => {
  let chart = known.charts.get(tag)
  if (!chart) {
    chart = signal(undefined)
    known.charts.set(tag, chart)
  }
  return chart
}

export function RunsView() {
  const known = useMemo<Known>(
    () => ({
      runs: signal(undefined),
      tags: signal([]),
      charts: new Map(),
      missing: signal(false),
    }),
    [],
  )
  const reader = useRef<Worker | undefined>(undefined)
  const hidden = useSignal<ReadonlySet<string>>(new Set())
  const weight = useSignal(0)
  useEffect(() => {
    const worker = new Worker(new URL('./reader.ts', import.meta.url), { type: 'module' })
    worker.onmessage = ({ data }: MessageEvent<FromReader>) => {
      if (data.type === 'missing') known.missing.value = true
      else if (data.type === 'chart') chartOf(known, data.chart.tag).value = data.chart
      else {
        known.missing.value = false
        known.runs.value = data.runs
        if (data.tags.join() !== known.tags.peek().join()) known.tags.value = data.tags
      }
    }
    worker.onerror = (e) => {
      e.preventDefault()
      known.missing.value = true
    }
    reader.current = worker
    return () => worker.terminate()
  }, [known])
  const ask = (wish: Wish) => reader.current?.postMessage(wish)
  const alone = new URLSearchParams(route.value.query).get('run')
  if (known.missing.value)
    return (
      <p class="notice" role="alert">
        {t(words.missing)}
      </p>
    )
  if (alone !== null) return <RunDetails key={alone} name={alone} runs={known.runs} />
  return (
    <div class="runs">
      <h1>{t(words.title)}</h1>
      {known.runs.value === undefined ? (
        <p class="notice" role="status">
          {t(words.loading)}
        </p>
      ) : known.runs.value.length === 0 ? (
        <p class="notice">{t(words.none)}</p>
      ) : (
        <Compared known={known} hidden={hidden} weight={weight} ask={ask} />
      )}
    </div>
  )
}

function Compared({
  known,
  hidden,
  weight,
  ask,
}: {
  known: Known
  hidden: Signal<ReadonlySet<string>>
  weight: Signal<number>
  ask: (wish: Wish) => void
}) {
  const log = useSignal(false)
  const id = useId()
  const all = known.runs.value!
  const columns = differing(all)
  const tell = () => ask({ hidden: [...hidden.value], weight: weight.value })
  const colors = new Map(all.map((r, i) => [r.name, series(i % TEN)]))
  return (
    <>
      <div class="row">
        <label for={id}>{t(words.smoothing)}</label>
        <input
          id={id}
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          value={weight.value}
          style={{ width: '12rem' }}
          onInput={(e) => {
            weight.value = e.currentTarget.valueAsNumber
            tell()
          }}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={log.value}
            onChange={(e) => {
              log.value = e.currentTarget.checked
            }}
          />
          {t(words.log)}
        </label>
      </div>
      <Scroll label={t(words.table)} class="tall">
        <table class="terms">
          <thead>
            <tr>
              <th scope="col">{t(words.shown)}</th>
              <th scope="col">{t(words.run)}</th>
              {columns.map((c) => (
                <th key={c} scope="col">
                  {c}
                </th>
              ))}
              <th scope="col">
                <span class="sr">{t(words.look)}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {all.map((r, i) => (
              <tr key={r.name}>
                <td>
                  <input
                    type="checkbox"
                    aria-label={`${t(words.shown)} ${r.name}`}
                    checked={!hidden.value.has(r.name)}
                    onChange={() => {
                      const next = new Set(hidden.value)
                      if (!next.delete(r.name)) next.add(r.name)
                      hidden.value = next
                      tell()
                    }}
                  />
                </td>
                <th scope="row" class="check">
                  <i style={{ background: series(i % TEN) }} />
                  {r.name}
                </th>
                {columns.map((c) => (
                  <td key={c}>{r.settings[c]}</td>
                ))}
                <td>
                  <a href={runLink(r.name)} aria-label={`${t(words.look)}: ${r.name}`}>
                    {t(words.look)}
                  </a>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <div class="grid charts">
        {known.tags.value.map((tag) => (
          <ChartCard key={tag} tag={tag} chart={chartOf(known, tag)} log={log} colors={colors} />
        ))}
      </div>
    </>
  )
}

/** A chart that is drawn from when it is first seen. */
function ChartCard({
  tag,
  chart,
  log,
  colors,
}: {
  tag: string
  chart: Signal<ChartData | undefined>
  log: Signal<boolean>
  colors: ReadonlyMap<string, string>
}) {
  const home = useRef<HTMLElement>(null)
  const seen = useSignal(false)
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((e) => e.isIntersecting)) return
        seen.value = true
        observer.disconnect()
      },
      { rootMargin: '200px' },
    )
    observer.observe(home.current!)
    return () => observer.disconnect()
  }, [seen])
  const data = chart.value
  return (
    <section ref={home} class="picture">
      <h2>{tag}</h2>
      <div style={{ minHeight: '220px' }}>
        {seen.value && data && (
          <Chart
            label={tag}
            x={data.step}
            curves={data.curves.map((c) => ({
              label: c.name,
              data: c.data,
              color: colors.get(c.name) ?? series(0),
            }))}
            log={log.value}
            height={220}
            legend={data.curves.length <= TEN}
          />
        )}
      </div>
    </section>
  )
}
