/** In the place of native.ts where there is no Node. */
import type { Backend } from '../backend.js'

export const nativeBackend = (): Backend | undefined => undefined
export const nativeProblem = (): string => 'native code runs in Node only'
export const tellFallback = (_reason: string): void => {}
