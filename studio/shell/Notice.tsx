/** Why something cannot go on, and another try. */
import { t } from '../text.js'
import { troubles, words } from './words.js'

export function Notice({
  kind,
  again,
  detail,
}: {
  kind: keyof typeof troubles
  again: () => void
  detail?: string
}) {
  return (
    <div class="trouble" role="alert">
      <h2>{t(words.failed)}</h2>
      <p>{t(troubles[kind])}</p>
      {detail && <p class="detail">{detail}</p>}
      <button type="button" onClick={again}>
        {t(words.again)}
      </button>
    </div>
  )
}
