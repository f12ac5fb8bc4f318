"""When Microsoft was asked of late, shared by all processes: docs/decisions/0016.

Unlogged: after a crash of PostgreSQL counting begins anew, which Microsoft's own 429 then makes up for. The keys are
hashes, so the table tells nothing about any tenant and needs no row-level security.
"""

from django.db import migrations

TABLE = """
CREATE UNLOGGED TABLE accounts_microsoftturn (
    key uuid PRIMARY KEY,
    -- Seconds since 1970, rounded up, ascending: one for each of the last requests, also for those that wait still.
    turns integer[] NOT NULL
) WITH (fillfactor = 25);
"""
# The lock on the row is held for this statement only: what the caller waits, it waits afterwards.
TAKE = """
CREATE FUNCTION accounts_take_turn(of_key uuid, most integer, window_seconds integer, at_most double precision)
RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    taken integer[];
    held integer;
    asked double precision;
    turn integer;
    delay double precision := 0;
BEGIN
    SELECT turns INTO taken FROM accounts_microsoftturn WHERE key = of_key FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO accounts_microsoftturn (key, turns) VALUES (of_key, '{}') ON CONFLICT (key) DO NOTHING;
        SELECT turns INTO taken FROM accounts_microsoftturn WHERE key = of_key FOR UPDATE;
    END IF;
    held := cardinality(taken);
    asked := extract(epoch FROM clock_timestamp());
    turn := ceil(asked);
    IF held >= most AND taken[held - most + 1] + window_seconds > asked THEN
        turn := taken[held - most + 1] + window_seconds;
        delay := turn - asked;
    END IF;
    IF delay > at_most THEN
        RETURN -delay;
    END IF;
    UPDATE accounts_microsoftturn
    SET turns = taken[greatest(held - most + 2, 1):] || greatest(turn, taken[held]) WHERE key = of_key;
    RETURN delay;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_errands")]

    operations = [
        migrations.RunSQL(TABLE, "DROP TABLE accounts_microsoftturn"),
        migrations.RunSQL(TAKE, "DROP FUNCTION accounts_take_turn(uuid, integer, integer, double precision)"),
    ]
