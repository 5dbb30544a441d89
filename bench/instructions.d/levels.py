"""CPU levels whose instructions can be counted, and what each needs of this machine."""
import dataclasses
import pathlib
import re
import shutil


@dataclasses.dataclass(frozen=True)
class Level:
    name: str                 # of edgecc's --cpu
    target: str               # of edgecc's --target
    triple: str
    march: tuple = ()         # for the program around the model
    emulator: tuple = ()      # QEMU's command; empty: runs here
    mark: int = 0             # number of getpid
    flags: frozenset = frozenset()  # of /proc/cpuinfo

    def why_not(self):
        """Why this machine cannot count for the level; empty if it can."""
        if self.emulator:
            found = shutil.which(self.emulator[0])
            return "" if found else f"{self.emulator[0]} (Debian: qemu-user) is not installed"
        found = re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
        missing = self.flags - set(found[1].split() if found else [])
        return f"this machine lacks {' '.join(sorted(missing))}" if missing else ""


def _x86(name, *flags):
    return Level(name, "x86-64", "x86_64-linux-gnu", flags=frozenset(flags))


def _arm(name, cpu):
    return Level(name, "aarch64", "aarch64-linux-gnu", (), ("qemu-aarch64", "-cpu", cpu), 172)


def _riscv(name, cpu):
    return Level(name, "riscv64", "riscv64-linux-gnu", ("-march=rv64gc",),
                 ("qemu-riscv64", "-cpu", cpu), 172)


# rv64gcv on the narrowest registers that V allows, which is what edgecc compiles for.
LEVELS = {level.name: level for level in (
    _x86("avx2", "avx2", "fma", "f16c", "bmi2"),
    _x86("avx512vnni", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"),
    _arm("neon", "cortex-a53"),
    _arm("dotprod", "max"),
    _arm("i8mm", "max"),
    _riscv("rv64gc", "rv64,v=false"),
    _riscv("rv64gcv", "rv64,v=true,vlen=128,vext_spec=v1.0"))}
