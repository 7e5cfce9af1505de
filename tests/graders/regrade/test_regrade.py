"""Verdicts of a real cluster are judged anew, when the cluster is long gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from clusters.errors import InputInvalid, NotFound
from graders.regrade import Regraded
from graders.regrade.bench import JudgeFailed
from graders.report import Outcome, Trigger

pytestmark = pytest.mark.cluster
School = Any
MENDED = """
    from graders import ClusterView, check, expect


    @check("strict")
    def test_strict(cluster: ClusterView) -> None:
        space = cluster.get("Namespace", "default")
        expect(space["status"]["phase"] == "Active", "Not active", found=space["status"]["phase"])
"""


def told(regraded: Regraded) -> list[tuple[str, str, str]]:
    return [(c.after.task, c.before.outcome, c.after.outcome) for c in regraded.changes]


def lacking(regraded: Regraded) -> list[str]:
    return [f"{c.after.task}: {c.after.message}" for c in regraded.lacking]


def test_unchanged_checks_come_to_the_same_verdicts(school: School) -> None:
    began = time.monotonic()
    regraded = school.regrade()

    assert (regraded.checks, regraded.unchanged) == (1, 3)
    assert (regraded.changes, regraded.lacking, regraded.written) == ([], [], [])
    assert len(school.ledger.reports(school.attempt)) == 1
    assert time.monotonic() - began < 20


def test_a_dry_run_shows_what_would_change_and_writes_nothing(school: School) -> None:
    school.rewrite("test_strict.py", MENDED)

    regraded = school.regrade(dry_run=True)

    assert told(regraded) == [("strict", "failed", "passed")]
    assert len(school.ledger.reports(school.attempt)) == 1
    assert not school.ledger.progress(school.attempt)["strict"].done


def test_a_regrade_writes_new_verdicts_beside_the_old_ones_once(school: School) -> None:
    school.rewrite("test_strict.py", MENDED)

    regraded = school.regrade("it asked for German")
    again = school.regrade("it asked for German")

    assert told(regraded) == [("strict", "failed", "passed")]
    assert (again.already, again.checks, again.changes) == (1, 0, [])
    old, new = school.ledger.reports(school.attempt)
    assert old == school.report
    assert (new.trigger, new.regrade_of, new.reason) == (
        Trigger.REGRADE,
        old.id,
        "it asked for German",
    )
    assert (new.evidence, new.assurance, new.cluster_uid) == (
        old.evidence,
        old.assurance,
        old.cluster_uid,
    )
    assert [r.task for r in new.results] == ["fair", "strict", "waiting"]
    strict = school.ledger.progress(school.attempt)["strict"]
    assert (strict.done, strict.done_at, strict.regraded) == (
        True,
        old.finished_at,
        "it asked for German",
    )
    assert school.ledger.verify() == []


def test_a_lab_that_goes_back_to_what_it_was_takes_its_verdicts_back(school: School) -> None:
    strict = (school.lab.folder / "checks" / "test_strict.py").read_text()
    for source, done in [(MENDED, True), (strict, False), (MENDED, True), (strict, False)]:
        school.rewrite("test_strict.py", source)
        assert len(school.regrade().written) == 1
        assert school.ledger.progress(school.attempt)["strict"].done is done


def test_what_the_evidence_lacks_is_said_and_takes_no_verdict_away(school: School) -> None:
    school.rewrite(
        "test_fair.py",
        """
        from graders import ClusterView, Variant, check

        @check("fair")
        def test_fair(cluster: ClusterView, variant: Variant) -> None:
            try:
                cluster.get("Service", "kubernetes", "default")
            except Exception:
                assert False, "hidden by a broad except"
        """,
    )
    school.rewrite("test_waiting.py", (MENDED.replace("strict", "waiting")))

    regraded = school.regrade()

    assert lacking(regraded) == [
        "fair: The evidence does not hold an answer to GET /api/v1/namespaces/default/services/"
        "kubernetes",
        "waiting: The evidence does not hold an answer to GET /api/v1/namespaces/default",
    ]
    assert regraded.written == []
    assert school.ledger.progress(school.attempt)["fair"].done


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('variant["colour"]', "the parameter 'colour'"),
        ('baseline["uids"]', "in what was recorded at the start 'uids'"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "made by itself"),
        ("import os; os._exit(3)", "The check ended its judge"),
        ("import os; os.mkdir('x')", "changed files"),
        ("while True: pass", "did not end within"),
    ],
)
def test_a_check_that_goes_beyond_its_evidence_gives_no_verdict(
    school: School, body: str, sentence: str
) -> None:
    school.rewrite(
        "test_fair.py",
        f"""
        from graders import check

        @check("fair")
        def test_fair(cluster, variant, baseline) -> None:
            {body}
        """,
    )
    yaml = school.lab.folder / "lab.yaml"
    yaml.write_text(yaml.read_text().replace("seconds: 10", "seconds: 2"))
    school.rewrite("test_strict.py", MENDED)

    regraded = school.regrade(tasks=("fair",))
    others = school.regrade(tasks=("strict",))

    (said,) = lacking(regraded)
    assert sentence in said
    assert told(others) == [("strict", "failed", "passed")]


def test_a_lab_that_cannot_be_loaded_is_one_sentence(school: School) -> None:
    (school.lab.folder / "checks" / "test_fair.py").write_text("import os; os._exit(4)")

    with pytest.raises(JudgeFailed, match="ended its judge"):
        school.regrade()


def test_damaged_and_missing_evidence_is_told_apart_from_verdicts(school: School) -> None:
    damaged, missing = school.enrol(2)
    path = school.store.path(damaged.evidence)
    path.write_bytes(path.read_bytes()[:-20])
    school.store.path(missing.evidence).unlink()
    school.rewrite("test_strict.py", MENDED)

    regraded = school.regrade()

    said = {c.report.id: c.after.message for c in regraded.lacking}
    assert "damaged" in said[damaged.id]
    assert "is not here" in said[missing.id]
    assert [c.report.id for c in regraded.changes] == [school.report.id]


def test_only_what_is_chosen_is_judged(school: School) -> None:
    (other,) = school.enrol(1)
    school.rewrite("test_strict.py", MENDED)

    assert school.regrade(dry_run=True, attempt=other.attempt).checks == 1
    assert school.regrade(dry_run=True, since="1.0.0").checks == 2
    assert school.regrade(dry_run=True, since="1.0.1").checks == 0
    assert school.regrade(dry_run=True, since=school.report.finished_at).checks == 2
    assert school.regrade(dry_run=True, since="2999-01-01").checks == 0
    assert school.regrade(dry_run=True, tasks=("fair",)).changes == []
    for wrong in ({"since": "yesterday"}, {"tasks": ("nix",)}, {"reason": " "}):
        with pytest.raises(InputInvalid):
            school.regrade(**wrong)
    with pytest.raises(NotFound):
        school.regrade(attempt="nix")


def test_a_regrade_that_is_killed_goes_on_where_it_was(school: School) -> None:
    reports = [school.report, *school.enrol(12)]
    school.rewrite("test_strict.py", MENDED)
    program = (
        "import sys; from pathlib import Path\n"
        "from graders.bundles.store import EvidenceStore\n"
        "from graders.lab import load_lab\n"
        "from graders.ledger import open_ledger\n"
        "from graders.regrade import Choice, regrade\n"
        "folder, lab, keys = map(Path, sys.argv[1:])\n"
        "ledger = open_ledger(f'sqlite:///{folder}/assay.db', keys)\n"
        "store = EvidenceStore(folder / 'evidence')\n"
        "regrade(ledger, store, Choice(load_lab(lab)), 'mended', judges=1,\n"
        "        on_progress=lambda so_far: print(len(so_far.written), flush=True))"
    )
    folder = school.store.folder.parent
    command = [
        sys.executable,
        "-c",
        program,
        str(folder),
        str(school.lab.folder),
        str(folder / "keys"),
    ]
    written = 0
    for kills in (1, 4):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            assert process.stdout is not None
            for _ in range(kills):
                written = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)

    school.regrade()

    for report in reports:
        regrades = [r for r in school.ledger.reports(report.attempt) if r.regrade_of == report.id]
        assert len(regrades) == 1, "no verdict is lost or doubled"
    assert school.ledger.verify() == []
    assert written


def test_the_document_of_a_regrade_is_plain_json(school: School) -> None:
    school.rewrite("test_strict.py", MENDED)

    document = json.loads(json.dumps(school.regrade(dry_run=True).to_json()))

    assert document["changes"][0]["before"]["outcome"] == Outcome.FAILED
    assert document["changes"][0]["after"]["outcome"] == Outcome.PASSED


def test_the_command_prints_the_table_and_proves_what_it_wrote(school: School) -> None:
    school.rewrite("test_strict.py", MENDED)
    home = school.store.folder.parent
    environment = {
        **os.environ,
        "ASSAY_HOME": str(home),
        "ASSAY_LABS": str(school.lab.folder.parent),
        "ASSAY_DATABASE_URL": f"sqlite:///{home / 'assay.db'}",
        "COLUMNS": "200",
    }

    def assay(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = "from clusters.cli.main import main; main()"
        command = [sys.executable, "-c", program, "attempt", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    regrade = ("regrade", "--lab", school.lab.slug, "--reason", "too strict")
    dry, done = assay(*regrade, "--dry-run"), assay(*regrade, "--json")
    exported = assay("export", school.attempt, "--evidence", str(home / "bundles"))
    verified = assay("verify")

    assert (dry.returncode, done.returncode) == (0, 0), dry.stderr + done.stderr
    assert "1 verdicts would change" in dry.stdout
    assert school.attempt[:8] in dry.stdout
    assert [c["task"] for c in json.loads(done.stdout)["changes"]] == ["strict"]
    reports = [json.loads(r["body"]) for r in json.loads(exported.stdout)["reports"]]
    assert [r["trigger"] for r in reports] == ["asked", "regrade"]
    (bundle,) = (home / "bundles").iterdir()
    assert bundle.name.startswith(reports[0]["evidence"].removeprefix("sha256:"))
    assert verified.returncode == 1, "the check was filed under another attempt by this test"
    assert "names the evidence of another report" in verified.stdout
