/** Loads the page of training runs when it is asked for. */
import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { t } from '../text.js'
import { words } from './words.js'

const view = signal<ComponentType | undefined>(undefined)

export function Runs() {
  useEffect(() => {
    import('../runs/RunsView.js').then((m) => {
      view.value = m.RunsView
    })
  }, [])
  const View = view.value
  return View ? <View /> : <p class="notice">{t(words.loading)}</p>
}
