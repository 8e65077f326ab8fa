/** A formula; KaTeX is loaded by the first one. */
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

const katex = signal<typeof import('katex').default | undefined>(undefined)
let asked = false

export function Formula({ tex, block = false }: { tex: string; block?: boolean }) {
  useEffect(() => {
    if (asked) return
    asked = true
    const load = async () => {
      try {
        const [m] = await Promise.all([import('katex'), import('katex/dist/katex.min.css')])
        katex.value = m.default
      } catch {
        // Without the network the formula stays as TeX.
        asked = false
      }
    }
    void load()
  }, [])
  const render = katex.value?.renderToString
  const className = block ? 'formula block' : 'formula'
  if (!render) return <span class={className}>{tex}</span>
  // KaTeX makes this markup from the texts of the pages' own source.
  const html = render(tex, { displayMode: block, throwOnError: false, strict: 'error' })
  // On a narrow screen a formula scrolls, which the keyboard must reach.
  const focus = block ? { tabIndex: 0 } : {}
  return <span class={className} {...focus} dangerouslySetInnerHTML={{ __html: html }} />
}
