"""Weights to begin with: names that may be used, the three kinds of sources, refusals in words."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file

from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.pretrained import network_start, pretrained_find
from trainer.algorithms.settings import PRETRAINED_FOLDER, NetworkConfig
from trainer.algorithms.weights import WeightsError, weights_save

RESNET18 = NetworkConfig(outputs=2, name="resnet18", input_size=32)
SMALL = NetworkConfig(outputs=2, input_size=32, width=4, features=8)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def library_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random ResNet-18 in a folder as the library writes it."""
    from transformers import ResNetConfig, ResNetModel

    torch.manual_seed(11)
    plan = ResNetConfig(layer_type="basic", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512])
    folder = tmp_path_factory.mktemp("hub") / "resnet-18"
    ResNetModel(plan).save_pretrained(folder)
    return folder


def body_bytes(network: FaceNetwork) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.body.state_dict().items()}


def same(before: dict[str, torch.Tensor], network: FaceNetwork) -> bool:
    return all(torch.equal(before[name], value) for name, value in network.body.state_dict().items())


def refolded(
    library_model: Path, folder: Path, tensors: dict[str, torch.Tensor] | None = None, **config: Any
) -> Path:
    """The model again in another folder, with other weights or another configuration."""
    folder.mkdir(exist_ok=True)
    told = json.loads((library_model / "config.json").read_text()) | config
    (folder / "config.json").write_text(json.dumps(told))
    save_file(
        load_file(library_model / "model.safetensors") if tensors is None else tensors, folder / "model.safetensors"
    )
    return folder


# names


def test_a_folder_and_a_file_are_found_and_a_hub_name_is_left_to_the_hub(library_model: Path, tmp_path: Path) -> None:
    refolded(library_model, tmp_path / "faces")
    weights_save(tmp_path / "old.safetensors", network_create(SMALL))
    assert pretrained_find(tmp_path, "faces") == tmp_path / "faces"
    assert pretrained_find(tmp_path, " old.safetensors ") == tmp_path / "old.safetensors"
    assert pretrained_find(tmp_path, "microsoft/resnet-18") == "microsoft/resnet-18"
    assert pretrained_find(tmp_path, "microsoft/resnet-18@main") == "microsoft/resnet-18@main"


def test_what_lies_in_the_folder_comes_before_the_hub(library_model: Path, tmp_path: Path) -> None:
    (tmp_path / "microsoft").mkdir()
    refolded(library_model, tmp_path / "microsoft" / "resnet-18")
    assert pretrained_find(tmp_path, "microsoft/resnet-18") == tmp_path / "microsoft" / "resnet-18"


@pytest.mark.parametrize(
    "name",
    ["", "  ", ".", "/etc", "../secret", "a/../../secret", "..", "a\\b", "a\0b", "a\nb", "~root/../x", "//host/x"],
)
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "pretrained"
    folder.mkdir()
    refusal = "is no name of weights"
    with pytest.raises(WeightsError, match=refusal):
        pretrained_find(folder, name)


@pytest.mark.parametrize("kind", ["folder", "file", "file in a folder"])
def test_links_out_of_the_folder_are_refused(library_model: Path, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "pretrained"
    folder.mkdir()
    if kind == "folder":
        (folder / "model").symlink_to(library_model)
    elif kind == "file":
        (folder / "model").symlink_to(library_model / "model.safetensors")
    else:
        (folder / "model").mkdir()
        (folder / "model" / "config.json").write_text("{}")
        (folder / "model" / "model.safetensors").symlink_to(library_model / "model.safetensors")
    with pytest.raises(WeightsError, match="leads out of"):
        pretrained_find(folder, "model")


def test_a_folder_that_is_itself_a_link_is_fine(library_model: Path, tmp_path: Path) -> None:
    refolded(library_model, tmp_path / "model")
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    assert pretrained_find(tmp_path / "link", "model") == tmp_path / "link" / "model"


@pytest.mark.parametrize("name", ["nothing", "nothing.safetensors", "a/b/c", "owner/file.safetensors", "owner/"])
def test_what_is_nowhere_is_told_with_the_folder_to_put_it_in(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match=r"There are no weights .* in .*model\.safetensors there"):
        pretrained_find(tmp_path, name)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "model" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(WeightsError, match="are pickles"):
        pretrained_find(tmp_path, "model")


# a model's folder


def test_a_local_folder_gives_the_library_models_own_features(library_model: Path) -> None:
    from transformers import ResNetModel

    network = network_create(RESNET18, seed=3).eval()
    head = network.head.weight.clone()
    digest = network_start(network, library_model)
    pixels = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = ResNetModel.from_pretrained(library_model).eval()(pixels).pooler_output.flatten(1)
        assert torch.allclose(network.body(pixels), expected, atol=1e-5)
    assert torch.equal(network.head.weight, head)
    assert len(digest) == 64


def test_a_classifier_around_the_model_is_left_out(library_model: Path, tmp_path: Path) -> None:
    tensors = {f"resnet.{name}": value for name, value in load_file(library_model / "model.safetensors").items()}
    tensors["classifier.1.weight"] = torch.zeros(1000, 512)
    folder = refolded(library_model, tmp_path / "classifier", tensors)
    plain, wrapped = network_create(RESNET18, seed=1), network_create(RESNET18, seed=2)
    network_start(plain, library_model)
    network_start(wrapped, folder)
    assert same(body_bytes(plain), wrapped)


def test_half_precision_and_missing_counters_are_fine(library_model: Path, tmp_path: Path) -> None:
    tensors = load_file(library_model / "model.safetensors")
    halved = {name: value.half() for name, value in tensors.items() if not name.endswith("num_batches_tracked")}
    network = network_create(RESNET18)
    network_start(network, refolded(library_model, tmp_path / "half", halved))
    assert {value.dtype for value in network.parameters()} == {torch.float32}
    kernel = network.body.state_dict()["model.embedder.embedder.convolution.weight"]
    assert torch.equal(kernel, tensors["embedder.embedder.convolution.weight"].half().float())
    assert kernel.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"layer_type": "bottleneck"}, r"none of the networks known here \(resnet18, resnet50\)"),
        ({"downsample_in_first_stage": True}, "none of the networks known here"),
        ({"hidden_act": "gelu"}, "none of the networks known here"),
        ({"model_type": "vit"}, "this vit is none of the networks"),
        ({"depths": [3, 4, 6, 3], "hidden_sizes": [256, 512, 1024, 2048], "layer_type": "bottleneck"}, "of resnet50"),
        ({"depths": 7}, "not that of a Hugging Face model"),
    ],
)
def test_another_architecture_is_refused(
    library_model: Path, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    network = network_create(RESNET18)
    before = body_bytes(network)
    with pytest.raises(WeightsError, match=told):
        network_start(network, refolded(library_model, tmp_path / "other", **change))
    assert same(before, network)


def test_an_alexnet_cannot_begin_from_a_resnet(library_model: Path) -> None:
    with pytest.raises(WeightsError, match="weights of resnet18, the network chosen is alexnet_small"):
        network_start(network_create(SMALL), library_model)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", "[" * 100_000, '{"model_type": null'])
def test_a_configuration_that_is_none_is_refused(library_model: Path, tmp_path: Path, text: str) -> None:
    folder = refolded(library_model, tmp_path / "bad")
    (folder / "config.json").write_text(text)
    with pytest.raises(WeightsError, match="not that of a Hugging Face model"):
        network_start(network_create(RESNET18), folder)


STEM = "embedder.embedder.convolution.weight"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("missing", "lacks the weights of resnet18"),
        ("more", "has more than the weights of resnet18"),
        ("shape", r"has the shape \(64, 3, 3, 3\)"),
        ("whole numbers", "is of the type torch.int64"),
        ("not finite", "values that are not finite"),
        ("damaged", "not a readable safetensors file"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_leave_the_network(
    library_model: Path, tmp_path: Path, kind: str, told: str
) -> None:
    tensors = load_file(library_model / "model.safetensors")
    if kind == "missing":
        del tensors[STEM]
    elif kind == "more":
        tensors["encoder.stages.9.weight"] = torch.zeros(1)
    elif kind == "shape":
        tensors[STEM] = torch.zeros(64, 3, 3, 3)
    elif kind == "whole numbers":
        tensors[STEM] = tensors[STEM].long()
    elif kind == "not finite":
        tensors[STEM][0, 0, 0, 0] = torch.nan
    folder = refolded(library_model, tmp_path / "misfit", tensors)
    if kind == "damaged":
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1000])
    network = network_create(RESNET18)
    before = body_bytes(network)
    with pytest.raises(WeightsError, match=told):
        network_start(network, folder)
    assert same(before, network)


# weights of this program


def test_a_detectors_own_weights_give_its_body_under_another_head(tmp_path: Path) -> None:
    path = tmp_path / "old.safetensors"
    old = network_create(SMALL, seed=4)
    weights_save(path, old, {"aus": [1, 2]})
    network = network_create(NetworkConfig(outputs=7, input_size=32, width=4, features=8), seed=5)
    head = network.head.weight.clone()
    network_start(network, path)
    assert same(body_bytes(old), network)
    assert torch.equal(network.head.weight, head)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (
            NetworkConfig(outputs=2, input_size=32, width=5, features=8),
            "give it the same input size, features and width",
        ),
        (
            NetworkConfig(outputs=2, input_size=32, width=4, features=9),
            "give it the same input size, features and width",
        ),
        (RESNET18, "weights of alexnet_small, the network chosen is resnet18"),
    ],
)
def test_own_weights_of_another_shape_are_refused(tmp_path: Path, config: NetworkConfig, told: str) -> None:
    path = tmp_path / "old.safetensors"
    weights_save(path, network_create(SMALL))
    network = network_create(config)
    before = body_bytes(network)
    with pytest.raises(WeightsError, match=told):
        network_start(network, path)
    assert same(before, network)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="not written by this program"):
        network_start(network_create(SMALL), path)
    save_file({"a": torch.zeros(1)}, path, metadata={"format": "corrugator-network-1", "network": "[]"})
    with pytest.raises(WeightsError, match="configuration can't be read"):
        network_start(network_create(SMALL), path)
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        network_start(network_create(SMALL), tmp_path / "absent.safetensors")


# the hub


class Hub(BaseHTTPRequestHandler):
    """A hub with the one model that lies in `folder`, at owner/name."""

    folder: ClassVar[Path]
    asked: ClassVar[list[str]]

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        self.asked.append(self.path)
        owner, name, _, revision, file = self.path.lstrip("/").split("/", 4)
        path = self.folder / file
        if (owner, name) != ("owner", "name"):
            self.refuse("RepoNotFound")
        elif revision not in ("main", COMMIT):
            self.refuse("RevisionNotFound")
        elif not path.is_file():
            self.refuse("EntryNotFound")
        else:
            self.send_response(200)
            self.send_header("ETag", f'"{file}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            if body:
                self.wfile.write(path.read_bytes())

    def refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(library_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    import huggingface_hub

    class Here(Hub):
        folder, asked = library_model, []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address, cache = f"http://127.0.0.1:{server.server_port}", tmp_path / "cache"
    real = huggingface_hub.hf_hub_download
    monkeypatch.setattr(
        huggingface_hub,
        "hf_hub_download",
        lambda *names, **more: real(*names, **more, endpoint=address, cache_dir=cache),
    )
    yield Here
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["owner/name", "owner/name@" + COMMIT])
def test_a_hub_name_is_downloaded_once(library_model: Path, hub: type[Hub], name: str) -> None:
    here, there = network_create(RESNET18, seed=1), network_create(RESNET18, seed=2)
    assert network_start(there, name) == network_start(here, library_model)
    assert same(body_bytes(here), there)
    before = len(hub.asked)
    network_start(network_create(RESNET18, seed=3), name)
    assert len(hub.asked) - before <= 2  # whether the two files are still the newest


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("other/name", "the hub has no public model of this name"),
        ("owner/name@old", "the hub has no such revision"),
        ("owner/--name", "is no hub name"),
        ("owner/name/more", "is no hub name"),
        ("name", "is no hub name"),
    ],
)
def test_what_the_hub_does_not_have_is_told(hub: type[Hub], name: str, told: str) -> None:
    with pytest.raises(WeightsError, match=told):
        network_start(network_create(SMALL), name)


def test_weights_of_another_architecture_are_not_even_downloaded(hub: type[Hub]) -> None:
    with pytest.raises(WeightsError, match="weights of resnet18, the network chosen is alexnet_small"):
        network_start(network_create(SMALL), "owner/name")
    assert hub.asked and not any(path.endswith("model.safetensors") for path in hub.asked)


def test_a_hub_model_of_pickles_is_refused(library_model: Path, hub: type[Hub], tmp_path: Path) -> None:
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_bytes((library_model / "config.json").read_bytes())
    hub.folder = tmp_path / "pickled"
    with pytest.raises(WeightsError, match=r"lacks config\.json or model\.safetensors; pickles are not read"):
        network_start(network_create(RESNET18), "owner/name")


def test_without_the_hub_the_folder_to_use_is_named(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=f"can't be reached.*{PRETRAINED_FOLDER}/owner/name below the data folder"):
        network_start(network_create(RESNET18), "owner/name")
    assert not hub.asked
