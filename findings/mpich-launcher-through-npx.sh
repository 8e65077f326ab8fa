#!/bin/bash
# MPICH 4.0.2 (Debian 12) and npm 10.8.2: `mpirun -n 2 npx PROGRAM` cannot work, although both do what their manuals say. The
# launcher Hydra talks to each rank through an open file that it names in PMI_FD; npx starts the program with the three standard files
# alone, but leaves PMI_FD in its environment, so that MPI_Init writes into a file that is closed, or is another one by then, and
# ends the process ("write_line error; fd=8"). Hydra's `-pmi-port` goes around it, but then tells no rank how many there are: PMI_SIZE
# and PMI_RANK are not set, and a program that looks there for a launcher takes itself for the only rank, n times.
# Seen: direct: socket, PMI_SIZE=2; through npx: no socket, PMI_SIZE=2; -pmi-port through npx: no PMI_FD, PMI_SIZE not set.
# Debian 12 with its package lists (apt-get update) and Node.js. Ends with 0 while it is so, with 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q mpich=4.0.2-3+b1 libhwloc15 libslurm38 libudev1 >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" unpacked; done
export LD_LIBRARY_PATH="$folder/unpacked/usr/lib/x86_64-linux-gnu:$folder/unpacked/lib/x86_64-linux-gnu"
export PATH="$folder/unpacked/usr/bin:$PATH"
npm init -y >/dev/null
npm install --no-audit --no-fund --ignore-scripts npm@10.8.2 >/dev/null
cat > check.mjs <<'JS'
import { fstatSync } from 'node:fs'
const { PMI_FD, PMI_SIZE } = process.env
let file = PMI_FD ? 'no socket' : 'no PMI_FD'
try {
  if (PMI_FD && fstatSync(Number(PMI_FD)).isSocket()) file = 'socket'
} catch {}
console.log(`${file}, PMI_SIZE${PMI_SIZE ? `=${PMI_SIZE}` : ' not set'}`)
JS
npx="node node_modules/npm/bin/npx-cli.js -c"
run() { timeout 60 mpiexec.hydra "$@" | sort -u; }
direct=$(run -n 2 node check.mjs)
through=$(run -n 2 $npx 'node check.mjs')
port=$(run -pmi-port -n 2 $npx 'node check.mjs')
echo "direct: $direct"
echo "through npx: $through"
echo "-pmi-port through npx: $port"
[ "$direct" = 'socket, PMI_SIZE=2' ] && [ "$through" = 'no socket, PMI_SIZE=2' ] && [ "$port" = 'no PMI_FD, PMI_SIZE not set' ]
