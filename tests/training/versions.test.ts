/**
 * The same seed gives the same bits on every Node that is supported. The versions come from npm's package `node`; they
 * are installed (600 MB) where all tests are required, and else where they are already.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from '../rules/sources.js'

const versions = ['20.20.2', '22.23.3', '24.21.0', '26.10.0']
const folder = join(tmpdir(), 'nabla-node-versions')
const binary = (version: string) => join(folder, version, 'node_modules/node/bin/node')
const required = process.env.NABLA_TEST_REQUIRE_ALL === '1'

function install(version: string): string {
  if (!existsSync(binary(version))) {
    mkdirSync(join(folder, version), { recursive: true })
    writeFileSync(join(folder, version, 'package.json'), '{"private":true}')
    const args = ['install', `node@${version}`, '--no-audit', '--no-fund', '--no-package-lock']
    execFileSync('npm', args, { cwd: join(folder, version), stdio: 'ignore' })
  }
  return binary(version)
}
const run = (node: string, ...args: string[]) => execFileSync(node, args, { encoding: 'utf8' })

describe.runIf(required || versions.every((v) => existsSync(binary(v))))('on every Node', () => {
  test('final weights have the same bits', { timeout: 480_000 }, () => {
    const script = join(root, 'tests/training/versions.mjs')
    const results = versions.map((v) => {
      const node = install(v)
      expect(run(node, '--version').trim()).toBe(`v${v}`)
      return JSON.parse(run(node, script, join(root, 'dist'))) as Record<string, string>
    })
    expect(Object.keys(results[0]!).length).toBe(15)
    results.forEach((r, i) => {
      expect(r, `Node ${versions[i]}`).toEqual(results[0])
    })
  })
})
