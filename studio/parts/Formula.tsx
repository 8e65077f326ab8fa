/** A formula; KaTeX is loaded by the first one. */
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

const katex = signal<typeof import('katex').default | undefined>(undefined)
let asked = false

export function Formula({ tex, block = false }: { tex: string; block?: boolean }) {
  useEffect(() => {
    if (asked) return
    asked = true
    Promise.all([import('katex'), import('katex/dist/katex.min.css')]).then(([m]) => {
      katex.value = m.default
    })
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
