from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_checkpoints")]

    operations = [
        migrations.AddField("job", "attempts_before", models.PositiveIntegerField(default=0)),
        migrations.AddField("job", "max_hours", models.FloatField(null=True)),
        migrations.CreateModel(
            name="Pulse",
            fields=[
                (
                    "name",
                    models.CharField(max_length=16, primary_key=True, serialize=False),
                ),
                ("at", models.DateTimeField()),
                ("since", models.DateTimeField()),
            ],
        ),
    ]
