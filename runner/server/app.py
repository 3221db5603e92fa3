"""The runner's HTTP interface: files by their sha256, and jobs."""

import asyncio
import contextlib
import platform
import re
import shutil
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from runner.server.access import Access
from runner.service.settings import Settings
from runner.work.blobs import Blobs, Refused
from runner.work.description import PROTOCOL
from runner.work.job import ENDED, Job, Phase
from runner.work.jobs import Jobs, parse, shown

VERSION = "0.1.0"
MAX_DESCRIPTION = 256 << 10
MAX_LOG = 256 << 10  # bytes of a log in one answer
MAX_WAIT = 20.0  # seconds for which an answer may be held back
SLOWEST = 30.0  # seconds without a byte from who sends a file
_LOG_POLL = 0.1


def create_app(settings: Settings) -> Starlette:
    """Returns the application. Its jobs begin to run when it is started, and stop with it."""
    blobs = Blobs(settings.folder, settings.max_blob_bytes)
    jobs = Jobs(settings, blobs)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        jobs.start()
        yield
        await run_in_threadpool(jobs.stop)

    server = Server(settings, blobs, jobs)
    digest, id = "{digest:str}", "{id:str}"
    routes = [
        Route("/healthz", server.health),
        Route("/metrics", server.metrics),
        Route("/v1", server.about),
        Route(f"/v1/blobs/{digest}", server.head_blob, methods=["HEAD"]),
        Route(f"/v1/blobs/{digest}", server.get_blob, methods=["GET"]),
        Route(f"/v1/blobs/{digest}", server.put_blob, methods=["PUT"]),
        Route("/v1/jobs", server.list_jobs),
        Route(f"/v1/jobs/{id}", server.put_job, methods=["PUT"]),
        Route(f"/v1/jobs/{id}", server.get_job),
        Route(f"/v1/jobs/{id}/log", server.log),
        Route(f"/v1/jobs/{id}/cancel", server.cancel, methods=["POST"]),
    ]
    errors: Any = {404: _no_page, 405: _no_page}
    access = Middleware(Access, token=settings.token)
    app = Starlette(routes=routes, lifespan=lifespan, middleware=[access], exception_handlers=errors)
    app.router.redirect_slashes = False
    return app


class Server:
    """The handlers of the routes."""

    def __init__(self, settings: Settings, blobs: Blobs, jobs: Jobs) -> None:
        self.settings, self.blobs, self.jobs = settings, blobs, jobs
        self.registry = CollectorRegistry()
        states = Gauge("runner_jobs", "Jobs by state.", ["state"], registry=self.registry)
        for state in jobs.counts():
            states.labels(state).set_function(partial(_count_of, jobs, state))
        self.bytes = Counter("runner_bytes", "Bytes of files sent and received.", ["way"], registry=self.registry)
        free = Gauge("runner_free_bytes", "Room on the disk of the runner's folder.", registry=self.registry)
        free.set_function(lambda: shutil.disk_usage(settings.folder).free)
        memory = Gauge("runner_free_memory_bytes", "Memory that nobody uses.", registry=self.registry)
        memory.set_function(lambda: psutil.virtual_memory().available)

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        return Response(generate_latest(self.registry), media_type="text/plain; version=0.0.4")

    async def about(self, request: Request) -> Response:
        told = {
            "protocol": PROTOCOL,
            "runner": VERSION,
            "platform": f"{platform.system()}-{platform.machine()}".lower(),
        }
        free, memory = shutil.disk_usage(self.settings.folder).free, psutil.virtual_memory().total
        return JSONResponse(told | {"free_bytes": free, "memory_bytes": memory})

    async def head_blob(self, request: Request) -> Response:
        digest = _digest(request)
        size = self.blobs.size(digest)
        if size is not None:
            return Response(headers={"Upload-Offset": str(size), "Upload-Complete": "?1"})
        return Response(status_code=404, headers={"Upload-Offset": str(self.blobs.kept(digest))})

    async def get_blob(self, request: Request) -> Response:
        digest = _digest(request)
        size = self.blobs.size(digest)
        if size is None:
            return refusal(404, f"there is no file {digest}; it may have been removed, so run the job again")
        self.bytes.labels("sent").inc(size)
        return FileResponse(self.blobs.path(digest), media_type="application/octet-stream")

    async def put_blob(self, request: Request) -> Response:
        digest = _digest(request)
        offset, total = (_count(request, name) for name in ("upload-offset", "upload-length"))
        try:
            with self.blobs.receiving(digest, offset, total) as part:
                await self._receive(request, part, total - offset)
        except ClientDisconnect:
            return refusal(400, "the connection broke off; what came is kept")
        complete = self.blobs.size(digest) is not None
        return Response(status_code=201 if complete else 202, headers={"Upload-Offset": str(self.blobs.kept(digest))})

    async def _receive(self, request: Request, part: Any, most: int) -> None:
        chunks = request.stream()
        while most >= 0:
            try:
                chunk = await asyncio.wait_for(anext(chunks), SLOWEST)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise Refused(408, f"nothing came for {SLOWEST:.0f} s; what came is kept") from None
            most -= len(chunk)
            if most < 0:
                raise Refused(413, "more came than Upload-Length says")
            await run_in_threadpool(part.write, chunk)
            self.bytes.labels("received").inc(len(chunk))

    async def list_jobs(self, request: Request) -> Response:
        return JSONResponse([shown(self.jobs, job) for job in self.jobs.all()])

    async def put_job(self, request: Request) -> Response:
        description = await run_in_threadpool(parse, await _body(request))
        if description.protocol != PROTOCOL:
            return refusal(409, f"the pod speaks protocol {description.protocol} and the runner {PROTOCOL}; update one")
        if description.id != request.path_params["id"]:
            return refusal(400, f"the id of this job is {description.id}")
        if self.settings.allow and description.code.sha256 not in self.settings.allow:
            remedy = f'add "{description.code.sha256}" to allow in the runner\'s settings if it is yours'
            return refusal(403, f"the code of {description.stage} {description.version} is not allowed; {remedy}")
        job, is_new = await run_in_threadpool(self.jobs.put, description)
        return JSONResponse(shown(self.jobs, job), 201 if is_new else 200)

    async def get_job(self, request: Request) -> Response:
        return JSONResponse(shown(self.jobs, self._job(request)))

    async def log(self, request: Request) -> Response:
        """Answers as soon as there is something new, or the job has ended, or after `wait` seconds."""
        job, offset = self._job(request), _number(request, "offset")
        until = asyncio.get_running_loop().time() + min(_number(request, "wait"), MAX_WAIT)
        while True:
            is_ended = job.state.state in ENDED
            content = await run_in_threadpool(_read, job, offset)
            if content or is_ended or asyncio.get_running_loop().time() >= until:
                break
            await asyncio.sleep(_LOG_POLL)
        return Response(content, headers={"Log-Offset": str(offset + len(content)), "Job-State": job.state.state})

    async def cancel(self, request: Request) -> Response:
        job = self._job(request)
        await run_in_threadpool(self.jobs.cancel, job)
        return JSONResponse(shown(self.jobs, job))

    def _job(self, request: Request) -> Job:
        job = self.jobs.get(request.path_params["id"])
        if not job:
            raise Refused(404, "there is no such job; it may have ended long ago, so describe it again")
        return job


def _count_of(jobs: Jobs, state: Phase) -> int:
    return jobs.counts()[state]


async def _no_page(request: Request, error: Exception) -> Response:
    return refusal(getattr(error, "status_code", 404), f"there is no {request.method} {request.url.path[:200]}")


def refusal(status: int, reason: str, **headers: str) -> Response:
    """Returns the answer to what is not done."""
    return JSONResponse({"error": reason}, status, headers=headers)


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_DESCRIPTION:
            raise Refused(413, f"the body has more than {MAX_DESCRIPTION} bytes")
    return body


def _digest(request: Request) -> str:
    digest = str(request.path_params["digest"])
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise Refused(400, "a file's name is its sha256, in 64 small hexadecimal digits")
    return digest


def _count(request: Request, header: str) -> int:
    text = request.headers.get(header, "")
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise Refused(400, f"the header {header} is {text[:40]!r}; it must be a whole number")
    return int(text)


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise Refused(400, f"{name} is {text[:40]!r}; it must be a whole number")
    return int(text)


def _read(job: Job, offset: int) -> bytes:
    if not job.log.exists():
        return b""
    with job.log.open("rb") as log:
        log.seek(offset)
        return log.read(MAX_LOG)
