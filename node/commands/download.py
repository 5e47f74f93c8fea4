"""``gsanode download``: fetch ``drs://`` objects, resumed where a former attempt ended, and verified."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from auth.errors import AuthError
from node.commands import passports as holding
from node.commands.client import Client, ClientFile, client, secret
from node.commands.fetching import Fetcher, Outcome, Refused, Stopped
from node.commands.manifest import BadManifest, Wanted, read
from node.commands.process import fail

INTERRUPTED = 130
GRACE = 1.0  # seconds that files under way have to end when the person stops the command
OFFLINE = "offline_access"

download = typer.Typer()


@download.command("download")
def fetch(
    uris: Annotated[list[str] | None, typer.Argument(help="drs://HOST/ID, one or more")] = None,
    manifest: Annotated[Path | None, typer.Option(help="fetch what a manifest lists (TSV or JSON)")] = None,
    out: Annotated[Path, typer.Option(help="folder that takes the files", file_okay=False)] = Path(),
    jobs: Annotated[int, typer.Option(min=1, max=32, help="files fetched at the same time")] = 4,
    passport_env: Annotated[str, typer.Option(help="environment variable that holds a Passport")] = "",
    login: Annotated[bool, typer.Option("--login", help="sign in with a browser; Passports are renewed")] = False,
    user: Annotated[str, typer.Option(help="sign in as this account; Passports are renewed")] = "",
    password_env: Annotated[str, typer.Option(help="environment variable that holds its password")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="a JSON object per file on standard output")] = False,
    client_file: ClientFile = None,
) -> None:
    """Fetch files whole: what is already there is kept, what is half there goes on, checksums are compared."""
    wanted = [Wanted(uri) for uri in dict.fromkeys(uris or ())] + _listed(manifest)
    if not wanted:
        fail("nothing to fetch: give drs:// URIs or --manifest FILE")
    given = client(client_file)
    held = _passports(given, passport_env=passport_env, login=login, user=user, password_env=password_env)
    out.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    failed = _all(Fetcher(given, held, out, stop, stop.wait), wanted, jobs, as_json=as_json)
    if failed:
        fail(f"{failed} of {len(wanted)} files were not fetched; run the command again to go on", 1)


def _listed(manifest: Path | None) -> list[Wanted]:
    if manifest is None:
        return []
    try:
        found = read(manifest)
    except (BadManifest, OSError) as error:
        fail(str(error))
    for remark in found.remarks:
        typer.echo(f"gsanode: {manifest}: {remark}", err=True)
    return list(found.files)


def _passports(given: Client, *, passport_env: str, login: bool, user: str, password_env: str) -> holding.Passports:
    """What to present, by the one way that was chosen."""
    if sum((bool(passport_env), login, bool(user))) > 1:
        fail("choose one of --passport-env, --login and --user")
    if passport_env:
        return holding.given(secret(passport_env))
    if not login and not user:
        return holding.none
    from auth.login import SCOPE, BrokerClient, SignInFailed

    broker = BrokerClient(given.broker, given.client_id, given.redirect_uri)

    def show(address: str, code: str) -> None:
        typer.echo(f"Open {address} and check that it shows the code {code}", err=True)

    try:
        scope = f"{SCOPE} {OFFLINE}"
        tokens = broker.device(show, scope) if login else broker.sign_in(user, secret(password_env), scope)
    except SignInFailed as error:
        fail(str(error), 1)
    return holding.Renewed(broker, tokens)


def _all(fetcher: Fetcher, wanted: Sequence[Wanted], jobs: int, *, as_json: bool) -> int:
    """Fetch everything, telling of each file as it ends; answers how many failed."""
    failed = 0
    pool = ThreadPoolExecutor(jobs)
    with _shown(wanted) as shown:
        under_way = {pool.submit(shown.follow, fetcher, one): one for one in wanted}
        try:
            for done in as_completed(under_way):
                failed += not _told(under_way[done], done, as_json=as_json)
        except KeyboardInterrupt:
            fetcher.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            late = wait(under_way, GRACE).not_done
        else:
            return failed
    typer.echo("gsanode: stopped; run the command again to go on", err=True)
    if late:  # a node that sends nothing is not waited for: what is on the disk is as good as after a kill
        sys.stdout.flush()
        os._exit(INTERRUPTED)
    raise typer.Exit(INTERRUPTED)


def _told(wanted: Wanted, done: Future[tuple[Path, Outcome]], *, as_json: bool) -> bool:
    """Say what became of a file; whether it is there."""
    told: dict[str, Any] = {"uri": wanted.uri}
    try:
        path, outcome = done.result()
        told |= {"path": str(path), "status": outcome}
    except (Refused, OSError, AuthError, Stopped) as error:
        told |= {"status": "failed", "error": str(error)}
        typer.echo(f"gsanode: {wanted.uri}: {error}", err=True)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
    elif "path" in told:
        typer.echo(told["path"])
    return "path" in told


class _Shown:
    """A bar for all files together, and one for each that is under way."""

    def __init__(self, progress: Progress, wanted: Sequence[Wanted]) -> None:
        self._progress = progress
        self._number = len(wanted)
        self._size = sum(one.size or 0 for one in wanted)
        self._done = self._ended = 0
        self._whole = progress.add_task(self._text(), total=self._size or None, visible=self._number > 1)
        self._lock = threading.Lock()

    def follow(self, fetcher: Fetcher, wanted: Wanted) -> tuple[Path, Outcome]:
        """Fetch a file and show how far it is."""
        task = self._progress.add_task(wanted.path or wanted.uri.rpartition("/")[2], total=wanted.size)
        before = known = 0

        def bar(done: int, size: int) -> None:
            nonlocal before, known
            self._progress.update(task, completed=done, total=size)
            with self._lock:
                self._size += size - (known or wanted.size or 0)
                self._done += done - before
                before, known = done, size
                self._say()

        try:
            return fetcher(wanted, bar)
        finally:
            if self._number > 1:
                self._progress.remove_task(task)
            with self._lock:
                self._ended += 1
                self._say()

    def _say(self) -> None:
        self._progress.update(self._whole, completed=self._done, total=self._size or None, description=self._text())

    def _text(self) -> str:
        return f"{self._ended} of {self._number} files"


@contextmanager
def _shown(wanted: Sequence[Wanted]) -> Iterator[_Shown]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        yield _Shown(progress, wanted)
