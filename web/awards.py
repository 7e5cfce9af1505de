"""Awards: badges derived from the ledger, as often as one likes, and issued once.

What counts are the signed reports. Before a badge is issued the whole ledger must verify with the
proctor's key; otherwise whoever can write to the database could print badges.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from clusters.errors import EXIT_NO, AssayError
from graders.assurance import Assurance
from graders.ledger import Ledger
from web.award_store import Award, AwardStore, Place
from web.completion import Completion
from web.credentials import Achievement, Alignment, Credential, GradedLab, Recipient
from web.issuer import LocalIssuer
from web.paths import Path
from web.proof import RANKS


class NotEarned(AssayError):
    """The learner has not completed the path; says what is missing."""

    exit_code = EXIT_NO


class LedgerDoubtful(AssayError):
    """The ledger does not verify, so no badge is issued from it."""


class AwardOffice:
    """Issues the badges that learners have earned."""

    def __init__(self, ledger: Ledger, store: AwardStore, issuer: LocalIssuer) -> None:
        self._ledger = ledger
        self._completion = Completion(ledger)
        self._store = store
        self._issuer = issuer

    def derive(self, learner: str, paths: Iterable[Path]) -> list[Award]:
        """Issue every badge that a learner has earned and does not have; return the new ones.

        Raises:
            LedgerDoubtful: the ledger does not verify; nothing was issued.
        """
        held = {award.path for award in self._store.awards(learner)}
        earned = [
            path
            for path in paths
            if path.id not in held and not self._completion.gaps(learner, path)
        ]
        return [self.issue(learner, path) for path in earned]

    def issue(self, learner: str, path: Path) -> Award:
        """Return the award of a learner for a path, issuing it if it is earned.

        Raises:
            NotEarned: the path is not complete.
            LedgerDoubtful: the ledger does not verify.
        """
        if held := self._store.awards(learner, path.id):
            return held[0]
        if gaps := self._completion.gaps(learner, path):
            lacking = "; ".join(f"{gap.lab}: {gap.why}" for gap in gaps)
            raise NotEarned(f"{learner} has not completed {path.title!r}: {lacking}")
        if problems := self._ledger.verify():
            raise LedgerDoubtful(
                f"no badge is issued, because the ledger does not verify: {problems[0]}; "
                "`assay attempt verify` shows every problem"
            )
        now = datetime.now(UTC).replace(microsecond=0)
        labs = self._completion.graded(learner, path)

        def draft(id: str, place: Place) -> str:
            return self._issuer.sign(
                Credential(
                    url=self._issuer.badge_url(id),
                    subject=uuid.uuid4().urn,
                    issuer=self._issuer.profile,
                    achievement=achievement_of(path, self._issuer, sum(lab.points for lab in labs)),
                    recipient=Recipient.of(learner, secrets.token_hex(16)),
                    labs=labs,
                    assurance=_lowest(labs),
                    issued_at=now,
                    expires_at=_months_after(now, path.months) if path.months else None,
                    status_list=self._issuer.list_url(place.list),
                    status_index=place.index,
                ).payload()
            )

        return self._store.issue(learner, path.id, draft, now)


def achievement_of(path: Path, issuer: LocalIssuer, points: int) -> Achievement:
    """Return what a path is in a credential."""
    url = issuer.path_url(path.id)
    return Achievement(
        url=url,
        path=path.id,
        name=path.name,
        level=path.level,
        description=path.description,
        criteria=path.criteria,
        image=f"{url}.svg",
        points=points,
        alignment=tuple(
            Alignment(a.name, a.framework, a.code, a.url or f"{url}#{a.code}")
            for a in path.alignment
        ),
    )


def _lowest(labs: Iterable[GradedLab]) -> str:
    return min((Assurance(lab.assurance) for lab in labs), key=RANKS.index).value


def _months_after(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    # The 29th to 31st do not exist in every month; going back to the 28th hurts nobody.
    day = min(moment.day, 28)
    return moment.replace(year=moment.year + years, month=month + 1, day=day)
