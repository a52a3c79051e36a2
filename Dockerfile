# One image for every part: `web` (the default), `worker`, `scheduler`, `migrate` and the set-up commands.
FROM python:3.13-slim AS build
RUN python -m venv /opt/usher
COPY .ci/requirements.production.lock /tmp/
RUN /opt/usher/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements.production.lock
WORKDIR /src
COPY . .
RUN /opt/usher/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
# A number, so that an orchestrator can see that it is not root. It owns nothing: the root file system may be read-only.
USER 10001:10001
COPY --from=build /opt/usher /opt/usher
ENV PATH=/opt/usher/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    USHER_WEB_HOST=0.0.0.0
EXPOSE 8000
ENTRYPOINT ["usher"]
CMD ["web"]
