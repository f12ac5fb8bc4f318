"""The command `partner-center-emulator`."""

import asyncio
from pathlib import Path

import click

from partner_center_emulator import server
from partner_center_emulator.server import Emulator, EmulatorServer


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
    running = server.server_of(emulator=emulator)
    try:
        asyncio.run(_serve(running=running, listener=listener, url=url, print_ready=print_ready))
    except KeyboardInterrupt:
        # uvicorn stops in order first and then raises the interrupt again.
        pass
    finally:
        listener.close()
        emulator.state.close()


async def _serve(*, running: EmulatorServer, listener: server.socket.socket, url: str, print_ready: bool) -> None:
    serving = asyncio.ensure_future(running.serve(sockets=[listener]))
    while not running.started and not serving.done():
        await asyncio.sleep(0.01)
    if not serving.done():
        click.echo(f"READY {url}" if print_ready else f"Partner Center emulator at {url}")
    await serving


if __name__ == "__main__":
    main()
