import alloyworks.ids
import django.db.models.deletion
from django.db import migrations, models

from alloyworks.tenancy import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_idempotency'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.UUIDField(default=alloyworks.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('actor_id', models.UUIDField(null=True)),
                ('actor', models.CharField(max_length=254)),
                ('api_key', models.CharField(max_length=12)),
                ('address', models.GenericIPAddressField(null=True)),
                ('action', models.CharField(max_length=40)),
                ('object_id', models.CharField(max_length=64)),
                ('object_name', models.CharField(max_length=300)),
                ('details', models.JSONField(default=dict)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='accounts.organisation')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['organisation', '-id'], name='accounts_au_organis_9376f8_idx'),
                    models.Index(fields=['organisation', 'actor', '-id'], name='accounts_au_organis_ea099f_idx'),
                ],
            },
        ),
        # prepare_database takes UPDATE and DELETE of this table away from the app role.
        isolate('accounts_auditentry'),
    ]
