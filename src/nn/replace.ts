/** Modules of a model put in the place of others. */
import { held, fields, Module } from './module.js'

/**
 * Asks `f` about every module below the model, with its path in the program, outermost first: what it gives takes the
 * module's place; undefined leaves it, and its parts are asked about. A module that stands at several places is replaced at
 * all of them by one.
 */
export function replaceModules(
  model: Module,
  f: (m: Module, path: string) => Module | undefined,
): void {
  const made = new Map<Module, Module | undefined>()
  const met = new Set<object>()
  const other = (m: Module, path: string): Module | undefined => {
    if (!made.has(m)) made.set(m, f(m, path))
    return made.get(m)
  }
  const look = (value: unknown, path: string, put: (m: Module) => void): void => {
    if (typeof value !== 'object' || value === null) return
    const instead = value instanceof Module ? other(value, path) : undefined
    if (instead) put(instead)
    else if (!met.has(value)) {
      met.add(value)
      within(value, path ? `${path}.` : '')
    }
  }
  const within = (value: object, path: string): void => {
    if (value instanceof Module) {
      const parts: ReadonlyMap<string, Module> | undefined = value[held]
      for (const [key, , part] of [...value[fields]()])
        look(part, path + key, (m) => {
          if (parts?.get(key) === part) (parts as Map<string, Module>).set(key, m)
          else (value as unknown as Record<string, unknown>)[key] = m
        })
    } else if (Array.isArray(value))
      value.forEach((part, i) => {
        look(part, `${path}${i}`, (m) => {
          value[i] = m
        })
      })
    else if (value instanceof Map)
      for (const [key, part] of [...value]) look(part, `${path}${key}`, (m) => value.set(key, m))
    else if (Object.getPrototypeOf(value) === Object.prototype)
      for (const [key, part] of Object.entries(value))
        look(part, path + key, (m) => {
          ;(value as Record<string, unknown>)[key] = m
        })
  }
  within(model, '')
}
