"""Runs the migrations of the ledger on the connection that `clusters.database` gives."""

from alembic import context

from graders.ledger.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table="ledger_version",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
