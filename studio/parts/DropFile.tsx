/** A file of the user's own: dropped here, or chosen. It stays on this machine. */
import { useSignal } from '@preact/signals'
import { type Text, t } from '../text.js'

const how: Text = ['drop it here, or choose it', '拖到这里，或点击选择']
const wrong: Text = ['This file cannot be used:', '无法使用这个文件：']

export function DropFile({
  label,
  accept,
  onFile,
}: {
  label: Text
  /** As `accept` of an input has it: `.csv,text/csv`. */
  accept: string
  /** What it throws is shown. */
  onFile: (file: File) => Promise<unknown> | unknown
}) {
  const over = useSignal(false)
  const trouble = useSignal<string | undefined>(undefined)
  const use = async (file: File | undefined) => {
    if (!file) return
    trouble.value = undefined
    try {
      await onFile(file)
    } catch (error) {
      trouble.value = error instanceof Error ? error.message : `${error}`
    }
  }
  return (
    <section
      aria-label={t(label)}
      class={`drop ${over.value ? 'over' : ''}`}
      onDragOver={(e) => {
        e.preventDefault()
        over.value = true
      }}
      onDragLeave={() => {
        over.value = false
      }}
      onDrop={(e) => {
        e.preventDefault()
        over.value = false
        void use(e.dataTransfer?.files[0])
      }}
    >
      <label class="file">
        {t(label)} · {t(how)}
        {/* The browser's own button speaks its language, not that of the page. */}
        <input
          class="sr"
          type="file"
          accept={accept}
          onChange={(e) => {
            void use(e.currentTarget.files?.[0])
            // The same file may be chosen again.
            e.currentTarget.value = ''
          }}
        />
      </label>
      {trouble.value !== undefined && (
        <p class="small" role="alert">
          {t(wrong)} {trouble.value}
        </p>
      )}
    </section>
  )
}
