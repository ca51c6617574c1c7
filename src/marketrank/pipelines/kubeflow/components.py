"""One step as a component of Kubeflow Pipelines: a container on a cluster, a process on a laptop.
Both run `marketrank pipeline step`; a file with what was made so far goes from one to the next.

Not annotated lazily: kfp reads the annotations.
"""

from kfp import dsl

_IMAGE = "marketrank-train"  # the pipeline's parameter takes its place


@dsl.container_component
def first_step(
    name: str,
    products: str,
    images_table: str,
    images: str,
    recipe: str,
    seed: int,
    promote: str,
    made: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """In a container."""
    return dsl.ContainerSpec(
        image=_IMAGE,
        command=["marketrank"],
        args=[
            *("pipeline", "step", name, "--out", made.path),
            *("--products", products, "--images-table", images_table, "--images", images),
            *("--recipe", recipe, "--seed", seed, "--promote", promote),
        ],
    )


@dsl.container_component
def next_step(
    name: str,
    given: dsl.Input[dsl.Artifact],
    recipe: str,
    seed: int,
    promote: str,
    processes: int,
    made: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """As `first_step`, after others."""
    return dsl.ContainerSpec(
        image=_IMAGE,
        command=["marketrank"],
        args=[
            *("pipeline", "step", name, "--given", given.path, "--out", made.path),
            *("--recipe", recipe, "--seed", seed, "--promote", promote),
            *("--processes", processes),
        ],
    )


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def first_step_here(
    python: str,
    name: str,
    products: str,
    images_table: str,
    images: str,
    recipe: str,
    seed: int,
    promote: str,
    made: dsl.Output[dsl.Artifact],
) -> None:
    """`python` is the Python of an environment that has marketrank and its training."""
    import subprocess

    command = [python, "-m", "marketrank", "pipeline", "step", name, "--out", made.path]
    command += ["--products", products, "--images-table", images_table, "--images", images]
    command += ["--recipe", recipe, "--seed", str(seed), "--promote", promote]
    subprocess.run(command, check=True)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def next_step_here(
    python: str,
    name: str,
    given: dsl.Input[dsl.Artifact],
    recipe: str,
    seed: int,
    promote: str,
    processes: int,
    made: dsl.Output[dsl.Artifact],
) -> None:
    """As `first_step_here`, after others."""
    import subprocess

    command = [python, "-m", "marketrank", "pipeline", "step", name]
    command += ["--given", given.path, "--out", made.path]
    command += ["--recipe", recipe, "--seed", str(seed), "--promote", promote]
    command += ["--processes", str(processes)]
    subprocess.run(command, check=True)
