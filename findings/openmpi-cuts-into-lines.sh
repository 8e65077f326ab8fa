#!/bin/bash
# Open MPI 4.1.4 (Debian 12): mpirun cuts into the lines that ranks write. Three ranks write one line each, of 60,000 bytes that name the
# rank, by one call. mpirun passes on what it has read of each pipe, a few kilobytes at a time, so that now and then a piece of one
# rank's line stands within another's: lines of mixed digits, and of other lengths. Whoever reads a line of JSON from each
# rank finds it broken, on a quiet machine in 2 of 5 starts, on a busy one in most. MPICH 4.0.2 kept all lines whole in three starts.
# Seen: a line of 96,863 bytes with digits of two ranks, then one of 23,137.
# Debian 12 with its package lists (apt-get update) and Node.js. Ends with 0 while it is so, with 1 when 60 starts keep all lines.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q openmpi-bin=4.1.4-3+b1 libopenmpi3=4.1.4-3+b1 openmpi-common=4.1.4-3 libhwloc15 libhwloc-plugins libpmix2 libucx0 \
  libevent-core-2.1-7 libevent-pthreads-2.1-7 libfabric1 libibverbs1 librdmacm1 libpsm-infinipath1 libpsm2-2 libnl-3-200 libnl-route-3-200 \
  libmunge2 libnuma1 libxnvctrl0 libltdl7 zlib1g >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" unpacked; done
lib="$folder/unpacked/usr/lib/x86_64-linux-gnu"
export LD_LIBRARY_PATH="$lib:$lib/openmpi/lib:$folder/unpacked/lib/x86_64-linux-gnu"
export OPAL_PREFIX="$folder/unpacked/usr" OPAL_LIBDIR="$lib" OPAL_PKGLIBDIR="$lib/openmpi" OPAL_DATADIR="$folder/unpacked/usr/share" OPAL_PKGDATADIR="$folder/unpacked/usr/share/openmpi" OMPI_MCA_mca_base_component_path="$lib/openmpi/lib/openmpi3"
cat > line.mjs <<'JS'
process.stdout.write(`${process.env.OMPI_COMM_WORLD_RANK.repeat(60000)}\n`)
JS
for start in $(seq 60); do
  found=$(timeout 60 "$folder/unpacked/usr/bin/orterun" --allow-run-as-root --oversubscribe -n 3 node line.mjs |
    awk '{ if (length($0) != 60000 || $0 !~ /^(0+|1+|2+)$/) print "a line of " length($0) " bytes" }')
  if [ -n "$found" ]; then
    echo "start $start: $found"
    exit 0
  fi
done
echo 'all lines were whole'
exit 1
