/** What the pages show: each page with its defaults, and each further part of a page that has parts. */
import type { AnyPage } from '../../studio/page.js'
import { pages } from '../../studio/pages.js'
import { defaults, toLink } from '../../studio/settings.js'
import type { Text } from '../../studio/text.js'

export interface Shown {
  /** The page, or the page and its part: the name of its screenshot and of its result. */
  name: string
  id: string
  title: Text
  /** What it has besides the page's defaults. */
  chosen: Readonly<Record<string, unknown>>
  settings: object
  /** As a link has it. */
  query: string
}

export const shown: readonly Shown[] = (
  await Promise.all(
    pages.map(async ({ id, title }) => {
      const { schema, parts } = (
        (await import(`../../studio/pages/${id}.tsx`)) as { default: AnyPage }
      ).default
      const further = parts ? Object.keys(parts.of).map((part) => ({ [parts.by]: part })) : []
      return [{}, ...further].map((chosen: Record<string, unknown>): Shown => {
        const settings = { ...defaults(schema), ...chosen }
        const name = [id, ...Object.values(chosen)].join('-')
        return { name, id, title, chosen, settings, query: toLink(schema, settings) }
      })
    }),
  )
).flat()
