"""Badges: mine, and the public page of each one with its files."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, abort, request
from werkzeug.wrappers import Response

from clusters.errors import AssayError, InputInvalid, NotFound
from web.access import public, this_person
from web.award_store import Award
from web.badge_desk import badge_desk
from web.credentials import Face, Verdict, bake, draw, face_of, read_token
from web.open_files import open_file
from web.paths import Path, find_path, load_paths
from web.representation import page
from web.verifying import verify_here

blueprint = Blueprint("badges", __name__)

_KINDS = {
    "svg": "image/svg+xml",
    # Open Badges 3.0, section 5.2: a web resource that is a VC-JWT is plain text.
    "jwt": "text/plain; charset=utf-8",
    "json": "application/json",
}


@blueprint.get("/badges")
def mine() -> Response:
    """Show the badges of who asks; those that were earned meanwhile are issued now."""
    desk, learner = badge_desk(), this_person().name
    paths, problem = _paths()
    try:
        desk.office.derive(learner, paths)
    except AssayError as error:
        problem = str(error)
    awards = desk.store.awards(learner)
    held = {award.path for award in awards}
    open_paths = [(p, desk.completion.gaps(learner, p)) for p in paths if p.id not in held]
    return page(
        "badges/mine.html",
        {
            "badges": [award.to_json(desk.issuer) for award in awards],
            "paths": [
                {"id": path.id, "name": path.title, "missing": [gap.to_json() for gap in gaps]}
                for path, gaps in open_paths
            ],
            "problem": problem,
        },
        awards=awards,
        open_paths=open_paths,
        problem=problem,
    )


@blueprint.get("/badges/<id>")
@public
def show(id: str) -> Response:
    """Show a badge to everybody: what it says, how it was earned, and whether it is valid now."""
    award = _award(id)
    verdict = _verdict(award)
    desk = badge_desk()
    name = shown_name(award.learner)
    return page(
        "badges/badge.html",
        {**award.to_json(desk.issuer), "learner": name, "verdict": verdict.to_json()},
        award=award,
        name=name,
        verdict=verdict,
        url=desk.issuer.badge_url(award.id),
        did=desk.issuer.did,
    )


@blueprint.get("/badges/<id>.<any(svg, jwt, json):kind>")
@public
def download(id: str, kind: str) -> Response:
    """Give a badge as a file: the picture with the credential in it, or the credential."""
    award = _award(id)
    token = read_token(award.credential)
    if kind == "svg":
        reply = open_file(bake(draw(face_of(award.claims)), token.text), _KINDS[kind])
    elif kind == "jwt":
        reply = open_file(token.text, _KINDS[kind])
    else:
        reply = open_file(token.payload, _KINDS[kind])
    if "download" in request.args:
        reply.headers["Content-Disposition"] = f'attachment; filename="{award.path}.{kind}"'
    return reply


@blueprint.get("/paths/<id>")
@public
def show_path(id: str) -> Response:
    """Show what it takes to earn a badge; credentials refer to this page as the achievement."""
    path = _path(id)
    return page(
        "badges/path.html",
        path.model_dump(mode="json"),
        path=path,
        url=badge_desk().issuer.path_url(path.id),
    )


@blueprint.get("/paths/<id>.svg")
@public
def path_picture(id: str) -> Response:
    """Give the picture of a path, without a credential in it."""
    path = _path(id)
    face = Face(path.name, path.level, badge_desk().issuer.name, date="", assurance="")
    return open_file(draw(face), _KINDS["svg"])


def shown_name(learner: str) -> str:
    """Return the name of a learner as everybody may read it: never an e-mail address."""
    return learner.partition("@")[0]


def _paths() -> tuple[tuple[Path, ...], str]:
    try:
        return load_paths(), ""
    except InputInvalid:
        return (), "The list of paths cannot be read just now; the badges you have are safe."


def _path(id: str) -> Path:
    try:
        return find_path(id)
    except (NotFound, InputInvalid):
        abort(404, "There is no such path here.")


def _award(id: str) -> Award:
    try:
        return badge_desk().store.award(id)
    except NotFound:
        abort(404, "There is no such badge here.")


def _verdict(award: Award) -> Verdict:
    desk = badge_desk()
    token = read_token(award.credential)
    return verify_here(token, desk.issuer, desk.store, datetime.now(UTC), award.learner)
