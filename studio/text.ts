/** The two languages. Every text of the studio is a pair, so that one cannot be there without the other. */
import { signal } from '@preact/signals'

export type Text = readonly [en: string, zh: string]
export type Lang = 'en' | 'zh'
export const lang = signal<Lang>('en')

/** In the language of the page. */
export const t = (text: Text): string => text[lang.value === 'zh' ? 1 : 0]

/** What a browser without a language in its link begins with. */
export const preferred = (): Lang =>
  globalThis.navigator?.languages?.some((l) => /^zh/i.test(l)) && /^zh/i.test(navigator.language)
    ? 'zh'
    : 'en'
