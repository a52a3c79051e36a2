"""Fetches the lists of networks that are kept at URLs; what comes broken leaves the last good one in its place."""

from functools import partial

from shared import http_client, log
from shared.policy import ListSource
from shared.services import feeds
from shared.services.network_formats import LARGEST, BadList
from worker.runtime import Runtime

logger = log.get(__name__)

TIMEOUT_SECONDS = 20.0


def fetch(runtime: Runtime) -> None:
    """Fetch the lists that are due, one after the other."""
    sources = runtime.settings.network_lists
    for source, etag, size in runtime.commit(lambda session: feeds.due(session, sources)):
        if runtime.stopping():
            return
        _fetch_one(runtime, source, etag, size)


def _fetch_one(runtime: Runtime, source: ListSource, etag: str | None, before: int) -> None:
    try:
        content, new_etag = _download(source.place, etag)
        size = 0 if content is None else feeds.examine(source, content, before=before)
    except (*http_client.FAILURES, ValueError, BadList) as error:
        logger.warning("a list of networks was not renewed", list=source.name, why=str(error))
        runtime.commit(partial(feeds.failed, source=source, why=f"It was not renewed: {error}"))
        return
    if content is None:
        runtime.commit(partial(feeds.unchanged, source=source))
    else:
        runtime.commit(partial(feeds.keep, source=source, content=content, etag=new_etag, size=size))


def _download(url: str, etag: str | None) -> tuple[bytes | None, str | None]:
    """The content and its ETag; no content where it is the one that we have."""
    known = {"If-None-Match": etag} if etag else {}
    answer = http_client.get(url, headers=known, seconds=TIMEOUT_SECONDS, largest=LARGEST, redirects=True)
    if answer.status == 304:
        return None, etag
    if answer.status != 200:
        raise BadList(f"The server answered {answer.status}.")
    return answer.body, answer.headers.get("ETag")
