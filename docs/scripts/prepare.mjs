// Before the site is built: the programs run and write their pictures, the reference is made from the built package.
import { makeReference } from './reference.mjs'
import { runCode } from './run-code.mjs'

const failed = await runCode()
await makeReference()
if (failed > 0) {
  console.error(`${failed} of the programs in docs/code do not print what they say`)
  process.exit(1)
}
