"""Runs one HTTP worker process on a listening socket it was handed."""

from __future__ import annotations

import gc
import socket

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from directory.index.reader import Index
from directory.settings import Settings

_DRAIN_S = 5


def config(app: FastAPI) -> uvicorn.Config:
    """How an application is served."""
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


def run(settings: Settings, index: Index, listener: socket.socket) -> None:
    """Serve until SIGTERM; then accept no more, finish what is under way, and return."""
    served = config(create_app(settings, index))
    # What is there by now lives as long as the process: looking for garbage in it again and again delays answers.
    gc.collect()
    gc.freeze()
    uvicorn.Server(served).run(sockets=[listener])
    index.close()
