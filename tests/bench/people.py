"""An account with very many members, inserted by SQL alone."""

import json

import psycopg

from shared.accounts import api_keys
from shared.actor import SYSTEM
from shared.db.engine import open_engine
from shared.db.transaction import session_factory, transaction
from shared.permissions import Role

ACCOUNT = "acc_bench"

# The benchmarks measure inviting, not being refused.
_LIMITS = {
    "invitations_per_hour": 100_000_000,
    "invitations_per_day": 100_000_000,
    "open_invitations": 100_000_000,
    "new_domains_per_day": 1000,
    "inviter_per_hour": 100_000_000,
}

_ROWS = """
INSERT INTO accounts (id, name, invitation_limits) VALUES ('acc_bench', 'Bench', '{limits}');
INSERT INTO contracts (account_id, amount, currency, starts_on, ends_on)
  VALUES ('acc_bench', 1000, 'USD', current_date, current_date + 365);
INSERT INTO users (id, email, email_key, name, password_hash, email_verified_at)
  SELECT 'usr_' || lpad(n::text, 26, '0'), 'person' || n || '@corp.example', 'person' || n || '@corp.example',
         'Person ' || n, 'no password fits', now() FROM generate_series(1, {n}) AS n;
INSERT INTO memberships (id, account_id, user_id, role)
  SELECT 'mem_' || lpad(n::text, 26, '0'), 'acc_bench', 'usr_' || lpad(n::text, 26, '0'),
         CASE WHEN n = 1 THEN 'owner' ELSE (ARRAY['admin', 'developer', 'finance_analyst', 'support'])[n % 4 + 1] END
  FROM generate_series(1, {n}) AS n;
"""


def user_id(number: int) -> str:
    """The id of the user with this number."""
    return f"usr_{number:026d}"


def fill(database_url: str, members: int, *, role: Role = Role.SUPPORT) -> str:
    """Create the account, its contract and its members. Returns an API key of it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_ROWS.format(n=members, limits=json.dumps(_LIMITS)))
        connection.execute("VACUUM ANALYZE")
    engine = open_engine(database_url)
    with transaction(session_factory(engine)) as session:
        _, key = api_keys.create(
            session, actor=SYSTEM, account_id=ACCOUNT, name="bench", role=role, created_by=user_id(1)
        )
    engine.dispose()
    return key
