/** Loads the page of training runs when it is asked for. */
import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { t } from '../text.js'
import { Notice } from './Notice.js'
import { words } from './words.js'

const view = signal<ComponentType | undefined>(undefined)
const failed = signal(false)

export function Runs() {
  useEffect(() => {
    // Awaited: Vite takes no handler of errors beside that of `then`.
    const load = async () => {
      try {
        view.value = (await import('../runs/RunsView.js')).RunsView
      } catch {
        failed.value = true
      }
    }
    void load()
  }, [])
  const View = view.value
  if (failed.value) return <Notice kind="files" again={() => location.reload()} />
  return View ? <View /> : <p class="notice">{t(words.loading)}</p>
}
