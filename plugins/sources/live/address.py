"""Where a camera is, and who may see it: kept apart from the moment an address is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from sitepose.core.errors import SourceError
from sitepose.plugins.sources.live.secrets import Secrets, spellings

Kind = Literal["rtsp", "http", "v4l2", "file", "test", "gst"]

SCHEMES: dict[str, Kind] = {"rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http"}
"""Schemes of camera addresses; others (``file:``, ``concat:`` ...) would reach what is no camera."""

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}

PATTERNS = (
    "ball", "smpte", "snow", "black", "white", "red", "green", "blue", "checkers-1", "checkers-2", "checkers-4",
    "checkers-8", "circular", "blink", "smpte75", "zone-plate", "gamut", "chroma-zone-plate", "solid-color",
    "smpte100", "bar", "pinwheel", "spokes", "gradient", "colors", "smpte-rp-219",
)  # fmt: skip
"""Test patterns of GStreamer 1.20 and newer; it would silently show another in the place of an unknown one."""

_UNSAFE = re.compile(r"[\x00-\x20\x7f<>\"\\^`{|}]")
_SECRET_KEY = re.compile(
    r"pass|pwd|pw$|secret|token|auth|user|usr|login|account|credential|key|sign|session|^sid$|^u$|^p$",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"(?=[^/]*[a-z])(?=[^/]*[A-Z])(?=[^/]*\d)[A-Za-z0-9]{16,}|[0-9a-f]{32,}|[0-9A-F]{32,}|eyJ[\w.-]{16,}"
)
"""A part of a path that nobody would choose: letters of both kinds with digits, a hash, a JSON web token.
Some recorders give every camera such an address, which is all that is needed to see it."""

_PROPERTY = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s"]+))""")
_URL = re.compile(r"""\w+://[^\s"']+""")
_SECRET_IN_PATH = re.compile(r"(?:user(?:name)?|pass(?:word|wd)?|pwd|token)=([^&_/;]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who logs in at a camera; never shown.

    Attributes:
        user: As typed, not percent-encoded.
        password: As typed, not percent-encoded.
    """

    user: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """Where a camera is. Its ``repr`` and ``label`` are safe to print.

    Attributes:
        kind: How it is reached.
        location: URL without user and password, device, file, name of a test pattern, or a GStreamer pipeline.
        credentials: Who logs in; None where nobody has to.
    """

    kind: Kind
    location: str = field(repr=False)
    credentials: Credentials | None = None

    @property
    def label(self) -> str:
        """The address for people and files: no login, no query."""
        if self.kind == "test":
            return f"test:{self.location}"
        if self.kind == "file":
            return Path(self.location).name
        if self.kind == "gst":
            return "pipeline"
        if self.kind == "v4l2":
            return self.location
        parts = urlsplit(self.location)
        return self.secrets.redact(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")))

    @property
    def secrets(self) -> Secrets:
        """Everything about the address that nobody may read."""
        login = self.credentials
        found = Secrets.of_login(login.user, login.password) if login else Secrets()
        if self.kind in ("rtsp", "http"):
            return found | Secrets(_secrets_of_url(self.location))
        return found | _secrets_of_pipeline(self.location) if self.kind == "gst" else found

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken with it."""
        return self.location.startswith(("rtsps:", "https:"))

    @property
    def segmented(self) -> bool:
        """Whether video comes some seconds at a time (HLS), not as it is taken."""
        return self.kind == "http" and urlsplit(self.location).path.lower().endswith((".m3u8", ".m3u"))

    def with_login(self) -> str:
        """Return the URL with the login in it, for libraries that have no fields for it. Never print it."""
        if self.credentials is None:
            return self.location
        parts = urlsplit(self.location)
        login = f"{quote(self.credentials.user, safe='')}:{quote(self.credentials.password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


def parse_address(text: str, *, user: str | None = None, password: str | None = None) -> CameraAddress:
    """Return what a user's word for a camera means.

    Args:
        text: ``0`` or ``/dev/...`` (a local camera), ``rtsp(s)://`` or ``http(s)://`` (a network camera),
            ``loop:FILE`` (a video over and over, at its own pace), ``test:`` (a moving pattern).
        user: Login; replaces one in the address.
        password: Password; replaces one in the address.

    Raises:
        SourceError: It is no such address. The message shows no secret.

    >>> parse_address("0").location
    '/dev/video0'
    >>> camera = parse_address("rtsp://root:p%40ss@10.0.0.2/live?x=1")
    >>> camera.location, camera.label
    ('rtsp://10.0.0.2/live?x=1', 'rtsp://10.0.0.2/live')
    """
    address = _parsed(text.strip())
    if user is None and password is None:
        return address
    if address.kind not in ("rtsp", "http"):
        raise SourceError(f"{address.label}: only network cameras take a user and a password")
    old = address.credentials or Credentials("", "")
    chosen = Credentials(old.user if user is None else user, old.password if password is None else password)
    return replace(address, credentials=chosen)


def pipeline_address(description: str) -> CameraAddress:
    """Return the address of a GStreamer pipeline that the user wrote and explicitly asked for."""
    if not description.strip():
        raise SourceError("the GStreamer pipeline is empty; expected such as 'v4l2src device=/dev/video2'")
    return CameraAddress("gst", description.strip())


def _parsed(text: str) -> CameraAddress:
    if text.isdecimal():
        return CameraAddress("v4l2", f"/dev/video{int(text)}")
    scheme, colon, rest = text.partition(":")
    if scheme.lower() in SCHEMES and rest.startswith("//"):
        return _url(scheme.lower(), rest[2:])
    if scheme == "loop" and colon:
        if not Path(rest).is_file():
            raise SourceError(f"no such file: {rest}")
        return CameraAddress("file", str(Path(rest).absolute()))
    if scheme == "test" and colon:
        if rest and rest not in PATTERNS:
            raise SourceError(f"there is no test pattern {rest[:40]!r}; expected one of {', '.join(PATTERNS)}")
        return CameraAddress("test", rest or PATTERNS[0])
    if text.startswith("/dev/"):
        return CameraAddress("v4l2", text)
    raise SourceError(
        "not a camera address; expected a number, /dev/..., rtsp://, http(s)://, loop:FILE or test:"
    )


def _url(scheme: str, rest: str) -> CameraAddress:
    """Return the address of a URL; a message about a bad one must not quote it: it may hold the password."""
    authority, slash, tail = _split_authority(rest)
    login, at, host = authority.rpartition("@")
    if _UNSAFE.search(host + slash + tail):
        raise SourceError("the camera's address has a space, quote or bracket in it; write %20 for a space")
    if "@" in tail:
        raise SourceError(
            "the camera's address has an @ behind its host; in passwords write %2F for / and %40 for @"
        )
    location = f"{scheme}://{host}{slash}{tail}"
    try:
        parts = urlsplit(location)
        known = bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise SourceError(
            f"the camera's address has no valid host and port; expected {scheme}://HOST[:PORT]/PATH"
        )
    name, _, word = login.partition(":")
    return CameraAddress(SCHEMES[scheme], location, Credentials(unquote(name), unquote(word)) if at else None)


def _split_authority(rest: str) -> tuple[str, str, str]:
    """Split ``user:password@host/path`` behind the host, also where the password holds a bare / ? or #."""
    match = re.search(r"[/?#]", rest)
    end = match.start() if match else len(rest)
    port = rest[:end].rpartition(":")[2] if ":" in rest[:end] else ""
    if "@" not in rest[:end] and "@" in rest and port and not port.isdecimal() and "]" not in port:
        begin = rest.rindex("@")
        match = re.search(r"[/?#]", rest[begin:])
        end = begin + match.start() if match else len(rest)
    return rest[:end], rest[end : end + 1], rest[end + 1 :]


def _secrets_of_url(location: str) -> set[str]:
    parts = urlsplit(location)
    pairs = parse_qsl(parts.query, keep_blank_values=False)
    found = {value for key, value in pairs if _SECRET_KEY.search(key)}
    found.update(unquote(value) for value in _SECRET_IN_PATH.findall(parts.path))
    found.update(part for part in parts.path.split("/") if _TOKEN.fullmatch(part))
    return {spelling for value in found for spelling in spellings(value)}


def _secrets_of_pipeline(description: str) -> Secrets:
    """Return what a pipeline gives away: logins in its addresses, properties that are named like secrets."""
    found = Secrets(
        spelling
        for name, quoted, bare in _PROPERTY.findall(description)
        if _SECRET_KEY.search(name)
        for spelling in spellings(quoted or bare)
    )
    for url in _URL.findall(description):
        login = _split_authority(url.partition("://")[2])[0].rpartition("@")[0]
        user, _, password = login.partition(":")
        found |= Secrets.of_login(unquote(user), unquote(password)) | Secrets((user, password))
        found |= Secrets(_secrets_of_url(url))
    return found
