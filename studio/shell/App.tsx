/** The frame around every page: head, language, light and dark. */
import { useEffect } from 'preact/hooks'
import { pages } from '../pages.js'
import { lang, t } from '../text.js'
import { Home } from './Home.js'
import { PageHost } from './PageHost.js'
import { Runs } from './Runs.js'
import { linkTo, route } from './route.js'
import { dark, setDark } from './theme.js'
import { words } from './words.js'

export function App() {
  const { page, query } = route.value
  const entry = pages.find((p) => p.id === page)
  const other = lang.value === 'zh' ? 'en' : 'zh'
  const title = entry ? `${t(entry.title)} · ${t(words.name)}` : t(words.name)
  useEffect(() => {
    document.title = title
  }, [title])
  // A new page begins at its top.
  useEffect(() => scrollTo(0, 0), [page])
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        {t(words.skip)}
      </button>
      <header class="head">
        <a class="brand" href={linkTo('')}>
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M3 5h26L16 29z" fill="currentColor" />
            <path d="M10 9h12l-6 11z" fill="var(--page)" />
          </svg>
          {t(words.name)}
        </a>
        <nav aria-label={t(words.settings)}>
          {page !== '' && <a href={linkTo('')}>{t(words.home)}</a>}
          <a
            href={linkTo(page, query, other)}
            lang={other === 'zh' ? 'zh-CN' : 'en'}
            hreflang={other}
          >
            {t(words.language)}
          </a>
          <button type="button" class="plain" onClick={() => setDark(!dark.value)}>
            {t(dark.value ? words.toLight : words.toDark)}
          </button>
        </nav>
      </header>
      <main id="main" tabIndex={-1}>
        {page === '' ? (
          <Home />
        ) : page === 'runs' ? (
          <Runs />
        ) : entry ? (
          <PageHost key={page} entry={entry} />
        ) : (
          <p class="notice">{t(words.missing)}</p>
        )}
      </main>
    </>
  )
}
