import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { type Text, t } from '../text.js'

const wrong: Text = ['This cannot be read as a formula:', '无法读作公式：']

/** A formula of the user's own, used when the button is pressed; `error` says why the last one is none. */
export function FormulaInput({
  label,
  action,
  text,
  error,
  onUse,
}: {
  label: Text
  action: Text
  text: string
  error: string | undefined
  onUse: (text: string) => void
}) {
  const id = useId()
  const typed = useSignal(text)
  return (
    <>
      <form
        class="row"
        onSubmit={(e) => {
          e.preventDefault()
          onUse(typed.value)
        }}
      >
        <label for={id}>{t(label)}</label>
        <input
          id={id}
          type="text"
          class="wide"
          maxLength={200}
          value={typed.value}
          onInput={(e) => {
            typed.value = e.currentTarget.value
          }}
        />
        <button type="submit">{t(action)}</button>
      </form>
      {error && (
        <p class="trouble" role="alert">
          {t(wrong)} <code>{error}</code>
        </p>
      )}
    </>
  )
}
