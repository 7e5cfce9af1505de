"""What `assay doctor --fix` would do, on hosts of every sort; nothing here touches this host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from clusters.cli import fixing
from clusters.cli.doctor import doctor
from clusters.doctor.docker import DockerFacts, Step, steps_for
from clusters.doctor.docker.facts import capability_withheld, read_settings, with_runtime
from clusters.doctor.docker.steps import forget_ended
from clusters.errors import PreflightError

READY = DockerFacts(
    root=True,
    apt=True,
    systemd=True,
    client=True,
    daemon=True,
    answers=True,
    withheld=False,
    wrapper=False,
    settings=False,
    used=False,
)
BARE = replace(READY, client=False, daemon=False, answers=False, systemd=False)


def names(facts: DockerFacts) -> list[str]:
    return [step.name for step in steps_for(facts)]


def test_an_ordinary_host_with_docker_needs_nothing() -> None:
    assert names(READY) == []
    assert names(replace(READY, root=False, apt=False)) == []


def test_a_bare_host_gets_the_package_and_a_daemon() -> None:
    assert names(BARE) == ["packages", "daemon"]
    assert names(replace(BARE, systemd=True)) == ["packages", "daemon-service"]


def test_the_wrapper_comes_only_where_the_capability_is_withheld_and_before_the_daemon() -> None:
    assert names(replace(BARE, withheld=True)) == [
        "oci-wrapper",
        "daemon-settings",
        "packages",
        "daemon",
    ]


def test_a_daemon_that_runs_without_the_wrapper_reads_its_settings_anew() -> None:
    running = replace(READY, withheld=True)

    assert names(running) == ["oci-wrapper", "daemon-settings", "daemon-reload"]
    assert names(replace(running, wrapper=True, settings=True)) == ["daemon-reload"]
    assert names(replace(running, wrapper=True, settings=True, used=True)) == []


def test_a_stopped_daemon_is_started_and_nothing_else() -> None:
    stopped = replace(READY, answers=False, systemd=False, withheld=True, wrapper=True)

    assert names(replace(stopped, settings=True)) == ["daemon"]


def test_who_cannot_do_it_is_told_who_can() -> None:
    with pytest.raises(PreflightError, match="sudo assay doctor --fix"):
        steps_for(replace(BARE, root=False))
    with pytest.raises(PreflightError, match="no apt-get: install Docker"):
        steps_for(replace(BARE, apt=False))


def test_settings_of_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "daemon.json"
    file.write_text('{"log-driver": "local", "runtimes": {"crun": {"path": "/usr/bin/crun"}}}')

    settings = with_runtime(read_settings(file))

    assert settings["log-driver"] == "local"
    assert set(settings["runtimes"]) == {"crun", "assay"}
    assert settings["default-runtime"] == "assay"
    assert with_runtime(settings) == settings


@pytest.mark.parametrize("content", [None, "not json", "[]"])
def test_settings_that_cannot_be_read_are_none(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "daemon.json"
    if content is not None:
        file.write_text(content)

    assert read_settings(file) == {}


@pytest.mark.parametrize(
    ("bounding", "withheld"), [("000001ffffffffff", False), ("000001fffeffffff", True)]
)
def test_the_capability_is_read_from_the_bounding_set(
    tmp_path: Path, bounding: str, withheld: bool
) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tinit\nCapEff:\t0000000000000000\nCapBnd:\t{bounding}\n")

    assert capability_withheld(status) is withheld


def test_a_pid_file_of_a_killed_daemon_is_forgotten_and_that_of_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    file = tmp_path / "docker.pid"
    own = psutil.Process()
    for content, stays in (("", False), ("x", False), (str(own.pid), True)):
        file.write_text(content)
        forget_ended(file, own.name())
        assert file.exists() is stays
    forget_ended(file, "dockerd")

    assert not file.exists()
    forget_ended(file, "dockerd")


# --- the command


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have one step to do, which only notes that it was done."""
    done: list[str] = []

    def act(told: object) -> None:
        done.append("done")

    step = Step("packages", "Install things", "they are missing", act)
    monkeypatch.setattr(fixing, "steps_for", lambda facts: [step])
    monkeypatch.setattr(fixing, "node_image_here", lambda: "here")
    return done


def test_nothing_is_done_where_nobody_can_be_asked(done: list[str]) -> None:
    result = CliRunner().invoke(doctor, ["--fix"])

    assert result.exit_code == 2
    assert "--yes" in result.output
    assert "Install things" in result.output
    assert done == []


def test_with_yes_each_step_is_done_and_told(done: list[str]) -> None:
    result = CliRunner().invoke(doctor, ["--fix", "--yes", "--json"])

    assert done == ["done"]
    assert '"name": "packages"' in result.stdout
    assert "because they are missing" in result.stderr


def test_yes_alone_is_a_mistake(done: list[str]) -> None:
    result = CliRunner().invoke(doctor, ["--yes"])

    assert result.exit_code == 2
    assert done == []
