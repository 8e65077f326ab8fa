/** The curves of training runs side by side, as they grow. */
import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useId } from 'preact/hooks'
import { Chart } from '../parts/Chart.js'
import { series } from '../parts/colors.js'
import { Scroll } from '../parts/Scroll.js'
import { type Text, t } from '../text.js'
import { align, differing, type RunCurves, smooth, thin } from './curves.js'

const words = {
  title: ['Training runs', '训练记录'],
  none: [
    'There are no runs here yet. They appear as soon as one begins.',
    '这里还没有训练记录，一旦开始训练就会出现。',
  ],
  missing: [
    'This server has no runs. Start it with their folder: nabla studio runs',
    '本服务器没有训练记录。请带上文件夹启动：nabla studio runs',
  ],
  smoothing: ['Smoothing', '平滑'],
  log: ['Logarithmic', '对数坐标'],
  run: ['Run', '记录'],
  shown: ['Show', '显示'],
  table: ['Runs and the settings in which they differ', '各次训练及其不同的设置'],
  last: ['last', '最新'],
} as const satisfies Record<string, Text>

const POINTS = 1200
const TEN = 10

export function RunsView() {
  const runs = useSignal<readonly RunCurves[] | undefined>(undefined)
  const missing = useSignal(false)
  const hidden = useSignal<ReadonlySet<string>>(new Set())
  const weight = useSignal(0)
  const log = useSignal(false)
  const id = useId()
  useEffect(() => {
    const events = new EventSource('./runs/events')
    const load = () =>
      fetch('./runs/all.json')
        .then((r) => (r.ok ? r.json() : Promise.reject(new Error(`${r.status}`))))
        .then(
          (all: RunCurves[]) => {
            runs.value = all
          },
          () => {
            missing.value = true
            events.close()
          },
        )
    // Whatever was missed while the connection was down comes with the whole.
    events.onopen = load
    events.onerror = () => {
      if (runs.peek() === undefined) load()
    }
    events.onmessage = ({ data }) => {
      const run = JSON.parse(data) as RunCurves
      const others = (runs.peek() ?? []).filter((r) => r.name !== run.name)
      runs.value = [...others, run].sort((a, b) => a.name.localeCompare(b.name))
    }
    return () => events.close()
  }, [])
  const charts = useComputed(() => {
    const all = runs.value ?? []
    const colors = new Map(all.map((r, i) => [r.name, series(i % TEN)]))
    const seen = all.filter((r) => !hidden.value.has(r.name))
    const tags = [...new Set(seen.flatMap((r) => Object.keys(r.curves)))].sort()
    return tags.map((tag) => {
      const of = seen.filter((r) => r.curves[tag])
      const { step, values } = align(
        of.map((r) => {
          const { step, value } = r.curves[tag]!
          return { step: thin(step, POINTS), value: thin(smooth(value, weight.value), POINTS) }
        }),
      )
      return {
        tag,
        step,
        curves: of.map((r, i) => ({ label: r.name, data: values[i]!, color: colors.get(r.name)! })),
      }
    })
  })
  if (missing.value) return <p class="notice">{t(words.missing)}</p>
  const all = runs.value ?? []
  const columns = differing(all)
  return (
    <div class="runs">
      <h1>{t(words.title)}</h1>
      {all.length === 0 ? (
        <p class="notice">{t(words.none)}</p>
      ) : (
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
          <Scroll label={t(words.table)}>
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
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
          <div class="grid charts">
            {charts.value.map(({ tag, step, curves }) => (
              <section key={tag} class="picture">
                <h2>{tag}</h2>
                <Chart
                  label={tag}
                  x={step}
                  curves={curves}
                  log={log.value}
                  height={220}
                  legend={curves.length <= TEN}
                />
              </section>
            ))}
          </div>
        </>
      )}
    </div>
  )
}
