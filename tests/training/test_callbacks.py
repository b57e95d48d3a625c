"""The callbacks of other libraries: their trainers record a run by its steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.surfaces.run_log import load_run
from tests.training.test_recorder import steps_in


def test_the_trainer_of_transformers_records_a_run(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    net = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=16, n_positions=8, n_embd=8, n_layer=1, n_head=2)
    )
    texts = [{"input_ids": ids, "labels": ids} for ids in torch.randint(0, 16, (32, 8))]
    settings = transformers.TrainingArguments(
        str(tmp_path / "out"), max_steps=6, per_device_train_batch_size=4, gradient_accumulation_steps=2, logging_steps=2,
        save_steps=3, report_to=[], disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    callback = ll.transformers_callback(ll.Recorder(tmp_path / "run", every=2))
    trainer = transformers.Trainer(net, settings, train_dataset=texts, callbacks=[callback])
    trainer.train()
    assert steps_in(tmp_path / "run") == [0, 2, 4, 6]
    log = load_run(tmp_path / "run")
    np.testing.assert_array_equal(log.times, [2, 4, 6])
    truth = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    np.testing.assert_allclose(log.columns["train_loss"], truth, rtol=1e-6)
    loader = torch.utils.data.DataLoader(texts, 8)
    for folder, steps in (("run", [0, 2, 4, 6]), ("out", [3, 6])):
        options = {"model": net, "data": loader, "quiet": True, "x": (-1, 1, 3), "y": (-1, 1, 3), "threads": 1}
        path = ll.trajectory(tmp_path / folder, along="random", **options).trails[folder]
        np.testing.assert_array_equal(path.step, steps)
        with torch.no_grad():
            expected = np.mean([float(net.eval()(**batch).loss) for batch in loader])
        assert path.metrics["train_loss"][-1] == pytest.approx(expected, rel=1e-4)


def test_lightning_records_a_run_by_its_steps(tmp_path, one_process):
    lightning = pytest.importorskip("lightning.pytorch")

    class Net(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def training_step(self, batch, number):
            return 0 * self.layer(batch[0]).sum() + 8

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.05)

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(24, 3)), 4)
    trainer = lightning.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accumulate_grad_batches=2,
        callbacks=[ll.lightning_callback(ll.Recorder(tmp_path / "run", every=2))],
    )  # fmt: skip
    trainer.fit(Net(), data)
    assert steps_in(tmp_path / "run") == [0, 2, 4, 6], "two batches are one step"
    assert (tmp_path / "run" / "final.pt").exists()
    log = load_run(tmp_path / "run")
    np.testing.assert_array_equal(log.times, [2, 4, 6])
    np.testing.assert_allclose(log.columns["train_loss"], 8, err_msg="not divided by the batches of a step")


@pytest.mark.parametrize("callback", [ll.lightning_callback, ll.transformers_callback])
def test_a_recorder_or_its_folder_is_expected(callback, tmp_path):
    assert callback(tmp_path / "run") and callback(str(tmp_path / "other"))
    with pytest.raises(ll.UsageError, match=r"recorder of type int: expected ll.Recorder\('runs/mine'"):
        callback(3)
