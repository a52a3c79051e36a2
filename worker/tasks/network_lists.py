"""Downloads the network lists from their URLs. A broken download leaves the last good list in use."""

from functools import partial

from shared import http_client
from shared.networks import downloads
from shared.networks.formats import LARGEST, BadList
from shared.observability import log
from shared.policy import ListSource
from worker.context import WorkerContext

logger = log.get(__name__)

TIMEOUT_SECONDS = 20.0


def download_network_lists(context: WorkerContext) -> None:
    """Download the lists that are due, one after another."""
    sources = context.settings.network_lists
    for source, etag, size in context.commit(lambda session: downloads.take_due(session, sources)):
        if context.stopping():
            return
        _fetch_one(context, source, etag, size)


def _fetch_one(context: WorkerContext, source: ListSource, etag: str | None, before: int) -> None:
    try:
        content, new_etag = _download(source.place, etag)
        size = 0 if content is None else downloads.check_size(source, content, before=before)
    except (*http_client.FAILURES, ValueError, BadList) as error:
        logger.warning("could not update a network list", list=source.name, why=str(error))
        context.commit(partial(downloads.record_failure, source=source, why=f"It was not updated: {error}"))
        return
    if content is None:
        context.commit(partial(downloads.record_unchanged, source=source))
    else:
        context.commit(partial(downloads.store, source=source, content=content, etag=new_etag, size=size))


def _download(url: str, etag: str | None) -> tuple[bytes | None, str | None]:
    """Download a list and its ETag. The content is None if it hasn't changed. Raises `BadList` for other statuses."""
    known = {"If-None-Match": etag} if etag else {}
    answer = http_client.get(url, headers=known, seconds=TIMEOUT_SECONDS, largest=LARGEST, redirects=True)
    if answer.status == 304:
        return None, etag
    if answer.status != 200:
        raise BadList(f"The server answered {answer.status}.")
    return answer.body, answer.headers.get("ETag")
