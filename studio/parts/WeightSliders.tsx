/** The weights of one neuron, to be set by hand. */
export function WeightSliders({
  title,
  names,
  values,
  onValue,
}: {
  title: string
  names: readonly string[]
  values: readonly number[]
  onValue: (index: number, value: number) => void
}) {
  return (
    <div class="panel">
      <h3>{title}</h3>
      <div class="sliders">
        {names.map((name, i) => (
          <label key={name}>
            <span>{name}</span>
            <output>{values[i]!.toFixed(2)}</output>
            <input
              type="range"
              min={-4}
              max={4}
              step={0.01}
              value={values[i]!}
              onInput={(e) => onValue(i, e.currentTarget.valueAsNumber)}
            />
          </label>
        ))}
      </div>
    </div>
  )
}
