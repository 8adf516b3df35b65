"""Ctrl-C and SIGTERM while training."""

import os
import signal
import socket
import threading

_PATIENCE = 3.0  # seconds after the second signal


class Interrupts:
    """Answers Ctrl-C and SIGTERM in a `with` block: the first sets `asked`, the second interrupts.

    Python runs a signal's handler only between two of its instructions, and compiling a step is
    one instruction that takes minutes. So a thread waits for the signals too. It prints at once
    what will happen, and ends the process if the second signal is not handled within 3 seconds.
    Files that are being written then have hidden names; the next start removes them.

    Attributes:
      asked: whether the user asked to stop.
    Raises: KeyboardInterrupt in the block at the second signal.
    """

    def __init__(self):
        self.asked = False
        self._handlers = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._receiver, self._sender = socket.socketpair()
            self._sender.setblocking(False)
            self._wakeup = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers[number] = signal.signal(number, self._answer)
            threading.Thread(target=self._watch, name="interrupts", daemon=True).start()
        return self

    def __exit__(self, *exception) -> None:
        if not self._handlers:
            return
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._sender.close()  # ends the thread
        self._handlers = {}

    def _answer(self, number, frame) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def _watch(self) -> None:
        with self._receiver:
            if self._next():
                print(
                    "\nfinishing the step (and its compilation, if that is under way), then saving;"
                    " once more to stop at once",
                    flush=True,
                )
            if self._next():
                self._receiver.settimeout(_PATIENCE)
                try:
                    while self._next():
                        pass
                except TimeoutError:
                    os._exit(130)

    def _next(self) -> bool:
        """Waits for a signal of ours; False when the block has ended."""
        while received := self._receiver.recv(1):
            if received[0] in (signal.SIGINT, signal.SIGTERM):
                return True
        return False
