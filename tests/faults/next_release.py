"""The next release, as a folder beside this one: the same code with typical changes of a release, and a mark.

It adds a column, an index on a large table, and a kind of job that this release doesn't know. Its mark appears in each
heartbeat and in its web server's own description.
"""

import shutil
from pathlib import Path

from shared.migrations import NEWEST

ROOMS = ("web", "worker", "shared", "templates")
ROOT = Path(__file__).parents[2]

MARK = "the next release"
KIND = "farewell.mail"

_HEAD = '''"""{title}"""

import sqlalchemy as sa
from alembic import op

from shared.migrations import indexes

revision = "{number:04}"
down_revision = "{before:04}"


def upgrade() -> None:
'''

_MIGRATIONS = {
    "A note on each invitation, and one more kind of job": """
    op.add_column("invitations", sa.Column("note", sa.Text(), nullable=True))
    op.execute(
        "ALTER TABLE jobs DROP CONSTRAINT ck_jobs_kind, "
        "ADD CONSTRAINT ck_jobs_kind CHECK (kind LIKE 'invitation.%' OR kind LIKE '%.mail') NOT VALID"
    )
""",
    "Jobs by their lanes": """
    indexes.build("ix_jobs_lane", "jobs", ["lane"], postgresql_where=sa.text("lane IS NOT NULL"))
""",
}

_CHANGES = {
    "shared/models/job.py": ("class JobKind(StoredEnum):", f'class JobKind(StoredEnum):\n    FAREWELL_MAIL = "{KIND}"'),
    "shared/jobs/kinds.py": (
        "_SPECS = (",
        '_SPECS = (\n    JobSpec(JobKind.FAREWELL_MAIL, SEND_EMAIL, "new_link", Recipient.USER),',
    ),
    "shared/jobs/heartbeats.py": ("    row = insert(", f"    data |= {{'release': '{MARK}'}}\n    row = insert("),
    "web/api/system.py": ('{"status": "ok"}', f'{{"status": "ok", "release": "{MARK}"}}'),
}


def make(folder: Path) -> Path:
    """Write it into the folder, to be named by PYTHONPATH."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room)
    for place, (old, new) in _CHANGES.items():
        text = (folder / place).read_text()
        assert old in text
        (folder / place).write_text(text.replace(old, new))
    for number, (title, body) in enumerate(_MIGRATIONS.items(), start=int(NEWEST) + 1):
        path = folder / "shared" / "migrations" / "versions" / f"{number:04}_{number}.py"
        path.write_text(_HEAD.format(title=title, number=number, before=number - 1) + body.lstrip("\n"))
    return folder
