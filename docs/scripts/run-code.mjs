// Runs the programs of docs/code, which the pages show: each must print what stands after its `//>` marks, and may write
// pictures into `pictures/`, which the pages show too. `--update` is not offered: what a program prints is written by hand.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const docs = dirname(dirname(fileURLToPath(import.meta.url)))
export const programs = () => readdirSync(join(docs, 'code')).filter((f) => f.endsWith('.mjs'))

/** What a program says that it prints: the rest of each line after `//>`. */
export const promised = (text) =>
  text.split('\n').flatMap((line) => {
    const at = line.indexOf('//>')
    return at < 0
      ? []
      : [
          line
            .slice(at + 3)
            .replace(/^ /, '')
            .trimEnd(),
        ]
  })

/** The programs import `nabla` as its users do: from the built package. */
export function linkPackage() {
  const link = join(docs, 'node_modules', 'nabla')
  if (existsSync(link)) return
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync('../..', link, 'dir')
}

export function runProgram(file) {
  const out = join(docs, 'public')
  mkdirSync(join(out, 'pictures'), { recursive: true })
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(docs, 'code', file)], {
      cwd: out,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (d) => {
      stdout += d
    })
    child.stderr.on('data', (d) => {
      stderr += d
    })
    child.on('close', (status) => {
      const got = stdout
        .trimEnd()
        .split('\n')
        .map((l) => l.trimEnd())
      const want = promised(readFileSync(join(docs, 'code', file), 'utf8'))
      const same =
        status === 0 && (want.length === 0 ? stdout === '' : got.join('\n') === want.join('\n'))
      resolve({ file, same, got, want, status, stderr })
    })
  })
}

/** All of them, as many at once as there are processors. Gives the number of those that fail. */
export async function runCode(names = programs()) {
  linkPackage()
  if (names.length === programs().length)
    rmSync(join(docs, 'public', 'pictures'), { recursive: true, force: true })
  const queue = [...names]
  let failed = 0
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      const { same, got, want, stderr } = await runProgram(file)
      if (same) continue
      failed++
      console.error(
        `docs/code/${file} prints\n${got.join('\n')}\nand not\n${want.join('\n')}\n${stderr}`,
      )
    }
  }
  await Promise.all(cpus().map(worker))
  return failed
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode =
    (await runCode(process.argv.length > 2 ? process.argv.slice(2) : undefined)) > 0 ? 1 : 0
