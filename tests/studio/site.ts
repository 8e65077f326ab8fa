/** What the worker gives to a session of the studio, from the files that its server would send. */
import { readFileSync } from 'node:fs'
import { fileAt } from '../../src/cli/siteFiles.js'
import { studioPlaces } from '../../src/cli/studio.js'
import type { Tools } from '../../studio/engine/session.js'

export function siteFile(path: string): Uint8Array {
  return new Uint8Array(readFileSync(fileAt(studioPlaces(), `/${path}`)!))
}

export const tools: Tools = { fetch: async (path) => siteFile(path), progress: () => {} }
