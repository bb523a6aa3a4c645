"""What cannot be made to happen on loopback: networks that are down, and name servers that do not answer."""

from __future__ import annotations

import errno
import socket

import pytest

from sitepose.plugins.sources.live.diagnosis.reach import Place, reach
from sitepose.plugins.sources.live.events import ConnectionFault

PLACE = Place("rtsp", "gate.example", 554)


class TestWhy:
    @pytest.mark.parametrize(
        ("error", "line"),
        [
            pytest.param(OSError(errno.EHOSTUNREACH, ""), "no way leads to gate.example", id="host"),
            pytest.param(OSError(errno.ENETUNREACH, ""), "no way leads to gate.example", id="network"),
            pytest.param(TimeoutError(), "port 554 of gate.example does not answer", id="silence"),
            pytest.param(
                socket.gaierror(socket.EAI_AGAIN, ""), "gate.example cannot be looked up now", id="name server"
            ),
            pytest.param(
                socket.gaierror(socket.EAI_NONAME, ""), "no computer is called gate.example", id="name"
            ),
            pytest.param(OSError(errno.EMFILE, "Too many files"), "cannot be reached (Too many", id="anything"),
        ],
    )
    def test_each_error_has_its_line(self, monkeypatch, error, line):
        def fail(*_):
            raise error

        monkeypatch.setattr(socket, "create_connection", fail)
        with pytest.raises(ConnectionFault) as raised:
            reach(PLACE)

        assert line in str(raised.value)
        assert raised.value.kind == "unreachable"

    def test_a_name_that_can_be_none(self):
        with pytest.raises(ConnectionFault, match="no computer is called"):
            reach(Place("rtsp", "a" * 70 + ".example", 554))
