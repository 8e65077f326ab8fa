/** One run: its settings, the confusion matrix with examples, the graph of the model, histograms by layer, pictures. */
import type { RunCurves, RunDetails as Details } from '../../src/cli/runTypes.js'
import { type Signal, useSignal } from '@preact/signals'
import { useEffect, useId } from 'preact/hooks'
import { css } from '../parts/colors.js'
import { Heat } from '../parts/Heat.js'
import { Ridges } from '../parts/Ridges.js'
import { Scroll } from '../parts/Scroll.js'
import { linkTo } from '../shell/route.js'
import { t } from '../text.js'
import { words } from './words.js'

export function RunDetails({
  name,
  runs,
}: {
  name: string
  runs: Signal<readonly Pick<RunCurves, 'name' | 'settings'>[] | undefined>
}) {
  const details = useSignal<Details | null | undefined>(undefined)
  // Told anew whenever runs grow: a run that goes on has more to show.
  const known = runs.value
  useEffect(() => {
    let late = false
    fetch(`./runs/run.json?${encodeURIComponent(name)}`)
      .then((r) => (r.ok ? (r.json() as Promise<Details>) : null))
      .catch(() => null)
      .then((found) => {
        if (late) return
        if (JSON.stringify(found) !== JSON.stringify(details.peek())) details.value = found
      })
    return () => {
      late = true
    }
  }, [name, known])
  const found = details.value
  const settings = Object.entries(known?.find((r) => r.name === name)?.settings ?? {})
  return (
    <div class="runs">
      <p>
        <a href={linkTo('runs')}>← {t(words.back)}</a>
      </p>
      <h1>{name}</h1>
      {found === undefined ? (
        <p class="notice" role="status">
          {t(words.loading)}
        </p>
      ) : found === null ? (
        <p class="notice" role="alert">
          {t(words.noRun)}
        </p>
      ) : (
        <>
          {settings.length > 0 && (
            <section class="picture">
              <h2>{t(words.settings)}</h2>
              <dl class="numbers">
                {settings.map(([k, v]) => (
                  <div key={k}>
                    <dt>{k}</dt>
                    <dd>{v}</dd>
                  </div>
                ))}
              </dl>
            </section>
          )}
          {found.confusion && <ConfusionMatrix of={found.confusion} />}
          <Histograms of={found.histograms} />
          {found.graph && (
            <section class="picture">
              <h2>{t(words.graph)}</h2>
              <Scroll label={t(words.graph)} class="tall">
                <img
                  class="paper"
                  alt={t(words.graph)}
                  src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(found.graph)}`}
                />
              </Scroll>
            </section>
          )}
          {found.pictures.length > 0 && (
            <section class="picture">
              <h2>{t(words.pictures)}</h2>
              <div class="grid album">
                {found.pictures.map(({ title, url }) => (
                  <figure key={url}>
                    <a href={url} target="_blank" rel="noopener">
                      <img class="paper" loading="lazy" alt={title} src={url} />
                    </a>
                    <figcaption>{title}</figcaption>
                  </figure>
                ))}
              </div>
            </section>
          )}
        </>
      )}
    </div>
  )
}

const pixelsOf = (text: string) => Float32Array.from(atob(text), (c) => c.charCodeAt(0) / 255)

function ConfusionMatrix({ of }: { of: NonNullable<Details['confusion']> }) {
  const chosen = useSignal<readonly [number, number] | undefined>(undefined)
  const { classes, counts, examples } = of
  const most = Math.max(1, ...counts.flatMap((row, r) => row.filter((_, c) => c !== r)))
  const [row, column] = chosen.value ?? []
  const behind = row === undefined ? undefined : (examples[`${row},${column}`] ?? [])
  return (
    <section class="picture">
      <h2>{t(words.confusion)}</h2>
      <p class="muted">{t(words.confusionAbout)}</p>
      <Scroll label={t(words.confusion)} class="tall">
        <table class="matrix confusion">
          <thead>
            <tr>
              <td />
              {classes.map((name, c) => (
                <th key={c} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {counts.map((list, r) => (
              <tr key={r}>
                <th scope="row">{classes[r]}</th>
                {list.map((n, c) => (
                  <td
                    key={c}
                    style={{
                      background: css(
                        // Right ones in blue, wrong ones in orange, by their number.
                        n === 0 ? 0 : r === c ? 0.12 : -0.06 - (0.24 * n) / most,
                      ),
                    }}
                  >
                    {n === 0 ? (
                      <span class="muted">0</span>
                    ) : (
                      <button
                        type="button"
                        class="plain"
                        aria-pressed={r === row && c === column}
                        aria-label={`${t(words.truth)} ${classes[r]}, ${t(words.said)} ${classes[c]}: ${n}`}
                        onClick={() => {
                          chosen.value = r === row && c === column ? undefined : [r, c]
                        }}
                      >
                        {n}
                      </button>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {behind && (
        <div aria-live="polite">
          <h3>
            {t(words.examples)}: {t(words.truth)} {classes[row!]}, {t(words.said)}{' '}
            {classes[column!]}
          </h3>
          <ul class="examples">
            {behind.map(({ index, text, pixels }) => (
              <li key={index}>
                {pixels && of.width && of.height && (
                  <Heat
                    data={pixelsOf(pixels)}
                    width={of.width}
                    height={of.height}
                    scale={1}
                    gray
                    label={`${t(words.example)} ${index}`}
                  />
                )}
                <span class="muted small">{text ?? `#${index}`}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  )
}

function Histograms({ of }: { of: Details['histograms'] }) {
  const filter = useSignal('')
  const id = useId()
  const tags = Object.keys(of).sort()
  const shown = tags.filter((tag) => tag.includes(filter.value))
  return (
    <section class="picture">
      <h2>{t(words.histograms)}</h2>
      {tags.length === 0 ? (
        <p class="muted">{t(words.noHistograms)}</p>
      ) : (
        <>
          <p class="muted">{t(words.histogramAbout)}</p>
          {tags.length > 6 && (
            <div class="row">
              <label for={id}>{t(words.filter)}</label>
              <input
                id={id}
                type="search"
                value={filter.value}
                onInput={(e) => {
                  filter.value = e.currentTarget.value
                }}
              />
            </div>
          )}
          <div class="grid ridge-grid">
            {shown.map((tag) => {
              const ridges = of[tag]!
              const [first, last] = [ridges[0]!.step, ridges.at(-1)!.step]
              const steps = `${t(words.step)} ${first}–${last}`
              return (
                <figure key={tag}>
                  <figcaption>
                    {tag} <span class="muted">{steps}</span>
                  </figcaption>
                  <Ridges
                    ridges={ridges}
                    label={`${tag}, ${steps}: ${t(words.from)} ${ridges.at(-1)!.edges[0]!.toPrecision(3)} ${t(words.to)} ${ridges.at(-1)!.edges.at(-1)!.toPrecision(3)}`}
                  />
                </figure>
              )
            })}
          </div>
        </>
      )}
    </section>
  )
}
