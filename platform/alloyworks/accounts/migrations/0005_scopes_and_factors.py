import alloyworks.accounts.models
import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_audit'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='scopes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=16), default=alloyworks.accounts.models.everything, size=None),
        ),
        migrations.AddField(
            model_name='organisation',
            name='requires_mfa',
            field=models.BooleanField(default=False),
        ),
    ]
