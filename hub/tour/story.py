"""The story, step by step. The first thing that is not true ends it with exit code 1."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from graders.catalogue import find_lab
from graders.lab import Lab
from hub.tour.kernel import NotebookKernel
from hub.tour.platform_process import OwnPlatform
from hub.tour.session import LearnerSession, StoryBroken

LEARNER = "learner"
LAB = "dra-01-claim-a-gpu"


@dataclass(frozen=True)
class Step:
    """One step of the story that was true."""

    title: str
    seconds: float
    detail: str = ""


OnStep = Callable[[Step], None]


class _Storyteller:
    """Times the steps and tells them."""

    def __init__(self, on_step: OnStep) -> None:
        self._on_step = on_step
        self.steps: list[Step] = []
        self._detail = ""

    def note(self, detail: str) -> None:
        """Add what was seen to the step that is being told."""
        self._detail = detail

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Tell a step once it has come true."""
        self._detail, began = "", time.monotonic()
        try:
            yield
        except StoryBroken as error:
            raise StoryBroken(f"{title}: {error}") from error
        told = Step(title, time.monotonic() - began, self._detail)
        self.steps.append(told)
        self._on_step(told)


def run_tour(on_step: OnStep = lambda step: None, slug: str = LAB) -> list[Step]:
    """Play the story on a platform of its own and return its steps.

    Raises:
        StoryBroken: at the first thing that is not true.
    """
    told = _Storyteller(on_step)
    lab = find_lab(slug)
    with told.step("Start the platform"):
        platform = OwnPlatform().__enter__()
        told.note(platform.url)
    try:
        session = LearnerSession(platform.url, LEARNER)
        with told.step("Sign in as a learner"):
            session.sign_in(platform.password_of(LEARNER))
        _work(told, platform, session, lab)
        _badge(told, platform, session, lab)
    finally:
        platform.__exit__()
    with told.step("Stop the platform and leave nothing behind"):
        _true(not platform.home.exists(), f"{platform.home} is still there")
    return told.steps


def _work(told: _Storyteller, platform: OwnPlatform, session: LearnerSession, lab: Lab) -> None:
    with told.step("Start the lab: a notebook and a Kubernetes cluster"):
        session.page("/services/web/")
        session.start_lab(lab.slug)
        phases = [str(event.get("message", "")) for event in session.phases(lab.slug)]
        told.note(f"{len(phases)} phases were shown")
    server = f"{platform.url}/user/{session.name}/{lab.slug}"
    with NotebookKernel(server, session.api_token()) as kernel:
        with told.step("Look at the cluster from the notebook"):
            slices = kernel.run("!kubectl get resourceslices --no-headers | wc -l").strip()
            _true(slices.isdigit() and int(slices) > 0, f"kubectl shows {slices!r} ResourceSlices")
            told.note(f"{slices} ResourceSlices")
        with told.step("Check before working: nothing is done"):
            kernel.run("%check")
            done = _done_tasks(session, lab)
            _true(not done, f"an untouched lab has {sorted(done)} done")
        for script in sorted((lab.folder / "solution" / "reference").glob("*.sh")):
            task = re.sub(r"^\d+-", "", script.stem)
            with told.step(f"Solve {task} in the notebook"):
                kernel.run(f"%%bash\n{script.read_text(encoding='utf-8')}")
                kernel.run(f"%check {task}")
                _true(task in _done_tasks(session, lab), f"{task} is not done")
        with told.step("Check everything at once"):
            kernel.run("%check")
            missing = set(lab.task_ids) - _done_tasks(session, lab)
            _true(not missing, f"{sorted(missing)} are not done")
            told.note(f"{len(lab.task_ids)} of {len(lab.task_ids)} tasks, {lab.points} points")


def _badge(told: _Storyteller, platform: OwnPlatform, session: LearnerSession, lab: Lab) -> None:
    with told.step("Receive the badge"):
        badges = session.document("/services/web/badges")["badges"]
        _true(len(badges) == 1, f"{len(badges)} badges were awarded, not one")
        image = session.page(f"/services/web/badges/{badges[0]['id']}.svg").content
        told.note(badges[0]["name"])
    badge = platform.home / "badge.svg"
    with told.step("Verify the badge"):
        badge.write_bytes(image)
        verdict = json.loads(platform.assay("badge", "verify", str(badge), "--json"))
        _true(verdict["valid"], f"the badge does not verify: {verdict}")
    with told.step("Refuse a badge that was changed"):
        _tamper(badge, image)
        platform.assay("badge", "verify", str(badge), expect=1)
    with told.step("Finish: the cluster is gone, the verdicts stay"):
        platform.assay("lab", "finish", lab.slug, "--learner", session.name)
        clusters = json.loads(platform.assay("cluster", "list", "--json"))
        _true(clusters == [], f"clusters are left: {[c['name'] for c in clusters]}")
        platform.assay("attempt", "verify")
        session.stop_server(lab.slug)


def _done_tasks(session: LearnerSession, lab: Lab) -> set[str]:
    tasks = session.document(f"/services/web/labs/{lab.slug}")["tasks"]
    return {task["id"] for task in tasks if task["done"]}


def _tamper(badge: Path, image: bytes) -> None:
    """Change one character in the payload of the credential inside the picture."""
    found = re.search(rb"eyJ[\w-]+\.(eyJ[\w-]{40})([\w-])", image)
    if found is None:
        raise StoryBroken("the picture holds no credential")
    other = b"A" if found.group(2) != b"A" else b"B"
    badge.write_bytes(image[: found.start(2)] + other + image[found.end(2) :])


def _true(condition: bool, otherwise: str) -> None:
    if not condition:
        raise StoryBroken(otherwise)
