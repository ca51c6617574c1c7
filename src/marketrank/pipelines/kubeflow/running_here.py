"""Run the pipeline on this machine with `kfp.local`: no cluster, no containers."""

import os
from pathlib import Path
from typing import Any

from marketrank.errors import MissingExtra


def run_here(
    folder: Path, *, home: Path, python: str, arguments: dict[str, Any] | None = None
) -> Path:
    """Run all steps as processes of `python`, an environment with marketrank[train]; what they make
    lies below `folder`. Returns the file of the last step. Raises MissingExtra without kfp, and
    RuntimeError where a step fails."""
    try:
        from kfp import local
    except ImportError as error:
        raise MissingExtra("running a Kubeflow pipeline", "kubeflow") from error
    from marketrank.pipelines.kubeflow.compiling import local_pipeline

    os.environ["MARKETRANK_HOME"] = str(home)
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(folder),
        raise_on_error=True,
    )
    local_pipeline(python)(**(arguments or {}))
    return max(folder.rglob("made"), key=lambda path: path.stat().st_mtime)
