import { useSignal } from '@preact/signals'
import { useEffect, useId } from 'preact/hooks'
import { type Text, t } from '../text.js'
import { DropFile } from './DropFile.js'

const file: Text = ['or a text file', '或文本文件']

/** A text of the user's own, used when the button is pressed. */
export function TextInput({
  label,
  action,
  text,
  most,
  lines = 1,
  formula = false,
  onUse,
}: {
  label: Text
  action: Text
  text: string
  /** Characters at most. */
  most: number
  lines?: number
  /** Too short for a file. */
  formula?: boolean
  onUse: (text: string) => void
}) {
  const id = useId()
  const typed = useSignal(text)
  // The text of a link, or of another setting.
  useEffect(() => {
    typed.value = text
  }, [text])
  const field = {
    id,
    class: 'wide',
    maxLength: most,
    value: typed.value,
    onInput: (e: { currentTarget: { value: string } }) => {
      typed.value = e.currentTarget.value
    },
  }
  return (
    <form
      class="row"
      onSubmit={(e) => {
        e.preventDefault()
        onUse(typed.value.slice(0, most))
      }}
    >
      <label for={id}>{t(label)}</label>
      {lines > 1 ? <textarea {...field} rows={lines} /> : <input {...field} type="text" />}
      <button type="submit">{t(action)}</button>
      {!formula && (
        <DropFile
          label={file}
          accept=".txt,text/plain"
          onFile={async (f) => {
            const whole = (await f.text()).replace(/\r\n?/g, '\n')
            // Lines stay where the field has lines.
            const found = (lines > 1 ? whole : whole.replace(/\s+/g, ' ').trim()).slice(0, most)
            typed.value = found
            onUse(found)
          }}
        />
      )}
    </form>
  )
}
