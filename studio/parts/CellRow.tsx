/** Symbols or words in cells of a table's row, one a cell; those that differ from what is wanted are marked. */

/** A character that cannot be seen, as a sign. */
export const visible = (c: string): string => ({ ' ': '␣', '\n': '↵' })[c] ?? c

export function CellRow({
  name,
  cells,
  wanted,
  now,
}: {
  name: string
  cells: Iterable<string>
  wanted?: ArrayLike<string>
  /** The cell that is looked at. */
  now?: number
}) {
  return (
    <tr>
      <th scope="row">{name}</th>
      {[...cells].map((c, i) => (
        <td key={i} class={`${i === now ? 'now' : ''} ${wanted && wanted[i] !== c ? 'wrong' : ''}`}>
          {visible(c)}
        </td>
      ))}
    </tr>
  )
}
