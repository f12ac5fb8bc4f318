"""The command `partner-center-emulator`."""

import signal
from pathlib import Path

import click

from partner_center_emulator import server
from partner_center_emulator.server import Emulator


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8700, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--state",
    "state_path",
    default=":memory:",
    show_default=True,
    help="SQLite file that keeps the state between runs; :memory: forgets it.",
)
@click.option(
    "--seed-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON with more partners and tenants to start with.",
)
@click.option("--print-ready", is_flag=True, help="Print only READY and the address once it answers.")
def main(*, host: str, port: int, state_path: str, seed_file: Path | None, print_ready: bool) -> None:
    """Behave as Microsoft's Partner Center, Graph and login do, on one port."""
    emulator = Emulator(state_path=state_path, seed_file=seed_file)
    listener = server.listening(host=host, port=port)
    chosen = listener.getsockname()[1]
    url = f"http://[{host}]:{chosen}" if ":" in host else f"http://{host}:{chosen}"
    ready = f"READY {url}" if print_ready else f"Partner Center emulator at {url}"
    running = server.server_of(emulator=emulator, when_ready=lambda: click.echo(ready))
    # uvicorn stops in order and then raises the signal again; by then there is nothing left to interrupt.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        running.run(sockets=[listener])
    finally:
        listener.close()
        emulator.state.close()


if __name__ == "__main__":
    main()
