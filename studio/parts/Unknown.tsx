/** What a model has never seen of what was typed. */
import { type Text, t } from '../text.js'

const words = {
  unknown: [
    'The model has never seen these, so that it reads each as a “?”:',
    '模型从未见过以下内容，一律读作“?”：',
  ],
} as const satisfies Record<string, Text>

export function Unknown({ typed, known }: { typed: Iterable<string>; known: readonly string[] }) {
  const all = new Set(known)
  const missing = [...new Set(typed)].filter((name) => !all.has(name))
  return missing.length === 0 ? null : (
    <p class="trouble" role="alert">
      {t(words.unknown)} <code>{missing.join(' ')}</code>
    </p>
  )
}
