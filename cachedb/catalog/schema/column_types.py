"""Types of columns, and names of indexes and constraints, for both groups of tables."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sqlalchemy import BigInteger, Integer

# SQLite has one integer type, of 64 bits; PostgreSQL's INTEGER has 32.
INT64: Final = BigInteger().with_variant(Integer(), "sqlite")

NAMING_CONVENTION: Final = MappingProxyType(
    {
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
