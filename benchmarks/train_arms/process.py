"""Runs one arm in a process of its own: job in, answer out, with a time limit; a failure is an answer too.

Also says which arms can run here: the peers are installed by hand, because only this benchmark needs them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from train_arms.job import Job, save_job

PEERS = ("trl", "accelerate", "datasets")
HOW_TO_INSTALL = 'the peers are not installed: pip install "trl==1.16.*" "accelerate==1.15.*" "datasets>=4,<6"'


def peers_installed() -> bool:
    """Return whether TRL and Trainer can run here."""
    return all(importlib.util.find_spec(name) for name in PEERS)


def run_job(arm: str, job: Job, scratch: Path, timeout_s: float) -> dict[str, Any]:
    """Return the answer of `arm` to the job, or {"error": why there is none}."""
    return run_module(arm, str(save_job(scratch / "job.json", job)), scratch, timeout_s)


def run_module(arm: str, argument: str, scratch: Path, timeout_s: float) -> dict[str, Any]:
    """Run `train_arms.<arm>_arm` with one argument and return what it wrote, or {"error": why it wrote nothing}."""
    answer = scratch / "answer.json"
    answer.unlink(missing_ok=True)
    here = str(Path(__file__).resolve().parents[1])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", f"train_arms.{arm}_arm", argument, str(answer)]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"{arm}: not done after {timeout_s:.0f} s"}
    if done.returncode or not answer.exists():
        return {"error": f"{arm}: {done.stderr.strip()[-600:] or f'ended with {done.returncode}'}"}
    return json.loads(answer.read_text(encoding="utf-8"))
