/** Bad input to the command: exit code 1, one clear line, nothing half-written. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from 'fast-png'
import { describe, expect, onTestFinished, test } from 'vitest'
import '../../src/index.js'
import { loadTensors, saveTensors } from '../../src/io/files.js'
import { command, filesIn, idx, nabla, names, objects, root, scratch, smallData } from './run.js'

/** One line for people, and no stack. */
function expectRefusal(
  { status, stderr }: { status: number | null; stderr: string },
  ...words: (string | RegExp)[]
) {
  expect(status).toBe(1)
  expect(stderr).not.toMatch(/\n {4}at /)
  for (const word of words) expect(stderr).toMatch(word)
}

describe('options', () => {
  test.each([
    [['train', 'digits', '--hiden', '16'], /unknown option '--hiden'/],
    [['train', 'digits', '--hidden', '16,x'], /256,128/],
    [['train', 'digits', '--hidden', '0'], /whole numbers/],
    [['train', 'digits', '--epochs', '0'], /from 1 up/],
    [['train', 'digits', '--batch-size', '1.5'], /from 1 up/],
    [['train', 'digits', '--lr', '-1'], /above 0/],
    [['train', 'digits', '--lr', 'fast'], /above 0/],
    [['train', 'digits', '--optimizer', 'magic'], /adam, adamw, sgd/],
    [['train', 'digits', '--activation', 'magic'], /sigmoid, tanh, relu/],
    [['train', 'digits', '--backend', 'gpu'], /native, wasm, reference/],
    [['train', 'digits', '--threads', '0'], /from 1 up/],
    [['train', 'digits', '--seed', '-1'], /from 0 up/],
    [['train', 'digits', 'extra'], /too many arguments/],
    [['train', 'nothing-of-this-name'], /nothing-of-this-name/],
    [['train', 'softmax', '--function', 'x'], /unknown option '--function'/],
    [['train', 'approximation', '--functon', 'x'], /unknown option '--functon'.*--function/s],
    [['train', 'softmax', 'extra'], /too many arguments/],
    [['train', 'translate', '--width', 'abc'], /'--width <text>'.*'abc'.*from 1 up/],
    [['train', 'translate', '--layers', '0'], /from 1 up/],
    [['train', 'approximation', '--to', 'far'], /finite number/],
    [['train', 'style', '--weight', ''], /finite number/],
    [['chat'], /missing required argument 'run'/],
    [['train', 'linear', '--data', 'mine.csv'], /linear brings its own data; got --data mine.csv/],
    [['sweep', 'clusters', '--try', 'seed=1,2', '--data', 'x'], /brings its own data.*--data out/s],
    [['train', 'clusters', '--lr', '0.1'], /clusters has no learning rate; got --lr 0.1/],
    [['train', 'pca', '--batch-size', '8'], /pca has no batches; got --batch-size 8/],
    [['train', 'baselines', '--epochs', '3'], /baselines has no epochs.*Leave --epochs out/s],
    [['train', 'linear', '--limit', '9'], /linear always learns from all its data/],
    [['train', 'cartpole', '--fold', '1/5'], /cartpole classifies no images.*got --fold 1\/5/s],
    [['sweep', 'clusters', '--try', 'lr=1,2'], /options that can be tried are seed; got lr/],
    [['sweep', 'linear', '--try', 'lr=1,2', '--limit', '9'], /linear always learns from all/],
    [
      ['sweep', 'pca', '--try', 'seed=1,2', '--halving', '2'],
      /successive halving needs a recipe with epochs; got pca/,
    ],
    [['sweep', 'digits', '--try', 'lr=1,2'], /digits has options of its own.*softmax/s],
    [['train', 'approximation', '--quick', '--function', 'y + 1'], /made of x, numbers.*got y/],
    [
      ['train', 'approximation', '--quick', '--function', '1/x', '--from', '0'],
      /finite value everywhere.*at 0/,
    ],
    [['predict'], /missing required argument 'run'/],
    [['nonsense'], /unknown command 'nonsense'/],
  ])('%j', (args, words) => {
    expectRefusal(nabla(args), words)
  })
})

describe('data', () => {
  const change: [string, (folder: string) => void, RegExp[]][] = [
    [
      'a truncated file',
      (f) =>
        writeFileSync(
          join(f, names.trainImages),
          readFileSync(join(f, names.trainImages)).subarray(0, 9999),
        ),
      [/train-images/, /needs 1003520 bytes; got 9983/, /truncated/],
    ],
    [
      'left-over bytes',
      (f) =>
        writeFileSync(
          join(f, names.testLabels),
          Buffer.concat([readFileSync(join(f, names.testLabels)), Buffer.of(1)]),
        ),
      [/t10k-labels/, /needs 200 bytes; got 201/, /corrupt/],
    ],
    [
      'a wrong magic number',
      (f) => writeFileSync(join(f, names.trainLabels), Buffer.from('label,pixel\n1,2\n')),
      [/train-labels/, /magic number/],
    ],
    [
      'another element type',
      (f) => writeFileSync(join(f, names.trainLabels), Buffer.of(0, 0, 13, 1, 0, 0, 0, 0)),
      [/unsigned bytes/, /0xd/],
    ],
    ['an empty file', (f) => writeFileSync(join(f, names.trainImages), ''), [/header/, /0 bytes/]],
    [
      'more images than labels',
      (f) => writeFileSync(join(f, names.trainLabels), idx([5], new Uint8Array(5))),
      [/a label for each image/, /1280 images and 5 labels/],
    ],
    [
      'a label out of range',
      (f) => writeFileSync(join(f, names.trainLabels), idx([1280], new Uint8Array(1280).fill(10))),
      [/label/, /10/],
    ],
  ]
  test.each(change)('%s', (_what, spoil, words) => {
    const data = smallData()
    spoil(data)
    const out = join(scratch(), 'run')
    expectRefusal(nabla(['train', 'digits', '--data', data, '--out', out]), ...words)
    if (existsSync(out)) expect(filesIn(out)).not.toContain('model.safetensors')
  })

  test('a corrupt gzip file', () => {
    const data = smallData({ gzip: true })
    const file = join(data, `${names.trainImages}.gz`)
    const bytes = readFileSync(file)
    bytes[Math.floor(bytes.length / 2)]! ^= 0xff
    writeFileSync(file, bytes)
    expectRefusal(nabla(['train', 'digits', '--data', data]), /train-images/, /gzip/)
  })
  test('no such folder, and one without the files', () => {
    const empty = scratch()
    expectRefusal(
      nabla(['train', 'digits', '--data', join(empty, 'none')]),
      /none/,
      /four IDX files/,
    )
    expectRefusal(nabla(['train', 'digits', '--data', empty]), /train-images-idx3-ubyte/)
  })
})

test('a loss that is no number stops training and says where', () => {
  const out = join(scratch(), 'run')
  const args = ['--lr', '1e30', '--optimizer', 'sgd', '--activation', 'relu', '--out', out]
  const outcome = nabla(['train', 'digits', '--data', smallData(), ...args])
  expectRefusal(
    outcome,
    /finite number; got (NaN|-?Infinity) at step \d+ \(epoch 1, batch \d+\)/,
    /layer/,
  )
  expect(filesIn(out)).not.toContain('model.safetensors')
})

describe('a disk without room', () => {
  const args = ['train', 'digits', '--data', 'DATA', '--epochs', '1', '--out', 'OUT', '--json']

  test('a full file system: the run before stays whole', (context) => {
    // A file system of a few pages; root alone may make one.
    const disk = scratch()
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status !== 0)
      context.skip('no right to mount')
    onTestFinished(() => {
      spawnSync('umount', [disk])
    })
    const data = smallData()
    const out = join(disk, 'run')
    const given = args.map((a) => a.replace('DATA', data).replace('OUT', out))
    expect(nabla([...given, '--hidden', '4']).status).toBe(0)
    const before = readFileSync(join(out, 'model.safetensors'))
    expectRefusal(
      nabla([...given, '--hidden', '64']),
      /model\.safetensors cannot be written; got the disk is full/,
    )
    expect(readFileSync(join(out, 'model.safetensors')).equals(before)).toBe(true)
    expect(readdirSync(out).filter((f) => f.endsWith('.tmp'))).toEqual([])
  })

  test('files that may not grow: nothing half-written', () => {
    const out = join(scratch(), 'run')
    const given = args.map((a) => a.replace('DATA', smallData()).replace('OUT', out))
    const { status, stderr } = spawnSync(
      'bash',
      ['-c', 'ulimit -f 20; exec "$@"', 'bash', process.execPath, command, ...given],
      { cwd: root, encoding: 'utf8' },
    )
    expectRefusal({ status, stderr }, /model\.safetensors cannot be written/)
    expect(filesIn(out)).toEqual(['config.json', 'graph.svg', 'metrics.jsonl', 'system.jsonl'])
  })

  test('a folder that cannot be made', () => {
    const file = join(scratch(), 'file')
    writeFileSync(file, '')
    const outcome = nabla(['train', 'digits', '--data', smallData(), '--out', join(file, 'run')])
    expectRefusal(outcome, /cannot be written/)
  })
})

describe('predict', () => {
  function trained(): { run: string; data: string } {
    const data = smallData()
    const run = join(scratch(), 'run')
    expect(
      nabla(['train', 'digits', '--data', data, '--epochs', '4', '--out', run, '--json']).status,
    ).toBe(0)
    return { run, data }
  }
  const png = (
    folder: string,
    width: number,
    height: number,
    gray: (x: number, y: number) => number,
  ): string => {
    const data = Uint8Array.from({ length: width * height }, (_, i) =>
      gray(i % width, Math.floor(i / width)),
    )
    const file = join(folder, `${width}.png`)
    writeFileSync(file, encode({ width, height, data, channels: 1, depth: 8 }))
    return file
  }

  test('a test index, and the same image as PNG, of its size, larger, and dark on light', () => {
    const { run, data } = trained()
    const answer = nabla(['predict', run, '3', '--data', data, '--json'])
    expect(answer.status).toBe(0)
    const { label, probabilities, truth } = objects(answer.stdout)[0]! as {
      label: number
      probabilities: number[]
      truth: number
    }
    expect(truth).toBe(0)
    expect(probabilities.length).toBe(10)
    expect(probabilities.reduce((s, p) => s + p)).toBeCloseTo(1, 5)
    expect(probabilities[label]).toBe(Math.max(...probabilities))

    const image = readFileSync(join(data, names.testImages)).subarray(16 + 3 * 784, 16 + 4 * 784)
    const at = (scale: number) => (x: number, y: number) =>
      image[Math.floor(y / scale) * 28 + Math.floor(x / scale)]!
    const files = [
      png(scratch(), 28, 28, at(1)),
      png(scratch(), 84, 84, at(3)),
      png(scratch(), 28, 28, (x, y) => 255 - at(1)(x, y)),
    ]
    for (const file of files) {
      const got = objects(nabla(['predict', run, file, '--json']).stdout)[0]!
      expect(got).toMatchObject({ label, class: `${label}` })
      ;(got.probabilities as number[]).forEach((p, i) => {
        expect(p).toBeCloseTo(probabilities[i]!, 4)
      })
    }
    const text = nabla(['predict', run, files[0]!])
    expect(text.status).toBe(0)
    expect(text.stdout).toMatch(new RegExp(`^${label} +\\d+\\.\\d %`, 'm'))
  })

  test('what cannot be classified', () => {
    const { run, data } = trained()
    expectRefusal(nabla(['predict', run, '200', '--data', data]), /0 to 199/)
    expectRefusal(
      nabla(['predict', run, 'none.png']),
      /none\.png cannot be read; got there is no such file/,
    )
    expectRefusal(nabla(['predict', run, join(data, names.testLabels)]), /must be PNG or JPEG/)
    expectRefusal(
      nabla(['predict', join(run, 'elsewhere'), '3']),
      /model\.safetensors cannot be read/,
    )
    const weights = join(run, 'model.safetensors')
    const bytes = readFileSync(weights)
    writeFileSync(weights, bytes.subarray(0, 5000))
    expectRefusal(nabla(['predict', run, '3', '--data', data]), /model\.safetensors/, /truncated/)
    bytes[20] = 0
    writeFileSync(weights, bytes)
    expectRefusal(nabla(['predict', run, '3', '--data', data]), /model\.safetensors/, /JSON/)
    mkdirSync(join(run, 'empty'))
    writeFileSync(join(run, 'empty', 'model.safetensors'), '')
    expectRefusal(nabla(['predict', join(run, 'empty'), '3', '--data', data]), /8 bytes/)
    rmSync(join(run, 'empty', 'model.safetensors'))
    expectRefusal(nabla(['predict', join(run, 'empty'), '3']), /got no weights/)
    for (const name of ['a', 'b']) writeFileSync(join(run, 'empty', `${name}.safetensors`), '')
    expectRefusal(
      nabla(['predict', join(run, 'empty'), '3']),
      /got a\.safetensors, b\.safetensors\. Say which, such as .*a\.safetensors/,
    )
  })

  test('what is saved beside the weights must be whole, and fit them', () => {
    const { run, data } = trained()
    const path = join(run, 'model.safetensors')
    const { tensors, metadata } = loadTensors(path)
    const saved = JSON.parse(metadata.run!)
    expect(saved).toEqual({
      task: 'digits',
      config: { sizes: [784, 16, 16, 10], activation: 'sigmoid' },
      input: { height: 28, width: 28, shape: [784], mean: 0, std: 1 },
      classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    })
    const says = (run: unknown, ...patterns: RegExp[]) => {
      const text = typeof run === 'string' ? run : JSON.stringify(run)
      saveTensors(path, tensors, text === undefined ? {} : { run: text })
      expectRefusal(nabla(['predict', path, '3', '--data', data]), ...patterns)
    }
    says(undefined, /must say which run it is of; got nothing/)
    says('{"task":', /must say which run it is of/)
    says({ ...saved, input: { ...saved.input, shape: [7] } }, /must say which run it is of/)
    says({ ...saved, input: { ...saved.input, std: 0 } }, /must say which run it is of/)
    says({ ...saved, task: 'nothing' }, /recipe of this name; got nothing/)
    says(
      { task: 'sunspots', config: {} },
      /must classify images, find things in them, make pictures, or answer texts; got one of sunspots/,
    )
    says({ ...saved, config: {} }, /network; got the configuration \{\}/)
    says(
      { ...saved, config: { ...saved.config, sizes: [784, 10] } },
      /network; got .*the saved names must be those of the model/,
    )
    says(
      { ...saved, classes: ['a', 'b'] },
      /must tell 2 classes apart; got outputs of shape \[1, 10\]/,
    )
  })
})
