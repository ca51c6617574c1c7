"""Settings: one TOML file in the home folder and the environment, read once at start."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from marketrank.errors import BadSettings
from marketrank.settings.home import HomeSettings
from marketrank.settings.people import PeopleSettings
from marketrank.settings.search import SearchSettings
from marketrank.settings.serving import ServingSettings
from marketrank.settings.watching import WatchingSettings

FILE_NAME = "marketrank.toml"
_PREFIX = "MARKETRANK_"
# Read elsewhere, or by the tests; not settings.
_OTHER_VARIABLES = {"MARKETRANK_HOME", "MARKETRANK_KEY", "MARKETRANK_TEST_DATA"}


# pydantic lists the fields of the last one first.
class Settings(ServingSettings, WatchingSettings, PeopleSettings, SearchSettings, HomeSettings):
    """Every setting of marketrank: name, type, default, unit and meaning stand in its parts alone.

    Each can be given as MARKETRANK_<NAME> or as a key of <home>/marketrank.toml; the environment
    wins. Unknown names are errors.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        home: Path = init_settings()["home"]
        file = TomlConfigSettingsSource(settings_cls, toml_file=home / FILE_NAME)
        return (init_settings, env_settings, file)


def load(home: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a home folder: the argument, else MARKETRANK_HOME, else ./.marketrank.

    Raises BadSettings for an unknown name or a bad value.
    """
    env = os.environ if environ is None else environ
    chosen = home or Path(env.get("MARKETRANK_HOME") or ".marketrank")
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(k for k in env if k.startswith(_PREFIX) and k not in known | _OTHER_VARIABLES)
    if unknown:
        raise BadSettings(
            f"unknown environment variable {unknown[0]}; known are {', '.join(sorted(known))}"
        )
    try:
        return Settings(home=chosen.expanduser().resolve())
    except ValidationError as error:
        raise BadSettings(_explain(error, chosen)) from error
    except ValueError as error:  # a torn TOML file
        raise BadSettings(f"{chosen / FILE_NAME} is not valid TOML: {error}") from error


def _explain(error: ValidationError, home: Path) -> str:
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        value: Any = problem.get("input")
        if problem["type"] == "extra_forbidden":
            known = ", ".join(Settings.model_fields)
            lines.append(f"unknown setting {name!r} in {home / FILE_NAME}; known are {known}")
        else:
            lines.append(f"setting {name} = {value!r}: {problem['msg']}")
    return "; ".join(lines)
