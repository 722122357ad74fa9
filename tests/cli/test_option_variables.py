"""Every option of every command has its variables and its keys in the configuration file."""

from pathlib import Path
from typing import Any

import pytest

from cachedb.cli.app import _COMMANDS, _load
from cachedb.cli.settings import defaults

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "environment.md"


def options(command: str) -> dict[str, Any]:
    """Return the options of a command by their long names."""
    named = ((defaults.option_name(param), param) for param in _load(command).params)
    return {name: param for name, param in named if name is not None}


def sample(param: Any) -> str:
    """Return a value in TOML that the option accepts."""
    if param.is_flag:
        return "true"
    if param.count or param.type.name in {"integer", "integer range"}:
        return "1"
    return '["x"]' if param.multiple else '"x"'


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_option_has_variables_of_which_that_of_the_command_wins(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for option, param in options(command).items():
        for variable in reversed(defaults.variables(command, option)):
            monkeypatch.setenv(variable, "1")
            found = defaults.outer_settings(command, [param])
            assert found[param.name].origin == variable, option


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_option_has_a_key_in_the_table_of_its_command(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("CACHEDB_CONFIG_FILE", str(path))
    params = options(command)
    lines = (f"{option} = {sample(param)}\n" for option, param in params.items())
    path.write_text("".join((f"[{command}]\n", *lines)))

    found = defaults.outer_settings(command, params.values())

    assert {found[param.name].key for param in params.values()} == {
        f"{command}.{option}" for option in params
    }
    assert {found[param.name].origin for param in params.values()} == {str(path)}


def test_the_page_has_the_variable_of_every_option() -> None:
    page = PAGE.read_text()
    missing = {
        variable
        for command in _COMMANDS
        for option in options(command)
        for variable in defaults.variables(command, option)
        if variable.count("_") == option.count("-") + 1 and f"`{variable}`" not in page
    }
    assert missing == set()
