#!/usr/bin/env python3
"""Checks that the object form calls nothing but memcpy, memmove and memset and keeps no state.

    symbols_test.py EDGECC NM SHARED_DIR TARGET CPU

Exit codes: 0 right, 1 wrong, 77 the shared models are absent.
"""
import pathlib
import subprocess
import sys
import tempfile

ALLOWED = {"memcpy", "memmove", "memset"}
# Between them these use every kernel family.
MODELS = ["mnist_8", "mlperf_kws_qdq", "mlperf_resnet8_fp32", "point_history_lstm", "magika_v3_3",
          "keypoint_classifier", "gtcrn_simple"]


def symbols(nm, path):
    """(kind, name) as nm has them: T function, R constant, D and B variables, U undefined."""
    lines = subprocess.run([nm, "--format=posix", path], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    return [(line.split()[1], line.split()[0]) for line in lines]


def main():
    edgecc, nm, shared, target, cpu = sys.argv[1:]
    folders = [pathlib.Path(shared) / "models" / name for name in MODELS]
    folders = [folder for folder in folders if folder.is_dir()]
    if not folders:
        print("skipped: no shared models")
        return 77
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        for folder in folders:
            output = f"{scratch}/model.o"
            subprocess.run([edgecc, folder / "model.onnx", "-o", output, "--emit", "obj", "-q",
                            "--target", target, "--cpu", cpu, "--shapes-from",
                            folder / "test_data_set_0"], check=True)
            found = symbols(nm, output)
            foreign = {name for kind, name in found if kind == "U"} - ALLOWED
            state = [name for kind, name in found if kind in "DdBbCGgSs"]
            names = {name for _, name in found}
            missing = {"model_run", "model_weights"} - names
            good = not foreign and not state and not missing
            failed |= not good
            print(f"{'ok  ' if good else 'FAIL'} {cpu} {folder.name}: calls {sorted(foreign)}, "
                  f"state {state}, missing {sorted(missing)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
