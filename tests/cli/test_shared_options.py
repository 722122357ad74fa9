"""Options of every command, and defaults from environment variables and the configuration file."""

import json
import os
from pathlib import Path

import pytest

from cachedb.cli import command as grammar
from cachedb.cli.app import _COMMANDS, _load, main
from cachedb.cli.options.shared import OF_EVERY_COMMAND, shared_options
from cachedb.cli.settings.defaults import option_name, variables
from tests import build
from tests.cli.conftest import Run, succeed
from tests.registry.scripted import Reply, scripted

APP = build.image()


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file that does not exist yet."""
    monkeypatch.delenv("CACHEDB_CONFIG_FILE")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "config" / "cachedb" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def populated(tree: build.Tree) -> build.Tree:
    """A layout with one image."""
    tree.add(APP, "example.com/app:1")
    return tree


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_has_the_shared_options_once(name: str) -> None:
    found = [option for param in _load(name).params for option in param.opts]

    assert sorted(found) == sorted(set(found))
    assert {option for param in shared_options() for option in param.opts} <= set(found)


def test_words_before_the_command_are_the_shared_options() -> None:
    flags = {param for param in shared_options() if param.is_flag or param.count}
    values = set(shared_options()) - flags

    assert {param.name for param in shared_options()} == OF_EVERY_COMMAND
    assert {o for p in flags for o in p.opts if o[:2] == "--"} == grammar._FLAGS
    assert {o[1:] for p in flags for o in p.opts if o[:2] != "--"} == grammar._SHORT_FLAGS
    assert {o for p in shared_options() if not (p.is_flag or p.count) for o in p.opts} == (
        grammar._WITH_VALUE
    )
    assert values


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        ("-q ls", "ls -q"),
        ("-qvv ls app", "ls -qvv app"),
        ("--cache here --format=json ls --tz UTC", "ls --cache here --format=json --tz UTC"),
        ("--cache a ls --cache b", "ls --cache a --cache b"),
        ("ls -q", "ls -q"),
        ("--cache here --help", "--help"),
        ("--cache here", ""),
        ("--no-such ls", "--no-such ls"),
        ("--quiet=yes ls", "--quiet=yes ls"),
    ],
)
def test_shared_options_before_the_command_are_parsed_behind_it(typed: str, parsed: str) -> None:
    assert " ".join(grammar.behind_the_command(typed.split())) == parsed


@pytest.mark.parametrize("words", ["-q ls", "ls -q", "--quiet ls tag:1", "ls -q tag:1"])
def test_quiet_stands_before_or_behind_the_command(
    run: Run, populated: build.Tree, words: str
) -> None:
    assert succeed(run, populated.path, *words.split()) == f"{APP.digest}\n"


def test_the_option_behind_the_command_wins(run: Run, populated: build.Tree) -> None:
    words = ("--format", "csv", "ls", "--format", "jsonl")
    assert json.loads(succeed(run, populated.path, *words))["digest"] == APP.digest


@pytest.mark.parametrize("words", ["ls -vv", "-v ls", "query -v refs", "du -v"])
def test_verbose_is_an_option_and_no_word_of_a_query(
    run: Run, populated: build.Tree, words: str
) -> None:
    assert APP.digest[:12] in succeed(run, populated.path, *words.split())


def test_a_missing_command_is_reported_behind_shared_options(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path, "-q", "--cache", tmp_path)

    assert (done.code, done.err.splitlines()[0]) == (2, "cachedb: missing command")


# -- environment ---------------------------------------------------------------------------


def test_no_two_options_have_the_same_variable() -> None:
    found: dict[str, tuple[str, str]] = {"CACHEDB_CONFIG_FILE": ("", "")}
    for name in _COMMANDS:
        for option in filter(None, map(option_name, _load(name).params)):
            ours = [each for each in variables(name, option) if each.startswith("CACHEDB_")]
            *own, general = ours
            assert len(own) == 1 or (name, option) == ("log", "format")
            for variable in own:
                assert found.setdefault(variable, (name, option)) == (name, option)
            assert found.setdefault(general, ("", option)) == ("", option)


def test_the_variable_of_a_command_wins_over_that_of_all(
    run: Run, populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHEDB_FORMAT", "csv")
    assert succeed(run, populated.path, "ls").startswith("name,digest")

    monkeypatch.setenv("CACHEDB_LS_FORMAT", "{digest}")
    assert succeed(run, populated.path, "ls") == f"{APP.digest}\n"
    assert json.loads(succeed(run, populated.path, "ls", "--format", "json"))


def test_the_variable_of_log_format_is_not_that_of_the_format_of_log(
    run: Run, populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(run, populated.path, "pin", "example.com/app:1")
    monkeypatch.setenv("CACHEDB_LOG_FORMAT", "json")
    assert succeed(run, populated.path, "log").startswith("TIME ")
    with scripted(lambda _: Reply(404)) as registry:
        told = run(populated.path, "pull", f"{registry.host}/app:1", "-v", "--no-progress").err
    assert json.loads(told.splitlines()[0])["level"] == "info"

    monkeypatch.setenv("CACHEDB_FORMAT", "csv")
    assert succeed(run, populated.path, "log").startswith("time,")


def test_flags_and_lists_can_be_set_by_variables(
    run: Run, tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("red/app:1", "blue/app:1", "green/app:1"):
        tree.add(build.image(labels={"name": name}), name)
    monkeypatch.setenv("CACHEDB_DROP", "name:red/* is:complete\nname:blue/*")
    monkeypatch.setenv("CACHEDB_GC_GRACE", "0")

    monkeypatch.setenv("CACHEDB_DRY_RUN", "1")
    assert "would remove 2 names" in run(tree.path, "gc").err
    monkeypatch.setenv("CACHEDB_DRY_RUN", "no")
    assert "removed 2 names" in run(tree.path, "gc").err
    assert succeed(run, tree.path, "ls", "--format", "{name}") == "green/app:1\n"


def test_an_invalid_value_is_reported_with_its_variable(
    run: Run, populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHEDB_FORMAT", "yaml")
    done = run(populated.path, "ls")

    assert done.code == 2
    assert "(from CACHEDB_FORMAT)" in done.err


def test_the_cache_of_linuxkit_is_read_after_our_own_variable(
    run: Run,
    populated: build.Tree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LINUXKIT_CACHE", str(populated.path))

    assert run(tmp_path / "none", "ls").code == 3
    monkeypatch.setattr("sys.argv", ["cachedb", "ls", "-q"])
    monkeypatch.delenv("CACHEDB_CACHE")
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert capsys.readouterr().out == f"{APP.digest}\n"


# -- configuration file --------------------------------------------------------------------


def test_the_configuration_file_has_defaults_for_all_commands_and_for_one(
    run: Run, populated: build.Tree, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration.write_text('format = "csv"\n[ls]\nformat = "{digest}"\n')
    assert succeed(run, populated.path, "ls") == f"{APP.digest}\n"
    assert succeed(run, populated.path, "du").startswith("names,digest")

    monkeypatch.setenv("CACHEDB_FORMAT", "jsonl")
    assert json.loads(succeed(run, populated.path, "ls"))["digest"] == APP.digest


def test_one_value_in_the_configuration_file_is_a_list_of_one_for_a_repeatable_option(
    run: Run, populated: build.Tree, configuration: Path, tmp_path: Path
) -> None:
    configuration.write_text('format = "jsonl"\n')
    out = tmp_path / "out.tar"
    listed = succeed(run, populated.path, "export", "example.com/app:1", "-o", str(out))
    assert json.loads(listed.splitlines()[-1])["summary"]["outfile"] == str(out)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format = ", "Invalid value"),
        ('format = "yaml"', "none of table"),
        ('ls = "x"', "'ls' is not a table"),
        ("[ls]\nfromat = 'json'", "ls has no option 'fromat'"),
    ],
)
def test_a_wrong_configuration_is_reported_with_its_path(
    run: Run, populated: build.Tree, configuration: Path, text: str, said: str
) -> None:
    configuration.write_text(text)
    done = run(populated.path, "ls")

    assert done.code == 2
    assert str(configuration) in done.err
    assert said in done.err


def test_help_is_printed_with_a_wrong_configuration(
    run: Run, populated: build.Tree, configuration: Path
) -> None:
    configuration.write_text("no toml")
    assert "Usage" in succeed(run, populated.path, "ls", "--help")


# -- config and cache ----------------------------------------------------------------------


def settings(run: Run, cache: Path) -> dict[str, tuple[str, str]]:
    rows = json.loads(succeed(run, cache, "config", "list", "--format", "json"))
    return {row["key"]: (row["value"], row["origin"]) for row in rows}


def test_config_list_prints_the_origin_that_has_precedence(
    run: Run, populated: build.Tree, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration.write_text('tz = "UTC"\nformat = "csv"\n[pull]\njobs = 4\n')
    monkeypatch.setenv("CACHEDB_FORMAT", "table")
    monkeypatch.setenv("CACHEDB_GC_GRACE", "2h")
    (populated.path / ".cachedb").mkdir(mode=0o700)
    (populated.path / ".cachedb/cachedb.toml").write_text('[display]\nsort = "size"\n')
    found = settings(run, populated.path)

    assert found["cache"] == (str(populated.path), "CACHEDB_CACHE")
    assert found["format"] == ("table", "CACHEDB_FORMAT")
    assert found["gc.grace"] == ("2h", "CACHEDB_GC_GRACE")
    assert found["tz"] == ("UTC", str(configuration))
    assert found["pull.jobs"] == ("4", str(configuration))
    assert found["display.sort"] == ("size", str(populated.path / ".cachedb/cachedb.toml"))
    assert found["no-progress"] == (False, "default")


def test_config_set_changes_one_key_and_keeps_comments(
    run: Run, populated: build.Tree, configuration: Path
) -> None:
    configuration.write_text('# mine\nformat = "csv" # for now\n')
    succeed(run, populated.path, "config", "set", "pull.platform", "linux/arm64", "linux/amd64")
    succeed(run, populated.path, "config", "set", "format", "jsonl")

    assert configuration.read_text().startswith('# mine\nformat = "jsonl" # for now\n')
    words = ("config", "get", "pull.platform", "--format", "table")
    assert succeed(run, populated.path, *words) == "linux/arm64,linux/amd64\n"
    succeed(run, populated.path, "config", "unset", "format")
    assert settings(run, populated.path)["format"] == ("table", "default")
    assert run(populated.path, "config", "unset", "format").code == 3


def test_config_set_writes_through_a_link_and_replaces_no_device(
    run: Run, populated: build.Tree, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = configuration.with_name("real.toml")
    real.write_text("")
    configuration.symlink_to(real)
    succeed(run, populated.path, "config", "set", "tz", "UTC")
    assert configuration.is_symlink()
    assert real.read_text() == 'tz = "UTC"\n'

    null = configuration.with_name("null")
    null.symlink_to(os.devnull)
    monkeypatch.setenv("CACHEDB_CONFIG_FILE", str(null))
    succeed(run, populated.path, "config", "set", "tz", "UTC")
    assert null.is_symlink()
    assert null.is_char_device()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("set fromat json", 2, "did you mean format?"),
        ("set pul.platform x", 2, "no such command: 'pul'"),
        ("set format yaml", 2, "'yaml' is none of"),
        ("set format", 2, "needs KEY and VALUE"),
        ("set tz UTC Europe/Berlin", 2, "--tz has one value"),
        ("get", 2, "config get needs a KEY"),
        ("list format", 2, "config list takes no KEY"),
        ("get nothing", 3, "'nothing' is not set"),
    ],
)
def test_config_refuses_what_is_no_setting(
    run: Run, populated: build.Tree, configuration: Path, words: str, code: int, said: str
) -> None:
    done = run(populated.path, "config", *words.split())

    assert (done.code, said in done.err) == (code, True), done.err
    assert not configuration.exists()


def test_cache_dir_prints_the_directory_of_the_cache(run: Run, tmp_path: Path) -> None:
    assert succeed(run, tmp_path / "none", "cache", "dir") == f"{tmp_path / 'none'}\n"
    assert succeed(run, tmp_path, "cache", "dir", "--cache", "/x/y") == "/x/y\n"


def test_cache_in_the_configuration_file_is_the_option_and_not_the_command(
    configuration: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration.write_text('cache = "/srv/images"\n')
    monkeypatch.setattr("sys.argv", ["cachedb", "cache", "dir"])
    monkeypatch.delenv("CACHEDB_CACHE", raising=False)
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert capsys.readouterr().out == "/srv/images\n"


# -- configuration of a cache --------------------------------------------------------------


@pytest.fixture
def own(populated: build.Tree) -> Path:
    """The configuration file of the cache, with defaults of output."""
    path = populated.path / ".cachedb" / "cachedb.toml"
    path.parent.mkdir(mode=0o700)
    path.write_text('[display]\nformat = "csv"\n[queries]\nmine = "refs tag:1"\n')
    return path


def test_the_configuration_of_a_cache_has_defaults_of_output(
    run: Run, populated: build.Tree, own: Path, configuration: Path
) -> None:
    assert succeed(run, populated.path, "ls").startswith("name,digest")
    configuration.write_text('format = "jsonl"')
    assert json.loads(succeed(run, populated.path, "ls"))
    assert succeed(run, populated.path, "ls", "--format", "{name}") == "example.com/app:1\n"


@pytest.mark.parametrize("words", [("config", "list"), ("tag", "app:1", "app:2"), ("ls",)])
def test_a_default_of_output_is_ignored_where_a_command_has_no_use_for_it(
    run: Run, populated: build.Tree, own: Path, words: tuple[str, ...]
) -> None:
    own.write_text('[display]\ntz = "Europe/Berlin"\nformat = "json"\nsort = "size"\n')

    assert json.loads(succeed(run, populated.path, *words))


def test_a_configuration_that_others_may_write_is_ignored_with_a_warning(
    run: Run, populated: build.Tree, own: Path
) -> None:
    own.chmod(0o622)
    done = run(populated.path, "ls")

    assert done.out.startswith("NAME")
    assert "warning: .cachedb/cachedb.toml belongs to another user, or other" in done.err
    assert run(populated.path, "query", "@mine").code == 2
    assert run(populated.path, "query", "--save", "more", "refs").code == 2
    assert "mine" in own.read_text()


def test_a_key_that_is_no_default_of_output_is_refused(
    run: Run, populated: build.Tree, own: Path
) -> None:
    own.write_text('[display]\nmirror = "https://example.com"\n')
    done = run(populated.path, "ls")
    assert (done.code, "invalid 'mirror' in [display]" in done.err) == (2, True)


# -- names of other tools ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alias", "name"),
    [("images", "ls"), ("df", "du"), ("rmi", "rm"), ("save", "export"), ("load", "import")],
)
def test_a_name_of_another_tool_is_a_hidden_alias(
    run: Run, populated: build.Tree, alias: str, name: str
) -> None:
    help_text = succeed(run, populated.path, "--help")

    assert f"\n  {alias} " not in help_text
    assert f"Usage: cachedb {name} " in succeed(run, populated.path, alias, "--help")
