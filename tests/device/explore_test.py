#!/usr/bin/env python3
"""edgecc explore and edgecc share.

    explore_test.py EDGECC
"""
import json

from small_network import main


def lines(tool, name):
    text = (tool.folder / name).read_text()
    return [json.loads(line) for line in text.splitlines() if line]


def explores_all_combinations(tool):
    text = tool.run("explore", "model.onnx", "--target", "myriadx", "--sweep", "shaves=2,4",
                    "--sweep", "streams=1:2", "-o", "results.jsonl", "--html", "plot.html", "-q")
    results = lines(tool, "results.jsonl")
    points = [(r["point"]["shaves"], r["point"]["streams"]) for r in results]
    assert sorted(points) == [("2", "1"), ("2", "2"), ("4", "1"), ("4", "2")], points
    assert all(r["failure"] == "" and r["fps"] > 0 and r["energy_mj"] > 0 for r in results)
    assert text.count("*") >= 2, text  # the heading's, and one result at least
    page = (tool.folder / "plot.html").read_text()
    assert page.count("<circle") == 4 and "http" not in page.replace("http-equiv", "")


def goes_on_where_it_stopped(tool):
    sweep = ["explore", "model.onnx", "--target", "myriadx", "-o", "again.jsonl", "-q"]
    tool.run(*sweep, "--sweep", "shaves=2,4")
    first = lines(tool, "again.jsonl")
    # What is there is taken as it is; half a line, as an interrupted run leaves it, is not.
    first[0]["fps"] = 12345.0
    (tool.folder / "again.jsonl").write_text(json.dumps(first[0]) + "\n" +
                                             json.dumps(first[1])[:40])
    text = tool.run(*sweep, "--sweep", "shaves=2,4,8")
    assert "12345.0" in text, text
    after = [json.loads(line) for line in (tool.folder / "again.jsonl").read_text().splitlines()
             if line.endswith("}")]
    assert len(after) == 3, after


def same_results_for_any_number_of_jobs(tool):
    sweep = ["explore", "model.onnx", "--target", "hailo8", "--sweep", "compute-cap=0.3:0.9:0.3",
             "-q"]
    one = tool.run(*sweep, "--jobs", "1")
    assert one == tool.run(*sweep, "--jobs", "3")


def says_what_does_not_fit(tool):
    text = tool.run("explore", "model.onnx", "--target", "myriadx", "--sweep", "shaves=4,16",
                    "--sweep", "streams=2", "-q")
    assert "too many" in text, text


def refuses_what_cannot_be_swept(tool):
    for bad in ("colour=1,2", "shaves=", "shaves=9:1", "prune=2", "shaves"):
        tool.run("explore", "model.onnx", "--sweep", bad, exit_code=2)
    tool.run("explore", "model.onnx", "--target", "native", "--sweep", "shaves=1",
             exit_code=2)


def fails_where_nothing_compiles(tool):
    text = tool.run("explore", "model.onnx", "--target", "hailo8", "--sweep", "shaves=2,4", "-q",
                    exit_code=2)
    assert "no combination" in text and "has no shaves" in text, text


def finds_the_input_of_images(tool):
    # The shape is fixed: the message names the input, whatever it is called.
    text = tool.run("explore", "model.onnx", "--target", "hailo8", "--sweep", "input=8", "-q",
                    exit_code=2)
    assert "8x8 does not fit the input" in text, text


def shares_a_device(tool):
    for target in ("myriadx", "hailo8"):
        text = tool.run("share", "model.onnx=30", "model.onnx=10", "--target", target, "-o", target)
        equal, best = [float(line.split()[2]) for line in text.splitlines() if "together" in line]
        assert best >= equal > 0, text
        assert ("loading contexts" in text) == (target == "hailo8"), text
        for name in ("model.blob", "model_.blob"):
            out = tool.run("run", f"{target}/{name}", "--input", "input.npy")
            assert "frames a second" in out
    tool.run("share", "model.onnx", "-o", "alone", exit_code=2)


main([explores_all_combinations, goes_on_where_it_stopped, same_results_for_any_number_of_jobs,
      says_what_does_not_fit, refuses_what_cannot_be_swept,
      fails_where_nothing_compiles, finds_the_input_of_images, shares_a_device])
