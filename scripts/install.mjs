// npm's install hook, here and in the projects of users: builds the native addon where no prebuilt one runs.
// Never fails, because without the addon the WebAssembly files are used.
import { existsSync } from 'node:fs'
import { buildNative } from './build-native.mjs'
import { root } from './targets.mjs'

/** Whether the package, as it is installed, finds an addon already. */
async function hasAddon() {
  const platform = `${root}/dist/backends/cpu/platform.node.js`
  if (existsSync(`${root}/.git`) || !existsSync(platform)) return false
  const { loadAddon } = await import(platform)
  return loadAddon().addon !== undefined
}

const log = (line) => console.log(`nabla: ${line}`)
try {
  if (!(await hasAddon())) {
    const { built, seconds } = await buildNative({ log })
    if (built) log(`built the native addon in ${seconds.toFixed(1)} s`)
  }
} catch (error) {
  const reason = String(error?.message ?? error).split('\n', 1)[0]
  log(`no native addon (${reason}); the WebAssembly backend will be used`)
}
