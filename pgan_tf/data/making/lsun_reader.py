"""Reads the entries of an LMDB database in a separate process, which `lsun.reading` starts.

LMDB maps its file and trusts the content: a damaged database, or one that is cut short while it is
read, can crash the process. This file imports nothing from the package, so that it starts quickly.

    python -P lsun_reader.py DIRECTORY

It writes to standard output. First comes a line of JSON, {"entries": number} or {"error": text}.
Then each entry follows as two numbers (HEAD), the lengths of its key and value, then the key and
the value. At the end it writes END and 0, or ERROR, the length of a text, and the text. If it runs
out of memory, it ends with the status OUT_OF_MEMORY.
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
    """Writes all entries of a database to `replies`, in the order of their keys."""
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
                if key <= previous or len(value) > size:  # else a loop of pages would never end
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
