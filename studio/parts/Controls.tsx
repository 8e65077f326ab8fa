/** A control for each setting of a page. */
import { useId } from 'preact/hooks'
import { isChoice, isRange, type Schema, type Setting } from '../settings.js'
import { type Text, t } from '../text.js'

type Values = Readonly<Record<string, unknown>>

export function Controls({
  schema,
  values,
  set,
}: {
  schema: Schema
  values: Values
  set: (change: object) => void
}) {
  const shown = Object.entries(schema).filter(([, s]) => !s.hidden && (s.when?.(values) ?? true))
  return (
    <div class="controls">
      {shown.map(([name, s]) => (
        <Control
          key={name}
          name={name}
          setting={s}
          value={values[name]}
          set={(v) => set({ [name]: v })}
        />
      ))}
    </div>
  )
}

const optionText = (text: Text | string) => (typeof text === 'string' ? text : t(text))

function Control({
  name,
  setting,
  value,
  set,
}: {
  name: string
  setting: Setting
  value: unknown
  set: (value: unknown) => void
}) {
  const id = useId()
  const label = t(setting.label)
  if (isChoice(setting)) {
    const list: [string | number, string][] = Array.isArray(setting.options)
      ? setting.options.map((o: number) => [o, `${o}`])
      : Object.entries(setting.options as Record<string, Text | string>).map(([k, v]) => [
          k,
          optionText(v),
        ])
    return (
      <div class="control">
        <label for={id}>{label}</label>
        <select
          id={id}
          name={name}
          value={`${value}`}
          onChange={(e) => set(list[e.currentTarget.selectedIndex]![0])}
        >
          {list.map(([v, text]) => (
            <option key={v} value={`${v}`}>
              {text}
            </option>
          ))}
        </select>
      </div>
    )
  }
  if (isRange(setting))
    return (
      <div class="control">
        <label for={id}>
          {label}
          <output for={id}>
            {Number((value as number).toPrecision(6))}
            {setting.unit ?? ''}
          </output>
        </label>
        <input
          id={id}
          name={name}
          type="range"
          min={setting.min}
          max={setting.max}
          step={setting.step}
          value={value as number}
          onInput={(e) => set(e.currentTarget.valueAsNumber)}
        />
      </div>
    )
  return (
    <div class="control flag">
      <input
        id={id}
        name={name}
        type="checkbox"
        checked={value as boolean}
        onChange={(e) => set(e.currentTarget.checked)}
      />
      <label for={id}>{label}</label>
    </div>
  )
}
