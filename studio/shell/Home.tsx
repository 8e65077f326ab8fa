/** All pages by topic, with a search. */
import { useSignal } from '@preact/signals'
import { topics } from '../pages.js'
import { t } from '../text.js'
import { linkTo } from './route.js'
import { words } from './words.js'

export function Home() {
  const query = useSignal('')
  const wanted = query.value.trim().toLowerCase()
  // Both languages are searched: some know a thing by its English name only.
  const fits = (texts: readonly string[]) =>
    wanted.split(/\s+/).every((word) => texts.some((text) => text.toLowerCase().includes(word)))
  const shown = topics
    .map((topic) => ({
      ...topic,
      pages: topic.pages.filter((p) => fits([...p.title, ...p.about, ...topic.title, p.id])),
    }))
    .filter((topic) => topic.pages.length > 0)
  return (
    <div class="home">
      <h1>{t(words.name)}</h1>
      <p class="lead">{t(words.tagline)}</p>
      <input
        type="search"
        class="search"
        aria-label={t(words.search)}
        placeholder={t(words.search)}
        value={query.value}
        onInput={(e) => {
          query.value = e.currentTarget.value
        }}
      />
      <p class="sr" role="status">
        {shown.length === 0 ? t(words.nothing) : ''}
      </p>
      {shown.length === 0 && <p class="muted">{t(words.nothing)}</p>}
      {shown.map((topic) => (
        <section key={topic.title[0]}>
          <h2>{t(topic.title)}</h2>
          <ul class="cards">
            {topic.pages.map((p) => (
              <li key={p.id}>
                <a class="card" href={linkTo(p.id)}>
                  <strong>{t(p.title)}</strong>
                  <span>{t(p.about)}</span>
                </a>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  )
}
