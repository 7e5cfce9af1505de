"""Debian packages become a root filesystem without any of their scripts running."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from clusters.errors import ClusterError
from clusters.images.debian.package import read_file
from clusters.images.debian.settle import add_certificates, add_services, settle
from clusters.images.debian.userland import add_packages, in_order
from clusters.images.layer import Layer
from clusters.images.store import ImageStore
from tests.clusters.images.making import content, written

MakePackage = Callable[..., Path]


@pytest.mark.parametrize("packing", ["xz", "gz", ""])
def test_a_file_is_read_out_of_a_package(package: MakePackage, packing: str) -> None:
    made = package("one", {"./usr/bin/one": b"program", "./other": b"x"}, packing)

    assert read_file(made, "usr/bin/one", "missing") == {"usr/bin/one": b"program"}


@pytest.mark.parametrize("data", [b"", b"!<arch>\n", b"PK\x03\x04" + b"x" * 200])
def test_what_is_no_package_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.deb"
    path.write_bytes(data)

    with pytest.raises(ClusterError, match="is no Debian package that can be read"):
        read_file(path, "x")


def test_a_package_that_is_cut_short_is_refused(package: MakePackage) -> None:
    made = package("one", {"./big": bytes(range(256)) * 4000})
    made.write_bytes(made.read_bytes()[:-500])

    with pytest.raises(ClusterError, match="is no Debian package that can be read"):
        read_file(made, "big")


def test_programs_and_libraries_land_where_a_merged_system_has_them(
    package: MakePackage, store: ImageStore
) -> None:
    made = package(
        "one",
        {
            "./": None,
            "./bin/": None,
            "./bin/one": b"x",
            "./lib/x86_64-linux-gnu/lib.so.1": "lib.so.1.2",
            "./lib64/": None,
            "./sbin/init": "/lib/systemd/systemd",
            "./etc/one": b"y",
        },
    )

    _, entries = written(store, lambda layer: add_packages(layer, [made]))

    assert entries["bin"].linkname == "usr/bin"
    assert entries["lib64"].linkname == "usr/lib64"
    assert entries["usr/bin/one"].isfile()
    assert entries["usr/lib/x86_64-linux-gnu/lib.so.1"].linkname == "lib.so.1.2"
    assert entries["usr/sbin/init"].issym()
    assert "bin/one" not in entries


def test_documentation_is_left_out_and_licences_stay(
    package: MakePackage, store: ImageStore
) -> None:
    made = package(
        "one",
        {
            "./usr/share/doc/one/copyright": b"licence",
            "./usr/share/doc/one/changelog.gz": b"x",
            "./usr/share/man/man1/one.1.gz": b"x",
            "./usr/lib/systemd/system/timers.target.wants/x.timer": "../x.timer",
            "./var/run/": None,
        },
    )

    _, entries = written(store, lambda layer: add_packages(layer, [made], ["usr/lib/systemd/*"]))

    assert [name for name, entry in entries.items() if entry.isfile()] == [
        "usr/share/doc/one/copyright"
    ]
    assert "var/run" not in entries


def test_two_packages_with_the_same_file_are_refused(
    package: MakePackage, store: ImageStore
) -> None:
    one = package("one", {"./bin/x": b"1"})
    two = package("two", {"./usr/bin/x": b"2"})

    with pytest.raises(ClusterError, match=r"two.deb: another package has /usr/bin/x, too"):
        written(store, lambda layer: add_packages(layer, [one, two]))


def test_folders_of_base_files_keep_their_modes(package: MakePackage, store: ImageStore) -> None:
    one = package("base-files", {"./tmp/": None})
    two = package("a-tool", {"./tmp/": None, "./tmp/x": b""})
    assert in_order(["a-tool", "base-files"]) == ["base-files", "a-tool"]

    _, entries = written(store, lambda layer: add_packages(layer, [one, two]))

    assert entries["tmp"].mode == 0o1777


def test_settling_gives_accounts_links_and_names(package: MakePackage, store: ImageStore) -> None:
    share = "./usr/share/base-passwd"
    base = package(
        "base-passwd",
        {
            f"{share}/passwd.master": b"root:*:0:0:root:/root:/bin/bash\n",
            f"{share}/group.master": b"root:*:0:\n",
        },
    )

    _, entries = written(store, lambda layer: settle(layer, base))
    files = content(store, lambda layer: settle(layer, base))

    assert files["etc/passwd"].startswith(b"root:x:0:0:root:/root:/bin/bash\nmessagebus:x:101:101")
    assert b"systemd-journal:x:" in files["etc/group"]
    assert files["etc/machine-id"] == b""
    assert entries["usr/sbin/iptables"].linkname == "xtables-nft-multi"
    assert entries["var/run"].linkname == "/run"


def test_certificates_are_bundled_in_the_order_of_their_names(
    package: MakePackage, store: ImageStore
) -> None:
    mozilla = "./usr/share/ca-certificates/mozilla"
    made = package("ca", {f"{mozilla}/b.crt": b"B\n", f"{mozilla}/a.crt": b"A"})

    files = content(store, lambda layer: add_certificates(layer, made))

    assert files["etc/ssl/certs/ca-certificates.crt"] == b"A\nB\n"


def test_services_are_enabled_where_their_units_are(store: ImageStore) -> None:
    def fill(layer: Layer) -> None:
        layer.data("etc/systemd/system/ours.service", b"")
        add_services(layer, {"ours.service": "a.target", "dbus.service": "a.target"}, ["x.service"])

    _, entries = written(store, fill)

    wants = "etc/systemd/system/a.target.wants"
    assert entries[f"{wants}/ours.service"].linkname == "/etc/systemd/system/ours.service"
    assert entries[f"{wants}/dbus.service"].linkname == "/usr/lib/systemd/system/dbus.service"
    assert entries["etc/systemd/system/x.service"].linkname == "/dev/null"
