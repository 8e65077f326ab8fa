/** Checks whose answer a program has computed and nobody has looked at yet: the next read of a value does. */
const checks = new Set<() => void>()

/** Has `check` run before the next value is read, or the next compiled function is called; it may throw. */
export const addPending = (check: () => void): void => void checks.add(check)
export const removePending = (check: () => void): void => void checks.delete(check)

/** Runs all of them, each once. @throws what the first one throws */
export function runPending(): void {
  if (checks.size === 0) return
  const list = [...checks]
  checks.clear()
  for (const check of list) check()
}
