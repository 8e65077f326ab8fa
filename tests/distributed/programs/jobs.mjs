import { say } from './say.mjs'

/**
 * Several jobs in one start of the processes, which costs more than most of them: `A B then C D`. Each of a job's lines names it by its
 * number. @param {(args: string[]) => Record<string, unknown>} job
 */
export function runJobs(job) {
  const jobs = [[]]
  for (const arg of process.argv.slice(2)) {
    if (arg === 'then') jobs.push([])
    else jobs.at(-1).push(arg)
  }
  for (const [number, args] of jobs.entries()) say({ job: number, ...job(args) })
}
