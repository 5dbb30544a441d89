# SPDX-License-Identifier: Apache-2.0
"""python_binding_test.py MAKE_FLAT_BLOB: the ctypes binding, on the model of flat_model.c."""

import gc
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np

import edgecc

WEIGHTS = np.array([2, -1, 0.5, 3], np.float32)
BLOB = None


def example():
    return (np.arange(24, dtype=np.float32) * np.float32(0.37) - 3).reshape(6, 4)


class Binding(unittest.TestCase):
    def setUp(self):
        self.model = edgecc.Model(BLOB)
        self.x = example()
        self.state = np.arange(4, dtype=np.float32)

    def test_describes_the_model(self):
        self.assertEqual(self.model.name, "flat")
        x = self.model.inputs[0]
        self.assertEqual((x.name, x.type, x.shape, x.nbytes), ("x", "f32", (6, 4), 96))
        self.assertEqual(x.quantization.zero_points, (1, 2, 3, 4))
        self.assertEqual(x.preprocessing.layout, "NHWC")
        self.assertIsNone(self.model.inputs[1].preprocessing)
        self.assertEqual(self.model.layers[0].nodes, ("mul", "add"))
        self.assertEqual(self.model.layers[1].kind, "scalar loop")
        self.assertEqual(self.model.arena_size(2), 64 + 2 * 64)
        self.model.verify()

    def test_runs_and_gives_actual_shapes(self):
        outputs = self.model.run({"x": self.x, "state": self.state})
        np.testing.assert_array_equal(outputs["y"], self.x * WEIGHTS + self.state)
        np.testing.assert_array_equal(outputs["positive"], self.x[self.x > 0])

    def test_accepts_any_strides(self):
        padded = np.zeros((6, 8), np.float32)
        padded[:, ::2] = self.x
        for x in (np.asfortranarray(self.x), padded[:, ::2], self.x[::-1][::-1]):
            outputs = self.model.run({"x": x, "state": self.state[::-1]})
            np.testing.assert_array_equal(outputs["y"], self.x * WEIGHTS + self.state[::-1])

    def test_states_move_from_run_to_run(self):
        context = self.model.context(threads=2)
        self.assertEqual(context.threads, 2)
        context.bind_state("next", "state")
        state = np.zeros(4, np.float32)
        for _ in range(10):
            outputs = context.run({"x": self.x})
            np.testing.assert_array_equal(outputs["y"], self.x * WEIGHTS + state)
            state = outputs["next"]
        context.reset_states()
        np.testing.assert_array_equal(context.run({"x": self.x})["y"], self.x * WEIGHTS)
        given = context.run({"x": self.x, "state": self.state})
        np.testing.assert_array_equal(given["y"], self.x * WEIGHTS + self.state)

    def test_profiles_layers(self):
        context = self.model.context()
        context.profiling = True
        for _ in range(3):
            context.run({"x": self.x, "state": self.state})
        profile = context.profile()
        self.assertEqual([p.count for p in profile], [3, 3])
        self.assertEqual(profile[0].layer.op, "Mul+Add 6x4")
        self.assertGreaterEqual(profile[0].total_ns, 3 * profile[0].min_ns)

    def test_wrong_inputs_are_explained(self):
        good = {"x": self.x, "state": self.state}
        with self.assertRaisesRegex(KeyError, "'state' is missing"):
            self.model.run({"x": self.x})
        with self.assertRaisesRegex(KeyError, "no input 'q'"):
            self.model.run({**good, "q": self.x})
        with self.assertRaisesRegex(TypeError, "float32, not float64"):
            self.model.run({**good, "x": self.x.astype(np.float64)})
        with self.assertRaisesRegex(ValueError, "shape"):
            self.model.run({**good, "x": self.x[:5]})

    def test_failures_of_the_runtime_carry_its_message(self):
        with self.assertRaisesRegex(edgecc.EdgeccError, "magic number"):
            edgecc.Model(__file__)
        self.x[0, 0] = np.float32(1e30)
        with self.assertRaisesRegex(edgecc.EdgeccError, "index"):
            self.model.run({"x": self.x, "state": self.state})

    def test_a_context_keeps_its_model_loaded(self):
        context = self.model.context()
        del self.model
        gc.collect()
        outputs = context.run({"x": self.x, "state": self.state})
        np.testing.assert_array_equal(outputs["y"], self.x * WEIGHTS + self.state)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        BLOB = os.path.join(folder, "flat.blob")
        subprocess.run([sys.argv.pop(), BLOB], check=True)
        unittest.main(verbosity=0)
