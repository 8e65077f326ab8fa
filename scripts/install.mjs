// npm's install hook, here and in the projects of users: builds the native addon when it can.
// Never fails, because without the addon the WebAssembly files are used.
import { buildNative } from './build-native.mjs'

try {
  const { built, seconds } = await buildNative()
  if (built) console.log(`nabla: built the native addon in ${seconds.toFixed(1)} s`)
} catch (error) {
  const reason = String(error?.message ?? error).split('\n', 1)[0]
  console.log(`nabla: no native addon (${reason}); the WebAssembly backend will be used`)
}
