"""Calendar months, UTC: what limits and the ledger count by. A month is told by its first moment."""

from datetime import UTC, datetime

from django.utils import timezone


def month_of(moment: datetime) -> datetime:
    utc = moment.astimezone(UTC)
    return utc.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def this_month() -> datetime:
    return month_of(timezone.now())


def next_month(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def named(text: str) -> datetime:
    """As in `2026-11`. ValueError when it is none of this century's months."""
    month = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    if not 2000 <= month.year < 2100:
        raise ValueError(f"{text} is out of reach")
    return month
