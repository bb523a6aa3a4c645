"""PyTorch weights from files: what is accepted, what is refused, and that nothing in them runs."""

import os
import pickle

import pytest

from sitepose.core.errors import WeightsError
from sitepose.models.networks.checkpoints import load_state, read_state

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'sitepose[torch]'")
safetensors = pytest.importorskip("safetensors.torch", reason="needs safetensors")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4)).eval()


def assert_loads(network, path):
    for parameter in network.parameters():
        expected = parameter.detach().clone()
        parameter.data.zero_()
        load_state(network, read_state(path), path=path)
        assert torch.equal(parameter, expected)


class TestReadState:
    def test_reads_safetensors(self, network, tmp_path):
        path = tmp_path / "w.safetensors"
        safetensors.save_file(network.state_dict(), path)
        assert_loads(network, path)

    @pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
    @pytest.mark.parametrize("prefix", ["", "module."])
    def test_reads_weights_however_they_were_saved(self, network, tmp_path, wrapper, prefix):
        path = tmp_path / "w.pth"
        state = {prefix + name: value for name, value in network.state_dict().items()}
        torch.save({wrapper: state, "epoch": 3} if wrapper else state, path)
        assert_loads(network, path)

    def test_a_file_that_would_run_something_is_refused_and_runs_nothing(self, tmp_path):
        marker = tmp_path / "ran"

        class Bomb:
            def __reduce__(self):
                return os.mkdir, (str(marker),)

        path = tmp_path / "w.pth"
        torch.save({"state_dict": Bomb()}, path)
        with pytest.raises(WeightsError, match=r"w\.pth: cannot be loaded as weights alone: ") as caught:
            read_state(path)
        assert "\n" not in str(caught.value)
        assert not marker.exists()
        pickle.loads(pickle.dumps(Bomb()))
        assert marker.exists()

    @pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
    @pytest.mark.parametrize(
        "content", [b"", b"text", b"\x80\x02}q\x00."], ids=["empty", "text", "empty table"]
    )
    def test_a_damaged_file_is_one_line(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=rf"{name}: ") as caught:
            read_state(tmp_path / name)
        assert "\n" not in str(caught.value)

    def test_a_missing_file_is_one_line(self, tmp_path):
        with pytest.raises(WeightsError, match="no such file"):
            read_state(tmp_path / "w.pth")


class TestLoadState:
    def test_weights_of_another_network_are_one_line_that_says_what_differs(self, network, tmp_path):
        state = network.state_dict()
        state["0.weight"] = torch.zeros(5, 3, 1, 1)
        state["head.weight"] = state.pop("1.weight")
        with pytest.raises(
            WeightsError,
            match=r"it lacks 1\.weight; it has the unknown head\.weight; it has another shape for 0\.weight",
        ):
            load_state(network, state, path=tmp_path / "w.pth")

    def test_weights_from_before_batch_norms_counted_fit(self, network, tmp_path):
        state = network.state_dict()
        del state["1.num_batches_tracked"]
        load_state(network, state, path=tmp_path / "w.pth")
