/** Train, pause, one step, start again, and how fast. */
import { useId } from 'preact/hooks'
import type { Run } from '../engine/run.js'
import { words } from '../shell/words.js'
import { lang, t } from '../text.js'

const speeds = [1, 5, 20, 100, 500, Number.POSITIVE_INFINITY]

const number = (n: number) => Math.round(n).toLocaleString(lang.value === 'zh' ? 'zh-CN' : 'en')

export function RunBar({ run, reset }: { run: Run<object>; reset: () => void }) {
  const id = useId()
  const running = run.running.value
  return (
    <div class="runbar">
      <button
        type="button"
        class="main"
        onClick={() => run.play(!running)}
        disabled={run.ended.value}
      >
        {t(running ? words.pause : words.play)}
      </button>
      <button type="button" onClick={() => run.step()} disabled={run.ended.value}>
        {t(words.step)}
      </button>
      <button type="button" onClick={reset}>
        {t(words.reset)}
      </button>
      <label for={id}>{t(words.speed)}</label>
      <select
        id={id}
        value={`${run.speed.value}`}
        onChange={(e) => {
          run.speed.value = Number(e.currentTarget.value)
        }}
      >
        {speeds.map((v) => (
          <option key={v} value={`${v}`}>
            {v === Number.POSITIVE_INFINITY ? t(words.fastest) : `${v} ${t(words.perSecond)}`}
          </option>
        ))}
      </select>
      <span class="count">
        <strong>{number(run.steps.value)}</strong> {t(words.steps)}
        {running && run.perSecond.value > 0 && (
          <span class="muted">
            {' '}
            · {number(run.perSecond.value)} {t(words.perSecond)}
          </span>
        )}
      </span>
      <span class="sr" role="status">
        {run.ended.value ? t(words.ended) : ''}
      </span>
    </div>
  )
}
