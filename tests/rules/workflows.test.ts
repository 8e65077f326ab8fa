/** What the workflows call is there: scripts, their commands, npm scripts, other workflows; and `npm ci` takes the lock files. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, '.github/workflows')
const { scripts, files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
  files: string[]
}

test.each(readdirSync(folder))('%s', (file) => {
  const text = readFileSync(join(folder, file), 'utf8')
  for (const [, script] of text.matchAll(/node (scripts\/[\w.-]+\.mjs)/g))
    expect(existsSync(join(root, script!)), script).toBe(true)
  const release = readFileSync(join(root, 'scripts/release.mjs'), 'utf8')
  for (const [, command] of text.matchAll(/scripts\/release\.mjs (\w+)/g))
    expect(release, command).toMatch(new RegExp(`^//   node scripts/release.mjs ${command} `, 'm'))
  for (const [, name] of text.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty(name!)
  for (const [, other] of text.matchAll(/uses: \.\/(\S+)/g))
    expect(existsSync(join(root, other!)), other).toBe(true)
  // Tabs are no YAML.
  expect(text).not.toMatch(/\t/)
})

test('what the install script loads is in the package', () => {
  const wanted = new Set<string>()
  const follow = (script: string) => {
    if (wanted.has(script)) return
    wanted.add(script)
    const text = readFileSync(join(root, 'scripts', script), 'utf8')
    for (const [, other] of text.matchAll(/from '\.\/([\w.-]+)'/g)) follow(other!)
  }
  follow(scripts.install!.replace('node scripts/', ''))
  expect(files).toEqual(expect.arrayContaining([...wanted].map((script) => `scripts/${script}`)))
})

test.each(['.', 'docs'])('npm ci takes the lock file of %s, which names no address', (place) => {
  const args = ['ci', '--dry-run', '--ignore-scripts', '--offline', '--no-audit', '--no-fund']
  const { status, stderr } = spawnSync('npm', args, { cwd: join(root, place), encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  expect(readFileSync(join(root, place, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved"/)
})
