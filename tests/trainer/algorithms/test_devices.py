"""Devices: CUDA made to repeat itself, the CPU left alone, and the precision that the hardware has."""

import os
from collections.abc import Iterator

import pytest
import torch

from tests.trainer.algorithms.tiny import QUICK, Tiny
from trainer.algorithms import devices, training
from trainer.algorithms.devices import arithmetic_settle, device_choose, precision_choose
from trainer.algorithms.networks import network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.prediction import scores_predict
from trainer.algorithms.settings import NetworkConfig
from trainer.algorithms.training import NO_ROWS, train

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
CONFIG = NetworkConfig(outputs=3, input_size=32, width=8)


def arithmetic() -> tuple[object, ...]:
    cudnn = torch.backends.cudnn
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        (cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32),
        torch.get_float32_matmul_precision(),
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
        os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
    )


@pytest.fixture
def unsettled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process as torch finds it, with reduced precision allowed; what is settled is undone again."""
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    cudnn, filled = torch.backends.cudnn, torch.utils.deterministic  # type: ignore[attr-defined]
    for name, value in (("deterministic", False), ("benchmark", True), ("allow_tf32", True)):
        monkeypatch.setattr(cudnn, name, value)
    monkeypatch.setattr(filled, "fill_uninitialized_memory", True)
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision(precision)
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.mark.usefixtures("unsettled")
def test_cuda_is_made_to_repeat_itself_in_whole_float32() -> None:
    arithmetic_settle(CUDA)
    assert arithmetic() == (True, True, (True, False, False), "highest", False, ":4096:8")


@pytest.mark.usefixtures("unsettled")
def test_a_workspace_that_somebody_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    arithmetic_settle(CUDA)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


@pytest.mark.usefixtures("unsettled")
def test_the_cpu_is_left_as_it_was(tiny: Tiny) -> None:
    before = arithmetic()
    arithmetic_settle(CPU)
    network = network_create(CONFIG, seed=1)
    train(network, TrainingData(tiny.cache, tiny.labels, tiny.rows, NO_ROWS), QUICK)
    scores_predict(network, tiny.cache, tiny.rows)
    assert arithmetic() == before


def test_training_and_prediction_settle_the_device_that_they_use(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[torch.device] = []
    for module in (training, devices):
        monkeypatch.setattr(module, "arithmetic_settle", settled.append)
    network = network_create(CONFIG, seed=1)
    train(network, TrainingData(tiny.cache, tiny.labels, tiny.rows, NO_ROWS), QUICK)
    scores_predict(network, tiny.cache, tiny.rows)
    assert settled == [device_choose()] * 2


@pytest.mark.parametrize("native", [True, False])
def test_auto_is_bfloat16_where_the_hardware_multiplies_it(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: native, raising=False)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: native and not including_emulation
    )
    for device in (CPU, CUDA):
        assert precision_choose("auto", device) == (torch.bfloat16 if native else torch.float32)
        assert precision_choose("float32", device) == torch.float32
        assert precision_choose("bfloat16", device) == torch.bfloat16


def test_a_torch_that_tells_nothing_of_its_cpu_gets_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert precision_choose("auto", CPU) == torch.float32


def test_an_unknown_precision_names_the_known() -> None:
    with pytest.raises(ValueError, match="precision 'half', known: auto, float32, bfloat16"):
        precision_choose("half", CPU)
