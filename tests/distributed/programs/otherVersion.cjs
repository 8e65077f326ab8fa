// Has rank 1 read another version in nabla's package.json; loaded before a program.
const fs = require('node:fs')
const { syncBuiltinESMExports } = require('node:module')

const { OMPI_COMM_WORLD_RANK, PMI_RANK } = process.env
const read = fs.readFileSync
if ((OMPI_COMM_WORLD_RANK ?? PMI_RANK) === '1') {
  fs.readFileSync = (path, ...rest) =>
    `${path}`.endsWith('/package.json') && rest[0] === 'utf8'
      ? JSON.stringify({ ...JSON.parse(read(path, 'utf8')), version: '99.9.9' })
      : read(path, ...rest)
  syncBuiltinESMExports()
}
