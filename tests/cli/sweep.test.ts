/** `nabla sweep`: all settings, the best of them, and what is there when it is stopped. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { command, nabla, objects, root, scratch } from './run.js'

const few = ['--limit', '128', '--epochs', '1', '--json']
const results = (out: string) =>
  JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as {
    results: { id: number; setting: Record<string, number>; value: number; deviation?: number }[]
  }

test('a grid: every combination, the best first, the same numbers as of one run alone', () => {
  const out = join(scratch(), 'sweep')
  const tried = ['--try', 'lr=0.001,0.1', '--try', 'batch-size=32,64']
  const { status, stdout, stderr } = nabla(['sweep', 'softmax', ...tried, ...few, '--out', out])
  expect([stderr, status]).toEqual(['', 0])
  const lines = objects(stdout)
  expect(lines.filter((l) => l.event === 'trial').length).toBe(4)
  const { results: list } = results(out)
  expect(list.map((r) => r.value)).toEqual(list.map((r) => r.value).sort((a, b) => b - a))
  expect(list[0]!.setting.lr).toBe(0.1)
  expect(lines.at(-1)).toMatchObject({ event: 'end', metric: 'testAccuracy', failures: 0 })
  expect(readFileSync(join(out, 'parallel.svg'), 'utf8').match(/<polyline /g)!.length).toBe(4)
  const best = list[0]!.setting
  const alone = nabla([
    'train',
    'softmax',
    '--lr',
    `${best.lr}`,
    '--batch-size',
    `${best['batch-size']}`,
    '--seed',
    '1',
    '--threads',
    '1',
    ...few,
    '--out',
    join(scratch(), 'alone'),
  ])
  expect(objects(alone.stdout).at(-1)!.testAccuracy).toBe(list[0]!.value)
  // What is there already is not trained again.
  const before = readdirSync(out)
  const again = nabla(['sweep', 'softmax', '--resume', out, '--json'])
  expect(objects(again.stdout).at(-1)!.best).toEqual(lines.at(-1)!.best)
  expect(readdirSync(out)).toEqual(before)
  // Other options than those with which it began would be left out in silence.
  const more = [
    'try lr=1,2',
    'random 3',
    'halving 2',
    'folds 2',
    'metric loss',
    'epochs 2',
    'limit 9',
    'seed 2',
  ]
  const all = more.flatMap((o) => `--${o}`.split(' '))
  expect(nabla(['sweep', 'softmax', '--resume', out, ...all]).stderr).toMatch(
    /keeps the options with which it began; got --seed, --try, --random, --halving, --folds, --metric, --epochs, --limit/,
  )
}, 120_000)

test('successive halving at random, with folds', () => {
  const out = join(scratch(), 'sweep')
  const { status, stdout } = nabla([
    'sweep',
    'softmax',
    '--try',
    'lr=1e-3..1',
    '--random',
    '4',
    '--halving',
    '2',
    '--folds',
    '2',
    '--epochs',
    '2',
    '--limit',
    '128',
    '--json',
    '--out',
    out,
  ])
  expect(status).toBe(0)
  const trials = objects(stdout).filter((l) => l.event === 'trial')
  expect(trials.map((t) => t.epochs)).toEqual([1, 1, 1, 1, 2, 2])
  for (const t of trials) {
    const { lr } = t.setting as { lr: number }
    expect(lr > 1e-3 && lr < 1).toBe(true)
    expect(t.deviation).toBeGreaterThanOrEqual(0)
  }
}, 120_000)

test('a sweep that was killed goes on where it was', async () => {
  const out = join(scratch(), 'sweep')
  const args = ['sweep', 'softmax', '--try', 'seed=1,2,3,4', ...few, '--jobs', '1', '--out', out]
  const child = spawn(process.execPath, [command, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise<void>((done) => {
    child.stdout.on('data', (text) => {
      if (`${text}`.includes('"trial"')) child.kill('SIGKILL')
    })
    child.on('close', () => done())
  })
  expect(existsSync(join(out, 'results.json'))).toBe(false)
  const { status, stdout } = nabla(['sweep', 'softmax', '--resume', out, '--json'])
  expect(status).toBe(0)
  expect(objects(stdout).filter((l) => l.event === 'trial').length).toBe(4)
  expect(results(out).results.length).toBe(4)
}, 120_000)

describe('refused', () => {
  test.each([
    [['softmax'], /something to try.*--try lr=0.1,0.01/],
    [['softmax', '--try', 'lr'], /name=values/],
    [
      ['softmax', '--try', 'rate=1'],
      /options that can be tried are lr, batch-size, epochs, seed; got rate/,
    ],
    [['softmax', '--try', 'lr=fast'], /numbers above 0; got fast/],
    [['softmax', '--try', 'batch-size=1.5'], /whole numbers above 0/],
    [['softmax', '--try', 'lr=1e-3..1'], /--random 20/],
    [['softmax', '--try', 'lr=1..0.1', '--random', '2'], /lower to the higher/],
    [['softmax', '--try', 'lr=1', '--try', 'lr=2'], /lr twice/],
    [['perceptron', '--try', 'lr=1', '--folds', '2'], /classifies images/],
    [['softmax', '--try', 'epochs=1,2', '--halving', '2'], /halving chooses the epochs/],
    [['nothing', '--try', 'lr=1'], /there must be a recipe of this name/],
    [['softmax', '--resume', 'nowhere'], /must hold a sweep/],
  ])('%j', (args, words) => {
    const { status, stderr } = nabla(['sweep', ...args])
    expect(stderr).toMatch(words)
    expect(stderr).not.toMatch(/\n {4}at /)
    expect(status).toBe(1)
  })
})
