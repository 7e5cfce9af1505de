"""What the scripts of Debian's packages would have done, as far as an image needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from clusters.images.debian.package import files_of, read_file
from clusters.images.layer import Layer

_MASTERS = "usr/share/base-passwd"
_CERTIFICATES = "usr/share/ca-certificates/mozilla/"
_ACCOUNTS = ("messagebus", "systemd-network", "systemd-resolve")
"""Accounts that packages of a node would make; ids count from the first that Debian gives out."""
_GROUPS = ("systemd-journal",)
_FIRST_ID = 101
_TABLES = [f"{ip}tables{verb}" for ip in ("ip", "ip6") for verb in ("", "-save", "-restore")]
_LOOKS_UP = b"passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n"


def settle(layer: Layer, base_passwd: Path) -> None:
    """Complete the root filesystem of a node: accounts, names, links, services.

    Args:
        layer: that the packages were added to.
        base_passwd: Debian's package of this name; it holds the accounts that every system has.
    """
    masters = read_file(base_passwd, f"{_MASTERS}/passwd.master", f"{_MASTERS}/group.master")
    passwd, group = (masters[f"{_MASTERS}/{name}.master"] for name in ("passwd", "group"))
    names = list(enumerate((*_ACCOUNTS, *_GROUPS), _FIRST_ID))
    made = [f"{name}:x:{i}:{i}::/:/usr/sbin/nologin\n" for i, name in names if name in _ACCOUNTS]
    layer.data("etc/passwd", passwd.replace(b":*:", b":x:") + "".join(made).encode())
    layer.data("etc/group", group + "".join(f"{name}:x:{i}:\n" for i, name in names).encode())
    layer.data("etc/nsswitch.conf", _LOOKS_UP)
    layer.data("etc/machine-id", b"")
    layer.link("usr/bin/awk", "mawk")
    layer.link("usr/bin/sh", "dash")
    layer.link("etc/mtab", "../proc/self/mounts")
    layer.folder("run/lock", 0o1777)
    layer.link("var/run", "/run")
    layer.link("var/lock", "/run/lock")
    add_tables(layer)


def add_tables(layer: Layer) -> None:
    """Let `iptables` be the one that speaks to nftables, as Debian's alternatives have it."""
    for name in _TABLES:
        layer.link(f"usr/sbin/{name}", "xtables-nft-multi")


def add_certificates(layer: Layer, ca_certificates: Path) -> None:
    """Add the bundle of certificates that TLS clients trust.

    Args:
        layer: where it goes.
        ca_certificates: Debian's package of this name.
    """
    with files_of(ca_certificates) as archive:
        found = {
            member.name: content.read()
            for member in archive
            if _CERTIFICATES in member.name and (content := archive.extractfile(member))
        }
    bundle = b"".join(found[name].rstrip() + b"\n" for name in sorted(found))
    layer.data("etc/ssl/certs/ca-certificates.crt", bundle)


def add_services(layer: Layer, enabled: Mapping[str, str], masked: Iterable[str]) -> None:
    """Choose what systemd starts.

    Args:
        layer: where the units are.
        enabled: unit -> the unit that it is started with.
        masked: units that nothing may start.
    """
    units = "etc/systemd/system"
    layer.link(f"{units}/default.target", "/usr/lib/systemd/system/multi-user.target")
    for name, wanting in sorted(enabled.items()):
        layer.link(f"{units}/{wanting}.wants/{name}", f"{units_of(layer, name)}/{name}")
    for name in masked:
        layer.link(f"{units}/{name}", "/dev/null")


def units_of(layer: Layer, name: str) -> str:
    """Return the folder of a unit: ours before the package's."""
    ours = "etc/systemd/system"
    return f"/{ours}" if f"{ours}/{name}" in layer else "/usr/lib/systemd/system"
