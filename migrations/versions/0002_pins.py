"""Pins of the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "pin",
        sa.Column("key", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_pin")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    if op.get_context().dialect.name == "postgresql":  # a B-tree limits the length of a name
        op.drop_constraint("pk_pin", "pin")
        op.create_index("ix_pin_key", "pin", ["key"], postgresql_using="hash")
