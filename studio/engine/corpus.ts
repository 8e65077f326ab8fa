/** Moby-Dick as the server of the studio has it. */
import { type Chapter, mobyDick, mobyDickFiles } from 'nabla/text'
import type { Tools } from './session.js'

export async function loadMobyDick(tools: Tools): Promise<Chapter[]> {
  const files: Record<string, Uint8Array> = {}
  const fetchOne = async (name: string) => {
    files[name] = await tools.fetch(`data/moby-dick/${name}`)
    tools.progress('Moby-Dick', Object.keys(files).length / mobyDickFiles.length)
  }
  await Promise.all(mobyDickFiles.map(fetchOne))
  return mobyDick({ files })
}
