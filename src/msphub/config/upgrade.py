"""`msphub upgrade-database`: a cluster that an older major version of PostgreSQL made becomes one of the newest."""

import tempfile
from pathlib import Path

from msphub.config import backup, dumps, programs, supervisor
from msphub.config.embedded import EmbeddedPostgres


def upgrade(*, directory: Path, say: backup.Say) -> None:
    """Dump the embedded database with the programs that made it and load it into a new cluster, all or nothing.

    Refuses on a running MSP Hub, on a cluster of a newer version, where the older programs are missing, and when the
    new cluster has not exactly as many rows in every table. The former cluster is kept aside.
    """
    here = directory / "postgres"
    made_by, newest = EmbeddedPostgres(here).made_by, programs.newest()
    if made_by is None:
        raise backup.BackupError(f"There is no embedded database in {directory}.")
    if made_by > newest:
        raise backup.BackupError(
            f"The database in {directory} was made by PostgreSQL {made_by}; this MSP Hub brings {newest}. "
            "Install the release that made it, or a later one."
        )
    if made_by == newest:
        say(f"The database in {directory} is one of PostgreSQL {newest} already.")
        return
    with supervisor.claimed(directory), tempfile.TemporaryDirectory(dir=directory, prefix=".upgrade-") as place:
        old = EmbeddedPostgres(here, major=made_by)
        old.end_leftover()
        file = Path(place) / "database.dump"
        with old, backup.successor(old) as fresh:
            say(f"Copying the database from PostgreSQL {made_by} to {newest} …")
            dumps.dump(old, file, programs=fresh.programs)
            dumps.load(fresh, file)
            before, after = dumps.row_counts(old), dumps.row_counts(fresh)
            if before != after:
                different = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
                raise backup.BackupError(f"Not all rows arrived in {', '.join(different)}; nothing has changed.")
            backup.bring_up_to_date(fresh)
        say(f"The database is one of PostgreSQL {newest} now: {len(after)} tables, {sum(after.values()):,} rows.")
        backup.tell_former(EmbeddedPostgres(here), say=say)
