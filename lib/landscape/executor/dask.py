"""Units on a Dask cluster. Nothing is asked of its workers but this package and what it imports."""

import hashlib
import importlib
import json
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from landscape.executor import allocator, versions
from landscape.executor.mapping import LOST
from landscape.executor.mapping import Mapping as UnitMapping
from landscape.executor.units import ClusterError, Unit
from landscape.executor.worker import Check
from landscape.progress import say
from landscape.store.entries import Store


class Dask:
    """Computes units on the workers of a Dask cluster; a unit at a time in each process of it.

    A worker computes only if its Python, PyTorch, NumPy, processor kind and the code of the
    packages are those of this process; others are named and left alone. A worker that dies costs
    the units that it computed, which others compute again. If the scheduler goes away, this process
    waits for it to come back and sends what is missing.

    Args:
        address: Address of the scheduler, such as ``tcp://host:8786``.
        patience: Seconds to wait for a scheduler, or for a worker that may compute.
        packages: Packages whose code must be the same in a worker.

    Raises:
        ModuleNotFoundError: If Dask's ``distributed`` is not installed.
    """

    def __init__(
        self, address: str, *, patience: float = 600.0, packages: tuple[str, ...] = ("landscape",)
    ) -> None:
        try:
            self.distributed: Any = importlib.import_module("distributed")
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                f"{address} is a Dask cluster, and distributed is not installed. Install the "
                "extra dask: pip install 'distributed>=2026.8'."
            ) from None
        self.address, self.patience = address, patience
        self._packages = packages
        self._client: Any = None
        self._refused: dict[str, str] = {}
        self.memory = allocator.settings()
        self.wanted = versions.versions(packages)
        # Processes that ask for other versions use the same cluster beside this one.
        asked = json.dumps([self.wanted, self.memory], sort_keys=True)
        self._topic = f"landscape-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"

    def map(
        self, units: Iterable[Unit], store: Store, *, threads: int
    ) -> Iterator[tuple[Unit, Any]]:
        """Yield each unit with its value as soon as it is there; see ``Executor.map``."""
        yield from UnitMapping(self, list(units), store, threads).run()

    def close(self) -> None:
        """Leave the cluster; it keeps running."""
        client, self._client = self._client, None
        if client is not None:
            client.close(timeout=2)

    @property
    def client(self) -> Any:
        """Dask's client, connected, with the check of workers installed.

        Raises:
            ClusterError: If no scheduler answers within ``patience``.
        """
        if self._client is not None and self._client.status != "running":
            self.close()
        if self._client is None:
            self._client = self._connected()
        return self._client

    def _connected(self) -> Any:
        end, told = time.monotonic() + self.patience, False
        while True:
            try:
                client = self.distributed.Client(
                    self.address, timeout=min(5.0, self.patience), set_as_default=False
                )
                self._install_check(client)
                return client
            except LOST as error:
                if not told:
                    say(f"cluster: no scheduler answers at {self.address}; waiting for it")
                told = True
                if time.monotonic() > end:
                    raise ClusterError(
                        f"no Dask scheduler answers at {self.address} ({error}). Start one: dask "
                        "scheduler; or leave CLUSTER and DASK_SCHEDULER_ADDRESS empty to compute "
                        "here. What was computed is kept."
                    ) from None
                time.sleep(0.5)

    def _install_check(self, client: Any) -> None:
        check = Check(self._topic, self.wanted, self._packages, self.memory)
        plugin = _as_plugin(check, self.distributed.WorkerPlugin)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                client.register_plugin(plugin, name=self._topic)
        except (ImportError, AttributeError):
            pass  # A worker without this package: it answers nothing, and gets no unit.

    def able(self) -> list[str]:
        """Return the addresses of the workers that may compute, and name each that may not once."""
        client = self.client
        present = client.scheduler_info(n_workers=-1)["workers"]
        answers: Mapping[str, Any] = {
            event["worker"]: event for _, event in client.get_events(self._topic)
        }
        for address in present:
            differing = answers.get(address, {}).get("differing")
            if differing and address not in self._refused:
                self._refused[address] = differing
                name = present[address].get("name", address)
                say(f"cluster: worker {name} at {address} is refused: {differing}")
        return [x for x in present if answers.get(x, {}).get("differing", "missing") == ""]

    def why_none(self) -> str:
        """Return why no worker may compute, as text."""
        if not self._refused:
            return f"no worker at {self.address} answers the check, which needs this package there"
        said = [f"{address}: {differing}" for address, differing in self._refused.items()]
        return f"every worker at {self.address} is refused ({'; '.join(said)})"


def _as_plugin(check: Check, base: type) -> Any:
    """Return the check as a plugin of Dask's, whose class is known only where Dask is."""
    return type("LandscapeCheck", (_Plugin, base), {})(check)


class _Plugin:
    def __init__(self, check: Check) -> None:
        self.check, self.name, self.idempotent = check, check.name, False

    def setup(self, worker: Any) -> None:
        """Run the check in a worker."""
        self.check.setup(worker)
