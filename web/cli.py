"""`assay badge`: issue, list, verify and revoke badges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
from sqlalchemy.exc import DBAPIError

from clusters.cli.output import json_option, out, print_json
from clusters.errors import EXIT_NO, AssayError, InputInvalid
from graders.ledger import open_ledger
from web.award_store import Award, AwardStore
from web.awards import AwardOffice
from web.credentials import (
    PinnedDocument,
    PinnedKey,
    Token,
    Trust,
    Verdict,
    bake,
    draw,
    face_of,
    fetching_lists,
    read_badge,
    read_public_key,
    resolving,
    verify_badge,
)
from web.database import open_web_database
from web.issuer import LocalIssuer, issuer_key_path, open_issuer
from web.paths import find_path
from web.verdict_table import award_table, verdict_table
from web.verifying import is_ours, own_lists


class _Desk(NamedTuple):
    """What the commands stand on."""

    office: AwardOffice
    store: AwardStore
    issuer: LocalIssuer


@click.group()
def badge() -> None:
    """Issue, list, verify and revoke badges (Open Badges 3.0).

    \b
    Is this badge real?          assay badge verify badge.svg
    ... with no network          assay badge verify badge.svg --key issuer.pub.pem --offline
    ... and is it alice's?       assay badge verify badge.svg --learner alice
    Which badges are there?      assay badge list

    Badges are issued by themselves when a learner who has completed a path opens the site's page
    of badges; `issue` does the same from here.
    """


@badge.command()
@click.option("--learner", required=True, help="Name of the learner at the hub.")
@click.option("--path", "path_id", required=True, help="Id of the path, from labs/paths.yaml.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the badge to this file: the picture, or the VC-JWT if it ends in .jwt.",
)
@json_option
def issue(learner: str, path_id: str, output: Path | None, as_json: bool) -> None:
    """Issue the badge of a path that a learner has completed.

    Issuing it again changes nothing and shows the badge there is. Exit code 1: not completed.

    \b
    Example:
      assay badge issue --learner alice --path accelerators-on-kubernetes --output badge.svg
    """
    path = find_path(path_id)
    with _desk() as desk:
        award = desk.office.issue(learner, path)
        document = award.to_json(desk.issuer)
    if output is not None:
        output.write_text(_as_file(award, output), encoding="utf-8")
    if as_json:
        print_json({**document, "credential": award.credential})
    else:
        out.print(award_table([award]))


@badge.command("list")
@click.option("--learner", help="Only badges of this learner.")
@click.option("--path", "path_id", help="Only badges of this path.")
@json_option
def list_(learner: str | None, path_id: str | None, as_json: bool) -> None:
    """List the badges that this installation has issued, newest first.

    \b
    Examples:
      assay badge list
      assay badge list --learner alice --json
    """
    with _desk() as desk:
        awards = desk.store.awards(learner, path_id)
        documents = [award.to_json(desk.issuer) for award in awards]
    if as_json:
        print_json(documents)
    elif awards:
        out.print(award_table(awards))
    else:
        out.print("No badges.")


@badge.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Trust this key: the issuer's public key, a PEM file.",
)
@click.option(
    "--did",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Trust the keys in this file: the issuer's did.json.",
)
@click.option("--learner", help="Also ask whether it belongs to this learner.")
@click.option("--offline", is_flag=True, help="Ask nobody; a revocation is then not noticed.")
@json_option
@click.pass_context
def verify(
    context: click.Context,
    file: Path,
    key: Path | None,
    did: Path | None,
    learner: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Say whether a badge is valid: FILE is the baked SVG or its VC-JWT.

    Where the badge was issued, the issuer's own key and list of revocations are used. Elsewhere
    both are fetched from the issuer's site (did:web), unless --key or --did say whom to trust.

    Exit codes: 0 valid; 1 not valid, with every reason; 2 not a badge, or it cannot be read.

    \b
    Examples:
      assay badge verify badge.svg
      assay badge verify badge.jwt --did did.json --json
      assay badge verify badge.svg --key issuer.pub.pem --offline
    """
    if key and did:
        raise click.UsageError("give --key or --did, not both")
    token = _read(file)
    verdict = _verdict(token, _given_trust(key, did), learner, offline)
    if as_json:
        print_json(verdict.to_json())
    else:
        out.print(verdict_table(verdict))
    if not verdict.valid:
        context.exit(EXIT_NO)


@badge.command()
@click.argument("id")
@click.option("--reason", required=True, help="One sentence; everybody who looks can read it.")
@json_option
def revoke(id: str, reason: str, as_json: bool) -> None:
    """Revoke the badge ID, for ever.

    Whoever verifies it online learns so at once, or within the hour if a list was kept.

    \b
    Example:
      assay badge revoke 5d3c0d0e6a0c4f6f8f0e5b9d4a7c1e2f --reason "Issued for the wrong path"
    """
    if not reason.strip():
        raise InputInvalid(["--reason: say why, in one sentence"])
    with _desk() as desk:
        award = desk.store.revoke(id, reason.strip(), datetime.now(UTC))
        document = award.to_json(desk.issuer)
    if as_json:
        print_json(document)
    else:
        out.print(award_table([award]))


@contextmanager
def _desk() -> Iterator[_Desk]:
    issuer = open_issuer()
    with closing(open_ledger()) as ledger, _awards() as store:
        yield _Desk(AwardOffice(ledger, store, issuer), store, issuer)


@contextmanager
def _awards() -> Iterator[AwardStore]:
    try:
        with closing(open_web_database()) as database:
            yield AwardStore(database)
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        raise AssayError(f"the database of badges cannot be used: {reason}") from error


def _as_file(award: Award, output: Path) -> str:
    if output.suffix == ".jwt":
        return award.credential
    return bake(draw(face_of(award.claims)), award.credential)


def _read(file: Path) -> Token:
    try:
        return read_badge(file.read_bytes())
    except OSError as error:
        raise InputInvalid([f"{file}: cannot be read: {error.strerror}"]) from error
    except InputInvalid as error:
        raise InputInvalid([f"{file}: {problem}" for problem in error.problems]) from error


def _given_trust(key: Path | None, did: Path | None) -> Trust | None:
    if key is not None:
        return PinnedKey(read_public_key(key))
    if did is None:
        return None
    try:
        return PinnedDocument(json.loads(did.read_bytes()))
    except OSError as error:
        raise InputInvalid([f"{did}: cannot be read: {error.strerror}"]) from error
    except (ValueError, RecursionError) as error:
        raise InputInvalid([f"{did}: is not JSON; give the issuer's did.json"]) from error


def _verdict(token: Token, trust: Trust | None, learner: str | None, offline: bool) -> Verdict:
    # Looking must not make a key: most machines that verify never issue.
    if issuer_key_path().exists() and is_ours(token, issuer := open_issuer()):
        return _verdict_here(token, trust, learner, issuer)
    if trust is None and offline:
        raise InputInvalid(["--offline: nobody can be asked for the keys; give --key or --did"])
    lists = None if offline else fetching_lists(token.issuer)
    return verify_badge(token, trust or resolving(), lists, datetime.now(UTC), learner)


def _verdict_here(
    token: Token, trust: Trust | None, learner: str | None, issuer: LocalIssuer
) -> Verdict:
    now = datetime.now(UTC)
    with _awards() as store:
        lists = own_lists(token, issuer, store, now)
        return verify_badge(token, trust or PinnedKey(issuer.key.public), lists, now, learner)
