"""How we log in by ourselves, and what an answer is taken for."""

from __future__ import annotations

import hashlib
import re
from urllib.request import AbstractDigestAuthHandler, HTTPPasswordMgr, Request

import pytest

from sitepose.plugins.sources.live.address import Credentials, parse_address
from sitepose.plugins.sources.live.diagnosis.reach import place_of, through_proxy
from sitepose.plugins.sources.live.diagnosis.request import authorization

LOGIN = Credentials("us er", "p:w")


class TestLogin:
    @pytest.mark.parametrize("qop", ["", ', qop="auth"', ', qop="auth,auth-int"'])
    @pytest.mark.parametrize("algorithm", ["", ", algorithm=MD5", ", algorithm=MD5, opaque=xy"])
    def test_digests_are_those_of_the_standard_library(self, monkeypatch, qop, algorithm):
        offer = f'realm="a camera", nonce="0a1b"{qop}{algorithm}'
        ours = authorization([f"Digest {offer}"], "GET", "/live?x=1", LOGIN)
        passwords = HTTPPasswordMgr()
        passwords.add_password("a camera", "http://h/", LOGIN.user, LOGIN.password)
        theirs = AbstractDigestAuthHandler(passwords)
        nonce = re.search(r'cnonce="(\w+)"', ours)
        monkeypatch.setattr(theirs, "get_cnonce", lambda _: nonce[1])
        fields = {"realm": "a camera", "nonce": "0a1b", **({"qop": "auth"} if qop else {})}
        expected = theirs.get_authorization(Request("http://h/live?x=1"), fields)
        response = re.search(r'response="(\w+)"', expected)[1]

        assert f'response="{response}"' in ours
        assert ("qop=auth" in ours) == bool(qop)
        assert ('opaque="xy"' in ours) == ("opaque" in algorithm)

    def test_the_longer_hash_where_it_is_asked_for(self):
        def digest(text):
            return hashlib.sha256(text.encode()).hexdigest()

        ours = authorization(['Digest realm="r", nonce="n", algorithm=SHA-256'], "DESCRIBE", "rtsp://h/", LOGIN)
        expected = digest(f"{digest('us er:r:p:w')}:n:{digest('DESCRIBE:rtsp://h/')}")

        assert f'response="{expected}"' in ours

    @pytest.mark.parametrize(
        ("offers", "begin"),
        [
            pytest.param(['Basic realm="r"', 'Digest realm="r", nonce="n"'], "Digest ", id="the safer one"),
            pytest.param(['Digest realm="r", nonce="n", algorithm=MD4', "Basic"], "Basic ", id="the known one"),
            pytest.param(["Bearer"], "", id="none of ours"),
            pytest.param([], "", id="none"),
        ],
    )
    def test_is_chosen_from_what_is_offered(self, offers, begin):
        answer = authorization(offers, "GET", "/", LOGIN)

        assert answer.startswith(begin)
        assert bool(answer) == bool(begin)

    def test_what_stands_between_quotes_stays_there(self):
        answer = authorization(['Digest realm="r", nonce="n"'], "GET", "/", Credentials('a"b\r\nX: y', "p"))

        assert 'username="a\\"bX: y"' in answer
        assert "\n" not in answer


class TestProxy:
    @pytest.mark.parametrize(
        ("location", "expected"),
        [
            pytest.param("http://camera.example/a", True, id="HTTP"),
            pytest.param("http://10.0.0.2/a", False, id="left out"),
            pytest.param("https://camera.example/a", False, id="of another scheme"),
        ],
    )
    def test_is_asked_past_no_more_than_by_the_libraries(self, monkeypatch, location, expected):
        monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
        monkeypatch.setenv("no_proxy", "10.0.0.2")
        monkeypatch.delenv("https_proxy", raising=False)

        assert through_proxy(parse_address(location)) is expected


class TestPlace:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            pytest.param("rtsp://h/a", "port 554 of h", id="the usual port"),
            pytest.param("https://h/a", "port 443 of h", id="of HTTP with TLS"),
            pytest.param("rtsp://u:p@[::1]:8554/a", "port 8554 of ::1", id="IPv6"),
        ],
    )
    def test_is_where_the_address_says(self, text, expected):
        assert str(place_of(parse_address(text))) == expected
