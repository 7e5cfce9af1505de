"""How Alembic reaches the site's tables: on the connection and in the transaction it is given."""

from alembic import context

from web.database import VERSION_TABLE, WebBase

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=WebBase.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
