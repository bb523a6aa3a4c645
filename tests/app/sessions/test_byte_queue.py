"""The recorder's queue: order, bounds, and what wakes the one who writes."""

from __future__ import annotations

import threading
import time

import pytest

from sitepose.app.sessions import byte_queue
from sitepose.app.sessions.byte_queue import ByteQueue


@pytest.fixture
def got():
    """Starts a thread that takes from a queue until it is closed; returns what it has taken so far."""
    started = []

    def start(queue):
        items = []

        def take():
            while not queue.finished:
                if (item := queue.get(60)) is not None:
                    items.append(item)

        thread = threading.Thread(target=take)
        thread.start()
        started.append((queue, thread))
        return items

    yield start
    for queue, thread in started:
        queue.close()
        thread.join(10)


class TestByteQueue:
    def test_refuses_what_does_not_fit_and_keeps_order(self):
        queue = ByteQueue(100)

        assert queue.put("a", 60)
        assert not queue.put("b", 60)
        assert queue.put("c", 40)
        assert [queue.get(0), queue.get(0), queue.get(0)] == ["a", "c", None]
        assert queue.waiting_bytes == 0

    def test_a_closed_one_is_emptied_and_takes_nothing(self):
        queue = ByteQueue(100)
        queue.put("a", 1)
        queue.close()

        assert not queue.put("b", 1)
        assert not queue.finished
        assert queue.get(60) == "a"
        assert queue.get(60) is None
        assert queue.finished

    def test_what_lingers_is_taken_with_what_does_not(self, got, monkeypatch, wait_until):
        monkeypatch.setattr(byte_queue, "LINGER_S", 60.0)
        queue = ByteQueue(100)
        items = got(queue)
        time.sleep(0.05)
        queue.put("a", 1, lingers=True)
        queue.put("b", 1, lingers=True)
        time.sleep(0.05)
        before = list(items)
        queue.put("c", 1)
        wait_until(lambda: len(items) == 3)

        assert before == []
        assert items == ["a", "b", "c"]

    def test_the_oldest_does_not_linger_for_long(self, got, wait_until):
        queue = ByteQueue(100)
        items = got(queue)
        queue.put("a", 1, lingers=True)
        time.sleep(1.5 * byte_queue.LINGER_S)
        queue.put("b", 1, lingers=True)

        wait_until(lambda: items == ["a", "b"])

    def test_where_nothing_comes_any_more_the_last_is_taken_all_the_same(self):
        queue = ByteQueue(100)
        queue.put("a", 1, lingers=True)

        assert queue.get(0) == "a"
