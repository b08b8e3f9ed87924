"""Which mails a person wants."""

from alloyworks.accounts.principal import Principal
from alloyworks.webhooks.models import NoJobMail


def wants_job_mail(principal: Principal) -> bool:
    """Whether the person is told by mail when a job of theirs ends here."""
    declined = NoJobMail.objects.filter(organisation=principal.organisation, user=principal.user)
    return not declined.exists()


def choose_job_mail(principal: Principal, wanted: bool) -> None:
    organisation, user = principal.organisation, principal.user
    if wanted:
        NoJobMail.objects.filter(organisation=organisation, user=user).delete()
    else:
        NoJobMail.objects.get_or_create(organisation=organisation, user=user)
