"""`assay lab check` in a notebook's terminal, against a stand-in for the proctor's HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from graders.presentation import present_report
from graders.report import CheckResult, Outcome, Report

Assay = Any
RESULTS = [
    {"task": "one", "outcome": "failed", "message": "Not there", "expected": "1", "found": "0"},
    {"task": "two", "outcome": "error", "message": "The API server does not answer"},
]
REPORT = {
    "schema": "assay.dev/report/v1",
    "id": "r",
    "lab": "l",
    "lab_version": "1.0.0",
    "attempt": "a1",
    "learner": "ann",
    "started_at": "s",
    "finished_at": "f",
    "results": RESULTS,
}


class FakeProctor(ThreadingHTTPServer):
    """Answers like the proctor and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, Any]] = []
        self.lines: list[dict[str, Any]] = [{"result": r} for r in RESULTS] + [{"report": REPORT}]
        self.refusal: tuple[int, str] | None = None
        self.answer: Any = None
        """What to say instead."""

    @property
    def environment(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self.server_port}/services/proctor/"
        proxy = "http://127.0.0.1:1"
        token = {"JUPYTERHUB_API_TOKEN": "t0ken", "HTTP_PROXY": proxy, "http_proxy": proxy}
        return {"ASSAY_PROCTOR_URL": url, "ASSAY_ATTEMPT": "a1", **token}


class _Handler(BaseHTTPRequestHandler):
    server: FakeProctor

    def do_GET(self) -> None:
        tasks = [{"id": "one", "title": "The first"}, {"id": "two", "title": "The second"}]
        self._answer([{"id": "a1", "tasks": tasks}])

    def do_POST(self) -> None:
        finished = {"id": "a1", "lab": "l", "state": "finished"}
        self._answer(self.server.lines if self.path.endswith("/checks") else [finished])

    def _answer(self, lines: list[dict[str, Any]]) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        assert self.headers["Authorization"] == "token t0ken"
        self.server.asked.append((self.command, self.path, json.loads(body) if body else None))
        status, detail = self.server.refusal or (200, "")
        self.send_response(status)
        self.end_headers()
        if self.server.answer is not None:
            lines = [self.server.answer]
        for line in [{"detail": detail}] if detail else lines:
            self.wfile.write(json.dumps(line).encode() + b"\n")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def proctor() -> Iterator[FakeProctor]:
    with FakeProctor() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_check_goes_through_the_proctor(assay: Assay, proctor: FakeProctor) -> None:
    shown = assay("lab", "check", "--task", "one", env=proctor.environment)
    document = assay("lab", "check", "--json", env=proctor.environment)

    assert shown.code == document.code == 1
    assert "The first" in shown.out
    assert "! could not check" in shown.out
    assert "1 could not be checked, which counts for nothing" in shown.out
    assert document.json["results"][0]["found"] == "0"
    path = "/services/proctor/attempts/a1"
    assert proctor.asked[:2] == [
        ("GET", path, None),
        ("POST", f"{path}/checks", {"tasks": ["one"]}),
    ]
    assert proctor.asked[3][2] == {"tasks": None}


def test_only_errors_are_the_platforms(assay: Assay, proctor: FakeProctor) -> None:
    proctor.lines = [{"report": {**REPORT, "results": RESULTS[1:]}}]

    assert assay("lab", "check", env=proctor.environment).code == 3


def test_finish_goes_through_the_proctor(assay: Assay, proctor: FakeProctor) -> None:
    done = assay("lab", "finish", env=proctor.environment)

    assert (done.code, done.out) == (0, "Your attempt at l is finished.\n")


def test_a_cluster_is_taken_back_through_the_proctor(assay: Assay, proctor: FakeProctor) -> None:
    proctor.answer = {"to": "two", "after": "one", "taken_at": "2026-01-01T09:10:05.700000Z"}

    done = assay("lab", "reset", "--to", "two", env=proctor.environment)
    document = assay("lab", "reset", "--json", env=proctor.environment)

    assert done.code == document.code == 0
    assert "as it was right after one was done, at 2026-01-01 09:10:05 UTC" in done.out
    assert document.json["after"] == "one"
    path = "/services/proctor/attempts/a1/reset"
    assert proctor.asked == [("POST", path, {"to": "two"}), ("POST", path, {"to": None})]


def test_where_it_can_go_back_to_is_listed(assay: Assay, proctor: FakeProctor) -> None:
    start = {"to": "", "after": "", "taken_at": "2026-01-01T09:00:00.400000Z"}
    proctor.answer = [start, {**start, "to": "one"}]

    shown = assay("lab", "reset", "--list", env=proctor.environment)
    document = assay("lab", "reset", "--list", "--json", env=proctor.environment)

    assert "--to one" in shown.out
    assert "the start of the lab" in shown.out
    assert document.json == proctor.answer
    assert proctor.asked[0] == ("GET", "/services/proctor/attempts/a1/checkpoints", None)


def test_an_objection_goes_through_the_proctor(assay: Assay, proctor: FakeProctor) -> None:
    done = assay("lab", "appeal", "one", "It is there.", env=proctor.environment)

    assert done.code == 0
    assert "with the instructors" in done.out
    assert proctor.asked == [
        ("POST", "/services/proctor/attempts/a1/appeals", {"task": "one", "text": "It is there."})
    ]


def test_a_terminal_of_a_lab_starts_no_other(assay: Assay, proctor: FakeProctor) -> None:
    done = assay("lab", "start", "small-lab", env=proctor.environment)

    assert done.code == 2
    assert "belongs to attempt a1" in done.err


@pytest.mark.parametrize(("status", "code"), [(404, 2), (409, 2), (503, 3)])
def test_a_refusal_is_the_proctors_own_sentence(
    assay: Assay, proctor: FakeProctor, status: int, code: int
) -> None:
    proctor.refusal = (status, "there is a reason")

    done = assay("lab", "check", env=proctor.environment)

    assert (done.code, done.err) == (code, "assay: there is a reason\n")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "the proctor does not answer; nothing was counted"),
        ([{"result": RESULTS[0]}], "the proctor does not answer; nothing was counted"),
        ([{"error": "no room", "status": 503}], "no room"),
    ],
)
def test_a_proctor_that_goes_away_is_one_sentence(
    assay: Assay, proctor: FakeProctor, lines: list[dict[str, Any]], sentence: str
) -> None:
    proctor.lines = lines

    done = assay("lab", "check", env=proctor.environment)

    assert done.code == 3
    assert sentence in done.err
    assert "t0ken" not in done.err + done.out


def test_no_proctor_at_all_is_one_sentence(assay: Assay, proctor: FakeProctor) -> None:
    environment = {**proctor.environment, "ASSAY_PROCTOR_URL": "http://127.0.0.1:1"}

    done = assay("lab", "check", env=environment)

    assert done.code == 3
    assert "your work is safe" in done.err


def test_what_a_learner_wrote_is_neither_markup_nor_control() -> None:
    from rich.console import Console

    result = CheckResult(
        task="one",
        outcome=Outcome.FAILED,
        message="found [red]pod[/red] \x1b[2J\x07",
        found="[link=http://evil]x[/link]",
    )
    report = Report.model_validate({**REPORT, "results": [result]})
    console = Console(width=100, force_terminal=True)

    with console.capture() as capture:
        console.print(present_report(report, {"one": "[bold]Title"}))

    text = capture.get()
    assert "[red]pod[/red]" in text
    assert "[link=http://evil]" in text
    assert "[bold]Title" in text
    assert "\x1b[2J" not in text
    assert "\x07" not in text
