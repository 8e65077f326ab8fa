/** Files as the parts of a training write them: where several processes train together, the first one only. */
import * as host from '#host'

let quiet = false

/** Runs `f` without any file being written by a part of a training. */
export function silently<T>(f: () => T): T {
  const before = quiet
  quiet = true
  try {
    return f()
  } finally {
    quiet = before
  }
}
/** For the whole process from now on. */
export function silence(): void {
  quiet = true
}
export const isSilent = (): boolean => quiet

export const writeAtomic: typeof host.writeAtomic = (...args) => {
  if (!quiet) host.writeAtomic(...args)
}
export const appendBytes: typeof host.appendBytes = (...args) => {
  if (!quiet) host.appendBytes(...args)
}
export const removeFile: typeof host.removeFile = (...args) => {
  if (!quiet) host.removeFile(...args)
}
export const createFile: typeof host.createFile = (...args) => quiet || host.createFile(...args)
