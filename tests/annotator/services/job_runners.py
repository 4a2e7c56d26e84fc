"""Runners of the test job kinds in test_jobs.py."""

import time
from typing import Any

from annotator.errors import InputRefused
from annotator.services.job_running import JobContext, JobPart


def counts(context: JobContext) -> dict[str, Any]:
    """Count to ten, keeping a checkpoint at each step; goes on where it was stopped."""
    start = context.checkpoint.get("done", 0)
    for step in range(start, 10):
        if context.params.get("stop_at") == step and not context.checkpoint.get("stopped"):
            context.checkpoint_save(stopped=True)
            raise InputRefused("The cable was pulled.")
        context.progress(step / 10, f"Step {step}", steps=step)
        context.checkpoint_save(done=step + 1)
    return {"started_at": start}


def waits(context: JobContext) -> dict[str, Any]:
    """Wait until told to stop."""
    while True:
        time.sleep(0.02)
        context.progress(0.5, "Waiting")


def breaks(context: JobContext) -> dict[str, Any]:
    raise ZeroDivisionError("a bug of ours")


def borrows(context: JobContext) -> dict[str, Any]:
    """Have another kind's runner do the second half."""
    context.progress(0.4, "By myself")
    return counts(JobPart(context, 0.5, 1.0, {"stop_at": 2}))
