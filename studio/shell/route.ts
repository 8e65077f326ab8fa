/** Where the reader is: language, page and the page's state, all in the link after `#`. */
import { signal } from '@preact/signals'
import { type Lang, lang, preferred } from '../text.js'

export interface Route {
  page: string
  query: string
}
export const route = signal<Route>({ page: '', query: '' })

export const linkTo = (page: string, query = '', language: Lang = lang.value): string =>
  `#/${language}/${page}${query && `?${query}`}`

function read(): void {
  const [path = '', query = ''] = location.hash.slice(1).split('?')
  const [, language, page = ''] = path.split('/')
  lang.value = language === 'zh' || language === 'en' ? language : preferred()
  document.documentElement.lang = lang.value === 'zh' ? 'zh-CN' : 'en'
  if (page !== route.peek().page || query !== route.peek().query) route.value = { page, query }
}

/** Puts the state of the page into the link, without an entry in the history for each move of a slider. */
export function keepState(query: string): void {
  const { page } = route.peek()
  if (query === route.peek().query) return
  history.replaceState(null, '', linkTo(page, query))
  route.value = { page, query }
}

export function followLinks(): void {
  read()
  addEventListener('hashchange', read)
}
