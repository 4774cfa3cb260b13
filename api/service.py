"""Runs one HTTP worker process on a listening socket it was handed."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket

import uvicorn
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from api.app import create_app
from directory.index.reader import Index
from directory.settings import Settings

_DRAIN_S = 5


def config(app: FastAPI) -> uvicorn.Config:
    """How an application is served."""
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    return uvicorn.Config(
        app,
        access_log=False,  # ours is written by the application, without what was asked
        log_config=None,
        server_header=False,
        proxy_headers=False,  # what proxies say is read by `api.proxies`, from those that are trusted only
        lifespan="off",
        loop="uvloop",
        http="httptools",
        ws="none",
        timeout_graceful_shutdown=_DRAIN_S,
    )


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's says what no line of ours does: we say ourselves which answers are cut short."""
    return "without completing response" not in record.msg


async def _warm(app: FastAPI) -> None:
    """What would else be loaded and put together while the first requests of some sort wait, and all others with them:
    the machinery of streams and threads, and of the routes."""
    app.openapi()
    await run_in_threadpool(int)


def run(settings: Settings, index: Index, listener: socket.socket) -> None:
    """Serve until SIGTERM; then accept no more, finish what is under way, and return."""
    app = create_app(settings, index)
    asyncio.run(_warm(app))
    served = config(app)
    # What is there by now lives as long as the process: looking for garbage in it again and again delays answers.
    gc.collect()
    gc.freeze()
    uvicorn.Server(served).run(sockets=[listener])
    index.close()
