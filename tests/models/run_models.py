#!/usr/bin/env python3
"""Compiles a real model and compares what it computes with the expected outputs, for every test set.

    run_models.py EDGECC SHARED_DIR TOLERANCES MODEL [--cpu C]

Exit codes: 0 right, 1 wrong, 77 the shared models are absent (a failure where CI is set).
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

DEFAULT_BOUND = 1e-4


def read_bounds(path):
    bounds = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, bound, reason = line.split(None, 2)
            assert reason.strip(), f"{name} has no reason"
            bounds[name] = float(bound)
    return bounds


def main():
    edgecc, shared, tolerances, model = sys.argv[1:5]
    extra = sys.argv[5:]
    folder = pathlib.Path(shared) / "models" / model
    if not folder.is_dir():
        print(f"{folder} is absent: the shared models are needed for this test")
        return 1 if os.environ.get("CI") else 77
    bound = read_bounds(tolerances).get(model, DEFAULT_BOUND)
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        blob, report = f"{scratch}/model.blob", f"{scratch}/report.json"
        shapes = None
        for data in sorted(folder.glob("test_data_set_*")):
            if data_shapes(data) != shapes:
                shapes = data_shapes(data)
                subprocess.run([edgecc, folder / "model.onnx", "-o", blob, "--shapes-from", data,
                                "-q", *extra], check=True)
            subprocess.run([edgecc, "run", blob, "--test-data", data, "--json", report],
                           stdout=subprocess.DEVNULL)
            for output in json.load(open(report))["outputs"]:
                good = output["same_type"] and output["max_rel_to_peak"] <= bound
                failed |= not good
                print(f"{'ok  ' if good else 'FAIL'} {data.name} {output['name']}: "
                      f"{output['max_rel_to_peak']:.2e} of the peak, bound {bound:.0e}, "
                      f"cosine {output['cosine']:.7f}")
    return 1 if failed else 0


def data_shapes(folder):
    """The sizes of the input files stand for their shapes: equal shapes have equal sizes here."""
    return [path.stat().st_size for path in sorted(folder.glob("input_*.pb"))]


if __name__ == "__main__":
    sys.exit(main())
