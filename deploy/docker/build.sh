#!/bin/sh
# Build one image: build.sh serve|train TAG [docker build options]
# PIP_CONF and CA_BUNDLE may name a pip.conf and a bundle of certificates that the build needs to
# reach a package index; they are mounted, never copied. PYTHON_IMAGE is the base.
set -eu
target=$1 tag=$2
shift 2
cd "$(dirname "$0")/../.."
set -- --file deploy/docker/Dockerfile --target "$target" --tag "$tag" "$@"
[ -z "${PYTHON_IMAGE:-}" ] || set -- --build-arg "PYTHON_IMAGE=$PYTHON_IMAGE" "$@"
[ -z "${PIP_CONF:-}" ] || set -- --secret "id=pip_conf,src=$PIP_CONF" "$@"
[ -z "${CA_BUNDLE:-}" ] || set -- --secret "id=ca_bundle,src=$CA_BUNDLE" "$@"
[ -z "${BUILD_NETWORK:-}" ] || set -- --network "$BUILD_NETWORK" "$@"
DOCKER_BUILDKIT=1 exec "${DOCKER:-docker}" build "$@" .
