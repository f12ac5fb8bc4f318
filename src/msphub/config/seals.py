"""What `msphub audit verify` does."""

import datetime
from collections.abc import Sequence

from msphub.accounts import queries
from msphub.accounts.models import Tenant
from msphub.audit import sealing
from msphub.config import partners
from msphub.kit import scope


def verify(*, partner: str, expect: Sequence[str], at: datetime.datetime) -> tuple[list[str], list[str]]:
    """Seal what waits and check one partner's record, or every partner's; returns what to say, and every problem.

    A hash that is expected must be in the chain of one of them. Refuses an unknown partner.
    """
    chosen = [partners.enter_partner(name_or_id=partner).id] if partner else queries.partner_ids()
    said, problems, missing = [], [], {one.strip().lower() for one in expect}
    for partner_id in chosen:
        with scope.scope(partner_id=partner_id):
            name = Tenant.objects.values_list("name", flat=True).get(id=partner_id)
            while sealing.seal(partner_id=partner_id, at=at) is not None:
                pass
            report = sealing.verify(partner_id=partner_id, at=at)
            missing -= sealing.known_hashes(partner_id=partner_id, hashes=missing)
        newest = f"; newest seal {report.newest.number}: {report.newest.hash}" if report.newest else ""
        verdict = f"problems: {len(report.problems)}" if report.problems else "nothing was changed"
        said.append(f"{name}: entries sealed: {report.entries}, seals: {report.seals}, {verdict}{newest}")
        problems += [f"{name}: {problem}" for problem in report.problems]
    problems += [f"No seal has the hash {one} any more." for one in sorted(missing)]
    return said, problems
