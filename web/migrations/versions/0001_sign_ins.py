"""Sign-ins: the hub's tokens, kept on the server."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "web_sign_ins",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("learner", sa.String(255), nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False, index=True),
    )


def downgrade() -> None:
    op.drop_table("web_sign_ins")
