/** Before the tests: dist/ is what src/ gives now, for those that run what is built. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

export default function setup(): void {
  execFileSync('node', ['scripts/ensure.mjs', 'dist'], { cwd: root, stdio: 'inherit' })
}
