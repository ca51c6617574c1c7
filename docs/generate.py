"""What the site takes from the code: a hook of MkDocs (`hooks` in mkdocs.yml).

Each page of PAGES is made from what the program itself runs on, so it cannot fall behind. The
functions that make them need marketrank alone; MkDocs calls the three at the end.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
_REST = "How to"
"""The part of the nav that gets the pages which it does not name."""
_OUTSIDE = re.compile(r"\]\(\.\./([^)#]+)\)")
"""A link from a page of docs/ to a file of the repository elsewhere."""


def commands() -> str:
    """Every command with its arguments and options, from Typer."""
    from typer.main import get_command

    from marketrank.cli import app

    parts = ["# Commands", "Reports go to standard output, all else to standard error."]
    for words, command in leaves(get_command(app), ("marketrank",)):
        parts += [f"## {' '.join(words)}", _text(command.help or ""), _usage(words, command)]
        rows = [
            (_code(_names(one)), _text(getattr(one, "help", None) or ""), _default(one))
            for one in command.params
            if one.name != "help"
        ]
        parts.append(_table(("", "what", "default"), rows))
    return "\n\n".join(parts)


def leaves(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The commands below a group, each with the words that call it."""
    below = getattr(command, "commands", None)
    if below is None:
        yield words, command
        return
    for name, one in below.items():
        yield from leaves(one, (*words, name))


def settings() -> str:
    """Every setting with its environment name, type, default and meaning."""
    from marketrank.config import FILE_NAME, Settings

    schema = Settings.model_json_schema()["properties"]
    rows = []
    for name, field in Settings.model_fields.items():
        if name == "home":
            default = "`./.marketrank`"
        elif field.default_factory is not None:
            default = "the number of processors"
        else:
            default = _code(_value(field.default))
        about = _text(field.description or "")
        rows.append(
            (f"`{name}`<br>`MARKETRANK_{name.upper()}`", _kind(schema[name]), default, about)
        )
    return "\n\n".join(
        [
            "# Settings",
            f"Each can be a key of `<home>/{FILE_NAME}` or a variable of the environment, which "
            "wins; lists are JSON there. Unknown names are errors.",
            _table(("setting", "type", "default", "what"), rows),
        ]
    )


def features() -> str:
    """Every feature that the ranker of sessions reads."""
    from marketrank.ranking.session_features import FEATURES, PROFILE

    rows = [(f"`{one.name}`", _text(one.meaning), one.unit, str(one.part)) for one in FEATURES]
    without = " and ".join(f"`{part}`" for part in sorted(PROFILE))
    return "\n\n".join(
        [
            "# Features of the ranker",
            f"In the order of the model's columns. What is not known is NaN; the parts {without} "
            "are left out of requests without profiling. How they are used: "
            "[Learn from what buyers do](../learning.md).",
            _table(("feature", "meaning", "unit", "part"), rows),
        ]
    )


def metrics() -> str:
    """Every metric of marketrank that `GET /metrics` can answer with."""
    from marketrank.monitoring.metrics import Metrics

    rows = [
        (_code(labelled), kind, _text(about)) for labelled, kind, about in _instruments(Metrics())
    ]
    return "\n\n".join(
        [
            "# Metrics",
            "Of `GET /metrics` and `marketrank worker --metrics-port`, in Prometheus' format, "
            "beside those of the process itself. What to watch: "
            "[Run it as a service](../deploy.md#watch).",
            _table(("metric", "type", "what"), rows),
        ]
    )


def _instruments(measured: Any) -> Iterator[tuple[str, str, str]]:
    for one in vars(measured).values():
        if hasattr(one, "_labelnames"):  # prometheus_client has no public way to ask for these
            total = "_total" if one._type == "counter" else ""
            labels = ",".join(one._labelnames)
            yield (
                one._name + total + (f"{{{labels}}}" if labels else ""),
                one._type,
                one._documentation,
            )


def decisions() -> str:
    """The list of decision records, by number."""
    rows = []
    for path in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")):
        title = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ").strip()
        rows.append(f"- [{_text(title)}]({path.name})")
    about = "Why it is so, in half a page each: decision, reason, and what would change our mind."
    return f"# Decisions\n\n{about}\n\n" + "\n".join(rows)


def http() -> str:
    """Every request of the HTTP API and every shape of its answers, from the OpenAPI document."""
    from marketrank.api.app import create_app
    from marketrank.config import Settings

    nothing: Any = None  # routes are described without a marketplace
    document = create_app(nothing, settings=Settings(home=Path("home"))).openapi()
    parts = [
        "# HTTP API",
        "From `GET /openapi.json`, which programs read. Errors are `application/problem+json`. "
        "Keys and limits: [Call the API](../api.md).",
    ]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts += [f"## {method.upper()} {path}", *_operation(operation)]
    parts.append("# Shapes")
    for name, shape in document["components"]["schemas"].items():
        parts += [f"## {name}", _text(shape.get("description", "")), _fields(shape)]
    return "\n\n".join(parts)


def _operation(operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"**{_text(operation.get('summary', ''))}.** {_text(operation.get('description', ''))}"
    given = operation.get("parameters", ())
    if given:
        rows = [
            (
                f"`{one['name']}`" + (" (required)" if one.get("required") else ""),
                one["in"],
                _kind(one["schema"]),
                _code(_value(one["schema"].get("default"))),
                _text(one.get("description", "")),
            )
            for one in given
        ]
        yield _table(("parameter", "in", "type", "default", "what"), rows)
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"Body, `{media}`: {_kind(content['schema'])}"
        yield _fields(content["schema"])
    rows = []
    for status, response in sorted(operation["responses"].items()):
        kinds = [
            f"`{media}`" + (f" {_kind(content['schema'])}" if content.get("schema") else "")
            for media, content in response.get("content", {}).items()
        ]
        rows.append((status, _text(response.get("description", "")), "<br>".join(kinds)))
    yield _table(("status", "when", "body"), rows)


def _fields(shape: Mapping[str, Any]) -> str:
    needed = shape.get("required", ())
    rows = [
        (
            f"`{name}`" + (" (required)" if name in needed else ""),
            _kind(field),
            _text(field.get("description", "")),
        )
        for name, field in shape.get("properties", {}).items()
    ]
    return _table(("field", "type", "what"), rows)


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a JSON schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for joined in ("anyOf", "oneOf", "allOf"):
        if joined in schema:
            return " or ".join(dict.fromkeys(_kind(one) for one in schema[joined]))
    if "enum" in schema:
        return ", ".join(_code(str(one)) for one in schema["enum"])
    if "const" in schema:
        return _code(str(schema["const"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_kind(schema['additionalProperties'])}"
    kind = schema.get("type", "any")
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None and high is not None:
        return f"{kind}, {low} to {high}"
    if low is not None:
        return f"{kind}, {'above' if 'exclusiveMinimum' in schema else 'from'} {low}"
    return f"{kind}, up to {high}" if high is not None else str(kind)


def _usage(words: tuple[str, ...], command: Any) -> str:
    needed = [one for one in command.params if one.required]
    given = [
        f"{one.opts[0]} {one.name.upper()}" if one.param_type_name == "option" else one.name.upper()
        for one in needed
        if one.name
    ]
    rest = [] if len(needed) == len(command.params) else ["[OPTIONS]"]
    return "```text\n" + " ".join([*words, *given, *rest]) + "\n```"


def _names(one: Any) -> str:
    if one.param_type_name != "option":
        return str(one.name).upper()
    value = "" if one.is_flag else " " + (one.metavar or _annotated(one.type_descriptor.annotation))
    return " / ".join([*one.opts, *one.secondary_opts]) + value


def _annotated(annotation: Any) -> str:
    """What stands for a value of this type: its choices, or the type's name."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(one.value for one in annotation)
    inner = [one for one in get_args(annotation) if one is not type(None)]
    if inner:
        return _annotated(inner[0])
    names = {"str": "TEXT", "int": "N", "float": "X", "Path": "PATH"}
    return names.get(annotation.__name__, annotation.__name__.upper())


def _default(one: Any) -> str:
    if one.required:
        return "(required)"
    return _code(_value(None if callable(one.default) else one.default))


def _value(value: Any) -> str:
    """A default as a reader would write it; nothing for what is off, empty or unset."""
    if value is None or value in ("", ()) or type(value).__name__ == "Sentinel":
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(getattr(value, "value", value))


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _text(text: str) -> str:
    """Words of the code as Markdown: what looks like HTML is not; lines are joined."""
    return " ".join(text.replace("<", "&lt;").replace("|", "\\|").split())


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/settings.md": settings,
    "reference/http.md": http,
    "reference/features.md": features,
    "reference/metrics.md": metrics,
    "adr/index.md": decisions,
}


def on_config(config: "MkDocsConfig") -> "MkDocsConfig":
    """Add the pages of docs/ that the nav does not name."""
    named = set(_named(config.nav or []))
    docs = Path(config.docs_dir)
    for part in config.nav or []:
        if isinstance(part, dict) and _REST in part:
            part[_REST] += sorted(p.name for p in docs.glob("*.md") if p.name not in named)
    return config


def _named(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for below in nav.values():
            yield from _named(below)
    else:
        for below in nav:
            yield from _named(below)


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Add the generated pages, and the files outside docs/ that pages link to."""
    from mkdocs.structure.files import File

    for name, make in PAGES.items():
        files.append(File.generated(config, name, content=make()))
    for page in list(files.documentation_pages()):
        if "/" in page.src_uri or page.generated_by:
            continue
        for name in _OUTSIDE.findall(page.content_string):
            path = ROOT / name
            if path.is_file() and files.get_file_from_path(f"repository/{name}") is None:
                files.append(File.generated(config, f"repository/{name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: "Page", config: "MkDocsConfig", files: "Files") -> str:
    """Point links out of docs/ to the copies of those files, and have searches find the guides
    before the decisions."""
    if page.file.src_uri.startswith("adr/"):
        page.meta["search"] = {"boost": 0.5}
    if "/" in page.file.src_uri:
        return markdown
    return _OUTSIDE.sub(lambda found: f"](repository/{found[1]})", markdown)
