/** A small table: the name of each row before its cells, and the names of the columns above them where there are several. */
import type { ComponentChildren } from 'preact'

export interface FactsProps {
  rows: readonly (readonly [name: ComponentChildren, ...cells: ComponentChildren[]])[]
  columns?: readonly string[]
  /** The name of the column of names. */
  corner?: string
  caption?: string
}

export function Facts({ rows, columns, corner, caption }: FactsProps) {
  return (
    <table class="facts">
      {caption && <caption>{caption}</caption>}
      {columns && (
        <thead>
          <tr>
            {corner ? <th scope="col">{corner}</th> : <td />}
            {columns.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
      )}
      <tbody>
        {rows.map(([name, ...cells], i) => (
          <tr key={i}>
            <th scope="row">{name}</th>
            {cells.map((cell, k) => (
              <td key={k}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
