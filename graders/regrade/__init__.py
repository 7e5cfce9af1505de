"""Regrading: the checks of today's lab judge what was found then, without a cluster.

judging   one check and one recording; the plugin of the processes below
judge     a process that has a lab loaded and judges bundles, confined
bench     judges on every core, each restarted when it dies
choice    which reports are judged anew
regrade   compares, shows, and writes new reports beside the old ones
"""

from graders.regrade.choice import Choice
from graders.regrade.regrade import Change, Regraded, regrade

__all__ = ["Change", "Choice", "Regraded", "regrade"]
