"""Lint of variants: whether two learners may get the same, and what gives an answer away.

These are warnings: a lab may have its reasons.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusters.errors import InputInvalid
from graders.lab import Lab
from graders.lint.seeds import SEEDS
from graders.rendering import cell_source, render_notebook
from graders.variant import draw_variant, odds_of_likeness

FEW_ANSWERS = 20
"""With fewer variants of the answers, two learners of one class surely share them."""
FEW_VARIANTS = 100
"""With fewer variants of the whole, a solution can be passed on."""
_TELLING = 4
"""Shorter answers, and numbers, occur in any text."""


def likeness_warnings(lab: Lab) -> Iterator[str]:
    """Yield a warning for each reason why two learners may get the same."""
    path = lab.folder / "lab.yaml"
    parameters = lab.document.parameters
    if not parameters:
        yield f"{path}: parameters: are missing, so that every learner gets the same lab"
        return
    variants = odds_of_likeness(parameters.values())
    answers = [spec for spec in parameters.values() if spec.answer]
    if variants < FEW_VARIANTS:
        yield (
            f"{path}: parameters: give only about {variants:.0f} variants; "
            "a `word` for each name makes solutions that are passed on useless"
        )
    if answers and odds_of_likeness(answers) < FEW_ANSWERS:
        yield (
            f"{path}: parameters: give only about {odds_of_likeness(answers):.0f} variants of "
            f"the answers; {FEW_ANSWERS} are the least"
        )


def answer_warnings(lab: Lab) -> Iterator[str]:
    """Yield a warning for each answer that stands in the notebook by its value."""
    told: set[str] = set()
    for seed in SEEDS:
        variant = draw_variant(lab.document.parameters, seed)
        try:
            cells = [cell_source(cell) for cell in render_notebook(lab, variant)["cells"]]
        except InputInvalid:
            return  # told as a problem
        for name, spec in lab.document.parameters.items():
            value = variant[name]
            if spec.answer and isinstance(value, str) and len(value) >= _TELLING:
                if any(value in cell for cell in cells):
                    told.add(name)
    for name in sorted(told):
        yield f"{lab.folder / 'notebook.ipynb'}: shows values of {name!r}, which is an answer"
