/** Before the tests: the addon and dist/ are what kernels/ and src/ give now, and PyTorch's records are there. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ensureRecords } from './opinfo/records.js'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Whether tests of the records run: all do, or the files that the command line names are among them. */
function wantsRecords(): boolean {
  const files = process.argv.filter((arg) => /^tests?\/.|\.test(\.ts)?$/.test(arg))
  return files.length === 0 || files.some((file) => /opinfo|^tests\/?$/.test(file))
}

export default async function setup(): Promise<void> {
  const records = wantsRecords() ? ensureRecords() : Promise.resolve(true)
  execFileSync('node', ['scripts/ensure.mjs', 'native-all', 'dist', 'studio'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (!(await records) && process.env.NABLA_TEST_REQUIRE_ALL === '1')
    throw new Error("PyTorch's records need python3-torch")
}
