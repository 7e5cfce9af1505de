"""Runs the migrations of formative points on the connection that `graders.ledger` gives."""

from alembic import context

from graders.formative.store import VERSION_TABLE, FormativeBase

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=FormativeBase.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
