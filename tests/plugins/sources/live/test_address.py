"""Camera addresses: what they mean, and that no secret of theirs is ever shown."""

from __future__ import annotations

import base64
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.core.errors import SourceError
from sitepose.plugins.sources.live.address import CameraAddress, Credentials, parse_address, pipeline_address
from sitepose.plugins.sources.live.choose import live_settings, pipeline_settings
from sitepose.plugins.sources.live.secrets import MASK, RedactingFilter, Secrets, spellings

USER, PASSWORD = "us er@site", "p@ss:w/rd%1"
LOGIN = "us%20er%40site:p%40ss%3Aw%2Frd%251"


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "kind", "location", "label"),
        [
            pytest.param("0", "v4l2", "/dev/video0", "/dev/video0", id="camera number"),
            pytest.param("/dev/v4l/by-id/x", "v4l2", "/dev/v4l/by-id/x", "/dev/v4l/by-id/x", id="device"),
            pytest.param("rtsp://h/a", "rtsp", "rtsp://h/a", "rtsp://h/a", id="rtsp"),
            pytest.param("RTSPS://h:8/a", "rtsp", "rtsps://h:8/a", "rtsps://h:8/a", id="capitals"),
            pytest.param(
                "https://h/a?b=1", "http", "https://h/a?b=1", "https://h/a", id="query is kept, not shown"
            ),
            pytest.param("rtsp://[::1]:554/a", "rtsp", "rtsp://[::1]:554/a", "rtsp://[::1]:554/a", id="IPv6"),
            pytest.param("test:", "test", "ball", "test:ball", id="pattern"),
            pytest.param("test:smpte", "test", "smpte", "test:smpte", id="named pattern"),
            pytest.param(" rtsp://h/a\n", "rtsp", "rtsp://h/a", "rtsp://h/a", id="space around it"),
        ],
    )
    def test_an_address_has_one_meaning(self, text, kind, location, label):
        address = parse_address(text)

        assert (address.kind, address.location, address.label) == (kind, location, label)
        assert address.credentials is None

    def test_a_login_is_split_off_and_decoded(self):
        address = parse_address(f"rtsp://{LOGIN}@10.0.0.2:554/live")

        assert address.location == "rtsp://10.0.0.2:554/live"
        assert address.credentials == Credentials(USER, PASSWORD)
        assert address.with_login() == f"rtsp://{LOGIN}@10.0.0.2:554/live"

    def test_a_password_with_bare_slashes_is_still_taken_out(self):
        address = parse_address("rtsp://root:a/b?c#d@10.0.0.2/live")

        assert (address.location, address.credentials) == (
            "rtsp://10.0.0.2/live",
            Credentials("root", "a/b?c#d"),
        )

    def test_fields_replace_the_login_of_the_address(self):
        address = parse_address("rtsp://root:old@h/a", password="new")

        assert address.credentials == Credentials("root", "new")

    def test_a_looped_file_must_exist(self, tmp_path):
        (tmp_path / "a.mp4").touch()

        assert parse_address(f"loop:{tmp_path}/a.mp4").label == "a.mp4"
        with pytest.raises(SourceError, match="no such file"):
            parse_address(f"loop:{tmp_path}/b.mp4")

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("rtsp://x/ ! filesink location=/tmp/f", id="pipeline in the address"),
            pytest.param("rtsp://x/a\nb", id="line break"),
            pytest.param('rtsp://x/"a', id="quote"),
            pytest.param("rtsp:///a", id="no host"),
            pytest.param("rtsp://h:port/a", id="port is no number"),
            pytest.param("rtsp://h:0/a", id="port 0"),
            pytest.param("file:///etc/passwd", id="file"),
            pytest.param("concat:a|b", id="FFmpeg protocol"),
            pytest.param("camera", id="a word"),
            pytest.param("", id="nothing"),
            pytest.param("test:!", id="no pattern"),
            pytest.param("test:nosuch", id="no pattern of GStreamer's"),
        ],
    )
    def test_what_is_no_camera_is_refused(self, text):
        with pytest.raises(SourceError):
            parse_address(text)

    def test_local_cameras_take_no_password(self):
        with pytest.raises(SourceError, match="only network cameras"):
            parse_address("0", user="root")

    def test_an_empty_pipeline_is_refused(self):
        with pytest.raises(SourceError, match="empty"):
            pipeline_address(" ")


class TestSecrecy:
    @given(user=st.text(max_size=12), password=st.text(max_size=12))
    def test_nothing_that_is_printed_shows_a_login(self, user, password):
        user, password = f"~U{user}", f"~P{password}"  # what stands nowhere else
        settings = live_settings("rtsp://10.9.8.7/live", user=user, password=password)
        address = settings.address()
        printed = [repr(settings), str(settings), repr(address), settings.model_dump_json(), address.label]

        assert not [text for text in printed if "~P" in text or "~U" in text]
        assert address.credentials == Credentials(user, password)

    @pytest.mark.parametrize(
        ("path", "shown"),
        [
            pytest.param("/AbCd3fGh1jKlMn0p", "/***", id="a token"),
            pytest.param("/live/0123456789abcdef0123456789abcdef/1", "/live/***/1", id="a hash"),
            pytest.param("/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_", "/***", id="a web token"),
            pytest.param("/token=t0ken/x", "/token=***/x", id="named"),
            pytest.param("/h264Preview_01_main", "/h264Preview_01_main", id="a stream"),
            pytest.param("/Streaming/Channels/101", "/Streaming/Channels/101", id="a channel"),
            pytest.param("/axis-media/media.amp", "/axis-media/media.amp", id="a file"),
            pytest.param("/cam/realmonitor", "/cam/realmonitor", id="a program"),
        ],
    )
    def test_tokens_in_a_path_are_not_shown_and_streams_are(self, path, shown):
        assert parse_address(f"rtsp://h{path}").label == f"rtsp://h{shown}"

    @pytest.mark.parametrize(
        "key", ["user", "usr", "u", "password", "pwd", "p", "loginpas", "token", "sid", "auth"]
    )
    def test_secrets_of_a_query_are_known(self, key):
        address = parse_address(f"http://h/cgi?{key}=s3cret&channel=1&stream=main")

        assert address.secrets.redact("s3cret of channel 1 main") == "*** of channel 1 main"

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("rtspsrc location=rtsp://ro%40ot:s3cr%2Fet@h/live ! queue", id="login in its address"),
            pytest.param("rtspsrc location=rtsp://h/a user-id=ro@ot user-pw=s3cr/et", id="properties"),
            pytest.param('rtspsrc user-id="ro@ot" user-pw = "s3cr/et"', id="properties in quotes"),
            pytest.param("souphttpsrc location=http://h/a?user=ro@ot&password=s3cr/et", id="query"),
        ],
    )
    def test_a_pipeline_gives_nothing_away(self, text):
        secrets = pipeline_address(text).secrets
        shown = secrets.redact(f"{text}; ro@ot s3cr/et ro%40ot s3cr%2Fet; rtspsrc0: location of user")

        assert "s3cr" not in shown
        assert "ot" not in shown.replace("location", "")
        assert shown.endswith("rtspsrc0: location of user")

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("rtsp://root:s3cr:et@ho st/live", id="space"),
            pytest.param("rtsp://root:s3cret@h:port/live", id="port"),
            pytest.param("rtsp://root:s3cret/x@h@/live", id="two at signs"),
            pytest.param("rtsp://root:12/s3cret@h/live", id="slash behind digits"),
            pytest.param("rtsp://root:s3cret@", id="no host"),
            pytest.param("ftp://root:s3cret@h/", id="other scheme"),
        ],
    )
    def test_the_error_of_a_bad_address_does_not_quote_it(self, text):
        with pytest.raises(SourceError) as caught:
            live_settings(text)

        chain = [caught.value, caught.value.__cause__, caught.value.__context__]
        assert "s3cr" not in " ".join(map(repr, chain))

    @pytest.mark.parametrize(
        "spelling",
        [
            pytest.param(PASSWORD, id="as typed"),
            pytest.param("p%40ss%3Aw%2Frd%251", id="percent-encoded"),
            pytest.param("p%40ss%3aw%2frd%251", id="in small letters"),
            pytest.param("p%40ss:w%2Frd%251", id="as little as must be"),
            pytest.param(base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(), id="as HTTP sends it"),
        ],
    )
    def test_every_spelling_is_masked(self, spelling):
        secrets = parse_address(f"rtsp://{LOGIN}@h/a").secrets

        assert secrets.redact(f"tried {spelling} twice") == f"tried {MASK} twice"

    def test_passwords_in_queries_and_paths_are_secrets_too(self):
        address = parse_address("rtsp://h/user=admin_password=tlJwpbo6_channel=1?token=abc%20def&x=1")

        assert "tlJwpbo6" not in address.label
        assert address.secrets.redact("tlJwpbo6 abc%20def abc def") == f"{MASK} {MASK} {MASK}"

    def test_a_short_password_is_masked_as_a_word_only(self):
        assert Secrets(["1"]).redact("port 1 of 11") == f"port {MASK} of 11"

    @given(value=st.text(min_size=4, max_size=20))
    def test_no_spelling_survives(self, value):
        secrets = Secrets(spellings(value))

        assert all(secrets.redact(spelling) == MASK for spelling in spellings(value))

    def test_the_filter_masks_messages_arguments_and_tracebacks(self, caplog):
        logger = logging.getLogger("sitepose.test_secrets")
        caplog.handler.addFilter(RedactingFilter(Secrets.of_login(USER, PASSWORD)))
        error = OSError(f"cannot open rtsp://{LOGIN}@h/a")
        logger.error("failed for %s", PASSWORD, exc_info=error)

        assert "failed for ***" in caplog.text
        assert PASSWORD not in caplog.text
        assert LOGIN not in caplog.text
        assert "p%40ss" not in caplog.text

    def test_a_pipeline_is_never_taken_from_an_address(self):
        assert live_settings("rtsp://h/a").pipeline is None
        assert pipeline_settings("videotestsrc").address() == CameraAddress("gst", "videotestsrc")
