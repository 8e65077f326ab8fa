/** In a page the reference backend, a tool of tests, is there when `import 'nabla/reference'` has brought it. */
import type { Backend } from '../backend.js'

let brought: (() => Backend) | undefined
export const referenceBackend = (): Backend | undefined => brought?.()
export function bring(backend: () => Backend): void {
  brought = backend
}
