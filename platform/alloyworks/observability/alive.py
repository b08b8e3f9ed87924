"""Whether beat, broker and worker work together: the reconciler, whom beat calls, leaves a sign."""

from django.db import connection

from alloyworks.jobs import pulse

LATE = 60.0  # seconds after which something is wrong


def seconds_since_last_round() -> float | None:
    """By the database's clock; None when there never was a round."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM now() - at)::float8 FROM jobs_pulse WHERE name = %s",
            [pulse.RECONCILER],
        )
        row = cursor.fetchone()
    return None if row is None else max(0.0, row[0])
