"""Read what each package tracked with its own reader, and print it as JSON: a script.

Its arguments are a run directory and the names of the trackers.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def tensorboard(run: Path) -> dict[str, Any]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415

    everything = {"scalars": 0, "images": 0, "tensors": 0}
    events = EventAccumulator(str(run / "tensorboard"), size_guidance=everything)
    events.Reload()
    texts = {
        name: events.Tensors(name)[-1].tensor_proto.string_val[0].decode()
        for name in events.Tags()["tensors"]
    }
    return {
        "scalars": {
            name: [(one.step, one.value) for one in events.Scalars(name)]
            for name in events.Tags()["scalars"]
        },
        "images": {
            name: [(one.step, one.height, one.width) for one in events.Images(name)]
            for name in events.Tags()["images"]
        },
        "config": json.loads(texts["config/text_summary"]),
        "results": json.loads(texts["results/text_summary"]),
    }


def _wandb_records(content: bytes) -> Iterator[bytes]:
    """Yield the records of an offline file: wandb reads them only to send them.

    It is a log of LevelDB: blocks of 32 KiB with chunks, each with checksum, length and type.
    """
    assert content[:4] == b":W&B"
    place, parts = 7, b""
    while place + 7 <= len(content):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last chunk of a record
            yield parts
            parts = b""


def wandb(run: Path) -> dict[str, Any]:
    from wandb.proto import wandb_internal_pb2  # noqa: PLC0415

    found: dict[str, Any] = {"scalars": {}, "images": {}, "config": {}, "ids": [], "exits": []}
    for file in sorted(run.glob("wandb/offline-run-*/run-*.wandb")):
        for data in _wandb_records(file.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            kind = record.WhichOneof("record_type")
            if kind == "run":
                found["ids"].append(record.run.run_id)
                for one in record.run.config.update:
                    found["config"][one.key] = json.loads(one.value_json)
            elif kind == "history":
                step = record.history.step.num
                sizes: dict[tuple[str, str], int] = {}
                for item in record.history.item:
                    name, *inner = [item.key] if item.key else item.nested_key
                    value = json.loads(item.value_json)
                    if inner:
                        sizes[name, inner[0]] = value
                    elif not name.startswith("_"):
                        found["scalars"].setdefault(name, []).append((step, value))
                for name in dict.fromkeys(name for name, _ in sizes):
                    shape = (step, sizes[name, "height"], sizes[name, "width"])
                    found["images"].setdefault(name, []).append(shape)
            elif kind == "summary":
                for item in record.summary.update:
                    if item.key in ("results", "status"):
                        found[item.key] = json.loads(item.value_json)
            elif kind == "exit":
                found["exits"].append(record.exit.exit_code)
    return found


def mlflow(run: Path) -> dict[str, Any]:
    from mlflow import MlflowClient  # noqa: PLC0415

    client = MlflowClient(f"sqlite:///{run.parent / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("pluxel")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    (tracked,) = [one for one in runs if one.info.run_name == run.name]
    run_id = tracked.info.run_id
    folder = Path(tracked.info.artifact_uri.removeprefix("file://"))
    return {
        "scalars": {
            name: [(one.step, one.value) for one in client.get_metric_history(run_id, name)]
            for name in tracked.data.metrics
        },
        "images": sorted(one.name for one in (folder / "images").glob("*.png")),
        "config": json.loads((folder / "config.json").read_text()),
        "parameters": tracked.data.params,
        "results": json.loads((folder / "results.json").read_text()),
        "status": tracked.info.status,
    }


def trackio(run: Path) -> dict[str, Any]:
    from trackio import Api  # noqa: PLC0415
    from trackio.sqlite_storage import SQLiteStorage  # noqa: PLC0415

    (tracked,) = [one for one in Api().runs("pluxel") if one.name.startswith(f"{run.name}-")]
    found: dict[str, Any] = {"scalars": {}, "images": {}, "texts": [], "config": tracked.config}
    for row in SQLiteStorage.get_logs("pluxel", tracked.name):
        for name, value in row.items():
            if isinstance(value, float | int) and name != "step":
                found["scalars"].setdefault(name, []).append((row["step"], value))
            elif isinstance(value, dict) and value["_type"] == "trackio.image":
                found["images"].setdefault(name, []).append(row["step"])
            elif isinstance(value, dict):
                found["texts"].append(value["_value"])
    return found


if __name__ == "__main__":
    folder, names = Path(sys.argv[1]).resolve(), sys.argv[2:]
    readers = {one.__name__: one for one in (tensorboard, wandb, mlflow, trackio)}
    print(json.dumps({name: readers[name](folder) for name in names}))  # noqa: T201
