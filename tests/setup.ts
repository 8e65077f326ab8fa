/** Before the tests: the addon and dist/ are what kernels/ and src/ give now, and PyTorch's records are there. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ensureRecords } from './opinfo/records.js'

const root = fileURLToPath(new URL('..', import.meta.url))

export default async function setup(): Promise<void> {
  const records = ensureRecords()
  execFileSync('node', ['scripts/ensure.mjs', 'native-all', 'dist'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (!(await records) && process.env.NABLA_TEST_REQUIRE_ALL === '1')
    throw new Error("PyTorch's records need python3-torch")
}
