/** Loads a page, gives it its worker, and puts around it what every page has. */
import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { type Run, startRun } from '../engine/run.js'
import { programText } from '../engine/program.js'
import type { AnyPage } from '../page.js'
import type { PageEntry } from '../pages.js'
import { Controls } from '../parts/Controls.js'
import { Formula } from '../parts/Formula.js'
import { RunBar } from '../parts/RunBar.js'
import { Weights } from '../parts/Weights.js'
import { fromLink, toLink } from '../settings.js'
import { t } from '../text.js'
import { Notice } from './Notice.js'
import { keepState, route } from './route.js'
import { words } from './words.js'

const views = import.meta.glob<{ default: AnyPage }>('../pages/*.tsx')

export function PageHost({ entry }: { entry: PageEntry }) {
  const page = useSignal<AnyPage | undefined>(undefined)
  const failed = useSignal(false)
  useEffect(() => {
    views[`../pages/${entry.id}.tsx`]!().then(
      (m) => {
        page.value = m.default
      },
      () => {
        failed.value = true
      },
    )
  }, [entry.id])
  if (failed.value) return <Notice kind="files" again={() => location.reload()} />
  if (!page.value)
    return (
      <p class="notice" role="status">
        {t(words.loading)}
      </p>
    )
  return <Ready entry={entry} page={page.value} />
}

type Values = Record<string, unknown>

function Ready({ entry, page }: { entry: PageEntry; page: AnyPage }) {
  const { schema, View } = page
  const values = useSignal<Values>(fromLink(schema, new URLSearchParams(route.peek().query)))
  const run: Run<object> = useMemo(() => startRun(entry.id, values.peek(), page.speed), [entry.id])
  useEffect(() => {
    // For the console and for tests: `studio.run.frame.value` is what the picture shows.
    Object.assign(globalThis, { studio: { run, values } })
    return run.close
  }, [run])
  // A link to another state of the same page.
  const { query } = route.value
  const own = useRef(query)
  const apply = (next: Values) => {
    const before = values.peek()
    const changed = Object.keys(schema).filter(
      (k) => JSON.stringify(before[k]) !== JSON.stringify(next[k]),
    )
    if (changed.length === 0) return
    values.value = next
    if (changed.every((k) => page.live?.includes(k))) run.change(next)
    else run.reset(next)
  }
  useEffect(() => {
    if (query !== own.current) apply(fromLink(schema, new URLSearchParams(query)))
    own.current = query
  }, [query])
  const set = (change: object) => {
    apply({ ...values.peek(), ...change })
    own.current = toLink(schema, values.peek())
    keepState(own.current)
  }
  const reset = () => run.reset(values.peek())
  const trouble = run.trouble.value
  const frame = run.frame.value
  const progress = run.progress.value
  const talk = page.parts?.of[`${values.value[page.parts.by]}`] ?? page
  return (
    <article class={`page page-${entry.id}`}>
      <h1>{t(entry.title)}</h1>
      <p class="lead">{t(page.intro)}</p>
      {trouble && <Notice kind={trouble.kind} again={reset} detail={trouble.message} />}
      <div class="stage">
        <div class="picture" aria-busy={frame === undefined}>
          {run.trains.value && <RunBar run={run} reset={reset} />}
          {frame !== undefined ? (
            <View s={values.value} set={set} run={run} frame={frame} />
          ) : (
            !trouble && (
              <p class="notice" role="status">
                {progress
                  ? `${progress.what} ${Math.round(progress.part * 100)} %`
                  : t(words.starting)}
              </p>
            )
          )}
          {run.keeps.value && frame !== undefined && <Weights run={run} page={entry.id} />}
        </div>
        <aside aria-label={t(words.settings)}>
          <Controls schema={schema} values={values.value} set={set} />
        </aside>
      </div>
      <section class="below">
        <div>
          <h2>{t(words.formula)}</h2>
          <Formula tex={talk.formula} block />
          <h2>{t(words.question)}</h2>
          <p>{t(talk.question)}</p>
          <details>
            <summary>{t(words.answer)}</summary>
            <p>{t(talk.answer)}</p>
          </details>
        </div>
        <div>
          <h2>{t(words.torch)}</h2>
          <table class="terms">
            <thead>
              <tr>
                <th scope="col">nabla</th>
                <th scope="col">PyTorch</th>
              </tr>
            </thead>
            <tbody>
              {page.torch.map(([ours, theirs]) => (
                <tr key={ours}>
                  <td>
                    <code>{ours}</code>
                  </td>
                  <td>
                    <code>{theirs}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          <Copy label={t(words.share)} text={() => location.href} />
        </div>
        <Code text={programText(page.program, values.value)} />
      </section>
    </article>
  )
}

function Copy({ label, text }: { label: string; text: () => string }) {
  const done = useSignal(false)
  return (
    <button
      type="button"
      onClick={async () => {
        await navigator.clipboard.writeText(text())
        done.value = true
        setTimeout(() => {
          done.value = false
        }, 1500)
      }}
    >
      <span aria-live="polite">{done.value ? t(words.copied) : label}</span>
    </button>
  )
}

function Code({ text }: { text: string }) {
  return (
    <details class="code">
      <summary>{t(words.code)}</summary>
      <p class="muted">{t(words.codeAbout)}</p>
      <Copy label={t(words.copy)} text={() => text} />
      {/* A region that scrolls is reached by the keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <pre tabIndex={0} lang="en">
        <code>{text}</code>
      </pre>
    </details>
  )
}
