"""`python -m spicy.emulator`: the emulator as a process of its own, until it is told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from spicy.emulator.server import Emulator
from spicy.emulator.state import LINK_SECONDS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m spicy.emulator",
        description="An emulator of the xAI API on loopback. Prints one line with both addresses when ready.",
    )
    parser.add_argument("--port", type=int, default=50051, help="gRPC port, 0 for any (default 50051)")
    parser.add_argument("--http-port", type=int, default=0, help="port of media and controls (default any)")
    parser.add_argument("--key", default="test-key", help="the API key that is let in (default test-key)")
    parser.add_argument("--time-scale", type=float, default=1.0, help="multiplies latencies (default 1.0)")
    parser.add_argument("--seed", type=int, default=0, help="decides answers and random faults (default 0)")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND:EFFECT[/CODE][:HOW][:PROMPT]",
        help="something that goes wrong; HOW is a probability with a point (0.1) or a count (3)",
    )
    parser.add_argument(
        "--rate",
        action="append",
        default=[],
        metavar="NAME=N",
        help="at most N submissions a second for a model, or for each model of a kind",
    )
    parser.add_argument("--max-in-flight", type=int, help="at most this many submissions at work at once")
    parser.add_argument("--link-seconds", type=float, default=LINK_SECONDS, help="how long a link lives")
    return parser


def _rates(given: Sequence[str]) -> dict[str, float]:
    rates = {}
    for text in given:
        name, equals, number = text.partition("=")
        if not equals:
            raise ValueError(f"--rate wants NAME=N, not {text!r}")
        rates[name] = float(number)
    return rates


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT."""
    parser = _parser()
    args = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        emulator = Emulator(
            port=args.port,
            http_port=args.http_port,
            key=args.key,
            time_scale=args.time_scale,
            seed=args.seed,
            faults=args.fault,
            rates=_rates(args.rate),
            max_in_flight=args.max_in_flight,
            link_seconds=args.link_seconds,
        )
    except (ValueError, OSError) as e:
        parser.error(str(e).partition(";")[0])
    with emulator:
        sys.stdout.write(f"{emulator.host} {emulator.http_url}\n")
        sys.stdout.flush()
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
