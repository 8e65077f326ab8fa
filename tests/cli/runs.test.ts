/** Runs that are stopped and go on, that share a folder, whose reader goes away, and those of one's own. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { loadTensors } from '../../src/io/files.js'
import '../../src/index.js'
import { command, filesIn, nabla, objects, root, scratch, smallData } from './run.js'

const epochs = (folder: string) =>
  objects(readFileSync(join(folder, 'metrics.jsonl'), 'utf8'))
    .filter((l) => l.event === 'epoch')
    .map(({ seconds: _s, samplesPerSecond: _p, ...rest }) => rest)

/** Starts a run and sends it a signal when it has said `after`. */
function stopped(args: readonly string[], signal: NodeJS.Signals, after: RegExp, twice = false) {
  return new Promise<{ code: number | null; stderr: string; signal: NodeJS.Signals | null }>(
    (done) => {
      const child = spawn(process.execPath, [command, ...args], { cwd: root })
      let stdout = ''
      let stderr = ''
      let sent = false
      child.stderr.on('data', (d) => (stderr += d))
      child.stdout.on('data', (d) => {
        stdout += d
        if (sent || !after.test(stdout)) return
        sent = true
        child.kill(signal)
        if (twice) child.kill(signal)
      })
      child.on('exit', (code, by) => done({ code, stderr, signal: by }))
    },
  )
}

describe('a run that was stopped goes on with --resume, with the bits of one that was not', () => {
  const args = (data: string, out: string) => [
    ...[
      'train',
      'softmax',
      '--data',
      data,
      '--epochs',
      '60',
      '--threads',
      '1',
      '--batch-size',
      '16',
    ],
    ...['--out', out],
  ]
  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    '%s',
    async (signal) => {
      const data = smallData()
      const folder = scratch()
      const [whole, part] = [join(folder, 'whole'), join(folder, 'part')]
      expect(nabla(args(data, whole)).status).toBe(0)
      const first = await stopped(args(data, part), signal, /epoch +3\/60/)
      if (signal !== 'SIGKILL') {
        expect(first.code).toBe(signal === 'SIGINT' ? 130 : 143)
        expect(first.stderr).toMatch(
          /stopped after step \d+, saved in .*part\. Continue with: nabla train --resume/,
        )
      }
      expect(filesIn(part)).toContain('checkpoints/model.safetensors')
      expect(filesIn(part)).not.toContain('model.safetensors')
      await stopped(['train', '--resume', part], signal, /epoch +7\/60/)
      const last = nabla(['train', '--resume', part])
      expect([last.stderr, last.status]).toEqual(['', 0])
      const weights = (run: string) => readFileSync(join(run, 'model.safetensors'))
      expect(weights(part).equals(weights(whole))).toBe(true)
      expect(epochs(part)).toEqual(epochs(whole))
      expect(filesIn(part)).toEqual(filesIn(whole))
      expect(nabla(['train', '--resume', part]).stderr).toMatch(/stopped before its end/)
    },
    120_000,
  )
  test('several trainings of one recipe', async () => {
    const folder = scratch()
    const few = [
      'train',
      'overfitting',
      '--data',
      smallData(),
      '--limit',
      '200',
      '--epochs',
      '4',
      '--threads',
      '1',
    ]
    const [whole, part] = [join(folder, 'whole'), join(folder, 'part')]
    expect(nabla([...few, '--out', whole]).status).toBe(0)
    await stopped([...few, '--out', part], 'SIGINT', /L2, [\s\S]*epoch 2\/4/)
    expect(nabla(['train', '--resume', part]).status).toBe(0)
    for (const file of filesIn(whole).filter((f) => f.endsWith('.safetensors')))
      expect(readFileSync(join(part, file)).equals(readFileSync(join(whole, file))), file).toBe(
        true,
      )
    expect(epochs(part)).toEqual(epochs(whole))
  }, 120_000)
  test('digits too, by either command', async () => {
    const folder = scratch()
    const given = ['train', 'digits', '--data', smallData(), '--epochs', '30', '--threads', '1']
    const [whole, part] = [join(folder, 'whole'), join(folder, 'part')]
    expect(nabla([...given, '--out', whole]).status).toBe(0)
    await stopped([...given, '--out', part], 'SIGINT', /epoch +2\/30/)
    await stopped(['train', 'digits', '--resume', part], 'SIGINT', /epoch +6\/30/)
    const last = nabla(['train', '--resume', part])
    expect([last.stderr, last.status]).toEqual(['', 0])
    const weights = (run: string) => readFileSync(join(run, 'model.safetensors'))
    expect(weights(part).equals(weights(whole))).toBe(true)
    expect(epochs(part)).toEqual(epochs(whole))
  }, 120_000)
  test('a second Ctrl-C ends at once', async () => {
    const out = join(scratch(), 'run')
    const end = await stopped(args(smallData(), out), 'SIGINT', /epoch +2\/60/, true)
    expect(end.signal === 'SIGINT' || end.code === 130).toBe(true)
  }, 60_000)
  test('a changed configuration, no run, another recipe', () => {
    const out = join(scratch(), 'run')
    expect(nabla(['train', '--resume', out]).stderr).toMatch(/must hold a run/)
    expect(nabla(['train', 'softmax', '--quick', '--data', smallData(), '--out', out]).status).toBe(
      0,
    )
    expect(nabla(['train', 'lenet', '--resume', out]).stderr).toMatch(
      /one of softmax, not of lenet/,
    )
    const path = join(out, 'config.json')
    writeFileSync(path, readFileSync(path, 'utf8').replace('"lr": 0.5', '"lr": 0.7'))
    expect(nabla(['train', '--resume', out]).stderr).toMatch(/checksum does not fit/)
  })
})

test('two runs in one folder: the second gets a folder of its own', () => {
  const data = smallData()
  const out = join(scratch(), 'run')
  const run = (epochs: string) =>
    nabla(['train', 'digits', '--data', data, '--epochs', epochs, '--out', out])
  expect(run('1').status).toBe(0)
  const before = filesIn(out).map((f) => readFileSync(join(out, f), 'latin1'))
  const second = run('2')
  expect(second.stdout).toMatch(/run already holds a run: this one is saved in .*run-2/)
  expect(filesIn(out).map((f) => readFileSync(join(out, f), 'latin1'))).toEqual(before)
  expect(filesIn(`${out}-2`)).toEqual(filesIn(out))
})

test.each([
  ['closed by its reader', `"$@" | head -c 1 > /dev/null; exit \${PIPESTATUS[0]}`, 0],
  ['full', '"$@" > /dev/full', 1],
])('a standard output that is %s ends quietly', (_what, script, code) => {
  if (script.includes('/dev/full') && !existsSync('/dev/full')) return
  const out = join(scratch(), 'run')
  const given = ['train', 'softmax', '--data', smallData(), '--epochs', '300', '--out', out]
  for (const args of [given, ['info'], ['train']]) {
    const { status, stderr } = spawnSync(
      'bash',
      ['-c', script, 'bash', process.execPath, command, ...args],
      { cwd: root, encoding: 'utf8' },
    )
    expect([stderr, status]).toEqual(['', code])
  }
})

test('a rate that is no number is refused; weights that are none are not saved', () => {
  const data = smallData()
  for (const lr of ['1e999', 'Infinity', 'NaN']) {
    const { status, stderr } = nabla(['train', 'softmax', '--data', data, '--lr', lr])
    expect(status).toBe(1)
    expect(stderr).toMatch(/A finite number above 0/)
  }
  const out = join(scratch(), 'run')
  // One step, the last one, that ends beyond the largest number.
  const one = ['--limit', '8', '--batch-size', '8', '--epochs', '1', '--lr', '1e39', '--out', out]
  const { status, stderr } = nabla(['train', 'softmax', '--data', data, ...one])
  expect(status).toBe(1)
  expect(stderr).toMatch(/finite/)
  expect(filesIn(out).filter((f) => f.endsWith('.safetensors'))).toEqual([])
})

describe('nabla predict for runs of one’s own', () => {
  const program = (out: string, body: string) => `
import { manualSeed, tensor, uniform } from ${JSON.stringify(pathToFileURL(join(root, 'dist/index.js')).href)}
import { Linear, Sequential, Tanh } from ${JSON.stringify(pathToFileURL(join(root, 'dist/nn/index.js')).href)}
import { DataLoader, TensorDataset } from ${JSON.stringify(pathToFileURL(join(root, 'dist/data/index.js')).href)}
import { Adam } from ${JSON.stringify(pathToFileURL(join(root, 'dist/optim/index.js')).href)}
import { fit, RunFolder } from ${JSON.stringify(pathToFileURL(join(root, 'dist/train/index.js')).href)}
export default ({ hidden }) => new Sequential(new Linear(2, hidden), new Tanh(), new Linear(hidden, 2))
const main = () => {
  manualSeed(1)
  const x = uniform([64, 2], -1, 1)
  const y = tensor(Int32Array.from(x.toArray(), ([a, b]) => (a > b ? 1 : 0)))
  const model = new Sequential(new Linear(2, 6), new Tanh(), new Linear(6, 2))
  fit(model, {
    data: new DataLoader(new TensorDataset(x, y), { batchSize: 8 }),
    optimizer: new Adam(model.parameters(), { lr: 0.1 }),
    epochs: 10,
    callbacks: [new RunFolder(${JSON.stringify(out)}, {
      module: import.meta.url, config: { hidden: 6 }, input: { shape: [2] }, ${body}
    })],
  })
}
if (process.argv[1] === ${JSON.stringify(join(out, '../mine.mjs'))}) main()
`
  test('numbers are classified, and what is not finite is refused', () => {
    const folder = scratch()
    const out = join(folder, 'run')
    const file = join(folder, 'mine.mjs')
    writeFileSync(file, program(out, "classes: ['below', 'above']"))
    const made = spawnSync(process.execPath, [file], { encoding: 'utf8' })
    expect([made.stderr, made.status]).toEqual(['', 0])
    const kept = ['config.json', 'graph.svg', 'metrics.jsonl', 'model.safetensors', 'system.jsonl']
    expect(filesIn(out)).toEqual(kept)
    expect(epochs(out)).toHaveLength(10)
    const says = (...args: string[]) => nabla(['predict', out, ...args, '--json'])
    expect(objects(says('0.9,-0.5').stdout)[0]).toMatchObject({ label: 1, class: 'above' })
    expect(objects(says('-0.9,0.5').stdout)[0]).toMatchObject({ label: 0, class: 'below' })
    writeFileSync(join(folder, 'x.json'), '[[0.9, -0.5]]')
    expect(objects(says(join(folder, 'x.json')).stdout)[0]).toMatchObject({ class: 'above' })
    expect(says('0.9').stderr).toMatch(/an example of this run is 2 numbers/)
    expect(says('0.9,x').stderr).toMatch(/an example of this run is 2 numbers/)
    // A second one beside it.
    expect(spawnSync(process.execPath, [file]).status).toBe(0)
    expect(filesIn(`${out}-2`)).toEqual(filesIn(out))
    expect(nabla(['predict', `${out}-2`, '1,0']).status).toBe(0)

    const path = join(out, 'model.safetensors')
    const bytes = readFileSync(path)
    bytes[bytes.length - 3]! ^= 4
    writeFileSync(path, bytes)
    expect(says('0.9,-0.5').stderr).toMatch(/checksum/)
  })
  test('outputs that are not finite are refused', async () => {
    const folder = scratch()
    const out = join(folder, 'run')
    writeFileSync(join(folder, 'mine.mjs'), program(out, ''))
    expect(spawnSync(process.execPath, [join(folder, 'mine.mjs')]).status).toBe(0)
    expect(nabla(['predict', out, '1,0', '--json']).stdout).toMatch(/"outputs":\[-?\d/)
    const path = join(out, 'model.safetensors')
    const { tensors, metadata } = loadTensors(path)
    const { saveTensors } = await import('../../src/io/files.js')
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      tensors['2.bias']!.storage!.fill(bad, 0, 1)
      saveTensors(path, tensors, metadata)
      const { status, stderr } = nabla(['predict', out, '1,0'])
      expect(status).toBe(1)
      expect(stderr).toMatch(/must be finite numbers; got (NaN|Infinity)/)
    }
  })
})
