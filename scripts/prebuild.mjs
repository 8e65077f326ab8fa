// Makes the packages with prebuilt addons, one for each platform of scripts/platforms.mjs, in build/packages/:
//   node scripts/prebuild.mjs                      for the system that this runs on
//   node scripts/prebuild.mjs --cross NAME         from Debian, with the cross compiler that the table names
//   node scripts/prebuild.mjs --isas avx2,base     for some instruction sets only (tests)
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { buildAddon, objectsOf } from './build-native.mjs'
import { findCompiler } from './cxx.mjs'
import { hostPlatform, packageOf, platforms } from './platforms.mjs'
import { isasOf, root } from './targets.mjs'

/** Writes the package of a platform; gives `{ name, folder, compiler }`, or throws where there is no compiler. */
export async function prebuild(name, { cross = false, isas, log = () => {} } = {}) {
  const platform = platforms[name]
  const {
    flags = [],
    link = platform.link,
    compiler: crossCompiler,
  } = (cross && platform.cross) || {}
  const settings = { ...platform, flags: [...platform.flags, ...flags], link }
  const compiler = await findCompiler(
    cross ? [crossCompiler] : [process.env.CXX, ...platform.compilers],
  )
  if (!compiler) throw new Error(`no compiler for ${name}`)
  const names = isas ?? isasOf(platform.cpu)
  log(`${name}: ${names.join(', ')} with ${compiler.version}`)
  const folder = `build/packages/${packageOf(name)}`
  rmSync(`${root}/${folder}`, { recursive: true, force: true })
  mkdirSync(`${root}/${folder}`, { recursive: true })
  // The file lies elsewhere too, beside what tells whether it is up to date.
  const kept = `build/prebuilt/${name}-${names.join('-')}/nabla.node`
  await buildAddon(settings, compiler, names, kept, {
    folder: objectsOf(name, cross),
    onStep: (done, all) => done % 10 === 0 && log(`${done} of ${all} files compiled`),
  })
  copyFileSync(`${root}/${kept}`, `${root}/${folder}/nabla.node`)
  copyFileSync(`${root}/LICENSE`, `${root}/${folder}/LICENSE`)
  const { version, license, engines, repository } = JSON.parse(
    readFileSync(`${root}/package.json`, 'utf8'),
  )
  const manifest = {
    name: packageOf(name),
    version,
    description: `The native addon of nabla for ${name}`,
    license,
    ...(repository && { repository }),
    main: 'nabla.node',
    files: ['nabla.node'],
    engines,
    os: [platform.os],
    cpu: [platform.cpu],
    ...(platform.libc && { libc: [platform.libc] }),
    preferUnplugged: true,
  }
  writeFileSync(`${root}/${folder}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`)
  writeFileSync(
    `${root}/${folder}/README.md`,
    `# ${packageOf(name)}\n\nThe native addon of [nabla](https://www.npmjs.com/package/nabla) for ${name}. It comes with nabla, which chooses it.\n`,
  )
  return { name: packageOf(name), folder, compiler: compiler.version }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { cross: { type: 'string' }, isas: { type: 'string' } } })
  const name = values.cross ?? hostPlatform()?.name
  if (!platforms[name] || (values.cross && !platforms[name].cross)) {
    const known = Object.keys(platforms).filter((p) => !values.cross || platforms[p].cross)
    console.error(`nabla has no prebuilt addon for ${name}; for ${known.join(', ')}`)
    process.exit(1)
  }
  const { folder } = await prebuild(name, {
    cross: Boolean(values.cross),
    isas: values.isas?.split(','),
    log: (line) => console.log(line),
  })
  console.log(folder)
}
