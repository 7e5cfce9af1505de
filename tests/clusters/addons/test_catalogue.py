"""The catalogue: every file is right, and what naming some add-ons comes to."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from clusters.addons import AddOn, catalogue, find_addon, with_needs
from clusters.addons.addon import load_addon
from clusters.addons.catalogue import components_of, problems_of, require_addons
from clusters.addons.objects import fill, objects_of
from clusters.addons.sources import missing_sources
from clusters.binaries.lock import installed_lock
from clusters.capability import Capability
from clusters.errors import InputInvalid, NotFound
from clusters.provider import ENTRY_POINTS
from clusters.providers.embedded.addons.files import AddOnFiles
from clusters.providers.embedded.components import COMPONENTS, DOOR
from clusters.providers.embedded.folder import ClusterFolder
from clusters.providers.kind import KindProvider
from clusters.spec import ClusterSpec
from tests.clusters.addons.conftest import ONE_NODE

EVERY = list(catalogue().values())
NAMES = (*COMPONENTS, DOOR)
each = pytest.mark.parametrize("addon", EVERY, ids=lambda addon: addon.name)
WITH_ACCOUNT = [addon for addon in EVERY if addon.process and addon.process.account]


def own_text(addon: AddOn) -> str:
    return "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted(addon.folder.iterdir())
        if path.name != "addon.yaml"
    )


@each
def test_an_addon_is_named_after_its_folder_and_after_nothing_else(addon: AddOn) -> None:
    assert addon.name == addon.folder.name
    assert addon.name not in NAMES


@each
def test_what_an_addon_needs_is_there_and_on_the_same_providers(addon: AddOn) -> None:
    for needed in map(find_addon, addon.needs):
        assert addon.providers <= needed.providers


@each
def test_its_binary_is_pinned_at_its_version(addon: AddOn) -> None:
    for binary in addon.binaries:
        assert installed_lock().binaries[binary].version == addon.version


@each
def test_every_file_is_named_and_filled_in(addon: AddOn, tmp_path: Path) -> None:
    values = AddOnFiles(ClusterFolder(tmp_path / "any"), 6443).values(addon, node="node")
    named = {"addon.yaml", *(o.path for o in (*addon.objects, *addon.workload) if not o.module)}
    if addon.process:
        named |= set(addon.process.files)
        texts = (*addon.process.arguments, *addon.process.environment.values())
        for text in (*texts, addon.process.ready, addon.process.makes):
            fill(text, values)

    assert {path.name for path in addon.folder.iterdir()} == named
    fill(own_text(addon), values)


@each
def test_nothing_of_it_listens_for_the_host_or_holds_a_secret(addon: AddOn) -> None:
    text = own_text(addon) + (addon.folder / "addon.yaml").read_text(encoding="utf-8")

    assert "0.0.0.0" not in text
    assert "hostNetwork" not in text
    assert not re.search(r"password|PRIVATE KEY", text, re.IGNORECASE)


@pytest.mark.parametrize("addon", WITH_ACCOUNT, ids=lambda addon: addon.name)
def test_its_account_has_rights_of_its_own_and_is_not_cluster_admin(
    addon: AddOn, tmp_path: Path
) -> None:
    if missing_sources(addon):
        pytest.skip(f"not in the cache: {', '.join(missing_sources(addon))}")
    assert addon.process is not None
    assert addon.process.account is not None
    values = AddOnFiles(ClusterFolder(tmp_path / "any"), 6443).values(addon)
    objects = objects_of(addon, values)
    account = addon.process.account

    assert any(
        m["kind"] == "ServiceAccount" and m["metadata"]["name"] == account.name for m in objects
    )
    roles = [m for m in objects if m["kind"] in ("ClusterRole", "Role")]
    for rule in (rule for role in roles for rule in role["rules"]):
        assert "*" not in rule.get("verbs", [])
        assert "*" not in rule.get("apiGroups", [])
    bound = [m["roleRef"]["name"] for m in objects if m["kind"].endswith("RoleBinding")]
    assert set(bound) <= {role["metadata"]["name"] for role in roles}


def test_no_two_addons_listen_at_the_same_port() -> None:
    ports = Counter(
        port
        for addon in EVERY
        if addon.process
        for port in set(re.findall(r"\$address:(\d+)", " ".join(addon.process.arguments)))
    )

    assert [port for port, count in ports.items() if count > 1] == []


def test_what_is_needed_comes_first_and_once() -> None:
    names = [addon.name for addon in with_needs(["endpoint-picker", "inference-extension"])]

    assert names == ["inference-extension", "endpoint-picker"]


def test_processes_on_nodes_are_one_for_each() -> None:
    assert components_of(["dra-example-driver"], ("a", "b")) == (
        "dra-example-driver-a",
        "dra-example-driver-b",
    )
    assert components_of(["dra-example-driver", "metrics-adapter"], ()) == ("metrics-adapter",)
    assert components_of(["gone-from-the-catalogue"], ("a",)) == ()


def test_an_unknown_addon_is_answered_with_the_catalogue() -> None:
    with pytest.raises(NotFound, match=r"no add-on 'kewe'; the catalogue has: .*kueue"):
        find_addon("kewe")


def test_all_that_is_wrong_is_said_at_once() -> None:
    problems = problems_of(["kueue", "kueue", "kewe"], frozenset({Capability.SCHEDULING}))

    assert len(problems) == 2
    assert "no add-on 'kewe'" in problems[0]
    assert problems[1] == "add-on kueue is named twice"


def test_a_provider_that_cannot_run_it_is_named_with_those_that_can() -> None:
    with pytest.raises(InputInvalid, match=r"kueue does not run on paper; it does on: .*embedded"):
        require_addons(["kueue"], "paper", frozenset(Capability))


@each
def test_its_providers_exist(addon: AddOn) -> None:
    from importlib.metadata import entry_points

    assert addon.providers & {point.name for point in entry_points(group=ENTRY_POINTS)}


def test_a_broken_file_is_told_with_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "mine" / "addon.yaml"
    path.parent.mkdir()
    path.write_text(
        "apiVersion: assay.dev/v1\nkind: AddOn\nname: Mine\nversion: latest\nsummary: s\n"
        "providers: [embedded]\nprocess: {binary: x, memory: 1, colour: red}\n"
    )

    with pytest.raises(InputInvalid) as caught:
        load_addon(path)

    told = "\n".join(caught.value.problems)
    for key in ("name", "version", "process.memory", "process.colour"):
        assert f"mine/addon.yaml: {key}" in told


def test_a_cluster_of_containers_refuses_what_does_not_run_there(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="kueue does not run on kind"):
        KindProvider(tmp_path / "kind").create(ClusterSpec("refused", ONE_NODE, addons=("kueue",)))

    assert not (tmp_path / "kind").exists()
