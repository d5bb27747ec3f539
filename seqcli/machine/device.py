"""Where and how precisely the products are computed: chosen once, and said aloud."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqcli.errors import ConfigError, TrainingError
from seqcli.machine.distributed import ALONE, Ranks
from seqcli.machine.processor import multiplies_bfloat16
from seqcli.machine.team import Found, Item, Team, members

SMALL_STEP = 4_000_000  # multiply-adds: 40 microseconds of one core
HUGE_PAGE, HEAP_AHEAD = 2 << 20, 1_000 << 20  # bytes; less than what glibc is told to map apart


@dataclass(frozen=True)
class Runtime:
    """Device, precision of the matrix products ("fp32" or "bf16"), threads on the CPU."""

    device: torch.device
    precision: str
    threads: int
    ranks: Ranks = ALONE  # the processes that share the work
    team: Team | None = None  # of threads that share batches, and not operations

    def each(self, items: Sequence[Item], work: Callable[[Item], Found]) -> list[Found]:
        """work(item) of each, in order, by as many threads as there are; of a single one, inside.

        What the work changes must be its own: a batch's rows of an array, say.
        """
        if self.team is None or len(items) < 2:
            return [work(item) for item in items]
        return self.team.each(items, work)

    def own(self, items: Sequence[Item], work: Callable[[Item], Found]) -> list[Found]:
        """`each` of those that are this rank's."""
        return self.each(self.ranks.own(items), work)

    @property
    def dtype(self) -> torch.dtype:
        """Of the operands of matrix products."""
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    @property
    def policy(self) -> str:
        """Precision of the matrix products, in words."""
        if self.device.type != "cuda":
            return self.precision
        return "bf16, TF32 for the rest" if self.precision == "bf16" else "fp32 without TF32"

    @contextlib.contextmanager
    def products(self) -> Iterator[None]:
        """Matrix products inside run in the chosen precision; weights stay float32."""
        if self.precision == "fp32":
            yield
            return
        with torch.autocast(self.device.type, torch.bfloat16):
            yield


def choose_device(name: str, ranks: Ranks = ALONE) -> torch.device:
    """ "auto", "cpu", "cuda", "cuda:N" or "mps" -> a device that is there; a GPU for each rank."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?|mps", name):
        raise ConfigError(f"unknown device {name!r}", "one of: auto, cpu, cuda, cuda:N, mps")
    if ranks.world > 1 and name in ("auto", "cuda") and torch.cuda.is_available():
        name = f"cuda:{ranks.local_rank}"
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    found = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }[device.type]
    if (device.index or 0) >= found:
        raise TrainingError(
            f"no {name} device on this machine", "--device auto takes what there is"
        )
    return device


def set_threads(threads: int | None, ranks: Ranks = ALONE) -> int:
    """Threads for the CPU's products: as asked for, else one a core this process may use.

    Ranks on one host share its cores.
    """
    count = threads or max(_cores() // ranks.local_world, 1)
    torch.set_num_threads(count)
    return count


def worth_threads(multiply_adds: int) -> int | None:
    """1 where a time step of a batch has too little work to share; None: as many as there are.

    Two threads gain nothing on a small step, and lose a hundredfold when another program wants a
    core: each of its thousands of joins then waits for the scheduler.
    """
    return 1 if multiply_adds < SMALL_STEP else None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_freed_memory() -> None:
    """Have glibc keep freed blocks for the next step, in huge pages, for the whole process.

    So only a program that owns its process calls this: the command line, a benchmark.
    By default it hands large ones back at every free, and the next step's first touch of each page
    costs a fault and zeroing: a quarter of a small language model's step. Huge pages spare another
    7 %, most of it the look-up of addresses.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):  # glibc's alone
        return
    trim_threshold, map_threshold, arenas = -1, -3, -8
    libc.mallopt(map_threshold, 1 << 30)
    libc.mallopt(trim_threshold, (1 << 31) - 1)
    libc.mallopt(arenas, 1)  # those of further threads are small, and hand memory back
    libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    libc.free.argtypes = [ctypes.c_void_p]
    ahead = libc.malloc(HEAP_AHEAD)  # addresses without memory, until something touches them
    if ahead:
        first = -(-ahead // HUGE_PAGE) * HUGE_PAGE
        libc.madvise(first, HEAP_AHEAD - HUGE_PAGE, mmap.MADV_HUGEPAGE)
        libc.free(ahead)


def training_runtime(
    device: str,
    threads: int | None,
    precision: str,
    *,
    bfloat16_helps: bool,
    multiply_adds: int,
    rows: int = 1,
    numbers: int = 0,
    ranks: Ranks = ALONE,
    deterministic: bool = False,
) -> Runtime:
    """Device, precision and threads as asked for, or what suits a model of this cell and size.

    `multiply_adds`: of one time step of a batch; it has so many `rows`, the model so many `numbers`
    (weights). Errors: ConfigError, TrainingError.
    """
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS may vary
        torch.use_deterministic_algorithms(True)
    place = choose_device(device, ranks)
    chosen = choose_precision(precision, place, bfloat16_helps or place.type == "cuda")
    if place.type == "cuda":
        torch.cuda.set_device(place)
    # "fp32" is float32 throughout; beside bfloat16 products, TF32 loses nothing
    float32_products(place, exact=chosen != "bf16")
    count = set_threads(threads or worth_threads(multiply_adds), ranks)
    team = None
    if place.type == "cpu" and ranks.world == 1 and (size := members(count, rows, numbers)) > 1:
        team = Team(size, count // size)
        torch.set_num_threads(team.inside)  # for what the first thread does between two batches
    return Runtime(place, chosen, count, ranks, team)


def float32_products(device: torch.device, *, exact: bool) -> None:
    """How a GPU multiplies float32 numbers from now on: in full, or in TF32.

    Not said, cuDNN takes TF32 for recurrent layers: figures must say it, in `train` and in `eval`.
    """
    if device.type == "cuda":
        precision = "ieee" if exact else "tf32"
        torch.backends.cuda.matmul.fp32_precision = precision
        torch.backends.cudnn.rnn.fp32_precision = precision  # type: ignore[attr-defined]


def choose_precision(asked: str, device: torch.device, helps: bool) -> str:
    """ "auto" -> "bf16" where it `helps` this model and the device has instructions for it.

    Errors: TrainingError for "bf16" where there is none.
    """
    if device.type == "cpu" and not multiplies_bfloat16():
        helps = False  # computed without such instructions it is slower than float32
    if asked == "fp32" or (asked == "auto" and not helps):
        return "fp32"
    if (device.type != "cpu" or cpu_has_bfloat16()) and _probe(device):
        return "bf16"
    if asked == "bf16":
        raise TrainingError(
            f"no bf16 on this machine's {device.type}", "--precision auto falls back to fp32"
        )
    return "fp32"


def cpu_has_bfloat16() -> bool:
    """Whether oneDNN multiplies in bfloat16 on this processor; AVX2 alone is not enough."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    supported: bool = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return supported


def _probe(device: torch.device) -> bool:
    """A tiny LSTM forward and backward: some builds know bfloat16 and still refuse it."""
    try:
        with torch.random.fork_rng(devices=[]):
            layer = torch.nn.LSTM(8, 8, batch_first=True).to(device)
            x: Tensor = torch.zeros(2, 3, 8, device=device, requires_grad=True)
            with torch.autocast(device.type, torch.bfloat16):
                y, _ = layer(x)
            y.float().sum().backward()
    except RuntimeError:
        return False
    return True
