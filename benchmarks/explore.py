"""Measures the images per second of the explorer's server. `python -m benchmarks.explore --help`"""

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

if not __package__:  # python benchmarks/explore.py
    sys.path.insert(0, str(Path(__file__).parents[1]))

from pgan_tf import cli, devices, latents
from pgan_tf.run import snapshot_name


def main(argv: Sequence[str] | None = None) -> None:
    """Starts a server for a generator, and requests images from it as the page does."""
    p = cli.Parser(
        prog="python -m benchmarks.explore",
        description="Starts a server, and measures it from this process, one request at a time.",
        examples="  python -m benchmarks.explore\n"
        "  python -m benchmarks.explore --snapshot results/000-openmoji-fp32\n"
        "  python -m benchmarks.explore --resolution 256 --fmap-max 512 --fmap-base 8192",
    )
    number = cli.whole_number
    p.add_argument("--snapshot", help="snapshot to serve (default: one with random weights)")
    p.add_argument("--resolution", type=number(4), default=64, help="of the random snapshot")
    p.add_argument("--fmap-base", type=number(), default=512, help="of the random snapshot")
    p.add_argument("--fmap-max", type=number(), default=64, help="of the random snapshot")
    p.add_argument("--seconds", type=number(), default=10, help="duration of each measurement")
    p.add_argument(
        "--images", type=number(), nargs="+", default=[1, 4, 16], help="images per request"
    )
    args = p.parse_args(argv)
    with tempfile.TemporaryDirectory() as directory:
        snapshot = args.snapshot or _write_random_snapshot(Path(directory), args)
        command = ["-m", "pgan_tf.explore", "--snapshot", str(snapshot), "--port", "0"]
        with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as run:
            try:
                print(run.stdout.readline().strip())
                place = urlsplit(run.stdout.readline().split()[0]).netloc
                info = json.loads(_ask(place, "GET", "/api/info"))
                for count in args.images:
                    _measure(place, info, min(count, info["most"]), args.seconds)
            finally:
                run.terminate()


def _write_random_snapshot(directory: Path, args) -> Path:
    """Writes a snapshot with random weights; returns its path."""
    devices.load_tensorflow()
    from pgan_tf.config import Config
    from pgan_tf.networks import Discriminator, Generator
    from pgan_tf.snapshots import save_snapshot

    path = directory / snapshot_name(0)
    shape = {name: getattr(args, name) for name in ("resolution", "fmap_base", "fmap_max")}
    networks = [kind(**shape, seed=1) for kind in (Generator, Discriminator, Generator)]
    save_snapshot(path, *networks, Config(), 0, 0.0)
    return path


def _measure(place: str, info: dict, count: int, seconds: float) -> None:
    """Prints the rate of requests for `count` images."""
    z = latents.from_seeds(range(count), info["latent_size"]).tolist()
    body = json.dumps({"latents": z, "label": None, "lod": info["lods"][0]})
    _ask(place, "POST", "/api/images", body)  # compiles
    times = []
    start = time.perf_counter()
    while (sent := time.perf_counter()) < start + seconds:
        _ask(place, "POST", "/api/images", body)
        times.append(time.perf_counter() - sent)
    rate = count * len(times) / sum(times)
    median = sorted(times)[len(times) // 2]
    print(
        f"{count:3} per request: {rate:7.1f} images/s, {1000 * median:.1f} ms per request (median)"
    )


def _ask(place: str, method: str, path: str, body: str | None = None) -> bytes:
    connection = http.client.HTTPConnection(place)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(content.decode())
    return content


if __name__ == "__main__":
    cli.run(main)
