/** The family tree of the networks as a list of lists, and what is known of the one that is chosen. */
import type { Frame } from '../pages/loop.model.js'
import { Facts } from '../parts/Facts.js'
import { pages } from '../pages.js'
import { Scroll } from '../parts/Scroll.js'
import { linkTo } from '../shell/route.js'
import { type Text, t } from '../text.js'
import { childrenOf, family, type Relative } from './familyTree.js'

const words = {
  tree: ['The family tree: choose a network', '谱系图：选择一个网络'],
  paper: ['Paper', '论文'],
  idea: ['The idea', '核心想法'],
  from: ['Comes from', '来自'],
  next: ['Leads to', '通向'],
  page: ['In the studio', '工作室页面'],
  code: ['In nabla', 'nabla 中'],
  weights: ['Weights of a small one, made here', '此处构造的小型网络的权重'],
  none: ['A method, which has no weights of its own', '这是一种方法，没有自己的权重'],
  more: ['more', '更多'],
} as const satisfies Record<string, Text>
/** So many weights are named. */
const NAMED = 12

export function FamilyTree({
  node,
  weights,
  choose,
}: {
  node: string
  weights: Frame['weights']
  choose: (id: string) => void
}) {
  const chosen = family.find(({ id }) => id === node) ?? family[0]!
  const names = (ids: readonly string[]) => ids.map((id) => family.find((r) => r.id === id)!)
  const page = pages.find(({ id }) => id === chosen.page)
  const Branch = ({ of }: { of: string | undefined }) => (
    <ul>
      {childrenOf(of).map(({ id, name, year }) => (
        <li key={id}>
          <button
            type="button"
            aria-pressed={id === chosen.id}
            data-node={id}
            onClick={() => choose(id)}
          >
            <span class="year">{year}</span> {t(name)}
          </button>
          {childrenOf(id).length > 0 && <Branch of={id} />}
        </li>
      ))}
    </ul>
  )
  const Others = ({ list }: { list: readonly Relative[] }) => (
    <span class="row relatives">
      {list.map(({ id, name, year }) => (
        <button key={id} type="button" onClick={() => choose(id)}>
          {t(name)} ({year})
        </button>
      ))}
    </span>
  )
  const after = family.filter(({ from }) => from.includes(chosen.id))
  return (
    <div class="split">
      <nav
        class="family"
        aria-label={t(words.tree)}
        // Arrows go through the tree as through a menu.
        onKeyDown={(e) => {
          const way = { ArrowDown: 1, ArrowUp: -1 }[e.key]
          if (!way) return
          e.preventDefault()
          const all = [...e.currentTarget.querySelectorAll('button')]
          const at = all.indexOf(document.activeElement as HTMLButtonElement)
          all[Math.max(0, Math.min(all.length - 1, at + way))]?.focus()
        }}
      >
        <Branch of={undefined} />
      </nav>
      <section class="relative" aria-live="polite">
        <h3>
          {t(chosen.name)} · {chosen.year}
        </h3>
        <p>{t(chosen.idea)}</p>
        <dl>
          <dt>{t(words.paper)}</dt>
          <dd lang="en">{chosen.paper}</dd>
          {chosen.from.length > 0 && (
            <>
              <dt>{t(words.from)}</dt>
              <dd>
                <Others list={names(chosen.from)} />
              </dd>
            </>
          )}
          {after.length > 0 && (
            <>
              <dt>{t(words.next)}</dt>
              <dd>
                <Others list={after} />
              </dd>
            </>
          )}
          {page && (
            <>
              <dt>{t(words.page)}</dt>
              <dd>
                <a href={linkTo(page.id)}>{t(page.title)}</a>
              </dd>
            </>
          )}
          <dt>{t(words.code)}</dt>
          <dd>
            <code>{`import { ${chosen.code[0]} } from '${chosen.code[1]}'`}</code>
          </dd>
          <dt>{t(words.weights)}</dt>
          <dd>
            {weights ? (
              <Scroll label={t(words.weights)}>
                <strong>{weights.count.toLocaleString('en')}</strong>
                <Facts
                  rows={weights.tensors
                    .slice(0, NAMED)
                    .map(({ name, shape }) => [<code key={0}>{name}</code>, shape.join(' × ')])}
                />
                {weights.tensors.length > NAMED && (
                  <span class="muted">
                    + {weights.tensors.length - NAMED} {t(words.more)}
                  </span>
                )}
              </Scroll>
            ) : (
              t(words.none)
            )}
          </dd>
        </dl>
      </section>
    </div>
  )
}
