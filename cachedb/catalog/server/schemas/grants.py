"""Rights that other roles have on a schema and its tables, kept when tables are replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import psycopg

    Driver = psycopg.Connection[Any]

_RIGHT: Final = (
    "privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::REGROLE::TEXT END AS role,"
    " CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS option"
)
# Below, only constants are formatted into the text.
_ON_TABLES: Final = f"""
SELECT format('GRANT %%s ON %%I.%%I TO %%s%%s',
  privilege_type, %(to)s::TEXT, relname, role, option)
FROM (SELECT relname, {_RIGHT} FROM pg_class, aclexplode(relacl)
  WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(name)s)
  AND relname = ANY (%(tables)s) AND grantee != relowner) AS found
"""  # noqa: S608
_ON_SCHEMA: Final = f"""
SELECT format('GRANT %%s ON SCHEMA %%I TO %%s%%s', privilege_type, %(to)s::TEXT, role, option)
FROM (SELECT {_RIGHT} FROM pg_namespace, aclexplode(nspacl)
  WHERE nspname = %(name)s AND grantee != nspowner) AS found
"""  # noqa: S608
# Those of roles that the user does not belong to can be neither set nor needed: their tables are
# not made by the user.
_ON_FUTURE_TABLES: Final = f"""
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %%s IN SCHEMA %%I GRANT %%s ON TABLES TO %%s%%s',
  owner, %(to)s::TEXT, privilege_type, role, option)
FROM (SELECT defaclrole::REGROLE::TEXT AS owner, {_RIGHT}
  FROM pg_default_acl, aclexplode(defaclacl)
  WHERE defaclnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(name)s)
  AND defaclobjtype = 'r' AND pg_has_role(defaclrole, 'USAGE')) AS found
"""  # noqa: S608


def on_tables(driver: Driver, name: str, tables: list[str]) -> list[str]:
    """Return the statements that grant again what other roles may do with tables of a schema."""
    values = {"name": name, "to": name, "tables": tables}
    return [str(text) for (text,) in driver.execute(_ON_TABLES, values).fetchall()]


def copy(driver: Driver, name: str, to: str, tables: list[str]) -> None:
    """Grant the rights of other roles on a schema, and its tables, on another one as well.

    Tables that are made in it later get the rights of those that would be made in the first.
    Inside the transaction of the caller; rights of roles that own both are left as they are.
    """
    values = {"name": name, "to": to, "tables": tables}
    for text in (_ON_SCHEMA, _ON_TABLES, _ON_FUTURE_TABLES):
        run(driver, [str(made) for (made,) in driver.execute(text, values).fetchall()])


def run(driver: Driver, statements: list[str]) -> None:
    """Run statements that the server has written, with its own quotes."""
    for text in statements:
        driver.execute(text.encode())
