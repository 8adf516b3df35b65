"""Reads the entries of an LMDB database, in a process of its own: `reading` in lsun.py starts it.

LMDB maps its file and trusts what is in it: a damaged database, or one that is cut short while it
is read, ends the process that reads it. It imports nothing of the package: it must start quickly.

    python -P lsun_reader.py DIRECTORY

It answers on standard output: a line of JSON, {"entries": number} or {"error": text}; then for
each entry two numbers (HEAD), the lengths of key and value, then both; at the end END and 0, or
ERROR and the length of a text that follows. Out of memory, it ends with the status OUT_OF_MEMORY.
"""

import json
import os
import struct
import sys
from typing import BinaryIO

HEAD = struct.Struct("<II")
END, ERROR = (1 << 32) - 1, (1 << 32) - 2
OUT_OF_MEMORY = 3


def serve(directory: str, replies: BinaryIO) -> None:
    """Writes all entries, in the order of their keys."""
    import lmdb

    try:
        size = os.path.getsize(os.path.join(directory, "data.mdb"))
        environment = lmdb.open(directory, readonly=True, lock=False, readahead=False)
        needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        if size < needed:
            what = f"{directory}/data.mdb is cut short ({size} of {needed} bytes)"
            _send(replies, {"error": what})
            return
        _send(replies, {"entries": environment.stat()["entries"]})
    except (lmdb.Error, OSError) as error:
        _send(replies, {"error": f"{directory} can't be read ({error})"})
        return
    try:
        with environment.begin() as transaction:
            previous = b""
            for key, value in transaction.cursor():
                if key <= previous or len(value) > size:  # it would never end
                    raise lmdb.CorruptedError("keys out of order, or a value beyond the file")
                replies.write(HEAD.pack(len(key), len(value)))
                replies.write(key)
                replies.write(value)
                previous = key
        replies.write(HEAD.pack(END, 0))
    except lmdb.Error as error:
        text = f"{directory} can't be read ({error})".encode()
        replies.write(HEAD.pack(ERROR, len(text)) + text)
    replies.flush()


def _send(replies: BinaryIO, content: dict[str, object]) -> None:
    replies.write(json.dumps(content).encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    try:
        serve(sys.argv[1], sys.stdout.buffer)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
