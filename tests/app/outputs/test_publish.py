"""Poses sent to other programs, over real sockets on loopback."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager

import jsonschema
import numpy as np
import pytest
from websockets.sync.client import connect

from sitepose.app.outputs.channels import LARGEST_DATAGRAM, LINES_PER_LISTENER, check_target
from sitepose.app.outputs.publish import Broadcast, Publisher
from sitepose.core.errors import ConfigError, RecordingError
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesHeader
from sitepose.core.formats.poses_lines import poses_schema
from sitepose.core.structures import Poses

HEADER = PosesHeader(source="clip.mp4", width=64, height=48, skeleton="coco17", keypoint_names=["nose"])


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def record(index, people=1):
    poses = Poses(
        keypoints=np.ones((people, 1, 2)),
        keypoint_scores=np.ones((people, 1)),
        boxes=np.ones((people, 4)),
        box_scores=np.ones(people),
        scores=np.ones(people),
    )
    return PoseRecord(index, index / 10, index, poses)


@contextmanager
def connected(url):
    """Yield a listener that the server has taken in: it has sent the header."""
    with connect(url) as listener:
        assert json.loads(listener.recv(timeout=5))["schema"] == "sitepose.poses/1"
        yield listener


@contextmanager
def deaf_listener(port):
    """Yield a plain socket that has asked for the WebSocket, got the header, and reads no more."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as listener:
        listener.sendall(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        seen = b""
        while b"sitepose.poses" not in seen:
            seen += listener.recv(4096)
        yield listener


class TestStandardOutput:
    def test_the_lines_are_those_of_the_file(self, capsys):
        with Publisher(("-",), HEADER) as publisher:
            publisher.publish(record(0))
            publisher.end(frames=1, dropped=0)

        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert lines[0]["source"] == "clip.mp4"
        assert lines[1]["people"][0]["keypoints"] == [[1.0, 1.0, 1.0]]
        assert lines[2] == {"end": True, "frames": 1, "dropped": 0}


class TestWebSocket:
    def test_whoever_joins_gets_the_header_and_the_frames_from_then_on(self, port):
        url = f"ws://127.0.0.1:{port}"
        with Publisher((url,), HEADER) as publisher:
            publisher.publish(record(0))
            with connected(url) as listener:
                publisher.publish(record(1, people=0))
                publisher.end(frames=2, dropped=0)

                assert json.loads(listener.recv(timeout=5)) == {
                    "index": 1,
                    "timestamp": 0.1,
                    "pts": 1,
                    "people": [],
                }
                assert json.loads(listener.recv(timeout=5))["end"] is True

    def test_a_listener_that_does_not_listen_misses_frames_and_holds_up_nobody(self, port, caplog):
        with Publisher((f"ws://127.0.0.1:{port}",), HEADER) as publisher, deaf_listener(port):
            for index in range(500):
                publisher.publish(record(index, people=200))
            publisher.close()

        assert "too slow" in caplog.text

    def test_a_listener_that_leaves_does_not_matter(self, port):
        url = f"ws://127.0.0.1:{port}"
        with Publisher((url,), HEADER) as publisher:
            with connected(url):
                pass
            for index in range(10):
                publisher.publish(record(index))

    def test_a_port_in_use_is_one_line(self, port):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            taken.listen()
            with pytest.raises(RecordingError, match=rf"--publish ws://127.0.0.1:{port}: .*in use"):
                Publisher((f"ws://127.0.0.1:{port}",), HEADER)


class TestSeveralSources:
    def test_share_a_port_and_every_line_says_whose_it_is(self, port):
        url = f"ws://127.0.0.1:{port}"
        broadcast = Broadcast((url,))
        gate, hall = (broadcast.programme(HEADER, source=name) for name in ("gate", "hall"))
        with connect(url) as listener:
            headers = [json.loads(listener.recv(timeout=5)) for _ in range(2)]
            gate.publish(record(0))
            hall.publish(record(7, people=0))
            gate.end(frames=1, dropped=0)
            hall.end(frames=1, dropped=2)
            lines = [json.loads(listener.recv(timeout=5)) for _ in range(4)]
            broadcast.close()

        assert [header["source"] for header in headers] == ["gate", "hall"]
        assert [(line["source"], line.get("index")) for line in lines] == [
            ("gate", 0), ("hall", 7), ("gate", None), ("hall", None),
        ]  # fmt: skip
        assert lines[3] == {"source": "hall", "end": True, "frames": 1, "dropped": 2}

    def test_one_that_comes_later_is_announced_and_one_that_has_ended_is_not(self, port):
        url = f"ws://127.0.0.1:{port}"
        broadcast = Broadcast((url,))
        gate = broadcast.programme(HEADER, source="gate")
        with connect(url) as early:
            assert json.loads(early.recv(timeout=5))["source"] == "gate"
            hall = broadcast.programme(HEADER, source="hall")
            assert json.loads(early.recv(timeout=5))["source"] == "hall"
            gate.close()
            with connect(url) as late:
                assert json.loads(late.recv(timeout=5))["source"] == "hall"
                hall.close()
                broadcast.close()

    def test_headers_and_ends_never_give_way_to_frames(self, port):
        url = f"ws://127.0.0.1:{port}"
        broadcast = Broadcast((url,))
        gate = broadcast.programme(HEADER, source="gate")
        with connect(url, max_queue=1) as listener:
            listener.recv(timeout=5)
            for index in range(LINES_PER_LISTENER):
                gate.publish(record(index, people=300))
            hall = broadcast.programme(HEADER, source="hall")
            for index in range(3 * LINES_PER_LISTENER):
                gate.publish(record(index, people=300))
            gate.end(frames=0, dropped=0)
            hall.end(frames=0, dropped=0)
            lines = []
            while len([line for line in lines if "end" in line]) < 2:
                lines.append(json.loads(listener.recv(timeout=5)))
            broadcast.close()

        assert [line["source"] for line in lines if "schema" in line] == ["hall"]
        assert [line["source"] for line in lines if "end" in line] == ["gate", "hall"]

    def test_a_port_in_use_is_told_to_each_and_tried_again(self, port):
        broadcast = Broadcast((f"ws://127.0.0.1:{port}",))
        with socket.create_server(("127.0.0.1", port)):
            for _ in range(2):
                with pytest.raises(RecordingError, match="in use"):
                    broadcast.programme(HEADER, source="gate")
        broadcast.programme(HEADER, source="gate")
        broadcast.close()

    def test_the_lines_fit_the_schema(self, capsys):
        broadcast = Broadcast(("-",))
        gate = broadcast.programme(HEADER, source="gate")
        gate.publish(record(0))
        gate.end(frames=1, dropped=0)
        broadcast.close()

        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert len(lines) == 3
        for line in lines:
            jsonschema.validate(line, poses_schema())


class TestDatagrams:
    def test_each_line_is_a_packet(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.settimeout(5)
            with Publisher((f"udp://127.0.0.1:{listener.getsockname()[1]}",), HEADER) as publisher:
                publisher.publish(record(0))

                lines = [json.loads(listener.recv(LARGEST_DATAGRAM)) for _ in range(2)]

        assert lines[0]["schema"] == "sitepose.poses/1"
        assert lines[1]["index"] == 0

    def test_a_frame_too_large_for_a_packet_is_left_out_with_one_warning(self, port, caplog):
        with Publisher((f"udp://127.0.0.1:{port}",), HEADER) as publisher:
            for index in range(3):
                publisher.publish(record(index, people=1000))

        assert len([entry for entry in caplog.records if "does not fit" in entry.message]) == 1


class TestCheckTarget:
    @pytest.mark.parametrize("target", ["", "http://x:1", "ws://127.0.0.1", "udp://x:99999", "file"])
    def test_what_is_no_target_is_one_line(self, target):
        with pytest.raises(ConfigError, match="expected -, ws://"):
            check_target(target)
