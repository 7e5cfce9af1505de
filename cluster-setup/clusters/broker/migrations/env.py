"""Runs the migrations of the broker on the connection that `clusters.database` gives."""

from alembic import context

from clusters.broker.tables import BrokerBase

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=BrokerBase.metadata,
    version_table="broker_version",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
