import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { command, nabla, objects, root, scratch, smallData } from './run.js'

test('info names backend, instruction set, threads and versions', () => {
  const { status, stdout } = nabla(['info'])
  expect(status).toBe(0)
  for (const name of ['nabla', 'backend', 'isa', 'threads', 'node', 'available'])
    expect(stdout).toMatch(new RegExp(`^${name} +\\S`, 'm'))
  const [facts] = objects(nabla(['info', '--json']).stdout)
  expect(facts!.node).toBe(process.versions.node)
  expect(facts!.threads).toBeGreaterThan(0)
})

test.each(['native', 'wasm', 'reference'])('NABLA_BACKEND=%s is heard', (name) => {
  const [facts] = objects(nabla(['info', '--json'], { NABLA_BACKEND: name }).stdout)
  expect(facts!.backend).toBe(name)
})

test('a backend that does not exist is refused', () => {
  const { status, stderr } = nabla(['info'], { NABLA_BACKEND: 'gpu' })
  expect(status).toBe(1)
  expect(stderr).toMatch(/NABLA_BACKEND must be native, wasm or reference; got 'gpu'/)
})
test.each([
  ['NABLA_THREADS', '0', 'native'],
  ['NABLA_THREADS', '1.5', 'wasm'],
  ['NABLA_THREADS', 'many', 'native'],
  ['NABLA_THREADS', '65', 'wasm'],
  ['NABLA_ISA', 'foo', 'native'],
  ['NABLA_ISA', 'foo', 'wasm'],
  ['NABLA_BACKEND', 'WASM', ''],
])('%s=%s is refused by its name, backend %s', (name, value, backend) => {
  const { status, stderr } = nabla(['info'], {
    ...(backend && { NABLA_BACKEND: backend }),
    [name]: value,
  })
  expect(status).toBe(1)
  expect(stderr).toContain(`${name} must be`)
  expect(stderr).toContain(`got '${value}'`)
})

test('help and version', () => {
  expect(nabla(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  expect(nabla(['train', 'digits', '--help']).stdout).toContain('--hidden')
})

test('on a terminal a bar lives: loss, accuracy, samples/s, time left', () => {
  const args = ['train', 'digits', '--data', smallData({ train: 6400 }), '--epochs', '1']
  const line = [
    process.execPath,
    command,
    ...args,
    '--backend',
    'reference',
    '--out',
    join(scratch(), 'run'),
  ]
  // util-linux's script gives the command a terminal.
  const { stdout, status } = spawnSync('script', ['-qec', line.join(' '), '/dev/null'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '120', TERM: 'xterm' },
  })
  expect(status).toBe(0)
  expect(stdout).toMatch(
    /epoch 1\/1 [█░]+ \d+% {2}loss \d\.\d+ {2}accuracy \d+\.\d\d % {2}[\d,]+ samples\/s {2}\S+ left/,
  )
})
