/**
 * What a worker runs for `step.async`: programs on a memory of its own. It is text, so that it needs no file of its own in
 * a bundle. See later.ts for the messages.
 */
export const runnerSource = `'use strict'
const node = typeof require === 'function'
const port = node ? require('node:worker_threads').parentPort : self
const line = (bytes) => Math.ceil(Math.max(1, bytes) / 64) * 64
const programs = new Map()
const kept = new Map()
let engine
// The working memory of all programs, which run one after the other.
let room
const roomFor = (bytes) => {
  if (room && room.size >= bytes) return room
  const before = room
  if (before) engine.give(before)
  return (room = engine.take(before ? Math.max(bytes, Math.ceil(1.5 * before.size)) : bytes))
}

function wasmEngine({ core }) {
  const memory = new WebAssembly.Memory({ initial: 64 })
  const modules = [], parts = []
  let missing = 0
  const x = new WebAssembly.Instance(core, { env: { memory }, parts: {
    validate(part, check) {
      if (!modules[part]) return (missing = part, 0)
      parts[part] ??= new WebAssembly.Instance(modules[part], { env: { memory } }).exports
      return parts[part].validate(check)
    },
    run: (part, exec) => parts[part].run(exec),
  } }).exports
  x.nabla_set_threads(1)
  let top = line(Math.max(x.__heap_base.value, x.nabla_reserved()))
  const free = new Map()
  const take = (bytes) => {
    const size = line(bytes), list = free.get(size)
    if (list && list.length > 0) return { at: list.pop(), size }
    const at = top
    top += size
    const over = top - memory.buffer.byteLength
    if (over > 0) memory.grow(Math.ceil(over / 65536))
    return { at, size }
  }
  const give = ({ at, size }) => {
    if (!free.has(size)) free.set(size, [])
    free.get(size).push(at)
  }
  const words = () => new Int32Array(memory.buffer)
  const text = (at) => {
    const bytes = new Uint8Array(memory.buffer)
    let s = ''
    for (; bytes[at]; at++) s += String.fromCharCode(bytes[at])
    return s
  }
  return {
    take, give,
    part(part, module) { modules[part] = module },
    put: ({ at }, data) => new Uint8Array(memory.buffer).set(new Uint8Array(data), at),
    get: ({ at }, bytes) => memory.buffer.slice(at, at + bytes),
    load({ code, slots, arena, arenaBytes }) {
      const handle = take(x.nabla_handle_bytes()), table = take(4 * slots), place = take(4 * code.length)
      words().set(code, place.at / 4)
      missing = 0
      const error = x.nabla_load(handle.at, place.at, code.length)
      if (error) {
        for (const b of [handle, table, place]) give(b)
        return missing ? { missing } : { problem: text(error) }
      }
      let bound
      const scratchBytes = x.nabla_scratch_bytes(handle.at)
      return {
        bind(slot, { at }, offset) { words()[table.at / 4 + slot] = at + offset },
        run() {
          const own = roomFor(arenaBytes)
          if (bound !== own) for (const { slot, offset } of arena) words()[table.at / 4 + slot] = own.at + offset
          bound = own
          const scratch = take(scratchBytes)
          const fault = x.nabla_run(handle.at, table.at, scratch.at)
          give(scratch)
          return fault ? [...words().subarray(handle.at / 4 + 1, handle.at / 4 + 5)] : undefined
        },
        free() { for (const b of [handle, table, place]) give(b) },
      }
    },
  }
}

function nativeEngine({ file, isa, threads }) {
  const addon = require(file)
  addon.start(isa)
  addon.setThreads(threads)
  const spare = new Map()
  const take = (bytes) => {
    const size = line(bytes), list = spare.get(size)
    if (list && list.length > 0) return list.pop()
    const buffer = new ArrayBuffer(size + 64)
    const start = addon.address(buffer), offset = (64 - (start % 64)) % 64
    return { buffer, offset, at: start + offset, size }
  }
  const give = (block) => {
    if (!spare.has(block.size)) spare.set(block.size, [])
    const list = spare.get(block.size)
    if (list.length < 8) list.push(block)
  }
  return {
    take, give,
    put: ({ buffer, offset }, data) => new Uint8Array(buffer).set(new Uint8Array(data), offset),
    get: ({ buffer, offset }, bytes) => buffer.slice(offset, offset + bytes),
    load({ code, slots, arena, arenaBytes }) {
      const table = new Float64Array(new ArrayBuffer(8 * Math.max(1, slots)), 0, slots)
      const handle = addon.load(code, table)
      if (typeof handle === 'string') return { problem: handle }
      let bound
      return {
        bind(slot, { at }, offset) { table[slot] = at + offset },
        run() {
          const own = roomFor(arenaBytes)
          if (bound !== own) for (const { slot, offset } of arena) table[slot] = own.at + offset
          bound = own
          return addon.run(handle)
        },
        free() { addon.free(handle) },
      }
    },
  }
}

const jobs = {
  start(m) { engine = m.file ? nativeEngine(m) : wasmEngine(m) },
  part(m) { engine.part(m.part, m.module) },
  load(m) {
    const program = engine.load(m)
    if (program.run) programs.set(m.program, program)
    return { missing: program.missing, problem: program.problem }
  },
  run(m) {
    const program = programs.get(m.program), used = []
    const take = (bytes) => {
      const block = engine.take(bytes)
      used.push(block)
      return block
    }
    for (const { slot, storage, offset, bytes, data } of m.inputs) {
      let block = kept.get(storage)
      if (data) {
        if (storage === undefined) block = take(bytes)
        else if (!block) kept.set(storage, (block = engine.take(bytes)))
        engine.put(block, data)
      }
      program.bind(slot, block, offset)
    }
    const outputs = m.outputs.map(({ slot, bytes }) => {
      const block = take(bytes)
      program.bind(slot, block, 0)
      return { block, bytes }
    })
    const fault = program.run()
    const results = fault ? [] : outputs.map(({ block, bytes }) => engine.get(block, bytes))
    const changed = m.changed.map(({ storage, bytes }) => engine.get(kept.get(storage), bytes))
    for (const block of used) engine.give(block)
    return { fault, results, changed }
  },
  free(m) {
    const program = programs.get(m.program)
    programs.delete(m.program)
    if (program) program.free()
  },
  drop(m) {
    const block = kept.get(m.storage)
    kept.delete(m.storage)
    if (block) engine.give(block)
  },
}
const receive = (m) => {
  let reply
  try {
    reply = jobs[m.job](m)
  } catch (error) {
    reply = { problem: String((error && error.message) || error) }
  }
  if (m.call !== undefined)
    port.postMessage({ call: m.call, ...reply }, [...((reply && reply.results) || []), ...((reply && reply.changed) || [])])
}
if (node) port.on('message', receive)
else port.onmessage = ({ data }) => receive(data)
`
