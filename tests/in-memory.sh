#!/bin/sh
# Runs a command with its temporary files in memory, where there is plenty: all tests together make
# and delete some hundred thousand small files, and a disk takes minutes for it (docs/adr/0236).
# The files are deleted, but for those of a run that fails: what failed tests wrote is kept.
folder=${MEMORY_FOLDER:-/dev/shm}
room=${MEMORY_ROOM_MB:-4000}
beside=8000 # what the tests themselves need

has_room() {
  [ -w "$folder" ] || return 1
  [ "$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')" -ge "$room" ] || return 1
  # A container may have less memory than the machine.
  [ "$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)" = max ] || return 1
  [ "$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)" -ge $((room + beside)) ]
}

has_room 2>/dev/null || exec "$@"
TMPDIR=$(mktemp -d "$folder/marketrank-tests.XXXXXX")
export TMPDIR
chmod 711 "$TMPDIR" # the database's server runs as another user
trap 'rm -rf "$TMPDIR"; exit 130' INT TERM
"$@"
status=$?
if [ "$status" = 0 ]; then
  rm -rf "$TMPDIR"
else
  echo "what failed tests wrote is in memory: see and delete $TMPDIR" >&2
fi
exit "$status"
