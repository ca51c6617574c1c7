"""The pipeline, and its YAML for Kubeflow Pipelines 2."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketrank.errors import MissingExtra

NAMES = (
    "refresh",
    "clean",
    "split",
    "train",
    "export",
    "evaluate",
    "gate",
    "audit",
    "publish",
    "notify",
)
"""As `retrain_plan` has them; a test compares. That brings NumPy and more, which compiling needs
none of."""
PIPELINE = "marketrank-retrain"
HOME = "/var/lib/marketrank"
_CACHED = {"split", "train", "export"}
"""They depend on nothing but what they are given; the others look at what is in use, or change
it."""
_RETRIES = 2
_MEMORY = {"train": "12G", "export": "8G", "evaluate": "8G"}
_OTHER_MEMORY = "4G"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the pipeline runs: the default of its parameter `image`, GPUs of the train step, the
    claim of the home folder, and the secret whose key `url` is the database's address."""

    image: str = "marketrank-train:latest"
    gpus: int = 1
    volume: str = "marketrank-home"
    secret: str = "marketrank-database"


def compile_pipeline(out: Path, target: Target) -> None:
    """Write the YAML. Raises MissingExtra without kfp."""
    try:
        from kfp import compiler
    except ImportError as error:
        raise MissingExtra("compiling a Kubeflow pipeline", "kubeflow") from error
    from marketrank.pipelines.kubeflow.components import first_step, next_step

    out.parent.mkdir(parents=True, exist_ok=True)

    def place(task: Any, name: str, image: Any) -> None:
        _place(task.set_container_image(image), name, target)

    processes = max(1, target.gpus)
    built = _pipeline(first_step, next_step, place, target.image, processes)
    compiler.Compiler().compile(built, str(out))


def local_pipeline(python: str, processes: int = 1) -> Any:
    """The same pipeline, whose steps are processes of this Python: for `kfp.local`."""
    from marketrank.pipelines.kubeflow.components import first_step_here, next_step_here

    def first(**given: Any) -> Any:
        return first_step_here(python=python, **given)

    def following(**given: Any) -> Any:
        return next_step_here(python=python, **given)

    return _pipeline(first, following, lambda *_: None, "", processes)


def _pipeline(
    first: Callable[..., Any],
    following: Callable[..., Any],
    place: Callable[[Any, str, Any], None],
    default_image: str,
    processes: int,
) -> Any:
    """`processes` are of the train step."""
    from kfp import dsl

    @dsl.pipeline(
        name=PIPELINE, description="From a feed to a model in use, or to reasons why it is not."
    )
    def retrain(
        image: str = default_image,
        products: str = "",
        images_table: str = "",
        images: str = "",
        recipe: str = "default",
        seed: int = 7,
        promote: str = "yes",
    ) -> None:
        common = {"recipe": recipe, "seed": seed, "promote": promote}
        feed = {"products": products, "images_table": images_table, "images": images}
        task = first(name=NAMES[0], **feed, **common)
        place(task.set_display_name(NAMES[0]), NAMES[0], image)
        for name in NAMES[1:]:
            n = processes if name == "train" else 1
            task = following(name=name, given=task.outputs["made"], processes=n, **common)
            place(task.set_display_name(name), name, image)

    return retrain


def _place(task: Any, name: str, target: Target) -> None:
    """Give a task its volume, secret, resources, retries and, for training, its node."""
    from kfp import kubernetes

    task.set_caching_options(name in _CACHED)
    task.set_retry(_RETRIES, backoff_duration="60s", backoff_factor=2)
    task.set_memory_limit(_MEMORY.get(name, _OTHER_MEMORY))
    task.set_env_variable("MARKETRANK_HOME", HOME)
    task.set_env_variable("MARKETRANK_LOG_FORMAT", "json")
    kubernetes.mount_pvc(task, pvc_name=target.volume, mount_path=HOME)
    kubernetes.use_secret_as_env(
        task, secret_name=target.secret, secret_key_to_env={"url": "MARKETRANK_DATABASE_URL"}
    )
    if name != "train":
        return
    kubernetes.add_node_selector(task, "marketrank/pool", "training")
    kubernetes.add_toleration(
        task, key="marketrank/training", operator="Exists", effect="NoSchedule"
    )
    if target.gpus:
        task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(target.gpus)
