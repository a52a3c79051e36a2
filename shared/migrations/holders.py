"""Who holds the tables that a statement has waited for in vain."""

from sqlalchemy import Connection, text

# The statement names the tables that it wants, and whoever was in its way was there before it. Of a transaction of
# another role only the number and the name can be seen.
_HOLDERS = text(r"""
    SELECT DISTINCT a.pid, a.usename, a.application_name, coalesce(a.state, 'not to be seen'),
           coalesce(extract(epoch FROM now() - a.xact_start)::int::text, '?')
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.granted AND a.datname = current_database() AND a.pid <> pg_backend_pid()
      AND :statement ~ ('\m' || c.relname || '\M')
      AND coalesce(a.xact_start < now() - make_interval(secs => :longer_than), true)
    ORDER BY a.pid
""")


def holders(connection: Connection, statement: str, longer_than: float) -> list[str]:
    """The transactions, open for more than so many seconds, that hold tables named in the statement; in words.

    What they ask is left out: it may hold people's addresses.
    """
    rows = connection.execute(_HOLDERS, {"statement": statement, "longer_than": longer_than}).all()
    connection.commit()
    return [
        f"process {pid} ({role}{f', {name}' if name else ''}: {state}, for {seconds} s)"
        for pid, role, name, state, seconds in rows
    ]
