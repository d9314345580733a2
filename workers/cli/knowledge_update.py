"""`shirase knowledge update` and `rollback`: a newer galaxy is fetched, tried, and only then put in use; and back again.

Whatever goes wrong changes nothing. A worker that runs keeps the galaxy that it started with.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.downloads import Internal, fetch, is_address, open_downloader, shown
from workers.cli.invocation import invocation_of
from workers.cli.output import printable
from workers.errors import ConfigError, FatalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.cli.knowledge_trial import Trial
    from workers.knowledge import Knowledge
    from workers.knowledge.store import GalaxyStore, InUse
    from workers.settings import Settings

__all__ = ["rollback", "update"]

_NEXT_START = "A tagger that runs reads with it from its next start."


def update(
    context: typer.Context,
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE|DIR|URL",
            help="A .tar.gz or .zip archive, a folder, an address of an archive, or one that ends in / and has a file "
            "for each cluster. Not given: knowledge.update_from.",
        ),
    ] = None,
    internal: Internal = False,
    tolerate: Annotated[
        int, typer.Option("--tolerate", min=0, metavar="N", help="Take it though up to N cases are no longer right.")
    ] = 0,
    older: Annotated[bool, typer.Option("--older", help="Take it though its version is below the one in use.")] = False,
    released: Annotated[
        datetime | None,
        typer.Option(
            "--released", formats=["%Y-%m-%d"], help="When it was released, for the metrics. Not given: today."
        ),
    ] = None,
) -> None:
    """Fetch a newer MISP galaxy, try it, and put it in use.

    It is compiled, compared with the galaxy in use, and run against the behaviour cases and their floor first. One
    that does not pass changes nothing, and the command says why and ends with 1. Ends with 0 when it is in use, also
    where it was before. A tagger that runs reads with it from its next start.
    """
    from workers.knowledge import compile_galaxy

    settings = invocation_of(context).settings()
    store = _store(settings)
    where = source or settings.knowledge.update_from
    contents = _contents(settings, where, is_internal=internal, is_set=source is None)
    candidate = compile_galaxy(settings.config_dir, contents)
    name, day = _name_of(candidate), (released or datetime.now(UTC)).date()
    taken = _Taken(name, shown(where) if is_address(where) else where, day.isoformat(), contents)
    with _changing(store):
        state = _state(store)
        if state.in_use == name:
            typer.echo(f"{name} is in use already{_mended(store, taken)}")
            return
        _try(settings, candidate, tolerate, may_be_older=older)
        _take(settings, store, state, taken)
        _keep_compiled(settings, name, candidate)
    typer.echo(f"{name} is in use now, after {state.in_use}. {_NEXT_START}")


def rollback(
    context: typer.Context,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="NAME",
            help="A galaxy that `knowledge info` shows, or `packaged`. Not given: the one before.",
        ),
    ] = None,
) -> None:
    """Put the galaxy in use that was in use before.

    It is compiled first; one that cannot be used changes nothing. Ends with 1 where there is none before. A tagger
    that runs reads with it from its next start.
    """
    from workers.knowledge.store import InUse

    settings = invocation_of(context).settings()
    store = _store(settings)
    with _changing(store):
        state = _state(store)
        target = to or (state.before[-1] if state.before else None)
        if target is None:
            raise FatalError("no-galaxy-before", f"{state.in_use} is in use, and none was before it: nothing changed")
        if target == state.in_use:
            typer.echo(f"{target} is in use already")
            return
        _check_usable(settings, store, target)
        store.use(InUse(in_use=target, before=_before(state, target)))
    typer.echo(f"{target} is in use now, after {state.in_use}. {_NEXT_START}")


class _Taken:
    """A galaxy that passed, and where it came from."""

    def __init__(self, name: str, source: str, released: str, contents: Mapping[str, bytes]) -> None:
        self.name = name
        self.source = source
        self.released = released
        self.contents = contents


def _store(settings: Settings) -> GalaxyStore:
    from workers.knowledge.store import GalaxyStore

    if settings.knowledge.data_dir is None:
        expected = "a folder for the galaxies, since this user has no home"
        raise ConfigError(str(settings.config_dir / "shirase.toml"), "knowledge.data_dir", None, expected)
    return GalaxyStore(settings.knowledge.data_dir)


@contextmanager
def _changing(store: GalaxyStore) -> Iterator[None]:
    try:
        with store.locked():
            yield
    except OSError as error:
        raise FatalError(
            "not-stored", f"{error.filename or store.folder}: {error.strerror}: nothing changed"
        ) from error


def _contents(settings: Settings, where: str, *, is_internal: bool, is_set: bool) -> dict[str, bytes]:
    """The clusters' files at `where`, which the settings (`is_set`) or the caller named."""
    from workers.knowledge.candidate import clusters_in_archive, clusters_in_folder

    if is_address(where):
        return _fetched(settings, where, is_internal=is_internal)
    path = Path(where)
    if path.is_dir():
        return clusters_in_folder(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        if is_set:
            file, expected = str(settings.config_dir / "shirase.toml"), f"a file, folder or address ({error.strerror})"
            raise ConfigError(file, "knowledge.update_from", where, expected) from error
        raise typer.BadParameter(f"{where}: {error.strerror}", param_hint="--from") from error
    return clusters_in_archive(where, content)


def _fetched(settings: Settings, url: str, *, is_internal: bool) -> dict[str, bytes]:
    from workers.knowledge import CLUSTERS
    from workers.knowledge.candidate import clusters_in_archive

    if url.lower().startswith("http://") and not is_internal:
        raise typer.BadParameter(
            "expected https:// (or --internal): what the reader knows must not be changed on the way"
        )
    with open_downloader(settings, is_internal=is_internal) as downloader:
        if not url.endswith("/"):
            return clusters_in_archive(shown(url), fetch(downloader, url).body)
        found = {}
        for name in CLUSTERS:
            found[name] = fetch(downloader, f"{url}{name}.json").body
            typer.echo(f"fetched {name}.json, {len(found[name])} bytes", err=True)
        return found


def _name_of(candidate: Knowledge) -> str:
    return candidate.version.removeprefix("misp-galaxy@").partition("+")[0]


def _state(store: GalaxyStore) -> InUse:
    """What is in use; where that cannot be read, an update or rollback is the repair, from the packaged galaxy on."""
    from workers.knowledge.store import InUse

    try:
        return store.in_use()
    except ConfigError as error:
        typer.echo(f"shirase: {printable(str(error))}", err=True)
        return InUse()


def _mended(store: GalaxyStore, taken: _Taken) -> str:
    """The galaxy in use passed when it was taken, but its files may have been damaged since; what was done, in words."""
    if store.is_whole(taken.name):
        return ""
    _store_galaxy(store, taken)
    return "; its files were damaged, and are whole again"


def _knowledge_in_use(settings: Settings) -> Knowledge:
    from workers.knowledge import load_knowledge

    kept = settings.knowledge
    try:
        return load_knowledge(settings.config_dir, kept.cache_dir, kept.data_dir)
    except ConfigError:
        return load_knowledge(settings.config_dir, kept.cache_dir)


def _try(settings: Settings, candidate: Knowledge, tolerated: int, *, may_be_older: bool) -> None:
    """Says how the trial went. Raises GalaxyRefusedError where the galaxy did not pass."""
    from workers.cli.knowledge_trial import try_galaxy
    from workers.knowledge import GalaxyRefusedError

    trial = try_galaxy(settings, candidate, _knowledge_in_use(settings), may_be_older=may_be_older)
    typer.echo(f"{len(candidate.actors)} actors; {trial.right} of {trial.cases} behaviour cases are right", err=True)
    for problem in (*trial.faults, *trial.below_floor, *(f"no longer right: {case}" for case in trial.broken)):
        typer.echo(f"shirase: {printable(problem)}", err=True)
    if not trial.is_passed(tolerated):
        raise GalaxyRefusedError(f"{_name_of(candidate)} is not taken: {_remedy(trial)}; nothing changed")


def _remedy(trial: Trial) -> str:
    if trial.faults:
        return trial.faults[0]
    return f"{trial.below_floor[0]} (--tolerate {len(trial.broken)} takes it all the same)"


def _take(settings: Settings, store: GalaxyStore, state: InUse, taken: _Taken) -> None:
    from workers.knowledge.store import InUse

    _store_galaxy(store, taken)
    before = (*(name for name in state.before if name != taken.name), state.in_use)
    before = tuple(name for name in before if name != taken.name)[-settings.knowledge.keep :]
    store.use(InUse(in_use=taken.name, before=before))
    with suppress(OSError):  # what cannot be removed now is removed by the next update
        store.prune()


def _store_galaxy(store: GalaxyStore, taken: _Taken) -> None:
    from workers.knowledge.store import manifest_of

    store.add(manifest_of(taken.name, taken.source, taken.released, datetime.now(UTC), taken.contents), taken.contents)


def _keep_compiled(settings: Settings, name: str, knowledge: Knowledge) -> None:
    from workers.knowledge.load import keep_compiled

    if settings.knowledge.cache_dir is not None:
        keep_compiled(settings.config_dir, settings.knowledge.cache_dir, name, knowledge)


def _check_usable(settings: Settings, store: GalaxyStore, target: str) -> None:
    from workers.knowledge import compile_galaxy
    from workers.knowledge.store import PACKAGED

    if target == PACKAGED:
        return
    known = [manifest.name for manifest in store.manifests()]
    if target not in known:
        raise FatalError("no-such-galaxy", f"{target} is not stored: expected one of {', '.join([PACKAGED, *known])}")
    compile_galaxy(settings.config_dir, store.contents(target))


def _before(state: InUse, target: str) -> tuple[str, ...]:
    """What was in use before `target` was."""
    return state.before[: state.before.index(target)] if target in state.before else ()
