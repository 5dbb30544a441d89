#!/usr/bin/env python3
"""The reports of a compile: numbers against numpy's, the schema of docs/report.md, the web page.

    report_test.py EDGECC
"""
import html.parser
import json
import re
import sys

sys.dont_write_bytecode = True
import numpy as np  # noqa: E402
from small_model import (BIASES, DATA, FIRST, SECOND, WEIGHTS, convolve, main,  # noqa: E402
                         run, sqnr)

JUDGED = DATA[1::2]  # those with odd numbers


def report_of(edgecc, folder, *options):
    run(edgecc, folder, "model.onnx", "-o", "out.blob", *options, "--report-json", "report.json",
        "--report", "report.html")
    report = json.loads((folder / "report.json").read_text())
    return report, {layer["name"]: layer for layer in report["layers"]}


def weights_rounded_to_8_bits(edgecc, folder):
    report, layers = report_of(edgecc, folder, "--calibrate", "samples.npy", "--quantize", "w8")
    rounded = []
    for w in WEIGHTS:
        scale = np.abs(w).max(axis=(1, 2, 3), keepdims=True) / np.float32(127)
        rounded.append(np.rint(w / scale) * scale)
    hidden = convolve(JUDGED, WEIGHTS[0], BIASES[0])
    output = convolve(np.maximum(hidden, 0), WEIGHTS[1], BIASES[1])
    noisy_hidden = convolve(JUDGED, rounded[0], BIASES[0])
    alone = convolve(np.maximum(hidden, 0), rounded[1], BIASES[1])
    accumulated = convolve(np.maximum(noisy_hidden, 0), rounded[1], BIASES[1])
    for layer, which, found, wanted in ((FIRST, "alone", noisy_hidden, hidden),
                                        (FIRST, "accumulated", noisy_hidden, hidden),
                                        (SECOND, "alone", alone, output),
                                        (SECOND, "accumulated", accumulated, output)):
        noise = layers[layer]["noise"][which]
        assert abs(noise["sqnr_db"] - sqnr(found, wanted)) < 0.1, (layer, which, noise)
        assert np.isclose(noise["peak"], np.abs(wanted).max(), rtol=1e-4)
        assert np.isclose(noise["max_abs"], np.abs(found - wanted).max(), rtol=0.05)
    assert report["noise"]["samples"] == len(JUDGED)
    assert layers["relu"]["noise"]["alone"]["equal"], "a Relu adds nothing"
    seen = layers[SECOND]["output"]["range"]
    assert np.allclose(seen, [output.min(), output.max()], rtol=1e-4)
    assert sum(layers[SECOND]["output"]["histogram"]["counts"]) == output.size
    weights = layers[FIRST]["weights"]
    assert (weights["type_after"], weights["bits_after"]) == ("i8", 8)
    assert np.allclose(weights["range"], [WEIGHTS[0].min(), WEIGHTS[0].max()])
    assert sum(weights["histogram"]["counts"]) == WEIGHTS[0].size


FIELDS = {
    "format": str, "version": int, "input": str, "output": str, "output_bytes": int, "target": str,
    "compressed": bool, "settings": dict, "score": (dict, type(None)), "noise": (dict, type(None)),
    "before": dict, "after": dict, "worst": list, "layers": list, "notes": list, "warnings": list}
LAYER_FIELDS = {
    "name": str, "op": str, "tensor": str, "shape": list, "removed": bool,
    "input_type_before": str, "input_type_after": str, "macs_before": int, "macs_after": int,
    "bytes_before": int, "bytes_after": int, "ns_before": (float, type(None)),
    "ns_after": (float, type(None)), "weights": (dict, type(None)), "output": dict,
    "noise": (dict, type(None)), "channels": (dict, type(None)), "notes": list,
    "suggestion": (str, type(None))}


def check_schema(report):
    assert report["format"] == "edgecc-report" and report["version"] == 1
    for fields, thing in [(FIELDS, report)] + [(LAYER_FIELDS, x) for x in report["layers"]]:
        assert set(thing) == set(fields), set(thing) ^ set(fields)
        for field, kind in fields.items():
            assert isinstance(thing[field], kind), (field, thing[field])


def integers_everywhere(edgecc, folder):
    report, layers = report_of(edgecc, folder, "--calibrate", "samples.npy", "--quantize", "int8",
                               "--quantize-all")
    check_schema(report)
    for name, w in ((FIRST, WEIGHTS[0]), (SECOND, WEIGHTS[1])):
        layer = layers[name]
        assert layer["weights"]["type_after"] == "i8" and layer["input_type_after"] == "u8", layer
        assert layer["bytes_after"] < layer["bytes_before"]
        assert layer["ns_before"] > 0 and layer["ns_after"] > 0
        positions = 64 if name == FIRST else 36
        assert layer["macs_before"] == layer["macs_after"] == w.size * positions
        assert 15 < layer["noise"]["accumulated"]["sqnr_db"] < 60
    first = [layers[name]["noise"]["alone"]["sqnr_db"] for name in report["worst"]]
    assert first == sorted(first), "the worst comes first"
    assert report["before"]["compiled_bytes"] > 0 and report["after"]["arena_bytes"] > 0
    assert report["after"]["parameter_bytes"] < report["before"]["parameter_bytes"]


def pruned_channels(edgecc, folder):
    report, layers = report_of(edgecc, folder, "--calibrate", "samples.npy", "--prune", "macs:0.5")
    check_schema(report)
    channels = layers[FIRST]["channels"]
    assert channels["before"] == 16 and 0 < channels["after"] < 16, channels
    assert layers[SECOND]["macs_after"] == channels["after"] * 6 * 9 * 36
    assert report["after"]["macs"] < 0.6 * report["before"]["macs"]


def compile_alone(edgecc, folder):
    report, layers = report_of(edgecc, folder)
    check_schema(report)
    assert not report["compressed"] and report["noise"] is None
    assert layers[FIRST]["ns_after"] > 0 and layers[FIRST]["ns_before"] is None


def onnx_is_not_timed(edgecc, folder):
    run(edgecc, folder, "model.onnx", "-o", "out.onnx", "--emit", "onnx", "--calibrate",
        "samples.npy", "--quantize", "int8", "--quantize-all", "--report-json", "report.json")
    report = json.loads((folder / "report.json").read_text())
    check_schema(report)
    assert report["after"]["ns"] is None
    assert any("No times were measured" in w for w in report["warnings"]), report["warnings"]
    assert report["noise"]["outputs"][0]["tensor"] == "map"


class Page(html.parser.HTMLParser):
    """Tags that are opened and closed in order; what they refer to."""
    VOID = {"meta", "br", "!doctype"}

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.references, self.text = [], [], [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.references += [(name, value) for name, value in attributes
                            if name in ("src", "href", "srcset", "data", "action") or
                            name.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.text += data


def page(edgecc, folder):
    report_of(edgecc, folder, "--calibrate", "samples.npy", "--quantize", "int8", "--quantize-all")
    text = (folder / "report.html").read_text()
    parsed = Page()
    parsed.feed(text)
    parsed.close()
    assert not parsed.open, parsed.open
    assert not parsed.references, "the page must not refer to anything"
    assert not re.search(r"https?:|url\(|@import|<link|<img", text)
    assert parsed.tags.count("script") == 1 and "<script>alert" not in text
    assert FIRST in parsed.text and SECOND in parsed.text, "names are shown as they are"
    assert parsed.tags.count("svg") >= 3 and "table" in parsed.tags


def mistakes(edgecc, folder):
    for option in ("--report", "--report-json"):
        run(edgecc, folder, "model.onnx", "-o", "out.blob", option, "absent/report", exit_code=2)
        run(edgecc, folder, "model.onnx", "-o", "out.blob", option, ".", exit_code=2)
    assert not (folder / "out.blob").exists(), "refused before the work"


if __name__ == "__main__":
    main([weights_rounded_to_8_bits, integers_everywhere, pruned_channels, compile_alone,
          onnx_is_not_timed, page, mistakes])
