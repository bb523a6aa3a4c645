from __future__ import annotations

import dataclasses
import sys
import threading

import numpy as np
import pytest

from sitepose.core.errors import ConfigError, WeightsError
from sitepose.models.runtimes import factory, machine
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.factory import choose_library, open_session
from sitepose.models.runtimes.workers import Workers

LIBRARIES = ["onnxruntime", "openvino"]


def options(library="onnxruntime", precision="fp32", device="cpu"):
    return RuntimeOptions(library=library, precision=precision, device=device)


@pytest.fixture(params=LIBRARIES)
def library(request):
    return request.param


class TestSession:
    @pytest.mark.parametrize("batch", [1, "n"], ids=["batch fixed at 1", "free batch"])
    def test_gives_every_item_its_own_result(self, network, workers, images, library, batch):
        session = open_session(network(batch=batch), options=options(library), workers=workers)
        together = session.run(images)
        alone = [session.run(images[i : i + 1]) for i in range(len(images))]
        for output in range(2):
            assert together[output].shape[0] == len(images)
            np.testing.assert_array_equal(together[output], np.concatenate([a[output] for a in alone]))

    def test_libraries_agree(self, network, workers, images):
        first, second = (
            open_session(network(), options=options(name), workers=workers).run(images) for name in LIBRARIES
        )
        for ours, theirs in zip(first, second, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)

    def test_nobody_gives_empty_outputs_of_the_right_shape(self, network, workers, library):
        session = open_session(network(), options=options(library), workers=workers)
        sums, maps = session.run(np.empty((0, 3, 8, 6), np.float32))
        assert (sums.shape, maps.shape) == ((0,), (0, 4, 8, 6))

    def test_computes_only_the_outputs_asked_for_in_their_order(self, network, workers, images, library):
        file = network()
        both = open_session(file, options=options(library), workers=workers, outputs=["maps", "sum"])
        one = open_session(file, options=options(library), workers=workers, outputs=["sum"])
        assert both.output_names == ("maps", "sum")
        np.testing.assert_allclose(one.run(images)[0], both.run(images)[1], atol=1e-5)
        np.testing.assert_allclose(both.run(images)[0].sum(axis=(1, 2, 3)), both.run(images)[1], rtol=1e-3)

    def test_threads_that_share_an_item_give_the_same(self, network, workers, images, library):
        shared = dataclasses.replace(options(library), threads_per_item=2)
        together = open_session(network(), options=shared, workers=workers)
        assert together.info.threads_per_stream == 2
        alone = open_session(network(), options=options(library), workers=workers)
        for ours, theirs in zip(together.run(images), alone.run(images), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)

    def test_describes_its_input(self, network, workers, library):
        session = open_session(network(batch="n"), options=options(library), workers=workers)
        assert session.input_names == ("image",)
        assert session.input_shapes == ((None, 3, 8, 6),)

    def test_says_what_is_really_used(self, network, workers, library):
        info = open_session(network(), options=options(library), workers=workers).info
        assert info.library == library
        assert info.version[0].isdecimal()
        assert "CPU" in info.device
        assert (info.precision, info.streams, info.threads_per_stream) == ("fp32", 2, 1)

    def test_serves_several_stages_at_once_without_mixing_them_up(self, network, workers, library):
        session = open_session(network(), options=options(library), workers=workers)
        batches = [np.full((4, 3, 8, 6), value, np.float32) for value in range(6)]
        expected = [session.run(batch)[1] for batch in batches]
        got: dict[int, list[np.ndarray]] = {i: [] for i in range(len(batches))}

        def stage(i: int) -> None:
            for _ in range(10):
                got[i].append(session.run(batches[i])[1])

        threads = [threading.Thread(target=stage, args=(i,)) for i in got]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i, results in got.items():
            for result in results:
                np.testing.assert_array_equal(result, expected[i])

    @pytest.mark.parametrize(
        "batch",
        [
            pytest.param(np.zeros((1, 3, 8, 7), np.float32), id="wrong width"),
            pytest.param(np.zeros((3, 8, 6), np.float32), id="no batch axis"),
            pytest.param(np.zeros((1, 3, 8, 6), np.float64), id="wrong type"),
        ],
    )
    def test_refuses_a_batch_that_does_not_fit(self, network, workers, library, batch):
        session = open_session(network(), options=options(library), workers=workers)
        with pytest.raises(ValueError, match=r"expected \(N, 3, 8, 6\) float32"):
            session.run(batch)

    def test_can_be_closed_twice_and_then_runs_no_more(self, network, workers, images, library):
        session = open_session(network(), options=options(library), workers=workers)
        session.close()
        session.close()
        with pytest.raises(ValueError, match="closed"):
            session.run(images)


class TestFaultyFiles:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            pytest.param(None, "no such file", id="missing"),
            pytest.param(b"", "not an ONNX file", id="empty"),
            pytest.param(b"these are words, not weights" * 20, "not an ONNX file", id="text"),
            pytest.param("cut", "not an ONNX file", id="cut in the middle"),
        ],
    )
    def test_are_named_in_one_line(self, network, workers, tmp_path, library, content, message, capfd):
        file = tmp_path / "broken.onnx"
        if content == "cut":
            whole = network().read_bytes()
            file.write_bytes(whole[: len(whole) // 2])
        elif content is not None:
            file.write_bytes(content)
        with pytest.raises(WeightsError) as caught:
            open_session(file, options=options(library), workers=workers)
        assert message in str(caught.value)
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert capfd.readouterr() == ("", "")

    def test_with_an_unknown_operator_are_named_in_one_line(self, network, workers, library):
        import onnx

        model = onnx.load(network())
        model.graph.node[0].op_type = "NoSuchOperator"
        file = network("other.onnx")
        onnx.save(model, file)
        with pytest.raises(WeightsError, match=r"other\.onnx") as caught:
            open_session(file, options=options(library), workers=workers)
        assert "\n" not in str(caught.value)

    def test_with_a_batch_above_one_are_refused(self, network, workers, library):
        with pytest.raises(WeightsError, match="batch is fixed at 4, expected 1"):
            open_session(network(batch=4), options=options(library), workers=workers)

    def test_without_a_wanted_output_list_what_they_have(self, network, workers, library):
        with pytest.raises(WeightsError, match="no output 'heatmaps'; it has sum, maps"):
            open_session(network(), options=options(library), workers=workers, outputs=["heatmaps"])


class TestWhatTheMachineLacks:
    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            pytest.param(options("openvino", device="cuda"), "device 'cuda'", id="CUDA with openvino"),
            pytest.param(options("onnxruntime", "bf16"), "precision 'bf16'", id="bf16 with onnxruntime"),
            pytest.param(options("onnxruntime", "int8"), "not quantised", id="int8 of an fp32 file"),
            pytest.param(options("openvino", "int8"), "not quantised", id="int8 of an fp32 file, openvino"),
            pytest.param(options("openvino", "fp16"), "precision 'fp16'", id="fp16"),
            pytest.param(options("tensorflow"), "there is: onnxruntime, openvino", id="unknown library"),
            pytest.param(options(device="tpu"), "device 'tpu' is unknown", id="unknown device"),
            pytest.param(options(device="cuda:x"), "device 'cuda:x' is unknown", id="unknown GPU"),
        ],
    )
    def test_is_an_error_of_one_line(self, network, workers, asked, message):
        with pytest.raises(ConfigError, match=message) as caught:
            open_session(network(), options=asked, workers=workers)
        assert "\n" not in str(caught.value)

    def test_cuda_is_an_error_where_the_library_has_none(self, network, workers):
        import onnxruntime

        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this onnxruntime has CUDA")
        with pytest.raises(ConfigError, match="device 'cuda:1': this onnxruntime has no CUDA"):
            open_session(network(), options=options(device="cuda:1"), workers=workers)


class TestAuto:
    @pytest.mark.parametrize(
        ("asked", "quantized", "native_bf16", "expected"),
        [
            pytest.param(options("auto", "auto"), False, True, "openvino", id="bf16 in hardware"),
            pytest.param(options("auto", "auto"), False, False, "onnxruntime", id="no bf16"),
            pytest.param(options("auto", "bf16"), False, False, "openvino", id="bf16 asked for"),
            pytest.param(options("auto", "fp32"), False, True, "onnxruntime", id="fp32 asked for"),
            pytest.param(options("auto", "auto"), True, True, "onnxruntime", id="quantised file"),
            pytest.param(options("auto", "auto", "cuda"), False, True, "onnxruntime", id="CUDA"),
            pytest.param(options("openvino", "fp32"), False, False, "openvino", id="library asked for"),
        ],
    )
    def test_takes_the_library_by_facts(self, monkeypatch, asked, quantized, native_bf16, expected):
        monkeypatch.setattr(factory, "has_native_bf16", lambda: native_bf16)
        assert choose_library(asked, quantized=quantized) == expected

    def test_reports_what_it_chose(self, network, workers):
        info = open_session(network(), options=RuntimeOptions(), workers=workers).info
        chosen = ("openvino", "bf16") if machine.has_native_bf16() else ("onnxruntime", "fp32")
        assert (info.library, info.precision) == chosen

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            pytest.param("processor : 0\nflags\t\t: fpu avx512f avx512_bf16 \n", True, id="avx512_bf16"),
            pytest.param("flags : fpu amx_bf16\n", True, id="amx"),
            pytest.param("flags : fpu avx2\n", False, id="without"),
            pytest.param("", False, id="nothing said"),
        ],
    )
    def test_reads_the_processor_s_features(self, monkeypatch, tmp_path, text, expected):
        (tmp_path / "cpuinfo").write_text(text)
        monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "cpuinfo")
        machine.cpu_flags.cache_clear()
        try:
            assert machine.has_native_bf16() is expected
        finally:
            machine.cpu_flags.cache_clear()


def test_openvino_s_telemetry_stays_off(network, monkeypatch):
    monkeypatch.delitem(sys.modules, "openvino_telemetry")
    with Workers(1) as workers:
        open_session(network(), options=options("openvino"), workers=workers)
    assert sys.modules["openvino_telemetry"] is None
