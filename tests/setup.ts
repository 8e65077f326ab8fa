/** Before the tests: the addon and dist/ are what kernels/ and src/ give now. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

export default function setup(): void {
  execFileSync('node', ['scripts/ensure.mjs', 'native', 'dist'], { cwd: root, stdio: 'inherit' })
}
