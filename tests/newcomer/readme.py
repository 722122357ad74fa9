"""What README tells a newcomer to type: the blocks below a heading, run as they stand."""

import re
from pathlib import Path

from tests.newcomer.debian_root import DebianRoot
from tests.packaging.installed import Installed

Machine = Installed | DebianRoot
README = Path(__file__).resolve().parents[2] / "README.md"


def block(heading: str, language: str) -> str:
    """Return the first block of a language below a heading."""
    section = README.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found is not None, f"no {language} below {heading!r}"
    return found[1]


def run_shell(machine: Machine, text: str, **extra: str) -> str:
    """Run a block as one script, which ends at the first command that fails."""
    return machine.run("bash", "-e", "-o", "pipefail", "-c", text, **extra)
