"""Sweeping up after dead builds: what they had recorded is closed, what they left half-written goes."""

from __future__ import annotations

from spicy.files import remove_stale_drafts
from spicy.store.ledger import CallState, LedgerRow
from spicy.store.store import Store


def collect_orphans(store: Store) -> list[LedgerRow]:
    """Sweep up, and return the rows of dead builds that still wait for their answers.

    Files are left alone while another build is at work: it may be one of another container, whose processes
    cannot be seen from here. Raises StoreError, OSError.
    """
    me = store.owner
    others = {path.name for path in (store.root / "owners").glob("*")} - {me.id}
    living = {name for name in others if me.is_alive(name)}
    orphans = [row for row in store.ledger.live() if row.owner not in living and row.owner != me.id]
    if not living:
        remove_stale_drafts(store.root / "tmp")
    if others and not living:
        for folder in ("objects", "calls"):
            remove_stale_drafts(store.root / folder)
        for name in others:
            me.remove(name)
    return [row for row in orphans if not _answered(store, row)]


def _answered(store: Store, row: LedgerRow) -> bool:
    """Close a row whose record is there: it was written before the row could be closed, or even begun."""
    if store.lookup(row.key) is None:
        return False
    if store.ledger.adopt(row, store.owner.id):
        if row.state is CallState.INTENT:
            store.ledger.end(row.id, CallState.FAILED, note="answered by another process meanwhile")
        else:
            store.ledger.end(row.id, CallState.CLOSED)
    return True
