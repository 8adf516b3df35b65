"""Ctrl-C and SIGTERM, also while a C function runs."""

import os
import signal
import subprocess
import sys

import pytest

from pgan_tf.training.interrupts import Interrupts

BUSY = """
import hashlib
from pgan_tf.training.interrupts import Interrupts
with Interrupts() as interrupts:
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", {rounds})
    print("asked", interrupts.asked, flush=True)
"""


def start(rounds):
    """Starts a process that runs `rounds` of a hash in C, without returning to Python."""
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY.format(rounds=rounds)],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_the_first_signal_asks_to_stop_and_is_answered_at_once(number):
    with start(2 * 10**6) as process:
        process.send_signal(number)
        assert process.stdout.readline() == "\n"
        assert "once more to stop at once" in process.stdout.readline()
        assert process.stdout.read() == "asked True\n"
    assert process.returncode == 0


def test_the_second_signal_ends_the_process():
    with start(2**31 - 1) as process:
        process.send_signal(signal.SIGINT)
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
    assert process.returncode == 130


def test_the_second_signal_interrupts_python_and_handlers_are_restored():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.asked
        os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
