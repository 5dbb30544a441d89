#!/usr/bin/env python3
"""Compiles for devices, runs on the emulator and looks into the blobs.

    device_test.py EDGECC
"""
import numpy as np

from small_network import CLASSES, MACS, TARGETS, Model, main, write


def scores(tool, model, *options):
    tool.run("run", model, "--input", "input.npy", "--output-dir", f"{model}.out", *options)
    return np.load(tool.folder / f"{model}.out/scores.npy")


def computes_what_the_model_does(tool):
    wanted = scores(tool, "model.onnx")
    for target, tolerance in (("myriadx", 0.01), ("hailo8", 0.15)):
        tool.compile(target)
        found = scores(tool, f"{target}.blob")
        assert found.shape == (1, CLASSES)
        error = np.abs(found - wanted).max() / np.abs(wanted).max()
        assert 0 < error < tolerance, (target, error)


def integers_equal_native_code(tool):
    # The same quantised network on both: what the device target makes of the model, as ONNX.
    tool.compile("hailo8")
    tool.run("model.onnx", "-o", "quantized.onnx", "--target", "hailo8", "--emit", "onnx",
             "--calibrate", "samples.npy")
    tool.run("quantized.onnx", "-o", "native.blob")
    tool.run("quantized.onnx", "-o", "npu.blob", "--target", "smallnpu")
    device, native = scores(tool, "hailo8.blob"), scores(tool, "native.blob")
    assert np.array_equal(device, native), (device, native)
    assert np.array_equal(scores(tool, "npu.blob"), native)


def run_says_what_it_cost(tool):
    for target in TARGETS:
        tool.compile(target)
        text = tool.run("run", f"{target}.blob", "--input", "input.npy", "--json", "run.json")
        assert "frames a second" in text and "limited by" in text, text
        device = tool.json("run.json")["device"]
        assert device["latency_ms"] > 0 and device["name"] == target


def inspect_has_what_scripts_want(tool):
    for target in TARGETS:
        tool.compile(target)
        whole = tool.inspect(f"{target}.blob")
        assert whole["variants"] == [] and whole["inputs"][0]["name"] == "image"
        device = whole["device"]
        assert ("streams" in device) == (target == "myriadx")
        assert ("batch" in device) == (target == "hailo8")
        assert device["contexts"] == 1
        # A pipeline finishes a frame more often than each latency, never less often.
        assert device["fps"] * device["latency_ms"] / 1e3 >= 0.99, device
        assert device["energy_mj"] > 0 and device["bottleneck"]
        assert abs(device["metadata"]["fps"] / device["fps"] - 1) < 1e-9
        assert sum(layer["macs"] for layer in device["layers"]) >= sum(MACS.values())
        for node, macs in MACS.items():
            found = sum(layer["macs"] for layer in device["layers"] if node in layer["nodes"])
            assert found >= macs, (target, node, found)
        assert set(device["bytes_per_frame"]) == {m["name"] for m in device["memories"]}
        for memory in device["memories"]:
            assert device["bytes_per_frame"][memory["name"]] == memory["read"] + memory["written"]
            assert memory["capacity"] == 0 or memory["peak"] <= memory["capacity"]
        outer = "ddr" if target == "myriadx" else "link"
        assert device["bytes_per_frame"][outer] > 0
        assert all(0 <= layer["utilization"] <= 1 + 1e-9 for layer in device["layers"])


def estimate_is_near_the_count(tool):
    for target in TARGETS:
        tool.compile(target)
        device = tool.inspect(f"{target}.blob")["device"]
        for key in ("latency_ms", "fps"):
            ratio = device["estimate"][key] / device[key]
            assert 0.9 < ratio < 1.1, (target, key, ratio)


def text_and_disassembly_name_the_layers(tool):
    for target in TARGETS:
        tool.compile(target)
        names = [layer["name"] for layer in tool.inspect(f"{target}.blob")["device"]["layers"]]
        text = tool.run("inspect", f"{target}.blob")
        listing = tool.run("inspect", f"{target}.blob", "--disassemble")
        assert "limited by" in text and target in listing
        for name in names:
            assert name in text and name in listing, (target, name)
        assert ("wait[" in listing) == (target == "myriadx")
        assert ("context 0" in listing) == (target == "hailo8")


def verify_finds_damage(tool):
    for target in TARGETS:
        tool.compile(target)
        path = tool.folder / f"{target}.blob"
        assert "intact" in tool.run("verify", path.name)
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        tool.run("verify", path.name, exit_code=1)
        tool.run("run", path.name, "--input", "input.npy", exit_code=2)
        assert "damaged" in tool.run("inspect", path.name, exit_code=2)


def same_bytes_every_time(tool):
    for target in TARGETS:
        tool.compile(target)
        first = (tool.folder / f"{target}.blob").read_bytes()
        tool.compile(target)
        assert first == (tool.folder / f"{target}.blob").read_bytes(), target


def options_change_the_program(tool):
    tool.compile("myriadx", "--streams", "1", "--shaves", "4")
    one = tool.inspect("myriadx.blob")["device"]
    tool.compile("myriadx", "--streams", "2", "--shaves", "4")
    two = tool.inspect("myriadx.blob")["device"]
    assert (one["streams"], two["streams"]) == (1, 2) and two["fps"] > one["fps"]
    tool.compile("hailo8", "--contexts", "2", "--batch", "1")
    single = tool.inspect("hailo8.blob")["device"]
    tool.compile("hailo8", "--contexts", "2", "--batch", "8")
    batched = tool.inspect("hailo8.blob")["device"]
    assert single["contexts"] == batched["contexts"] == 2 and batched["batch"] == 8
    assert batched["fps"] > 2 * single["fps"], (single["fps"], batched["fps"])


def ops_on_the_host_are_named(tool):
    write(tool.folder, host=True)
    for target in TARGETS:
        text = tool.compile(target, "--report-json", "r.json", model="host.onnx")
        assert "running sum" in text and "runs on the host" in text, text
        # Conversions of the input may be there, too.
        assert tool.inspect(f"{target}.blob")["device"]["host_parts"] >= 1
        ops = {op["node"]: op["reason"] for op in tool.json("r.json")["host_ops"]}
        others = [reason for node, reason in ops.items() if node != "running sum"]
        assert ops["running sum"] and all(r.startswith("converted") for r in others), ops
        text = tool.compile(target, "--no-host", model="host.onnx", exit_code=2)
        assert "running sum" in text, text
    tool.compile("myriadx", model="host.onnx")
    found, wanted = scores(tool, "myriadx.blob"), scores(tool, "host.onnx")
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()


def a_description_of_ones_own(tool):
    (tool.folder / "mine.json").write_text(
        '{"base": "hailo8", "name": "mine", "dataflow": {"clusters": 1}}')
    tool.run("model.onnx", "-o", "mine.blob", "--target", "mine.json", "--calibrate", "samples.npy")
    device = tool.inspect("mine.blob")["device"]
    assert device["name"] == "mine" and [m["name"] for m in device["memories"]] == ["cluster0",
                                                                                      "link"]
    (tool.folder / "mine.json").write_text(
        '{"base": "hailo8", "name": "mine", "dataflow": {"clusterz": 1}}')
    text = tool.run("model.onnx", "-o", "bad.blob", "--target", "mine.json", exit_code=2)
    assert "clusterz" in text and not (tool.folder / "bad.blob").exists(), text


def write_wide(folder):
    """Squares beyond 65504 whose mean is not, and a logarithm that 1e-10 keeps finite."""
    m = Model("wide")
    x = m.input("x", np.float32, [1, 4, 8, 8])
    y = m.node("Relu", [x], "positive", "positive")
    y = m.node("Add", [y, m.constant("least", np.float32(1e-10))], "sum", "guard")
    y = m.node("Log", [y], "log", "logarithm")
    m.output(y, np.float32, [1, 4, 8, 8])
    z = m.node("Mul", [x, m.constant("gain", np.float32(300))], "scaled", "amplify")
    z = m.node("Mul", [z, z], "squares", "square")
    z = m.node("Mul", [z, m.constant("down", np.float32(1e-3))], "power", "attenuate")
    m.output(z, np.float32, [1, 4, 8, 8])
    m.write(folder / "wide.onnx")
    rng = np.random.default_rng(5)
    np.save(folder / "wide.npy", rng.uniform(-2, 2, (4, 1, 4, 8, 8)).astype(np.float32))
    np.save(folder / "wide_input.npy", rng.uniform(-2, 2, (1, 4, 8, 8)).astype(np.float32))


def values_beyond_f16_are_named_and_kept(tool):
    write_wide(tool.folder)

    def outputs(model):
        text = tool.run("run", model, "--input", "wide_input.npy", "--output-dir", f"{model}.out",
                        "--json", "run.json")
        return text, [np.load(tool.folder / f"{model}.out/{name}.npy") for name in ("log", "power")]

    _, wanted = outputs("wide.onnx")
    text = tool.run("wide.onnx", "-o", "wide.blob", "--target", "myriadx", "--report-json", "r.json")
    assert "1 value may leave the range of f16" in text and "square" in text, text
    assert any("square" in note for note in tool.json("r.json")["notes"]), tool.json("r.json")
    text, found = outputs("wide.blob")
    assert "'square'" in text and "infinite" in text, text
    assert tool.json("run.json")["non_finite"]["layer"] == "square"
    assert np.isfinite(found[0]).all() and np.abs(found[0] - wanted[0]).max() < 0.05

    (tool.folder / "wide").mkdir()
    for i, sample in enumerate(np.load(tool.folder / "wide.npy")):
        np.save(tool.folder / f"wide/{i}.npy", sample)
    text = tool.run("wide.onnx", "-o", "wide.blob", "--target", "myriadx", "--calibrate", "wide")
    assert "square" in text and "stays in f32" in text and "may leave" not in text, text
    text, found = outputs("wide.blob")
    assert "infinite" not in text and "non_finite" not in tool.json("run.json"), text
    for got, want in zip(found, wanted):
        assert np.abs(got - want).max() < 0.005 * np.abs(want).max()


def what_does_not_fit_the_target_is_refused(tool):
    for options, words in [
            (["--target", "myriadx", "--emit", "obj"], ["--emit", "blob"]),
            (["--target", "myriadx", "--quantize", "int8"], ["f16"]),
            (["--target", "myriadx", "--batch", "4"], ["--batch", "streams"]),
            (["--target", "hailo8", "--shaves", "4"], ["--shaves", "contexts"]),
            (["--target", "myriadx", "--shaves", "99"], ["99", "--shaves"]),
            (["--target", "myriadx", "--shaves", "0"], ["--shaves", "0 is too few"]),
            (["--target", "myriadx", "--streams", "0"], ["--streams", "0 is too few"]),
            (["--target", "hailo8", "--contexts", "0"], ["--contexts", "0 is too few"]),
            (["--target", "hailo8", "--batch", "0"], ["--batch", "0 is too few"]),
            (["--shaves", "4"], ["--shaves", "--target", "myriadx"]),
            (["--target", "absent.json"], ["absent.json"])]:
        text = tool.run("model.onnx", "-o", "out.blob", *options, exit_code=2)
        assert all(word in text for word in words), (options, text)
        assert not (tool.folder / "out.blob").exists(), options


main([computes_what_the_model_does, integers_equal_native_code, run_says_what_it_cost,
      inspect_has_what_scripts_want, estimate_is_near_the_count,
      text_and_disassembly_name_the_layers, verify_finds_damage, same_bytes_every_time,
      options_change_the_program, values_beyond_f16_are_named_and_kept, ops_on_the_host_are_named, a_description_of_ones_own,
      what_does_not_fit_the_target_is_refused])
