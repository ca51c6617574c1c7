#!/bin/sh
# Where no registry is reachable, make the four images that the Dockerfile and compose.yaml start
# from out of Debian packages, as marketrank-stand-in-*. They prove that the steps run, not that the
# official images behave so. Needs root, debootstrap, a running engine.
# Usage: make.sh python | make.sh others   (others: after the image `serve` was built)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
docker=${DOCKER:-docker}
network=${BUILD_NETWORK:+--network $BUILD_NETWORK}
case $1 in
python)
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$root" \
    "$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources)" >/dev/null
  ln -sf python3 "$root/usr/bin/python"
  # As the slim image: no manuals, languages or lists of packages.
  tar -C "$root" --exclude='./var/lib/apt/lists/*' --exclude='./var/cache/apt/*' \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' \
    -c . | "$docker" import - marketrank-stand-in-python:dev
  ;;
others)
  cd "$here"
  # shellcheck disable=SC2086 # one word or two
  "$docker" build $network --build-arg "SERVE_IMAGE=${SERVE_IMAGE:-marketrank-serve:dev}" \
    --file postgres.Dockerfile --tag marketrank-stand-in-postgres:dev .
  # shellcheck disable=SC2086
  "$docker" build $network --build-arg PYTHON_IMAGE=marketrank-stand-in-python:dev \
    --build-arg PROGRAM=nginx-light --file debian.Dockerfile --tag marketrank-stand-in-nginx:dev .
  # shellcheck disable=SC2086
  "$docker" build $network --build-arg PYTHON_IMAGE=marketrank-stand-in-python:dev \
    --build-arg PROGRAM=prometheus --file debian.Dockerfile \
    --tag marketrank-stand-in-prometheus-base:dev .
  printf 'FROM marketrank-stand-in-prometheus-base:dev\nUSER 65534\nENTRYPOINT ["prometheus"]\n' |
    "$docker" build --tag marketrank-stand-in-prometheus:dev -
  ;;
*)
  echo "make.sh python | make.sh others" >&2
  exit 2
  ;;
esac
