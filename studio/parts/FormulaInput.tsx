import { type Text, t } from '../text.js'
import { TextInput } from './TextInput.js'

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
  return (
    <>
      <TextInput formula label={label} action={action} text={text} most={200} onUse={onUse} />
      {error && (
        <p class="trouble" role="alert">
          {t(wrong)} <code>{error}</code>
        </p>
      )}
    </>
  )
}
