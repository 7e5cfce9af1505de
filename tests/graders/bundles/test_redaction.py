"""What must not leave the worker, wherever it stands; and a replay that comes across it."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from graders.bundles.redacted import NotRecorded, Redacted, marked, restored
from graders.bundles.redaction import Redaction
from graders.checks import expect
from graders.view import ClusterView

Make = Callable[..., Any]
PASSWORD = 'cor"rect\nhörse'
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
SECRET = {
    "kind": "Secret",
    "apiVersion": "v1",
    "metadata": {
        "name": "login",
        "namespace": "lab",
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"pin": "1"}})
        },
    },
    "data": {
        "password": base64.b64encode(PASSWORD.encode()).decode(),
        "pin": base64.b64encode(b"1").decode(),
    },
}


def redacted(*values: Any) -> list[Any]:
    redaction = Redaction()
    redaction.learn(values)
    assert all(
        redaction.is_needed(json.dumps(v, ensure_ascii=False)) or redaction.redact(v) == v
        for v in values
    ), "what is skipped holds nothing"
    return [redaction.redact(value) for value in values]


@pytest.mark.parametrize(
    "elsewhere",
    [
        PASSWORD,
        {"env": [{"name": "P", "value": f"://{PASSWORD}@db"}]},
        {"annotations": {PASSWORD: "as a key"}},
        [[SECRET["data"]]],
        {"kind": "List", "items": [SECRET]},
        {"token": TOKEN},
        {"status": {"token": f"Bearer {TOKEN}"}},
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
        base64.b64encode(b"-----BEGIN PRIVATE KEY-----\nMIIE").decode(),
        {"kind": "Secret", "stringData": {"a": "another secret"}},
    ],
)
def test_a_secret_is_found_wherever_it_stands(elsewhere: Any) -> None:
    _, found = redacted(SECRET, elsewhere)

    text = json.dumps(found, ensure_ascii=False)
    spelled = json.dumps(PASSWORD, ensure_ascii=False)[1:-1]
    for secret in (PASSWORD, spelled, TOKEN, "PRIVATE KEY", "another secret"):
        assert secret not in text
    assert SECRET["data"]["password"] not in text  # type: ignore[index]


def test_a_secret_keeps_its_name_and_its_keys() -> None:
    (found,) = redacted(SECRET)

    assert found["metadata"]["name"] == "login"
    assert list(found["data"]) == ["password", "pin"]
    assert base64.b64encode(b"1").decode() not in json.dumps(found), "however short it is"
    assert '"pin"' not in json.dumps(found["metadata"])


def test_what_is_no_secret_stays() -> None:
    pod = {"kind": "Pod", "spec": {"env": [{"name": "A", "value": "plain"}]}}

    assert redacted(SECRET, pod)[1] == pod


def test_equal_secrets_are_equal_and_others_are_not() -> None:
    _, a, b, c = redacted(SECRET, {"v": PASSWORD}, {"v": PASSWORD}, {"v": PASSWORD + "!"})
    one, same, other = (json.loads(json.dumps(x), object_hook=restored)["v"] for x in (a, b, c))

    assert one == same
    assert one != other
    assert copy.deepcopy(one) == one
    assert json.dumps({"v": one}, default=marked) == json.dumps(a)


@pytest.mark.parametrize(
    "use",
    [
        str,
        bool,
        len,
        list,
        hash,
        lambda s: s == "guess",
        lambda s: "guess" == s,
        lambda s: s != "guess",
        lambda s: s in ("guess", "other"),
        lambda s: "x" in s,
        lambda s: f"{s}",
        lambda s: s + "x",
        lambda s: s[0],
        lambda s: s.startswith("g"),
        lambda s: sorted([s, s]),
        lambda s: {s: 1},
        repr,
    ],
)
def test_whatever_is_done_with_a_secret_is_no_verdict(use: Callable[[Any], object]) -> None:
    with pytest.raises(NotRecorded, match="no values of Secrets"):
        use(Redacted(0))


@pytest.mark.parametrize("use", [json.dumps, "".join, base64.b64decode, int])
def test_what_does_not_ask_a_secret_fails_on_it(use: Callable[[Any], object]) -> None:
    with pytest.raises((NotRecorded, TypeError)):
        use([Redacted(0)] if use == "".join else Redacted(0))


def a_secret_and_its_user() -> dict[str, Any]:
    user = {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "user", "namespace": "lab", "uid": "u"},
        "data": {"url": f"db://{PASSWORD}@db", "size": "3"},
    }
    return {
        "/api/v1/namespaces/lab/secrets/login": copy.deepcopy(SECRET),
        "/api/v1/namespaces/lab/configmaps/user": user,
    }


def test_a_check_that_needs_no_secret_value_is_judged_anew(
    record: Make, judge: Make, make_cluster: Make
) -> None:
    def check(cluster: ClusterView) -> None:
        expect("password" in cluster.get("Secret", "login", "lab")["data"], "no password")
        expect(len(cluster.list("Secret", "lab")) == 1, "several")
        expect(cluster.get("ConfigMap", "user", "lab")["data"]["size"] == "3", "other size")

    fake = make_cluster()
    fake.objects.update(a_secret_and_its_user())
    took = record(check, fake)

    assert took.outcome == judge(check, took.recorded).outcome == ("passed",)
    text = json.dumps(took.recorded, ensure_ascii=False)
    assert json.dumps(PASSWORD, ensure_ascii=False)[1:-1] not in text


def test_a_check_that_needs_a_secret_value_gives_no_verdict(
    record: Make, judge: Make, make_cluster: Make
) -> None:
    def check(cluster: ClusterView) -> None:
        encoded = cluster.get("Secret", "login", "lab")["data"]["password"]
        expect(encoded == base64.b64encode(PASSWORD.encode()).decode(), "another one")

    fake = make_cluster()
    fake.objects.update(a_secret_and_its_user())
    took = record(check, fake)

    assert took.outcome == ("passed",)
    assert judge(check, took.recorded).outcome[:2] == ("error", "NotRecorded")
