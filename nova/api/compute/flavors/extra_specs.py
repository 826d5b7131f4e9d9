"""Operations on the extra specs of flavors."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.database import Database, Transaction
from groundwork.errors import Invalid, NotFound
from groundwork.operations import Answer, Call, operation
from nova.api.compute.flavors import requests, schemas
from nova.api.compute.flavors.extra_spec_rules import check_extra_spec
from nova.api.fields import refused
from nova.db.api import flavors
from nova.domain.flavor import Flavor

_PATH = "/flavors/{flavor_id}/os-extra_specs"
# Also for values that came as numbers, which the schema does not measure.
_LONGEST_VALUE = 255
_RULE = "os_compute_api:os-flavor-extra-specs"


class FlavorExtraSpecs:
    """Keys and values by which flavors ask for more than sizes."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    @operation(
        "GET",
        _PATH,
        versions="2.1-",
        policy=f"{_RULE}:index",
        query=schemas.READ_QUERY,
        response=schemas.SPECS_ANSWER,
        errors=(400, 403, 404),
    )
    def index(self, call: Call) -> Answer:
        """List the extra specs of a flavor."""
        return Answer({"extra_specs": dict(self._flavor(call).extra_specs)})

    @operation(
        "GET",
        f"{_PATH}/{{id}}",
        versions="2.1-",
        policy=f"{_RULE}:show",
        query=schemas.READ_QUERY,
        response=schemas.SPEC,
        errors=(400, 403, 404),
    )
    def show(self, call: Call) -> Answer:
        """Show an extra spec of a flavor."""
        flavor, key = self._flavor(call), call.path["id"]
        if key not in flavor.extra_specs:
            raise NotFound(f"Flavor {flavor.flavorid} has no extra spec {key}.")
        return Answer({key: flavor.extra_specs[key]})

    @operation(
        "POST",
        _PATH,
        versions="2.1-",
        policy=f"{_RULE}:create",
        body=schemas.SPECS_CREATE,
        response=schemas.SPECS_ANSWER,
        errors=(400, 403, 404, 409),
    )
    def create(self, call: Call) -> Answer:
        """Add extra specs to a flavor, or give them new values."""
        self._merge(call, call.body["extra_specs"])
        return Answer(call.body)

    @operation(
        "PUT",
        f"{_PATH}/{{id}}",
        versions="2.1-",
        policy=f"{_RULE}:update",
        body=schemas.SPEC,
        response=schemas.SPEC,
        errors=(400, 403, 404, 409),
    )
    def update(self, call: Call) -> Answer:
        """Set an extra spec of a flavor."""
        if call.path["id"] not in call.body:
            raise Invalid("Request body and URI mismatch")
        self._merge(call, call.body)
        return Answer(call.body)

    @operation(
        "DELETE",
        f"{_PATH}/{{id}}",
        versions="2.1-",
        policy=f"{_RULE}:delete",
        errors=(403, 404),
    )
    def delete(self, call: Call) -> Answer:
        """Delete an extra spec of a flavor."""

        def work(tx: Transaction) -> None:
            flavors.delete_extra_spec(tx, _find(tx, call), call.path["id"])

        self._database.run(work)
        return Answer()

    def _flavor(self, call: Call) -> Flavor:
        with self._database.read() as tx:
            return _find(tx, call)

    def _merge(self, call: Call, given: Mapping[str, object]) -> None:
        specs = {key: str(value) for key, value in given.items()}
        for key, value in specs.items():
            if len(value) > _LONGEST_VALUE:
                raise refused(key, value, f"It is longer than {_LONGEST_VALUE} characters")
            if call.version >= (2, 86):
                check_extra_spec(key, value)
        self._database.run(lambda tx: flavors.merge_extra_specs(tx, _find(tx, call), specs))


def _find(tx: Transaction, call: Call) -> Flavor:
    return flavors.find_flavor(tx, call.path["flavor_id"], audience=requests.audience_of(call))
