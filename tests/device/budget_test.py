#!/usr/bin/env python3
"""--budget of a compile and of edgecc inspect: what passes, by how much, and what to change.

    budget_test.py EDGECC
"""
from small_network import TARGETS, main

EASY = "fps=0.01,latency=100s,memory=100MB,bandwidth=100GB/s,power=1000W,energy=1000J"
HARD = "fps=100000000,latency=0.001us,memory=1B,bandwidth=0.001B/s,power=0.001mW,energy=0.001uJ"


def passes(tool):
    for target in TARGETS:
        text = tool.compile(target, "--budget", EASY)
        assert text.count("pass ") == 6 and "FAIL" not in text and "to spare" in text, text


def fails_but_writes_the_blob(tool):
    for target in TARGETS:
        text = tool.compile(target, "--budget", HARD, exit_code=1)
        assert text.count("FAIL ") == 6, text
        assert (tool.folder / f"{target}.blob").exists()
        # The heaviest convolution has the largest part of the time.
        line = next(line for line in text.splitlines() if line.startswith("FAIL latency"))
        assert "change '" in line, line


def quiet_compiles_tell_what_is_missed(tool):
    assert tool.compile("myriadx", "-q", "--budget", EASY) == ""
    text = tool.compile("myriadx", "-q", "--budget", "fps=0.01,memory=1B", exit_code=1)
    assert text.startswith("FAIL memory") and len(text.splitlines()) == 1, text


def inspect_says_the_same(tool):
    for target in TARGETS:
        text = tool.compile(target, "--budget", HARD, exit_code=1)
        again = tool.run("inspect", f"{target}.blob", "--budget", HARD, exit_code=1)
        lines = [line for line in text.splitlines() if line.startswith("FAIL ")]
        assert lines and lines == [l for l in again.splitlines() if l.startswith("FAIL ")]
        tool.run("inspect", f"{target}.blob", "--budget", EASY)


def amounts_are_right(tool):
    for target in TARGETS:
        tool.compile(target)
        device = tool.inspect(f"{target}.blob", "--budget", EASY)["device"]
        verdicts = {v["limit"]: v for v in device["budget"]}
        assert verdicts["fps"]["value"] == device["fps"]
        assert abs(verdicts["latency"]["value"] - device["latency_ms"]) < 1e-9
        assert verdicts["latency"]["wanted"] == 1e5 and verdicts["latency"]["unit"] == "ms"
        # At the frame rate that was asked for, not at the one that could be reached.
        outer = "ddr" if target == "myriadx" else "link"
        wanted = device["bytes_per_frame"][outer] * 0.01
        assert abs(verdicts["bandwidth"]["value"] / wanted - 1) < 1e-9
        inner = sum(m["peak"] for m in device["memories"] if m["name"] != outer)
        assert verdicts["memory"]["value"] == inner * device.get("streams", 1)
        slowest = max(device["layers"], key=lambda layer: layer["busy_us"])
        assert verdicts["fps"]["largest_layers"][0]["name"] == slowest["name"]


def a_limit_between(tool):
    tool.compile("myriadx")
    fps = tool.inspect("myriadx.blob")["device"]["fps"]
    tool.run("inspect", "myriadx.blob", "--budget", f"fps={fps * 0.99}")
    text = tool.run("inspect", "myriadx.blob", "--budget", f"fps={fps * 1.25}", exit_code=1)
    assert "(20 %) too few" in text, text


def mistakes_are_explained(tool):
    tool.compile("myriadx")
    tool.run("model.onnx", "-o", "native.blob")
    for budget, words in [("speed=3", ["no limit 'speed'", "fps, latency"]),
                          ("fps", ["'fps' has no value", "fps=30"]),
                          ("fps=fast", ["'fast' is no positive number"]),
                          ("fps=-1", ["no positive number"]),
                          ("fps=nan", ["no positive number"]),
                          ("latency=24", ["latency needs a unit", "ms, us or s"]),
                          ("latency=24MB", ["'MB' is no unit of latency"]),
                          ("fps=30,", ["no limit ''"]),
                          ("fps=30,fps=40", ["'fps' is there twice"])]:
        for command in (["inspect", "myriadx.blob"],
                        ["model.onnx", "-o", "out.blob", "--target", "myriadx"]):
            text = tool.run(*command, "--budget", budget, exit_code=2)
            assert "--budget" in text and all(word in text for word in words), (budget, text)
        assert not (tool.folder / "out.blob").exists()
    assert "CPU" in tool.run("inspect", "native.blob", "--budget", "fps=1", exit_code=2)
    assert "no blob" in tool.run("inspect", "model.onnx", "--budget", "fps=1", exit_code=2)
    text = tool.run("model.onnx", "-o", "out.blob", "--budget", "fps=1", exit_code=2)
    assert "target is a CPU" in text, text


main([passes, fails_but_writes_the_blob, quiet_compiles_tell_what_is_missed,
      inspect_says_the_same, amounts_are_right, a_limit_between, mistakes_are_explained])
