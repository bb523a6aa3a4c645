"""CenterNet for poses: files with the names and shapes that its publishers use."""

from pathlib import Path

import pytest

from sitepose.core.errors import WeightsError

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'sitepose[torch]'")
centerpose = pytest.importorskip("sitepose.models.networks.centerpose")
dla = pytest.importorskip("sitepose.models.networks.dla")


PATH = Path("multi_pose.pth")


def norm(name, channels):
    shapes = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (channels,))
    return {f"{name}.{part}": shape for part, shape in (shapes | {"num_batches_tracked": ()}).items()}


def conv(name, channels_in, channels, size=3, *, bias=False):
    weight = {f"{name}.weight": (channels, channels_in, size, size)}
    return weight | ({f"{name}.bias": (channels,)} if bias else {})


def heads(channels, hidden):
    shapes = {}
    for head, outputs in {"hm": 1, "wh": 2, "hps": 34, "reg": 2, "hm_hp": 17, "hp_offset": 2}.items():
        shapes |= conv(f"{head}.0", channels, hidden, bias=True) | conv(
            f"{head}.2", hidden, outputs, 1, bias=True
        )
    return shapes


def published_resnet(depth):
    """Names and shapes of a file of the publishers' ``res_18`` or ``res_50``."""
    shapes = conv("conv1", 3, 64, 7) | norm("bn1", 64)
    counts, wide = {18: ([2, 2, 2, 2], 1), 50: ([3, 4, 6, 3], 4)}[depth]
    channels_in = 64
    for layer, count in enumerate(counts, start=1):
        channels = 32 * 2**layer
        for block in range(count):
            here = f"layer{layer}.{block}"
            sizes = [3, 3] if depth == 18 else [1, 3, 1]
            inner = channels_in
            for i, size in enumerate(sizes, start=1):
                outer = channels * wide if i == len(sizes) else channels
                shapes |= conv(f"{here}.conv{i}", inner, outer, size) | norm(f"{here}.bn{i}", outer)
                inner = outer
            if block == 0 and (channels_in != channels * wide or layer > 1):
                shapes |= conv(f"{here}.downsample.0", channels_in, channels * wide, 1)
                shapes |= norm(f"{here}.downsample.1", channels * wide)
            channels_in = channels * wide
    for i in (0, 3, 6):
        shapes |= {f"deconv_layers.{i}.weight": (channels_in, 256, 4, 4)} | norm(f"deconv_layers.{i + 1}", 256)
        channels_in = 256
    return shapes | heads(256, 64)


def published_dla34():
    """Names and shapes of ``multi_pose_dla_3x.pth``."""
    shapes = conv("base.base_layer.0", 3, 16, 7) | norm("base.base_layer.1", 16)
    shapes |= conv("base.level0.0", 16, 16) | norm("base.level0.1", 16)
    shapes |= conv("base.level1.0", 16, 32) | norm("base.level1.1", 32)
    shapes |= leaf("base.level2", 32, 64, root=128)
    for level, channels_in, channels in ((3, 64, 128), (4, 128, 256)):
        here = f"base.level{level}"
        shapes |= leaf(f"{here}.tree1", channels_in, channels, root=2 * channels)
        shapes |= leaf(f"{here}.tree2", channels, channels, root=3 * channels + channels_in)
        shapes |= conv(f"{here}.project.0", channels_in, channels, 1) | norm(f"{here}.project.1", channels)
    shapes |= leaf("base.level5", 256, 512, root=1280) | conv("base.fc", 512, 1000, 1, bias=True)
    shapes |= ida("dla_up.ida_0", 256, [512], [2]) | ida("dla_up.ida_1", 128, [256, 256], [2, 2])
    shapes |= ida("dla_up.ida_2", 64, [128, 128, 128], [2, 2, 2]) | ida("ida_up", 64, [128, 256], [2, 4])
    return shapes | heads(64, 256)


def leaf(name, channels_in, channels, *, root):
    shapes = conv(f"{name}.root.conv", root, channels, 1) | norm(f"{name}.root.bn", channels)
    for tree, inner in (("tree1", channels_in), ("tree2", channels)):
        shapes |= conv(f"{name}.{tree}.conv1", inner, channels) | norm(f"{name}.{tree}.bn1", channels)
        shapes |= conv(f"{name}.{tree}.conv2", channels, channels) | norm(f"{name}.{tree}.bn2", channels)
    if channels_in != channels:
        shapes |= conv(f"{name}.project.0", channels_in, channels, 1) | norm(f"{name}.project.1", channels)
    return shapes


def ida(name, channels, coarser, factors):
    shapes = {}
    for i, (channels_in, factor) in enumerate(zip(coarser, factors, strict=True), start=1):
        for part, inner in (("proj", channels_in), ("node", channels)):
            here = f"{name}.{part}_{i}"
            shapes |= conv(f"{here}.conv", inner, channels, bias=True)
            shapes |= conv(f"{here}.conv.conv_offset_mask", inner, 27, bias=True) | norm(
                f"{here}.actf.0", channels
            )
        shapes |= {f"{name}.up_{i}.weight": (channels, 1, 2 * factor, 2 * factor)}
    return shapes


PUBLISHED = {
    "resnet18": lambda: published_resnet(18),
    "resnet50": lambda: published_resnet(50),
    "dla34": published_dla34,
}


def filled(shapes):
    torch.manual_seed(0)
    return {
        name: torch.tensor(7) if shape == () else torch.rand(shape) * 0.05 for name, shape in shapes.items()
    }


class TestPublishedFiles:
    @pytest.mark.parametrize("backbone", PUBLISHED)
    @pytest.mark.parametrize("prefix", ["", "module."], ids=["plain", "from several devices"])
    def test_every_weight_finds_its_place(self, backbone, prefix, tmp_path):
        from sitepose.models.networks.checkpoints import read_state

        state = filled(PUBLISHED[backbone]())
        path = tmp_path / "multi_pose.pth"
        torch.save({"epoch": 1, "state_dict": {prefix + name: value for name, value in state.items()}}, path)
        network = centerpose.centerpose_from_state(read_state(path), path=path)
        own = network.state_dict()
        placed = {centerpose.our_name(name) for name in state} & set(own)
        assert placed == set(own)
        for name, value in state.items():
            if centerpose.our_name(name) in own:
                assert torch.equal(own[centerpose.our_name(name)], value), name

    @pytest.mark.parametrize("backbone", PUBLISHED)
    def test_the_outputs_have_a_quarter_of_the_inputs_size(self, backbone):
        network = centerpose.centerpose_from_state(filled(PUBLISHED[backbone]()), path=PATH).eval()
        with torch.inference_mode():
            outputs = network(torch.zeros(2, 3, 64, 96))
        assert {name: tuple(value.shape) for name, value in outputs.items()} == {
            name: (2, channels, 16, 24) for name, channels in centerpose.HEADS.items()
        }

    def test_a_file_of_our_own_names_loads_too(self):
        network = centerpose.CenterPose("resnet18")
        again = centerpose.centerpose_from_state(network.state_dict(), path=PATH)
        torch.testing.assert_close(again.state_dict(), network.state_dict())

    def test_a_file_without_its_heads_is_one_line(self):
        with pytest.raises(WeightsError, match=r"multi_pose\.pth: not a CenterNet for poses"):
            centerpose.centerpose_from_state({"conv1.weight": torch.zeros(1)}, path=PATH)

    def test_a_file_of_another_backbone_is_one_line(self):
        shapes = published_resnet(50) | {"layer3.6.conv1.weight": (1, 1, 1, 1)}
        with pytest.raises(WeightsError, match=r"has the unknown features\.backbone\.layer3\.6\.conv1\.weight"):
            centerpose.centerpose_from_state(filled(shapes), path=PATH)


class TestAggregation:
    def test_the_trees_of_dla_join_what_the_paper_joins(self):
        """With identity blocks a root of ones sums its inputs: how many there are shows in the output."""
        tree = dla.Tree(2, 1, 1, 1, keeps_input=True).eval()
        for module in tree.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.zeros_(module.weight)
        for leaf_tree in (tree.left, tree.right):
            torch.nn.init.ones_(leaf_tree.root[0].weight)
        ones = torch.ones(1, 1, 2, 2)
        # Blocks of zeros hand on their short cut. Left root: 1 + 1. Right: 2 + 2, the input's 1, the left's 2.
        scale = (1 + 1e-5) ** -0.5
        expected = (2 * scale * 2 + 1 + 2 * scale) * scale
        torch.testing.assert_close(tree(ones), ones * expected, atol=1e-5, rtol=1e-5)
