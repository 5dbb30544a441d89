#!/usr/bin/env python3
"""--report, --report-json and --trace of compiles for devices.

    device_report_test.py EDGECC
"""
import html.parser

from small_network import LAYERS, TARGETS, main, write


class Page(html.parser.HTMLParser):
    """Text, names of elements, and what the page would load."""
    VOID = {"meta", "br", "link", "img", "input"}

    def __init__(self, content):
        super().__init__()
        self.text, self.names, self.loaded, self.open = "", [], [], []
        self.feed(content)

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        self.loaded += [v for k, v in attributes if k in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.names.append(tag)
        self.loaded += [v for k, v in attributes if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, text):
        self.text += text


def the_page_is_whole(tool):
    for target in TARGETS:
        tool.compile(target, "--report", "r.html", "--budget", "fps=1000000", exit_code=1)
        page = Page((tool.folder / "r.html").read_text())
        assert not page.open and not page.loaded, (page.open, page.loaded)
        names = [layer["name"] for layer in tool.inspect(f"{target}.blob")["device"]["layers"]]
        assert all(name in page.text for name in names + LAYERS), target
        assert page.names.count("svg") >= 4, target
        for word in ("Timeline", "Roofline", "Memory over time", "Limited by", "FAIL fps"):
            assert word in page.text, (target, word)


def the_json_agrees_with_inspect(tool):
    for target in TARGETS:
        tool.compile(target, "--report-json", "r.json")
        report = tool.json("r.json")
        device = tool.inspect(f"{target}.blob")["device"]
        assert report["format"] == "edgecc-device-report" and report["version"] == 1
        assert report["output_bytes"] == (tool.folder / f"{target}.blob").stat().st_size
        for key in ("latency_ms", "fps", "energy_mj", "bytes_per_frame", "bottleneck"):
            assert report["device"][key] == device[key], (target, key)
        assert all("limited_by" in layer for layer in report["device"]["layers"])
        peak = report["roofline"]["peak_macs_per_second"]
        points = report["roofline"]["points"]
        assert points and all(0 < p["macs_per_second"] <= peak * 1.001 for p in points)
        assert {p["level"] for p in points} <= {"on_chip", "off_chip"}
        assert report["what_if"] and report["sensitivity"]
        # How far the allocation may be from the best one.
        assert target != "hailo8" or any("best allocation" in note for note in report["notes"])


def faster_machines_are_not_slower(tool):
    for target in TARGETS:
        tool.compile(target, "--report-json", "r.json")
        report = tool.json("r.json")
        fps, latency = report["device"]["fps"], report["device"]["latency_ms"]
        for change in report["sensitivity"]:
            assert change["fps"] >= fps * 0.98 and change["latency_ms"] <= latency * 1.02, change
        # Two resources may limit the frame rate alike; one at least makes a frame wait.
        assert min(change["latency_ms"] for change in report["sensitivity"]) < 0.95 * latency


def what_if_is_what_a_compile_gives(tool):
    tool.compile("myriadx", "--streams", "2", "--shaves", "2", "--report-json", "r.json")
    more = next(w for w in tool.json("r.json")["what_if"] if "vector units instead of 2" in w["change"])
    tool.compile("myriadx", "--streams", "2", "--shaves", more["change"].split()[0])
    device = tool.inspect("myriadx.blob")["device"]
    assert abs(more["fps"] / device["fps"] - 1) < 1e-9
    assert abs(more["latency_ms"] / device["latency_ms"] - 1) < 1e-9


def slow_activations_are_named(tool):
    for activation, is_slow in (("Relu", False), ("Sigmoid", True)):
        write(tool.folder, activation=activation)
        tool.compile("myriadx", "--report-json", "r.json")
        advice = [text for text in tool.json("r.json")["advice"] if "Relu" in text]
        assert bool(advice) == is_slow, (activation, advice)
        assert not is_slow or advice[0].startswith("Activations by Sigmoid take"), advice


def check_trace(trace, device):
    events = trace["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    tracks = {e["tid"]: e["args"]["name"] for e in events
              if e["ph"] == "M" and e["name"] == "thread_name"}
    assert spans and all(e["tid"] in tracks and e["dur"] >= 0 and e["ts"] >= 0 for e in spans)
    assert {e["ph"] for e in events} == {"M", "X", "C"}
    layers = {layer["name"] for layer in device["layers"] if layer["busy_us"] > 0}
    assert layers <= {e["name"] for e in spans}, layers - {e["name"] for e in spans}
    assert len({e["args"]["frame"] for e in spans}) > 1
    counters = {e["name"] for e in events if e["ph"] == "C"}
    assert counters and counters <= {m["name"] for m in device["memories"]}
    return spans


def the_trace_has_every_layer(tool):
    for target in TARGETS:
        tool.compile(target, "--trace", "t.json")
        device = tool.inspect(f"{target}.blob", "--trace", "again.json")["device"]
        spans = check_trace(tool.json("t.json"), device)
        assert tool.json("t.json") == tool.json("again.json")
        if target == "myriadx":  # a queue does one thing at a time
            for tid in {e["tid"] for e in spans}:
                mine = sorted((e["ts"], e["ts"] + e["dur"]) for e in spans if e["tid"] == tid)
                assert all(a[1] <= b[0] + 1e-6 for a, b in zip(mine, mine[1:]))


def no_folder_to_write_to(tool):
    for option in ("--report", "--report-json", "--trace"):
        text = tool.compile("myriadx", option, "absent/x", exit_code=2)
        assert "absent" in text and not (tool.folder / "myriadx.blob").exists(), text


main([the_page_is_whole, the_json_agrees_with_inspect, faster_machines_are_not_slower,
      what_if_is_what_a_compile_gives, slow_activations_are_named, the_trace_has_every_layer,
      no_folder_to_write_to])
