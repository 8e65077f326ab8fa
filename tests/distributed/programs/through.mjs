// Starts another program of this folder as npx does: `node through.mjs PROGRAM ARGUMENT...`
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const [program, ...args] = process.argv.slice(2)
spawn(process.execPath, [join(import.meta.dirname, program), ...args], { stdio: 'inherit' })
