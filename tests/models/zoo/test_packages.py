"""The real clients of npm, PyPI and Debian, each against a registry made here."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.fetch import Fetcher, Wanted, fetch_file
from sitepose.models.zoo.sources import parse_source

CONTENT = b"a network" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
DEMO = "usr/share/doc/demo/x.bin"


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


def tarball(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def npm_registry(web, monkeypatch, tmp_path):
    """Serve ``@demo/models`` 1.2.3 and point npm at it."""
    manifest = {"name": "@demo/models", "version": "1.2.3"}
    packed = tarball({"package/package.json": json.dumps(manifest).encode(), "package/models/x.bin": CONTENT})
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode()
    dist = {"tarball": web.offer("/models.tgz", packed), "integrity": integrity}
    packument = {
        "name": "@demo/models",
        "dist-tags": {"latest": "1.2.3"},
        "versions": {"1.2.3": manifest | {"dist": dist}},
    }
    content = json.dumps(packument).encode()
    headers = {"Content-Type": "application/json"}
    for path in ("/@demo%2fmodels", "/@demo%2Fmodels", "/@demo/models"):
        web.offer(path, content, tag="", headers=headers)
    monkeypatch.setenv("npm_config_registry", f"{web.address}/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))


@pytest.fixture
def pypi(web, monkeypatch):
    """Serve ``demo-models`` 1.2.3 and point pip at it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        wheel.writestr("demo_models/x.bin", CONTENT)
        info = "demo_models-1.2.3.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: demo-models\nVersion: 1.2.3\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    address = web.offer("/demo_models-1.2.3-py3-none-any.whl", buffer.getvalue())
    page = f'<html><body><a href="{address}">demo_models-1.2.3-py3-none-any.whl</a></body></html>'
    web.offer("/simple/demo-models/", page.encode(), tag="", headers={"Content-Type": "text/html"})
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{web.address}/simple/")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def debian(web, monkeypatch, tmp_path):
    """Serve the package ``demo-models`` and point apt at it."""
    package = tmp_path / "package"
    (package / DEMO).parent.mkdir(parents=True)
    (package / DEMO).write_bytes(CONTENT)
    (package / "DEBIAN").mkdir()
    control = (
        "Package: demo-models\nVersion: 1.2.3\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: demo\n"
    )
    (package / "DEBIAN" / "control").write_text(control)
    file = tmp_path / "demo-models_1.2.3_all.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", package, file], check=True, capture_output=True
    )
    content = file.read_bytes()
    entry = f"Filename: ./{file.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n"
    web.offer(f"/./{file.name}", content)
    web.offer("/./Packages", (control + entry).encode())
    monkeypatch.setenv("APT_CONFIG", str(_apt_settings(tmp_path / "apt", web.address)))
    done = subprocess.run(["apt-get", "update", "-qq"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def _apt_settings(folder, address):
    """Write settings that keep apt away from the machine's own lists and packages."""
    for inner in ("state/lists/partial", "cache/archives/partial", "etc"):
        (folder / inner).mkdir(parents=True)
    (folder / "state" / "status").touch()
    (folder / "etc" / "sources.list").write_text(f"deb [trusted=yes] {address} ./\n")
    settings = folder / "apt.conf"
    settings.write_text(
        f'Dir::State "{folder}/state";\nDir::State::status "{folder}/state/status";\n'
        f'Dir::Cache "{folder}/cache";\nDir::Etc::sourcelist "{folder}/etc/sources.list";\n'
        'Dir::Etc::sourceparts "-";\nAPT::Sandbox::User "root";\nAcquire::http::Proxy "DIRECT";\n'
    )
    return settings


@needs("npm")
class TestNpm:
    @pytest.mark.usefixtures("npm_registry")
    def test_gives_a_member(self, cache, tmp_path):
        fetched = fetch_file(["npm:@demo/models@1.2.3!models/x.bin"], SHA256, tmp_path / "x.bin", cache=cache)
        assert fetched.path.read_bytes() == CONTENT
        assert list((cache / "packages").iterdir()) == []

    @pytest.mark.usefixtures("npm_registry")
    def test_without_the_version_says_so_in_one_line(self, cache, tmp_path):
        with pytest.raises(WeightsError, match=r"npm:@demo/models@9\.9\.9: npm cannot get it: ") as caught:
            fetch_file(["npm:@demo/models@9.9.9!x"], SHA256, tmp_path / "x.bin", cache=cache)
        assert "\n" not in str(caught.value)

    @pytest.mark.usefixtures("npm_registry")
    def test_packages_are_fetched_once_for_all_that_want_them(self, web, cache, tmp_path):
        wishes = [
            Wanted(destination=tmp_path / name, sources=(parse_source(f"npm:@demo/models@1.2.3!{name}"),))
            for name in ("models/x.bin", "package.json")
        ]
        fetcher = Fetcher(cache, others=wishes)
        for wish in wishes:
            fetcher.fetch(wish)
        assert json.loads((tmp_path / "package.json").read_bytes())["version"] == "1.2.3"
        assert [path for path, _ in web.requests].count("/models.tgz") == 1


class TestPypi:
    @pytest.mark.usefixtures("pypi")
    def test_gives_a_member(self, cache, tmp_path):
        source = "pypi:demo-models==1.2.3!demo_models/x.bin"
        assert fetch_file([source], SHA256, tmp_path / "x.bin", cache=cache).path.read_bytes() == CONTENT

    @pytest.mark.usefixtures("pypi")
    def test_without_the_version_says_so_in_one_line(self, cache, tmp_path):
        with pytest.raises(WeightsError, match="No matching distribution found for demo-models==9") as caught:
            fetch_file(["pypi:demo-models==9!x"], SHA256, tmp_path / "x.bin", cache=cache)
        assert "\n" not in str(caught.value)


@needs("apt-get")
@needs("dpkg-deb")
class TestDebian:
    @pytest.mark.usefixtures("debian")
    def test_gives_a_member_and_installs_nothing(self, cache, tmp_path):
        fetched = fetch_file([f"deb:demo-models!{DEMO}"], SHA256, tmp_path / "x.bin", cache=cache)
        assert fetched.path.read_bytes() == CONTENT
        assert (tmp_path / "apt" / "state" / "status").read_text() == ""

    @pytest.mark.usefixtures("debian")
    def test_without_the_package_says_so_in_one_line(self, cache, tmp_path):
        with pytest.raises(WeightsError, match="Unable to locate package no-such-package") as caught:
            fetch_file(["deb:no-such-package!x"], SHA256, tmp_path / "x.bin", cache=cache)
        assert "\n" not in str(caught.value)


class TestClient:
    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("npm:a@1.0.0!x", r"npm is not installed \(sudo apt-get install npm\)"),
            ("deb:demo!x", "apt-get is not installed"),
        ],
    )
    def test_that_is_not_installed_is_named(self, cache, tmp_path, monkeypatch, source, message):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(WeightsError, match=message):
            fetch_file([source], SHA256, tmp_path / "x.bin", cache=cache)

    def test_pip_that_is_missing_is_told_in_one_line(self, cache, tmp_path, monkeypatch):
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
        python.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(python))
        with pytest.raises(WeightsError, match="No module named pip"):
            fetch_file(["pypi:demo==1!x"], SHA256, tmp_path / "x.bin", cache=cache)
