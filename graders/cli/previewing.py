"""`assay lab preview`: what a seed draws, and everything that is filled in with it."""

from __future__ import annotations

from typing import Any

import click
import yaml
from rich.markdown import Markdown
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from clusters.cli.output import json_option, out, print_json
from graders.catalogue import lab_at
from graders.lab import Lab
from graders.rendered_lab import RenderedLab, render_lab
from graders.rendering import cell_source
from graders.variant import Variant, draw_variant


@click.command()
@click.argument("lab", metavar="SLUG|DIR")
@click.option("--seed", default=1, show_default=True, help="Draws the parameters.")
@json_option
def preview(lab: str, seed: int, as_json: bool) -> None:
    """Show a lab as the learner with this seed gets it, without starting a cluster.

    Parameters (the answers among them, so keep it from learners), nodes, manifests and notebook.

    \b
    assay lab preview dra-01-claim-a-gpu --seed 7
    assay lab preview ~/my-labs/gpu-quotas --seed 7 --json | jq .parameters
    """
    found = lab_at(lab)
    variant = draw_variant(found.document.parameters, seed)
    rendered = render_lab(found, variant)
    if as_json:
        print_json(_document(found, variant, rendered))
    else:
        _print(found, variant, rendered)


def _document(lab: Lab, variant: Variant, rendered: RenderedLab) -> dict[str, Any]:
    return {
        "lab": lab.slug,
        "version": lab.version,
        "seed": variant.seed,
        "parameters": dict(variant.values),
        "answers": sorted(variant.answers),
        **rendered.to_json(),
    }


def _print(lab: Lab, variant: Variant, rendered: RenderedLab) -> None:
    out.print(f"[bold]{lab.slug}[/] {lab.version} with the seed {variant.seed}")
    table = Table("parameter", "value", "", box=None)
    for name, value in variant.values.items():
        mark = "[yellow]answer[/]" if name in variant.answers else ""
        table.add_row(escape(name), escape(str(value)), mark)
    out.print(table, soft_wrap=False)
    out.rule("inventory", align="left")
    out.print(_yaml([rendered.to_json()["inventory"]]), soft_wrap=False)
    out.rule("manifests", align="left")
    out.print(_yaml(rendered.manifests), soft_wrap=False)
    out.rule("notebook", align="left")
    for cell in rendered.notebook["cells"]:
        text = cell_source(cell)
        shown = Markdown(text) if cell["cell_type"] == "markdown" else Syntax(text, "python")
        out.print(shown, soft_wrap=False)


def _yaml(documents: list[Any]) -> Syntax:
    text = yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True)
    return Syntax(text, "yaml", word_wrap=True)
