// Before the site is built: the programs run and write their pictures, the reference is made from the built package, and
// the studio lies beside them as static files.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensure } from '../../scripts/ensure.mjs'
import { root } from '../../scripts/targets.mjs'
import { makeReference } from './reference.mjs'
import { runCode } from './run-code.mjs'

const failed = await runCode()
await makeReference()
await ensure('dist', 'studio')
const studio = join(dirname(dirname(fileURLToPath(import.meta.url))), 'public', 'studio')
rmSync(studio, { recursive: true, force: true })
const { status } = spawnSync(
  process.execPath,
  [join(root, 'dist/cli/main.js'), 'studio', '--export', studio],
  {
    stdio: 'inherit',
  },
)
if (status !== 0) process.exit(1)
if (failed > 0) {
  console.error(`${failed} of the programs in docs/code do not print what they say`)
  process.exit(1)
}
