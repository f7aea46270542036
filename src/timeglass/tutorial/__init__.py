"""The tutorial's job: its functions, and the whole of it with proof, verdict and findings."""

from timeglass.tutorial.functions import (
    create_RNN,
    get_train_test,
    get_XY,
    plot_result,
    print_error,
    sunspots_url,
)
from timeglass.tutorial.job import JobOptions, JobPlan, JobResult, plan_job, run_job

__all__ = [
    "JobOptions",
    "JobPlan",
    "JobResult",
    "create_RNN",
    "get_XY",
    "get_train_test",
    "plan_job",
    "plot_result",
    "print_error",
    "run_job",
    "sunspots_url",
]
