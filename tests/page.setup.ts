/** What a page has and Node has not, for tests that run on the files for browsers. */
import { readFileSync } from 'node:fs'
import { setWasmFiles } from 'nabla'
import 'nabla/methods'
import 'nabla/reference'

setWasmFiles((file) => new Uint8Array(readFileSync(`dist/backends/cpu/wasm/${file}`)))
