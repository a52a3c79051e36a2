"""A name server on loopback whose answers depend on the first label of the queried name.

`mx-…` has an MX record, `a-…` and `aaaa-…` only an address, `null-…` a null MX record (RFC 7505), `none-…` exists
without records, `nx-…` doesn't exist, `servfail-…` fails, `silent-…` is never answered. All other names have an MX
record.
"""

import socket
import threading
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

_RECORDS = {
    "mx": {"MX": "10 mail.corp.example."},
    "a": {"A": "192.0.2.1"},
    "aaaa": {"AAAA": "2001:db8::1"},
    "null": {"MX": "0 ."},
    "none": {},
}
_CODES = {"nx": dns.rcode.NXDOMAIN, "servfail": dns.rcode.SERVFAIL}


class DnsServer:
    """Answers over UDP. `asked` lists the queried names, and `deaf` stops all answers."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        self.asked: list[tuple[str, str]] = []
        self.deaf = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self.address)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, caller = self._socket.recvfrom(4096)
            if not data:
                return
            answer = self._answer(dns.message.from_wire(data))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), caller)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        (question,) = query.question
        name, kind = question.name.to_text(omit_final_dot=True).encode().decode("idna"), question.rdtype.name
        self.asked.append((name, kind))
        behaviour = name.partition("-")[0] if "-" in name.partition(".")[0] else "mx"
        if self.deaf or behaviour == "silent":
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if behaviour in _CODES:
            answer.set_rcode(_CODES[behaviour])
        elif kind in (records := _RECORDS.get(behaviour, _RECORDS["mx"])):
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, records[kind]))
        return answer
