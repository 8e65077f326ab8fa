import type { ComponentChildren } from 'preact'

/** What the colors of a picture stand for. */
export function Legend({ items }: { items: readonly (readonly [ComponentChildren, string])[] }) {
  return (
    <ul class="legend">
      {items.map(([name, color], i) => (
        <li key={i}>
          <i style={{ background: color }} />
          {name}
        </li>
      ))}
    </ul>
  )
}
