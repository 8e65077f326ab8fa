/** What is wider than a narrow screen scrolls by itself, by the keyboard too. */
import type { ComponentChildren } from 'preact'

export function Scroll({
  label,
  class: className = '',
  children,
}: {
  label: string
  class?: string
  children: ComponentChildren
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section class={`scroll ${className}`} tabIndex={0} aria-label={label}>
      {children}
    </section>
  )
}
