// What the release workflow does beside building addons:
//   node scripts/release.mjs stage [--out FOLDER] [--repository URL]   the package as it is published
//   node scripts/release.mjs check --tag v1.2.3                        may this be published?
//   node scripts/release.mjs publish                                   build/packages/* and build/release/nabla, to npm
//   node scripts/release.mjs notes                                     what CHANGELOG.md says of this version
//   node scripts/release.mjs matrix                                    the platforms, for the workflows
// Staging adds what a clone must not have: optional dependencies on the packages of the platforms (which npm ci would look
// for before they are published), links that work on npm's page, and no tools of development.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { packageOf, platforms } from './platforms.mjs'
import { root } from './targets.mjs'

const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))

function must(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status === 0) return stdout
  throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr}`)
}

/** The address of the repository's pages, from what package.json may say: an address, `{ url }`, or `github:owner/name`. */
function pagesOf(repository) {
  const text = typeof repository === 'string' ? repository : repository?.url
  if (!text)
    throw new Error(
      'package.json names no repository, which npm needs to prove where a package comes from: add "repository"',
    )
  const short = /^(?:github:)?([\w.-]+\/[\w.-]+)$/.exec(text)
  if (short) return `https://github.com/${short[1]}`
  return text
    .replace(/^git\+/, '')
    .replace(/^(ssh:\/\/)?git@([^:/]+)[:/]/, 'https://$2/')
    .replace(/\.git$/, '')
}

/** Links to files become links to the repository as it was at this version. */
export const withFullLinks = (markdown, pages) =>
  markdown.replace(
    /(\]\()(?!https?:|#|mailto:)([^)\s]+)(\))/g,
    `$1${pages}/blob/v${manifest.version}/$2$3`,
  )

function stage(out, repository) {
  const pages = pagesOf(repository)
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const [{ filename }] = JSON.parse(must('npm', ['pack', root, '--json', '--ignore-scripts'], out))
  must('tar', ['xzf', filename], out)
  rmSync(join(out, filename))
  must('mv', ['package', 'nabla'], out)
  const { devDependencies: _, scripts, ...rest } = manifest
  const published = {
    ...rest,
    repository: typeof repository === 'string' ? { type: 'git', url: repository } : repository,
    homepage: `${pages}#readme`,
    bugs: `${pages}/issues`,
    scripts: { install: scripts.install },
    optionalDependencies: Object.fromEntries(
      Object.keys(platforms)
        .sort()
        .map((name) => [packageOf(name), manifest.version]),
    ),
  }
  writeFileSync(join(out, 'nabla/package.json'), `${JSON.stringify(published, null, 2)}\n`)
  for (const file of ['README.md', 'CHANGELOG.md'])
    writeFileSync(
      join(out, 'nabla', file),
      withFullLinks(readFileSync(`${root}/${file}`, 'utf8'), pages),
    )
  console.log(join(out, 'nabla'))
}

function changes() {
  const text = readFileSync(`${root}/CHANGELOG.md`, 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith(manifest.version))
  if (!section) throw new Error(`CHANGELOG.md has no section "## ${manifest.version}"`)
  return section.slice(section.indexOf('\n')).trim()
}

function check(tag) {
  pagesOf(manifest.repository)
  if (tag !== `v${manifest.version}`)
    throw new Error(`the tag ${tag} is not the version of package.json, ${manifest.version}`)
  changes()
}

/** Whether npm has this version of a package already. */
const isPublished = (name) =>
  spawnSync('npm', ['view', `${name}@${manifest.version}`, 'version'], {
    encoding: 'utf8',
  }).stdout.trim() === manifest.version

function publish() {
  const packages = Object.keys(platforms).map(packageOf)
  const missing = packages.filter(
    (name) => !existsSync(`${root}/build/packages/${name}/nabla.node`),
  )
  if (missing.length > 0) throw new Error(`not built: ${missing.join(', ')}`)
  for (const folder of [
    ...packages.map((name) => `build/packages/${name}`),
    'build/release/nabla',
  ]) {
    const { name } = JSON.parse(readFileSync(`${root}/${folder}/package.json`, 'utf8'))
    if (isPublished(name)) console.log(`${name} ${manifest.version} is there already`)
    else
      console.log(
        must('npm', ['publish', `./${folder}`, '--provenance', '--access', 'public'], root),
      )
  }
}

const matrix = () => ({
  include: Object.entries(platforms).map(([name, { runner, image = '' }]) => ({
    name,
    runner,
    image,
    package: packageOf(name),
  })),
})

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: 'build/release' },
    repository: { type: 'string' },
    tag: { type: 'string' },
  },
})
const commands = {
  stage: () => stage(resolve(root, values.out), values.repository ?? manifest.repository),
  check: () => check(values.tag),
  publish,
  notes: () => console.log(changes()),
  matrix: () => console.log(JSON.stringify(matrix())),
}
try {
  const command = commands[positionals[0]]
  if (!command) throw new Error(`node scripts/release.mjs ${Object.keys(commands).join(' | ')}`)
  command()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
