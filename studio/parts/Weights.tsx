/** What a page has trained: kept in this browser, saved as a file, and taken back. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Run } from '../engine/run.js'
import { type Text, t } from '../text.js'
import { DropFile } from './DropFile.js'

const words = {
  title: ['The trained weights', '训练好的权重'],
  keep: ['Keep them in this browser', '保存在此浏览器'],
  take: ['Take the kept ones', '取回保存的权重'],
  save: ['Download', '下载'],
  open: ['Open a file (.safetensors)', '打开文件（.safetensors）'],
  kept: ['Kept.', '已保存。'],
  taken: ['Taken.', '已取回。'],
  bad: [
    'These are no weights of this network: are the settings those with which it was trained?',
    '这不是本网络的权重：设置是否与训练时相同？',
  ],
  full: [
    "The browser's storage does not take them: is the disk full, or this a private window?",
    '浏览器无法保存：磁盘是否已满，或者这是隐私窗口？',
  ],
} as const satisfies Record<string, Text>

export function Weights({ run, page }: { run: Run<object>; page: string }) {
  const kept = useSignal(false)
  const said = useSignal<Text | undefined>(undefined)
  useEffect(() => {
    run.ask<boolean>('weights.kept').then(
      (is) => {
        kept.value = is
      },
      // Without storage there are none.
      () => {},
    )
  }, [run])
  /** Does it, and says how it went. */
  const tell = (work: () => Promise<unknown>, well: Text | undefined, badly: Text) => async () => {
    try {
      await work()
      said.value = well
    } catch {
      said.value = badly
    }
  }
  return (
    <details class="weights">
      <summary>{t(words.title)}</summary>
      <div class="row">
        <button
          type="button"
          onClick={tell(
            async () => {
              await run.ask('weights.keep')
              kept.value = true
            },
            words.kept,
            words.full,
          )}
        >
          {t(words.keep)}
        </button>
        <button
          type="button"
          disabled={!kept.value}
          onClick={tell(() => run.ask('weights.take'), words.taken, words.bad)}
        >
          {t(words.take)}
        </button>
        <button
          type="button"
          onClick={async () => {
            const bytes = await run.ask<Uint8Array>('weights.save')
            const link = document.createElement('a')
            link.href = URL.createObjectURL(new Blob([bytes as BlobPart]))
            link.download = `${page}.safetensors`
            link.click()
            // Not at once: the browser has yet to read it.
            setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
          }}
        >
          {t(words.save)}
        </button>
      </div>
      <DropFile
        label={words.open}
        accept=".safetensors"
        onFile={async (file) => {
          const bytes = new Uint8Array(await file.arrayBuffer())
          await tell(() => run.ask('weights.open', bytes), words.taken, words.bad)()
        }}
      />
      <p role="status">{said.value && t(said.value)}</p>
    </details>
  )
}
