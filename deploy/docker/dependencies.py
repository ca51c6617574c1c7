"""Print what `pyproject.toml` asks for, a requirement a line; arguments name extras instead.

Without arguments the dependencies of the package, with arguments those and the extras'.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
wanted = list(project["dependencies"])
for extra in sys.argv[1:]:
    wanted += project["optional-dependencies"][extra]
print("\n".join(wanted))
