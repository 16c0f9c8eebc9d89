"""Whatever people do in whatever order, the pool is what the model says, and every invariant holds."""

import asyncio

import asyncpg
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import Served
from tests.faults.machine import Pools
from tests.faults.modelled import Surroundings
from tests.tokens import Issuer

BOUNDS = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


async def test_any_order_of_decisions(
    served: Served, issuer: Issuer, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    Pools.around = Surroundings(asyncio.get_running_loop(), served, issuer, database)
    await asyncio.to_thread(run_state_machine_as_test, Pools, settings=BOUNDS)
