import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { grouped } from '../../src/core/text.js'
import { loadTensors } from '../../src/io/files.js'
import { filesIn, nabla, names, objects, scratch, smallData } from './run.js'

test('a run with defaults: what it prints, the last line, what it saves', () => {
  const data = smallData()
  const out = join(scratch(), 'run')
  const { status, stdout, stderr } = nabla([
    'train',
    'digits',
    '--data',
    data,
    '--out',
    out,
    '--json',
  ])
  expect(stderr).toBe('')
  expect(status).toBe(0)
  const lines = objects(stdout)
  const last = lines.at(-1)!
  expect(last.parameters).toBe(13002)
  expect(last.testAccuracy).toBeGreaterThan(0.5)
  expect(last.testAccuracy).toBeLessThanOrEqual(1)
  expect(last.seconds).toBeGreaterThan(0)
  expect(['native', 'wasm', 'reference']).toContain(last.backend)
  expect(lines.filter((l) => l.event === 'epoch').length).toBe(8)

  expect(filesIn(out)).toEqual([
    'config.json',
    'confusion.json',
    'graph.svg',
    'metrics.jsonl',
    'model.safetensors',
    'system.jsonl',
  ])
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
  expect(config).toMatchObject({
    sizes: [784, 16, 16, 10],
    activation: 'sigmoid',
    optimizer: 'adam',
    batchSize: 64,
    seed: 1,
    parameters: 13002,
  })
  const metrics = objects(readFileSync(join(out, 'metrics.jsonl'), 'utf8'))
  expect(metrics.filter((m) => 'loss' in m).length).toBe(8)
  expect(metrics.at(-1)!.testAccuracy).toBe(last.testAccuracy)
  const { tensors } = loadTensors(join(out, 'model.safetensors'))
  const shapes = Object.values(tensors).map((t) => t.shape)
  expect(shapes).toEqual([[16, 784], [16], [16, 16], [16], [10, 16], [10]])
})

test('every option is heard', () => {
  const out = join(scratch(), 'run')
  const options = {
    '--hidden': '32,24,12',
    '--activation': 'relu',
    '--epochs': '2',
    '--batch-size': '32',
    '--lr': '0.05',
    '--optimizer': 'momentum',
    '--seed': '7',
    '--backend': 'wasm',
    '--threads': '1',
    '--data': smallData(),
    '--out': out,
  }
  const { status, stdout } = nabla(['train', 'digits', ...Object.entries(options).flat(), '--json'])
  expect(status).toBe(0)
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
  expect(config).toMatchObject({
    sizes: [784, 32, 24, 12, 10],
    activation: 'relu',
    epochs: 2,
    batchSize: 32,
    lr: 0.05,
    optimizer: 'momentum',
    seed: 7,
    backend: { backend: 'wasm', threads: 1 },
  })
  const lines = objects(stdout)
  expect(lines.filter((l) => l.event === 'epoch').length).toBe(2)
  expect(lines.at(-1)).toMatchObject({ backend: 'wasm', threads: 1, out })
  expect(lines.at(-1)!.parameters).toBe(784 * 32 + 32 + 32 * 24 + 24 + 24 * 12 + 12 + 12 * 10 + 10)
})

test('the same seed twice gives the same bits, another seed others', () => {
  const data = smallData()
  const weights = (seed: number, name: string) => {
    const out = join(scratch(), name)
    const args = ['--data', data, '--epochs', '1', '--seed', `${seed}`, '--out', out, '--json']
    expect(nabla(['train', 'digits', ...args]).status).toBe(0)
    return readFileSync(join(out, 'model.safetensors'))
  }
  const [a, b, c] = [weights(3, 'a'), weights(3, 'b'), weights(4, 'c')]
  expect(a.equals(b)).toBe(true)
  expect(a.equals(c)).toBe(false)
})

describe('the places of the data', () => {
  const run = (data: string) =>
    nabla([
      'train',
      'digits',
      '--data',
      data,
      '--epochs',
      '1',
      '--out',
      join(scratch(), 'r'),
      '--json',
    ])

  test('gzipped files, one of the files, and plain ones give the same', () => {
    const plain = smallData()
    const packed = smallData({ gzip: true })
    const losses = [
      plain,
      packed,
      join(plain, names.trainImages),
      join(packed, `${names.testLabels}.gz`),
    ].map((place) => {
      const { status, stdout, stderr } = run(place)
      expect(stderr).toBe('')
      expect(status).toBe(0)
      return objects(stdout).find((l) => l.event === 'epoch')!.loss
    })
    expect(new Set(losses).size).toBe(1)
  })
})

test('plain lines where the output is no terminal: epochs, curve, confusion matrix, digits', () => {
  const out = join(scratch(), 'run')
  const { status, stdout } = nabla([
    'train',
    'digits',
    '--data',
    smallData(),
    '--epochs',
    '2',
    '--out',
    out,
  ])
  expect(status).toBe(0)
  expect(stdout).not.toContain('\x1b')
  expect(stdout).toContain('784-16-16-10 sigmoid, 13,002 parameters')
  expect(stdout).toMatch(/epoch 1\/2 {2}loss \d\.\d+ {2}accuracy \d+\.\d\d % {2}[\d,]+ samples\/s/)
  expect(stdout).toContain('1,280 training and 200 test images (not the original files of MNIST)')
  expect(stdout).toContain('loss of each step')
  expect(stdout).toContain('confusion matrix')
  expect(stdout).toMatch(/test accuracy \d+\.\d\d %/)
  expect(statSync(join(out, 'model.safetensors')).size).toBeGreaterThan(13002 * 4)
})

test('numbers are grouped as the language says', () => {
  for (const n of [0, 7, 999, 1000, 13_002, 999_999, 1_234_567, 10 ** 12, -5, -123, -1234])
    expect(grouped(n)).toBe(n.toLocaleString('en'))
})
