import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tensor } from 'nabla'
import { loadTensors, parseSafetensors, saveTensors, serializeSafetensors } from 'nabla/io'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-'))
afterAll(() => rmSync(folder, { recursive: true }))
const some = () => ({
  a: tensor([
    [1, 2.5],
    [-3, 4],
  ]),
  b: tensor([true, false, true]),
  c: tensor(Int32Array.of(7, -8)),
})

test('a file gives back what was saved', () => {
  const path = join(folder, 'x.safetensors')
  saveTensors(path, some(), { who: 'test' })
  const { tensors, metadata } = loadTensors(path)
  expect(metadata).toEqual({ who: 'test' })
  for (const [name, t] of Object.entries(some())) {
    expect(tensors[name]!.dtype).toBe(t.dtype)
    expect(tensors[name]!.toArray()).toEqual(t.toArray())
  }
})

test('bytes of a Buffer at any place are read like any others', () => {
  const bytes = serializeSafetensors(some())
  const shifted = Buffer.concat([Buffer.of(1, 2, 3), bytes]).subarray(3)
  expect(parseSafetensors(shifted).tensors.a!.toArray()).toEqual([
    [1, 2.5],
    [-3, 4],
  ])
})
