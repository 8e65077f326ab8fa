import { useSignal } from '@preact/signals'
import { useEffect, useId } from 'preact/hooks'
import { type Text, t } from '../text.js'
import { DropFile } from './DropFile.js'

const words = {
  file: ['or a text file', '或文本文件'],
  empty: ['Nothing is in it yet: type a text.', '内容为空：请输入文字。'],
  long: ['It is too long. The most characters are', '太长了，字符数最多为'],
  refused: ['This page cannot use this text.', '本页无法使用这段文字。'],
  noText: ['it holds no text', '里面没有文本'],
  cut: [
    'The file is longer than this page takes. The characters used are the first',
    '文件超出本页的长度，只使用开头的字符，数目为',
  ],
} as const satisfies Record<string, Text>

/** A text of the user's own, used when the button is pressed. None is refused without saying why. */
export function TextInput({
  label,
  action,
  text,
  most,
  lines = 1,
  formula = false,
  refuse,
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
  /** Why the page does not take a text that is not empty; undefined where it does. */
  refuse?: (text: string) => Text | undefined
  /** False refuses the text too. */
  onUse: (text: string) => unknown
}) {
  const id = useId()
  const typed = useSignal(text)
  const trouble = useSignal<readonly [why: Text, detail?: number] | undefined>(undefined)
  const cut = useSignal(false)
  // The text of a link, or of another setting.
  useEffect(() => {
    typed.value = text
    trouble.value = undefined
  }, [text])
  const use = (given: string, shortened = false) => {
    typed.value = given
    cut.value = shortened
    const why = given.trim() === '' ? words.empty : refuse?.(given)
    if (given.length > most) trouble.value = [words.long, most]
    else if (why) trouble.value = [why]
    else trouble.value = onUse(given) === false ? [words.refused] : undefined
  }
  const field = {
    id,
    class: 'wide',
    value: typed.value,
    'aria-invalid': trouble.value !== undefined,
    ...(trouble.value && { 'aria-describedby': `${id}why` }),
    onInput: (e: { currentTarget: { value: string } }) => {
      typed.value = e.currentTarget.value
      trouble.value = undefined
      cut.value = false
    },
  }
  return (
    <>
      <form
        class="row"
        onSubmit={(e) => {
          e.preventDefault()
          use(typed.value)
        }}
      >
        <label for={id}>{t(label)}</label>
        {lines > 1 ? <textarea {...field} rows={lines} /> : <input {...field} type="text" />}
        <button type="submit">{t(action)}</button>
        {!formula && (
          <DropFile
            label={words.file}
            accept=".txt,text/plain"
            onFile={async (f) => {
              const whole = (await f.text()).replace(/\r\n?/g, '\n')
              // Bytes that are no text, and the zeros of pictures and programs.
              if (/[\0\ufffd]/.test(whole)) throw new Error(t(words.noText))
              // Lines stay where the field has lines.
              const found = lines > 1 ? whole : whole.replace(/\s+/g, ' ').trim()
              use(found.slice(0, most), found.length > most)
            }}
          />
        )}
      </form>
      {trouble.value && (
        <p class="trouble" role="alert" id={`${id}why`}>
          {t(trouble.value[0])}
          {trouble.value[1] !== undefined && ` ${trouble.value[1]}`}
        </p>
      )}
      {cut.value && !trouble.value && (
        <p class="small muted" role="status">
          {t(words.cut)} {most}
        </p>
      )}
    </>
  )
}
