"""The candidates of one decision, counted with all at once and made one by one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, overload
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from nova.clients.candidates import Candidates, Columns, Frame
from nova.scheduler.candidates import Candidate, Ledger
from nova.scheduler.field import Field, Number, Numbers, Places, field_of, nodes_among
from nova.scheduler.host_view import HostView


class Lineup(Sequence[Candidate]):
    """Candidates by host and node name.

    Of a thousand candidates a decision needs a few, so a candidate is made when somebody looks at it. What can be told
    of all of them without that is told as numbers, in the same order; it is told as things were when the decision
    began, whatever has been placed since. Only ``free`` takes that into account.
    """

    def __init__(self, field: Field, ledger: Ledger, columns: Columns | None) -> None:
        """``columns``: of the answer that the ledger is of, in the frame of the field."""
        self._field = field
        self._ledger = ledger
        self._columns = columns
        self._at = np.arange(len(field.places.hosts))
        #: By position in the field; shared with lineups that have less.
        self._made: dict[int, Candidate] = {}
        self._hosts: tuple[HostView, ...] | None = field.places.hosts

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> Lineup:
        """These candidates, in this order."""
        if isinstance(candidates, Lineup):
            return candidates
        places = Places(
            tuple(each.host for each in candidates),
            tuple(tuple(each.requests) for each in candidates),
            tuple(each.providers for each in candidates),
        )
        ledger = candidates[0].ledger if candidates else Ledger({})
        made = cls(Field(places, np.full(len(candidates), -1)), ledger, None)
        made._made.update(enumerate(candidates))
        return made

    def __len__(self) -> int:
        return len(self._at)

    @overload
    def __getitem__(self, index: int) -> Candidate: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Candidate]: ...

    def __getitem__(self, index: int | slice) -> Candidate | Sequence[Candidate]:
        if isinstance(index, slice):
            return [self._candidate(position) for position in self._at[index].tolist()]
        return self._candidate(int(self._at[index]))

    @property
    def hosts(self) -> tuple[HostView, ...]:
        """The host of each."""
        if self._hosts is None:
            every = self._field.places.hosts
            self._hosts = tuple(every[position] for position in self._at.tolist())
        return self._hosts

    def column(self, number: Number) -> Numbers:
        """This number of each host; see :meth:`Field.column`."""
        return self._field.column(number)[self._at]

    def by_aggregates(self) -> tuple[npt.NDArray[np.int64], tuple[HostView, ...]]:
        """For each the number of a host that is in the same aggregates, and those hosts, some of which may be in no
        candidate any more.
        """
        codes, like = self._field.by_aggregates()
        return codes[self._at], like

    def free(self, *resource_classes: str) -> Numbers:
        """What :meth:`Candidate.free` says of these classes together, for each."""
        if self._columns is None or not self._ledger.is_untouched:
            told = [sum(map(each.free, resource_classes)) for each in self]
            return np.array(told, dtype=np.float64)
        rows = self._field.rows[self._at]
        total = np.zeros(len(rows), dtype=np.int64)
        for name in resource_classes:
            column = self._columns.free.get(name)
            if column is not None:
                total += column[rows]
        for index in np.flatnonzero(rows < 0).tolist():
            total[index] = sum(map(self[index].free, resource_classes))
        return total.astype(np.float64)

    def without(self, indexes: Collection[int]) -> Lineup:
        """The others, in the same order; the same candidates, where they have been made."""
        if not indexes:
            return self
        less = Lineup(self._field, self._ledger, self._columns)
        less._at = np.delete(self._at, list(indexes))
        less._made = self._made
        less._hosts = None
        return less

    def _candidate(self, position: int) -> Candidate:
        found = self._made.get(position)
        if found is None:
            places = self._field.places
            found = self._made[position] = Candidate(
                places.hosts[position],
                list(places.ways[position]),
                places.providers[position],
                self._ledger,
            )
        return found


class _KeptField(NamedTuple):
    """A field, of which hosts it is, and how many of their changes it has."""

    hosts: Mapping[str, HostView]
    changes: int
    field: Field


class Lineups:
    """Makes lineups of answers, and keeps what the next answer of the same frame needs again. Thread safe."""

    def __init__(self) -> None:
        self._nodes: WeakKeyDictionary[Frame, frozenset[str]] = WeakKeyDictionary()
        self._fields: WeakKeyDictionary[Frame, _KeptField] = WeakKeyDictionary()

    def nodes(self, answer: Candidates) -> frozenset[str]:
        """As :func:`nodes_among`."""
        if answer.columns is None:
            return nodes_among(answer)
        frame = answer.columns.frame
        found = self._nodes.get(frame)
        if found is None:
            found = self._nodes[frame] = nodes_among(answer)
        return found

    def lineup(
        self, answer: Candidates, hosts: Mapping[str, HostView], changed: Sequence[str] = ()
    ) -> Lineup:
        """As :func:`group_by_host`.

        What is kept holds for the very same ``hosts``. They must not change but for those that are in ``changed``,
        which may have grown by the next time.
        """
        columns = answer.columns
        if columns is None:
            return group_by_host(answer, hosts)
        # Counted before hosts are looked at: what changes meanwhile is looked at again the next time.
        changes = len(changed)
        kept = self._fields.get(columns.frame)
        if kept is None or kept.hosts is not hosts:
            field = field_of(answer, hosts, columns.frame)
        elif kept.changes < changes:
            field = kept.field.with_hosts({u: hosts[u] for u in changed[kept.changes : changes]})
        else:
            field = kept.field
        self._fields[columns.frame] = _KeptField(hosts, changes, field)
        return Lineup(field, Ledger(answer.summaries), columns)


def group_by_host(answer: Candidates, hosts: Mapping[str, HostView]) -> Lineup:
    """One candidate for each known host of the answer, by host and node name.

    The order does not depend on the order of the answer, except among the ways of one host.
    """
    columns = answer.columns
    if columns is None:
        try:
            columns = Columns.of(answer.summaries)
        except OverflowError:
            # Amounts that no array holds; then one host after the other is asked.
            columns = None
    field = field_of(answer, hosts, columns.frame if columns else None)
    return Lineup(field, Ledger(answer.summaries), columns)
