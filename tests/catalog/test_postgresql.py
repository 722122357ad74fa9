"""PostgreSQL takes every compiled statement on the compiled tables."""

from cachedb.catalog import compiled
from tests.postgresql import Server, numbered, run


def test_postgresql_prepares_every_statement(server: Server) -> None:
    lines = ["CREATE SCHEMA prepared; SET search_path = prepared;"]
    lines += [f"{text};" for _, _, text in compiled.tables("postgresql")]
    lines += [f"{text};" for _, _, text in compiled.file_tables("postgresql")]
    statements = compiled.statements("postgresql")
    lines += [f'PREPARE "{name}" AS {numbered(text)};' for name, text in statements.items()]

    done = run(
        "psql", "-h", str(server.folder), "-U", "postgres", "-v", "ON_ERROR_STOP=1",
        "-c", "\n".join(lines),
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PREPARE") == len(statements)
