"""Make `shared/checks/personal_domains.txt` anew: `python .ci/personal_domains.py FREE.json PROVIDERS.json`.

The two files come from the npm packages `free-email-domains` (MIT, `domains.json`) and `email-providers` (ISC,
`all.json`), fetched with `npm pack`. Disposable domains are left out: they have a list, and a reason, of their own.
"""

import json
import sys
from pathlib import Path

from disposable_email_domains import blocklist

MISSING = {"tuta.com", "tutanota.com", "simplelogin.com"}
# Companies' own domains that the lists take for free mail.
RESERVED = {"example.com", "example.net", "example.org"}  # RFC 2606: nobody's, and everybody's in examples
WRONG = {"google.com", "apple.com", "microsoft.com", "amazon.com", "facebook.com", "ibm.com", "oracle.com"}

HEADER = """# Domains that give mailboxes to anybody. From the npm packages free-email-domains (MIT) and
# email-providers (ISC), without disposable domains; made by .ci/personal_domains.py.
"""

listed = {domain.strip().lower() for path in sys.argv[1:] for domain in json.loads(Path(path).read_text())}
named = {domain.encode("idna").decode() for domain in listed if "@" not in domain}
kept = sorted((named | MISSING) - set(blocklist) - WRONG - RESERVED)
Path("shared/checks/personal_domains.txt").write_text(HEADER + "\n".join(kept) + "\n")
sys.stdout.write(f"{len(kept)} domains\n")
