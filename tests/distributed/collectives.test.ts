/** Operations of several processes over Open MPI and MPICH, against their plain definitions, and what is refused. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { implementations, programs, type Ran, ranks } from './run.js'

const long = process.env.NABLA_TEST_LONG === '1'
/** Every rank was told so. */
function everyRank(ran: Ran, n: number, name: string, text: RegExp): void {
  expect(ran.ranks, ran.stderr).toHaveLength(n)
  for (const rank of ran.ranks) expect(rank[name], name).toMatch(text)
}

describe.each(implementations)('over $name', (mpi) => {
  test.each([
    ['in memory that they share', 'all', 60, null],
    ['through MPI', 'none', 20, ['not in shared memory: it is not wanted']],
    [
      'one cannot share',
      'some',
      1,
      ['not in shared memory: another rank does not share its memory'],
    ],
  ])(
    'every operation is what its definition says, %s: types, sizes, groups',
    async (_, shared, runs, why) => {
      const env = { NABLA_TEST_SHARED: shared, NABLA_DEBUG: '1' }
      const args = ['collectives.mjs', `${runs}`, `${long ? 2000 : runs}`]
      const ran = await ranks(mpi, 3, args, { env })
      expect(ran.code, ran.stderr).toBe(0)
      expect(ran.stderr.match(/not in shared memory: .*/g)).toEqual(why)
      expect(ran.ranks).toHaveLength(3)
      for (const { checks } of ran.ranks) expect(checks).toBeGreaterThan(100)
    },
    300_000,
  )

  test('a mistake: a clear error on every rank', async () => {
    const told = {
      early: /initProcessGroup\(\) must come first/,
      shapes: /rank 0 .*allReduce \[2\] float32.*rank 1 for allReduce \[3\] float32/,
      types: /rank 0 .*broadcast \[2\] float32.*rank 1 for broadcast \[2\] int32/,
      operations: /rank 0 .*allReduce \[2\].*rank 1 for barrier/,
      models:
        /same model; got weight \[4, 2\] float32 on rank 0 and weight \[3, 2\] float32 on rank 1/,
      self: /\[send\] a rank has no messages for itself; got rank [01]/,
      functions: /\[allGatherObject\] .*structuredClone.*could not be cloned/,
      noList: /\[newGroup\] a group has ranks from 0 to 1, each once; got 'all'/,
      noOptimizer: /\[zeroRedundancy\] the first argument must be an optimizer; got 3/,
      noModule: /\[convertSyncBatchnorm\] the first argument must be a module; got 'model'/,
      outside:
        /\[(barrier\] only members of a group.*got rank 1|broadcast\] src must be a rank of the group: 0; got 1)/,
      // From here on the ranks compute on different backends.
      backends: /on native, rank 1 for .* on reference/,
      roots: /from rank 0 .*from rank 1/,
      list: /a tensor for each of the 2 ranks; got 1/,
      mean: /a mean needs a float type; got int32/,
      twice: /joined once/,
    }
    const ran = await ranks(mpi, 2, ['refusals.mjs', ...Object.keys(told), 'message', 'after'])
    for (const [name, text] of Object.entries(told)) everyRank(ran, 2, name, text)
    const wanted = /rank 0 sends \[3\] float32, rank 1 receives \[2\] float32/
    expect(ran.ranks[1]!.message).toMatch(wanted)
    everyRank(ran, 2, 'after', /\[allReduce\] ranks work together until destroyProcessGroup\(\)/)
  })

  test('a rank whose program has ended is not waited for until the time is out', async () => {
    const cases = [
      ['ends', [0, 2]],
      ['noSender', [0]],
    ] as const
    // Most of it is waiting.
    const both = await Promise.all(cases.map(([name]) => ranks(mpi, 3, ['refusals.mjs', name])))
    for (const [i, [name, waits]] of cases.entries()) {
      const ran = both[i]!
      expect(ran.seconds).toBeLessThan(40)
      const text =
        /\[(allReduce|recv|distributed)\] (rank \d .*is ended .*: )?the program of rank 1 of 3 has ended .* waits for it in/
      for (const rank of waits) {
        const told = ran.ranks.find((r) => r.rank === rank)?.[name]
        // MPICH may end the others first, once one of them has gone.
        if (told !== undefined || waits.length === 1) expect(told ?? ran.stderr).toMatch(text)
        else
          expect(ran.stderr).toMatch(
            new RegExp(`rank ${rank} of 3 .*(is ended|died|ends with the others)`),
          )
      }
      expect(ran.ranks.some((r) => text.test(`${r[name]}`)) || text.test(ran.stderr)).toBe(true)
    }
  }, 90_000)

  test('a rank that does not come: a time-out with its number and step, on every rank', async () => {
    const ran = await ranks(mpi, 3, ['refusals.mjs', 'late'])
    expect(ran.seconds).toBeLessThan(20)
    const text = /rank 1 .*at step 7.* has not come to allReduce \[2\].* at step 7/
    for (const rank of [0, 2]) {
      const told = ran.ranks.find((r) => r.rank === rank)
      expect(told?.late, ran.stderr).toMatch(text)
    }
  })

  test('the library of another implementation than the launcher', async () => {
    for (const other of implementations)
      if (other !== mpi) {
        const ran = await ranks(mpi, 2, ['refusals.mjs', 'shapes'], {
          env: { NABLA_MPI: other.library },
        })
        everyRank(
          ran,
          2,
          'shapes',
          /must be of one installation; got a world of this process alone/,
        )
      }
  })

  test('a program between the launcher and the ranks, as npx is', async () => {
    const ran = await ranks(mpi, 2, ['through.mjs', 'refusals.mjs', 'shapes'])
    // MPICH's launcher needs an open file, which such a program closes.
    const text =
      mpi.key === 'mpich' ? /PMI_FD=\d+, which .*npx.*\.bin\/nabla/ : /rank 1 for allReduce \[3\]/
    everyRank(ran, 2, 'shapes', text)
    if (mpi.key !== 'mpich') return
    // Its way around that says no rank how many there are.
    const way = { ...mpi, args: [...mpi.args, '-pmi-port'] }
    const by = await ranks(way, 2, ['through.mjs', 'refusals.mjs', 'shapes'])
    expect(by.ranks.map((r) => r.shapes).join()).toMatch(/rank 1 for allReduce \[3\].*rank 1 for/)
  })

  test('ranks with other versions are refused at the start, with both', async () => {
    const env = { NODE_OPTIONS: `--require ${join(programs, 'otherVersion.cjs')}` }
    const ran = await ranks(mpi, 2, ['refusals.mjs', 'shapes'], { env })
    const text =
      /\[initProcessGroup\] .*rank 0 .* nabla (?!99)\d+\.\S+ over (Open MPI|MPICH) .*\d, rank 1 for nabla 99\.9\.9 over/
    everyRank(ran, 2, 'shapes', text)
  })

  test('a lone process through the library', async () => {
    const ran = await ranks(undefined, 1, ['refusals.mjs', 'shapes'], {
      env: { NABLA_MPI: mpi.library },
    })
    expect(ran.ranks).toEqual([{ rank: 0, shapes: 'nothing' }])
  })
})

test('a lone process needs no library, and what needs one says which package', async () => {
  const env = { NABLA_MPI: '/nowhere/libmpi.so' }
  const alone = await ranks(undefined, 1, ['collectives.mjs', '3', '60'], { env })
  expect(alone.code, alone.stderr).toBe(0)
  const started = await ranks(undefined, 1, ['refusals.mjs', 'shapes'], {
    env: { ...env, SLURM_NTASKS: '4' },
  })
  everyRank(started, 1, 'shapes', /an MPI library must be installed.*apt install openmpi-bin/)
})

test.runIf(implementations.length > 0)('a batch script of Slurm is not four ranks', async () => {
  const ran = await ranks(undefined, 1, ['refusals.mjs', 'shapes'], { env: { SLURM_NTASKS: '4' } })
  everyRank(ran, 1, 'shapes', /Slurm: SLURM_NTASKS=4.*srun/)
})

test('ABIs are told by their symbols; a library without threads is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-abi-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const build = (name: string, ...flags: string[]) => {
    const file = join(folder, name)
    const args = ['-shared', '-fPIC', '-w', ...flags, join(programs, 'stub.c'), '-o', file]
    const { status, stderr, error } = spawnSync('cc', args, { encoding: 'utf8' })
    expect(status, `${error ?? stderr}`).toBe(0)
    return file
  }
  const info = (library: string) => {
    const env = { ...process.env, NABLA_MPI: library }
    const args = [join(import.meta.dirname, '../../dist/cli/main.js'), 'info']
    return spawnSync(process.execPath, args, { encoding: 'utf8', env }).stdout
  }
  const intel = build('libmpi.so.12', '-DVERSION="Intel(R) MPI Library 2021.10 for Linux* OS"')
  expect(info(intel)).toMatch(/Intel\(R\) MPI Library 2021.10 .*ABI of MPICH/)
  const open = build('libmpi.so.40', '-DOPEN_MPI=2', '-DVERSION="Open MPI v5.0.3, package"')
  expect(info(open)).toMatch(/Open MPI v5.0.3.*ABI of Open MPI/)
  for (const library of [intel, open]) {
    const env = { NABLA_MPI: library, SLURM_NTASKS: '2' }
    const ran = await ranks(undefined, 1, ['refusals.mjs', 'shapes'], { env })
    everyRank(ran, 1, 'shapes', /no support for threads.*built with threads/)
  }
  const half = build('half.so', '-DOPEN_MPI=1', '-DVERSION="?"')
  const ran = await ranks(undefined, 1, ['refusals.mjs', 'shapes'], {
    env: { NABLA_MPI: half, SLURM_NTASKS: '2' },
  })
  everyRank(ran, 1, 'shapes', /looks like Open MPI, but not all of its names are there/)
})
