/** A few numbers with their names. */
export function Numbers({
  values,
}: {
  values: readonly (readonly [name: string, value: number | string])[]
}) {
  return (
    <dl class="numbers">
      {values.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {typeof value === 'string' ? value : Number.isFinite(value) ? value.toFixed(3) : '–'}
          </dd>
        </div>
      ))}
    </dl>
  )
}
