"""Command line: a page on which a snapshot's generator is explored, computed on this machine."""

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
        description="Serves a page in which Gs is explored: samples, walks, mixtures, directions."
        " The images are computed here, and only browsers of this computer reach it, unless --host"
        " says otherwise. Ctrl-C stops.",
        examples=EXAMPLES,
    )
    cli.add_snapshot(p)
    cli.add_results(p)
    p.add_argument(
        "--latent", metavar="FILE", action="append", default=[],
        help="begin with these latents, a .npy file [n, latent_size]; may be repeated",
    )  # fmt: skip
    p.add_argument(
        "--host", metavar="ADDRESS", default=HOST,
        help="of this computer, where the page is served; 0.0.0.0 for all that it has. What others"
        " can reach has a random token in its address, without which nothing is answered",
    )  # fmt: skip
    p.add_argument(
        "--port", metavar="N", type=cli.whole_number(0, 65535), default=PORT,
        help="0 for any that is free",
    )  # fmt: skip
    p.add_argument("--open", action="store_true", help="open the page in the browser, too")
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and serves the page until Ctrl-C."""
    argv = sys.argv[1:] if argv is None else list(argv)
    args = parser().parse_args(argv)
    from pgan_tf.explore import listening  # not before --help has been answered

    try:
        opened = listening.listen(args.host, args.port)
    except listening.PortInUseError as error:
        command = shlex.join([*PROGRAM.split(), *_with_port(argv, error.free)])
        raise UserError(f"port {args.port} is in use; this one is free: {command}") from None
    devices.load_tensorflow(repeatable=True)
    from pgan_tf.explore.serving import serve

    say = functools.partial(print, flush=True)  # it may be read by another program
    serve(args.snapshot or args.results, opened, args.latent, args.open, say)


def _with_port(argv: Sequence[str], port: int) -> list[str]:
    """Returns a command line with another port."""
    kept = [a for i, a in enumerate(argv) if a != "--port" and argv[max(i - 1, 0)] != "--port"]
    return [*(a for a in kept if not a.startswith("--port=")), "--port", str(port)]


def _run_and_leave(argv: Sequence[str] | None = None) -> None:
    """Runs `main`, and waits for no batch then: it can't be interrupted, and nothing is lost."""
    main(argv)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    cli.run(_run_and_leave)
