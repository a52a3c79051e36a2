"""The transactions that hold the locks a statement has waited for without success."""

from sqlalchemy import Connection, text

# The statement names its tables, and the transaction in its way began earlier. For a transaction of another role only
# the process number and role name are visible.
_HOLDERS = text(r"""
    SELECT DISTINCT a.pid, a.usename, a.application_name, coalesce(a.state, 'not visible'),
           coalesce(extract(epoch FROM now() - a.xact_start)::int::text, '?')
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.granted AND a.datname = current_database() AND a.pid <> pg_backend_pid()
      AND :statement ~ ('\m' || c.relname || '\M')
      AND coalesce(a.xact_start < now() - make_interval(secs => :longer_than), true)
    ORDER BY a.pid
""")


def holders(connection: Connection, statement: str, longer_than: float) -> list[str]:
    """Describe the transactions that hold tables named in the statement and are open longer than `longer_than` seconds.

    Their queries are left out, because they may contain email addresses.
    """
    rows = connection.execute(_HOLDERS, {"statement": statement, "longer_than": longer_than}).all()
    connection.commit()
    return [
        f"process {pid} ({role}{f', {name}' if name else ''}: {state}, for {seconds} s)"
        for pid, role, name, state, seconds in rows
    ]
