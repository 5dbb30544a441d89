"""Counts the instructions of one inference of a compiled model, block by block.

For other architectures QEMU runs the program, with count_plugin.c inside. No emulator of Debian 12
knows AVX-512, so x86-64 code runs here, assembled with a counter in front of every basic block.
"""
import bisect
import pathlib
import re
import struct
import subprocess

from levels import LEVELS

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CLANG, LLD, NM, OBJDUMP = "clang-19", "ld.lld-19", "llvm-nm-19", "llvm-objdump-19"
TYPES = {"f32": "f", "f64": "d", "f16": "e", "i64": "q", "i32": "i", "u8": "B", "i8": "b",
         "u64": "Q", "u32": "I", "i16": "h", "u16": "H", "bool": "?"}


class Block:
    """Instructions without a jump in between."""

    def __init__(self, function, instructions, executions, at):
        self.function, self.instructions, self.executions = function, instructions, executions
        self.at = at  # an address, or lines of assembly

    @property
    def total(self):
        return self.instructions * self.executions


class Count:
    """One inference: `total` instructions in `blocks`."""

    def __init__(self, blocks, macs):
        self.blocks, self.macs = blocks, macs
        self.total = sum(block.total for block in blocks)

    def functions(self):
        sums = {}
        for block in self.blocks:
            sums[block.function] = sums.get(block.function, 0) + block.total
        return sorted(sums.items(), key=lambda item: -item[1])


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{pathlib.Path(command[0]).name} ended with {done.returncode}: "
                           + done.stderr.decode(errors="replace").strip())
    return done.stdout


class Counter:
    def __init__(self, edgecc, folder):
        self.edgecc, self.folder = edgecc, pathlib.Path(folder)
        self.plugin = None

    def count(self, model, options, level_name):
        """The Count of the last of three inferences; the one before it must be the same."""
        level = LEVELS[level_name]
        compile_to = lambda kind, path: run(self.edgecc, model, "-o", path, "--emit", kind,
                                            "--target", level.target, "--cpu", level.name, *options)
        log = compile_to("obj", self.folder / "model.o").decode()
        header = (self.folder / "model.h").read_text()
        if level.emulator:
            blocks = self._emulated(level, header)
        else:
            compile_to("asm", self.folder / "model.s")
            blocks = self._here(level, header)
        macs = re.search(r"([\d.]+) ?([kMG]?) ?MACs", log)
        scale = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}
        return Count(blocks, float(macs[1]) * scale[macs[2]] if macs else 0)

    def _link(self, level, header, objects, defines=()):
        for kind in ("INPUT", "OUTPUT"):
            number = int(re.search(rf"MODEL_{kind}_COUNT (\d+)", header)[1])
            defines = (*defines, f"-DEACH_{kind}(X)=" + " ".join(f"X({i})" for i in range(number)))
        program = self.folder / "program"
        run(CLANG, f"--target={level.triple}", *level.march, "-std=c11", "-O2", "-Wall", "-Wextra",
            "-Werror", "-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-fno-pic",
            f"-I{self.folder}", f"-I{ROOT}", f"-I{ROOT}/runtime/include", *defines, "-c",
            HERE / "program.c", "-o", self.folder / "main.o")
        # The first definition of a function wins: that of instrumented assembly.
        run(LLD, "-static", "-z", "muldefs", self.folder / "main.o", *objects, "-o", program)
        return program

    def _emulated(self, level, header):
        if not self.plugin:
            self.plugin = self.folder / "count_plugin.so"
            run(CLANG, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                HERE / "count_plugin.c", "-o", self.plugin)
        program = self._link(level, header, [self.folder / "model.o"])
        out = self.folder / "blocks.txt"
        run(*level.emulator, "-plugin", f"{self.plugin},out={out},mark={level.mark}", program,
            input=inputs_of(header))
        functions = functions_of(program)
        inferences = [blocks_of(phase, functions)
                      for phase in out.read_text().split("mark\n")[:-1]]
        compare(*({(b.at, b.instructions): b.executions for b in blocks}
                  for blocks in inferences[-2:]))
        return inferences[-1]

    def _here(self, level, header):
        text, blocks = instrument((self.folder / "model.s").read_text())
        (self.folder / "counted.s").write_text(text)
        run(CLANG, f"--target={level.triple}", "-c", self.folder / "counted.s", "-o",
            self.folder / "counted.o")
        program = self._link(level, header, [self.folder / "counted.o", self.folder / "model.o"],
                             (f"-DCOUNTERS={len(blocks)}",))
        marks = list(struct.iter_unpack(f"{len(blocks)}Q", run(program, input=inputs_of(header))))
        inferences = [[after - before for before, after in zip(*pair)]
                      for pair in zip(marks, marks[1:])]
        compare(*inferences[-2:])
        return [Block(function, len(lines), executions, lines)
                for (function, lines), executions in zip(blocks, inferences[-1]) if executions]


def compare(first, second):
    if first != second:
        raise RuntimeError("two inferences in a row execute different instructions")


def blocks_of(phase, functions):
    """The model's Blocks of what the plugin wrote. QEMU may have translated one several times."""
    executions = {}
    for address, instructions, times in map(str.split, phase.splitlines()):
        key = int(address, 16), int(instructions)
        executions[key] = executions.get(key, 0) + int(times)
    return [Block(functions(address), instructions, times, address)
            for (address, instructions), times in sorted(executions.items())
            if functions(address).startswith("model_")]


def functions_of(program):
    """A function from addresses to names."""
    rows = [line.split() for line in run(NM, "-n", program).decode().splitlines()]
    rows = [(int(row[0], 16), row[2]) for row in rows if len(row) == 3 and row[1] in "tT"
            and not row[2].startswith(("$", ".L"))]
    starts = [start for start, _ in rows]
    return lambda address: rows[max(0, bisect.bisect_right(starts, address) - 1)][1]


def inputs_of(header):
    """Inputs of the header's types: small numbers in an order that does not repeat soon."""
    out, state = bytearray(), 1
    for name, dims in re.findall(r'^/\* input \d+: ".*", (\w+)\[(.*)\] \*/$', header, re.M):
        count = 1
        for extent in dims.split("x"):
            count *= int(extent.lstrip("<=") or 1)
        values = []
        for _ in range(count):
            state = (state * 1103515245 + 12345) % (1 << 31)
            values.append(state >> 16)
        if name == "bool":
            values = [value % 2 == 1 for value in values]
        elif name in ("f16", "f32", "f64"):
            values = [value / 16384 - 1 for value in values]
        else:
            values = [value % 8 for value in values]
        out += struct.pack(f"<{count}{TYPES[name]}", *values)
    return bytes(out)


LABEL = re.compile(r"^([A-Za-z_.$][\w.$]*):")
INSTRUCTION = re.compile(r"^\t([a-z][\w;]*)")


def instrument(assembly):
    """The text with a counter at the start of each basic block, and (function, lines) of each."""
    out, blocks, function, isOpen = [], [], "", False
    for line in assembly.splitlines():
        if label := LABEL.match(line):
            isOpen = False
            if not label[1].startswith(".L"):
                function = label[1]
        elif instruction := INSTRUCTION.match(line):
            if not isOpen:
                # mov and lea leave the flags alone, of which the code may be about to test some.
                counter = f"edgecc_counters+{8 * len(blocks)}(%rip)"
                out += [f"\tmovq\t{a}, {b}" if a else f"\tleaq\t{b}" for a, b in (
                    ("%rax", "edgecc_saved(%rip)"), (counter, "%rax"), ("", "1(%rax), %rax"),
                    ("%rax", counter), ("edgecc_saved(%rip)", "%rax"))]
                blocks.append((function, []))
                isOpen = True
            blocks[-1][1].append(line.strip())
            isOpen = not instruction[1].startswith("j")
        out.append(line)
    return "\n".join(out) + "\n", blocks


def listing(program, block):
    """The block's assembly."""
    if isinstance(block.at, list):
        return block.at
    text = run(OBJDUMP, "-d", "--no-show-raw-insn", "--no-leading-addr", "--mattr=+v,+all",
               f"--start-address={block.at}", f"--stop-address={block.at + 4 * block.instructions}",
               program).decode()
    lines = [line.strip() for line in text.splitlines() if line.startswith((" ", "\t"))]
    return lines[:block.instructions]
