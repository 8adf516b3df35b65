"""Command line: serves a page for exploring a snapshot's generator, computed on this machine."""

import functools
import os
import shlex
import sys
from collections.abc import Sequence

from pgan_tf import cli, devices
from pgan_tf.errors import UserError

HOST, PORT = "127.0.0.1", 8321
PROGRAM = "python -m pgan_tf.explore"
EXAMPLES = f"""\
  {PROGRAM} --snapshot
  {PROGRAM} --snapshot results/000-openmoji-fp32 --open
  {PROGRAM} --snapshot network-snapshot-012000.npz --latent saved.npy --port 8400
  {PROGRAM} --snapshot --host 0.0.0.0
"""


def parser() -> cli.Parser:
    """Returns the command line's parser."""
    p = cli.Parser(
        prog=PROGRAM,
        description="Serves a page for exploring Gs: samples, walks, mixtures, directions. This"
        " computer makes the images, and only its own browsers reach the page unless --host says"
        " otherwise. Ctrl-C stops the server.",
        examples=EXAMPLES,
    )
    cli.add_snapshot(p)
    cli.add_results(p)
    p.add_argument(
        "--latent", metavar="FILE", action="append", default=[],
        help="show the latents of this .npy file [n, latent_size] first; may be repeated",
    )  # fmt: skip
    p.add_argument(
        "--host", metavar="ADDRESS", default=HOST,
        help="this computer's address to serve the page at; 0.0.0.0 for all its addresses. If other"
        " computers can reach it, the page's address holds a random token, and requests without"
        " the token are refused",
    )  # fmt: skip
    p.add_argument(
        "--port", metavar="N", type=cli.whole_number(0, 65535), default=PORT,
        help="port to serve the page at; 0 for any free one",
    )  # fmt: skip
    p.add_argument("--open", action="store_true", help="also open the page in the browser")
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and serves the page until Ctrl-C."""
    argv = sys.argv[1:] if argv is None else list(argv)
    args = parser().parse_args(argv)
    from pgan_tf.explore import listening  # slow to import, and --help does not need it

    try:
        opened = listening.listen(args.host, args.port)
    except listening.PortInUseError as error:
        command = shlex.join([*PROGRAM.split(), *_with_port(argv, error.free)])
        raise UserError(f"port {args.port} is in use; use a free one: {command}") from None
    devices.load_tensorflow(repeatable=True)
    from pgan_tf.explore.serving import serve

    say = functools.partial(print, flush=True)  # another program may read the lines
    serve(args.snapshot or args.results, opened, args.latent, args.open, say)


def _with_port(argv: Sequence[str], port: int) -> list[str]:
    """Returns the command line with this port instead of its own."""
    kept = [a for i, a in enumerate(argv) if a != "--port" and argv[max(i - 1, 0)] != "--port"]
    return [*(a for a in kept if not a.startswith("--port=")), "--port", str(port)]


def _run_and_exit(argv: Sequence[str] | None = None) -> None:
    """Runs `main` and exits without waiting for a batch in progress.

    The batch can't be interrupted, and nobody needs its images any more.
    """
    main(argv)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    cli.run(_run_and_exit)
