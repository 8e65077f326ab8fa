// Compiles C++ files in parallel. An object file carries in its name a hash of the compiler, the
// flags and every file that went into it, so what has not changed is not compiled again, and two
// builds at the same time cannot spoil each other's files.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { jobs, root } from './targets.mjs'

let free = jobs
const waiting = []

/**
 * Runs a program, as soon as a core is free; gives its exit code and what it printed.
 * A missing program has code 'ENOENT'.
 */
export async function run(command, args, { env, input, timeout = 600_000 } = {}) {
  if (free > 0) free--
  else await new Promise((resolve) => waiting.push(resolve))
  try {
    return await spawned(command, args, env, input, timeout)
  } finally {
    if (waiting.length) waiting.shift()()
    else free++
  }
}

function spawned(command, args, env, input, timeout) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: env ? { ...process.env, ...env } : process.env,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    child.stdin?.on('error', () => {}).end(input)
    // Not by spawn's own option: after a program that is missing, that keeps the process alive until the time is over.
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout)
    const done = (result) => {
      clearTimeout(timer)
      resolve(result)
    }
    let output = ''
    child.stdout.on('data', (d) => (output += d))
    child.stderr.on('data', (d) => (output += d))
    child.on('error', (error) => done({ code: error.code, output: error.message }))
    child.on('close', (code, signal) => done({ code: code ?? signal, output }))
  })
}

/** The first of the commands that can be run, with the first line of its version; or null. */
export async function findCompiler(candidates) {
  for (const command of candidates.filter(Boolean)) {
    const { code, output } = await run(command, ['--version'])
    if (code === 0) return { command, version: output.split('\n', 1)[0] }
  }
  return null
}

export const hash = (...parts) => {
  const h = createHash('sha256')
  for (const part of parts) h.update(part).update('\0')
  return h.digest('hex').slice(0, 16)
}

/** Writes beside and renames, so that nobody sees half a file. */
function put(path, text) {
  writeFileSync(`${path}.${process.pid}`, text)
  renameSync(`${path}.${process.pid}`, path)
}

// A make rule as -MMD writes it: `out.o: a.cpp b.h \` over several lines.
const dependencies = (text) =>
  text
    .replace(/\\\n/g, ' ')
    .replace(/^[^:]*:/, '')
    .trim()
    .split(/(?<!\\)\s+/)
    .map((f) => f.replace(/\\ /g, ' '))

function keyOf(command, files) {
  try {
    return hash(...command, ...files.map((f) => readFileSync(`${root}/${f}`)))
  } catch {
    return null // a file is gone, so the list is out of date
  }
}

const underWay = new Map()

async function compile(compiler, flags, { source, name }, folder) {
  const command = [compiler.version, ...flags, source]
  const depFile = `${root}/${folder}/${name}.d`
  if (existsSync(depFile)) {
    const key = keyOf(command, dependencies(readFileSync(depFile, 'utf8')))
    const object = `${folder}/${name}-${key}.o`
    if (key && existsSync(`${root}/${object}`)) return object
  }
  const temporary = `${folder}/${name}.${process.pid}`
  const output = ['-MMD', '-MF', `${temporary}.d`, '-c', source, '-o', `${temporary}.o`]
  const result = await run(compiler.command, [...flags, ...output])
  if (result.code !== 0)
    throw new Error(`${compiler.command} could not compile ${source} (${name})\n${result.output}`)
  if (result.output.trim()) process.stderr.write(result.output)
  const deps = readFileSync(`${root}/${temporary}.d`, 'utf8')
  const object = `${folder}/${name}-${keyOf(command, dependencies(deps))}.o`
  for (const old of readdirSync(`${root}/${folder}`))
    if (old.startsWith(`${name}-`) && /^[0-9a-f]{16}\.o$/.test(old.slice(name.length + 1)))
      rmSync(`${root}/${folder}/${old}`, { force: true })
  renameSync(`${root}/${temporary}.o`, `${root}/${object}`)
  rmSync(`${root}/${temporary}.d`)
  put(depFile, deps)
  return object
}

/**
 * Compiles each step `{ source, name, flags }` into `folder`; gives the object files. `onStep(done, all)` is called after
 * each.
 */
export function compileAll(compiler, commonFlags, steps, folder, onStep = () => {}) {
  mkdirSync(`${root}/${folder}`, { recursive: true })
  let done = 0
  return Promise.all(
    steps.map(async (step) => {
      const flags = [...commonFlags, ...step.flags]
      const id = JSON.stringify([folder, step.name, step.source, flags])
      if (!underWay.has(id)) underWay.set(id, compile(compiler, flags, step, folder))
      const object = await underWay.get(id)
      onStep(++done, steps.length)
      return object
    }),
  )
}

/** Links objects into `out`, unless `out` is already what they make. */
export async function link(compiler, objects, flags, out) {
  const key = hash(compiler.version, ...objects, ...flags)
  const keyFile = `${root}/${out}.key`
  if (existsSync(`${root}/${out}`) && existsSync(keyFile) && readFileSync(keyFile, 'utf8') === key)
    return false
  mkdirSync(dirname(`${root}/${out}`), { recursive: true })
  const temporary = `${out}.${process.pid}`
  const { code, output } = await run(compiler.command, [...objects, ...flags, '-o', temporary])
  if (code !== 0) throw new Error(`${compiler.command} could not link ${out}\n${output}`)
  rmSync(keyFile, { force: true })
  renameSync(`${root}/${temporary}`, `${root}/${out}`)
  put(keyFile, key)
  return true
}
