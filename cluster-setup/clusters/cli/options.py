"""Options that several commands share."""

from __future__ import annotations

import click

from clusters.provider import DEFAULT_PROVIDER

provider_option = click.option(
    "--provider",
    "provider_name",
    default=DEFAULT_PROVIDER,
    show_default=True,
    envvar="ASSAY_PROVIDER",
    help="Who makes the cluster.",
)
