from django.db import migrations

from alloyworks.tenancy import isolate, setting

MINE = f"user_id = {setting('user')}"
MY_SECRET = f"secret_hash = {setting('secret', 'text')}"
# Through the policies of accounts_membership, which show a person their own.
I_AM_A_MEMBER = f"""EXISTS (
    SELECT FROM accounts_membership
    WHERE organisation_id = accounts_organisation.id AND {MINE}
)"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        isolate("accounts_membership", also_visible=MINE),
        isolate("accounts_organisation", also_visible=I_AM_A_MEMBER, column="id"),
        isolate("accounts_invitation", also_visible=MY_SECRET),
        isolate("accounts_apikey", also_visible=MY_SECRET),
    ]
